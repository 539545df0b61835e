"""The engines of a venue of several shards, asked by their logs as ingress asks them, and what is stored of them."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from engine_core.administration.client import admin
from engine_core.administration.demo import TRADERS
from engine_core.operator.target.running import require
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    OrderType,
    QueryKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import COMMAND
from tests.exchange import Exchange, eventually

USDC, SOL, ETH = 1, 2, 4  # assets of the shipped configuration
SOL_USDC, ETH_USDC = 1, 3  # its markets, of which a venue of two shards begins one in each
BUYER, SELLER = TRADERS
MONEY = 10**12


@contextmanager
def two_shards(data: Path) -> Iterator[Exchange]:
    """A venue of two, in each of which its traders have money."""
    made = Exchange(data, "--profile", "bare", "--shards", "2", ingress_workers=1)
    try:
        made.start()
        with Engines(made) as engines:
            for account in TRADERS:
                for asset in (USDC, ETH):
                    engines.send_money(account, asset, 1)
        yield made
    finally:
        made.end()


class Engines:
    """The engines of all shards."""

    def __init__(self, exchange: Exchange) -> None:
        self.urls = require(exchange.data).redis_urls
        self._stack = ExitStack()

    def __enter__(self) -> "Engines":
        self.gateways = [
            self._stack.enter_context(Gateway(url, shard, answer_seconds=60.0)) for shard, url in enumerate(self.urls)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send_money(self, account: int, asset: int, to: int, atoms: int = MONEY, until: int = 2) -> None:
        """From home; `until`: how many of its two halves are done."""
        (links,) = [self.gateways[0].query(QueryKind.LINKS, account=account)[1]]
        sequence = max(links["out_sequence"][links["shard"] == to].tolist(), default=0) + 1
        values = {"account": account, "asset": asset, "amount_atoms": atoms, "sequence": sequence}
        values["move_reference"] = 1_000 * account + 10 * sequence + to
        for shard, kind, other in ((0, CommandKind.MOVE_OUT, to), (to, CommandKind.MOVE_IN, 0))[:until]:
            (event,) = self.gateways[shard].execute(admin(kind, code=other, **values))
            assert event["kind"] == EventKind.APPLIED, event

    def on_their_way(self, account: int, to: int) -> int:
        """Moves of money from home that have not arrived."""
        sent, arrived = (self.gateways[shard].query(QueryKind.LINKS, account=account)[1] for shard in (0, to))
        last = sent["out_sequence"][sent["shard"] == to].sum()
        return int(last - arrived["in_sequence"][arrived["shard"] == 0].sum())

    def place(self, shard: int, market: int, account: int, side: Side, ticks: int, **fields: Any) -> np.ndarray:
        record = np.zeros(1, COMMAND)
        values = {
            **{"kind": CommandKind.PLACE, "market": market, "account": account, "side": side, "price_ticks": ticks},
            **{"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "quantity_lots": 10},
            **{"self_trade": SelfTrade.REJECT_TAKER, **fields},
        }
        for name, value in values.items():
            record[name] = value
        return self.gateways[shard].execute(record)

    def trade(self, shard: int, market: int) -> int:
        """One trade and one order that stays; the trade's ID."""
        self.place(shard, market, BUYER, Side.BID, 9_000, quantity_lots=20)
        events = self.place(shard, market, SELLER, Side.ASK, 9_000, time_in_force=TimeInForce.IOC)
        fills = events[events["kind"] == EventKind.FILL]
        assert len(fills) == 2, events
        return int(fills["trade_id"][0])


def markets(exchange: Exchange) -> dict[str, tuple[int | None, str]]:
    done = exchange.command("market", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["market"]: (row["shard"], row["state"]) for row in rows}


def stored(exchange: Exchange, query: str) -> Any:
    with psycopg.connect(exchange.run["database"]) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def until_stored(exchange: Exchange, market: int, trade: int) -> None:
    """And the ones before it, each once."""
    query = f"select array[count(*), count(distinct trade_id), max(trade_id)] from trades where market = {market}"
    eventually(lambda: stored(exchange, query), lambda found: found == [trade] * 3, f"{trade} trades of {market}")
