"""Shares: what one account may take of the tables that all accounts share, so that no account can fill them.

Half of a table is divided equally among all accounts that there may be (at least one entry each, where there are so
many): each account's own share, which is there for it whatever the others do. The other half is the pool, first come,
first served, of which one account gets at most a sixteenth. Counted is what accounts hold beyond their own share, so
every check is two comparisons, and an account within its own share is never refused.

    orders       own share and pool of [capacity] orders; in several markets, none gets more than half of all orders in
                 beyond own shares. There is a level, and a page, for every order, so levels cannot run out before.
    keys         that are not revoked; and KEYS_OF_ONE_ACCOUNT at most. A revoked one's place is given to another.
    timers       dead-man switches and leases
    withdrawals  remembered references of an account's own: never refused, its own oldest one is forgotten
    ended        remembered ended orders with client ids: the same

Of [capacity] references a quarter of the table stays for deposits, of [capacity] accounts a sixteenth for accounts that
an administrator makes. Not divided (see SHARES), everything is one pool without a bound for anybody.
"""

from engine_core.book.memory.state import (
    ACCOUNTS,
    DIVIDED,
    MARKETS,
    SHARED_ENDED,
    SHARED_KEYS,
    SHARED_ORDERS,
    SHARED_TIMERS,
    SHARED_WITHDRAWALS,
    State,
)
from engine_core.jit.by_reference import by_reference
from engine_core.jit.kernel import entry, hot, inner

_PART_OF_POOL = 16  # one account may take of the pool
_KEPT_ACCOUNTS = 16  # this part of the accounts is not for sign-ups


@hot
def take_share(state: State, table: int, held: int) -> None:
    """An account that held so many entries takes one more."""
    share = state.shares[table]
    share.taken += held >= share.own


@hot
def give_share(state: State, table: int, held: int) -> None:
    """An account that holds so many entries now has given one back."""
    share = state.shares[table]
    share.taken -= held >= share.own


@hot
def may_take(state: State, table: int, held: int) -> bool:
    """Whether an account that holds so many entries may have one more."""
    share = state.shares[table]
    if held < share.own:
        return True
    return bool(share.taken < share.pool and held - share.own < share.most)


@hot
def is_full(state: State, table: int) -> bool:
    """Whether it is the table that has no room, and not the account that has its share."""
    share = state.shares[table]
    return bool(share.own == 0 and share.taken >= share.pool)


@hot
def may_grow(state: State, market: int, held: int) -> bool:
    """Whether a market may have one more order of an account that holds so many: not more than half of all, if there
    is another market, beyond the accounts' own shares."""
    if state.scalars[DIVIDED] == 0 or state.scalars[MARKETS] == 1 or held < state.shares[SHARED_ORDERS].own:
        return True
    return bool(state.markets[market].open_orders < state.orders.size // 2)


@inner
def may_sign_up(state: State) -> bool:
    if state.scalars[DIVIDED] == 0:
        return True
    most = state.accounts.size - 1
    return bool(state.scalars[ACCOUNTS] < most - most // _KEPT_ACCOUNTS)


@inner
def held_by(state: State, table: int, account: int) -> int:
    owner = state.accounts[account]
    if table == SHARED_ORDERS:
        return owner.open_orders
    if table == SHARED_KEYS:
        return owner.keys
    if table == SHARED_TIMERS:
        return owner.timers_armed
    if table == SHARED_WITHDRAWALS:
        return owner.withdrawals
    return owner.ended


@inner
def _divide(state: State, table: int, size: int, accounts: int, divided: bool) -> None:
    share = state.shares[table]
    own = max(size // (2 * accounts), min(size // accounts, 1)) if divided else 0
    pool = size - own * accounts
    if divided and table == SHARED_WITHDRAWALS:
        pool //= 2
    share.own = own
    share.pool = pool
    share.most = max(pool // _PART_OF_POOL, 1) if divided else pool
    share.taken = 0
    for account in range(1, state.scalars[ACCOUNTS] + 1):
        share.taken += max(held_by(state, table, account) - own, 0)


@inner
def set_shares(state: State, divided: bool) -> None:
    """Divide all tables, or undo that, and count again what is taken."""
    state.scalars[DIVIDED] = 1 if divided else 0
    accounts = state.accounts.size - 1
    _divide(state, SHARED_ORDERS, state.orders.size - 1, accounts, divided)
    _divide(state, SHARED_KEYS, state.keys.size - 1, accounts, divided)
    _divide(state, SHARED_TIMERS, state.timers.size - 1, accounts, divided)
    _divide(state, SHARED_WITHDRAWALS, state.references.size - 1, accounts, divided)
    _divide(state, SHARED_ENDED, state.ended.size - 1, accounts, divided)


@entry
def recount(state: State) -> None:
    """After the state was laid out with other capacities, or by other code."""
    state = by_reference(state)
    set_shares(state, state.scalars[DIVIDED] != 0)
