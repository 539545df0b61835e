"""Client order ids: one chained hash from (account, client id) to an open order or to a remembered ended one.

A retry with the same client id and the same economics is answered with the order that exists, so no order doubles.
Known are the open orders, and per account the last `ended_per_account` ended ones, within its share of `ended` (see
shares.py): first in, first out in log order. `economics` is a 64-bit mark of what the order was when it was placed
(amending changes the order, not the mark).

In the chains a positive number is a slot, a negative one an ENDED record.
"""

from engine_core.book.ledger.shares import give_share, may_take, take_share
from engine_core.book.memory.packed_codes import codes_in, has_amount
from engine_core.book.memory.records import TRIGGER
from engine_core.book.memory.state import (
    DIVIDED,
    ENDED_FREE,
    ENDED_NEWEST,
    ENDED_OLDEST,
    ENDED_PER_ACCOUNT,
    ENDED_USED,
    SHARED_ENDED,
    State,
)
from engine_core.jit.intrinsics import cold, mixed, noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.layout import CommandRow


@hot
def economics_of(command: CommandRow) -> int:
    """A mark of everything in a PLACE that a retry repeats; two orders that differ in one field differ in it."""
    codes = (command.side << 24) | (command.order_type << 16) | (command.time_in_force << 8)
    codes = (codes << 16) | (command.self_trade << 8) | command.flags
    mark = mixed((codes << 24) ^ command.market)
    mark = mixed(mark ^ command.price_ticks)
    mark = mixed(mark ^ command.quantity_lots)
    mark = mixed(mark ^ command.trigger_ticks)
    return mixed(mark ^ command.amount_atoms)


@hot
def client_bucket(state: State, account: int, client_id: int) -> int:
    return mixed((account << 32) ^ client_id) & (state.client_heads.size - 1)


@inner
def _chain_next(state: State, entry: int) -> int:
    if entry > 0:
        return state.info[entry].client_chain
    return state.ended[-entry].client_chain


@inner
def find_client(state: State, account: int, client_id: int) -> int:
    """Slot of the open order, minus the number of the ended one, or 0."""
    noinline()
    entry = state.client_heads[client_bucket(state, account, client_id)]
    while entry != 0:
        if entry > 0:
            if state.orders[entry].account == account and state.info[entry].client_id == client_id:
                break
        elif state.ended[-entry].account == account and state.ended[-entry].client_id == client_id:
            break
        entry = _chain_next(state, entry)
    return entry


@inner
def add_client(state: State, slot: int) -> None:
    """Make an open order findable by its client id."""
    noinline()
    bucket = client_bucket(state, state.orders[slot].account, state.info[slot].client_id)
    state.info[slot].client_chain = state.client_heads[bucket]
    state.client_heads[bucket] = slot


@inner
def _drop_entry(state: State, entry: int, account: int, client_id: int) -> None:
    bucket = client_bucket(state, account, client_id)
    following = _chain_next(state, entry)
    at = state.client_heads[bucket]
    if at == entry:
        state.client_heads[bucket] = following
        return
    while _chain_next(state, at) != entry:
        at = _chain_next(state, at)
    if at > 0:
        state.info[at].client_chain = following
    else:
        state.ended[-at].client_chain = following


@inner
def _drop_oldest_ended(state: State, account: int) -> None:
    """Drop the account's oldest ended order. (The oldest of all is also the oldest of its account.)"""
    cold()
    owner = state.accounts[account]
    number = owner.ended_first
    record = state.ended[number]
    owner.ended_first = record.account_next
    if record.account_next == 0:
        owner.ended_last = 0
    owner.ended -= 1
    give_share(state, SHARED_ENDED, owner.ended)
    _drop_entry(state, -number, account, record.client_id)
    older, newer = record.older, record.newer
    if older != 0:
        state.ended[older].newer = newer
    else:
        state.scalars[ENDED_OLDEST] = newer
    if newer != 0:
        state.ended[newer].older = older
    else:
        state.scalars[ENDED_NEWEST] = older
    record.order_id = 0
    record.newer = state.scalars[ENDED_FREE]
    state.scalars[ENDED_FREE] = number


@inner
def _new_ended(state: State, account: int) -> int:
    """A place for one more, after forgetting what the two caps demand."""
    held = state.accounts[account].ended
    if held >= state.limits[ENDED_PER_ACCOUNT]:
        _drop_oldest_ended(state, account)
    elif held != 0 and state.scalars[DIVIDED] != 0 and not may_take(state, SHARED_ENDED, held):
        _drop_oldest_ended(state, account)  # its own, never another account's
    if state.scalars[ENDED_FREE] == 0 and state.scalars[ENDED_USED] + 1 == state.ended.size:
        _drop_oldest_ended(state, state.ended[state.scalars[ENDED_OLDEST]].account)
    number = state.scalars[ENDED_FREE]
    if number != 0:
        state.scalars[ENDED_FREE] = state.ended[number].newer
    else:
        state.scalars[ENDED_USED] += 1
        number = state.scalars[ENDED_USED]
    return number


@inner
def _copy_order(state: State, slot: int, number: int) -> None:
    info, terms, record = state.info[slot], state.terms[slot], state.ended[number]
    record.quantity_lots = info.quantity_lots
    record.executed_lots = info.executed_lots
    record.executed_atoms = info.executed_atoms
    record.amount_atoms = terms.amount_atoms if has_amount(codes_in(info)) else 0
    record.created_ms = info.created_ms
    record.economics = terms.economics
    record.price_ticks = info.price_ticks
    record.trigger_ticks = terms.trigger_ticks if info.flags & TRIGGER else 0
    record.client_id = info.client_id
    record.market = info.market
    record.side = info.side
    record.order_type = info.order_type
    record.time_in_force = info.time_in_force
    record.self_trade = info.self_trade
    record.flags = info.flags
    record.status = info.status
    record.account = state.orders[slot].account
    record.order_id = state.orders[slot].order_id


@inner
def remember_ended(state: State, slot: int, was_open: bool) -> None:
    """An order with a client id ends (its final status is set): remember it. `was_open`: it could be found before."""
    noinline()
    account, client_id = state.orders[slot].account, state.info[slot].client_id
    if was_open:
        _drop_entry(state, slot, account, client_id)
    number = _new_ended(state, account)
    _copy_order(state, slot, number)
    record, owner = state.ended[number], state.accounts[account]
    record.older = state.scalars[ENDED_NEWEST]
    record.newer = 0
    if record.older != 0:
        state.ended[record.older].newer = number
    else:
        state.scalars[ENDED_OLDEST] = number
    state.scalars[ENDED_NEWEST] = number
    record.account_next = 0
    if owner.ended_last != 0:
        state.ended[owner.ended_last].account_next = number
    else:
        owner.ended_first = number
    owner.ended_last = number
    take_share(state, SHARED_ENDED, owner.ended)
    owner.ended += 1
    bucket = client_bucket(state, account, client_id)
    record.client_chain = state.client_heads[bucket]
    state.client_heads[bucket] = -number
