"""ADMIN commands: genesis, definitions, accounts, keys. Each gives one APPLIED or REFUSED. Markets stand in markets.py,
money in transfers.py and moves.py.

Numbers of assets, markets and accounts are taken in sequence, so a definition names the next one or fails. Definitions
cannot be changed once applied (ALREADY_EXISTS); states, bands, fees and tiers can. Named after the shape of the
record: here they are executed, whoever appended them (`engine_core/administration`, `engine_core/operator`, the
administrator's part of the API).
"""

import numpy as np

from engine_core.book.ledger.balances import balance_of
from engine_core.book.ledger.keys import add_key, find_key, revoke
from engine_core.book.ledger.shares import may_sign_up, set_shares
from engine_core.book.markets import define_market, set_fees, set_market_bands, set_market_state
from engine_core.book.memory.state import (
    ACCOUNTS,
    ASSETS,
    BEHAVIOUR,
    CREATED_MS,
    GENESIS,
    GROWS,
    INDEX,
    LOG_ID,
    MOST,
    ORDERS_MADE,
    READY,
    SHARD,
    TIERS,
    State,
)
from engine_core.book.moves import move
from engine_core.book.orders.checks import account_exists
from engine_core.book.orders.timers import EVERY_MARKET, LEASE, arm, disarm, find_timer
from engine_core.book.transfers import transfer
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import inner
from engine_core.jit.rows import Rows, clear, copy, seen_as
from engine_core.wire.codes import (
    AccountOption,
    AccountOrigin,
    AccountState,
    CommandKind,
    EventKind,
    KeyPermission,
    LeaseAction,
    Reason,
)
from engine_core.wire.layout import (
    ADMIN,
    ADMIN_EVENT,
    BEHAVIOUR_VERSION,
    SCHEMA_VERSION,
    AdminEventRow,
    AdminRow,
    CommandRow,
    EventRow,
)
from engine_core.wire.limits import FEE_ACCOUNT, MAX_DECIMALS, MAX_TIMER_MS, MOST_SHARDS, ORDERS_OF_A_SHARD

ALL_OPTIONS = int(AccountOption.AUTO_TRANSFER)
ALL_PERMISSIONS = int(KeyPermission.READ | KeyPermission.TRADE | KeyPermission.WITHDRAW)
DIVIDED_SHARES = 1  # ADMIN.code of SHARES; else 0
_MOST = np.array(MOST[:-1], np.int64)  # pages follow from levels


@inner
def _add_account(state: State) -> None:
    state.scalars[ACCOUNTS] += 1
    state.accounts[state.scalars[ACCOUNTS]].state = AccountState.OK


@inner
def _genesis(state: State, command: AdminRow) -> int:
    if state.scalars[GENESIS] != 0:
        return Reason.ALREADY_GENESIS
    if command.code != SCHEMA_VERSION or command.behaviour != BEHAVIOUR_VERSION:
        return Reason.BEHAVIOUR_VERSION
    if command.market >= MOST_SHARDS:
        return Reason.BAD_DEFINITION
    state.scalars[GENESIS] = READY
    state.scalars[SHARD] = command.market
    state.scalars[ORDERS_MADE] = command.market * ORDERS_OF_A_SHARD
    state.scalars[LOG_ID] = command.log_id
    state.scalars[BEHAVIOUR] = command.behaviour
    state.scalars[CREATED_MS] = command.created_ms
    _add_account(state)
    return Reason.NONE


@inner
def _upgrade(state: State, command: AdminRow) -> int:
    """From here on only code of that behaviour may execute (see commands.py)."""
    if command.new_behaviour <= state.scalars[BEHAVIOUR]:
        return Reason.BEHAVIOUR_VERSION
    state.scalars[BEHAVIOUR] = command.new_behaviour
    return Reason.NONE


@inner
def _capacity(state: State, command: AdminRow) -> int:
    """Only checked here: the machine that holds the state makes it larger after the block."""
    number, wanted = command.code, command.capacity
    if number >= _MOST.size or wanted < state.limits[number] or wanted > _MOST[number]:
        return Reason.BAD_DEFINITION
    state.scalars[GROWS] = 1
    return Reason.NONE


@inner
def _shares(state: State, command: AdminRow) -> int:
    if command.code > DIVIDED_SHARES:
        return Reason.BAD_FIELD
    set_shares(state, command.code == DIVIDED_SHARES)
    return Reason.NONE


@inner
def _asset(state: State, command: AdminRow) -> int:
    number = command.asset
    if 1 <= number <= state.scalars[ASSETS]:
        return Reason.ALREADY_EXISTS
    if number != state.scalars[ASSETS] + 1 or command.decimals > MAX_DECIMALS or command.symbol == 0:
        return Reason.BAD_DEFINITION
    for other in range(1, number):  # clients know assets and markets by their symbols
        if state.assets[other].symbol == command.symbol:
            return Reason.ALREADY_EXISTS
    if number >= state.assets.size:
        return Reason.ASSETS_FULL
    state.assets[number].symbol = command.symbol
    state.assets[number].decimals = command.decimals
    state.scalars[ASSETS] = number
    return Reason.NONE


@inner
def _account(state: State, command: AdminRow) -> int:
    number = command.account
    if account_exists(state, number):
        return Reason.ALREADY_EXISTS
    if number != state.scalars[ACCOUNTS] + 1:
        return Reason.BAD_DEFINITION
    if number >= state.accounts.size or (command.code == AccountOrigin.SIGN_UP and not may_sign_up(state)):
        return Reason.ACCOUNTS_FULL
    _add_account(state)
    return Reason.NONE


