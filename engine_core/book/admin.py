"""ADMIN commands: genesis, definitions, accounts, keys, fees, transfers. Each gives one APPLIED or REFUSED.

Numbers of assets, markets and accounts are taken in sequence, so a definition names the next one or fails. Definitions
cannot be changed once applied (ALREADY_EXISTS); states, bands, fees and tiers can.
"""

import numpy as np

from engine_core.book.ledger.balances import FEE_ACCOUNT, balance_of
from engine_core.book.ledger.keys import add_key, find_key, revoke
from engine_core.book.ledger.shares import may_sign_up, set_shares
from engine_core.book.memory.state import (
    ACCOUNTS,
    ASSETS,
    BEHAVIOUR,
    CREATED_MS,
    GENESIS,
    GROWS,
    INDEX,
    LOG_ID,
    MARKETS,
    MOST,
    TIERS,
    State,
)
from engine_core.book.orders.checks import ACCOUNT_FROZEN, ACCOUNT_OK, account_exists, market_of
from engine_core.book.orders.timers import LEASE, arm, disarm, find_timer
from engine_core.book.orders.triggers import NO_LOW
from engine_core.book.transfers import move_money
from engine_core.jit.intrinsics import rare
from engine_core.jit.kernel import inner
from engine_core.jit.rows import Row, Rows, clear, copy, seen_as
from engine_core.wire.codes import CommandKind, EventKind, MarketState, Reason
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, SCHEMA_VERSION
from engine_core.wire.limits import MAX_DECIMALS, MAX_PRICE_TICKS, MAX_SUPPLY_ATOMS, MAX_TICK_DECIMALS, PPM

MAX_BAND_PPM = 1_000 * PPM
MAX_LEASE_MS = 24 * 3600 * 1000
SIGN_UP = 1  # ADMIN.code of an ACCOUNT that somebody makes for himself
_MOST = np.array(MOST[:-1], np.int64)  # pages follow from levels


@inner
def _add_account(state: State) -> None:
    state.counters[ACCOUNTS] += 1
    state.accounts[state.counters[ACCOUNTS]].state = ACCOUNT_OK


@inner
def _genesis(state: State, command: Row) -> int:
    if state.counters[GENESIS] != 0:
        return Reason.ALREADY_GENESIS
    if command.code != SCHEMA_VERSION or command.b != BEHAVIOUR_VERSION:
        return Reason.BEHAVIOUR_VERSION
    state.counters[GENESIS] = 1
    state.counters[LOG_ID] = command.a
    state.counters[BEHAVIOUR] = command.b
    state.counters[CREATED_MS] = command.c
    _add_account(state)
    return Reason.NONE


@inner
def _upgrade(state: State, command: Row) -> int:
    """From here on only code of that behaviour may execute (see apply_batch)."""
    if command.a <= state.counters[BEHAVIOUR]:
        return Reason.BEHAVIOUR_VERSION
    state.counters[BEHAVIOUR] = command.a
    return Reason.NONE


@inner
def _capacity(state: State, command: Row) -> int:
    """Checked here; whoever holds the state makes it larger after the block."""
    number, wanted = command.code, command.a
    if number >= _MOST.size or wanted < state.limits[number] or wanted > _MOST[number]:
        return Reason.BAD_DEFINITION
    state.counters[GROWS] = 1
    return Reason.NONE


@inner
def _shares(state: State, command: Row) -> int:
    if command.code > 1:
        return Reason.BAD_FIELD
    set_shares(state, command.code == 1)
    return Reason.NONE


@inner
def _asset(state: State, command: Row) -> int:
    number = command.asset
    if 1 <= number <= state.counters[ASSETS]:
        return Reason.ALREADY_EXISTS
    if number != state.counters[ASSETS] + 1 or command.decimals > MAX_DECIMALS or command.symbol == 0:
        return Reason.BAD_DEFINITION
    for other in range(1, number):  # clients know assets and markets by their symbols
        if state.assets[other].symbol == command.symbol:
            return Reason.ALREADY_EXISTS
    if number >= state.assets.size:
        return Reason.ASSETS_FULL
    state.assets[number].symbol = command.symbol
    state.assets[number].decimals = command.decimals
    state.counters[ASSETS] = number
    return Reason.NONE


@inner
def _factors(value: int, prime: int) -> int:
    """How often `prime` divides a positive value."""
    count = 0
    while value % prime == 0:
        value //= prime
        count += 1
    return count


