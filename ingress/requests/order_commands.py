"""From the members of a request to one COMMAND: every rule that needs no engine, each refusal with its reason.

What depends on the state of the book or of balances (funds, bands, post-only, minimum quantity at this moment) is the
engine's judgement; what is checked here is form, and what could not be expressed in a COMMAND at all.
"""

from collections.abc import Callable
from typing import NamedTuple

from engine_core.edge.refusals import Code
from engine_core.edge.spelling import (
    CANCEL_SCOPE_CODES,
    ORDER_TYPE_CODES,
    SELF_TRADE_CODES,
    SIDE_CODES,
    TIME_IN_FORCE_CODES,
)
from engine_core.replica.setup import Market, Setup
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.limits import ALL_MARKETS, MAX_ICEBERG_PARTS, MAX_PRICE_TICKS, MAX_SUPPLY_ATOMS, MAX_TIMER_MS, PPM
from engine_core.wire.units import UnitError, parse_decimal
from ingress.errors import NO_BOUND, ApiError, bad_request
from ingress.requests import fields
from ingress.requests.command_record import Command
from ingress.requests.fields import Fields
from ingress.schemas import bodies

# Looking up a member of an enumeration costs as much as parsing a price, so the hot path has plain integers.
_PLACE, _BID, _LIMIT = CommandKind.PLACE.value, Side.BID.value, OrderType.LIMIT.value
_GTC, _IOC, _REJECT_TAKER = TimeInForce.GTC.value, TimeInForce.IOC.value, SelfTrade.REJECT_TAKER.value
_HAS_CLIENT_ID, _POST_ONLY, _TRIGGER = (
    OrderFlag.HAS_CLIENT_ID.value,
    OrderFlag.POST_ONLY.value,
    OrderFlag.TRIGGER.value,
)
_BY_QUOTE, _ICEBERG, _HAS_BOUND = OrderFlag.BY_QUOTE.value, OrderFlag.ICEBERG.value, OrderFlag.HAS_BOUND.value

_IGNORED_WHEN_FALSE = ("reduceOnly", "autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay")
_EXITS = tuple(
    f"{kind}{member}" for kind in ("stopLoss", "takeProfit") for member in ("TriggerPrice", "LimitPrice", "TriggerBy")
)
_SLIPPAGE = ("slippageTolerance", "slippageToleranceType")
_PLAIN_MEMBERS = frozenset(  # what most orders consist of, and what needs no rule beyond its own
    ("symbol", "side", "orderType", "quantity", "quoteQuantity", "price", "timeInForce", "clientId", "brokerId")
)
BestOpposite = Callable[[Market, int], int | None]  # (market, side of the taker) -> best opposite price in ticks


class Placement(NamedTuple):
    command: Command
    market: Market


def market_of(setup: Setup, members: Fields, code: Code = Code.INVALID_MARKET) -> Market:
    symbol = fields.required_text(members, "symbol")
    market = setup.market_by_symbol.get(symbol)
    if market is None:
        raise ApiError(code, f"Invalid market {symbol[: fields.MAX_SYMBOL]!r}")
    return market


def place(setup: Setup, account: int, members: Fields, best: BestOpposite) -> Placement:
    """A PLACE from the members of a body."""
    fields.check_members(members, bodies.PlaceOrder)
    market = market_of(setup, members)
    side = fields.choice(members, "side", SIDE_CODES, 0)
    order_type = fields.choice(members, "orderType", ORDER_TYPE_CODES, 0)
    is_limit = order_type == _LIMIT
    time_in_force = fields.choice(members, "timeInForce", TIME_IN_FORCE_CODES, _GTC if is_limit else _IOC)
    self_trade = fields.choice(members, "selfTradePrevention", SELF_TRADE_CODES, _REJECT_TAKER)
    client_id = fields.client_id(members)
    flags = 0 if client_id is None else _HAS_CLIENT_ID
    trigger_ticks = 0
    if not members.keys() <= _PLAIN_MEMBERS:
        flags |= _post_only(members, is_limit, time_in_force)
        trigger_ticks = _trigger(market, members, is_limit)
        flags |= _TRIGGER if trigger_ticks else 0
        _check_extras(members, is_limit)
    if "brokerId" in members:  # elsewhere it tells a broker's orders from others; here it does not
        fields.integer(members, "brokerId", 0, bodies.MAX_BROKER_ID)
    if is_limit:
        price_ticks, quantity_lots = _limit(market, members, bool(trigger_ticks))
        amount = _display(market, members, quantity_lots, time_in_force)
        flags |= _ICEBERG if amount else 0
    else:
        quantity_lots, amount = _market(market, members, bool(trigger_ticks))
        price_ticks = _bound(market, members, side, trigger_ticks, best)
        if trigger_ticks and not price_ticks and (side == _BID) == (amount == 0):
            price_ticks = _band(market, side, trigger_ticks)
        flags |= (_BY_QUOTE if amount else 0) | (_HAS_BOUND if price_ticks else 0)
    command = Command(
        *(_PLACE, side, order_type, time_in_force, self_trade, flags, market.number, account),
        *(0, client_id or 0, price_ticks, quantity_lots, trigger_ticks, amount),
    )
    return Placement(command, market)


