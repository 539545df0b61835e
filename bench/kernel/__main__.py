"""The kernel's speed against the yardstick, in one run on one machine.

    exchange bench kernel [--json FILE] [--plot FILE]
    exchange bench kernel --latency [--json FILE]

Prints tables; --json and --plot write files. With --latency: how long a message waits until its reports are read on
another core, at given rates of arrival (latency.py).

All speeds that matter are ratios: this machine's absolute figures are noise to any other. See measurements.py for what
each measurement does and checks.
"""

import argparse
import sys
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from bench.conformance.flow import SHARED, FlowError, flow_path
from bench.kernel.latency import RATES, SEED, SHARES, Latency, measure_book_latency, measure_engine_latency
from bench.kernel.measurements import (
    BookResult,
    EngineResult,
    as_dict,
    load_yardstick,
    measure_book,
    measure_depths,
    measure_engine,
    reserved,
    seconds_to_first_command,
)
from bench.report.extras import need
from bench.report.result import Check, Figure, Run
from bench.report.saving import saving
from engine_core.arguments import folder, new_file, whole
from engine_core.book.memory.state import Capacities

FLOWS = ("static", "normal", "swing-25", "swing-40", "flash-crash", "flash-crash_1m")
BARS = {"book": 1.25, "engine": 0.6, "slower": 1.5, "bytes": 160.0, "start": 2.0}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="exchange bench kernel", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "--shared", type=folder, default=SHARED, help="folder of the flows and the yardstick (default: %(default)s)"
    )
    parser.add_argument(
        "--pairs", type=whole(1, 10_000), default=9, help="alternating pairs per measurement (default: %(default)s)"
    )
    parser.add_argument(
        "--latency",
        action="store_const",
        const=True,
        help="measure waiting times in an open loop instead of speed (see latency.py)",
    )
    parser.add_argument("--smoke", action="store_true", help="small sizes: checks that it works, not how fast")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write all measurements to FILE")
    parser.add_argument(
        "--plot", type=new_file, metavar="FILE", help="write a bar chart of the ratios to FILE (needs matplotlib)"
    )
    options = parser.parse_args(arguments)
    if options.plot and options.latency:
        parser.error("--plot draws the ratios: not with --latency, whose --json `exchange bench report` draws")
    if options.plot:
        need(parser, "--plot", "matplotlib")
    return options


