"""Runs every benchmark after the other, and gathers what they measured in one file and one page.

    exchange bench all [--size small|medium|long] [--budget MINUTES] [--only NAME ...] [--json FILE] [--html FILE]

Starts an exchange of its own for each that needs one. A benchmark that fails is reported with its own last words, and
the others go on; exit status 1 then. Those for which the budget leaves no time, or that lack
what they need, are named, and are no failure.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench.all.plan import SIZES, Step, named, steps
from bench.all.running import Failed, OutOfTime, Place
from bench.own_folder import own_folder
from bench.report.extras import need
from bench.report.result import Check, Run, write
from bench.report.saving import saving
from engine_core.arguments import new_file, seconds

FAILED, LEFT_OUT = "failed", "left out"


class Lacking(Exception):
    """What a benchmark needs is not there; the message names it."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench all", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=SIZES, default="medium", help="how much of each (default: medium)")
    parser.add_argument(
        "--budget", type=seconds(0.1, 10_000), metavar="MINUTES", help="stop after so many (default: never)"
    )
    names = [step.name for step in steps()]
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"only these of {', '.join(names)}")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all results to FILE")
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write a report to FILE (needs bokeh)")
    options = parser.parse_args(arguments)
    try:
        options.steps = steps() if options.only is None else named(options.only)
    except ValueError as error:
        parser.error(f"--only: {error}")
    if options.html:
        need(parser, "--html", "bokeh")
    return options


@contextmanager
def watched(console: Console, name: str) -> Iterator[None]:
    """A line with the time so far, on a terminal."""
    if not console.is_terminal:
        yield
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(name, total=None)
        yield


def measure(
    chosen: list[Step], size: str, budget_seconds: float, folder: Path, console: Console
) -> tuple[list[dict[str, Any]], dict[str, tuple[str, str]]]:
    """(the documents, and for each benchmark that has none why)"""
    deadline = time.monotonic() + budget_seconds
    documents, missing = list[dict[str, Any]](), dict[str, tuple[str, str]]()
    for step in chosen:
        began = time.monotonic()
        if began >= deadline:
            missing[step.name] = LEFT_OUT, "the budget was used up"
            continue
        try:
            if step.lacks:
                raise Lacking(step.lacks)
            with watched(console, step.name):
                limit = None if deadline == float("inf") else deadline - began
                documents.append(Place(folder / step.name).run(step, size, limit))
        except Failed as error:
            missing[step.name] = FAILED, str(error)
        except Lacking as error:
            missing[step.name] = LEFT_OUT, str(error)
        except OutOfTime:
            missing[step.name] = LEFT_OUT, "stopped when the budget was used up"
        took = time.monotonic() - began
        state, why = missing.get(step.name, ("done", ""))
        console.print(f"{step.name:<12} {state:<9} {took:6.0f} s", markup=False, highlight=False)
        for line in why.splitlines():
            console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
    return documents, missing


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    chosen: list[Step] = options.steps
    del options.steps
    run, console = Run("all", options), Console()
    budget = options.budget * 60 if options.budget else float("inf")
    with own_folder("xb-", "/tmp") as folder:
        documents, missing = measure(chosen, options.size, budget, folder, console)
    checks = [Check(step.name, step.name not in missing, ": ".join(missing.get(step.name, ()))) for step in chosen]
    document = run.document([], checks, own={"runs": documents})
    if options.json:
        write(options.json, document)
    if options.html:
        from bench.report.page import page

        with saving(options.html):
            options.html.write_text(page(document), encoding="utf-8")
    return 1 if any(state == FAILED for state, _ in missing.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
