"""How like a real market the synthetic flows are: distances, intervals and plots, on a part that no fit has seen.

    exchange bench realism [CAPTURE] flow.toml [--html FILE] [--json FILE]

`exchange bench calibrate` makes flow.toml from the first part of the capture; this command compares with the rest,
and prints beside each distance the floor: that between the two parts of the real flow. Both sides go through the same
engine and the same measurements (observations.py). Which bars are met is printed, and is no reason to fail.
"""

import argparse
import sys
from pathlib import Path

from bench.flow.parameters import MODELS
from bench.report.extras import need
from bench.report.result import Run, write
from bench.report.saving import saving
from engine_core.arguments import file, new_file, seconds, whole


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench realism", description="Hold synthetic flows against a real one that no fit has seen."
    )
    parser.add_argument(
        "capture", nargs="?", type=Path, metavar="CAPTURE",
        help="as of `exchange bench calibrate` (default: the capture that `exchange replay --install` installs)",
    )  # fmt: skip
    parser.add_argument("flow", type=file, metavar="FLOW.toml", help="parameters, as `exchange bench calibrate` writes")
    parser.add_argument("--model", choices=MODELS, action="append", help="one of the models (default: all)")
    parser.add_argument(
        "--train", type=seconds(0.05, 0.95), default=0.6, metavar="SHARE",
        help="part of the time that was fitted to (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=1, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=whole(60, 100_000), default=1_800, metavar="N", help="of each flow (default: %(default)s)"
    )
    parser.add_argument("--html", type=new_file, metavar="FILE", help="write a page with plots to FILE (needs bokeh)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all distances to FILE")
    options = parser.parse_args(arguments)
    if options.html:
        need(parser, "--html", "bokeh")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    from bench.compiling import say_if_compiling  # only now, like the rest: Numba takes its time
    from bench.flow import flow_toml, kernels
    from bench.realism import book_levels, judging, sources, table
    from bench.realism.tape import play

    run = Run("realism", options, seed=options.seed)
    models = {}
    try:
        flow = flow_toml.load(options.flow)
        played = play(sources.read(options.capture))
        print(f"{len(played.tape.commands):,} real messages; fitted to the first {options.train:.0%}", flush=True)
        say_if_compiling(kernels.__file__, book_levels.__file__)
        fitted, unseen = judging.parts_of(played, options.train)
        for model in options.model or MODELS:
            models[model] = judging.synthetic(flow, model, options.seed, options.seconds)
            print(f"{model}: {options.seconds:,} s generated and played", flush=True)
        verdict = judging.judge(fitted, unseen, models, options.seed)
    except sources.PROBLEMS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for line in table.lines(verdict):
        print(line)
    document = run.document(table.figures(verdict), curves=table.curves(verdict), own=verdict.as_dict())
    if options.html:
        from bench.report.page import page  # only now: it needs the extra

        with saving(options.html):
            options.html.write_text(page(document), encoding="utf-8")
    if options.json:
        write(options.json, document)
    return 0


if __name__ == "__main__":
    sys.exit(main())