def measure(options: argparse.Namespace) -> dict[str, Any]:
    yardstick = load_yardstick(options.shared)
    pairs, smoke = (3, True) if options.smoke else (options.pairs, False)
    names = FLOWS[:2] if smoke else FLOWS
    books = []
    print(f"{'book only':<40}{'ours':>10}{'yardstick':>11}{'ratio':>8}{'singly':>10}{'ratio':>8}   (M messages/s)")
    for name in names:
        books.append(measure_book(flow_path(options.shared, name), yardstick, pairs, 20_000 if smoke else None))
        _print_book(books[-1])
    engines = []
    size = 5_000 if smoke else 200_000
    normal = flow_path(options.shared, "normal")
    print(
        f"\n{'whole engine':<40}{'M cmd/s':>10}{'M events/s':>11}{'ratio':>8}{'singly':>10}   (to yardstick on normal)"
    )
    for markets, accounts, resting in ((8, 10_000, 0), (100, 10_000, 1_000_000)):
        few = (markets, 100, resting // 200) if smoke else (markets, accounts, resting)
        engines.append(measure_engine(yardstick, normal, pairs if smoke or not resting else 3, size, *few))
        _print_engine(engines[-1])
    deep = 10_000 if smoke else 1_000_000
    cases = [("1,000 resting, 2^16 ticks", 1_000, 16), (f"{deep:,} resting, 2^16 ticks", deep, 16)]
    cases.append((f"{deep:,} resting, 2^31 ticks", deep, 31))
    depths = measure_depths(cases, 10_000 if smoke else 200_000, 2 if smoke else 5)
    print("\nadding and cancelling in a book")
    for name, nanoseconds in depths.items():
        print(f"{name:<40}{nanoseconds:>10.1f} ns a message")
    held, start = engines[-1].order_bytes / engines[-1].open_orders, seconds_to_first_command()
    memory = {"bytes_a_resting_order": held, "bytes_reserved_an_order": reserved(Capacities())}
    print(f"\n{'memory a resting order':<40}{held:>10.0f} bytes; {memory['bytes_reserved_an_order']:.0f} are reserved")
    print(f"{'new process to first command, warm':<40}{start:>10.2f} s")
    return {
        "bars": BARS,
        "book": [as_dict(result) for result in books],
        "engine": [as_dict(result) for result in engines],
        "depth_ns": depths,
        "memory": memory,
        "warm_start_s": start,
    }


def measure_latency(options: argparse.Namespace) -> list[Latency]:
    """Of the book on `normal`, and of the whole engine, at each rate: rounds = pairs."""
    rounds, limit, size, accounts = (2, 20_000, 5_000, 100) if options.smoke else (options.pairs, None, 200_000, 10_000)
    titles = [f"p{share:g}" for share in SHARES]
    print(
        f"{'waits for its reports, us':<26}{'M arrivals/s':>12}{''.join(f'{title:>9}' for title in titles)}   M done/s"
    )
    found = []
    for one in chain(
        measure_book_latency(flow_path(options.shared, "normal"), RATES, rounds, limit),
        measure_engine_latency(RATES, rounds, size, accounts),
    ):
        waits = "".join(f"{value / 1e3:>9.2f}" for value in one.percentiles_ns)
        note = f"   a core was taken away {one.interrupted} times in {rounds} rounds" if one.interrupted else ""
        print(f"{one.name:<26}{one.rate / 1e6:>12g}{waits}{one.reached / 1e6:>11.2f}{note}", flush=True)
        found.append(one)
    return found


def latency_figures(found: list[Latency]) -> list[Figure]:
    return [
        Figure(f"{one.name} at {one.rate / 1e6:g} M/s, p{share:g}", one.percentiles_ns[at], "ns", "lower", samples)
        for one in found
        for at, share in enumerate(SHARES)
        for samples in [[values[at] for values in one.rounds_ns]]
    ]


def verdicts(results: dict[str, Any]) -> list[tuple[str, float, str, bool]]:
    """(what, measured, the bar, whether it is met) for every figure that has one."""
    found = [
        (f"book, {r['flow']}", r["ratio"], f">= {BARS['book']}", r["ratio"] >= BARS["book"]) for r in results["book"]
    ]
    share, deep = (entry["ratio"] for entry in results["engine"])  # a minute apart: each beside its own yardstick
    found.append(("engine / yardstick", share, f">= {BARS['engine']:.2f}", share >= BARS["engine"]))
    shallow, level, spread = results["depth_ns"].values()
    for name, value in (
        ("engine: busy / deep", share / deep),
        ("depth: many / few resting", level / shallow),
        ("depth: wide / narrow prices", spread / level),
    ):
        found.append((name, value, f"<= {BARS['slower']}", value <= BARS["slower"]))
    size, start = results["memory"]["bytes_a_resting_order"], results["warm_start_s"]
    found.append(("bytes a resting order", size, f"<= {BARS['bytes']:.0f}", size <= BARS["bytes"]))
    found.append(("warm start, seconds", start, f"<= {BARS['start']:.0f}", start <= BARS["start"]))
    return found


def figures(results: dict[str, Any]) -> list[Figure]:
    found = [Figure(f"book, {r['flow']}", r["ratio"], "x yardstick", "higher", r["ratios"]) for r in results["book"]]
    for r in results["book"]:
        name, ratios = f"book, {r['flow']}, a call each", r["singly_ratios"]
        found.append(Figure(name, median(ratios), "x yardstick", "higher", ratios))
    for r in results["engine"]:
        found.append(Figure(f"engine, {r['name']}", r["ratio"], "x yardstick", "higher", r["ratios"]))
        found.append(Figure(f"engine, {r['name']}, a call each", r["singly"], "commands/s", "higher"))
    for name, value in results["depth_ns"].items():
        found.append(Figure(f"add and cancel, {name}", value, "ns/message", "lower"))
    found.append(Figure("memory", results["memory"]["bytes_a_resting_order"], "bytes/order", "lower"))
    return [*found, Figure("new process to first command", results["warm_start_s"], "s", "lower")]


def checks(results: dict[str, Any], smoke: bool) -> list[Check]:
    """What measure() has proven, else it would have ended; and the bars, which mean nothing for a smoke test."""
    proven = Check("reports and balances", True, "as many reports as the yardstick gives; balances add up")
    if smoke:
        return [proven]
    return [proven, *(Check(name, met, f"{value:.2f}, bar {bar}") for name, value, bar, met in verdicts(results))]


def _print_book(result: BookResult) -> None:
    rates = f"{result.ours / 1e6:>10.1f}{result.yardstick / 1e6:>11.1f}{result.ratio:>8.2f}{result.singly / 1e6:>10.1f}"
    print(f"{result.flow:<40}{rates}{median(result.singly_ratios):>8.2f}", flush=True)


def _print_engine(result: EngineResult) -> None:
    events = result.commands_a_second * result.events / result.commands
    rates = (
        f"{result.commands_a_second / 1e6:>10.2f}{events / 1e6:>11.2f}{result.ratio:>8.2f}{result.singly / 1e6:>10.2f}"
    )
    print(f"{result.name:<40}{rates}", flush=True)


def plot(results: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    bars = [(entry["flow"], entry["ratio"]) for entry in results["book"]]
    bars += [(entry["name"], entry["ratio"]) for entry in results["engine"]]
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(bars) + 1.5), layout="constrained")
    axes.barh([name for name, _ in bars], [ratio for _, ratio in bars])
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("speed as a multiple of the yardstick's (book flows: on the same flow; engine: on normal)")
    axes.invert_yaxis()
    with saving(path):
        figure.savefig(path)
    pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    run = Run("kernel", options, seed=SEED if options.latency else None)
    try:
        if options.latency:
            found = measure_latency(options)
            proven = [Check("reports", True, "all read on the other core, the same as without a clock")]
            run.write(options.json, latency_figures(found), proven, own={"latency": [one._asdict() for one in found]})
            return 0
        results = measure(options)
    except (FileNotFoundError, FlowError) as error:
        print(f"bench.kernel: {error}", file=sys.stderr)
        return 2
    print("\nheld against the bars" + (" (meaningless at this size)" if options.smoke else ""))
    for name, value, bar, is_met in verdicts(results):
        print(f"{name:<40}{value:>10.2f} {bar:>8}  {'met' if is_met else 'MISSED'}")
    run.write(options.json, figures(results), checks(results, options.smoke), own=results)
    if options.plot:
        plot(results, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
