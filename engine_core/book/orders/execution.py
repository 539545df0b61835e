"""An order that is in memory but on no level: what it needs, what it trades, how it ends. For new orders, fired
triggers and amended orders alike.

`plan` looks and changes nothing; `execute` does what was planned. Between the two the caller locks the funds and writes
its own event (ACCEPTED, AMENDED).
"""

import numpy as np

from engine_core.book.ladder.levels import can_add_level, find_level, key_of
from engine_core.book.ladder.matching import sweep_with
from engine_core.book.ladder.queue import enter, put_in_front
from engine_core.book.ledger.balances import atoms_of, atoms_to_lock, available, enlist
from engine_core.book.ledger.client_ids import add_client
from engine_core.book.memory.packed_codes import can_rest, codes_of_order, is_limit
from engine_core.book.memory.records import BY_QUOTE, HAS_BOUND, HAS_CLIENT_ID, ICEBERG, POST_ONLY, UNLISTED
from engine_core.book.memory.state import BOOKS, BUDGET, FIRED, TAKER_LOCKED, State
from engine_core.book.orders.closing import end_taker, forget
from engine_core.book.orders.events import tell_level, write
from engine_core.book.orders.planning import BY_AMOUNT, COST, FILLED, STOP, TAKEN, walk
from engine_core.book.orders.settlement import meet_own, trade
from engine_core.jit.intrinsics import apart, rare
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Row, Rows
from engine_core.wire.codes import EventKind, Reason, Side, TimeInForce
from engine_core.wire.limits import MAX_PRICE_TICKS, PPM

OWN_EVENTS = 3  # at most, before the first trade: TRIGGERED, ACCEPTED
AFTER_SWEEP = 6  # events kept free for what follows the last trade: two FILLs, REPLENISHED, RESTED or EXPIRED

_sweep = sweep_with(trade, meet_own)


@hot
def opposite_of(state: State, slot: int) -> int:
    """The book that the order trades against."""
    return state.info[slot].market * BOOKS + 2 - state.info[slot].side


@hot
def own_book(state: State, slot: int) -> int:
    return state.info[slot].market * BOOKS + state.info[slot].side - 1


