"""Names that all servers of a host remember until a given moment: signatures that were used, sessions that were ended.

    sets of WAYS entries:   WAYS words   until when (Unix ms), 0: free
                            2 * WAYS     the names: 16 bytes that nobody can choose

A set without a free place refuses, because forgetting would admit what must not be. Non-goals: what is named.
"""

from pathlib import Path
from typing import Final

from engine_core.edge.shared_words import WORD, SharedWords

FILE: Final = "used-signatures"
ENDED_SESSIONS: Final = "ended-sessions"  # the file of the sessions that a log-out ended
SETS: Final = 1 << 17  # 25 MB of address space; memory only for what is used
NAME_BYTES: Final = 16
WAYS: Final = 8
_LAYOUT: Final = 2
SET_WORDS: Final = 3 * WAYS


class Full(Exception):
    """There is no room to remember another name."""


class Remembered:
    """A set of names with an end each, shared through the file at `path`."""

    def __init__(self, path: Path, sets: int = SETS) -> None:
        self._shared = SharedWords(path, sets * SET_WORDS, _LAYOUT)
        self._sets = sets

    def close(self) -> None:
        self._shared.close()

    def add(self, name: bytes, until_ms: int, now_ms: int) -> bool:
        """Whether the name was not there; it is now. Full if there is no room."""
        first, shared = self._first(name), self._shared
        shared.lock()
        try:
            if self._is_at(first, name, now_ms):
                return False
            words = shared.words
            for way in range(WAYS):
                if words[first + way] < now_ms:
                    at = (first + WAYS) * WORD + way * NAME_BYTES
                    shared.bytes[at : at + NAME_BYTES] = name
                    words[first + way] = until_ms
                    return True
        finally:
            shared.unlock()
        raise Full

    def has(self, name: bytes, now_ms: int) -> bool:
        return self._is_at(self._first(name), name, now_ms)

    def _first(self, name: bytes) -> int:
        assert len(name) == NAME_BYTES
        return int.from_bytes(name[:8], "little") % self._sets * SET_WORDS

    def _is_at(self, first: int, name: bytes, now_ms: int) -> bool:
        begin = (first + WAYS) * WORD
        names = bytes(self._shared.bytes[begin : begin + WAYS * NAME_BYTES])
        at = names.find(name)
        while at >= 0:
            if at % NAME_BYTES == 0 and self._shared.words[first + at // NAME_BYTES] >= now_ms:
                return True
            at = names.find(name, at + 1)
        return False
