"""Generates synthetic order flow, says how fast, and writes it to a file if asked to.

    exchange bench flow [--model M] [--regime R] [--seed N] [--seconds S | --messages N] [-o FILE.npy]

Models: zero-intelligence (Smith, Farmer, Gillemot, Krishnamurthy 2003; Cont, Stoikov, Talreja 2010), hawkes (Hawkes
1971; Bacry, Mastromatteo, Muzy 2015), queue-reactive (Huang, Lehalle, Rosenbaum 2015). A regime lets its rates change
with time. The same parameters, model, regime and seed give the same bytes on every machine: the digest that is printed.
A file holds MESSAGE records (bench/flow/messages.py), for numpy.load.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from bench.compiling import say_if_compiling
from bench.flow import kernels
from bench.flow.agreement import Agreement, hold_against_engine
from bench.flow.files import LONGEST_S, write
from bench.flow.flow_toml import dump, load, parts_left_out
from bench.flow.generator import CHUNK, Generator
from bench.flow.messages import MESSAGE, to_commands
from bench.flow.parameters import DEFAULT, MODELS, Flow
from bench.flow.regimes import REGIMES
from bench.report.result import Check, Figure, Run
from engine_core.arguments import file, new_file, seconds, whole
from engine_core.config.toml_section import ConfigError
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, TimeInForce
from engine_core.wire.layout import COMMAND

TARGET = 5e6  # commands a second, on one core
EXAMINED = 100_000  # messages, of the start: how many there are in some seconds depends on the machine
CHECKED = 20_000  # messages that the engine executes, too
WARM = 2_000


@dataclass
class Tally:
    """What a run has generated so far."""

    messages: int = 0
    wall_s: float = 0.0
    core_s: float = 0.0  # of the processor
    flow_s: float = 0.0  # of the flow's own time
    mix: dict[str, int] = field(default_factory=dict)
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def count(self, part: np.ndarray) -> None:
        start = part[: max(EXAMINED - self.messages, 0)]
        self.digest.update(start.tobytes())
        for name, chosen in _kinds(start).items():
            self.mix[name] = self.mix.get(name, 0) + int(np.count_nonzero(chosen))
        self.messages += len(part)
        self.flow_s = int(part["time_ns"][-1]) / 1e9

    @property
    def examined(self) -> int:
        return min(self.messages, EXAMINED)


def _kinds(part: np.ndarray) -> dict[str, np.ndarray]:
    places, flags = part["kind"] == CommandKind.PLACE, part["flags"]
    plain = places & (part["order_type"] == OrderType.LIMIT)
    plain &= (part["time_in_force"] == TimeInForce.GTC) & (flags == 0)
    return {
        "limit": plain,
        "post-only": flags & OrderFlag.POST_ONLY != 0,
        "iceberg": flags & OrderFlag.ICEBERG != 0,
        "stop": flags & OrderFlag.TRIGGER != 0,
        "market": part["order_type"] == OrderType.MARKET,
        "IOC": places & (part["time_in_force"] == TimeInForce.IOC) & (part["order_type"] == OrderType.LIMIT)
        & (flags & OrderFlag.TRIGGER == 0),
        "FOK": part["time_in_force"] == TimeInForce.FOK,
        "amend": part["kind"] == CommandKind.AMEND,
        "cancel": part["kind"] == CommandKind.CANCEL,
    }  # fmt: skip


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    about, _, details = (__doc__ or "").partition("\n\n")  # without one under python -OO
    parser = argparse.ArgumentParser(
        prog="exchange bench flow",
        description=about,
        epilog=details.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", choices=MODELS, default="hawkes", help="of the arrivals (default: %(default)s)")
    parser.add_argument("--params", type=file, metavar="FILE", help="flow.toml with the parameters (default: built in)")
    parser.add_argument("--write-params", type=new_file, metavar="FILE", help="write the parameters to FILE, and stop")
    regimes = (*REGIMES, "own")
    text = "on top of the model; own: what --params says (default: %(default)s)"
    parser.add_argument("--regime", choices=regimes, default="own", help=text)
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=1, metavar="N", help="default: %(default)s")
    parser.add_argument("--markets", type=whole(1, 1_000), metavar="N", help="instead of what the parameters say")
    parser.add_argument("--accounts", type=whole(4, 1_000_000), metavar="N", help="instead of what the parameters say")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=seconds(0.1, 86_400), default=5.0, help="go on for so long (default: 5)")
    length.add_argument("--messages", type=whole(1, 10**12), metavar="N", help="generate so many messages")
    length.add_argument(
        "--span", type=seconds(0.001, LONGEST_S), metavar="S", help="generate S seconds of the flow's own time"
    )
    parser.add_argument("-o", type=new_file, metavar="FILE", dest="output", help="write the messages to FILE (.npy)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write what was measured to FILE")
    return parser.parse_args(argv)


def _flow(options: argparse.Namespace) -> Flow:
    flow = load(options.params) if options.params else DEFAULT
    if options.params and (built_in := parts_left_out(options.params)):
        print(f"built-in values  of what {options.params} does not have: {', '.join(built_in)}")
    population = flow.population
    markets, accounts = options.markets or population.markets, options.accounts or population.accounts
    return replace(flow, population=replace(population, markets=markets, accounts=accounts))


def _generate(generator: Generator, options: argparse.Namespace, tally: Tally) -> Iterator[np.ndarray]:
    """The flow in pieces, timed with the commands that they become."""
    messages, commands = np.zeros(CHUNK, MESSAGE), np.zeros(CHUNK, COMMAND)
    unbounded = options.messages is None and options.span is None
    while True:
        room = CHUNK if options.messages is None else min(CHUNK, options.messages - tally.messages)
        if room == 0 or (unbounded and tally.wall_s >= options.seconds):
            return
        wall, core = time.perf_counter(), time.process_time()
        written = generator.fill(messages[:room], options.span)
        to_commands(messages[:written], commands)
        tally.wall_s += time.perf_counter() - wall
        tally.core_s += time.process_time() - core
        if written:
            tally.count(messages[:written])
            yield messages[:written]
        if written < room:
            return


def _run(generator: Generator, options: argparse.Namespace) -> Tally:
    tally = Tally()
    parts = _generate(generator, options, tally)
    if options.output:
        write(options.output, parts)
    else:
        for _ in parts:
            pass
    return tally


def _print(options: argparse.Namespace, flow: Flow, tally: Tally, agreement: Agreement) -> None:
    population = flow.population
    print(f"{options.model}, regime {options.regime}, seed {options.seed}, ", end="")
    print(f"{population.markets} markets, {population.accounts:,} accounts")
    if options.model == "hawkes":
        print(f"branching ratio  {flow.hawkes.branching_ratio():.3f} (must be below 1)")
    print(f"messages         {tally.messages:,}: {tally.flow_s:,.1f} s of the flow's own time")
    print(f"rate             {tally.messages / tally.wall_s:,.0f} commands/s, COMMAND records included; ", end="")
    print(f"{tally.messages / tally.core_s:,.0f}/s of processor time (target: {TARGET:,.0f})")
    mix = (f"{name} {count / tally.examined:.2%}" for name, count in tally.mix.items() if count)
    print(f"mix              {', '.join(mix)}")
    print(f"digest           {tally.digest.hexdigest()}")
    print(f"                 (mix and digest: of the first {tally.examined:,} messages)")
    print(f"engine           accepts {agreement.accepted:.2%} of what it should (of {agreement.messages:,} messages);")
    print(
        f"                 {agreement.live:,} orders live, {agreement.differing} of them not as the generator has them"
    )
    for reason, count in agreement.refused.items():
        print(f"                 refused {count:,}: {reason}")


def main(argv: list[str] | None = None) -> int:
    options = _arguments(argv)
    try:
        flow = _flow(options)
        if options.write_params:
            dump(flow, options.write_params)
            print(f"the parameters are in {options.write_params}")
            return 0
        run = Run("flow", options, options.seed)
        regime = () if options.regime == "own" else REGIMES[options.regime]
        if options.regime == "normal":
            flow = replace(flow, regime=())
        say_if_compiling(kernels.__file__)
        to_commands(next(Generator(flow, options.model, options.seed, regime=regime).chunks(WARM)))  # compile
        tally = _run(Generator(flow, options.model, options.seed, regime=regime), options)
    except (ConfigError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not tally.messages:
        print(f"error: nothing happens in {options.span} s of this flow", file=sys.stderr)
        return 1
    agreement = hold_against_engine(flow, options.model, options.seed, CHECKED, regime)
    _print(options, flow, tally, agreement)
    figures = [
        Figure("commands_per_second", tally.messages / tally.wall_s, "commands/s", "higher"),
        Figure("commands_per_core_second", tally.messages / tally.core_s, "commands/s", "higher"),
        Figure("engine_accepts", agreement.accepted, "share", "higher"),
    ]
    checks = [Check("agrees_with_engine", agreement.passed, f"{agreement.differing} of {agreement.live} orders differ")]
    own = {"digest": tally.digest.hexdigest(), "messages": tally.messages, "flow_s": tally.flow_s, "mix": tally.mix}
    own |= {"branching_ratio": flow.hawkes.branching_ratio(), "refused": agreement.refused}
    run.write(options.json, figures, checks, own=own)
    return 0 if agreement.passed else 2


if __name__ == "__main__":
    sys.exit(main())