def _post_only(members: Fields, is_limit: bool, time_in_force: int) -> int:
    if not fields.flag(members, "postOnly"):
        return 0
    if not is_limit or time_in_force != _GTC:
        raise bad_request("postOnly is only valid for GTC limit orders")
    return _POST_ONLY


def _check_extras(members: Fields, is_limit: bool) -> None:
    if is_limit:
        for name in _SLIPPAGE:
            if not fields.absent(members.get(name)):
                raise bad_request(f"{name} is only valid for market orders: the price of a limit order is its bound")
    for name in _IGNORED_WHEN_FALSE:
        if name in members and fields.flag(members, name):
            raise bad_request(f"{name} is not available on a spot exchange")
    for name in _EXITS:
        if not fields.absent(members.get(name)):
            raise ApiError(Code.NOT_IMPLEMENTED, f"{name} is not implemented: place a separate trigger order")


def _ticks(market: Market, members: Fields, name: str) -> int:
    """A price in ticks, 0 if absent."""
    text = fields.decimal(members, name)
    if text is None:
        return 0
    try:
        return market.units.ticks(text)
    except UnitError as error:
        raise ApiError(Code.INVALID_PRICE, f"Invalid {name}: {error}") from None


def _lots(market: Market, members: Fields, name: str) -> int:
    """A quantity in lots, 0 if absent."""
    text = fields.decimal(members, name)
    if text is None:
        return 0
    try:
        return market.units.lots(text)
    except UnitError as error:
        raise ApiError(Code.INVALID_QUANTITY, f"Invalid {name}: {error}") from None


def _quantity(market: Market, members: Fields, is_trigger: bool) -> int:
    """The order's quantity in lots within the market's limits, 0 if absent; of a trigger order its triggerQuantity."""
    if is_trigger and not fields.absent(members.get("quantity")):
        raise bad_request("quantity must be absent when triggerPrice is given: its place is triggerQuantity")
    name = "triggerQuantity" if is_trigger else "quantity"
    lots = _lots(market, members, name)
    if lots and lots < market.min_lots:
        raise ApiError(Code.INVALID_QUANTITY, f"Quantity is below the minimum {market.units.quantity(market.min_lots)}")
    if lots > market.max_lots:
        raise ApiError(Code.INVALID_QUANTITY, f"Quantity is above the maximum {market.units.quantity(market.max_lots)}")
    return lots


def _limit(market: Market, members: Fields, is_trigger: bool) -> tuple[int, int]:
    """(price_ticks, quantity_lots) of a limit order."""
    if not fields.absent(members.get("quoteQuantity")):
        raise bad_request("quoteQuantity is only valid for market orders")
    quantity_lots = _quantity(market, members, is_trigger)
    if not quantity_lots:
        raise bad_request("quantity is required for limit orders")
    price_ticks = _ticks(market, members, "price")
    if not price_ticks:
        raise bad_request("price is required for limit orders")
    check_notional(market, price_ticks, quantity_lots)
    return price_ticks, quantity_lots


def check_notional(market: Market, price_ticks: int, quantity_lots: int) -> None:
    if price_ticks * quantity_lots * market.units.tick_atoms > MAX_SUPPLY_ATOMS:
        raise ApiError(Code.INVALID_ORDER, "Price times quantity is too large")


