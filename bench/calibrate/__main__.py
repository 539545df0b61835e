"""Fits the parameters of the synthetic flows to a real one, by maximum likelihood.

    exchange bench calibrate [CAPTURE] -o flow.toml [--train 0.6]

The first part of the capture is what is fitted to; the rest stays unseen, for `exchange bench realism` to judge with.
Says what could not be fitted. See arrivals.py for what is looked at, and the file of each model for how it is fitted.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from bench.report.extras import need
from bench.report.result import write
from engine_core.arguments import new_file, seconds, whole


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench calibrate", description="Fit the synthetic flows to a real one, by maximum likelihood."
    )
    parser.add_argument(
        "capture", nargs="?", type=Path, metavar="CAPTURE",
        help="a capture's folder, a LOBSTER message file (its order book beside it), or a flow file (.npy); "
        "default: the capture that `exchange replay --install` installs",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=new_file, required=True, metavar="FILE", help="flow.toml to write")
    parser.add_argument(
        "--train",
        type=seconds(0.05, 0.95),
        default=0.6,
        metavar="SHARE",
        help="part of the time to fit to (default: %(default)s)",
    )
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write likelihoods and notes to FILE")
    options = parser.parse_args(arguments)
    need(parser, "a fit", "scipy")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    from bench.calibrate import hawkes  # only now: it needs the extra
    from bench.calibrate.fitting import calibrate
    from bench.compiling import say_if_compiling
    from bench.flow import flow_toml, kernels
    from bench.realism import book_levels, sources
    from bench.realism.tape import play

    begin = time.monotonic()
    try:
        tape = sources.read(options.capture)
        print(f"read {len(tape.commands):,} messages; fitting to the first {options.train:.0%} of the time", flush=True)
        say_if_compiling(kernels.__file__, book_levels.__file__, hawkes.__file__)
        fitted = calibrate(play(tape), options.train, options.seed)
    except sources.PROBLEMS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    flow_toml.dump(fitted.flow, options.output)
    for line in fitted.lines():
        print(line)
    print(f"wrote {options.output} after {time.monotonic() - begin:.0f} s")
    if options.json:
        content: dict[str, Any] = {"train": options.train, "seed": options.seed, **fitted.as_dict()}
        write(options.json, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
