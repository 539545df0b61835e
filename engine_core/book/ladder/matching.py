"""The matching loop: one incoming order against one side of a book, best price first, oldest first.

What a trade means (funds, fees, events, reports) is the caller's: `sweep_with` compiles the caller's kernels into the
loop. The exchange and the conformance bench run this same loop.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from engine_core.book.ladder.levels import drop_level, key_of
from engine_core.book.ladder.queue import unlink
from engine_core.book.memory.state import State
from engine_core.jit.kernel import inner
from engine_core.wire.codes import Reason


class Incoming(NamedTuple):
    """The order that is matched, the taker of every trade."""

    account: int
    book: int  # that it trades against
    limit_key: int  # of the worst level that it trades at
    lots: int  # to trade at most


def sweep_with(trade: Callable[..., int], meet_own: Callable[..., tuple[int, int, int]]) -> Callable[..., Any]:
    """The loop, with these two kernels compiled into it. `n` is the place of the next event.

    `trade(context, maker, price, lots, n)` is called for each trade, after the maker was reduced, and taken off its
    queue when nothing displayed is left of it; it may queue it again. `meet_own(context, maker, left, n)` decides what
    happens at an order of the taker's own account: (n, lots left, Reason.NONE or why the taker stops).
    """

    @inner
    def sweep(state: State, incoming: Incoming, n: int, last: int, context: Any) -> tuple[int, int, int]:
        """Trade while prices cross, lots are left, and the next event is at most number `last`.

        Returns (n, lots left, Reason.NONE or why it stopped).
        """
        left = incoming.lots
        side = state.books[incoming.book]
        while left > 0 and side.best_key <= incoming.limit_key:
            if n > last:
                return n, left, Reason.EVENT_LIMIT
            level = state.levels[side.best]
            maker = level.head
            order = state.orders[maker]
            if order.account == incoming.account:
                n, left, stop = meet_own(context, maker, left, n)
                if stop != Reason.NONE:
                    return n, left, stop
                continue
            displayed = order.remaining_lots
            price = key_of(incoming.book, level.key)
            if left < displayed:
                order.remaining_lots = displayed - left
                level.lots -= left
                return trade(context, maker, price, left, n), 0, Reason.NONE
            unlink(state, maker)
            order.remaining_lots = 0
            left -= displayed
            n = trade(context, maker, price, displayed, n)
            if level.head == 0:
                drop_level(state, side.best)
        return n, left, Reason.NONE

    return sweep
