"""How fast history is read over HTTP when there is much of it: every endpoint, with filters and deep paging.

    exchange bench history [--trades N] [--json FILE]

Starts an exchange of its own in a temporary folder, fills its database by SQL (flow.py: 10,000,000 trades,
20,000,000 fills, 7,500,000 orders and their candles need 7 GB for some minutes), and asks its ingress on one
connection, each time for another place. A quarter of all fills are of the account that asks. Every answer is compared
with what the formulas of the history say. Non-goals: the writer's speed, and reads of what is not stored yet.
"""

import argparse
import http.client
import json
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psycopg

from bench.history.flow import BEGIN_MS, STEP_MS, Flow, fill, lots, price_ticks, time_ms
from bench.http.client import Exchange
from bench.load.targets.api import Account, BenchError
from bench.own_exchange import own_exchange
from bench.own_folder import own_folder
from bench.report.result import Check, Figure, Run
from engine_core.administration.demo import TRADERS
from engine_core.arguments import new_file, whole
from engine_core.wire.intervals import INTERVALS

SEED = 11
BAR_MS = 20.0
SMALL_ACCOUNTS, FIRST_SMALL = 1_000, 1_000_000  # a side; the number of the first
GIGABYTES_PER_MILLION = 0.9

Rows = list[dict[str, Any]]
Case = Callable[[], "Question"]


@dataclass(frozen=True)
class Question:
    """A request, and what its answer must be: of each row the members that tell it from all others."""

    path: str
    instruction: str  # empty: public
    members: dict[str, str]
    expected: list[dict[str, Any]]
    total: int | None = None


@dataclass(frozen=True)
class Result:
    case: str
    rows: int  # of an answer, on average
    requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    samples_ms: list[float]


@dataclass(frozen=True)
class Markets:
    symbols: tuple[str, str]
    ticks: tuple[str, str]
    steps: tuple[str, str]


