"""What an order costs with more shards: processor time by role, and how many orders share an entry of a log.

    exchange bench shards [--shards 1,2,3] [--rate N | --closed] [--seconds S] [--rounds N] [--json FILE]

Starts an exchange of its own for each number, in turns, and loads it as `exchange load` does: three markets, divided
among the shards, and money where it is traded. Counted is what the exchange's processes use from before the first
order until after the last answer, as the kernel counts it; every order and all money must be accounted for at the end
(docs/scaling.md says what comes out, and why). Non-goals: the highest rate, and orders that fetch their funds.
"""

import argparse
import os
import re
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.http.client import Exchange
from bench.load import run
from bench.load.job import Target
from bench.load.options import BOOKS_PATIENCE, PER_CLOSED_SECOND, rate
from bench.load.outcome.accounting import Accounting
from bench.load.outcome.result import Result
from bench.load.plan import keys, markets, schedule, sources
from bench.load.plan.orders import Orders
from bench.load.progress import Screen
from bench.load.targets.api import Account, Api, BenchError
from bench.own_exchange import own_exchange
from bench.own_folder import own_folder
from bench.report.result import Check, Figure, Run
from bench.report.spent import CLIENT, CpuSampler
from engine_core.arguments import new_file, quoted, seconds, whole
from engine_core.config.settings import KEYS_FILE, default_config
from engine_core.operator.target.running import require
from engine_core.transport.redis_connection import client_of
from engine_core.wire.limits import MOST_SHARDS
from engine_core.wire.streams import keys as names_of
from engine_core.wire.units import format_decimal, parse_decimal

SYMBOLS = ("SOL_USDC", "ETH_USDC", "XRP_USDC")
TRANSFER = "/api/v1/capital/transfer"
WARM_SECONDS, PATIENCE_SECONDS, SEED = 1.0, 30.0, 1
CONNECTIONS = 64  # for each shard: entries of their logs are as full, if orders come as fast as they are answered
DECIMALS = 6  # of what is moved: any part of a balance will do


@dataclass(frozen=True)
class Load:
    """The same for every number of shards. `rate`: 0 for each order when an answer comes."""

    rate: float
    seconds: float

    def orders(self, accounts: int, traded: list[markets.Market], duration: float) -> Orders:
        random = np.random.default_rng(SEED)
        if self.rate:
            at_ns = schedule.poisson(self.rate, duration, random)
        else:
            at_ns = np.zeros(round(duration * PER_CLOSED_SECOND[Target.REST]), np.int64)
        return sources.synthetic(at_ns, accounts, traded, random)

    def __str__(self) -> str:
        return f"{self.rate:,g} a second" if self.rate else "as many as go"


@dataclass(frozen=True)
class Cost:
    """Of one run, over its accepted orders."""

    orders: int
    per_second: float
    an_entry: float  # orders
    cpu_us: dict[str, float]  # of an order, by role

    @property
    def total_us(self) -> float:
        return sum(self.cpu_us.values())


def measure(shards: int, load: Load, folder: Path, screen: Screen) -> Cost:
    """On an exchange of so many shards, which is gone afterwards."""
    config = folder / "exchange.toml"
    config.write_text(_with_places(default_config().read_text(encoding="utf-8"), shards), encoding="utf-8")
    data = folder / "data"
    screen.phase(f"starting an exchange of {shards}")
    with own_exchange(data, sys.executable, "--config", str(config), "--shards", str(shards)):
        exchange = Exchange.find(data, SYMBOLS[0])
        with Api(exchange.address.url, PATIENCE_SECONDS) as api:
            for account in keys.read(data / KEYS_FILE):
                _divide(api, account, shards)
            return _loaded(api, exchange, load, shards, data, screen)


def _with_places(text: str, shards: int) -> str:
    """A configuration in which the markets begin in all shards in turns."""
    text = re.sub(r"(?m)^shard *=.*\n", "", text)
    for place, symbol in enumerate(SYMBOLS):
        text, found = re.subn(rf"(?m)^\[markets\.{symbol}\].*$", rf"\g<0>\nshard = {place % shards}", text)
        if found != 1:
            raise BenchError(f"{default_config()} has no market {symbol}, which this benchmark trades in")
    return text


def _loaded(api: Api, exchange: Exchange, load: Load, shards: int, data: Path, screen: Screen) -> Cost:
    plan = run.Plan(
        target=Target.REST,
        address=api.address,
        accounts=keys.read(data / KEYS_FILE),
        markets=markets.look_up(api, list(SYMBOLS)),
        connections=CONNECTIONS * shards,
        processes=1,
        in_flight=1,
        patience=PATIENCE_SECONDS,
        redis="",
        block=1,
        stream_address=None,
        readers=0,
    )

    def loaded(duration: float) -> Result:
        orders = load.orders(len(plan.accounts), plan.markets, duration)
        return run.measure(plan, orders, f"{_shards(shards)}, {load}", screen, 0.0 if load.rate else duration)

    loaded(WARM_SECONDS)
    accounting = Accounting(api, plan.accounts, plan.markets, screen.phase, screen.warn, BOOKS_PATIENCE)
    entries, spent = _entries(data, shards), CpuSampler(exchange.processes)
    with spent:
        result = loaded(load.seconds)
    entries = _entries(data, shards) - entries
    result = result.settled(accounting)
    if not result.is_accounted or not result.accepted:
        raise BenchError(f"{_shards(shards)}: this is no result: {result.verdict and result.verdict.problems[:3]}")
    roles: defaultdict[str, float] = defaultdict(float)
    for name, us in spent.microseconds(result.accepted).items():
        if name != CLIENT:
            roles[name.partition(".")[0]] += us
    return Cost(result.accepted, result.per_second, result.accepted / entries, dict(roles))


