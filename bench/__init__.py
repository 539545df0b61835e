"""Benchmarks and the market maker; bench/NAME is what `exchange bench NAME` runs."""
