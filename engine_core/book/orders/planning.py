"""What an order that is in memory, but on no level, would do now: whether it is refused, what it trades, what it locks,
and why what is left of it would end. For new orders, fired triggers and replacements alike. Changes no order, level
or balance.

How much a market or all-or-none order gets is found by a dry run of the matching loop. It meets the same orders in the
same sequence as sweep() and meet_own(): at each level first what is shown, in the order of the queue, with own orders
under the order's self-trade mode; then, if the level was passed, the hidden lots of its icebergs.
"""

from typing import NamedTuple

from engine_core.book.ladder.levels import book_of, can_add_level, find_level, key_of, next_level
from engine_core.book.ledger.balances import atoms_of, available, debit_balance
from engine_core.book.memory.packed_codes import can_rest, codes_of_order, is_limit
from engine_core.book.memory.records import BY_QUOTE, HAS_BOUND, ICEBERG, POST_ONLY
from engine_core.book.memory.state import EVENTS_END, State
from engine_core.jit.intrinsics import cold, noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import Reason, SelfTrade, Side, TimeInForce
from engine_core.wire.limits import MAX_INT64, MAX_PRICE_TICKS, MAX_SUPPLY_ATOMS, PPM

# Where an order ends with EVENT_LIMIT depends on these, so they stay, though each is more than what it is for.
OWN_EVENTS = 3  # kept free before the first trade: TRIGGERED, ACCEPTED
AFTER_SWEEP = 6  # and from where no other trade begins: the last one's FILLs and REPLENISHED, then RESTED or EXPIRED
TWO_FILLS = 2  # events of a trade
EVENTS_A_PART = 3  # of an iceberg: two FILLs, REPLENISHED
NO_AMOUNT = -1

# State.walked: what the dry run found
TAKEN = 0  # lots consumed of those wanted, own ones decremented included
FILLED = 1  # lots that trade
COST = 2  # quote atoms of these; capped at MAX_SUPPLY_ATOMS + 1
STOP = 3  # Reason.NONE: all wanted lots or atoms are there (or the book ends); else why it ends early
STEPS = 4  # events, at most
BY_AMOUNT = 5  # 1: the amount is used up, to within less than a lot
USED = 6  # quote atoms of the amount that are used: what trades, and own lots decremented
WALKED = 7


class Plan(NamedTuple):
    """What an order will do."""

    refused: int  # why it is not accepted at all, or Reason.NONE
    limit_key: int  # of the worst level of the opposite book that it trades at
    lots: int  # to sweep
    leaves: int  # its open lots before the sweep; of an order by quote as many as its amount pays
    balance: int  # in State.balances: what it pays with
    locked: int  # atoms of that to lock
    stop: int  # why what is left ends; Reason.NONE: it rests


class Wanted(NamedTuple):
    """What the dry run is to find, for which account."""

    account: int
    self_trade: int
    lots: int  # without a bound, if there is an amount
    amount_atoms: int  # of quote, or NO_AMOUNT
    events: int  # it may take before it ends with EVENT_LIMIT


@hot
def opposite_of(state: State, slot: int) -> int:
    """The book that the order trades against."""
    info = state.info[slot]
    return book_of(info.market, Side.ASK - info.side)


@hot
def own_book(state: State, slot: int) -> int:
    info = state.info[slot]
    return book_of(info.market, info.side - Side.BID)


@hot
def crosses(state: State, slot: int, limit_key: int) -> bool:
    """Whether the best opposite price is within the order's limit."""
    return bool(state.books[opposite_of(state, slot)].best_key <= limit_key)


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
def _consume(state: State, wanted: Wanted, lots: int, unit: int, fills: bool, events: int) -> bool:
    """Consume up to `lots` at `unit` quote atoms a lot. Returns whether there is all that is wanted."""
    walked = state.walked
    taken = min(lots, wanted.lots - walked[TAKEN])
    if wanted.amount_atoms >= 0:
        affordable = (wanted.amount_atoms - walked[USED]) // unit
        taken = min(taken, affordable)
        if taken == affordable:
            walked[BY_AMOUNT] = 1
        walked[USED] += taken * unit
    walked[TAKEN] += taken
    if fills:
        walked[FILLED] += taken
        room = MAX_SUPPLY_ATOMS + 1 - walked[COST]
        walked[COST] += taken * unit if taken <= room // unit else room
    walked[STEPS] += events
    return bool(walked[TAKEN] == wanted.lots or walked[BY_AMOUNT] == 1)