def _market(market: Market, members: Fields, is_trigger: bool) -> tuple[int, int]:
    """(quantity_lots, amount_atoms) of a market order: exactly one of the two is given."""
    if not fields.absent(members.get("displayQuantity")):
        raise bad_request("displayQuantity is only valid for limit orders")
    if not fields.absent(members.get("price")):
        raise bad_request("price is not valid for market orders: slippageTolerance bounds what they pay")
    quantity_lots = _quantity(market, members, is_trigger)
    quote_text = fields.decimal(members, "quoteQuantity")
    if (quantity_lots == 0) == (quote_text is None):
        name = "triggerQuantity" if is_trigger else "quantity"
        raise bad_request(f"Market orders need exactly one of {name} and quoteQuantity")
    return quantity_lots, 0 if quote_text is None else _quote_amount(market, quote_text)


def _quote_amount(market: Market, text: str) -> int:
    try:
        atoms = parse_decimal(text, market.quote.decimals)
    except UnitError as error:
        raise ApiError(Code.INVALID_QUANTITY, f"Invalid quoteQuantity: {error}") from None
    if not 0 < atoms <= MAX_SUPPLY_ATOMS:
        problem = "is too large" if atoms else "must be greater than zero"
        raise ApiError(Code.INVALID_QUANTITY, f"Invalid quoteQuantity: it {problem}")
    return atoms


def _trigger(market: Market, members: Fields, is_limit: bool) -> int:
    """The trigger price in ticks, 0 if the order has none. A market order may be sized by quoteQuantity instead."""
    has_price = not fields.absent(members.get("triggerPrice"))
    by_quote = not is_limit and not fields.absent(members.get("quoteQuantity"))
    if has_price == fields.absent(members.get("triggerQuantity")) and not (has_price and by_quote):
        more = "" if is_limit else "; a market order may have `quoteQuantity` instead of `triggerQuantity`"
        raise bad_request(f"Must specify both `triggerPrice` and `triggerQuantity` or neither{more}")
    if not has_price and not fields.absent(members.get("triggerBy")):
        raise bad_request("triggerBy is only valid with triggerPrice")
    trigger_by = fields.text(members, "triggerBy") if "triggerBy" in members else None
    if trigger_by not in (None, "LastPrice"):
        raise bad_request("Invalid triggerBy: must be LastPrice on spot markets")
    return _ticks(market, members, "triggerPrice") if has_price else 0


