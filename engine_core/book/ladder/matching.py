"""The matching loop: one incoming order against one side of a book, best price first, oldest first.

What a trade means (funds, fees, events, reports) is the caller's: `sweep_with` compiles the caller's kernels into the
loop. The exchange and the conformance bench run this same loop.
"""

from collections.abc import Callable
from typing import Any

from engine_core.book.ladder.levels import drop_level, key_of
from engine_core.book.ladder.queue import unlink
from engine_core.book.memory.state import State
from engine_core.jit.kernel import inner
from engine_core.wire.codes import Reason


def sweep_with(trade: Callable[..., int], meet_own: Callable[..., tuple[int, int, int]]) -> Callable[..., Any]:
    """The loop, with these two kernels compiled into it.

    `trade(context, maker, price, lots, left, events)` is told of each trade after the maker was reduced, and taken
    off its queue when nothing shown is left of it; it may queue it again. `meet_own(context, maker, left, events)`
    decides what happens at an order of the taker's own account.
    """

    @inner
    def sweep(
        state: State, book: int, limit_key: int, account: int, lots: int, events: int, last_event: int, context: Any
    ) -> tuple[int, int, int]:
        """Trade up to `lots` against the levels of `book` whose key is at most `limit_key`, while events fit.

        Returns (events, lots left, Reason.NONE or why it stopped).
        """
        side = state.books[book]
        while lots > 0 and side.best_key <= limit_key:
            if events > last_event:
                return events, lots, Reason.EVENT_LIMIT
            level = state.levels[side.best]
            maker = level.head
            order = state.orders[maker]
            if order.account == account:
                events, lots, stop = meet_own(context, maker, lots, events)
                if stop != Reason.NONE:
                    return events, lots, stop
                continue
            shown = order.remaining_lots
            price = key_of(book, level.key)
            if lots < shown:
                order.remaining_lots = shown - lots
                level.lots -= lots
                return trade(context, maker, price, lots, 0, events), 0, Reason.NONE
            unlink(state, maker)
            order.remaining_lots = 0
            lots -= shown
            events = trade(context, maker, price, shown, lots, events)
            if level.head == 0:
                drop_level(state, side.best)
        return events, lots, Reason.NONE

    return sweep
