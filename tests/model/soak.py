"""Millions of random command lists through the book and its slow twin: python -m tests.model.soak --lists 2000000

The lists are those of test_twin.py, without hypothesis around them: each has a seed of its own, printed when it fails,
and `--first SEED --lists 1` runs it again. After each block events, state and every invariant are compared.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from random import Random

from tests.model.generator import Generator
from tests.model.test_twin import BLOCK_COMMANDS, BLOCKS, START_MS, fresh_pair

CHUNK = 500  # lists


def play(seed: int) -> None:
    random = Random(seed)
    pair = fresh_pair()
    generator, time_ms = Generator(random, pair.twin), START_MS
    for _ in range(random.randint(1, BLOCKS)):
        time_ms += random.choice((0, 1, 10, 60))
        pair.run(generator.commands(BLOCK_COMMANDS), time_ms)
        pair.check_state()


def play_chunk(first: int, count: int) -> str:
    """What went wrong, or nothing."""
    for seed in range(first, first + count):
        try:
            play(seed)
        except Exception as error:  # an AssertionError of the comparison, or a crash: both end the soak
            return f"list {seed}: {type(error).__name__}: {error}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model.soak", description=__doc__.split("\n\n")[0])
    parser.add_argument("--lists", type=int, default=2_000_000, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of the first list (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so long (0: when all are done)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(%(default)s)")
    options = parser.parse_args()
    started, done, last = time.monotonic(), 0, options.first + options.lists
    play(options.first)  # compiled once, before the others begin
    with ProcessPoolExecutor(options.processes) as pool:
        for at in range(options.first, last, CHUNK * options.processes):
            starts = range(at, min(at + CHUNK * options.processes, last), CHUNK)
            for problem in pool.map(play_chunk, starts, [min(CHUNK, last - start) for start in starts]):
                if problem:
                    print(f"{problem}\nagain: python -m tests.model.soak --lists 1 --first SEED", file=sys.stderr)
                    return 1
            done = min(at + CHUNK * options.processes, last) - options.first
            passed = time.monotonic() - started
            print(f"\r{done:,} lists, {done / passed:,.0f} a second", end="", flush=True)
            if options.minutes and passed > 60 * options.minutes:
                break
    print(f"\n{done:,} random command lists: book and twin agree on every event and every state")
    return 0


if __name__ == "__main__":
    sys.exit(main())
