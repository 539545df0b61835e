"""Hand-made event flow: SLOT batches of two markets with a slow, obvious book beside them (the dict twin)."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine_core.administration.client import admin
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketState,
    OrderFlag,
    OrderStatus,
    OrderType,
    QueryKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import BEHAVIOUR_VERSION, EVENT, SLOT, join
from engine_core.wire.query_records import ANSWER_HEADER, BALANCE, LEVEL

START_MS = 1_790_000_000_000
SOL_USDC, BTC_USDC = 1, 2


def setup_records() -> np.ndarray:
    """USDC with 6 decimals, SOL with 9, BTC with 8; ticks of 0.01, lots of 0.01 SOL and 0.0001 BTC."""
    open_ = MarketState.OPEN
    return join(
        [
            admin(CommandKind.GENESIS, a=77, b=BEHAVIOUR_VERSION, c=START_MS),
            admin(CommandKind.ASSET, asset=1, symbol=b"USDC", decimals=6),
            admin(CommandKind.ASSET, asset=2, symbol=b"SOL", decimals=9),
            admin(CommandKind.ASSET, asset=3, symbol=b"BTC", decimals=8),
            admin(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=open_, a=10**7, b=100, c=1, d=10**9),
            admin(CommandKind.MARKET, market=2, asset=3, quote_asset=1, code=open_, a=10**4, b=1, c=1, d=10**9),
            admin(CommandKind.FEES, market=1, code=0, a=800, b=1000),
            admin(CommandKind.FEES, market=1, code=3, a=100, b=200),
            admin(CommandKind.ACCOUNT, account=2),
            admin(CommandKind.ACCOUNT, account=3),
        ]
    )


@dataclass
class Flow:
    """Makes events one by one; `take()` gives those made since as a batch."""

    time_ms: int = START_MS
    entry: int = 0
    update_ids: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    trade_ids: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    books: defaultdict[tuple[int, int], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    trades: list[tuple[int, int, int, int]] = field(default_factory=list)  # market, id, price, lots
    made: list[np.ndarray] = field(default_factory=list)

    def event(self, kind: EventKind, **fields: Any) -> np.ndarray:
        slot = np.zeros(1, SLOT)
        self.entry += 1
        slot["entry_ms"], slot["entry_seq"], slot["time_ms"] = self.time_ms, self.entry, self.time_ms
        slot["block_events"] = 1
        event = slot["event"]
        event["kind"], event["order_type"], event["time_in_force"] = kind, OrderType.LIMIT, TimeInForce.GTC
        event["self_trade"], event["status"], event["market"] = SelfTrade.REJECT_TAKER, OrderStatus.NEW, SOL_USDC
        for name, value in fields.items():
            event[name] = value
        self.made.append(slot)
        return slot

    def level(self, side: Side, ticks: int, lots: int, market: int = SOL_USDC, **fields: Any) -> None:
        """An order rests, or leaves: the level shows `lots` now."""
        self.update_ids[market] += 1
        book = self.books[market, side]
        if lots:
            book[ticks] = lots
        else:
            book.pop(ticks, None)
        kind = EventKind.ACCEPTED if lots else EventKind.CANCELLED
        fields = {"account": 2, "order_id": self.entry + 1, "quantity_lots": lots, **fields}
        self.event(
            kind,
            side=side,
            price_ticks=ticks,
            level_lots=lots,
            update_id=self.update_ids[market],
            market=market,
            **fields,
        )

    def trade(self, maker_side: Side, ticks: int, lots: int, left: int, market: int = SOL_USDC) -> None:
        """A maker at `ticks` trades; its level shows `left` afterwards."""
        self.level(maker_side, ticks, left, market)
        self.trade_ids[market] += 1
        maker = self.made[-1]["event"]
        maker["kind"], maker["status"] = EventKind.FILL, OrderStatus.PARTIALLY_FILLED if left else OrderStatus.FILLED
        maker["order_id"], maker["counter_order_id"] = 500, 600
        maker["trade_id"], maker["fill_lots"], maker["fee_atoms"] = self.trade_ids[market], lots, 1
        taker = self.event(EventKind.FILL, market=market, side=3 - maker_side, price_ticks=ticks, flags=OrderFlag.TAKER)
        taker["event"]["account"], taker["event"]["order_id"], taker["event"]["counter_order_id"] = 3, 600, 500
        taker["event"]["limit_ticks"], taker["event"]["fee_atoms"] = ticks, 1
        taker["event"]["trade_id"], taker["event"]["fill_lots"] = self.trade_ids[market], lots
        self.trades.append((market, self.trade_ids[market], ticks, lots))

    def admin(self, record: np.ndarray, kind: EventKind = EventKind.APPLIED, **fields: Any) -> None:
        slot = self.event(kind, order_type=0, time_in_force=0, self_trade=0, status=0, market=0)
        for name, value in fields.items():
            slot["event"][name] = value
        slot.view(np.uint8)[64:128] = record.view(np.uint8)

    def take(self) -> np.ndarray:
        batch = join(self.made) if self.made else np.empty(0, SLOT)
        self.made.clear()
        return batch

    def levels(self, market: int, side: Side) -> list[tuple[int, int]]:
        return sorted(self.books[market, side].items())


class Engine:
    """Answers the replica's queries from the flow's state, as the engine would."""

    def __init__(self, flow: Flow, records: np.ndarray | None = None) -> None:
        self.flow = flow
        self.records = setup_records() if records is None else records
        self.balances: dict[int, list[tuple[int, int, int]]] = {}  # account: (asset, available, locked)
        self.orders: dict[int, np.ndarray] = {}
        self.asked: list[tuple[QueryKind, int]] = []

    async def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        self.asked.append((kind, market))
        header = np.zeros(1, ANSWER_HEADER)
        header["entry_ms"], header["entry_seq"], header["time_ms"] = (
            self.flow.time_ms,
            self.flow.entry,
            self.flow.time_ms,
        )
        records = self.records
        if kind == QueryKind.BOOK:
            header["update_id"] = self.flow.update_ids[market]
            records = self._levels(market)
        elif kind == QueryKind.BALANCES:
            records = np.zeros(len(self.balances.get(account, [])), BALANCE)
            for row, balance in zip(records, self.balances.get(account, []), strict=True):
                row["asset"], row["available"], row["locked"] = balance
        elif kind == QueryKind.BOOK_ORDERS:
            header["update_id"], records = self.flow.update_ids[market], np.empty(0, EVENT)  # of an empty book
        elif kind == QueryKind.ORDERS:
            records = self.orders.get(account, np.empty(0, EVENT))
        return header[0], records

    def _levels(self, market: int) -> np.ndarray:
        bids = [(Side.BID, *level) for level in reversed(self.flow.levels(market, Side.BID))]
        asks = [(Side.ASK, *level) for level in self.flow.levels(market, Side.ASK)]
        levels = np.zeros(len(bids + asks), LEVEL)
        for row, (side, ticks, lots) in zip(levels, bids + asks, strict=True):
            row["side"], row["price_ticks"], row["lots"] = side, ticks, lots
        return levels
