"""ADMIN commands: genesis, definitions, accounts, keys, fees, transfers. Each gives one APPLIED or REFUSED.

Numbers of assets, markets and accounts are taken in sequence, so a definition names the next one or fails. Definitions
cannot be changed once applied (ALREADY_EXISTS); states, bands, fees and tiers can.
"""

import numpy as np

from engine_core.book.accounts import FEE_ACCOUNT, balance_of
from engine_core.book.checks import ACCOUNT_FROZEN, ACCOUNT_OK, account_exists, market_of
from engine_core.book.registry import add_key, find_key, revoke
from engine_core.book.shares import may_sign_up, set_shares
from engine_core.book.state import (
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
from engine_core.book.timers import LEASE, arm, disarm, find_timer
from engine_core.book.transfers import move_money
from engine_core.book.triggers import NO_LOW
from engine_core.jit import inner, rare, wide
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
    state.accounts[state.counters[ACCOUNTS]]["state"] = ACCOUNT_OK


@inner
def _genesis(state: State, admin: np.ndarray, i: int) -> int:
    if state.counters[GENESIS] != 0:
        return wide(Reason.ALREADY_GENESIS)
    if admin[i]["code"] != SCHEMA_VERSION or admin[i]["b"] != BEHAVIOUR_VERSION:
        return wide(Reason.BEHAVIOUR_VERSION)
    state.counters[GENESIS] = 1
    state.counters[LOG_ID] = admin[i]["a"]
    state.counters[BEHAVIOUR] = admin[i]["b"]
    state.counters[CREATED_MS] = admin[i]["c"]
    _add_account(state)
    return wide(Reason.NONE)


@inner
def _upgrade(state: State, admin: np.ndarray, i: int) -> int:
    """From here on only code of that behaviour may execute (see apply_batch)."""
    if admin[i]["a"] <= state.counters[BEHAVIOUR]:
        return wide(Reason.BEHAVIOUR_VERSION)
    state.counters[BEHAVIOUR] = admin[i]["a"]
    return wide(Reason.NONE)


@inner
def _capacity(state: State, admin: np.ndarray, i: int) -> int:
    """Checked here; whoever holds the state makes it larger after the block."""
    number, wanted = wide(admin[i]["code"]), admin[i]["a"]
    if number >= _MOST.size or wanted < state.limits[number] or wanted > _MOST[number]:
        return wide(Reason.BAD_DEFINITION)
    state.counters[GROWS] = 1
    return wide(Reason.NONE)


@inner
def _shares(state: State, admin: np.ndarray, i: int) -> int:
    if admin[i]["code"] > 1:
        return wide(Reason.BAD_FIELD)
    set_shares(state, admin[i]["code"] == 1)
    return wide(Reason.NONE)


@inner
def _asset(state: State, admin: np.ndarray, i: int) -> int:
    record, number = admin[i], wide(admin[i]["asset"])
    if 1 <= number <= state.counters[ASSETS]:
        return wide(Reason.ALREADY_EXISTS)
    if number != state.counters[ASSETS] + 1 or record["decimals"] > MAX_DECIMALS or len(record["symbol"]) == 0:
        return wide(Reason.BAD_DEFINITION)
    for other in range(1, number):  # clients know assets and markets by their symbols
        if state.assets[other]["symbol"] == record["symbol"]:
            return wide(Reason.ALREADY_EXISTS)
    if number >= state.assets.size:
        return wide(Reason.ASSETS_FULL)
    state.assets[number]["symbol"] = record["symbol"]
    state.assets[number]["decimals"] = record["decimals"]
    state.counters[ASSETS] = number
    return wide(Reason.NONE)


@inner
def _factors(value: int, prime: int) -> int:
    """How often `prime` divides a positive value."""
    count = wide(0)
    while value % prime == 0:
        value //= prime
        count += 1
    return count


@inner
def _is_decimal_tick(tick_atoms: int, lot_atoms: int, shift: int) -> bool:
    """Whether a price of one tick, tick_atoms / lot_atoms * 10**shift, can be written with MAX_TICK_DECIMALS."""
    twos = _factors(tick_atoms, wide(2)), _factors(lot_atoms, wide(2))
    fives = _factors(tick_atoms, wide(5)), _factors(lot_atoms, wide(5))
    if (tick_atoms >> twos[0]) // 5 ** fives[0] % ((lot_atoms >> twos[1]) // 5 ** fives[1]) != 0:
        return False
    return min(twos[0] - twos[1], fives[0] - fives[1]) + shift >= -MAX_TICK_DECIMALS


@inner
def _check_market(state: State, admin: np.ndarray, i: int) -> int:
    record = admin[i]
    base, quote = wide(record["asset"]), wide(record["quote_asset"])
    if base < 1 or base > state.counters[ASSETS] or quote < 1 or quote > state.counters[ASSETS]:
        return wide(Reason.UNKNOWN_ASSET)
    if base == quote or record["code"] < MarketState.OPEN or record["code"] > MarketState.POST_ONLY:
        return wide(Reason.BAD_DEFINITION)
    if record["a"] < 1 or record["a"] > MAX_SUPPLY_ATOMS:
        return wide(Reason.BAD_DEFINITION)
    if record["b"] < 1 or record["b"] > MAX_SUPPLY_ATOMS // MAX_PRICE_TICKS:  # so price * tick_atoms always fits
        return wide(Reason.BAD_DEFINITION)
    if record["c"] < 1 or record["d"] < 0 or (record["d"] != 0 and record["d"] < record["c"]):
        return wide(Reason.BAD_DEFINITION)
    if record["c"] > MAX_SUPPLY_ATOMS // record["a"]:
        return wide(Reason.BAD_DEFINITION)
    shift = state.assets[base]["decimals"] - state.assets[quote]["decimals"]
    if not _is_decimal_tick(wide(record["b"]), wide(record["a"]), wide(shift)):
        return wide(Reason.BAD_DEFINITION)
    return wide(Reason.NONE)


@inner
def _market(state: State, admin: np.ndarray, i: int) -> int:
    record, number = admin[i], wide(admin[i]["market"])
    if 1 <= number <= state.counters[MARKETS]:
        return wide(Reason.ALREADY_EXISTS)
    if number != state.counters[MARKETS] + 1:
        return wide(Reason.BAD_DEFINITION)
    reason = _check_market(state, admin, i)
    if reason != Reason.NONE:
        return reason
    if number >= state.markets.size:
        return wide(Reason.MARKETS_FULL)
    market = state.markets[number]
    limit = MAX_SUPPLY_ATOMS // record["a"]
    market["lot_atoms"] = record["a"]
    market["tick_atoms"] = record["b"]
    market["min_lots"] = record["c"]
    market["max_lots"] = record["d"]
    market["limit_lots"] = min(limit, record["d"]) if record["d"] != 0 else limit
    market["low_ticks"] = NO_LOW
    market["base"] = record["asset"]
    market["quote"] = record["quote_asset"]
    market["state"] = record["code"]
    state.counters[MARKETS] = number
    return wide(Reason.NONE)


@inner
def _market_state(state: State, admin: np.ndarray, i: int) -> int:
    market = market_of(state, wide(admin[i]["market"]))
    if market == 0:
        return wide(Reason.UNKNOWN_MARKET)
    if admin[i]["code"] < MarketState.OPEN or admin[i]["code"] > MarketState.POST_ONLY:
        return wide(Reason.BAD_FIELD)
    state.markets[market]["state"] = admin[i]["code"]
    return wide(Reason.NONE)


@inner
def _market_bands(state: State, admin: np.ndarray, i: int) -> int:
    record = admin[i]
    market = market_of(state, wide(record["market"]))
    if market == 0:
        return wide(Reason.UNKNOWN_MARKET)
    if record["a"] < 0 or record["a"] > MAX_BAND_PPM or record["b"] < 0 or record["b"] > PPM:
        return wide(Reason.BAD_FIELD)
    if record["c"] < 0 or record["c"] > PPM or record["d"] < 0:
        return wide(Reason.BAD_FIELD)
    state.markets[market]["band_up_ppm"] = record["a"]
    state.markets[market]["band_down_ppm"] = record["b"]
    state.markets[market]["impact_ppm"] = record["c"]
    state.markets[market]["max_open_orders"] = record["d"]
    return wide(Reason.NONE)


@inner
def _fees(state: State, admin: np.ndarray, i: int) -> int:
    """Fees of a tier; tier 0 also counts for every tier that has none of its own."""
    record = admin[i]
    market = market_of(state, wide(record["market"]))
    if market == 0:
        return wide(Reason.UNKNOWN_MARKET)
    if record["code"] >= TIERS or not 0 <= record["a"] <= PPM or not 0 <= record["b"] <= PPM:
        return wide(Reason.BAD_FIELD)
    for tier in range(TIERS):
        fee = state.fees[market * TIERS + tier]
        if tier == record["code"] or (record["code"] == 0 and fee["own"] == 0):
            fee["maker_ppm"] = record["a"]
            fee["taker_ppm"] = record["b"]
    state.fees[market * TIERS + wide(record["code"])]["own"] = 1
    return wide(Reason.NONE)


@inner
def _account(state: State, admin: np.ndarray, i: int) -> int:
    number = wide(admin[i]["account"])
    if account_exists(state, number):
        return wide(Reason.ALREADY_EXISTS)
    if number != state.counters[ACCOUNTS] + 1:
        return wide(Reason.BAD_DEFINITION)
    if number >= state.accounts.size or (admin[i]["code"] == SIGN_UP and not may_sign_up(state)):
        return wide(Reason.ACCOUNTS_FULL)
    _add_account(state)
    return wide(Reason.NONE)


@inner
def _of_account(state: State, admin: np.ndarray, i: int, kind: int) -> int:
    """The commands that only need the account to exist."""
    record, account = admin[i], wide(admin[i]["account"])
    if not account_exists(state, account):
        return wide(Reason.UNKNOWN_ACCOUNT)
    if kind == CommandKind.ACCOUNT_STATE:
        if record["code"] != ACCOUNT_OK and record["code"] != ACCOUNT_FROZEN:
            return wide(Reason.BAD_FIELD)
        state.accounts[account]["state"] = record["code"]
    elif kind == CommandKind.FEE_TIER:
        if record["code"] >= TIERS:
            return wide(Reason.BAD_FIELD)
        state.accounts[account]["tier"] = record["code"]
    elif kind == CommandKind.KEY:
        return _key(state, admin, i)
    elif kind == CommandKind.KEY_REVOKE:
        key = find_key(state, admin, i)
        if key == 0 or state.keys[key]["account"] != account or state.keys[key]["permissions"] == 0:
            return wide(Reason.UNKNOWN_KEY)
        revoke(state, key)
    else:
        return _lease(state, admin, i)
    return wide(Reason.NONE)


@inner
def _key(state: State, admin: np.ndarray, i: int) -> int:
    """A new key, or other permissions for the account's own; a revoked one stays revoked."""
    if admin[i]["code"] == 0 or admin[i]["code"] > 7:  # the bits of KeyPermission
        return wide(Reason.BAD_FIELD)
    key = find_key(state, admin, i)
    if key != 0:
        if state.keys[key]["account"] != admin[i]["account"] or state.keys[key]["permissions"] == 0:
            return wide(Reason.ALREADY_EXISTS)
        state.keys[key]["permissions"] = admin[i]["code"]
        return wide(Reason.NONE)
    return add_key(state, admin, i)


@inner
def _lease(state: State, admin: np.ndarray, i: int) -> int:
    """Take, renew or give up a gateway's lease: when it runs out, the account's orders are cancelled."""
    record, account = admin[i], wide(admin[i]["account"])
    timer = find_timer(state, account, wide(LEASE), record["a"])
    if record["code"] == 2:
        if timer != 0:
            disarm(state, timer)
        return wide(Reason.NONE)
    if record["code"] != 1 or not 1 <= record["b"] <= MAX_LEASE_MS:
        return wide(Reason.BAD_FIELD)
    return arm(state, account, wide(LEASE), record["a"], wide(0), record["b"])


@inner
def _apply(state: State, admin: np.ndarray, i: int, kind: int) -> int:
    if kind == CommandKind.GENESIS:
        return _genesis(state, admin, i)
    if state.counters[GENESIS] == 0:
        return wide(Reason.NO_GENESIS)
    if kind == CommandKind.DEPOSIT or kind == CommandKind.WITHDRAW or kind == CommandKind.TRANSFER:
        return move_money(state, admin, i)
    if kind == CommandKind.ASSET:
        return _asset(state, admin, i)
    if kind == CommandKind.MARKET:
        return _market(state, admin, i)
    if kind == CommandKind.MARKET_STATE:
        return _market_state(state, admin, i)
    if kind == CommandKind.MARKET_BANDS:
        return _market_bands(state, admin, i)
    if kind == CommandKind.FEES:
        return _fees(state, admin, i)
    if kind == CommandKind.ACCOUNT:
        return _account(state, admin, i)
    if kind == CommandKind.UPGRADE:
        return _upgrade(state, admin, i)
    if kind == CommandKind.CAPACITY:
        return _capacity(state, admin, i)
    if kind == CommandKind.SHARES:
        return _shares(state, admin, i)
    if kind == CommandKind.SKIP:  # says what the runtime did; changes nothing here
        return wide(Reason.NONE)
    if CommandKind.ACCOUNT_STATE <= kind <= CommandKind.LEASE:
        return _of_account(state, admin, i, kind)
    return wide(Reason.UNKNOWN_COMMAND)


@inner
def _write(
    state: State, events: np.ndarray, n: int, admin: np.ndarray, i: int, kind: int, reason: int, account: int
) -> int:
    """APPLIED or REFUSED, repeating the command; with the account's balance after money moved."""
    words = events.view(np.int64)
    for word in range(n * 16, n * 16 + 8):
        words[word] = 0
    record = admin[i]
    event = events.view(ADMIN_EVENT)[n]
    event["kind"] = kind
    event["reason"] = reason
    event["index"] = state.counters[INDEX]
    event["account"] = account
    event["command"] = record
    moved = record["kind"] == CommandKind.DEPOSIT or record["kind"] == CommandKind.WITHDRAW
    moved = moved or record["kind"] == CommandKind.TRANSFER
    if moved and kind == EventKind.APPLIED:
        balance = state.balances[balance_of(state, account, wide(record["asset"]))]
        event["given_available"] = balance["available"]
        event["given_locked"] = balance["locked"]
    return n + 1


@inner
def administer(state: State, events: np.ndarray, n: int, admin: np.ndarray, i: int, kind: int) -> int:
    rare()
    reason = _apply(state, admin, i, kind)
    told = wide(EventKind.APPLIED) if reason == Reason.NONE else wide(EventKind.REFUSED)
    n = _write(state, events, n, admin, i, told, reason, wide(admin[i]["account"]))
    if kind == CommandKind.TRANSFER and reason == Reason.NONE:  # the other half
        n = _write(state, events, n, admin, i, told, reason, wide(admin[i]["to_account"]))
    return n


assert FEE_ACCOUNT == 1  # the account that GENESIS makes
