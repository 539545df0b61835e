"""The commands that would cause a captured order flow here: what kind of order each one must have been.

A capture says created, changed, deleted, and nothing about flags, so they are worked out from each order's life. Only
the order rows are read, never the trades: those stay the answer key with which a replay is judged.

    what the rows say                                                            what the order must have been
    created, would cross, and deleted in the next row of that millisecond        post-only, refused
    resting, crossed by an order that then rested, never ended by a live row     a ghost of the snapshot: not sent
    deleted with a remainder in the millisecond of its creation                  immediate-or-cancel
    price 0 (ask) or 999999999 (bid)                                             a market order
    ... and size 0                                                               sized by its quote amount
    two neighbouring rows of opposite sides lose the same size                   a trade: no command
    changed, but not by a trade                                                  amended
    deleted with a remainder                                                     cancelled
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bench.replay.capture import CREATED, DELETED, MARKET_PRICE_TICKS, SIZE_DECIMALS, Capture, Row
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND


@dataclass
class Flow:
    """The inferred commands, in order, with when they happened and what is known about them beforehand."""

    commands: np.ndarray  # COMMAND, client_id = dense order number; market and account are filled in by the replay
    exchange_ms: np.ndarray
    expected_lots: np.ndarray  # of a CANCEL: what the venue said was left of the order; -1: not known
    notes: Counter[str] = field(default_factory=Counter)
    ghosts: list[int] = field(default_factory=list)  # dense order numbers
    contradictions: list[tuple[int, int]] = field(default_factory=list)  # (crossing order, order crossed)


class _Lives:
    """What the order rows say about each order, looked up by row."""

    def __init__(self, capture: Capture) -> None:
        rows = capture.rows
        self.before = [0] * len(rows)  # lots left before this row
        self.next_row = [-1] * len(rows)
        self.last_row: dict[int, int] = {}
        for index, row in enumerate(rows):
            previous = self.last_row.get(row.order)
            if previous is not None:
                self.before[index] = rows[previous].lots
                self.next_row[previous] = index
            self.last_row[row.order] = index
        self.traded_lots = self._pair_trades(rows)
        self._pair_sized_by_quote(rows, self.traded_lots)

    def _pair_trades(self, rows: list[Row]) -> list[int]:
        """Lots that this row lost to a trade: two neighbouring rows of opposite sides shrank by the same amount."""
        traded = [0] * len(rows)
        index = 0
        while index + 1 < len(rows):
            a, b = rows[index], rows[index + 1]
            lost = self.before[index] - a.lots
            if (
                lost > 0
                and a.side != b.side
                and a.exchange_ms == b.exchange_ms
                and CREATED not in (a.action, b.action)
                and self.before[index + 1] - b.lots == lost
            ):
                traded[index] = traded[index + 1] = lost
                index += 1
            index += 1
        return traded

    def _pair_sized_by_quote(self, rows: list[Row], traded: list[int]) -> None:
        """An order by quote amount is written with size 0; what its opposite lost while it lived, it took."""
        for start, order in enumerate(rows):
            if order.action != CREATED or order.lots:
                continue
            for index in range(start + 1, self.last_row[order.order] + 1):
                if rows[index].side != order.side and rows[index].action != CREATED:
                    traded[index] = self.before[index] - rows[index].lots


class _VenueBook:
    """Best prices of the venue's book as the rows tell it, to see which new order would have crossed."""

    def __init__(self) -> None:
        self._resting: set[int] = set()
        self._heaps: dict[int, list[tuple[int, int]]] = {Side.BID: [], Side.ASK: []}

    def add(self, row: Row) -> None:
        self._resting.add(row.order)
        key = row.price_ticks if row.side == Side.ASK else -row.price_ticks
        heapq.heappush(self._heaps[row.side], (key, row.order))

    def remove(self, order: int) -> None:
        self._resting.discard(order)

    def crossed_by(self, row: Row) -> int:
        """The best opposite order, if `row` reaches its price; 0: none."""
        heap = self._heaps[Side.ASK if row.side == Side.BID else Side.BID]
        while heap and heap[0][1] not in self._resting:
            heapq.heappop(heap)
        if not heap:
            return 0
        key, order = heap[0]
        reached = row.price_ticks >= key if row.side == Side.BID else row.price_ticks <= -key
        return order if reached else 0


class _Draft(NamedTuple):
    """A COMMAND to be: the fields that a capture fills, and what is known about it."""

    kind: int
    side: int
    order_type: int
    time_in_force: int
    flags: int
    client_id: int
    price_ticks: int
    quantity_lots: int
    amount_atoms: int
    exchange_ms: int
    expected_lots: int


def infer(capture: Capture) -> Flow:
    """The commands behind the capture. Only the order rows are looked at, never the trades."""
    lives = _Lives(capture)
    flow = Flow(np.zeros(0, COMMAND), np.zeros(0, np.int64), np.zeros(0, np.int64))
    post_only, ghosts = _crossings(capture, lives, flow)
    drafts: list[_Draft] = []
    silent: set[int] = set(ghosts)  # orders of which nothing (more) is sent
    known: set[int] = set()
    executed: Counter[int] = Counter()
    for index, row in enumerate(capture.rows):
        if row.order in silent:
            continue
        if row.action == CREATED:
            if row.price_ticks == 0 and row.side == Side.BID:
                flow.notes["bids below one tick, which no price can say: not sent"] += 1
                silent.add(row.order)
                continue
            known.add(row.order)
            draft: _Draft | None = _placement(capture, lives, index, row.order in post_only, flow)
            if row.order in post_only or (draft and draft.time_in_force == TimeInForce.IOC):
                silent.add(row.order)  # ends by itself: the venue's delete needs no command
        elif row.order in known:
            executed[row.order] += lives.traded_lots[index]
            draft = _follow_up(row, lives.traded_lots[index], executed[row.order], flow)
        else:
            flow.notes["deletes of orders that neither the snapshot nor a row created: not sent"] += 1
            continue
        if draft is not None:
            drafts.append(draft)
    _fill(flow, drafts)
    return flow


