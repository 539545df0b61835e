"""Timers in engine time: the dead-man switch of an account, and the leases of gateways for cancel-on-disconnect.

A binary heap of timer numbers, earliest (due, number) first, and per account a list of its own. A timer that fires
cancels orders; it is gone only when all of them are, so what does not fit into one command goes on before the next.
"""

from engine_core.book.ledger.shares import give_share, is_full, may_take, take_share
from engine_core.book.memory.state import (
    EVENTS_END,
    SHARED_TIMERS,
    TIME_MS,
    TIMER_FREE,
    TIMERS,
    TIMERS_MADE,
    TIMERS_USED,
    State,
)
from engine_core.book.orders.closing import cancel_selected
from engine_core.book.orders.events import ANY_SCOPE, Selection, write_cancel_all_done
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import Reason
from engine_core.wire.layout import EventRow
from engine_core.wire.limits import ALL_MARKETS

DEAD_MAN, LEASE = 1, 2  # TIMER.kind
EVERY_MARKET = 0  # TIMER.market


@inner
def _earlier(state: State, one: int, other: int) -> bool:
    a, b = state.timers[one], state.timers[other]
    if a.due_ms != b.due_ms:
        return bool(a.due_ms < b.due_ms)
    return bool(a.number < b.number)


@inner
def _put(state: State, place: int, timer: int) -> None:
    state.timer_heap[place] = timer
    state.timers[timer].place = place


@inner
def _sift(state: State, place: int) -> None:
    """Restore the heap around one changed place: up as far as it goes, then down."""
    timer = state.timer_heap[place]
    while place > 1 and _earlier(state, timer, state.timer_heap[place // 2]):
        _put(state, place, state.timer_heap[place // 2])
        place //= 2
    size = state.scalars[TIMERS]
    while 2 * place <= size:
        child = 2 * place
        if child < size and _earlier(state, state.timer_heap[child + 1], state.timer_heap[child]):
            child += 1
        if not _earlier(state, state.timer_heap[child], timer):
            break
        _put(state, place, state.timer_heap[child])
        place = child
    _put(state, place, timer)


@inner
def find_timer(state: State, account: int, kind: int, gateway: int) -> int:
    timer = state.accounts[account].timers
    while timer != 0 and (state.timers[timer].kind != kind or state.timers[timer].gateway != gateway):
        timer = state.timers[timer].next
    return timer


@inner
def _new_timer(state: State, account: int) -> int:
    """A timer more on the account's list and in the heap, or 0 if there is none."""
    owner, timer = state.accounts[account], state.scalars[TIMER_FREE]
    if timer != 0:
        state.scalars[TIMER_FREE] = state.timers[timer].next
    elif state.scalars[TIMERS_USED] + 1 < state.timers.size:
        state.scalars[TIMERS_USED] += 1
        timer = state.scalars[TIMERS_USED]
    else:
        return 0
    state.timers[timer].next = owner.timers
    owner.timers = timer
    take_share(state, SHARED_TIMERS, owner.timers_armed)
    owner.timers_armed += 1
    state.scalars[TIMERS] += 1
    _put(state, state.scalars[TIMERS], timer)
    return timer


@inner
def arm(state: State, account: int, kind: int, gateway: int, market: int, delay_ms: int) -> int:
    """Set or reset the timer, or say why there is no room for one more."""
    timer = find_timer(state, account, kind, gateway)
    if timer == 0:
        if not may_take(state, SHARED_TIMERS, state.accounts[account].timers_armed):
            return Reason.TIMERS_FULL if is_full(state, SHARED_TIMERS) else Reason.TIMERS_SHARE
        timer = _new_timer(state, account)
        if timer == 0:
            return Reason.TIMERS_FULL
    record = state.timers[timer]
    state.scalars[TIMERS_MADE] += 1
    record.due_ms = state.scalars[TIME_MS] + delay_ms
    record.number = state.scalars[TIMERS_MADE]
    record.gateway = gateway
    record.account = account
    record.market = market
    record.kind = kind
    _sift(state, record.place)
    return Reason.NONE


@inner
def disarm(state: State, timer: int) -> None:
    record = state.timers[timer]
    owner = state.accounts[record.account]
    if owner.timers == timer:
        owner.timers = record.next
    else:
        before = owner.timers
        while state.timers[before].next != timer:
            before = state.timers[before].next
        state.timers[before].next = record.next
    owner.timers_armed -= 1
    give_share(state, SHARED_TIMERS, owner.timers_armed)
    size = state.scalars[TIMERS]
    place, last = record.place, state.timer_heap[size]
    state.scalars[TIMERS] = size - 1
    state.timer_heap[size] = 0
    if last != timer:
        _put(state, place, last)
        _sift(state, place)
    record.kind = 0
    record.next = state.scalars[TIMER_FREE]
    state.scalars[TIMER_FREE] = timer


@inner
def run_due(state: State, events: Rows[EventRow], n: int) -> int:
    """Fire what is due, earliest first, while events fit."""
    cold()
    while state.scalars[TIMERS] != 0:
        timer = state.timer_heap[1]
        record = state.timers[timer]
        if record.due_ms > state.scalars[TIME_MS] or n + 1 >= state.scalars[EVENTS_END]:
            break
        reason = Reason.DEAD_MAN if record.kind == DEAD_MAN else Reason.DISCONNECTED
        market = record.market if record.market != EVERY_MARKET else ALL_MARKETS
        selection = Selection(record.account, market, ANY_SCOPE)
        n, count, done = cancel_selected(state, events, n, selection, reason)
        if not done:
            break
        disarm(state, timer)
        n = write_cancel_all_done(state, events, n, selection, count, reason)
    return n