class Questions:
    """Draws requests to the first large account's history; see flow.py for the formulas."""

    def __init__(self, flow: Flow, markets: Markets) -> None:
        self.flow, self.markets, self.random = flow, markets, random.Random(SEED)
        self.account = flow.large[0]
        trades = np.arange(1, flow.trades + 1, dtype=np.int64)
        self._prices = 10_000 + abs(trades % 40_000 - 20_000) // 20 + trades * 7_919 % 13
        self._times = BEGIN_MS + STEP_MS * trades

    def cases(self) -> dict[str, Case]:
        return {
            "trades, newest 100": lambda: self.trades(100, 0),
            "trades, 1,000 anywhere": lambda: self.trades(1000, None),
            "orders, newest 100": lambda: self.orders(100, 0),
            "orders, 1,000 anywhere": lambda: self.orders(1000, None),
            "orders, oldest first, anywhere": lambda: self.orders(100, None, ascending=True),
            "orders of a market, anywhere": lambda: self.orders(100, None, in_market=True),
            "one order": self.one_order,
            "fills, newest 100": lambda: self.fills(100, 0),
            "fills, 1,000 anywhere": lambda: self.fills(1000, None),
            "fills, oldest first, anywhere": lambda: self.fills(100, None, ascending=True),
            "fills of a market, anywhere": lambda: self.fills(100, None, in_market=True),
            "fills of a span, anywhere in it": lambda: self.fills(100, None, in_span=True),
            "fills of a market and span": lambda: self.fills(100, None, in_market=True, in_span=True),
            "fills of one order": self.fills_of_order,
            **{f"klines of {name}, 1,000": self._klines(name) for name in INTERVALS},
        }

    def trades(self, limit: int, offset: int | None) -> Question:
        total = 2 * self.flow.fills_first
        offset = self.random.randrange(total - limit) if offset is None else offset
        ids = range(total - offset, total - offset - limit, -1)
        rows = [{"id": i, "price": self._price(price_ticks(i), 0), "timestamp": time_ms(i)} for i in ids]
        return Question("/api/v1/trades/history", "", self._page(limit, offset, market=0), rows, total)

    def orders(self, limit: int, offset: int | None, *, ascending: bool = False, in_market: bool = False) -> Question:
        last = (self.flow.fills_first if in_market else self.flow.fills) // 2
        numbers, offset = self._numbers(0, last, limit, offset, ascending)
        rows = [{"id": str(self.flow.order_id(self.account, n)), "clientId": n, "status": "Filled"} for n in numbers]
        members = self._page(limit, offset, 0 if in_market else None, ascending)
        return Question("/wapi/v1/history/orders", "orderHistoryQueryAll", members, rows, last)

    def one_order(self) -> Question:
        number = self.random.randint(1, self.flow.fills // 2)
        order = str(self.flow.order_id(self.account, number))
        rows = [{"id": order, "clientId": number, "executedQuantity": self._lots_of(number)}]
        return Question("/wapi/v1/history/orders", "orderHistoryQueryAll", {"orderId": order}, rows, 1)

    def fills(
        self,
        limit: int,
        offset: int | None,
        *,
        ascending: bool = False,
        in_market: bool = False,
        in_span: bool = False,
    ) -> Question:
        low, high = 0, self.flow.fills_first if in_market else self.flow.fills
        members: dict[str, str] = {}
        if in_span:
            low, high = sorted(self.random.sample(range(high), 2))
            members = {"from": str(self._time(low + 1)), "to": str(self._time(high))}
        numbers, offset = self._numbers(low, high, limit, offset, ascending)
        members |= self._page(limit, offset, 0 if in_market else None, ascending)
        return Question(
            "/wapi/v1/history/fills", "fillHistoryQueryAll", members, [self._fill(n) for n in numbers], high - low
        )

    def fills_of_order(self) -> Question:
        number = self.random.randint(1, self.flow.fills // 2)
        members = {"orderId": str(self.flow.order_id(self.account, number))}
        rows = [self._fill(2 * number), self._fill(2 * number - 1)]
        return Question("/wapi/v1/history/fills", "fillHistoryQueryAll", members, rows, 2)

    def _klines(self, name: str) -> Case:
        return lambda: self.klines(name)

    def klines(self, name: str) -> Question:
        """1,000 candles of the first market, or all that there are."""
        interval, last = INTERVALS[name], 2 * self.flow.fills_first
        span_ms = 1_000 * (interval.width_ms or 31 * 86_400_000)
        latest = max(0, (time_ms(last) - BEGIN_MS - span_ms) // 1000)
        first_ms = interval.start(BEGIN_MS + 1000 * self.random.randint(0, latest))
        end_ms = min(first_ms + span_ms, time_ms(last))
        low, high = (int(at) for at in np.searchsorted(self._times[:last], (first_ms, end_ms - 1), side="left"))
        starts = interval.starts(self._times[low : high + 1])
        begins = np.flatnonzero(np.diff(starts, prepend=-1)) + low
        rows: Rows = []
        for begin in begins.tolist():
            start = int(interval.starts(self._times[begin : begin + 1])[0])
            stop = min(last, int(np.searchsorted(self._times[:last], interval.next(start), side="left")))
            prices = self._prices[begin:stop]
            rows.append(
                {
                    "open": self._price(int(prices[0]), 0),
                    "high": self._price(int(prices.max()), 0),
                    "low": self._price(int(prices.min()), 0),
                    "close": self._price(int(prices[-1]), 0),
                    "trades": str(len(prices)),
                }
            )
        members = {"symbol": self.markets.symbols[0], "interval": name, "startTime": str(first_ms // 1000)}
        return Question("/api/v1/klines", "", members | {"endTime": str(-(-end_ms // 1000))}, rows[:1000])

    def _numbers(self, low: int, high: int, limit: int, offset: int | None, ascending: bool) -> tuple[range, int]:
        """(the numbers in (low, high] that a page has, its offset)."""
        if offset is None:
            offset = self.random.randrange(max(1, high - low - limit))
        if ascending:
            return range(low + 1 + offset, min(high, low + offset + limit) + 1), offset
        return range(high - offset, max(low, high - offset - limit), -1), offset

    def _fill(self, number: int) -> dict[str, Any]:
        trade = self.flow.fill(self.account, number)
        first = number <= self.flow.fills_first
        return {
            "tradeId": trade if first else trade - 2 * self.flow.fills_first,
            "orderId": str(self.flow.order_id(self.account, (number + 1) // 2)),
            "price": self._price(price_ticks(trade), 0 if first else 1),
            "symbol": self.markets.symbols[0 if first else 1],
        }

    def _time(self, number: int) -> int:
        return time_ms(self.flow.fill(self.account, number))

    def _lots_of(self, order: int) -> str:
        market = 0 if 2 * order <= self.flow.fills_first else 1
        amount = sum(lots(self.flow.fill(self.account, n)) for n in (2 * order - 1, 2 * order))
        return _decimal(amount, self.markets.steps[market])

    def _price(self, ticks: int, market: int) -> str:
        return _decimal(ticks, self.markets.ticks[market])

    def _page(self, limit: int, offset: int, market: int | None, ascending: bool = False) -> dict[str, str]:
        members = {"limit": str(limit), "offset": str(offset)}
        if market is not None:
            members["symbol"] = self.markets.symbols[market]
        if ascending:
            members["sortDirection"] = "Asc"
        return members


def _decimal(count: int, unit: str) -> str:
    """count · unit as the API writes it, in integers."""
    whole, _, part = unit.partition(".")
    digits = str(count * int(whole + part)).rjust(len(part) + 1, "0")
    return f"{digits[: len(digits) - len(part)]}.{digits[len(digits) - len(part) :]}".rstrip("0").rstrip(".")


class Reader:
    """One kept-alive connection to ingress."""

    def __init__(self, exchange: Exchange) -> None:
        self._account: Account = exchange.accounts[0]
        self._connection = http.client.HTTPConnection(exchange.host, exchange.port, timeout=60)

    def connect_again(self) -> None:
        """With the next request: the server closes what was quiet for as long as large answers take to foresee."""
        self._connection.close()

    def ask(self, question: Question) -> float:
        """Milliseconds from sending to the last byte; BenchError if the answer is not the expected one."""
        members = question.members
        headers = self._account.headers(question.instruction, members) if question.instruction else {}
        target = f"{question.path}?{urlencode(members)}"
        began = time.perf_counter()
        self._connection.request("GET", target, headers=headers)
        response = self._connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1000
        if response.status != 200:
            raise BenchError(f"GET {target}: {response.status} {body[:300].decode('utf-8', 'replace')}")
        rows = json.loads(body)
        found = [{name: row[name] for name in wanted} for row, wanted in zip(rows, question.expected, strict=False)]
        total = response.headers.get("X-TOTAL")
        if len(rows) != len(question.expected) or found != question.expected:
            raise BenchError(f"GET {target}: the answer ({len(rows)} rows) is not the history's: {found[:2]}")
        if question.total is not None and total != str(question.total):
            raise BenchError(f"GET {target}: X-TOTAL is {total} instead of {question.total}")
        return took


def measure(reader: Reader, questions: Questions, requests: int) -> list[Result]:
    results = []
    for name, case in questions.cases().items():
        asked = [case() for _ in range(min(requests, 20) if name.startswith("klines") else requests)]
        reader.connect_again()
        took = sorted(reader.ask(question) for question in asked * (requests // len(asked)))
        rows = sum(len(question.expected) for question in asked) // len(asked)
        p99 = took[min(len(took) - 1, len(took) * 99 // 100)]
        results.append(Result(name, rows, len(took), statistics.median(took), p99, took[-1], took))
        print(f"  {name:34} {rows:5} rows   p50 {results[-1].p50_ms:6.2f} ms   p99 {p99:6.2f} ms", flush=True)
    return results


def prepare(folder: Path, trades: int, small: int) -> tuple[Flow, Markets]:
    """Fill the running exchange's database."""
    run = json.loads((folder / "run.json").read_text())
    with psycopg.connect(run["database"], autocommit=True) as connection:
        deadline = time.monotonic() + 60
        known = (
            "select market, symbol, tick_size::text, lot_size::text, tick_atoms from markets order by market limit 2"
        )
        while len(markets := connection.execute(known.encode()).fetchall()) < 2:
            if time.monotonic() > deadline:
                raise BenchError("the writer has not stored two markets after a minute")
            time.sleep(0.1)
        first, second = markets
        flow = Flow(
            trades=trades,
            large=TRADERS,
            markets=(first[0], second[0]),
            tick_atoms=(first[4], second[4]),
            small=small,
            first_small=FIRST_SMALL,
        )
        began = time.monotonic()
        for done in fill(connection, flow):
            print(f"  {time.monotonic() - began:6.1f} s  {done}", flush=True)
        row = connection.execute("select pg_database_size(current_database()) / 1e9").fetchone()
        print(f"  the database has {row[0] if row else 0:.1f} GB", flush=True)
    return flow, Markets((first[1], second[1]), (first[2], second[2]), (first[3], second[3]))


def run(trades: int, requests: int) -> list[Result]:
    small = next(small for small in (SMALL_ACCOUNTS, 100, 10, 1) if trades % (80 * small) == 0)
    with own_folder() as folder:
        needed = trades / 1e6 * GIGABYTES_PER_MILLION + 2
        if shutil.disk_usage(folder).free < needed * 1e9:
            raise BenchError(f"{folder} has less than {needed:.0f} GB free: set TMPDIR, or name fewer --trades")
        with own_exchange(folder / "data"):
            exchange = Exchange.find(folder / "data", "SOL_USDC")
            flow, markets = prepare(folder / "data", trades, small)
            return measure(Reader(exchange), Questions(flow, markets), requests)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench history", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--trades",
        type=whole(1, 1_000_000_000),
        default=10_000_000,
        help="trades in the history, a multiple of 80 (default: 10,000,000)",
    )
    parser.add_argument(
        "--requests", type=whole(1, 1_000_000_000), default=100, help="requests of each kind (default: 100)"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    options = parser.parse_args(argv)
    if options.trades < 80_000 or options.trades % 80 or options.requests < 1:
        parser.error("--trades must be a multiple of 80 and at least 80000, --requests greater than zero")
    measured = Run("history", options, seed=SEED)
    try:
        results = run(options.trades, options.requests)
    except (BenchError, psycopg.Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    slowest = max(results, key=lambda result: result.p99_ms)
    print(f"slowest p99: {slowest.p99_ms:.2f} ms ({slowest.case})   bar {BAR_MS:.0f} ms; all answers are right")
    checks = [Check("answers", True, "each is what the formulas of the history say")]
    figures = [Figure(result.case, result.p50_ms, "ms p50", "lower", result.samples_ms) for result in results]
    cases = [{name: value for name, value in asdict(r).items() if name != "samples_ms"} for r in results]
    measured.write(options.json, figures, checks, own={"cases": cases})
    return 0


if __name__ == "__main__":
    sys.exit(main())
