"""The figures of two results side by side: better, worse, the same, or not to be told, and why."""

import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bench.compare.statistics import CONFIDENCE, FEWEST, Change, change, holm
from bench.report.conditions import CONDITIONS

PLACES = {"data", "folder", "shared", "url", "ws", "keys", "capture"}  # parameters that only say where things are
BUSY_LOAD = 0.5  # processes that ran, a core, before a benchmark added its own
Verdict = Literal["better", "worse", "same", "cannot tell"]
Documents = list[dict[str, Any]]


@dataclass(frozen=True)
class Pair:
    """A figure of one benchmark, on both sides; several values if it ran several times, else its samples."""

    benchmark: str
    figure: str
    unit: str
    better: str
    before: list[float]
    after: list[float]
    shown: tuple[float, float]  # what the results themselves say; of several runs their geometric means
    paired: bool
    obstacle: str  # why these cannot be compared at all, or nothing


@dataclass(frozen=True)
class Comparison:
    pair: Pair
    change: Change | None
    chance: float  # with all the other questions in mind
    verdict: Verdict
    why: str


def compare(
    before: Documents, after: Documents, *, tolerance: float, figures: re.Pattern[str], interleaved: bool = False
) -> list[Comparison]:
    """The figures that have a better direction and are on both sides. `tolerance`: a share that is no change."""
    found = [each for each in pairs(before, after, interleaved) if figures.search(each.figure)]
    changes = [None if each.obstacle else change(each.before, each.after, paired=each.paired) for each in found]
    chances = iter(holm([each.chance for each in changes if each is not None]))
    together = zip(found, changes, strict=True)
    return [_judge(pair, each, next(chances) if each else 1.0, tolerance) for pair, each in together]


def _judge(pair: Pair, found: Change | None, chance: float, tolerance: float) -> Comparison:
    if found is None:
        few = min(len(pair.before), len(pair.after))
        why = pair.obstacle or (f"{few} measured, {FEWEST} are needed" if few < FEWEST else "zero has no ratio")
        return Comparison(pair, None, chance, "cannot tell", why)
    percent, low, high = found.as_percent()
    verdict: Verdict
    if chance < 1 - CONFIDENCE:
        up = (found.ratio > 1) == (pair.better == "higher")
        verdict = "same" if abs(found.ratio - 1) <= tolerance else "better" if up else "worse"
    else:
        verdict = "same" if max(abs(low), abs(high)) <= tolerance * 100 else "cannot tell"
    why = f"{percent:+.1f} % ({low:+.1f} to {high:+.1f}), chance {chance:.3f}"
    return Comparison(pair, found, chance, verdict, why)


def pairs(before: Documents, after: Documents, interleaved: bool) -> Iterator[Pair]:
    for name in dict.fromkeys(label(document) for document in before):
        ours, theirs = ([each for each in side if label(each) == name] for side in (before, after))
        if not theirs:
            continue
        differing = _differing(ours[0], theirs[0])
        for figure in ours[0]["results"]:
            left, right = (_measured(side, figure["name"]) for side in (ours, theirs))
            if not left or not right:
                continue
            other = next(each for each in theirs[0]["results"] if each["name"] == figure["name"])
            if not figure["better"] and not other["better"]:
                continue
            relative = str(figure["unit"]).startswith("x")
            obstacle = _unlike(figure, other) or differing["parameters"] or ("" if relative else differing["machine"])
            shown = _shown(ours, figure["name"]), _shown(theirs, figure["name"])
            unit, better, paired = figure["unit"], figure["better"], interleaved and len(ours) > 1
            yield Pair(name, figure["name"], unit, better, left, right, shown, paired, obstacle)


def label(document: dict[str, Any]) -> str:
    """What a document is of: `bench all` runs a benchmark in more than one way."""
    return str(document.get("label") or document["name"])


def is_disturbed(document: dict[str, Any]) -> bool:
    """Whether the machine was busy when it began."""
    load: float = document["load"]["before"][0]
    cores: int = document["machine"].get("cores", 1)
    return load > BUSY_LOAD * cores


def _named(documents: Documents, name: str) -> list[dict[str, Any]]:
    return [figure for each in documents for figure in each["results"] if figure["name"] == name]


def _shown(documents: Documents, name: str) -> float:
    """A reader finds one figure for one run, wherever he looks: that of its samples may be another."""
    values = [float(figure["value"]) for figure in _named(documents, name)]
    if len(values) == 1:
        return values[0]
    return statistics.geometric_mean(values) if min(values) > 0 else statistics.median(values)


def _measured(documents: Documents, name: str) -> list[float]:
    figures = _named(documents, name)
    if len(figures) > 1:
        return [float(figure["value"]) for figure in figures]
    return [float(value) for figure in figures for value in figure["samples"] or [figure["value"]]]


def _unlike(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """Why two figures of one name are not of the same quantity, or nothing."""
    words = {"unit": "the unit", "better": "better"}
    return "; ".join(
        f"{words[name]} is {ours[name]!r} and {theirs[name]!r}" for name in words if ours[name] != theirs[name]
    )


def _differing(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    """What keeps two documents from being compared, in words."""
    both = ours["parameters"].keys() & theirs["parameters"].keys()
    unsaid = {name for name in CONDITIONS if name not in both}  # by a result of before they were parameters
    names = (ours["parameters"].keys() | theirs["parameters"].keys()) - PLACES - unsaid
    values = ((name, ours["parameters"].get(name), theirs["parameters"].get(name)) for name in sorted(names))
    parameters = "; ".join(f"{name} is {a} and {b}" for name, a, b in values if a != b)
    machines = [f"{each['machine'].get('processor')}, {each['machine'].get('cores')} cores" for each in (ours, theirs)]
    machine = "" if machines[0] == machines[1] else f"other machines: {machines[0]} and {machines[1]}"
    return {"parameters": parameters, "machine": machine}