@inner
def _is_decimal_tick(tick_atoms: int, lot_atoms: int, shift: int) -> bool:
    """Whether a price of one tick, tick_atoms / lot_atoms * 10**shift, can be written with MAX_TICK_DECIMALS."""
    twos = _factors(tick_atoms, 2), _factors(lot_atoms, 2)
    fives = _factors(tick_atoms, 5), _factors(lot_atoms, 5)
    if (tick_atoms >> twos[0]) // 5 ** fives[0] % ((lot_atoms >> twos[1]) // 5 ** fives[1]) != 0:
        return False
    return min(twos[0] - twos[1], fives[0] - fives[1]) + shift >= -MAX_TICK_DECIMALS


@inner
def _check_market(state: State, command: Row) -> int:
    base, quote = command.asset, command.quote_asset
    if base < 1 or base > state.counters[ASSETS] or quote < 1 or quote > state.counters[ASSETS]:
        return Reason.UNKNOWN_ASSET
    if base == quote or command.code < MarketState.OPEN or command.code > MarketState.POST_ONLY:
        return Reason.BAD_DEFINITION
    if command.a < 1 or command.a > MAX_SUPPLY_ATOMS:
        return Reason.BAD_DEFINITION
    if command.b < 1 or command.b > MAX_SUPPLY_ATOMS // MAX_PRICE_TICKS:  # so price * tick_atoms always fits
        return Reason.BAD_DEFINITION
    if command.c < 1 or command.d < 0 or (command.d != 0 and command.d < command.c):
        return Reason.BAD_DEFINITION
    if command.c > MAX_SUPPLY_ATOMS // command.a:
        return Reason.BAD_DEFINITION
    shift = state.assets[base].decimals - state.assets[quote].decimals
    if not _is_decimal_tick(command.b, command.a, shift):
        return Reason.BAD_DEFINITION
    return Reason.NONE


@inner
def _market(state: State, command: Row) -> int:
    number = command.market
    if 1 <= number <= state.counters[MARKETS]:
        return Reason.ALREADY_EXISTS
    if number != state.counters[MARKETS] + 1:
        return Reason.BAD_DEFINITION
    reason = _check_market(state, command)
    if reason != Reason.NONE:
        return reason
    if number >= state.markets.size:
        return Reason.MARKETS_FULL
    market = state.markets[number]
    limit = MAX_SUPPLY_ATOMS // command.a
    market.lot_atoms = command.a
    market.tick_atoms = command.b
    market.min_lots = command.c
    market.max_lots = command.d
    market.limit_lots = min(limit, command.d) if command.d != 0 else limit
    market.low_ticks = NO_LOW
    market.base = command.asset
    market.quote = command.quote_asset
    market.state = command.code
    state.counters[MARKETS] = number
    return Reason.NONE


@inner
def _market_state(state: State, command: Row) -> int:
    market = market_of(state, command.market)
    if market == 0:
        return Reason.UNKNOWN_MARKET
    if command.code < MarketState.OPEN or command.code > MarketState.POST_ONLY:
        return Reason.BAD_FIELD
    state.markets[market].state = command.code
    return Reason.NONE


@inner
def _market_bands(state: State, command: Row) -> int:
    market = market_of(state, command.market)
    if market == 0:
        return Reason.UNKNOWN_MARKET
    if command.a < 0 or command.a > MAX_BAND_PPM or command.b < 0 or command.b > PPM:
        return Reason.BAD_FIELD
    if command.c < 0 or command.c > PPM or command.d < 0:
        return Reason.BAD_FIELD
    state.markets[market].band_up_ppm = command.a
    state.markets[market].band_down_ppm = command.b
    state.markets[market].impact_ppm = command.c
    state.markets[market].max_open_orders = command.d
    return Reason.NONE


@inner
def _fees(state: State, command: Row) -> int:
    """Fees of a tier; tier 0 also counts for every tier that has none of its own."""
    market = market_of(state, command.market)
    if market == 0:
        return Reason.UNKNOWN_MARKET
    if command.code >= TIERS or not 0 <= command.a <= PPM or not 0 <= command.b <= PPM:
        return Reason.BAD_FIELD
    for tier in range(TIERS):
        fee = state.fees[market * TIERS + tier]
        if tier == command.code or (command.code == 0 and fee.own == 0):
            fee.maker_ppm = command.a
            fee.taker_ppm = command.b
    state.fees[market * TIERS + command.code].own = 1
    return Reason.NONE


