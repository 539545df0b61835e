"""Batches of records that wait until a book has been asked for, each with its shard, up to a bound."""

import numpy as np


class Waiting:
    """Beyond `most` records all that wait are dropped: the gap that this leaves has the book asked for once more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._batches: list[tuple[int, np.ndarray]] = []
        self._records = 0  # of all batches: to count them anew for each would grow with its square

    def add(self, shard: int, batch: np.ndarray) -> None:
        if self._records + len(batch) > self._most:
            self.take()
        self._batches.append((shard, batch.copy()))
        self._records += len(batch)

    def all(self) -> list[tuple[int, np.ndarray]]:
        return list(self._batches)

    def take(self) -> list[tuple[int, np.ndarray]]:
        """All that wait; from here on none does."""
        taken, self._batches, self._records = self._batches, [], 0
        return taken
