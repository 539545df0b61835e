"""Orders in the API's answers: their types, and the one function that writes them, from events and from rows alike.

The types are declared as those in answers.py are: msgspec writes them, and the OpenAPI document describes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import msgspec

from engine_core.edge.spelling import (
    ORDER_TYPE_WORDS,
    SELF_TRADE_WORDS,
    SIDE_WORDS,
    STATUS_WORDS,
    TIME_IN_FORCE_WORDS,
    ExpiryWord,
    OrderTypeWord,
    SideWord,
    StatusWord,
    TimeInForceWord,
)
from engine_core.wire.codes import OrderFlag, OrderType
from engine_core.wire.events import Event
from ingress.schemas.example import example

# Plain integers: the operators of enum members take microseconds.
_LIMIT, _HAS_CLIENT_ID, _POST_ONLY = OrderType.LIMIT.value, OrderFlag.HAS_CLIENT_ID.value, OrderFlag.POST_ONLY.value
_BY_QUOTE, _TRIGGER, _ICEBERG = OrderFlag.BY_QUOTE.value, OrderFlag.TRIGGER.value, OrderFlag.ICEBERG.value

_NEVER: Final = dict.fromkeys(  # of orders that other exchanges have
    (
        *("stopLossTriggerPrice", "stopLossLimitPrice", "stopLossTriggerBy"),
        *("takeProfitTriggerPrice", "takeProfitLimitPrice", "takeProfitTriggerBy"),
        *("strategyId", "slippageTolerance", "slippageToleranceType"),
    )
)
_EVERY: Final = {
    **{"id": "117440513", "clientId": 42, "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "status": "New"},
    **{"timeInForce": "GTC", "selfTradePrevention": "RejectTaker", "postOnly": False, "price": "140.5"},
    **{"quantity": "1.5", "quoteQuantity": None, "executedQuantity": "0", "executedQuoteQuantity": "0"},
    **{"createdAt": 1790000000123, "displayQuantity": None},
    **{"triggerPrice": None, "triggerQuantity": None, "triggerBy": None, **_NEVER},
}
_LIVE: Final = {**_EVERY, "triggeredAt": None, "reduceOnly": None, "relatedOrderId": None}


class _Order(msgspec.Struct, kw_only=True):
    """What orders of now and of the past have in common."""

    id: str
    clientId: int | None
    symbol: str
    side: SideWord
    orderType: OrderTypeWord
    status: StatusWord
    timeInForce: TimeInForceWord
    selfTradePrevention: str
    postOnly: bool | None
    price: str | None
    quantity: str | None
    quoteQuantity: str | None
    executedQuantity: str
    executedQuoteQuantity: str


@example(_LIVE)
class LiveOrder(_Order, kw_only=True):
    """An order as it is now; members that do not apply are null."""

    createdAt: int
    displayQuantity: str | None = None
    triggerPrice: str | None = None
    triggerQuantity: str | None = None
    triggerBy: str | None = None
    triggeredAt: int | None = None
    stopLossTriggerPrice: str | None = None
    stopLossLimitPrice: str | None = None
    stopLossTriggerBy: str | None = None
    takeProfitTriggerPrice: str | None = None
    takeProfitLimitPrice: str | None = None
    takeProfitTriggerBy: str | None = None
    reduceOnly: bool | None = None
    relatedOrderId: str | None = None
    strategyId: str | None = None
    slippageTolerance: str | None = None
    slippageToleranceType: str | None = None


@example({**_LIVE, "relatedOrderId": "117440513", "relatedExecutedQuantity": "0.5"})
class ReplacedOrder(LiveOrder, kw_only=True):
    """A new order; `relatedOrderId` is the one that it replaced, which had executed `relatedExecutedQuantity`."""

    relatedExecutedQuantity: str | None = None


@example({"operation": "Ok", **_LIVE})
class BatchOrder(LiveOrder, kw_only=True, tag_field="operation", tag="Ok"):
    """An item of a batch that was placed."""


@example({"operation": "Err", "code": "INSUFFICIENT_FUNDS", "message": "Insufficient funds"})
class BatchError(msgspec.Struct, tag_field="operation", tag="Err"):
    """An item of a batch that was refused."""

    code: str
    message: str


@example(
    {
        **_EVERY,
        **{"status": "Filled", "executedQuantity": "1.5", "executedQuoteQuantity": "210.75", "expiryReason": None},
        **{"createdAt": "2026-03-04T05:06:07.123", "systemOrderType": None},
    }
)
class HistoryOrder(_Order, kw_only=True):
    """An order of the past (or still open), from the history; members that do not apply are null."""

    createdAt: str
    displayQuantity: str | None = None
    expiryReason: ExpiryWord | None
    triggerPrice: str | None = None
    triggerQuantity: str | None = None
    triggerBy: str | None = None
    stopLossTriggerPrice: str | None = None
    stopLossLimitPrice: str | None = None
    stopLossTriggerBy: str | None = None
    takeProfitTriggerPrice: str | None = None
    takeProfitLimitPrice: str | None = None
    takeProfitTriggerBy: str | None = None
    strategyId: str | None = None
    slippageTolerance: str | None = None
    slippageToleranceType: str | None = None
    systemOrderType: str | None = None


@dataclass(slots=True)
class OrderRow:
    """An order as the history has it: fields by the names that they have in an event."""

    order_id: int
    market: int
    client_id: int
    side: int
    order_type: int
    time_in_force: int
    self_trade: int
    flags: int
    status: int
    reason: int
    price_ticks: int
    quantity_lots: int
    amount_atoms: int
    trigger_ticks: int
    display_lots: int
    executed_lots: int
    executed_atoms: int
    created_ms: int


class Texts(Protocol):
    """How the numbers of one market are written."""

    def price(self, ticks: int, /) -> str: ...
    def quantity(self, lots: int, /) -> str: ...
    def quote(self, atoms: int, /) -> str: ...


Answer = TypeVar("Answer")


def order_answer(
    kind: Callable[..., Answer],
    symbol: str,
    texts: Texts,
    opening: Event | OrderRow,
    last: Event | OrderRow,
    **more: Any,
) -> Answer:
    """The order that `opening` began, in the state that `last` left it; `more`: the members that only this kind has."""
    flags, is_limit = opening.flags, opening.order_type == _LIMIT
    by_quote = flags & _BY_QUOTE
    quantity = None if by_quote else texts.quantity(opening.quantity_lots)
    if flags & _ICEBERG:
        more["displayQuantity"] = texts.quantity(opening.display_lots)
    if flags & _TRIGGER:
        more["triggerPrice"] = texts.price(opening.trigger_ticks)
        more["triggerQuantity"], more["triggerBy"] = quantity, "LastPrice"
    return kind(
        id=str(opening.order_id),
        clientId=opening.client_id if flags & _HAS_CLIENT_ID else None,
        symbol=symbol,
        side=SIDE_WORDS[opening.side],
        orderType=ORDER_TYPE_WORDS[opening.order_type],
        status=STATUS_WORDS[last.status],
        timeInForce=TIME_IN_FORCE_WORDS[opening.time_in_force],
        selfTradePrevention=SELF_TRADE_WORDS[opening.self_trade],
        postOnly=bool(flags & _POST_ONLY) if is_limit else None,
        price=texts.price(opening.price_ticks) if is_limit else None,
        quantity=quantity,
        quoteQuantity=texts.quote(opening.amount_atoms) if by_quote else None,
        executedQuantity=texts.quantity(last.executed_lots) if last.executed_lots else "0",
        executedQuoteQuantity=texts.quote(last.executed_atoms) if last.executed_atoms else "0",
        **more,
    )
