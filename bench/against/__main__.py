"""Whether the sources here are better or worse than another commit, measured in turns.

    exchange bench against REV [NAME ...] [--rounds N] [--size small|medium|long] [--json FILE]

REV is checked out and installed in a temporary folder, which is gone afterwards. Both are measured again and again, REV
first in one round and second in the next, so that what else the machine does hits both; then each figure is compared
by the values of all runs, as `exchange bench compare` does and with the same exit status. Six rounds are the fewest
that can tell anything from pairs.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from bench.against.checkout import CheckoutError, checkout
from bench.all.__main__ import watched
from bench.all.plan import SIZES, Step, named, steps
from bench.all.running import Failed, Place
from bench.compare.__main__ import UNKNOWN, add_options, as_json, report
from bench.compare.verdict import compare
from bench.own_folder import sigterm_as_interrupt
from bench.report.result import Run
from engine_core.arguments import whole

HERE, THERE = "here", "REV"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench against", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision", metavar="REV", help="a commit, a branch or a tag")
    names = ", ".join(step.name for step in steps())
    parser.add_argument(
        "names", nargs="*", metavar="NAME", default=["pipeline"], help=f"of {names} (default: pipeline)"
    )
    parser.add_argument("--rounds", type=whole(1, 1000), default=6, help="runs of each side (default: 6)")
    parser.add_argument("--size", choices=SIZES, default="small", help="how much of each (default: small)")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        options.steps = named(options.names)
    except ValueError as error:
        parser.error(str(error))
    return options


def measure(
    chosen: list[Step], size: str, rounds: int, places: dict[str, Place], console: Console
) -> dict[str, list[dict[str, Any]]]:
    """The documents of each side, those of a round at the same place in both lists."""
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in places}
    for number in range(rounds):
        for step in chosen:
            order = list(places) if number % 2 else list(reversed(places))
            for side in order:
                with watched(console, f"round {number + 1} of {rounds}: {step.name}, {side}"):
                    try:
                        found[side].append(places[side].run(step, size))
                    except Failed as error:
                        raise Failed(f"{step.name} of {side} failed:\n{error}") from None
        console.print(f"round {number + 1} of {rounds} done", highlight=False)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    chosen: list[Step] = options.steps
    run, console = Run("against", options), Console()

    def say(what: str) -> None:
        console.print(f"{options.revision}: {what}", highlight=False, markup=False)

    try:
        with sigterm_as_interrupt(), checkout(options.revision, say) as (folder, python):
            places = {HERE: Place(folder / "here"), THERE: Place(folder / "there", python)}
            found = measure(chosen, options.size, options.rounds, places, console)
    except (CheckoutError, Failed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return UNKNOWN
    comparisons = compare(
        found[THERE],
        found[HERE],
        tolerance=options.tolerance / 100,
        figures=options.figures,
        interleaved=True,
    )
    status = report(comparisons)
    runs = [each | {"label": f"{each['label']}, {side}"} for side in (THERE, HERE) for each in found[side]]
    del options.steps
    run.write(options.json, [], own=as_json(comparisons, status) | {"runs": runs})
    return status


if __name__ == "__main__":
    sys.exit(main())