def _divide(api: Api, account: Account, shards: int) -> None:
    """Bases to the shard of their market, and the quote to all shards alike."""
    balances = api.get("/api/v1/capital", account=account, instruction="balanceQuery").content
    moves = [(symbol.partition("_")[0], place % shards, 1) for place, symbol in enumerate(SYMBOLS)]
    moves += [(SYMBOLS[0].partition("_")[2], shard, shards) for shard in range(shards)]
    for asset, shard, parts in moves:
        if shard:
            quantity = parse_decimal(balances[asset]["available"], DECIMALS) // parts
            fields = {"symbol": asset, "quantity": format_decimal(quantity, DECIMALS), "from": "0", "to": str(shard)}
            api.send("POST", TRANSFER, fields, account, "transfer")


def _entries(data: Path, shards: int) -> int:
    """That the logs of commands have ever had."""
    with client_of(require(data).redis, PATIENCE_SECONDS) as client:
        return sum(int(client.xinfo_stream(names_of(shard).orders)["entries-added"]) for shard in range(shards))


def report(costs: dict[int, list[Cost]], load: Load) -> None:
    roles = sorted({role for each in costs.values() for cost in each for role in cost.cpu_us})
    print(f"CPU of an order in us, {load}, medians of {len(next(iter(costs.values())))}; load {os.getloadavg()[0]:.1f}")
    print(f"{'shards':>6}{'orders/s':>10}{'an entry':>10}" + "".join(f"{role:>10}" for role in roles) + f"{'all':>10}")
    first = statistics.median(cost.total_us for cost in next(iter(costs.values())))
    for shards, each in costs.items():
        spent = [statistics.median(cost.cpu_us.get(role, 0.0) for cost in each) for role in roles]
        total = statistics.median(cost.total_us for cost in each)
        rates = statistics.median(cost.per_second for cost in each), statistics.median(cost.an_entry for cost in each)
        line = f"{shards:>6}{rates[0]:>10,.0f}{rates[1]:>10.2f}" + "".join(f"{us:>10.0f}" for us in spent)
        least, most = min(cost.total_us for cost in each), max(cost.total_us for cost in each)
        print(f"{line}{total:>10.0f}   x {total / first:.2f}   ({least:,.0f} to {most:,.0f})")
    print(
        "in brackets: of single runs; a machine that does other work, or a load of a few seconds, spreads them widely"
    )


def _shards(count: int) -> str:
    return f"{count} shard{'s' if count > 1 else ''}"


def numbers(text: str) -> list[int]:
    """Of shards, as they are typed."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or len({*found}) < len(found) or not all(1 <= each <= MOST_SHARDS for each in found):
        form = f"must be numbers from 1 to {MOST_SHARDS}, each once, like 1,2,3"
        raise argparse.ArgumentTypeError(f"{form}, is {quoted(text)}")
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench shards", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--shards", type=numbers, default=[1, 2, 3], help="how many, each of them (default: 1,2,3)")
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--rate", type=rate, default=1500.0, help="random arrivals, so many a second (default: 1500)")
    many.add_argument("--closed", action="store_true", help="each order when an answer comes: as many as go")
    parser.add_argument("--seconds", type=seconds(0.5, 3_600), default=15.0, help="of each load (default: 15)")
    parser.add_argument("--rounds", type=whole(1, 100), default=2, help="loads of each number, in turns (default: 2)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    options = parser.parse_args(argv)
    document, load = Run("shards", options, seed=SEED), Load(0.0 if options.closed else options.rate, options.seconds)
    costs: dict[int, list[Cost]] = {shards: [] for shards in options.shards}
    try:
        with Screen() as screen:
            for number in range(options.rounds):
                for shards in options.shards:
                    with own_folder() as folder:
                        costs[shards].append(measure(shards, load, folder, screen))
                    cost = costs[shards][-1]
                    done = f"{number + 1} of {options.rounds}: {_shards(shards)}, {cost.total_us:.0f} us an order"
                    print(f"  {done}", file=sys.stderr, flush=True)
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report(costs, load)
    figures = [
        Figure(f"CPU of an order, {_shards(shards)}", statistics.median(samples), "us", "lower", samples)
        for shards, samples in ((shards, [cost.total_us for cost in each]) for shards, each in costs.items())
    ]
    own = {"costs": {str(shards): [asdict(cost) for cost in each] for shards, each in costs.items()}}
    document.write(options.json, figures, [Check("every order and all money is accounted for", True)], own=own)
    return 0


if __name__ == "__main__":
    sys.exit(main())