@inner
def _walk_displayed(state: State, wanted: Wanted, level: int, unit: int) -> bool:
    """The visible round of one level. Returns whether the walk is over."""
    walked = state.walked
    slot = state.levels[level].head
    while slot != 0:
        if walked[STEPS] > wanted.events:
            walked[STOP] = Reason.EVENT_LIMIT
            return True
        order, info = state.orders[slot], state.info[slot]
        if order.account != wanted.account:
            events = EVENTS_A_PART if info.flags & ICEBERG else TWO_FILLS
            if _consume(state, wanted, order.remaining_lots, unit, True, events):
                return True
        elif wanted.self_trade == SelfTrade.DECREMENT:
            if _consume(state, wanted, info.quantity_lots - info.executed_lots, unit, False, 1):
                walked[STOP] = Reason.SELF_TRADE
                return True
        elif wanted.self_trade == SelfTrade.REJECT_MAKER:
            walked[STEPS] += 1
        else:
            walked[STOP] = Reason.SELF_TRADE
            return True
        slot = order.next
    return False


@inner
def _hidden_of(state: State, slot: int, account: int) -> int:
    """Lots of an iceberg of another account that it does not show now; 0 of any other order."""
    order, info = state.orders[slot], state.info[slot]
    if info.flags & ICEBERG == 0 or order.account == account:
        return 0
    return info.quantity_lots - info.executed_lots - order.remaining_lots


@inner
def _parts_of(state: State, level: int, account: int) -> tuple[int, int]:
    """(lots, parts) that the icebergs of a level hide."""
    lots, parts = 0, 0
    slot = state.levels[level].head
    while slot != 0:
        hidden = _hidden_of(state, slot, account)
        if hidden > 0:
            display = state.terms[slot].display_lots
            lots += hidden
            parts += (hidden + display - 1) // display
        slot = state.orders[slot].next
    return lots, parts


