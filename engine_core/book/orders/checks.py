"""What a command must fulfil before anything changes: PLACE above all, in the order of precedence (see commands.py).

Each check gives the reason to refuse it, or Reason.NONE, and changes nothing.
"""

from engine_core.book.ledger.balances import open_count_of
from engine_core.book.ledger.shares import is_full, may_grow, may_take
from engine_core.book.memory.packed_codes import (
    can_stay,
    codes_of_command,
    flags_in,
    has_amount,
    is_limit,
    not_among_choices,
    not_plain,
)
from engine_core.book.memory.records import (
    BY_QUOTE,
    COMMAND_FLAGS,
    HAS_BOUND,
    ICEBERG,
    POST_ONLY,
    TRIGGER,
)
from engine_core.book.memory.state import ACCOUNTS, FREE_ORDERS, MARKETS, SHARED_ORDERS, State
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import AccountState, MarketState, OrderType, Reason, Side, TimeInForce
from engine_core.wire.layout import CommandRow
from engine_core.wire.limits import MAX_ICEBERG_PARTS, MAX_PRICE_TICKS, MAX_SUPPLY_ATOMS, PPM


@hot
def check_shape(command: CommandRow) -> int:
    """Codes that exist, and combinations that make sense."""
    codes = codes_of_command(command)
    if not_among_choices(codes) | not_plain(codes) | command.trigger_ticks | command.display_lots == 0:
        return Reason.NONE  # most orders, with one branch
    return _check_unusual_shape(command)


@inner
def _check_unusual_shape(command: CommandRow) -> int:
    noinline()
    codes = codes_of_command(command)
    flags = flags_in(codes)
    if not_among_choices(codes) != 0 or flags & ~COMMAND_FLAGS != 0:
        return Reason.BAD_FIELD
    if flags & TRIGGER == 0 and command.trigger_ticks != 0:
        return Reason.BAD_FIELD
    if not has_amount(codes) and command.amount_atoms != 0:
        return Reason.BAD_FIELD
    if is_limit(codes):
        return _limit_shape(command, flags)
    return _market_shape(command, flags)


@hot
def _limit_shape(command: CommandRow, flags: int) -> int:
    good_till_cancelled = command.time_in_force == TimeInForce.GTC
    if flags & (BY_QUOTE | HAS_BOUND) or (flags & (POST_ONLY | ICEBERG) and not good_till_cancelled):
        return Reason.BAD_FIELD
    if flags & ICEBERG and not 1 <= command.display_lots <= command.quantity_lots:
        return Reason.BAD_FIELD
    return Reason.NONE


@hot
def _market_shape(command: CommandRow, flags: int) -> int:
    if flags & (POST_ONLY | ICEBERG) or (flags & HAS_BOUND == 0 and command.price_ticks != 0):
        return Reason.BAD_FIELD
    if flags & BY_QUOTE and (command.quantity_lots != 0 or not 1 <= command.amount_atoms <= MAX_SUPPLY_ATOMS):
        return Reason.BAD_FIELD
    return Reason.NONE


@hot
def market_of(state: State, market: int) -> int:
    """The market's number, or 0 if there is none of it."""
    if market < 1 or market > state.scalars[MARKETS]:
        return 0
    return market


@hot
def account_exists(state: State, account: int) -> bool:
    return bool(1 <= account <= state.scalars[ACCOUNTS])


@hot
def is_frozen(state: State, account: int) -> bool:
    return bool(state.accounts[account].state == AccountState.FROZEN)


@hot
def check_sender(state: State, command: CommandRow) -> int:
    """Market and account exist. What every command that names both must fulfil."""
    if market_of(state, command.market) == 0:
        return Reason.UNKNOWN_MARKET
    if not account_exists(state, command.account):
        return Reason.UNKNOWN_ACCOUNT
    return Reason.NONE


@inner
def not_found(state: State, market: int) -> int:
    """Why a market that exists has no such order."""
    noinline()
    return Reason.MARKET_ELSEWHERE if state.markets[market].state == MarketState.ELSEWHERE else Reason.ORDER_NOT_FOUND


@hot
def check_market_state(state: State, market: int, order_type: int, flags: int) -> int:
    """Which orders the market takes in its present state."""
    mode = state.markets[market].state
    if mode == MarketState.OPEN:
        return Reason.NONE
    if mode == MarketState.ELSEWHERE:
        return Reason.MARKET_ELSEWHERE
    if mode == MarketState.CLOSED:
        return Reason.MARKET_CLOSED
    if mode == MarketState.CANCEL_ONLY:
        return Reason.MARKET_CANCEL_ONLY
    if mode == MarketState.LIMIT_ONLY and order_type != OrderType.LIMIT:
        return Reason.MARKET_LIMIT_ONLY
    if mode == MarketState.POST_ONLY and flags & POST_ONLY == 0:
        return Reason.MARKET_POST_ONLY
    return Reason.NONE