@inner
def _account(state: State, command: Row) -> int:
    number = command.account
    if account_exists(state, number):
        return Reason.ALREADY_EXISTS
    if number != state.counters[ACCOUNTS] + 1:
        return Reason.BAD_DEFINITION
    if number >= state.accounts.size or (command.code == SIGN_UP and not may_sign_up(state)):
        return Reason.ACCOUNTS_FULL
    _add_account(state)
    return Reason.NONE


@inner
def _of_account(state: State, command: Row, kind: int) -> int:
    """The commands that only need the account to exist."""
    account = command.account
    if not account_exists(state, account):
        return Reason.UNKNOWN_ACCOUNT
    if kind == CommandKind.ACCOUNT_STATE:
        if command.code != ACCOUNT_OK and command.code != ACCOUNT_FROZEN:
            return Reason.BAD_FIELD
        state.accounts[account].state = command.code
    elif kind == CommandKind.FEE_TIER:
        if command.code >= TIERS:
            return Reason.BAD_FIELD
        state.accounts[account].tier = command.code
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
def _key(state: State, command: Row) -> int:
    """A new key, or other permissions for the account's own; a revoked one stays revoked."""
    if command.code == 0 or command.code > 7:  # the bits of KeyPermission
        return Reason.BAD_FIELD
    key = find_key(state, command)
    if key != 0:
        if state.keys[key].account != command.account or state.keys[key].permissions == 0:
            return Reason.ALREADY_EXISTS
        state.keys[key].permissions = command.code
        return Reason.NONE
    return add_key(state, command)


@inner
def _lease(state: State, command: Row) -> int:
    """Take, renew or give up a gateway's lease: when it runs out, the account's orders are cancelled."""
    account = command.account
    timer = find_timer(state, account, LEASE, command.a)
    if command.code == 2:
        if timer != 0:
            disarm(state, timer)
        return Reason.NONE
    if command.code != 1 or not 1 <= command.b <= MAX_LEASE_MS:
        return Reason.BAD_FIELD
    return arm(state, account, LEASE, command.a, 0, command.b)


@inner
def _apply(state: State, command: Row, kind: int) -> int:
    if kind == CommandKind.GENESIS:
        return _genesis(state, command)
    if state.counters[GENESIS] == 0:
        return Reason.NO_GENESIS
    if kind == CommandKind.DEPOSIT or kind == CommandKind.WITHDRAW or kind == CommandKind.TRANSFER:
        return move_money(state, command)
    if kind == CommandKind.ASSET:
        return _asset(state, command)
    if kind == CommandKind.MARKET:
        return _market(state, command)
    if kind == CommandKind.MARKET_STATE:
        return _market_state(state, command)
    if kind == CommandKind.MARKET_BANDS:
        return _market_bands(state, command)
    if kind == CommandKind.FEES:
        return _fees(state, command)
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
    if CommandKind.ACCOUNT_STATE <= kind <= CommandKind.LEASE:
        return _of_account(state, command, kind)
    return Reason.UNKNOWN_COMMAND


@inner
def _write(state: State, events: Rows[Row], n: int, command: Row, kind: int, reason: int, account: int) -> int:
    """APPLIED or REFUSED, repeating the command; with the account's balance after money moved."""
    clear(events[n])
    event = seen_as(events[n], ADMIN_EVENT)
    event.kind = kind
    event.reason = reason
    event.index = state.counters[INDEX]
    event.account = account
    copy(event.command, command)
    moved = command.kind == CommandKind.DEPOSIT or command.kind == CommandKind.WITHDRAW
    moved = moved or command.kind == CommandKind.TRANSFER
    if moved and kind == EventKind.APPLIED:
        balance = state.balances[balance_of(state, account, command.asset)]
        event.given_available = balance.available
        event.given_locked = balance.locked
    return n + 1


@inner
def administer(state: State, events: Rows[Row], n: int, command: Row, kind: int) -> int:
    rare()
    reason = _apply(state, command, kind)
    told = EventKind.APPLIED if reason == Reason.NONE else EventKind.REFUSED
    n = _write(state, events, n, command, told, reason, command.account)
    if kind == CommandKind.TRANSFER and reason == Reason.NONE:  # the other half
        n = _write(state, events, n, command, told, reason, command.to_account)
    return n


assert FEE_ACCOUNT == 1  # the account that GENESIS makes
