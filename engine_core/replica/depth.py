"""The books of all markets as price levels, kept from events; and what each batch of events changed.

One kernel call takes a batch. It gives the trades, one row for each level that changed (conflated: its last value), and
for each market the span of depth sequence numbers covered. A level change must be the market's next number: a lower one
is already contained, a higher one is a gap, at which the kernel stops.

A side is a sorted run of cells in one pool, best level last, so that what moves most moves least memory:

    cells   | bids of market 1 .....room | asks of market 1 ....room | bids of market 2 ...
    key     = ticks of a bid, -ticks of an ask: ascending, best last in both

Full sides move to the end of the pool with twice the room; a full pool is rebuilt. Non-goals: single orders, who owns
what (orders.py), and asking the engine (market_data.py).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from engine_core.jit.kernel import entry, inner
from engine_core.replica.records import LEVEL_CHANGE, SPAN, TRADE
from engine_core.replica.setup import NOT_SETUP
from engine_core.wire.codes import EventKind, OrderFlag, Side

CELL = np.dtype([("key", "<i8"), ("lots", "<i8")])
SIDE = np.dtype([("offset", "<i8"), ("room", "<i8"), ("count", "<i8")])
MARKET = np.dtype([("update_id", "<i8"), ("live", "<i8"), ("last_trade", "<i8"), ("epoch", "<i8"), ("span", "<i8")])
# The conflation table: (market, side, price) -> row of `levels`, valid in the batch `epoch` only.
ENTRY = np.dtype([("key", "<i8"), ("epoch", "<i8"), ("row", "<i8")])

FIRST_ROOM = 64
Integer = int | np.int64

# Why the kernel stopped.
DONE, ADMIN_EVENT_MET, SIDE_FULL, GAP, UNKNOWN_MARKET = 0, 1, 2, 3, 4
# Cells of `control`: batch number, then the rows written, then what the stop is about.
EPOCH, LEVELS, TRADES, SPANS, SUBJECT = 0, 1, 2, 3, 4

_FILL, _APPLIED = int(EventKind.FILL), int(EventKind.APPLIED)
_LOW = 2**32 - 1
_FIRST_ADMIN = int(EventKind.APPLIED)  # kinds from here on have the ADMIN shape
_TAKER, _BID = int(OrderFlag.TAKER), int(Side.BID)
_IS_SETUP = np.isin(np.arange(256), NOT_SETUP, invert=True)  # by kind of an administrative command


@inner
def _find(cells: np.ndarray, first: int, end: int, key: Integer) -> int:
    """Index of the first cell of first..end-1 whose key is >= `key`."""
    while first < end:
        middle = (first + end) >> 1
        if cells[middle]["key"] < key:
            first = middle + 1
        else:
            end = middle
    return first


@inner
def _set_level(sides: np.ndarray, cells: np.ndarray, side: Integer, key: Integer, lots: int) -> bool:
    """Show `lots` at `key`; False if the side has no room for a new level."""
    first, count = sides[side]["offset"], sides[side]["count"]
    end = first + count
    at = _find(cells, first, end, key)
    if at < end and cells[at]["key"] == key:
        if lots > 0:
            cells[at]["lots"] = lots
            return True
        for i in range(at, end - 1):
            cells[i]["key"] = cells[i + 1]["key"]
            cells[i]["lots"] = cells[i + 1]["lots"]
        sides[side]["count"] = count - 1
        return True
    if lots == 0:
        return True
    if count == sides[side]["room"]:
        return False
    for i in range(end, at, -1):
        cells[i]["key"] = cells[i - 1]["key"]
        cells[i]["lots"] = cells[i - 1]["lots"]
    cells[at]["key"] = key
    cells[at]["lots"] = lots
    sides[side]["count"] = count + 1
    return True


@inner
def _note_level(
    table: np.ndarray,
    levels: np.ndarray,
    control: np.ndarray,
    market: Integer,
    side: Integer,
    price: Integer,
    lots: int,
) -> None:
    """Write the level's new value to its row of this batch, or to a new row."""
    key = (market << 33) | (side << 31) | price
    mask = len(table) - 1
    at = (price + side * (mask >> 1) + market * 7919) & mask  # neighbouring prices do not collide
    while table[at]["epoch"] == control[EPOCH] and table[at]["key"] != key:
        at = (at + 1) & mask
    if table[at]["epoch"] != control[EPOCH]:
        row = control[LEVELS]
        control[LEVELS] = row + 1
        table[at]["epoch"], table[at]["key"], table[at]["row"] = control[EPOCH], key, row
        levels[row]["market"], levels[row]["side"], levels[row]["price_ticks"] = market, side, price
    levels[table[at]["row"]]["lots"] = lots


@inner
def _note_span(markets: np.ndarray, spans: np.ndarray, control: np.ndarray, market: Integer, update_id: int) -> None:
    if markets[market]["epoch"] != control[EPOCH]:
        row = control[SPANS]
        control[SPANS] = row + 1
        markets[market]["epoch"], markets[market]["span"] = control[EPOCH], row
        spans[row]["market"], spans[row]["first_id"] = market, update_id
    spans[markets[market]["span"]]["last_id"] = update_id