@inner
def _of_account(state: State, command: AdminRow, kind: int) -> int:
    """The commands that only need the account to exist."""
    account = command.account
    if not account_exists(state, account):
        return Reason.UNKNOWN_ACCOUNT
    if kind == CommandKind.ACCOUNT_STATE:
        if command.code != AccountState.OK and command.code != AccountState.FROZEN:
            return Reason.BAD_FIELD
        state.accounts[account].state = command.code
    elif kind == CommandKind.FEE_TIER:
        if command.code >= TIERS:
            return Reason.BAD_FIELD
        state.accounts[account].tier = command.code
    elif kind == CommandKind.ACCOUNT_OPTIONS:
        if command.code & ~ALL_OPTIONS != 0:
            return Reason.BAD_FIELD
        state.accounts[account].options = command.code
    elif kind == CommandKind.KEY:
        return _key(state, command)
    elif kind == CommandKind.KEY_REVOKE:
        key = find_key(state, command)
        if key == 0 or state.keys[key].account != account or state.keys[key].permissions == 0:
            return Reason.UNKNOWN_KEY
        revoke(state, key)
    else:
        return _lease(state, command)
    return Reason.NONE


@inner
def _key(state: State, command: AdminRow) -> int:
    """A new key, or other permissions for the account's own; a revoked one stays revoked."""
    if command.code == 0 or command.code > ALL_PERMISSIONS:
        return Reason.BAD_FIELD
    key = find_key(state, command)
    if key != 0:
        if state.keys[key].account != command.account or state.keys[key].permissions == 0:
            return Reason.ALREADY_EXISTS
        state.keys[key].permissions = command.code
        return Reason.NONE
    return add_key(state, command)


@inner
def _lease(state: State, command: AdminRow) -> int:
    """Take, renew or give up a gateway's lease: when it runs out, the account's orders are cancelled."""
    account = command.account
    timer = find_timer(state, account, LEASE, command.gateway)
    if command.code == LeaseAction.GIVE_UP:
        if timer != 0:
            disarm(state, timer)
        return Reason.NONE
    if command.code != LeaseAction.TAKE or not 1 <= command.ttl_ms <= MAX_TIMER_MS:
        return Reason.BAD_FIELD
    return arm(state, account, LEASE, command.gateway, EVERY_MARKET, command.ttl_ms)


@inner
def _is_transfer(kind: int) -> bool:
    return kind == CommandKind.DEPOSIT or kind == CommandKind.WITHDRAW or kind == CommandKind.TRANSFER


@inner
def _is_move(kind: int) -> bool:
    return kind == CommandKind.MOVE_OUT or kind == CommandKind.MOVE_IN


@inner
def _apply(state: State, command: AdminRow, kind: int) -> int:
    if kind == CommandKind.GENESIS:
        return _genesis(state, command)
    if state.scalars[GENESIS] == 0:
        return Reason.NO_GENESIS
    if _is_transfer(kind):
        return transfer(state, command)
    if _is_move(kind):
        return move(state, command)
    if kind == CommandKind.ASSET:
        return _asset(state, command)
    if kind == CommandKind.MARKET:
        return define_market(state, command)
    if kind == CommandKind.MARKET_STATE:
        return set_market_state(state, command)
    if kind == CommandKind.MARKET_BANDS:
        return set_market_bands(state, command)
    if kind == CommandKind.FEES:
        return set_fees(state, command)
    if kind == CommandKind.ACCOUNT:
        return _account(state, command)
    if kind == CommandKind.UPGRADE:
        return _upgrade(state, command)
    if kind == CommandKind.CAPACITY:
        return _capacity(state, command)
    if kind == CommandKind.SHARES:
        return _shares(state, command)
    if kind == CommandKind.SKIP:  # says what the runtime did; changes nothing here
        return Reason.NONE
    if CommandKind.ACCOUNT_STATE <= kind <= CommandKind.LEASE or kind == CommandKind.ACCOUNT_OPTIONS:
        return _of_account(state, command, kind)
    return Reason.UNKNOWN_COMMAND


@inner
def _write(state: State, events: Rows[EventRow], n: int, command: AdminRow, reason: int, account: int) -> int:
    """APPLIED or REFUSED, repeating the command; with the account's balance after money moved."""
    clear(events[n])
    event: AdminEventRow = seen_as(events[n], ADMIN_EVENT)
    event.kind = EventKind.APPLIED if reason == Reason.NONE else EventKind.REFUSED
    event.reason = reason
    event.index = state.scalars[INDEX]
    event.account = account
    copy(event.command, command)
    if reason == Reason.NONE and (_is_transfer(command.kind) or _is_move(command.kind)):
        balance = state.balances[balance_of(state, account, command.asset)]
        event.given_available = balance.available
        event.given_locked = balance.locked
    return n + 1


@inner
def administer(state: State, events: Rows[EventRow], n: int, command: CommandRow) -> int:
    """A command of the ADMIN shape."""
    cold()
    admin: AdminRow = seen_as(command, ADMIN)
    reason = _apply(state, admin, admin.kind)
    n = _write(state, events, n, admin, reason, admin.account)
    if admin.kind == CommandKind.TRANSFER and reason == Reason.NONE:  # the other half
        n = _write(state, events, n, admin, reason, admin.to_account)
    return n


assert FEE_ACCOUNT == 1  # the account that GENESIS makes
