"""Running numbers of an account's orders and fills: 1, 2, 3, ... of the account, and of the account in one market.

Those of the account are of one shard, which stands in the upper bits; those in one market go on where it moves.
They make paging and totals of any length two index look-ups. The last numbers given are kept here and read from the
database the first time an account appears; after a failed commit the whole object is thrown away.
"""

from collections.abc import Callable

import numpy as np

# Last number given to each (account, market) asked for, market 0: of all markets together.
LastNumbers = Callable[[list[tuple[int, int]]], list[int]]


class Numbering:
    def __init__(self, last_numbers: LastNumbers) -> None:
        self._last_numbers = last_numbers
        self._last: dict[int, int] = {}

    def next_numbers(self, accounts: np.ndarray, markets: np.ndarray) -> np.ndarray:
        """The next number for each row, in the order of the rows."""
        if len(accounts) == 0:
            return np.empty(0, np.int64)
        keys = accounts.astype(np.int64) << 16 | markets.astype(np.int64)
        unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        last = self._known(unique)
        by_key = np.argsort(inverse, kind="stable")
        ranks = np.empty(len(keys), np.int64)
        ranks[by_key] = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
        self._last.update(zip(unique.tolist(), (last + counts).tolist(), strict=True))
        return np.asarray(last[inverse] + ranks + 1, np.int64)

    def forget(self, market: int) -> None:
        """Those in one market: another shard may have given some meanwhile."""
        for key in [key for key in self._last if key & 0xFFFF == market]:
            del self._last[key]

    def _known(self, keys: np.ndarray) -> np.ndarray:
        unknown = [key for key in keys.tolist() if key not in self._last]
        if unknown:
            pairs = [(key >> 16, key & 0xFFFF) for key in unknown]
            self._last.update(zip(unknown, self._last_numbers(pairs), strict=True))
        return np.array([self._last[key] for key in keys.tolist()], np.int64)
