"""An egress process without an engine: real hub, frames and sockets, fed with made-up events of one busy market.

    python -m bench.websocket.server --changes 500 --trades 100        prints its port

For bench/websocket/, so that fan-out is measured apart from matching. Non-goals: sensible prices.
"""

import argparse
import asyncio
import gc
import time
from pathlib import Path

import numpy as np
import uvloop

from egress.auth import Authenticator
from egress.config import ConnectionLimits, EgressConfig
from egress.hub import Hub
from egress.server import Egress
from egress.streams.market_by_order import OrderFeeds
from egress.streams.private import PrivateStreams
from egress.streams.public import PublicStreams
from engine_core.arguments import whole
from engine_core.process import lifecycle
from engine_core.replica.depth import Depth
from engine_core.replica.market_data import EventHandler, MarketData
from engine_core.replica.records import flat
from engine_core.replica.trades import Trades
from engine_core.wire.codes import CommandKind, EventKind, MarketState, OrderFlag, QueryKind, Side
from engine_core.wire.intervals import DAY_MS
from engine_core.wire.layout import ADMIN, SLOT
from engine_core.wire.query_records import ANSWER_HEADER, LEVEL

SYMBOL = "SOL_USDC"
MARKET = 1
MIDDLE = 10_000
SPREAD = 40  # levels on each side that change
BEAT_SECONDS = 0.002
UNBOUNDED = ConnectionLimits(
    of_one_address=0, address_burst=10**9, address_per_second=10**9
)  # all clients come from here


def setup() -> np.ndarray:
    records = np.zeros(3, ADMIN)
    for record, asset in zip(records, ((1, b"USDC", 6), (2, b"SOL", 9)), strict=False):
        record["kind"] = CommandKind.ASSET
        record["asset"], record["symbol"], record["decimals"] = asset
    market = records[2]
    market["kind"], market["market"], market["asset"], market["quote_asset"] = CommandKind.MARKET, MARKET, 2, 1
    market["code"], market["lot_atoms"], market["tick_atoms"] = MarketState.OPEN, 10**7, 100
    return records


async def query(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
    """An engine whose book is empty."""
    header = np.zeros(1, ANSWER_HEADER)[0]
    return (header, setup()) if kind == QueryKind.SETUP else (header, np.zeros(0, LEVEL))


def warm() -> None:
    """Compile the replica's kernels into the cache, by using each once."""
    slots = np.zeros(1, SLOT)
    event = slots["event"]
    event["kind"], event["market"], event["side"], event["price_ticks"] = EventKind.FILL, 1, Side.BID, 1
    event["trade_id"] = event["fill_lots"] = event["update_id"] = event["level_lots"] = 1
    depth, trades = Depth(), Trades()
    depth.add_market(1, live=True)
    trades.reserve(1)
    depth.begin(len(slots))
    depth.apply(flat(slots), 0)
    trades.add(depth.batch().trades)
    assert trades.ticker(1, DAY_MS, 0).trades == 1


class Events:
    """Level changes around the middle; a share of them are trades."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._changes = self._trades = self._entry = 0

    def batch(self, changes: int, trades: int, time_ms: int) -> np.ndarray:
        """`changes` level changes, of which the last `trades` are the makers' side of trades."""
        slots = np.zeros(changes + trades, SLOT)
        makers, takers = slots["event"][:changes], slots["event"][changes:]
        side = self._random.integers(Side.BID, Side.ASK + 1, changes)
        away = self._random.integers(0, SPREAD, changes)
        makers["kind"], makers["market"], makers["side"] = EventKind.ACCEPTED, MARKET, side
        makers["price_ticks"] = np.where(side == Side.BID, MIDDLE - 1 - away, MIDDLE + away)
        makers["level_lots"] = self._random.integers(0, 500, changes) * (self._random.random(changes) > 0.2)
        makers["update_id"] = self._changes + 1 + np.arange(changes)
        if trades:
            traded = makers[-trades:]
            traded["kind"], traded["fill_lots"] = EventKind.FILL, self._random.integers(1, 100, trades)
            traded["trade_id"] = self._trades + 1 + np.arange(trades)
            takers["kind"], takers["flags"], takers["market"] = EventKind.FILL, OrderFlag.TAKER, MARKET
        self._changes, self._trades, self._entry = self._changes + changes, self._trades + trades, self._entry + 1
        slots["time_ms"] = slots["entry_ms"] = time_ms
        slots["entry_seq"] = self._entry
        return slots


async def feed(handler: EventHandler, changes: int, trades: int, seed: int) -> None:
    """So many level changes and trades a second, in small batches as they become due.

    A batch has the time at which its first was due: what an event waits for this event loop is part of its latency.
    """
    events, loop = Events(seed), asyncio.get_running_loop()
    started, started_ms, made_changes, made_trades = loop.time(), time.time() * 1000, 0, 0
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        passed = loop.time() - started
        due_changes, due_trades = int(passed * changes) - made_changes, int(passed * trades) - made_trades
        if due_changes:
            due_trades = min(due_trades, due_changes)
            due_ms = started_ms + (made_changes + 1) / changes * 1000
            handler(events.batch(due_changes, due_trades, int(due_ms)))
            made_changes, made_trades = made_changes + due_changes, made_trades + due_trades


async def run(changes: int, trades: int, seed: int, limits: ConnectionLimits = UNBOUNDED) -> None:
    warm()
    on_events: list[EventHandler] = []
    data = await MarketData.bootstrap(query, on_events)
    data.filled = True  # this market begins here
    hub = Hub()
    PublicStreams(data, hub, OrderFeeds(data, hub, query))
    private = PrivateStreams(data, hub, query)
    config = EgressConfig(("",), Path(), 0, 0, "127.0.0.1", 0, 1, b"", 0, limits)
    server = Egress(config, data, hub, private, Authenticator(data.setup, b""))
    await server.start()
    gc.freeze()  # as egress does
    lifecycle.ready()
    print(server.port, flush=True)
    if not changes:
        await asyncio.Event().wait()  # nothing happens
    await feed(on_events[0], changes, trades, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=whole(0, 1_000_000_000), default=500, help="level changes a second")
    parser.add_argument(
        "--trades", type=whole(0, 1_000_000_000), default=100, help="trades a second; each is also a level change"
    )
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=1)
    options = parser.parse_args()
    uvloop.run(run(options.changes, options.trades, options.seed))


if __name__ == "__main__":
    main()