@inner
def _walk_hidden(state: State, wanted: Wanted, level: int, unit: int) -> bool:
    """The hidden rounds of a level whose shown lots are all taken. Returns whether the walk is over.

    All of it in one step, if all of it is wanted. Else part by part, as they would be shown: in each round one of each
    iceberg that has one left, in the order of the queue.
    """
    walked = state.walked
    lots, parts = _parts_of(state, level, wanted.account)
    wants = wanted.lots - walked[TAKEN]
    if wanted.amount_atoms >= 0:
        wants = min(wants, (wanted.amount_atoms - walked[USED]) // unit)
    if lots < wants and walked[STEPS] + parts * EVENTS_A_PART <= wanted.events:
        return lots != 0 and _consume(state, wanted, lots, unit, True, parts * EVENTS_A_PART)
    round_number = 0
    while lots > 0:
        slot = state.levels[level].head
        while slot != 0:
            hidden = _hidden_of(state, slot, wanted.account)
            display = state.terms[slot].display_lots
            if hidden > 0 and round_number <= (hidden - 1) // display:
                if walked[STEPS] > wanted.events:
                    walked[STOP] = Reason.EVENT_LIMIT
                    return True
                part = min(hidden - round_number * display, display)
                if _consume(state, wanted, part, unit, True, EVENTS_A_PART):
                    return True
                lots -= part
            slot = state.orders[slot].next
        round_number += 1
    return False


@inner
def walk_book(state: State, wanted: Wanted, book: int, limit_key: int, tick_atoms: int) -> None:
    """Fill state.walked with what is there for the order, at levels whose key is at most `limit_key`."""
    for field in range(WALKED):
        state.walked[field] = 0
    level = state.books[book].best
    while level != 0:
        key = state.levels[level].key
        if key > limit_key:
            break
        unit = key_of(book, key) * tick_atoms
        if _walk_displayed(state, wanted, level, unit) or _walk_hidden(state, wanted, level, unit):
            return
        level = next_level(state, level)
    state.walked[STOP] = Reason.PRICE_IMPACT if level != 0 else Reason.IMMEDIATE_OR_CANCEL


@inner
def _walk(state: State, n: int, slot: int, limit_key: int) -> None:
    """The dry run for the order in `slot`, whose first event would be number n."""
    noinline()
    order, info = state.orders[slot], state.info[slot]
    lots, amount = order.remaining_lots, NO_AMOUNT
    if info.flags & BY_QUOTE:
        lots, amount = MAX_INT64 >> 1, state.terms[slot].amount_atoms
    events = state.scalars[EVENTS_END] - AFTER_SWEEP - OWN_EVENTS - n
    wanted = Wanted(order.account, info.self_trade, lots, amount, events)
    walk_book(state, wanted, opposite_of(state, slot), limit_key, state.markets[info.market].tick_atoms)


@inner
def _has_level(state: State, book: int, price: int) -> bool:
    cold()
    return find_level(state, book, key_of(book, price)) != 0


@hot
def check_rest(state: State, slot: int, price: int) -> int:
    """Why a limit order that is good till cancelled may not go to the book at this price, or Reason.NONE."""
    if state.info[slot].flags & POST_ONLY:
        book = opposite_of(state, slot)
        if state.books[book].best_key <= key_of(book, price):
            return Reason.POST_ONLY_WOULD_TAKE
    if not can_add_level(state) and not _has_level(state, own_book(state, slot), price):
        return Reason.LEVELS_FULL
    return Reason.NONE


@hot
def refuse(state: State, slot: int, reason: int) -> Plan:
    return Plan(reason, 0, 0, state.orders[slot].remaining_lots, debit_balance(state, slot), 0, Reason.NONE)


@hot
def _why_killed(stop: int) -> int:
    """Of an all-or-none order: what it wants is not there, or more than one command can give."""
    return stop if stop == Reason.EVENT_LIMIT else Reason.FILL_OR_KILL


@hot
def _plan_limit(state: State, n: int, slot: int, limit_key: int, balance: int) -> Plan:
    info, lots = state.info[slot], state.orders[slot].remaining_lots
    locked = atoms_of(state, slot, info.price_ticks, lots)
    if can_rest(codes_of_order(state, slot)):
        return Plan(check_rest(state, slot, info.price_ticks), limit_key, lots, lots, balance, locked, Reason.NONE)
    if info.time_in_force == TimeInForce.FOK:
        _walk(state, n, slot, limit_key)
        if state.walked[FILLED] < lots:
            return Plan(Reason.NONE, limit_key, 0, lots, balance, locked, _why_killed(state.walked[STOP]))
    return Plan(Reason.NONE, limit_key, lots, lots, balance, locked, Reason.IMMEDIATE_OR_CANCEL)


@hot
def _check_by_quote(state: State, slot: int, balance: int) -> int:
    """Whether what the dry run found for an order by quote may be traded."""
    info, walked = state.info[slot], state.walked
    market = state.markets[info.market]
    if info.side == Side.BID and available(state, balance) < state.terms[slot].amount_atoms:
        return Reason.INSUFFICIENT_FUNDS
    is_complete = walked[BY_AMOUNT] == 1 and walked[STOP] == Reason.NONE
    if is_complete and walked[FILLED] < market.min_lots:
        return Reason.QUANTITY_TOO_SMALL
    if walked[FILLED] > market.limit_lots:
        return Reason.QUANTITY_TOO_LARGE
    return Reason.NONE


@inner
def _plan_market(state: State, n: int, slot: int, limit_key: int, balance: int) -> Plan:
    """A market order locks exactly what its trades will take: the dry run has found them."""
    noinline()
    info = state.info[slot]
    market = state.markets[info.market]
    _walk(state, n, slot, limit_key)
    walked = state.walked
    taken, filled, stop = walked[TAKEN], walked[FILLED], walked[STOP]
    if info.flags & BY_QUOTE:
        refused = _check_by_quote(state, slot, balance)
        if refused != Reason.NONE:
            return refuse(state, slot, refused)
        is_complete = walked[BY_AMOUNT] == 1 and stop == Reason.NONE
        leaves = taken if walked[BY_AMOUNT] == 1 else taken + 1  # one lot that it does not get, and ends with
        given_lots = filled
    else:
        leaves = state.orders[slot].remaining_lots
        is_complete = filled == leaves
        given_lots = leaves
    locked = walked[COST] if info.side == Side.BID else given_lots * market.lot_atoms
    if info.time_in_force == TimeInForce.FOK and not is_complete:
        return Plan(Reason.NONE, limit_key, 0, leaves, balance, 0, _why_killed(stop))
    lots = taken
    if stop == Reason.SELF_TRADE:
        lots = min(taken + 1, leaves)  # one more lot, to meet the own order
    elif stop == Reason.IMMEDIATE_OR_CANCEL or stop == Reason.PRICE_IMPACT:
        lots = leaves  # own orders behind the last trade are met, too, as a limit order meets them
    if stop == Reason.IMMEDIATE_OR_CANCEL and taken == 0:
        stop = Reason.INSUFFICIENT_LIQUIDITY
    return Plan(Reason.NONE, limit_key, lots, leaves, balance, locked, stop)


@hot
def plan_order(state: State, n: int, slot: int) -> Plan:
    """What the order in `slot`, for which nothing is locked, would do now; its first event would be number n."""
    balance, limit_key = debit_balance(state, slot), limit_key_of(state, slot, opposite_of(state, slot))
    if is_limit(codes_of_order(state, slot)):
        plan = _plan_limit(state, n, slot, limit_key, balance)
    else:
        plan = _plan_market(state, n, slot, limit_key, balance)
    refused = plan.refused
    if refused == Reason.NONE and plan.locked > available(state, balance):
        refused = Reason.INSUFFICIENT_FUNDS
    return Plan(refused, limit_key, plan.lots, plan.leaves, balance, plan.locked, plan.stop)
