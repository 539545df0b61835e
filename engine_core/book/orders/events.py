"""Event records, written whole: the buffer is not cleared between batches. See wire/layout.py for every field.

`n` is the place of the next event. Kernels that write return the place after what they wrote.
"""

from typing import NamedTuple

from engine_core.book.ladder.levels import ASKS
from engine_core.book.ledger.balances import balance_of
from engine_core.book.memory.packed_codes import (
    by_side,
    codes_in,
    codes_of_command,
    flags_in,
    has_amount,
    has_terms,
    is_limit,
    write_codes,
)
from engine_core.book.memory.records import HAS_CLIENT_ID, TAKER, TRIGGER, Ended, Info, Order, Terms
from engine_core.book.memory.state import BOOKS, INDEX, TIME_MS, State
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Rows, clear
from engine_core.wire.codes import EventKind, OrderType, Reason
from engine_core.wire.layout import CommandRow, EventRow
from engine_core.wire.limits import MAX_MARKETS, MAX_PRICE_TICKS

ANY_SCOPE = 0  # of CANCEL_ALL, in place of a CancelScope


class OrderRecords(NamedTuple):
    """The records of one order; an ended order has all three in one."""

    order: Order | Ended
    info: Info | Ended
    terms: Terms | Ended


@hot
def records_of(state: State, slot: int) -> OrderRecords:
    return OrderRecords(state.orders[slot], state.info[slot], state.terms[slot])


@inner
def write_order(state: State, event: EventRow, kind: int, reason: int, records: OrderRecords) -> None:
    """An event of an order, with its account's balances after it; no level change."""
    order, info, terms = records
    account, codes = order.account, codes_in(info)
    market = state.markets[info.market]
    base, quote = market.base, market.quote
    given, received = by_side(codes, quote, base), by_side(codes, base, quote)
    giving = state.balances[balance_of(state, account, given)]
    write_codes(event, codes, kind, reason)
    event.market = info.market
    event.index = state.scalars[INDEX]
    event.account = account
    event.order_id = order.order_id
    event.client_id = info.client_id
    event.price_ticks = info.price_ticks
    event.given_available = giving.available
    event.given_locked = giving.locked
    event.update_id = 0
    event.level_lots = 0
    event.quantity_lots = info.quantity_lots
    event.executed_lots = info.executed_lots
    event.executed_atoms = info.executed_atoms
    event.received_available = state.balances[balance_of(state, account, received)].available
    event.trigger_ticks = 0
    event.amount_atoms = 0
    event.display_lots = 0
    event.created_ms = info.created_ms
    if has_terms(codes):
        if flags_in(codes) & TRIGGER:
            event.trigger_ticks = terms.trigger_ticks
        if has_amount(codes):
            if is_limit(codes):
                event.display_lots = terms.display_lots
            else:
                event.amount_atoms = terms.amount_atoms


@hot
def write(state: State, events: Rows[EventRow], n: int, kind: int, reason: int, slot: int) -> int:
    """An event of the order in `slot`."""
    write_order(state, events[n], kind, reason, records_of(state, slot))
    return n + 1


@hot
def add_level_change(state: State, event: EventRow, market: int, level: int) -> None:
    """What `level` shows has changed with this event; to be called before an emptied level is dropped."""
    state.markets[market].updates += 1
    event.update_id = state.markets[market].updates
    event.level_lots = state.levels[level].lots


@hot
def is_displayed(state: State, level: int) -> bool:
    """Whether the level is one of resting orders: not of triggers, nor the queue of fired ones."""
    return level != 0 and (state.levels[level].book % BOOKS) <= ASKS


class Fill(NamedTuple):
    """What a trade is to one of its two orders."""

    price_ticks: int
    lots: int
    fee_atoms: int  # of the asset that the order receives


@hot
def write_fill(state: State, events: Rows[EventRow], n: int, slot: int, counter: int, fill: Fill) -> int:
    """A FILL of the order in `slot`, as maker, against the one in slot `counter`; see mark_taker."""
    write(state, events, n, EventKind.FILL, Reason.NONE, slot)
    event = events[n]
    event.price_ticks = fill.price_ticks
    event.counter_order_id = state.orders[counter].order_id
    event.trade_id = state.markets[state.info[slot].market].trades
    event.fill_lots = fill.lots
    event.fee_atoms = fill.fee_atoms
    return n + 1


@hot
def mark_taker(state: State, event: EventRow, slot: int) -> None:
    """Make the FILL of this order the taker's."""
    event.flags = state.info[slot].flags | TAKER
    event.limit_ticks = state.info[slot].price_ticks


@inner
def _clear_for(state: State, event: EventRow, account: int, market: int) -> None:
    """No numbers but whose event it is, of which market (a wrong number is cut to its width), and when."""
    clear(event)
    event.market = market & MAX_MARKETS
    event.index = state.scalars[INDEX]
    event.account = account
    event.created_ms = state.scalars[TIME_MS]


@inner
def write_rejected(state: State, events: Rows[EventRow], n: int, command: CommandRow, reason: int) -> int:
    """REJECTED: the command as it came, no balances."""
    cold()
    event, price = events[n], command.price_ticks
    _clear_for(state, event, command.account, command.market)
    write_codes(event, codes_of_command(command), EventKind.REJECTED, reason)
    event.order_id = command.order_id
    event.quantity_lots = command.quantity_lots
    event.trigger_ticks = command.trigger_ticks
    if command.flags & HAS_CLIENT_ID:
        event.client_id = command.client_id
    if 0 <= price <= MAX_PRICE_TICKS:
        event.price_ticks = price
    if command.order_type == OrderType.MARKET:
        event.amount_atoms = command.amount_atoms
    else:
        event.display_lots = command.display_lots
    return n + 1


class Selection(NamedTuple):
    """Which open orders of an account: all, or those of a market, of a scope, or of both."""

    account: int
    market: int  # or ALL_MARKETS
    scope: int  # a CancelScope, or ANY_SCOPE


@inner
def write_cancel_all_done(
    state: State, events: Rows[EventRow], n: int, selection: Selection, count: int, reason: int
) -> int:
    """CANCEL_ALL_DONE: so many orders were cancelled; `reason`: why at all (of a timer), or why not all."""
    cold()
    event = events[n]
    _clear_for(state, event, selection.account, selection.market)
    event.kind = EventKind.CANCEL_ALL_DONE
    event.reason = reason
    event.executed_lots = count
    return n + 1


@inner
def write_timer_armed(state: State, events: Rows[EventRow], n: int, account: int, market: int, delay_ms: int) -> int:
    """TIMER_ARMED; a delay of 0: it is disarmed."""
    cold()
    event = events[n]
    _clear_for(state, event, account, market)
    event.kind = EventKind.TIMER_ARMED
    event.amount_atoms = delay_ms
    return n + 1
