"""What a trade means: funds settled, fees taken, both FILL events, iceberg replenished; and what self-trade
prevention does.

These are the kernels that the exchange compiles into the loop of ladder/matching.py. The order being matched (the
taker) is on no level; what it still has locked stands in scalars[TAKER_LOCKED], its unfilled lots in its own record.
"""

from typing import Any

from engine_core.book.ladder.queue import append
from engine_core.book.ledger.balances import balance_of, credit, debit, debit_balance, fee_of, fees_of, unlock
from engine_core.book.memory.packed_codes import set_status
from engine_core.book.memory.records import BY_QUOTE, ICEBERG
from engine_core.book.memory.state import TAKER_LOCKED, TRIGGERS_DUE, State
from engine_core.book.orders.closing import expire_order, remove_order, shrink
from engine_core.book.orders.events import Fill, add_level_change, mark_taker, write, write_fill
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import EventKind, OrderStatus, OrderType, Reason, SelfTrade, Side
from engine_core.wire.layout import EventRow


@hot
def _record_trade(state: State, market: int, price: int) -> None:
    record = state.markets[market]
    record.trades += 1
    record.last_ticks = price
    record.low_ticks = min(record.low_ticks, price)
    record.high_ticks = max(record.high_ticks, price)
    state.scalars[TRIGGERS_DUE] = 1


@hot
def _add_execution(state: State, slot: int, lots: int, atoms: int, filled: bool) -> None:
    info = state.info[slot]
    info.executed_lots += lots
    info.executed_atoms += atoms
    set_status(state, slot, OrderStatus.FILLED if filled else OrderStatus.PARTIALLY_FILLED)


@inner
def _settle(state: State, slot: int, lots: int, atoms: int, unlocked: int, ppm: int) -> int:
    """Move the funds of one side for `lots`, worth `atoms` of quote; `unlocked`: quote atoms that a Bid had locked for
    them. Returns the fee, in atoms of what the side receives."""
    account, info = state.orders[slot].account, state.info[slot]
    market = state.markets[info.market]
    base_atoms = lots * market.lot_atoms
    if info.side == Side.BID:
        fee = fee_of(base_atoms, ppm)
        debit(state, balance_of(state, account, market.quote), unlocked, atoms)
        credit(state, account, market.base, base_atoms, fee)
    else:
        fee = fee_of(atoms, ppm)
        debit(state, balance_of(state, account, market.base), base_atoms, base_atoms)
        credit(state, account, market.quote, atoms, fee)
    return fee


@hot
def _unlocked_by_taker(state: State, slot: int, lots: int, atoms: int) -> int:
    """What the taker's lock shrinks by: a limit Bid's is at its limit, a market Bid's exactly the cost."""
    info = state.info[slot]
    market = state.markets[info.market]
    if info.side == Side.ASK:
        return lots * market.lot_atoms
    if info.order_type == OrderType.LIMIT:
        return lots * info.price_ticks * market.tick_atoms
    return atoms


@inner
def _replenish(state: State, events: Rows[EventRow], n: int, slot: int, level: int, hidden: int) -> int:
    """Show the next part of an iceberg, behind the queue."""
    cold()
    display = state.terms[slot].display_lots
    state.orders[slot].remaining_lots = min(display, hidden)
    append(state, level, slot)
    write(state, events, n, EventKind.REPLENISHED, Reason.NONE, slot)
    add_level_change(state, events[n], state.info[slot].market, level)
    return n + 1


@hot
def _hidden_lots(state: State, maker: int, lots: int) -> int:
    """Of an iceberg whose shown part is gone with this trade: what it has left."""
    info = state.info[maker]
    if state.orders[maker].remaining_lots != 0 or info.flags & ICEBERG == 0:
        return 0
    return info.quantity_lots - info.executed_lots - lots


@inner
def trade(context: Any, maker: int, price: int, lots: int, n: int) -> int:
    """Settle one trade of `lots` at `price` ticks and report it: the maker's FILL, the taker's, and an iceberg's next
    part."""
    state, events, taker = context
    market = state.info[maker].market
    level = state.orders[maker].level
    atoms = lots * price * state.markets[market].tick_atoms  # of the quote asset
    _record_trade(state, market, price)

    hidden = _hidden_lots(state, maker, lots)
    maker_filled = state.orders[maker].remaining_lots == 0 and hidden == 0
    _add_execution(state, maker, lots, atoms, maker_filled)
    fees = fees_of(state, market, state.orders[maker].account)
    fee = _settle(state, maker, lots, atoms, atoms, fees.maker_ppm)
    write_fill(state, events, n, maker, taker, Fill(price, lots, fee))
    add_level_change(state, events[n], market, level)
    n += 1

    state.orders[taker].remaining_lots -= lots
    _add_execution(state, taker, lots, atoms, state.orders[taker].remaining_lots == 0)
    unlocked = _unlocked_by_taker(state, taker, lots, atoms)
    state.scalars[TAKER_LOCKED] -= unlocked
    fees = fees_of(state, market, state.orders[taker].account)
    fee = _settle(state, taker, lots, atoms, unlocked, fees.taker_ppm)
    write_fill(state, events, n, taker, maker, Fill(price, lots, fee))
    mark_taker(state, events[n], taker)
    n += 1

    if maker_filled:
        remove_order(state, maker)
    elif hidden != 0:
        return _replenish(state, events, n, maker, level, hidden)
    return n


@inner
def _decrement(state: State, events: Rows[EventRow], n: int, maker: int, taker: int, left: int) -> tuple[int, int, int]:
    """Both orders lose the smaller quantity; the one with none left expires."""
    maker_left = state.info[maker].quantity_lots - state.info[maker].executed_lots
    lots = min(maker_left, left)
    if lots == maker_left:
        n = expire_order(state, events, n, Reason.SELF_TRADE, maker)
    else:
        n = shrink(state, events, n, Reason.SELF_TRADE, maker, lots)
    info = state.info[taker]
    state.orders[taker].remaining_lots -= lots
    if info.flags & BY_QUOTE == 0:
        info.quantity_lots -= lots
        if info.side == Side.ASK or info.order_type == OrderType.LIMIT:  # a market Bid locked its trades only
            freed = _unlocked_by_taker(state, taker, lots, 0)
            unlock(state, debit_balance(state, taker), freed)
            state.scalars[TAKER_LOCKED] -= freed
    if lots == left:
        return n, left - lots, Reason.SELF_TRADE
    return n, left - lots, Reason.NONE


@inner
def meet_own(context: Any, maker: int, left: int, n: int) -> tuple[int, int, int]:
    """The taker meets an order of its own account; the taker's mode decides."""
    cold()
    state, events, taker = context
    mode = state.info[taker].self_trade
    if mode == SelfTrade.DECREMENT:
        return _decrement(state, events, n, maker, taker, left)
    if mode != SelfTrade.REJECT_TAKER:
        n = expire_order(state, events, n, Reason.SELF_TRADE, maker)
    if mode == SelfTrade.REJECT_MAKER:
        return n, left, Reason.NONE
    return n, left, Reason.SELF_TRADE
