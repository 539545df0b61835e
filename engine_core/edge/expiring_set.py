"""Names that all servers of a host remember until a given moment: signatures that were used, sessions that were ended.

A name may be in either of two sets (shared_files.py), and goes into the emptier one: so both are full only when three
fifths of all room are taken, where of one set alone some are full at a third. Then it is refused, because forgetting
would admit what must not be. Non-goals: what is named, and how one of many gets a name (claims.py).
"""

import os
from pathlib import Path
from struct import Struct
from typing import Final

import numpy as np

from engine_core.edge.claims import CLAIMED, FULL, MOST_MS, claim
from engine_core.edge.shared_files import LAYOUT, NAME_BYTES, SET_WORDS, SETS, WAYS
from engine_core.edge.shared_words import WORD, SharedWords

_NAME: Final = Struct("<QQ")


class Full(Exception):
    """There is no room to remember another name."""


class Remembered:
    """A set of names with an end each, shared through the file at `path`."""

    def __init__(self, path: Path, sets: int = SETS) -> None:
        claim(np.zeros(SET_WORDS, np.int64), 0, 0, 1, 1, 1, 1, 1)  # loads the kernel
        self._shared = SharedWords(path, sets * SET_WORDS, LAYOUT)
        self._words = np.frombuffer(self._shared.words, np.int64)
        self._sets = sets
        self._turn = os.getpid() << 4

    def close(self) -> None:
        del self._words
        self._shared.close()

    def add(self, name: bytes, until_ms: int, now_ms: int) -> bool:
        """Whether the name was not there; it is now. Full if there is no room."""
        one, two = _NAME.unpack(name)
        first, other = one % self._sets * SET_WORDS, two % self._sets * SET_WORDS
        low, high = one - (one >> 63 << 64), two - (two >> 63 << 64)
        self._turn += 1
        found = claim(self._words, first, other, low, high, min(until_ms, MOST_MS), now_ms, self._turn)
        if found == FULL:
            raise Full
        return found == CLAIMED

    def has(self, name: bytes, now_ms: int) -> bool:
        one, two = _NAME.unpack(name)
        sets = one % self._sets * SET_WORDS, two % self._sets * SET_WORDS
        return any(self._is_at(first, name, now_ms) for first in sets)

    def _is_at(self, first: int, name: bytes, now_ms: int) -> bool:
        begin = (first + WAYS) * WORD
        names = bytes(self._shared.bytes[begin : begin + WAYS * NAME_BYTES])
        at = names.find(name)
        while at >= 0:
            if at % NAME_BYTES == 0 and self._shared.words[first + at // NAME_BYTES] >= now_ms:
                return True
            at = names.find(name, at + 1)
        return False