@hot
def check_price(state: State, market: int, price: int) -> int:
    """A limit price: within the range of the format, and within the market's band around the last price."""
    if price < 1 or price > MAX_PRICE_TICKS:
        return Reason.PRICE_OUT_OF_RANGE
    record = state.markets[market]
    last = record.last_ticks
    if last != 0:
        if record.band_up_ppm != 0 and price * PPM > last * (PPM + record.band_up_ppm):
            return Reason.PRICE_OUT_OF_BAND
        if record.band_down_ppm != 0 and price * PPM < last * (PPM - record.band_down_ppm):
            return Reason.PRICE_OUT_OF_BAND
    return Reason.NONE


@hot
def check_quantity(state: State, market: int, lots: int) -> int:
    if lots < state.markets[market].min_lots:
        return Reason.QUANTITY_TOO_SMALL
    if lots > state.markets[market].limit_lots:
        return Reason.QUANTITY_TOO_LARGE
    return Reason.NONE


@hot
def check_parts(lots: int, display_lots: int) -> int:
    """Of an iceberg: each part costs the command that takes it events, and it has only so many."""
    return Reason.QUANTITY_TOO_LARGE if (lots - 1) // display_lots >= MAX_ICEBERG_PARTS else Reason.NONE


@hot
def check_notional(state: State, market: int, price: int, lots: int) -> int:
    """Before anything is multiplied: lots at `price` ticks must be worth no more quote atoms than there can be."""
    unit = price * state.markets[market].tick_atoms
    if (unit | lots) >> 31 == 0:  # most orders, without a division
        return Reason.NONE
    if lots > MAX_SUPPLY_ATOMS // unit:
        return Reason.NOTIONAL_OVERFLOW
    return Reason.NONE


@hot
def _check_trigger(state: State, command: CommandRow, market: int, flags: int) -> int:
    last = state.markets[market].last_ticks
    if command.trigger_ticks < 1 or command.trigger_ticks > MAX_PRICE_TICKS:
        return Reason.PRICE_OUT_OF_RANGE
    if last == 0:
        return Reason.NO_LAST_PRICE
    if last == command.trigger_ticks:
        return Reason.TRIGGER_EQUALS_LAST
    if command.order_type == OrderType.MARKET and flags & HAS_BOUND == 0:
        by_quote = flags & BY_QUOTE != 0
        if (command.side == Side.BID) != by_quote:  # what it can cost, or must sell, has no bound
            return Reason.BOUND_REQUIRED
    return Reason.NONE


@hot
def _check_amount(state: State, market: int, amount: int, bound: int) -> int:
    """An Ask by quote amount with a bound: the lots that it may have to sell fit."""
    unit = bound * state.markets[market].tick_atoms
    if (amount - 1) // unit >= state.markets[market].limit_lots:
        return Reason.QUANTITY_TOO_LARGE
    return Reason.NONE


@hot
def check_order(state: State, command: CommandRow, market: int) -> int:
    """Prices, quantity, trigger, notional: what the numbers of the order alone decide."""
    flags = command.flags
    reason: int = Reason.NONE
    if command.order_type == OrderType.LIMIT:
        reason = check_price(state, market, command.price_ticks)
    elif flags & HAS_BOUND and (command.price_ticks < 1 or command.price_ticks > MAX_PRICE_TICKS):
        reason = Reason.PRICE_OUT_OF_RANGE
    if reason == Reason.NONE and flags & BY_QUOTE == 0:
        reason = check_quantity(state, market, command.quantity_lots)
    if reason == Reason.NONE and flags & ICEBERG:
        reason = check_parts(command.quantity_lots, command.display_lots)
    if reason == Reason.NONE and flags & TRIGGER:
        reason = _check_trigger(state, command, market, flags)
    if reason == Reason.NONE and command.price_ticks != 0:
        if flags & BY_QUOTE == 0:
            reason = check_notional(state, market, command.price_ticks, command.quantity_lots)
        elif command.side == Side.ASK:
            reason = _check_amount(state, market, command.amount_atoms, command.price_ticks)
    return reason


@hot
def check_room(state: State, account: int, market: int, needs_slot: bool) -> int:
    """The limits on open orders: of an account in a market, of all, and each account's share."""
    if not needs_slot:
        return Reason.NONE
    limit = state.markets[market].max_open_orders
    if limit != 0 and state.open_counts[open_count_of(state, account, market)] >= limit:
        return Reason.TOO_MANY_OPEN_ORDERS
    if state.scalars[FREE_ORDERS] == 0:
        return Reason.ORDERS_FULL
    held = state.accounts[account].open_orders
    if not may_take(state, SHARED_ORDERS, held):
        return Reason.ORDERS_FULL if is_full(state, SHARED_ORDERS) else Reason.ORDERS_SHARE
    if not may_grow(state, market, held):
        return Reason.MARKET_SHARE
    return Reason.NONE


@hot
def check_place(state: State, command: CommandRow) -> int:
    """All that needs neither the book nor the funds; shape, sender and client id are checked already."""
    market, account = command.market, command.account
    if is_frozen(state, account):
        return Reason.ACCOUNT_FROZEN
    reason = check_market_state(state, market, command.order_type, command.flags)
    if reason == Reason.NONE:
        reason = check_order(state, command, market)
    if reason == Reason.NONE:
        reason = check_room(state, account, market, can_stay(codes_of_command(command)))
    return reason
