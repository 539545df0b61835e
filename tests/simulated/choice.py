"""Which seeds of the simulation are tests: few that reach together all that many reach.

    python -m tests.simulated.choice [--runs N]        prints SEEDS and HARDER_SEEDS for chosen.py

What a run reaches are the steps from line to line of the code under test and of the simulation, the accidents, and
which accident follows which. Each must be reached by two of the chosen seeds if two of all reach it (a pair of
accidents by one): what is drawn from a seed changes with the code. Seeds that are tests by name are taken first.
Choose again when accidents are added, or when the code under test has changed much.
"""

import argparse
import logging
import os
import textwrap
from collections import Counter
from collections.abc import Iterable, Set
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, repeat
from pathlib import Path
from typing import Final, TypeAlias

import coverage

from tests.simulated.chosen import FAILED_ONCE, HARDER_FAILED_ONCE
from tests.simulated.mistakes import MISTAKES
from tests.simulation import simulate

ROOT: Final = Path(__file__).resolve().parents[2]
UNDER_TEST: Final = ("engine_core/runtime/*", "engine_core/transport/*", "engine_core/wire/*", "persistence/*")
ITSELF: Final = ("tests/simulated/*", "tests/simulation.py")

Reached: TypeAlias = Set[tuple[object, ...]]  # steps of a file, an accident, two of them


def reached(seed: int, harder: bool) -> Reached:
    logging.getLogger("engine_core").setLevel(logging.CRITICAL)
    watch = coverage.Coverage(
        data_file=None,
        branch=True,
        concurrency=["greenlet"],
        include=[str(ROOT / pattern) for pattern in (*UNDER_TEST, *ITSELF)],
        config_file=False,
    )
    watch.start()
    try:
        simulation = simulate(seed, harder)
    except BaseException as error:
        error.add_note(f"seed {seed}, harder: {harder}")
        raise
    finally:
        watch.stop()
    data = watch.get_data()
    steps: set[tuple[object, ...]] = {
        (os.path.relpath(file, ROOT), *step) for file in data.measured_files() for step in data.arcs(file) or ()
    }
    names = [accident.partition(" ")[2] for accident in simulation.accidents]
    return steps | {(name,) for name in names} | set(pairwise(names))


def wanted(reaches: Iterable[Reached]) -> Counter[tuple[object, ...]]:
    """How often each must be reached: by two, or by as many as there are; a pair of accidents by one."""
    counts = Counter(each for what in reaches for each in what)
    return Counter({each: 1 if len(each) == 2 else min(count, 2) for each, count in counts.items()})


def choose(reaches: dict[int, Reached], first: Iterable[int]) -> list[int]:
    """Those of `first`, then always the seed that reaches most of what is still missing."""
    missing = wanted(reaches.values())
    for seed in (chosen := list(first)):
        missing -= Counter(reaches[seed])
    while missing:
        others = reaches.keys() - chosen
        best = max(others, key=lambda seed: (sum(each in missing for each in reaches[seed]), -seed))
        chosen.append(best)
        missing -= Counter(reaches[best])
    return chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, help="so many seeds of each kind are looked at (default: 300)")
    options = parser.parse_args()
    for name, harder, once in ("SEEDS", False, FAILED_ONCE), ("HARDER_SEEDS", True, HARDER_FAILED_ONCE):
        named = {*once, *(seed for mistake in MISTAKES if mistake.harder == harder for seed in mistake.seeds)}
        seeds = sorted({*named, *range(1, 1 + options.runs)})
        with ProcessPoolExecutor() as workers:
            reaches = dict(zip(seeds, workers.map(reached, seeds, repeat(harder)), strict=True))
        chosen = sorted({*choose(reaches, sorted(named))} - {*once})
        print(f"{name} = (")
        for line in textwrap.wrap(", ".join(map(str, chosen)), 110):
            print(f"    *({line.rstrip(',')}),")
        print(")", flush=True)


if __name__ == "__main__":
    main()
