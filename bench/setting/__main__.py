"""What settings change: two exchanges that differ in them alone, under the same load in turns.

    exchange bench setting NAME=VALUE ... [--rounds N] [--seconds S] [--connections N] [--json FILE]

For example `exchange bench setting log.durability=always --connections 1`. Both exchanges are its own and run all the
time, so that neither is younger or colder; in each round both get signed orders over HTTP for some seconds, in
alternating order, so that what else the machine does hits both. Said are the ratios of these pairs with an interval of
95 %: one that contains 1 says that nothing can be told. Below them, where the time went (docs/numbers.md).
Non-goals: the highest rate (`exchange bench pipeline`), and settings of the machine.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.compare.statistics import FEWEST, FEWEST_PAIRS, change
from bench.http.client import Exchange
from bench.http.load import Load, run_python
from bench.load.targets.api import BenchError
from bench.own_exchange import own_environment, own_exchange
from bench.own_folder import own_folder
from bench.report.result import Check, Figure, Run
from bench.setting.settings import Servers, Setting, configured, confusion, idle, refuse_same, setting, variables
from engine_core.arguments import new_file, seconds, whole
from engine_core.config.settings import default_config, private_urls
from engine_core.config.toml_section import ConfigError
from engine_core.process.stages import BEFORE, Journeys, Stage

PREPARED_PER_SECOND = 4_000  # more than two cores answer beside the client and another exchange
PREPARED_PER_CONNECTION = 1_500  # a second
MARKET = "SOL_USDC"
ROLES = ("engine", "ingress", "egress", "writer")


@dataclass
class Side:
    """One of the two exchanges, and what was measured of it."""

    exchange: Exchange
    folder: Path
    journeys: Journeys
    loads: list[Load] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)  # of all its processes, an order
    parts: dict[Stage, list[float]] = field(default_factory=lambda: {stage: [] for stage in BEFORE})

    @classmethod
    def of(cls, exchange: Exchange, folder: Path) -> "Side":
        return cls(exchange, folder, Journeys(exchange.runtime))

    def measure(self, duration: float, connections: int, *, counts: bool) -> None:
        rate = min(PREPARED_PER_SECOND, PREPARED_PER_CONNECTION * connections)
        requests = self.exchange.prepare(round(rate * duration))
        self.journeys.look()
        self.journeys.all()
        before = self._cpu_s()
        load = run_python(self.exchange.port, requests, duration, connections)
        used = self._cpu_s() - before
        self.journeys.look()
        if not load.accepted or load.accepted < load.answered:
            raise BenchError(f"{load.answered - load.accepted} of {load.answered} orders were refused: {load.refusals}")
        if counts:
            self.loads.append(load)
            self.cpu_us.append(used / load.answered * 1e6)
            for journey in self.journeys.all():
                for stage, part in journey.parts().items():
                    self.parts[stage].append(part * 1e6)

    def _cpu_s(self) -> float:
        processes = json.loads((self.folder / "run.json").read_text())["processes"]
        times = (psutil.Process(pid).cpu_times() for role in ROLES for pid in processes.get(role, []))
        return sum(each.user + each.system for each in times)

    def figures(self) -> list[Figure]:
        loads = self.loads
        measured = [
            ("orders", "orders/s", "higher", [load.per_second for load in loads]),
            ("p50", "ms", "lower", [load.p50_ms for load in loads]),
            ("p99", "ms", "lower", [load.p99_ms for load in loads]),
            ("processor time of an order", "µs", "lower", self.cpu_us),
        ]
        return [
            Figure(name, statistics.median(samples), unit, "higher" if better == "higher" else "lower", samples)
            for name, unit, better, samples in measured
        ]


def measure(
    without: list[Setting], settings: list[Setting], rounds: int, duration: float, connections: int, folder: Path
) -> tuple[Side, Side]:
    text = default_config().read_text(encoding="utf-8")
    settings_of = {"without": without, "with": [*without, *settings]}
    configs = {name: configured(text, own, folder / f"{name}.toml") for name, own in settings_of.items()}
    if same := idle(settings, [*configs.values()], own_environment() | variables(without)):
        raise BenchError(f"{', '.join(map(str, same))}: is so already: the two would not differ in it")
    sides, servers = list[Side](), list[Servers]()
    with ExitStack() as running:
        for name, own in settings_of.items():
            data, config = folder / name, str(configs[name])
            running.enter_context(own_exchange(data, sys.executable, "--config", config, variables=variables(own)))
            urls = json.loads((data / "run.json").read_text()) | private_urls(data)
            servers.append(Servers(urls["redis"], urls["database"]))
            servers[-1].apply(own)
            sides.append(Side.of(Exchange.find(data, MARKET), data))
        refuse_same(settings, *servers)
        for side in sides:  # the first orders find cold caches
            side.measure(min(duration, 1.0), connections, counts=False)
        for number in range(rounds):
            for side in sides if number % 2 == 0 else reversed(sides):
                side.measure(duration, connections, counts=True)
            rates = " and ".join(f"{side.loads[-1].per_second:,.0f}/s" for side in sides)
            print(f"  {number + 1} of {rounds}: {rates}", file=sys.stderr, flush=True)
    return sides[0], sides[1]


def report(first: Side, second: Side) -> None:
    print(f"{'':<28}{'without':>12}{'with':>12}{'ratio':>9}   95 % of it")
    for one, other in zip(first.figures(), second.figures(), strict=True):
        found = change(one.samples, other.samples, paired=True)
        ratio = (
            f"   too few rounds to tell: {FEWEST} are needed"
            if found is None
            else f"{found.ratio:9.2f}   {found.low:.2f} to {found.high:.2f}"
        )
        print(f"{f'{one.name}, {one.unit}':<28}{one.value:>12,.2f}{other.value:>12,.2f}{ratio}")
    for stage in BEFORE:
        samples = [side.parts[stage] for side in (first, second)]
        if all(samples):
            before, after = map(statistics.median, samples)
            print(f"{f'  {stage}, p50 µs':<28}{before:>12,.0f}{after:>12,.0f}")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench setting", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", type=setting, nargs="+", metavar="NAME=VALUE", help="what one of the two has")
    parser.add_argument(
        "--both", type=setting, action="append", default=[], metavar="NAME=VALUE", help="a setting of both exchanges"
    )
    parser.add_argument(
        "--rounds", type=whole(1, 10_000), default=10, help=f"pairs of measurements, {FEWEST} or more (default: 10)"
    )
    parser.add_argument("--seconds", type=seconds(0.1, 3600), default=3.0, help="of each measurement (default: 3)")
    parser.add_argument("--connections", type=whole(1, 10_000), default=32, help="of the client (default: 32)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    options = parser.parse_args(arguments)
    if why := confusion(options.both, options.settings):
        parser.error(why)
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    typed = {name: list(map(str, vars(options)[name])) for name in ("settings", "both")}
    run = Run("setting", argparse.Namespace(**vars(options) | typed))
    if options.rounds < FEWEST:
        needed = f"{FEWEST} are needed, {FEWEST_PAIRS} to compare pairs"
        print(f"--rounds {options.rounds}: too few to tell anything: {needed}", file=sys.stderr, flush=True)
    how = options.rounds, options.seconds, options.connections
    try:
        with own_folder() as folder:
            sides = measure(options.both, options.settings, *how, folder)
    except (BenchError, ConfigError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    names = ", ".join(map(str, options.settings))
    print(
        f"{names}: {options.rounds} pairs of {options.seconds:g} s, {options.connections} connections, "
        f"load of the machine {os.getloadavg()[0]:.1f}"
    )
    report(*sides)
    figures = [
        Figure(f"{figure.name} ({suffix})", figure.value, figure.unit, figure.better, figure.samples)
        for side, suffix in zip(sides, ("without", "with"), strict=True)
        for figure in side.figures()
    ]
    run.write(options.json, figures, [Check("every order was accepted", True)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
