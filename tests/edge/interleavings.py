"""Some claimers at once, word by word: who goes on after each read, write and exchange is drawn, and some die midway.

    NUMBA_DISABLE_JIT=1 python -m tests.edge.interleavings --schedules 3000

Without the compiler a kernel is plain Python, and its words may be anything that can be indexed.
"""

import argparse
import random
import sys
import threading
from collections import Counter

import numpy as np

from engine_core.edge import claims
from engine_core.edge.shared_files import SET_WORDS, WAYS

NOW_MS, UNTIL_MS = 1_000, 2_000
NAMES = ((5, 6), (5, 6), (5, 6), (7, 8))
SETS = 2


class Died(Exception):
    """A claimer, killed between two steps."""


class Turns:
    """One thread at a time, and after each step perhaps another one."""

    def __init__(self, draw: random.Random, claimers: int) -> None:
        self._draw = draw
        self._gates = [threading.Semaphore(0) for _ in range(claimers)]
        self._alive = list(range(claimers))
        self._dies_after = {
            number: draw.randrange(1, 60) for number in range(claimers) if draw.random() < 0.15
        }  # steps
        self.died: list[int] = []
        self._own = threading.local()

    def begin(self, number: int) -> None:
        self._own.number, self._own.steps = number, 0
        self._gates[number].acquire()

    def step(self) -> None:
        number: int = self._own.number
        self._own.steps += 1
        if self._own.steps == self._dies_after.get(number):
            self.died.append(number)
            raise Died
        self._pass_on()
        self._gates[number].acquire()

    def end(self) -> None:
        self._alive.remove(self._own.number)
        self._pass_on()

    def _pass_on(self) -> None:
        if self._alive:
            self._gates[self._draw.choice(self._alive)].release()

    start = _pass_on


class Words:
    """Each access is a step."""

    def __init__(self, turns: Turns, words: np.ndarray) -> None:
        self._turns, self.words = turns, words

    def __getitem__(self, at: int) -> int:
        self._turns.step()
        return int(self.words[at])

    def __setitem__(self, at: int, value: int) -> None:
        self._turns.step()
        self.words[at] = value

    def exchange(self, at: int, old: int, new: int) -> bool:
        self._turns.step()
        is_old = int(self.words[at]) == old
        if is_old:
            self.words[at] = new
        return is_old


def race(seed: int) -> None:
    """AssertionError if two have claimed one name, or nobody, although nobody who could have died."""
    draw = random.Random(seed)
    turns = Turns(draw, len(NAMES))
    words = np.zeros(SETS * SET_WORDS, np.int64)
    room = draw.choice((1, 2, WAYS))  # free places of a set
    for first in range(0, len(words), SET_WORDS):
        words[first : first + WAYS - room] = UNTIL_MS
        words[first + WAYS - room : first + WAYS] = draw.choice((0, NOW_MS - 1))
    shared = Words(turns, words)
    outcomes: dict[int, int] = {}

    def claimer(number: int) -> None:
        low, high = NAMES[number]
        turns.begin(number)
        try:
            sets = (0, SET_WORDS)
            outcomes[number] = claims.claim(shared, *sets, low, high, UNTIL_MS, NOW_MS, number)  # type: ignore[arg-type]
        except Died:
            pass
        finally:
            turns.end()

    threads = [threading.Thread(target=claimer, args=(number,)) for number in range(len(NAMES))]
    for thread in threads:
        thread.start()
    turns.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), f"seed {seed}: it does not end"
    check(seed, outcomes, turns.died, words)


def check(seed: int, outcomes: dict[int, int], died: list[int], words: np.ndarray) -> None:
    for name in {*NAMES}:
        own = [number for number, each in enumerate(NAMES) if each == name]
        found = Counter(outcomes.get(number) for number in own)
        assert found[claims.CLAIMED] <= 1, f"seed {seed}: {outcomes}"
        if not {*own} & {*died} and not found[claims.FULL]:
            assert found[claims.CLAIMED] == 1, f"seed {seed}: nobody has {name}: {outcomes}"
        taken = sum(
            (words[first + way], *words[at : at + 2]) == (UNTIL_MS, *name)
            for first in range(0, len(words), SET_WORDS)
            for way in range(WAYS)
            for at in [first + WAYS + 2 * way]
        )
        assert taken >= found[claims.CLAIMED] and taken <= 1, f"seed {seed}: {name} stands {taken} times"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    assert not hasattr(claims.claim, "py_func"), "set NUMBA_DISABLE_JIT=1"
    claims.compare_exchange = lambda words, at, old, new: words.exchange(at, old, new)
    for seed in range(options.first, options.first + options.schedules):
        race(seed)
    sys.stdout.write(f"{options.schedules} schedules\n")


if __name__ == "__main__":
    main()
