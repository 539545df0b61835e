"""An order as clients see it, composed from events of the engine.

The opening event of an order carries what never changes (price, quantity, flags, creation time), the last one its
state; a query's ORDER_STATE carries both.
"""

from engine_core.replica.setup import Market
from engine_core.wire.codes import EventKind, OrderFlag, OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.events import Event
from ingress.schemas.answers import BatchOrder, LiveOrder

_SIDES = {Side.BID.value: "Bid", Side.ASK.value: "Ask"}
_TYPES = {OrderType.LIMIT.value: "Limit", OrderType.MARKET.value: "Market"}
_TIMES = {TimeInForce.GTC.value: "GTC", TimeInForce.IOC.value: "IOC", TimeInForce.FOK.value: "FOK"}
_SELF_TRADES = {
    SelfTrade.REJECT_TAKER.value: "RejectTaker",
    SelfTrade.REJECT_MAKER.value: "RejectMaker",
    SelfTrade.REJECT_BOTH.value: "RejectBoth",
    SelfTrade.DECREMENT.value: "Decrement",
}
_STATUSES = {
    OrderStatus.NEW.value: "New",
    OrderStatus.PARTIALLY_FILLED.value: "PartiallyFilled",
    OrderStatus.FILLED.value: "Filled",
    OrderStatus.CANCELLED.value: "Cancelled",
    OrderStatus.EXPIRED.value: "Expired",
    OrderStatus.TRIGGER_PENDING.value: "TriggerPending",
    OrderStatus.TRIGGER_FAILED.value: "TriggerFailed",
}

_LIMIT, _FILL = OrderType.LIMIT.value, EventKind.FILL.value
_CLIENT_ID, _POST_ONLY = OrderFlag.HAS_CLIENT_ID.value, OrderFlag.POST_ONLY.value
_BY_QUOTE, _TRIGGER, _ICEBERG = OrderFlag.BY_QUOTE.value, OrderFlag.TRIGGER.value, OrderFlag.ICEBERG.value


def live_order(market: Market, opening: Event, last: Event, kind: type[LiveOrder] = LiveOrder) -> LiveOrder:
    """The order that `opening` began, in the state that `last` left it."""
    assert opening.kind != _FILL, "a FILL cannot open an order: it has no creation time"
    units = market.units
    is_limit = opening.order_type == _LIMIT
    flags = opening.flags
    by_quote, is_trigger = flags & _BY_QUOTE, flags & _TRIGGER
    quantity = None if by_quote else units.quantity(opening.quantity_lots)
    order = kind(
        id=str(opening.order_id),
        clientId=opening.client_id if flags & _CLIENT_ID else None,
        symbol=market.symbol,
        side=_SIDES[opening.side],  # type: ignore[arg-type]
        orderType=_TYPES[opening.order_type],  # type: ignore[arg-type]
        status=_STATUSES[last.status],  # type: ignore[arg-type]
        timeInForce=_TIMES[opening.time_in_force],  # type: ignore[arg-type]
        selfTradePrevention=_SELF_TRADES[opening.self_trade],
        postOnly=bool(flags & _POST_ONLY) if is_limit else None,
        price=units.price(opening.price_ticks) if is_limit else None,
        quantity=quantity,
        quoteQuantity=units.quote(opening.amount_atoms) if by_quote else None,
        executedQuantity=units.quantity(last.executed_lots) if last.executed_lots else "0",
        executedQuoteQuantity=units.quote(last.executed_atoms) if last.executed_atoms else "0",
        createdAt=opening.created_ms,
    )
    if flags & _ICEBERG:
        order.displayQuantity = units.quantity(opening.display_lots)
    if is_trigger:
        order.triggerPrice = units.price(opening.trigger_ticks)
        order.triggerQuantity, order.triggerBy = quantity, "LastPrice"
    return order


def state_of(market: Market, event: Event, kind: type[LiveOrder] = LiveOrder) -> LiveOrder:
    """The order of one event that carries everything: ORDER_STATE, DUPLICATE, CANCELLED, AMENDED."""
    return live_order(market, event, event, kind)


def batch_order(market: Market, opening: Event, last: Event) -> LiveOrder:
    return live_order(market, opening, last, BatchOrder)
