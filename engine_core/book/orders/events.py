"""Event records, written whole: the buffer is not cleared between batches. See wire/layout.py for every field."""

import numpy as np

from engine_core.book.ladder.levels import ASKS
from engine_core.book.ledger.balances import balance_of
from engine_core.book.memory.packed_codes import by_side, codes_in, flags_in, write_codes
from engine_core.book.memory.records import BY_QUOTE, HAS_CLIENT_ID, ICEBERG, TAKER, TRIGGER
from engine_core.book.memory.state import BOOKS, INDEX, TIME_MS, State
from engine_core.jit.intrinsics import rare
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Row, Rows
from engine_core.wire.codes import EventKind, OrderType


@inner
def write_order(
    state: State,
    events: Rows[Row],
    n: int,
    kind: int,
    reason: int,
    infos: np.ndarray,
    terms: np.ndarray,
    at: int,
    order_id: int,
    account: int,
) -> None:
    """An event of an order, with its balances after; no level change. `infos`, `terms`: state.info and state.terms,
    or state.ended as both."""
    info, event = infos[at], events[n]
    codes = codes_in(info)
    market = state.markets[info.market]
    base, quote = market.base, market.quote
    given, received = by_side(codes, quote, base), by_side(codes, base, quote)
    giving = state.balances[balance_of(state, account, given)]
    write_codes(event, codes, kind, reason)
    event.market = info.market
    event.index = state.counters[INDEX]
    event.account = account
    event.order_id = order_id
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
    flags = flags_in(codes)
    if flags & (BY_QUOTE | ICEBERG | TRIGGER):
        if flags & TRIGGER:
            event.trigger_ticks = terms[at].trigger_ticks
        if flags & BY_QUOTE:
            event.amount_atoms = terms[at].amount_atoms
        elif flags & ICEBERG:
            event.display_lots = terms[at].amount_atoms


@hot
def write(state: State, events: Rows[Row], n: int, kind: int, reason: int, slot: int) -> int:
    """An event of the order in `slot`. Returns the next position."""
    order = state.orders[slot]
    order_id, account = order.order_id, order.account
    write_order(state, events, n, kind, reason, state.info, state.terms, slot, order_id, account)
    return n + 1


@hot
def tell_level(state: State, events: Rows[Row], n: int, market: int, level: int) -> None:
    """Add to event n that what `level` shows has changed; call it before an emptied level is dropped."""
    state.markets[market].updates += 1
    events[n].update_id = state.markets[market].updates
    events[n].level_lots = state.levels[level].lots


@hot
def is_shown(state: State, level: int) -> bool:
    """Whether the level is one of resting orders: not of triggers, nor the queue of fired ones."""
    return level != 0 and (state.levels[level].book % BOOKS) <= ASKS


@hot
def write_fill(
    state: State,
    events: Rows[Row],
    n: int,
    slot: int,
    counter: int,
    price: int,
    lots: int,
    fee: int,
) -> int:
    """A FILL of the order in `slot`, as maker; see tell_taker."""
    write(state, events, n, EventKind.FILL, 0, slot)
    event, market = events[n], state.markets[state.info[slot].market]
    event.price_ticks = price
    event.counter_order_id = state.orders[counter].order_id
    event.trade_id = market.trades
    event.fill_lots = lots
    event.fee_atoms = fee
    return n + 1


@hot
def tell_taker(state: State, events: Rows[Row], n: int, slot: int) -> None:
    """Make event n, a FILL, the taker's."""
    events[n].flags = state.info[slot].flags | TAKER
    events[n].limit_ticks = state.info[slot].price_ticks


@inner
def write_rejected(state: State, events: Rows[Row], n: int, command: Row, reason: int) -> int:
    """REJECTED: the command as it came, no balances."""
    rare()
    event = events[n]
    event.kind = EventKind.REJECTED
    event.side = command.side
    event.order_type = command.order_type
    event.time_in_force = command.time_in_force
    event.self_trade = command.self_trade
    event.flags = command.flags
    event.status = 0
    event.reason = reason
    event.market = command.market & 0xFFFF
    event.index = state.counters[INDEX]
    event.account = command.account
    event.order_id = command.order_id
    event.client_id = command.client_id if command.flags & HAS_CLIENT_ID else 0
    price = command.price_ticks
    event.price_ticks = price if 0 <= price <= 0x7FFFFFFF else 0
    event.given_available = 0
    event.given_locked = 0
    event.update_id = 0
    event.level_lots = 0
    event.quantity_lots = command.quantity_lots
    event.executed_lots = 0
    event.executed_atoms = 0
    event.received_available = 0
    event.trigger_ticks = command.trigger_ticks
    is_market = command.order_type == OrderType.MARKET
    event.amount_atoms = command.amount_atoms if is_market else 0
    event.display_lots = 0 if is_market else command.display_lots
    event.created_ms = state.counters[TIME_MS]
    return n + 1


@inner
def write_account(
    state: State, events: Rows[Row], n: int, kind: int, reason: int, account: int, market: int, lots: int, amount: int
) -> int:
    """An event of an account, not of one order: CANCEL_ALL_DONE, TIMER_ARMED."""
    rare()
    event = events[n]
    event.kind = kind
    event.side = 0
    event.order_type = 0
    event.time_in_force = 0
    event.self_trade = 0
    event.flags = 0
    event.status = 0
    event.reason = reason
    event.market = market & 0xFFFF
    event.index = state.counters[INDEX]
    event.account = account
    event.order_id = 0
    event.client_id = 0
    event.price_ticks = 0
    event.given_available = 0
    event.given_locked = 0
    event.update_id = 0
    event.level_lots = 0
    event.quantity_lots = 0
    event.executed_lots = lots
    event.executed_atoms = 0
    event.received_available = 0
    event.trigger_ticks = 0
    event.amount_atoms = amount
    event.display_lots = 0
    event.created_ms = state.counters[TIME_MS]
    return n + 1
