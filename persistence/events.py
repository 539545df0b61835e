"""Picking events out of a batch, fast."""

import numpy as np

from engine_core.wire.layout import EVENT

_OPAQUE = np.dtype((np.void, EVENT.itemsize))


def take(events: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`events[places]`, ten times faster: NumPy copies records with overlapping fields field by field."""
    return np.take(events.view(_OPAQUE), places).view(EVENT)
