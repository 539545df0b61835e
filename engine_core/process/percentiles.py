"""Which percentiles so many values tell. Non-goal: computing them."""


def told(count: int, percentile: float) -> bool:
    """Whether at least one value is expected above it: of fewer, it would be the largest under another name."""
    return count * round(100 - percentile, 6) >= 100
