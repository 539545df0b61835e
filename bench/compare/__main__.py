"""What changed between two results beyond noise, and whether for the worse.

    exchange bench compare BEFORE.json AFTER.json [--tolerance PERCENT] [--figures PATTERN] [--json FILE]

Compares the files that --json wrote, of single benchmarks or of `bench all`. Exit status, for use in CI: 0 nothing is
worse, 1 something is, 2 it cannot be told (too few measurements, too much noise, other parameters or another machine),
or a file is not one of ours. A figure is compared by the values of several runs, or else by the samples within one; the
noise from run to run is only in the first: `exchange bench against` measures that way. One run without samples, like
that of `exchange load`, can never tell. Shown are the values that the results have, of several runs their
geometric means, and the change of what is compared. Non-goals: bars and targets.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bench.compare.verdict import Comparison, compare, is_disturbed, label
from bench.report.reading import ReadError, read, runs_of
from bench.report.result import Run
from engine_core.arguments import file, new_file, quoted, seconds

SAME, WORSE, UNKNOWN = 0, 1, 2


def pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not a regular expression: {error}") from None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that `bench against` has as well."""
    parser.add_argument(
        "--tolerance",
        type=seconds(0, 100),
        default=3.0,
        metavar="PERCENT",
        help="changes up to that are none (default: 3)",
    )
    parser.add_argument(
        "--figures", type=pattern, default=pattern(""), metavar="PATTERN", help="only figures whose name has it"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the comparison to FILE")


def report(found: list[Comparison]) -> int:
    """Print a table; the exit status."""
    width = max((len(f"{each.pair.benchmark}: {each.pair.figure}") for each in found), default=0)
    for each in found:
        pair = each.pair
        before, after = (f"{value:,.4g}" for value in pair.shown)
        name = f"{pair.benchmark}: {pair.figure}"
        print(f"{name:<{width}}  {before:>10} → {after:>10} {pair.unit:<14} {each.verdict:<12} {each.why}")
    verdicts = [each.verdict for each in found]
    print(", ".join(f"{verdicts.count(one)} {one}" for one in ("better", "worse", "same", "cannot tell")))
    if "worse" in verdicts:
        return WORSE
    if not found:
        print("there is no figure that both have")
    return UNKNOWN if "cannot tell" in verdicts or not found else SAME


def as_json(found: list[Comparison], status: int) -> dict[str, Any]:
    return {"status": status, "comparisons": [asdict(each) for each in found]}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=file, metavar="BEFORE.json")
    parser.add_argument("after", type=file, metavar="AFTER.json")
    add_options(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    run = Run("compare", options)
    try:
        documents = [runs_of(read(path)) for path in (options.before, options.after)]
    except (ReadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return UNKNOWN
    before, after = documents
    for name, side in (("BEFORE", before), ("AFTER", after)):
        if disturbed := [label(each) for each in side if is_disturbed(each)]:
            print(
                f"{name}: the machine was busy with other work before {', '.join(disturbed)}: differences may be that"
            )
    found = compare(before, after, tolerance=options.tolerance / 100, figures=options.figures)
    status = report(found)
    run.write(options.json, [], own=as_json(found, status))
    return status


if __name__ == "__main__":
    sys.exit(main())
