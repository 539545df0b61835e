"""The commands behind a pair of LOBSTER files, so that other people's data can be replayed, measured and fitted to.

    type                                        what is sent
    1 submission                                a limit order, good till cancelled
    2 reduction                                 an amend to less
    3 deletion                                  a cancel
    4 executions of one moment and direction    one immediate order that takes them all
    5 hidden execution, 6 cross, 7 halt         nothing: counted in the notes

Orders that are named but never submitted were there before the first message, as was what the first row of the book
shows besides: both are placed at the start. What lies deeper than the book's levels and is never named stays unknown,
so the deepest levels may differ later on; `agreement` says how often.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.flow.files import MOST_LOTS
from bench.flow.messages import MESSAGE
from bench.lobster.files import (
    BID,
    CROSS,
    DELETION,
    EXECUTION,
    HALT,
    HIDDEN,
    REDUCTION,
    SUBMISSION,
    LobsterError,
    Pair,
    read,
)
from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, changes_of, levels_after
from bench.realism.tape import NS_PER_DAY, NS_PER_MS, Played, Tape, of_messages
from engine_core.wire.codes import CommandKind, OrderType, SelfTrade, Side, TimeInForce

NOT_SENT = {
    HIDDEN: "executions of hidden orders (type 5): not sent, nobody saw the order",
    CROSS: "cross trades (type 6): not sent, they are outside the continuous book",
    HALT: "halts and resumptions (type 7): not sent",
}
THERE = "orders that are never submitted: taken to rest before the first message"
REUSED = "orders submitted once more after they had ended: taken as new ones"
ENDED = "messages about orders that had ended: not sent"


@dataclass
class Imported:
    messages: np.ndarray  # of a flow (bench/flow/messages.py)
    after: np.ndarray  # of each line: how many of these messages bring the book to where the line says; -1: see below
    tick_e4: int
    notes: Counter[str] = field(default_factory=Counter)


class _Order(NamedTuple):
    number: int
    side: int
    price_ticks: int
    lots: int  # as a whole, executed ones included
    left: int


class _Writer:
    """Messages of the flow, one after the other, and the orders that live."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, ...]] = []
        self.live: dict[int, _Order] = {}
        self._numbers = 0

    def place(self, time_ns: int, side: int, price_ticks: int, lots: int, *, immediate: bool = False) -> int:
        self._numbers += 1
        time_in_force = TimeInForce.IOC if immediate else TimeInForce.GTC
        kind = CommandKind.PLACE
        self.rows.append((time_ns, self._numbers, price_ticks, lots, kind, side, OrderType.LIMIT, time_in_force))
        return self._numbers

    def submit(self, order: int, time_ns: int, side: int, price_ticks: int, lots: int) -> None:
        self.live[order] = _Order(self.place(time_ns, side, price_ticks, lots), side, price_ticks, lots, lots)

    def lessen(self, order: int, time_ns: int, size: int) -> None:
        known = self.live[order]
        self.live[order] = known._replace(lots=known.lots - size, left=known.left - size)
        self.rows.append((time_ns, known.number, 0, known.lots - size, CommandKind.AMEND, known.side, 0, 0))

    def delete(self, order: int, time_ns: int) -> None:
        known = self.live.pop(order)
        self.rows.append((time_ns, known.number, 0, 0, CommandKind.CANCEL, known.side, 0, 0))

    def execute(self, order: int, size: int) -> None:
        """Its taker is sent; here only what is left of it."""
        known = self.live.pop(order)
        if known.left > size:
            self.live[order] = known._replace(left=known.left - size)

    def messages(self) -> np.ndarray:
        columns = ("time_ns", "order", "price_ticks", "lots", "kind", "side", "order_type", "time_in_force")
        table = np.array(self.rows, np.int64).reshape(-1, len(columns))
        messages = np.zeros(len(table), MESSAGE)
        for name, values in zip(columns, table.T, strict=True):
            messages[name] = values
        messages["market"] = 1
        messages["account"] = np.where(messages["side"] == Side.BID, 1, 2)  # so that nobody trades with himself
        messages["self_trade"] = np.where(messages["kind"] == CommandKind.PLACE, SelfTrade.REJECT_TAKER, 0)
        return messages


def _side(direction: int) -> int:
    return int(Side.BID if direction == BID else Side.ASK)


def _tick(pair: Pair) -> int:
    """The largest step that all prices are multiples of."""
    prices = pair.messages["price"][pair.messages["type"] <= EXECUTION]
    tick = int(np.gcd.reduce(prices)) if len(prices) else 1
    if pair.book is not None and len(prices):
        sizes = pair.book[0, 1::2]
        tick = int(np.gcd(tick, np.gcd.reduce(np.append(pair.book[0, ::2][sizes > 0], tick))))
    return max(tick, 1)


def _never_submitted(pair: Pair) -> dict[int, list[int]]:
    """(direction, price, size in all) of orders that were there before, by their id."""
    there: dict[int, list[int]] = {}
    submitted: set[int] = set()
    for _, kind, order, size, price, direction in pair.messages.tolist():
        if kind == SUBMISSION:
            submitted.add(order)
        elif kind <= EXECUTION and order not in submitted:
            there.setdefault(order, [direction, price, 0])[2] += size
    return there