@inner
def _note_trade(event: np.void, markets: np.ndarray, trades: np.ndarray, control: np.ndarray) -> None:
    market = event["market"]
    if event["trade_id"] <= markets[market]["last_trade"]:
        return
    markets[market]["last_trade"] = event["trade_id"]
    trade = trades[control[TRADES]]
    control[TRADES] += 1
    trade["market"], trade["maker_side"], trade["trade_id"] = market, event["side"], event["trade_id"]
    trade["price_ticks"], trade["lots"], trade["time_ms"] = event["price_ticks"], event["fill_lots"], event["time_ms"]
    trade["maker_order_id"], trade["taker_order_id"] = event["order_id"], event["counter_order_id"]


@inner
def _concerns_setup(event: np.void) -> bool:
    return bool(event["kind"] == _APPLIED and _IS_SETUP[event["command_kind"]])


@entry
def apply_events(
    slots: np.ndarray,
    first: int,
    markets: np.ndarray,
    sides: np.ndarray,
    cells: np.ndarray,
    table: np.ndarray,
    levels: np.ndarray,
    trades: np.ndarray,
    spans: np.ndarray,
    control: np.ndarray,
) -> tuple[int, int]:
    """Apply slots[first:]; (index where it stopped, why). What it says about the stop's event is not yet applied."""
    for i in range(first, len(slots)):
        event = slots[i]
        if event["kind"] >= _FIRST_ADMIN:
            if _concerns_setup(event):
                return i, ADMIN_EVENT_MET
            continue
        trade = event["kind"] == _FILL and not event["flags"] & _TAKER
        update_id = event["update_id"]
        if not trade and update_id == 0:
            continue  # a taker's FILL, or an event that may name no market at all
        market = np.int64(event["market"])
        if market >= len(markets):
            control[SUBJECT] = market
            return i, UNKNOWN_MARKET
        if trade:
            _note_trade(event, markets, trades, control)
        if update_id <= markets[market]["update_id"] or markets[market]["live"] == 0:
            continue
        if update_id != markets[market]["update_id"] + 1:
            control[SUBJECT] = market
            return i, GAP
        side = np.int64(event["side"])
        price = np.int64(event["price_ticks"])
        key = price if side == _BID else -price
        if not _set_level(sides, cells, 2 * market + side - 1, key, event["level_lots"]):
            control[SUBJECT] = 2 * market + side - 1
            return i, SIDE_FULL
        markets[market]["update_id"] = update_id
        _note_level(table, levels, control, market, side, price, event["level_lots"])
        _note_span(markets, spans, control, market, update_id)
    return len(slots), DONE


@entry
def walk_cells(
    cells: np.ndarray, first: int, end: int, furthest_key: int, lots: int, ticks: int
) -> tuple[int, int, int]:
    """Take from cells[first:end], best last, up to a key, at most `lots`, and what `ticks` (price times lots) pay for,
    if these are not negative.

    (the lots, price times lots in two parts, of 2^32 and of 1): their sum over many levels may be beyond 64 bits.
    """
    taken_lots, high, low = 0, 0, 0
    for i in range(end - 1, first - 1, -1):
        key, displayed = cells[i]["key"], cells[i]["lots"]
        if key < furthest_key:
            break
        price, taken = abs(key), min(displayed, lots - taken_lots)
        if ticks >= 0:
            taken = min(taken, ticks // price)
            ticks -= taken * price
        taken_lots += taken
        part = low + price * (taken & _LOW)
        low = part & _LOW
        high += price * (taken >> 32) + (part >> 32)
        if taken < displayed:
            break
    return taken_lots, high, low


class Batch(NamedTuple):
    """What one batch changed. Views of memory that the next batch reuses."""

    levels: np.ndarray  # LEVEL_CHANGE
    trades: np.ndarray  # TRADE
    spans: np.ndarray  # SPAN


class Stop(NamedTuple):
    at: int
    reason: int
    subject: int


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 1).bit_length()


