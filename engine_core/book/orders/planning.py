"""A dry run of the matching loop: what a market or all-or-none order would get, moving nothing.

It meets the same orders in the same sequence as sweep() and meet_own(): at each level first what is shown, in the
order of the queue, with own orders under the order's self-trade mode; then, if the level was passed, the hidden lots
of its icebergs.
"""

import numpy as np

from engine_core.book.ladder.levels import key_of, next_level
from engine_core.book.memory.records import ICEBERG
from engine_core.book.memory.state import State
from engine_core.jit.kernel import inner
from engine_core.wire.codes import Reason, SelfTrade
from engine_core.wire.limits import MAX_INT64, MAX_SUPPLY_ATOMS

TWO_FILLS = 2  # events of a trade
EVENTS_A_PART = 3  # of an iceberg: two FILLs, REPLENISHED

# walked: what the walk found
TAKEN = 0  # lots consumed of those wanted, own ones decremented included
FILLED = 1  # lots that trade
COST = 2  # quote atoms of these; capped at MAX_SUPPLY_ATOMS + 1
STOP = 3  # Reason.NONE: all wanted lots or atoms are there (or the book ends); else why it ends early
STEPS = 4  # events, at most
BY_AMOUNT = 5  # 1: the amount is used up, to within less than a lot
USED = 6  # quote atoms of the amount that are used: what trades, and own lots decremented
WALKED = 7


@inner
def _take(walked: np.ndarray, lots: int, wanted: int, amount: int, unit: int, fills: bool, events: int) -> bool:
    """Take up to `lots` at `unit` quote atoms a lot. Returns whether the want is satisfied."""
    take = min(lots, wanted - walked[TAKEN])
    if amount >= 0:
        affordable = (amount - walked[USED]) // unit
        take = min(take, affordable)
        if take == affordable:
            walked[BY_AMOUNT] = 1
    walked[TAKEN] += take
    if fills:
        walked[FILLED] += take
        room = MAX_SUPPLY_ATOMS + 1 - walked[COST]
        walked[COST] += take * unit if take <= room // unit else room
    if amount >= 0:
        walked[USED] += take * unit
    walked[STEPS] += events
    return bool(walked[TAKEN] == wanted or walked[BY_AMOUNT] == 1)


@inner
def _walk_shown(
    state: State,
    walked: np.ndarray,
    level: int,
    account: int,
    mode: int,
    wanted: int,
    amount: int,
    unit: int,
    budget: int,
) -> bool:
    """The visible round of one level. Returns whether the walk is over."""
    slot = state.levels[level].head
    while slot != 0:
        if walked[STEPS] > budget:
            walked[STOP] = Reason.EVENT_LIMIT
            return True
        order = state.orders[slot]
        if order.account != account:
            events = EVENTS_A_PART if state.info[slot].flags & ICEBERG else TWO_FILLS
            if _take(walked, order.remaining_lots, wanted, amount, unit, True, events):
                return True
        elif mode == SelfTrade.DECREMENT:
            left = state.info[slot].quantity_lots - state.info[slot].executed_lots
            if _take(walked, left, wanted, amount, unit, False, 1):
                walked[STOP] = Reason.SELF_TRADE
                return True
        elif mode == SelfTrade.REJECT_MAKER:
            walked[STEPS] += 1
        else:
            walked[STOP] = Reason.SELF_TRADE
            return True
        slot = order.next
    return False


@inner
def _hidden_of(state: State, slot: int, account: int) -> int:
    """Lots of an iceberg of somebody else that it does not show now; 0 of any other order."""
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
            display = state.terms[slot].amount_atoms
            lots += hidden
            parts += (hidden + display - 1) // display
        slot = state.orders[slot].next
    return lots, parts


@inner
def _walk_hidden(
    state: State, walked: np.ndarray, level: int, account: int, wanted: int, amount: int, unit: int, budget: int
) -> bool:
    """The hidden rounds of a level whose shown lots are all taken. Returns whether the walk is over.

    All of it in one step, if all of it is wanted. Else part by part, as they would be shown: in each round one of each
    iceberg that has one left, in the order of the queue.
    """
    lots, parts = _parts_of(state, level, account)
    wants = wanted - walked[TAKEN]
    if amount >= 0:
        wants = min(wants, (amount - walked[USED]) // unit)
    if lots < wants and walked[STEPS] + parts * EVENTS_A_PART <= budget:
        return lots != 0 and _take(walked, lots, wanted, amount, unit, True, parts * EVENTS_A_PART)
    round_number = 0
    while lots > 0:
        slot = state.levels[level].head
        while slot != 0:
            hidden = _hidden_of(state, slot, account)
            display = state.terms[slot].amount_atoms
            if hidden > 0 and round_number <= (hidden - 1) // display:
                if walked[STEPS] > budget:
                    walked[STOP] = Reason.EVENT_LIMIT
                    return True
                part = min(hidden - round_number * display, display)
                if _take(walked, part, wanted, amount, unit, True, EVENTS_A_PART):
                    return True
                lots -= part
            slot = state.orders[slot].next
        round_number += 1
    return False


@inner
def walk(
    state: State,
    walked: np.ndarray,
    book: int,
    limit_key: int,
    account: int,
    mode: int,
    lots: int,
    amount: int,
    tick_atoms: int,
    budget: int,
) -> None:
    """Fill `walked` for an order that wants `lots`, or as many as `amount` quote atoms pay (amount < 0: no such
    bound)."""
    for field in range(WALKED):
        walked[field] = 0
    wanted = lots if amount < 0 else MAX_INT64 >> 1
    level = state.books[book].best
    while level != 0:
        key = state.levels[level].key
        if key > limit_key:
            break
        unit = key_of(book, key) * tick_atoms
        if _walk_shown(state, walked, level, account, mode, wanted, amount, unit, budget):
            return
        if _walk_hidden(state, walked, level, account, wanted, amount, unit, budget):
            return
        level = next_level(state, level)
    walked[STOP] = Reason.PRICE_IMPACT if level != 0 else Reason.IMMEDIATE_OR_CANCEL