def _anonymous(pair: Pair, there: dict[int, list[int]]) -> dict[tuple[int, int], int]:
    """Lots by (direction, price) that the book showed before the first message, and no order of the file explains."""
    if pair.book is None:
        return {}
    lots: Counter[tuple[int, int]] = Counter()
    row = pair.book[0].reshape(-1, 2, 2)
    for direction, column in (-BID, 0), (BID, 1):
        for price, size in row[:, column].tolist():
            if size > 0:
                lots[direction, price] += size
    _, kind, _, size, price, direction = pair.messages[0].tolist()
    lots[direction, price] += 0 if kind > EXECUTION else -size if kind == SUBMISSION else size
    for direction, price, size in there.values():
        lots[direction, price] -= size
    return {level: size for level, size in lots.items() if size > 0}


def _open(writer: _Writer, pair: Pair, tick: int, notes: Counter[str]) -> None:
    there = _never_submitted(pair)
    if there:
        notes[THERE] += len(there)
    for order, (direction, price, size) in there.items():
        writer.submit(order, 0, _side(direction), price // tick, size)
    for (direction, price), size in _anonymous(pair, there).items():
        writer.place(0, _side(direction), price // tick, size)


def _last_of_taker(messages: np.ndarray, first: int) -> int:
    """The line after the executions that one taker caused."""
    last = first + 1
    same = ("time_ns", "type", "direction")
    while last < len(messages) and all(messages[name][last] == messages[name][first] for name in same):
        last += 1
    return last


def _execute(writer: _Writer, made: Imported, messages: np.ndarray, lines: range, time_ns: int, tick: int) -> None:
    taken = 0
    for line in lines:
        order, size = int(messages["order"][line]), int(messages["size"][line])
        if order in writer.live:
            writer.execute(order, size)
            taken += size
        else:
            made.notes[ENDED] += 1
    if taken:
        side = Side.ASK if messages["direction"][lines[0]] == BID else Side.BID
        writer.place(time_ns, int(side), int(messages["price"][lines[-1]]) // tick, taken, immediate=True)


def imported(pair: Pair) -> Imported:
    """The flow behind the files; its time 0 is the START of their name."""
    tick, writer, messages = _tick(pair), _Writer(), pair.messages
    if int(messages["size"].max()) > MOST_LOTS:
        raise LobsterError(f"a size of {messages['size'].max()}: at most {MOST_LOTS} can be played")
    made = Imported(np.zeros(0, MESSAGE), np.full(len(messages), -1), tick)
    _open(writer, pair, tick, made.notes)
    start_ns, line, submitted = pair.name.start_ms * NS_PER_MS, 0, set[int]()
    while line < len(messages):
        time, kind, order, size, price, direction = messages[line].tolist()
        time_ns, following = max(time - start_ns, 0), line + 1
        if kind in NOT_SENT:
            made.notes[NOT_SENT[kind]] += 1
        elif kind == SUBMISSION:
            if order in writer.live:
                raise LobsterError(f"line {line + 1} of the messages: order {order} is submitted while it still rests")
            if order in submitted:
                made.notes[REUSED] += 1
            submitted.add(order)
            writer.submit(order, time_ns, _side(direction), price // tick, size)
        elif kind == EXECUTION:
            following = _last_of_taker(messages, line)
            _execute(writer, made, messages, range(line, following), time_ns, tick)
        elif order not in writer.live:
            made.notes[ENDED] += 1
        elif kind == DELETION or size >= writer.live[order].left:
            writer.delete(order, time_ns)
        else:
            assert kind == REDUCTION
            writer.lessen(order, time_ns, size)
        made.after[following - 1] = len(writer.rows)
        line = following
    made.messages = writer.messages()
    return made


def tape_of(path: Path) -> Tape:
    pair = read(path)
    made = imported(pair)
    midnight_ns = pair.name.start_ms * NS_PER_MS % NS_PER_DAY
    tape = of_messages(made.messages)
    return Tape(tape.commands, tape.time_ns, made.tick_e4, midnight_ns, pair.name.day)


class Agreement(NamedTuple):
    """Of the lines after which the file and our engine can be compared, how many say the same."""

    compared: int
    best: int  # prices and sizes of the first level
    all_levels: int


def agreement(pair: Pair, made: Imported, played: Played) -> Agreement:
    """Lines within the executions of one taker are passed over: our engine executes them as one."""
    if pair.book is None:
        return Agreement(0, 0, 0)
    lines = np.flatnonzero(made.after >= 0)
    changes = changes_of(played.events)
    cause = played.command[changes.event]
    after = levels_after(changes, np.searchsorted(cause, made.after[lines]), pair.name.levels)
    theirs = pair.book[lines].reshape(len(lines), pair.name.levels, 2, 2)
    same = np.ones((len(lines), pair.name.levels), bool)
    for side, column in (ASKS, 0), (BIDS, 1):
        size, price = theirs[:, :, column, 1], theirs[:, :, column, 0]
        ours = np.where(after.price_ticks[:, side] == NO_LEVEL, 0, after.price_ticks[:, side] * made.tick_e4)
        same &= (after.lots[:, side] == size) & ((size == 0) | (ours == price))
    return Agreement(len(lines), int(same[:, 0].sum()), int(same.all(axis=1).sum()))
