"""Accounts: balances, fees, the list of an account's open orders. All amounts are atoms, exact.

Conservation: every function here moves atoms between balances, none makes or destroys any; deposits and withdrawals do,
in transfers.py. Notionals fit in int64 because placement has checked them (see orders/checks.py).
"""

from engine_core.book.ledger.shares import give_share, take_share
from engine_core.book.memory.packed_codes import by_side, codes_of_order
from engine_core.book.memory.records import BY_QUOTE, UNLISTED, Fee
from engine_core.book.memory.state import OPEN_ORDERS, SHARED_ORDERS, TIERS, State
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import either_field
from engine_core.wire.codes import Side
from engine_core.wire.limits import FEE_ACCOUNT, PPM

_set_next_or_first = either_field("account_next", "first_order")
_set_prev_or_last = either_field("account_prev", "last_order")


@hot
def balance_of(state: State, account: int, asset: int) -> int:
    """Position in state.balances."""
    return account * state.assets.size + asset


@hot
def debit_balance(state: State, slot: int) -> int:
    """Position in state.balances of what the order pays with: quote for a Bid, base for an Ask."""
    market = state.markets[state.info[slot].market]
    base, quote = market.base, market.quote
    asset = by_side(codes_of_order(state, slot), quote, base)
    return balance_of(state, state.orders[slot].account, asset)


@hot
def available(state: State, place: int) -> int:
    return state.balances[place].available


@hot
def lock(state: State, place: int, atoms: int) -> None:
    """Reserve for an order; the caller knows that they are available."""
    balance = state.balances[place]
    balance.available -= atoms
    balance.locked += atoms


@hot
def unlock(state: State, place: int, atoms: int) -> None:
    """Give back what an order had reserved."""
    balance = state.balances[place]
    balance.locked -= atoms
    balance.available += atoms


@hot
def fee_of(atoms: int, ppm: int) -> int:
    """Parts per million of `atoms`, rounded up, without a product that could overflow."""
    if atoms >> 42 == 0:
        return (atoms * ppm + PPM - 1) // PPM
    whole = atoms // PPM
    return whole * ppm + ((atoms - whole * PPM) * ppm + PPM - 1) // PPM


@hot
def fees_of(state: State, market: int, account: int) -> Fee:
    """What the account pays there, by its tier."""
    return state.fees[market * TIERS + state.accounts[account].tier]


@hot
def debit(state: State, place: int, unlocked: int, spent: int) -> None:
    """Pay for a trade: of `unlocked` atoms, which were locked for it, `spent` leave and the rest becomes available."""
    balance = state.balances[place]
    balance.locked -= unlocked
    balance.available += unlocked - spent


@hot
def credit(state: State, account: int, asset: int, atoms: int, fee: int) -> None:
    """What a trade yields, less the fee, which goes to the fee account."""
    state.balances[balance_of(state, account, asset)].available += atoms - fee
    state.balances[balance_of(state, FEE_ACCOUNT, asset)].available += fee


@hot
def atoms_of(state: State, slot: int, price: int, lots: int) -> int:
    """What the order pays for so many lots at this price."""
    market = state.markets[state.info[slot].market]
    lot, tick = market.lot_atoms, market.tick_atoms
    return lots * by_side(codes_of_order(state, slot), price * tick, lot)


@inner
def _atoms_by_quote(state: State, slot: int) -> int:
    """Of a pending market order by quote; an Ask has a bound, which limits what it can have to sell."""
    cold()
    info, amount = state.info[slot], state.terms[slot].amount_atoms
    if info.side == Side.BID:
        return amount
    unit = info.price_ticks * state.markets[info.market].tick_atoms
    return atoms_of(state, slot, info.price_ticks, (amount + unit - 1) // unit)


@hot
def atoms_to_lock(state: State, slot: int) -> int:
    """What an open order, resting or pending, keeps locked for its unfilled part."""
    info = state.info[slot]
    if info.flags & BY_QUOTE:
        return _atoms_by_quote(state, slot)
    return atoms_of(state, slot, info.price_ticks, info.quantity_lots - info.executed_lots)


@hot
def open_count_of(state: State, account: int, market: int) -> int:
    """Position in state.open_counts."""
    return account * state.markets.size + market


@hot
def add_open_order(state: State, slot: int) -> None:
    """Put the order at the end of its account's list of open orders."""
    owner = state.accounts[state.orders[slot].account]
    insert_open_order(state, slot, owner.last_order, 0)


@hot
def insert_open_order(state: State, slot: int, before: int, following: int) -> None:
    account = state.orders[slot].account
    market = state.info[slot].market
    owner = state.accounts[account]
    state.info[slot].account_next = following
    state.info[slot].account_prev = before
    _set_next_or_first(before != 0, state.info[before], owner, slot)
    _set_prev_or_last(following != 0, state.info[following], owner, slot)
    take_share(state, SHARED_ORDERS, owner.open_orders)
    owner.open_orders += 1
    state.open_counts[open_count_of(state, account, market)] += 1
    state.markets[market].open_orders += 1
    state.scalars[OPEN_ORDERS] += 1


@hot
def remove_open_order(state: State, slot: int) -> None:
    account = state.orders[slot].account
    market = state.info[slot].market
    owner = state.accounts[account]
    following = state.info[slot].account_next
    before = state.info[slot].account_prev
    _set_next_or_first(before != 0, state.info[before], owner, following)
    _set_prev_or_last(following != 0, state.info[following], owner, before)
    state.info[slot].account_prev = UNLISTED
    owner.open_orders -= 1
    give_share(state, SHARED_ORDERS, owner.open_orders)
    state.open_counts[open_count_of(state, account, market)] -= 1
    state.markets[market].open_orders -= 1
    state.scalars[OPEN_ORDERS] -= 1
