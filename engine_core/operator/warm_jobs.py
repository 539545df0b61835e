"""The engine's jobs of `exchange warm`, each a process of its own: `book`, and `views` for what servers share and show.

They print `compile NAME` as each kernel's turn comes. The job of the requests is ingress's (ingress/fast_path/warm.py).
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from engine_core.book import audit, queries
from engine_core.book.memory.state import Capacities
from engine_core.book.resize import resized
from engine_core.edge.expiring_set import Remembered
from engine_core.process import lifecycle
from engine_core.process.compilation import announce_compilation
from engine_core.replica.market_data import MarketData
from engine_core.runtime.machine import Machine
from engine_core.transport.ring import RingReader, RingWriter, Stamp
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketState,
    OrderStatus,
    OrderType,
    QueryKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND, EVENT, SCHEMA_VERSION, SLOT, join
from engine_core.wire.query_records import ANSWER_HEADER, LEVEL
from engine_core.wire.streams import ORIGIN, EntryId, Header, encode_block

SMALL = Capacities(
    accounts=8,
    assets=4,
    markets=4,
    orders=64,
    levels=64,
    keys=8,
    gateways=4,
    timers=8,
    ended=8,
    ended_per_account=4,
    references=64,
)
LOG_ID, TIME_MS = 1, 1_000


def _record(dtype: np.dtype, **fields: Any) -> np.ndarray:
    record = np.zeros(1, dtype)
    for name, value in fields.items():
        record[name] = value
    return record


def _setup() -> list[np.ndarray]:
    market = {
        "market": 1,
        "asset": 2,
        "quote_asset": 1,
        "code": MarketState.OPEN,
        "lot_atoms": 1,
        "tick_atoms": 1,
        "min_lots": 1,
        "max_lots": 1000,
    }
    return [
        _record(ADMIN, kind=CommandKind.ASSET, asset=1, symbol=b"USDC", decimals=6),
        _record(ADMIN, kind=CommandKind.ASSET, asset=2, symbol=b"SOL", decimals=6),
        _record(ADMIN, kind=CommandKind.MARKET, **market),
    ]


def book() -> None:
    """The state machine as the engine drives it, its reads, and its audit."""
    machine = Machine(SMALL)
    genesis = _record(
        ADMIN,
        kind=CommandKind.GENESIS,
        code=SCHEMA_VERSION,
        log_id=LOG_ID,
        behaviour=BEHAVIOUR_VERSION,
        created_ms=TIME_MS,
    )
    orders = [
        _record(COMMAND, kind=CommandKind.PLACE, side=side, order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC)
        for side in (Side.BID, Side.ASK)
    ]
    for sequence, records in enumerate((join([genesis, *_setup()]), join(orders)), 1):
        header = Header(machine.log_id, machine.epoch, 1, 1, sequence, TIME_MS)
        machine.encode(machine.execute(EntryId(TIME_MS, sequence), encode_block(header, records)))
    state = machine.state
    queries.setup(state)
    queries.levels(state, 1)
    queries.open_orders(state, 1)
    queries.find_order(state, 1, 1, 1, 0, False)
    queries.market_orders(state, 1)
    queries.balances(state, 1)
    queries.status(state)
    resized(state, SMALL._replace(orders=2 * SMALL.orders))
    audit.audit(state)
    audit.conservation(state)
    audit.digest(state)


def views() -> None:
    """The ring, the names that servers share, and the replica of the reading processes."""
    with tempfile.TemporaryDirectory() as folder:
        _ring(Path(folder))
        Remembered(Path(folder) / "names", 1).close()
    asyncio.run(_replica())


def _ring(folder: Path) -> None:
    writer = RingWriter(folder, 0, 64, LOG_ID, 1, ORIGIN)
    reader = RingReader(folder, 0)
    assert reader.attach() and reader.seek(ORIGIN)
    reader.fall_asleep()
    writer.write(np.zeros(1, EVENT), Stamp(EntryId(TIME_MS, 0), 1, 1, 1, TIME_MS))
    writer.ring()
    reader.read()
    reader.close()
    writer.close()


async def _replica() -> None:
    async def query(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        records = join(_setup()) if kind == QueryKind.SETUP else np.zeros(0, LEVEL)
        return _record(ANSWER_HEADER, entry_ms=TIME_MS, log_id=LOG_ID)[0], records

    handlers: list[Any] = []
    data = await MarketData.bootstrap(query, handlers)
    now_ms = time.time_ns() // 1_000_000
    slots = np.zeros(2, SLOT)
    slots["entry_ms"], slots["time_ms"], slots["block_events"] = TIME_MS + 1, now_ms, 2
    slots["position"] = (0, 1)
    event = slots["event"]
    event["kind"], event["market"], event["side"] = (EventKind.ACCEPTED, EventKind.FILL), 1, Side.BID
    event["order_type"], event["time_in_force"], event["self_trade"] = (
        OrderType.LIMIT,
        TimeInForce.GTC,
        SelfTrade.REJECT_TAKER,
    )
    event["status"], event["price_ticks"], event["update_id"] = OrderStatus.NEW, 100, (1, 2)
    event["level_lots"], event["fill_lots"], event["trade_id"] = (5, 4), 1, 1
    for handler in handlers:
        handler(slots)
    data.book(1).snapshot(5)
    data.book(1).best()
    data.book(1).walk(Side.BID, 1, 1)
    data.ticker(1)
    data.recent_trades(1, 5)
    await data.close()


def main() -> None:
    lifecycle.start("warm")
    announce_compilation()
    {"book": book, "views": views}[sys.argv[1]]()


if __name__ == "__main__":
    main()
