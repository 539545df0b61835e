"""The bodies and parameters of requests, declared for the OpenAPI document.

Validation does not go through these types (commands.py keeps the literal text of numbers, which is signed); a test
holds that both know the same members.
"""

from typing import Annotated, Literal

import msgspec

from ingress.schemas import OrderTypeName, Side

Decimal = Annotated[str, msgspec.Meta(pattern=r"^\d+(\.\d+)?$", description="A plain decimal; a JSON number also does")]
ClientId = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1, description="Chosen by the client; a string of digits too")]
OrderId = Annotated[str, msgspec.Meta(pattern=r"^\d+$")]


class PlaceOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A limit order needs `price` and `quantity`, a market order exactly one of `quantity` and `quoteQuantity`."""

    symbol: str
    side: Side
    orderType: OrderTypeName
    quantity: Decimal | None = None
    quoteQuantity: Decimal | None = None
    price: Decimal | None = None
    timeInForce: Literal["GTC", "IOC", "FOK"] | None = None
    postOnly: bool | None = None
    clientId: ClientId | None = None
    selfTradePrevention: Literal["RejectTaker", "RejectMaker", "RejectBoth"] | None = None
    triggerPrice: Decimal | None = None
    triggerQuantity: Decimal | None = None
    triggerBy: Literal["LastPrice"] | None = None
    displayQuantity: Decimal | None = None
    slippageTolerance: Decimal | None = None
    slippageToleranceType: Literal["TickSize", "Percent"] | None = None
    reduceOnly: bool | None = None
    autoLend: bool | None = None
    autoLendRedeem: bool | None = None
    autoBorrow: bool | None = None
    autoBorrowRepay: bool | None = None
    brokerId: int | None = None
    stopLossTriggerPrice: Decimal | None = None
    stopLossLimitPrice: Decimal | None = None
    stopLossTriggerBy: str | None = None
    takeProfitTriggerPrice: Decimal | None = None
    takeProfitLimitPrice: Decimal | None = None
    takeProfitTriggerBy: str | None = None


class ReplaceOrder(PlaceOrder, kw_only=True, omit_defaults=True):
    """The order to cancel, and the one to place instead; nothing is placed if the cancel fails."""

    cancelOrderId: OrderId


class CancelOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Exactly one of `orderId` and `clientId`."""

    symbol: str
    orderId: OrderId | None = None
    clientId: ClientId | None = None


class AmendOrder(CancelOrder, kw_only=True, omit_defaults=True):
    """A smaller quantity alone keeps the order's place in the queue."""

    price: Decimal | None = None
    quantity: Decimal | None = None


class CancelOrders(msgspec.Struct, kw_only=True, omit_defaults=True):
    symbol: str
    orderType: Literal["RestingLimitOrder", "ConditionalOrder"] | None = None


class CancelOrdersAfter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The account's orders are cancelled unless this is renewed in time; 0 disarms."""

    timeoutMs: Annotated[int, msgspec.Meta(ge=0, le=24 * 3600 * 1000)]
    symbol: str | None = None
