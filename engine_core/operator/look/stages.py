"""`exchange stages`: where the time of a sample of orders goes, from the first process to the database.

What is shown is what came while it looked; the processes say it on their sockets (process/stages.py). Non-goals: one
number for all orders of a run (`exchange load` has the clients' own), and rates (`exchange top`).
"""

import argparse
import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from engine_core.operator.target.running import CommandError, require
from engine_core.process.percentiles import told
from engine_core.process.sockets import of_roles
from engine_core.process.stages import BEFORE, Journey, Journeys, Stage, now

LOOK_EVERY_S = 2.0
LAST_S = 1.0  # for what is on its way to the database when the time is over
WORDS = {
    Stage.AUTHENTICATED: "ingress: wakes up, reads, signature and limits checked",
    Stage.APPENDED: "ingress: until its block goes to Redis",
    Stage.READ: "Redis, and the way to the engine",
    Stage.MATCHED: "engine: its block is executed",
    Stage.PUBLISHED: "engine: its events are on the ring",
    Stage.ANSWERED: "ingress: wakes up, answers",
    Stage.STREAMED: "egress: frames to subscribers (from published)",
    Stage.STORED: "writer: committed (from published)",
}
COLUMNS = ("mean_us", "p50_us", "p99_us", "max_us")
TOTAL = "received to answered"


def stages(options: argparse.Namespace) -> int:
    """Watch for a while, or until Ctrl-C, and print a table; exit status 1 if no order was timed."""
    journeys = timed(options.data)
    began = now()
    with contextlib.suppress(KeyboardInterrupt):
        _watch(journeys, options.seconds)
    watched_s = min(now() - began, options.seconds)  # what came in the second for the database is left out
    found = [
        journey
        for journey in journeys.all()
        if journey.answered_s() is not None and journey.at[Stage.RECEIVED] <= began + watched_s
    ]
    rows = rows_of(found)
    if options.json:
        print(
            json.dumps({"seconds": round(watched_s, 3), "every": journeys.every, "orders": len(found), "stages": rows})
        )
    else:
        print(f"{len(found)} orders in {round(watched_s, 1):g} s, one of each {journeys.every}th block")
        if found:
            print("\n".join(table(rows)))
        else:
            print("no order was timed: place some meanwhile, or look for longer (--seconds)")
            print("(those that are put straight into the log, as by exchange load --target log, never are)")
    return 0 if found else 1


def timed(data: Path) -> Journeys:
    """Of the exchange that runs there, without what was before; CommandError if it times nothing."""
    run = require(data)
    if not of_roles(run.runtime):
        raise CommandError(f"no process answers in {run.runtime}: EXCHANGE_RUNTIME names the folder of their sockets")
    journeys = Journeys(run.runtime)
    journeys.look()
    if not journeys.every:
        raise CommandError(
            "nothing is timed: set [server] stages_every, for example to 16, and start the exchange anew"
        )
    journeys.all()
    return journeys


def pauses(seconds: float) -> Iterator[float]:
    """Between two looks, for so many seconds."""
    whole, rest = divmod(seconds, LOOK_EVERY_S)
    yield from repeat(LOOK_EVERY_S, int(whole))
    yield from (rest, LAST_S)


def _watch(journeys: Journeys, seconds: float) -> None:
    for pause in pauses(seconds):
        time.sleep(pause)
        journeys.look()


def rows_of(found: Iterable[Journey]) -> list[dict[str, Any]]:
    """Of each stage and of all until the answer; a stage that no order has reached is left out."""
    seconds: dict[str, list[float]] = {stage.value: [] for stage in BEFORE}
    total = []
    for journey in found:
        total.append(journey.answered_s() or 0.0)
        for stage, part in journey.parts().items():
            seconds[stage.value].append(part)
    before: dict[str, str] = {stage.value: earlier.value for stage, earlier in BEFORE.items()}
    measured = [*((name, before[name], values) for name, values in seconds.items()), (TOTAL, "", total)]
    return [_row(name, after, values) for name, after, values in measured if values]


def _row(name: str, after: str, seconds: list[float]) -> dict[str, Any]:
    """A percentile that so few orders do not tell is None."""
    microseconds = np.array(seconds) * 1e6
    p50, p99 = (
        round(float(np.percentile(microseconds, percentile)), 1) if told(len(seconds), percentile) else None
        for percentile in (50, 99)
    )
    return {
        **{"stage": name, "after": after, "orders": len(seconds), "mean_us": round(float(microseconds.mean()), 1)},
        **{
            "p50_us": p50,
            "p99_us": p99,
            "max_us": round(float(microseconds.max()), 1),
        },
    }


def shown(value: float | None) -> str:
    """A number of a row; a percentile that so few orders do not tell is none."""
    return "-" if value is None else f"{value:,.0f}"


def table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines for people."""
    yield f"{'µs':<22}{'mean':>10}{'p50':>10}{'p99':>10}{'max':>10}"
    for row in rows:
        words = "" if row["stage"] == TOTAL else WORDS[Stage(row["stage"])]
        numbers = "".join(f"{shown(row[name]):>10}" for name in COLUMNS)
        yield f"{row['stage']:<22}{numbers}   {words}".rstrip()