def _display(market: Market, members: Fields, quantity_lots: int, time_in_force: int) -> int:
    """The shown part of an iceberg in lots, 0 if it is none."""
    if "displayQuantity" not in members:
        return 0
    lots = _lots(market, members, "displayQuantity")
    if lots and time_in_force != _GTC:
        raise bad_request("displayQuantity is only valid for GTC limit orders")
    if lots > quantity_lots:
        raise ApiError(Code.INVALID_QUANTITY, "displayQuantity is above quantity")
    if lots and quantity_lots > lots * MAX_ICEBERG_PARTS:
        least = market.units.quantity(-(-quantity_lots // MAX_ICEBERG_PARTS))
        message = (
            f"displayQuantity must be at least {least}: an order shows itself in at most {MAX_ICEBERG_PARTS} parts"
        )
        raise ApiError(Code.INVALID_QUANTITY, message)
    return lots if lots < quantity_lots else 0


def _bound(market: Market, members: Fields, side: int, trigger_ticks: int, best: BestOpposite) -> int:
    """The worst price that a market order accepts, from its slippage tolerance; 0 if it has none."""
    tolerance = fields.decimal(members, "slippageTolerance")
    kind = fields.text(members, "slippageToleranceType")
    if (tolerance is None) != (kind is None):
        raise bad_request("Must specify both `slippageTolerance` and `slippageToleranceType` or neither")
    if tolerance is None or kind is None:
        return 0
    if kind not in ("TickSize", "Percent"):
        raise bad_request("Invalid slippageToleranceType: must be TickSize or Percent")
    try:
        amount = parse_decimal(tolerance, 0 if kind == "TickSize" else 4)
    except UnitError as error:
        raise bad_request(f"Invalid slippageTolerance: {error}") from None
    reference_ticks = trigger_ticks or best(market, side)
    if reference_ticks is None:
        raise ApiError(Code.INVALID_ORDER, "Insufficient liquidity: there is no price to tolerate slippage from")
    span = amount if kind == "TickSize" else reference_ticks * amount // PPM  # a percent has 4 decimals: 10^-6
    bound = reference_ticks + span if side == _BID else reference_ticks - span
    return min(max(bound, 1), MAX_PRICE_TICKS)


def _band(market: Market, side: int, trigger_ticks: int) -> int:
    """The worst price of a stop-market order that says no slippageTolerance, though what it may cost has no bound.

    A buy by quantity reserves the quantity at this price until it is done; the bound is the market's own, from the
    trigger on.
    """
    band_ppm = market.impact_ppm or (market.band_up_ppm if side == _BID else market.band_down_ppm)
    if not band_ppm:
        raise ApiError(Code.INVALID_ORDER, NO_BOUND)
    span = trigger_ticks * band_ppm // PPM
    return min(max(trigger_ticks + span if side == _BID else trigger_ticks - span, 1), MAX_PRICE_TICKS)


class OrderRef(NamedTuple):
    """How a client names one of its orders."""

    order_id: int
    client_id: int
    by_client: bool


def order_ref(members: Fields, order_name: str = "orderId", client_name: str = "clientId") -> OrderRef:
    order_id, client_id = fields.order_id(members, order_name), fields.client_id(members, client_name)
    if (order_id is None) == (client_id is None):
        raise bad_request(f"Must specify exactly one of `{order_name}` and `{client_name}`")
    return OrderRef(order_id or 0, client_id or 0, client_id is not None)


def cancel(setup: Setup, account: int, members: Fields) -> Placement:
    fields.check_members(members, bodies.CancelOrder)
    market = market_of(setup, members)
    return Placement(_with_ref(CommandKind.CANCEL, market, account, order_ref(members)), market)


def amend(setup: Setup, account: int, members: Fields) -> Placement:
    """An AMEND: new quantity and/or price, 0 keeps the old one."""
    fields.check_members(members, bodies.AmendOrder)
    market = market_of(setup, members)
    price_ticks, quantity_lots = _ticks(market, members, "price"), _quantity(market, members, False)
    if not price_ticks and not quantity_lots:
        raise bad_request("Must specify `price`, `quantity` or both")
    check_notional(market, max(price_ticks, 1), max(quantity_lots, 1))
    command = _with_ref(CommandKind.AMEND, market, account, order_ref(members))
    return Placement(command._replace(price_ticks=price_ticks, quantity_lots=quantity_lots), market)


def replace(setup: Setup, account: int, members: Fields, best: BestOpposite) -> Placement:
    """A REPLACE: cancels the order named by cancelOrderId, then places the rest of the members."""
    fields.check_members(members, bodies.ReplaceOrder)
    order_id = fields.order_id(members, "cancelOrderId")
    if order_id is None:
        raise bad_request("cancelOrderId is required")
    rest = {name: value for name, value in members.items() if name != "cancelOrderId"}
    placement = place(setup, account, rest, best)
    return placement._replace(command=placement.command._replace(kind=CommandKind.REPLACE, order_id=order_id))


def cancel_all(setup: Setup, account: int, members: Fields) -> Placement:
    fields.check_members(members, bodies.CancelOrders)
    market = market_of(setup, members)
    scope = 0
    if not fields.absent(members.get("orderType")):
        scope = fields.choice(members, "orderType", CANCEL_SCOPE_CODES, 0)
    command = Command(CommandKind.CANCEL_ALL, order_type=scope, market=market.number, account=account)
    return Placement(command, market)


def cancel_after(setup: Setup, account: int, members: Fields) -> Command:
    """The dead-man switch: cancels the account's orders (of a market, or all) unless renewed in time; 0 disarms."""
    fields.check_members(members, bodies.CancelOrdersAfter)
    timeout_ms = fields.integer(members, "timeoutMs", 0, MAX_TIMER_MS)
    if timeout_ms is None:
        raise bad_request("timeoutMs is required")
    market = ALL_MARKETS if fields.absent(members.get("symbol")) else market_of(setup, members).number
    return Command(CommandKind.CANCEL_AFTER, market=market, account=account, amount_atoms=timeout_ms)


def _with_ref(kind: CommandKind, market: Market, account: int, ref: OrderRef) -> Command:
    flags = OrderFlag.HAS_CLIENT_ID.value if ref.by_client else 0
    return Command(
        kind, flags=flags, market=market.number, account=account, order_id=ref.order_id, client_id=ref.client_id
    )