@hot
def limit_key_of(state: State, slot: int, book: int) -> int:
    """The worst key of the opposite book that the order trades at: its limit, its bound, the market's impact limit."""
    info = state.info[slot]
    if is_limit(codes_of_order(state, slot)):
        return key_of(book, info.price_ticks)
    worst = MAX_PRICE_TICKS
    if info.flags & HAS_BOUND:
        worst = key_of(book, info.price_ticks)
    impact = state.markets[info.market].impact_ppm
    if impact != 0 and state.books[book].best != 0:
        best = key_of(book, state.books[book].best_key)
        if info.side == Side.BID:
            bound = min(best * (PPM + impact) // PPM, MAX_PRICE_TICKS)
        else:
            bound = max((best * (PPM - impact) + PPM - 1) // PPM, 1)
        worst = min(worst, key_of(book, bound))
    return worst


@inner
def _walk_for(state: State, walked: np.ndarray, n: int, slot: int, book: int, limit_key: int) -> None:
    apart()
    info = state.info[slot]
    amount = -1
    if info.flags & BY_QUOTE:
        amount = state.terms[slot].amount_atoms
    walk(
        state,
        walked,
        book,
        limit_key,
        state.orders[slot].account,
        info.self_trade,
        state.orders[slot].remaining_lots,
        amount,
        state.markets[info.market].tick_atoms,
        state.counters[BUDGET] - AFTER_SWEEP - OWN_EVENTS - n,
    )


@inner
def _has_level(state: State, book: int, price: int) -> bool:
    rare()
    return find_level(state, book, key_of(book, price)) != 0


@hot
def plan_to_rest(state: State, slot: int, price: int) -> int:
    """Why a limit order that is good till cancelled may not go to the book at this price, or Reason.NONE."""
    if state.info[slot].flags & POST_ONLY:
        book = opposite_of(state, slot)
        if state.books[book].best_key <= key_of(book, price):
            return Reason.POST_ONLY_WOULD_TAKE
    if not can_add_level(state) and not _has_level(state, own_book(state, slot), price):
        return Reason.LEVELS_FULL
    return Reason.NONE


@hot
def _plan_limit(state: State, n: int, slot: int, book: int, limit_key: int) -> tuple[int, int, int, int]:
    lots, price = state.orders[slot].remaining_lots, state.info[slot].price_ticks
    locked = atoms_of(state, slot, price, lots)
    if can_rest(codes_of_order(state, slot)):
        return plan_to_rest(state, slot, price), lots, locked, Reason.NONE
    if state.info[slot].time_in_force == TimeInForce.IOC:
        return Reason.NONE, lots, locked, Reason.IMMEDIATE_OR_CANCEL
    walked = state.walked
    _walk_for(state, walked, n, slot, book, limit_key)
    if walked[FILLED] < lots:
        return Reason.NONE, 0, locked, _why_killed(walked[STOP])
    return Reason.NONE, lots, locked, Reason.IMMEDIATE_OR_CANCEL


@hot
def _why_killed(stop: int) -> int:
    """Of an all-or-none order: what it wants is not there, or more than one command can give."""
    return stop if stop == Reason.EVENT_LIMIT else Reason.FILL_OR_KILL


@inner
def _plan_market(state: State, n: int, slot: int, giving: int, book: int, limit_key: int) -> tuple[int, int, int, int]:
    """A market order locks exactly what its trades will take: the walk has found them."""
    apart()
    info = state.info[slot]
    market = state.markets[info.market]
    leaves = state.orders[slot].remaining_lots
    walked = state.walked
    _walk_for(state, walked, n, slot, book, limit_key)
    taken, stop = walked[TAKEN], walked[STOP]
    complete = walked[FILLED] == leaves
    locked = walked[COST] if info.side == Side.BID else leaves * market.lot_atoms
    if info.flags & BY_QUOTE:
        amount = state.terms[slot].amount_atoms
        if info.side == Side.BID and available(state, giving) < amount:
            return Reason.INSUFFICIENT_FUNDS, 0, 0, 0
        complete = walked[BY_AMOUNT] == 1 and stop == Reason.NONE
        if complete and walked[FILLED] < market.min_lots:
            return Reason.QUANTITY_TOO_SMALL, 0, 0, 0
        if walked[FILLED] > market.limit_lots:
            return Reason.QUANTITY_TOO_LARGE, 0, 0, 0
        leaves = taken if walked[BY_AMOUNT] == 1 else taken + 1
        state.orders[slot].remaining_lots = leaves
        if info.side == Side.ASK:
            locked = walked[FILLED] * market.lot_atoms
    if info.time_in_force == TimeInForce.FOK and not complete:
        return Reason.NONE, 0, 0, _why_killed(stop)
    lots = taken
    if stop == Reason.SELF_TRADE:
        lots = min(taken + 1, leaves)  # one more lot, to meet the own order
    elif stop == Reason.IMMEDIATE_OR_CANCEL or stop == Reason.PRICE_IMPACT:
        lots = leaves  # own orders behind the last trade are met, too, as a limit order meets them
    if stop == Reason.IMMEDIATE_OR_CANCEL and taken == 0:
        stop = Reason.INSUFFICIENT_LIQUIDITY
    return Reason.NONE, lots, locked, stop


@hot
def plan(state: State, n: int, slot: int, giving: int) -> tuple[int, int, int, int, int]:
    """What the order in `slot`, for which nothing is locked, would do now. `giving`: see giving_of.

    Returns (why it is refused or Reason.NONE, limit key, lots to sweep, atoms to lock, why a remainder ends: NONE = it
    rests)."""
    book = opposite_of(state, slot)
    limit_key = limit_key_of(state, slot, book)
    if is_limit(codes_of_order(state, slot)):
        reason, lots, locked, stop = _plan_limit(state, n, slot, book, limit_key)
    else:
        reason, lots, locked, stop = _plan_market(state, n, slot, giving, book, limit_key)
    if reason == Reason.NONE and locked > available(state, giving):
        reason = Reason.INSUFFICIENT_FUNDS
    return reason, limit_key, lots, locked, stop


@hot
def crosses(state: State, slot: int, limit_key: int) -> bool:
    return bool(state.books[opposite_of(state, slot)].best_key <= limit_key)


@hot
def _open(state: State, slot: int) -> None:
    """The order outlives its command: put it on its account's list, if it is not there yet."""
    if state.info[slot].account_prev == UNLISTED:
        enlist(state, slot)
        if state.info[slot].flags & HAS_CLIENT_ID:
            add_client(state, slot)


@hot
def keep(state: State, slot: int, book: int, key: int) -> int:
    """Put the order on a level and, if it is new there, on its account's list. Returns the level."""
    _open(state, slot)
    return enter(state, book, key, slot)


@inner
def _suspend(state: State, slot: int) -> None:
    """No events are left for an order that may rest: it goes on before the next command (see triggers.py)."""
    rare()
    assert state.counters[TAKER_LOCKED] == atoms_to_lock(state, slot)
    _open(state, slot)
    put_in_front(state, FIRED, slot)


@hot
def rest(state: State, slot: int) -> int:
    """Queue the unfilled part at its limit; of an iceberg only the shown part counts. Returns the level."""
    info = state.info[slot]
    if info.flags & ICEBERG:
        state.orders[slot].remaining_lots = min(state.terms[slot].amount_atoms, state.orders[slot].remaining_lots)
    book = own_book(state, slot)
    return keep(state, slot, book, key_of(book, info.price_ticks))


@hot
def rest_again(state: State, events: Rows[Row], n: int, slot: int) -> int:
    """RESTED: what an event before told of the order does not say that it is in the book."""
    level = rest(state, slot)
    write(state, events, n, EventKind.RESTED, Reason.NONE, slot)
    tell_level(state, events, n, state.info[slot].market, level)
    return n + 1


@inner
def execute(
    state: State, events: Rows[Row], n: int, slot: int, limit_key: int, lots: int, locked: int, stop: int
) -> int:
    """Match the order, for which `locked` atoms are locked, then let the remainder rest or expire."""
    apart()
    state.counters[TAKER_LOCKED] = locked
    n, _, why = _sweep(
        state,
        opposite_of(state, slot),
        limit_key,
        state.orders[slot].account,
        lots,
        n,
        state.counters[BUDGET] - AFTER_SWEEP,
        (state, events, slot),
    )
    if why == Reason.NONE:
        why = stop
        if state.orders[slot].remaining_lots == 0:
            assert state.counters[TAKER_LOCKED] == 0
            forget(state, slot)
            return n
    if why == Reason.EVENT_LIMIT and can_rest(codes_of_order(state, slot)):
        _suspend(state, slot)
        return n
    if why != Reason.NONE:
        return end_taker(state, events, n, why, slot, state.counters[TAKER_LOCKED])
    return rest_again(state, events, n, slot)
