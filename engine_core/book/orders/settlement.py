"""What a trade means: funds settled, fees taken, both FILL events, iceberg replenished; and what self-trade
prevention does.

These are the kernels that the exchange compiles into the loop of ladder/matching.py. The order being matched (the
taker) is on no level; what it still has locked stands in counters[TAKER_LOCKED], its unfilled lots in its own record.
"""

from typing import Any

from engine_core.book.ladder.queue import append
from engine_core.book.ledger.balances import exchange_atoms, fee_of, fee_place, giving_of, lock
from engine_core.book.memory.packed_codes import set_status
from engine_core.book.memory.records import BY_QUOTE, ICEBERG
from engine_core.book.memory.state import TAKER_LOCKED, TRIGGERS_DUE, State
from engine_core.book.orders.closing import expire_order, forget, shrink
from engine_core.book.orders.events import tell_level, tell_taker, write, write_fill
from engine_core.jit.intrinsics import rare
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import EventKind, OrderStatus, OrderType, Reason, SelfTrade, Side


@hot
def _record_trade(state: State, market: int, price: int) -> None:
    record = state.markets[market]
    record.trades += 1
    record.last_ticks = price
    record.low_ticks = min(record.low_ticks, price)
    record.high_ticks = max(record.high_ticks, price)
    state.counters[TRIGGERS_DUE] = 1


@hot
def _executed(state: State, slot: int, lots: int, atoms: int, filled: bool) -> None:
    info = state.info[slot]
    info.executed_lots += lots
    info.executed_atoms += atoms
    set_status(state, slot, OrderStatus.FILLED if filled else OrderStatus.PARTIALLY_FILLED)


@inner
def _settle(state: State, slot: int, lots: int, atoms: int, unlocked: int, ppm: int) -> int:
    """Move one side's funds; `unlocked`: quote atoms that a Bid frees. Returns the fee."""
    market = state.markets[state.info[slot].market]
    account = state.orders[slot].account
    base, quote = market.base, market.quote
    base_atoms = lots * market.lot_atoms
    if state.info[slot].side == Side.BID:
        fee = fee_of(base_atoms, ppm)
        exchange_atoms(state, account, quote, base, unlocked, atoms, base_atoms, fee)
    else:
        fee = fee_of(atoms, ppm)
        exchange_atoms(state, account, base, quote, base_atoms, base_atoms, atoms, fee)
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
def _replenish(state: State, events: Any, n: int, slot: int, level: int, hidden: int) -> int:
    """Show the next part of an iceberg, behind the queue."""
    rare()
    display = state.terms[slot].amount_atoms
    state.orders[slot].remaining_lots = min(display, hidden)
    append(state, level, slot)
    write(state, events, n, EventKind.REPLENISHED, Reason.NONE, slot)
    tell_level(state, events, n, state.info[slot].market, level)
    return n + 1


@inner
def trade(context: Any, maker: int, price: int, lots: int, left: int, n: int) -> int:
    """Settle one trade and tell it: the maker's FILL, the taker's, and an iceberg's next part."""
    state, events, taker = context
    market = state.info[maker].market
    level = state.orders[maker].level
    atoms = lots * price * state.markets[market].tick_atoms
    _record_trade(state, market, price)

    hidden = 0
    maker_filled = state.orders[maker].remaining_lots == 0
    if maker_filled and state.info[maker].flags & ICEBERG:
        hidden = state.info[maker].quantity_lots - state.info[maker].executed_lots - lots
        maker_filled = hidden == 0
    _executed(state, maker, lots, atoms, maker_filled)
    ppm = state.fees[fee_place(state, market, state.orders[maker].account)].maker_ppm
    fee = _settle(state, maker, lots, atoms, atoms, ppm)
    write_fill(state, events, n, maker, taker, price, lots, fee)
    tell_level(state, events, n, market, level)

    state.orders[taker].remaining_lots -= lots
    _executed(state, taker, lots, atoms, state.orders[taker].remaining_lots == 0)
    unlocked = _unlocked_by_taker(state, taker, lots, atoms)
    state.counters[TAKER_LOCKED] -= unlocked
    ppm = state.fees[fee_place(state, market, state.orders[taker].account)].taker_ppm
    fee = _settle(state, taker, lots, atoms, unlocked, ppm)
    write_fill(state, events, n + 1, taker, maker, price, lots, fee)
    tell_taker(state, events, n + 1, taker)

    if maker_filled:
        forget(state, maker)
    elif hidden != 0:
        return _replenish(state, events, n + 2, maker, level, hidden)
    return n + 2


@inner
def _decrement(state: State, events: Any, n: int, maker: int, taker: int, left: int) -> tuple[int, int, int]:
    """Both lose the smaller quantity; who has none left expires."""
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
            lock(state, giving_of(state, taker), -freed)
            state.counters[TAKER_LOCKED] -= freed
    if lots == left:
        return n, left - lots, Reason.SELF_TRADE
    return n, left - lots, Reason.NONE


@inner
def meet_own(context: Any, maker: int, left: int, n: int) -> tuple[int, int, int]:
    """The taker meets an order of its own account; the taker's mode decides."""
    rare()
    state, events, taker = context
    mode = state.info[taker].self_trade
    if mode == SelfTrade.DECREMENT:
        return _decrement(state, events, n, maker, taker, left)
    if mode != SelfTrade.REJECT_TAKER:
        n = expire_order(state, events, n, Reason.SELF_TRADE, maker)
    if mode == SelfTrade.REJECT_MAKER:
        return n, left, Reason.NONE
    return n, left, Reason.SELF_TRADE
