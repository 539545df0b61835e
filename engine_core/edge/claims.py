"""Taking a name that many processes may want at the same moment: one of them gets it, and none ever waits.

An entry (shared_files.py) changes by atomic exchanges of its first word:

    free, or past its time   whoever exchanges it has the place: pending, until his name stands beside it
    pending                  of two with one name the lower place goes on: it revokes the higher, or that one gives way
                             where it sees the lower first
    revoked                  its owner finds it so, and frees it: until then nobody else has the place
    taken                    all others have come too late

Whoever has written his name looks at all the others after a fence, so of two at least one sees the other. A process
that dies in between leaves a place that is free when its time has passed; nobody waits for it.
"""

import numpy as np

from engine_core.edge.shared_files import WAYS
from engine_core.jit.intrinsics import compare_exchange, fence_seq_cst, load_acquire, store_release
from engine_core.jit.kernel import entry, inner

CLAIMED, REPEATED, FULL = 0, 1, 2
MOST_MS = (1 << 50) - 1
# A pending word is negative: -(until_ms << TURN_BITS | turn), of which the lowest bit says that it was revoked. By its
# turn it is known that a place is still the same claimer's.
TURN_BITS, REVOKED = 12, 1


@inner
def _counts(word: int, now_ms: int) -> bool:
    return word >= now_ms or (word < 0 and -word >> TURN_BITS >= now_ms)


@inner
def _free_way(words: np.ndarray, first: int, now_ms: int) -> int:
    """The first one; it says how full the set is, too."""
    for way in range(WAYS):
        if not _counts(load_acquire(words, first + way), now_ms):
            return way
    return WAYS


@inner
def _is_alone(words: np.ndarray, own: int, first: int, name: tuple[int, int], now_ms: int) -> bool:
    """Whether nobody in this set has the name, as far as the place `own` must give way to him; it revokes the others.

    `own` < 0: there is no place yet, and only one that is taken counts.
    """
    for way in range(WAYS):
        at = first + way
        while at != own:
            word = load_acquire(words, at)  # before the name: both are then of one claimer, or the exchange fails
            is_taken = word >= now_ms
            if not is_taken and (own < 0 or not _counts(word, now_ms) or word & REVOKED):
                break
            if words[at + WAYS + way] != name[0] or words[at + WAYS + way + 1] != name[1]:
                break
            if is_taken or at < own:
                return False
            if compare_exchange(words, at, word, word - REVOKED):
                break
    return True


@entry
def claim(words: np.ndarray, first: int, other: int, low: int, high: int, until_ms: int, now_ms: int, turn: int) -> int:
    """Take the name (low, high), whose sets begin at the words `first` and `other`: CLAIMED, or why not.

    `until_ms`: at most MOST_MS. `turn`: of a process, another one each time.
    """
    name = low, high
    if not (_is_alone(words, -1, first, name, now_ms) and _is_alone(words, -1, other, name, now_ms)):
        return REPEATED
    pending = -(until_ms << TURN_BITS | turn << 1 & ((1 << TURN_BITS) - 1))
    while True:
        begin, way = first, _free_way(words, first, now_ms)
        if way > 0:
            less = _free_way(words, other, now_ms)
            if less < way:
                begin, way = other, less
        if way == WAYS:
            return FULL
        own = begin + way
        word = load_acquire(words, own)
        if not _counts(word, now_ms) and compare_exchange(words, own, word, pending):
            break
    at = begin + WAYS + 2 * way
    words[at], words[at + 1] = low, high
    fence_seq_cst()
    is_alone = _is_alone(words, own, first, name, now_ms) and _is_alone(words, own, other, name, now_ms)
    if is_alone and compare_exchange(words, own, pending, until_ms):
        return CLAIMED
    words[at], words[at + 1] = 0, 0  # or whoever has the place next would seem to want this name
    store_release(words, own, 0)
    return REPEATED
