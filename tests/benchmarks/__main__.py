"""Times the micro-benchmarks and holds them against the stored baseline: `make microbench`.

    python -m tests.benchmarks [--store] [-k NAME]

A ratio is the median time of a benchmark in runs of the calibration loop (conftest.py), so that machines of different
speed can share a baseline, roughly: a kernel and the interpreter do not scale alike from one processor to the next.
Exit status 1 if a ratio is above the baseline's by more than the tolerance.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 1.5  # of a noisy machine; what is certain says `exchange bench compare` of two runs with --json


def measured(pattern: str) -> dict[str, dict[str, float]]:
    """The ratio and the time of an item of each benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        options = ["-q", "-p", "no:cacheprovider", "--benchmark-enable", "--benchmark-only", "--benchmark-quiet"]
        status = pytest.main([*options, f"--benchmark-json={out}", "-k", pattern, str(BASELINE.parent)])
        if status:
            sys.exit(int(status))
        found: list[dict[str, Any]] = json.loads(out.read_text())["benchmarks"]
    return {each["name"].removeprefix("test_"): each["extra_info"] for each in found}


def report(found: dict[str, dict[str, float]], baseline: dict[str, float]) -> bool:
    """Print a table; whether all are within the tolerance."""
    print(f"{'':18}{'ns an item':>12}{'ratio':>10}{'baseline':>10}")
    fine = True
    for name, each in found.items():
        known = baseline.get(name)
        slow = known is not None and each["ratio"] > known * TOLERANCE
        fine &= not slow
        verdict = "no baseline" if known is None else "SLOWER" if slow else ""
        print(f"{name:18}{each['nanoseconds_an_item']:12,.0f}{each['ratio']:10.3f}{known or 0:10.3f}  {verdict}")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--store", action="store_true", help="make these ratios the baseline")
    parser.add_argument("-k", default="", metavar="NAME", help="only those whose name has it")
    options = parser.parse_args()
    os.chdir(BASELINE.parents[2])
    found = measured(options.k)
    baseline: dict[str, float] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if options.store:
        ratios = {name: round(each["ratio"], 4) for name, each in found.items()}
        BASELINE.write_text(json.dumps(baseline | ratios, indent=1, sort_keys=True) + "\n")
    return 0 if report(found, baseline) or options.store else 1


if __name__ == "__main__":
    sys.exit(main())
