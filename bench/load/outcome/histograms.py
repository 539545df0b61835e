"""Latencies as HDR histograms: three digits of any value from a microsecond to an hour, however many there are.

The values are nanoseconds, as in the standard log format of HdrHistogram, which other tools read.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from bench.report.saving import saving
from engine_core.process.percentiles import told

LOWEST_NS, HIGHEST_NS, DIGITS = 1_000, 3_600_000_000_000, 3
MS_NS, SECOND_NS = 1_000_000, 1_000_000_000
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "p9999": 99.99, "p99999": 99.999}


class Histogram:
    def __init__(self, values_ns: np.ndarray | None = None) -> None:
        self._histogram = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
        if values_ns is not None:
            self.record(values_ns)

    def record(self, values_ns: np.ndarray) -> None:
        values, counts = np.unique(np.clip(values_ns // LOWEST_NS, 1, HIGHEST_NS // LOWEST_NS), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._histogram.record_value(value * LOWEST_NS, count)

    @property
    def count(self) -> int:
        return int(self._histogram.get_total_count())

    def at_ms(self, percentile: float) -> float:
        """The latency that so many per cent did not exceed; 0 if there is none."""
        return float(self._histogram.get_value_at_percentile(percentile) / MS_NS) if self.count else 0.0

    @property
    def max_ms(self) -> float:
        return float(self._histogram.get_max_value() / MS_NS) if self.count else 0.0

    def supports(self, percentile: float) -> bool:
        return told(self.count, percentile)

    @property
    def supported(self) -> dict[str, float]:
        """Those of PERCENTILES that so many values tell, in milliseconds."""
        return {name: self.at_ms(percentile) for name, percentile in PERCENTILES.items() if self.supports(percentile)}

    def percentiles_ms(self) -> dict[str, float | None]:
        """As the result calls them: p50_ms, …, max_ms; None where there were too few values."""
        known = self.supported
        shown = {f"{name}_ms": round(known[name], 4) if name in known else None for name in PERCENTILES}
        return shown | {"max_ms": round(self.max_ms, 4)}

    def encoded(self) -> HdrHistogram:
        return self._histogram


def write_log(path: Path, values_ns: np.ndarray, due_ns: np.ndarray, start_ms: int, comment: str) -> None:
    """The standard log: an interval histogram for the orders that were due in each second."""
    seconds = due_ns // SECOND_NS
    with saving(path), path.open("w", encoding="ascii", errors="backslashreplace") as file:
        log = HistogramLogWriter(file)
        log.output_comment(comment)
        log.output_log_format_version()
        log.output_comment(f"[StartTime: {start_ms / 1000:.3f} (seconds since epoch), {_when(start_ms)}]")
        log.output_comment(f"[BaseTime: {start_ms / 1000:.3f} (seconds since epoch)]")
        log.output_legend()
        for second in np.unique(seconds).tolist():
            interval = Histogram(values_ns[seconds == second]).encoded()
            # The library takes 0 for "as in the histogram".
            interval.set_start_time_stamp(second * 1000)
            interval.set_end_time_stamp(second * 1000 + 1000)
            log.output_interval_histogram(interval)


def _when(start_ms: int) -> str:
    return datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(" ", "milliseconds")
