"""Run conformance flows through the exchange's own book functions.

    exchange bench conformance FILE [FILE ...]

Prints `name digest messages seconds` for each file (.bin or .bin.xz): seconds of the kernel alone, the median of
five passes after a warm-up, each on a fresh book; the last pass wrote the reports that the digest is of. A file that is
not exactly what the format allows ends in an error with the record's position, and exit status 1.
"""

import argparse
import sys
from typing import Any

import numpy as np

from bench.conformance.flow import Flow, FlowError, name_of, read_flow
from bench.conformance.kernel import MESSAGE
from bench.conformance.passes import digest_of, run
from engine_core.arguments import file

PASSES = 6  # one of them to warm up


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.conformance", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=file, metavar="FILE", help="flow to play: .bin or .bin.xz")
    options: Any = parser.parse_args(arguments)
    run(Flow(np.zeros(0, MESSAGE), 0))  # compile, so that the first file's seconds are of matching
    status = 0
    for path in options.files:
        try:
            flow = read_flow(path)
        except FlowError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 1
            continue
        reports, seconds = run(flow, PASSES)
        print(f"{name_of(path)} {digest_of(reports)} {len(flow.messages)} {seconds:.6f}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
