"""Whether the exchange's own book functions match right: order flows, held against their known answers.

    exchange bench conformance FILE [FILE ...]

On stdout, for programs, a line of four columns for each file (.bin or .bin.xz): name, SHA-256 of the reports, messages,
and seconds of the kernel alone, the median of five passes after a warm-up, each on a fresh book; the last pass wrote
the reports that the digest is of. On stderr the verdict: right or WRONG by the digest that a README.md beside the file
gives for it, else that no answer is known. Exit status 1 if one is wrong, or if a file is not exactly what the format
allows, which is said with the record's position.
"""

import argparse
import sys
from typing import Any

import numpy as np

from bench.compiling import say_if_compiling
from bench.conformance.answers import ANSWERS, known_answer
from bench.conformance.flow import Flow, FlowError, name_of, read_flow
from bench.conformance.kernel import MESSAGE
from bench.conformance.passes import digest_of, run
from engine_core.arguments import file

PASSES = 6  # one of them to warm up
HEADING = "name, SHA-256 of the reports, messages, seconds of matching; then the verdict"


def verdict(digest: str, answer: str | None) -> str:
    if answer is None:
        return f"no known answer: no {ANSWERS} beside it gives its digest"
    return "right: the known answer" if digest == answer else f"WRONG: the known answer is {answer}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="exchange bench conformance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=file, metavar="FILE", help="flow to play: .bin or .bin.xz")
    options: Any = parser.parse_args(arguments)
    say_if_compiling(__file__)
    run(Flow(np.zeros(0, MESSAGE), 0))  # compile, so that the first file's seconds are of matching
    print(HEADING, file=sys.stderr)
    status = 0
    for path in options.files:
        try:
            flow = read_flow(path)
        except FlowError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 1
            continue
        reports, seconds = run(flow, PASSES)
        digest, answer = digest_of(reports), known_answer(path)
        print(f"{name_of(path)} {digest} {len(flow.messages)} {seconds:.6f}", flush=True)
        print(f"{path}: {verdict(digest, answer)}", file=sys.stderr)
        if answer not in (None, digest):
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
