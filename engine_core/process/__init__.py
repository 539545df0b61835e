"""What every process of the exchange does: start, stop, metrics, probes, tasks."""