def _fill(flow: Flow, drafts: list[_Draft]) -> None:
    columns = dict(zip(_Draft._fields, np.array(drafts, np.int64).reshape(-1, len(_Draft._fields)).T, strict=True))
    flow.exchange_ms, flow.expected_lots = columns.pop("exchange_ms"), columns.pop("expected_lots")
    flow.commands = np.zeros(len(drafts), COMMAND)
    for name, values in columns.items():
        flow.commands[name] = values
    flow.commands["self_trade"][flow.commands["kind"] == CommandKind.PLACE] = SelfTrade.REJECT_TAKER


def _ends_at_once(capture: Capture, lives: _Lives, index: int) -> bool:
    """Created and deleted in neighbouring rows of one millisecond: the venue never let it rest."""
    following = lives.next_row[index]
    if following != index + 1:
        return False
    after = capture.rows[following]
    return after.action == DELETED and after.exchange_ms == capture.rows[index].exchange_ms and after.lots > 0


def _crossings(capture: Capture, lives: _Lives, flow: Flow) -> tuple[set[int], set[int]]:
    """(orders refused by the venue because they would have traded, ghosts of the snapshot)."""
    book = _VenueBook()
    post_only: set[int] = set()
    ghosts: set[int] = set()
    closing = len(capture.rows) - capture.closing_rows
    for index, row in enumerate(capture.rows[:closing]):
        if row.action == DELETED:
            book.remove(row.order)
        if row.action != CREATED:
            continue
        following = lives.next_row[index]
        takes = following >= 0 and capture.rows[following].exchange_ms == row.exchange_ms
        takes = takes and (lives.traded_lots[following] > 0 or row.lots == 0)
        while not takes and (crossed := book.crossed_by(row)):
            if _ends_at_once(capture, lives, index):
                post_only.add(row.order)
                break
            book.remove(crossed)
            if lives.last_row[crossed] >= closing:  # no live row ever ended it: it was gone before the capture began
                ghosts.add(crossed)
            else:
                flow.contradictions.append((row.order, crossed))
        if row.order not in post_only:
            book.add(row)
    flow.ghosts = sorted(ghosts)
    flow.notes["orders refused as post-only (would have crossed, gone at once, never traded)"] = len(post_only)
    flow.notes["ghosts of the snapshot (crossed by live orders without a trade, never ended): not sent"] = len(ghosts)
    return post_only, ghosts


def _placement(capture: Capture, lives: _Lives, index: int, post_only: bool, flow: Flow) -> _Draft:
    row = capture.rows[index]
    order_type, time_in_force, flags, amount = OrderType.LIMIT, TimeInForce.GTC, OrderFlag.HAS_CLIENT_ID, 0
    price = row.price_ticks
    if price >= MARKET_PRICE_TICKS or (price == 0 and row.side == Side.ASK):
        order_type, time_in_force, price = OrderType.MARKET, TimeInForce.IOC, 0
        flow.notes["market orders"] += 1
        if row.lots == 0:  # sized by its quote amount
            flags, amount = flags | OrderFlag.BY_QUOTE, _spent(capture, lives, index)
    elif post_only:
        flags |= OrderFlag.POST_ONLY
    elif _never_rests(capture, lives, index):
        time_in_force = TimeInForce.IOC
        flow.notes["immediate-or-cancel orders (remainder gone in the millisecond of their creation)"] += 1
    return _Draft(
        CommandKind.PLACE,
        row.side,
        order_type,
        time_in_force,
        flags,
        row.order,
        price,
        row.lots,
        amount,
        row.exchange_ms,
        -1,
    )


def _never_rests(capture: Capture, lives: _Lives, index: int) -> bool:
    last = capture.rows[lives.last_row[capture.rows[index].order]]
    if last.lots == 0 or last.action != DELETED or last.exchange_ms != capture.rows[index].exchange_ms:
        return False
    step = index
    while step >= 0:  # each of its rows trades, but the first and the last
        following = lives.next_row[step]
        if following >= 0 and lives.next_row[following] >= 0 and not lives.traded_lots[following]:
            return False
        step = following
    return True


def _spent(capture: Capture, lives: _Lives, index: int) -> int:
    """The quote amount of a market order by amount, in quote atoms: what its makers lost, up to the next whole cent.

    The venue truncates sizes, so what was spent is a little less than what was asked for.
    """
    side, end = capture.rows[index].side, lives.last_row[capture.rows[index].order]
    opposite = (step for step in range(index + 1, end) if capture.rows[step].side != side)
    spent = sum(capture.rows[step].price_ticks * lives.traded_lots[step] for step in opposite)
    cent: int = 10 ** (SIZE_DECIMALS + capture.price_decimals - 2)
    cents = -(-spent // cent)
    return cents * cent


def _follow_up(row: Row, traded: int, executed: int, flow: Flow) -> _Draft | None:
    """What a changed or deleted row asks for: nothing when it only tells of a trade."""
    if traded or (row.action == DELETED and row.lots == 0):
        return None
    flag, moment = OrderFlag.HAS_CLIENT_ID, row.exchange_ms
    if row.action == DELETED:
        return _Draft(CommandKind.CANCEL, row.side, 0, 0, flag, row.order, 0, 0, 0, moment, row.lots)
    flow.notes["amended (changed without a trade)"] += 1
    total = executed + row.lots
    return _Draft(CommandKind.AMEND, row.side, 0, 0, flag, row.order, row.price_ticks, total, 0, moment, -1)