@dataclass(slots=True)
class Depth:
    """The memory of the kernel above, and its growth."""

    markets: np.ndarray = field(default_factory=lambda: np.zeros(1, MARKET))
    sides: np.ndarray = field(default_factory=lambda: np.zeros(2, SIDE))
    cells: np.ndarray = field(default_factory=lambda: np.zeros(1024, CELL))
    _used: int = 0  # cells handed out to sides
    _table: np.ndarray = field(default_factory=lambda: np.zeros(64, ENTRY))
    _levels: np.ndarray = field(default_factory=lambda: np.zeros(32, LEVEL_CHANGE))
    _trades: np.ndarray = field(default_factory=lambda: np.zeros(32, TRADE))
    _spans: np.ndarray = field(default_factory=lambda: np.zeros(32, SPAN))
    _control: np.ndarray = field(default_factory=lambda: np.zeros(5, np.int64))

    def begin(self, events: int) -> None:
        """Start a batch of at most so many events: nothing is noted yet."""
        if events > len(self._levels):
            size = _power_of_two(events)
            self._table = np.zeros(2 * size, ENTRY)
            self._levels, self._trades, self._spans = (np.zeros(size, kind) for kind in (LEVEL_CHANGE, TRADE, SPAN))
        self._control[EPOCH] += 1
        self._control[LEVELS : SPANS + 1] = 0

    def apply(self, slots: np.ndarray, first: int) -> Stop:
        """Apply FLAT slots from `first` on, growing sides where needed, up to a stop that the caller has to handle."""
        while True:
            index, reason = apply_events(
                slots,
                first,
                self.markets,
                self.sides,
                self.cells,
                self._table,
                self._levels,
                self._trades,
                self._spans,
                self._control,
            )
            if reason != SIDE_FULL:
                return Stop(index, reason, int(self._control[SUBJECT]))
            self._widen(int(self._control[SUBJECT]))
            first = index

    def batch(self) -> Batch:
        _, levels, trades, spans, _ = self._control.tolist()
        return Batch(self._levels[:levels], self._trades[:trades], self._spans[:spans])

    def add_market(self, market: int, *, live: bool) -> None:
        """Make room for market numbers up to `market`. A live one is empty, at sequence 0; else load() makes it so."""
        missing = market + 1 - len(self.markets)
        if missing > 0:
            self.markets = np.concatenate([self.markets, np.zeros(missing, MARKET)])
            self.sides = np.concatenate([self.sides, np.zeros(2 * missing, SIDE)])
        self.markets[market]["live"] = live

    def halt(self, market: int) -> None:
        """The market's levels are not to be trusted: changes are skipped until load()."""
        self.markets[market]["live"] = 0

    def load(self, market: int, levels: np.ndarray, update_id: int) -> None:
        """Replace a market's levels by LEVEL records that contain every change up to `update_id`."""
        for side in (Side.BID, Side.ASK):
            own = levels[levels["side"] == side]
            keys = own["price_ticks"].astype(np.int64) * (1 if side == Side.BID else -1)
            order = np.argsort(keys, kind="stable")
            number = 2 * market + side - 1
            while self.sides[number]["room"] < len(own):
                self._widen(number)
            offset = int(self.sides[number]["offset"])
            self.cells["key"][offset : offset + len(own)] = keys[order]
            self.cells["lots"][offset : offset + len(own)] = own["lots"][order]
            self.sides[number]["count"] = len(own)
        self.markets[market]["update_id"] = update_id
        self.markets[market]["live"] = 1

    def side(self, market: int, side: Side, limit: int | None = None) -> list[tuple[int, int]]:
        """The best `limit` levels (all: None) as (ticks, lots), ascending by price."""
        offset, _, count = self.sides[2 * market + side - 1].tolist()
        first = offset if limit is None else max(offset, offset + count - limit)
        levels: list[tuple[int, int]] = self.cells[first : offset + count].tolist()
        return levels if side == Side.BID else [(-key, lots) for key, lots in reversed(levels)]

    def best(self, market: int, side: Side) -> tuple[int, int] | None:
        """(ticks, lots) of the best level."""
        offset, _, count = self.sides[2 * market + side - 1].tolist()
        if count == 0:
            return None
        key, lots = self.cells[offset + count - 1].tolist()
        return abs(key), lots

    def walk(self, market: int, side: Side, furthest_ticks: int, lots: int, ticks: int | None) -> tuple[int, int]:
        """(lots, sum of price times lots) of what an order takes from this side's best level on, up to a price: at most
        `lots`, and what `ticks` pay for. However long the side is, no list is made of it."""
        offset, _, count = self.sides[2 * market + side - 1].tolist()
        furthest_key = furthest_ticks if side == Side.BID else -furthest_ticks
        taken, high, low = walk_cells(
            self.cells, offset, offset + count, furthest_key, lots, -1 if ticks is None else ticks
        )
        return int(taken), (int(high) << 32) + int(low)

    def _widen(self, side: int) -> None:
        room = max(FIRST_ROOM, 2 * int(self.sides[side]["room"]))
        if self._used + room > len(self.cells):
            self._rebuild(room)
        offset, count = int(self.sides[side]["offset"]), int(self.sides[side]["count"])
        self.cells[self._used : self._used + count] = self.cells[offset : offset + count]
        self.sides[side]["offset"], self.sides[side]["room"] = self._used, room
        self._used += room

    def _rebuild(self, extra: int) -> None:
        """Leave out the runs that sides moved away from, and make the pool twice as large as what is in use."""
        cells = np.zeros(_power_of_two(2 * (int(self.sides["room"].sum()) + extra)), CELL)
        used = 0
        for side in self.sides:
            offset, room, count = side.tolist()
            cells[used : used + count] = self.cells[offset : offset + count]
            side["offset"] = used
            used += room
        self.cells, self._used = cells, used
