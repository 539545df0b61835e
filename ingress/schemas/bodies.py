"""The bodies and parameters of requests, declared for the OpenAPI document.

Which members a body may have is read off these types (requests/fields.py); their values are not: requests/ keeps the
literal text of numbers, which is signed.
"""

from typing import Annotated, Final, Literal

import msgspec

from engine_core.edge.key_names import MAX_KEY_NAME
from engine_core.edge.spelling import (
    CancelScopeWord,
    MarketStateWord,
    OrderTypeWord,
    PermissionWord,
    SelfTradeChoice,
    SideWord,
    TimeInForceWord,
)
from engine_core.wire.limits import MAX_ACCOUNT, MAX_CLIENT_ID, MAX_TIMER_MS, MOST_SHARDS
from ingress.schemas.example import API_KEY, FEES, KEY, example

MAX_BROKER_ID = 2**32 - 1
MAX_BATCH: Final = 20  # orders that one request may place

Decimal = Annotated[
    str, msgspec.Meta(pattern=r"^\d+(\.\d+)?$", description="A plain decimal, as text or as a JSON number")
]
ClientId = Annotated[
    int, msgspec.Meta(ge=0, le=MAX_CLIENT_ID, description="Chosen by the client, as a number or as text of digits")
]
OrderId = Annotated[str, msgspec.Meta(pattern=r"^\d+$")]


_PLACE: Final = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "140.5", "quantity": "1.5"}


@example(_PLACE | {"clientId": 42})
class PlaceOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A limit order needs `price` and `quantity`, a market order exactly one of `quantity` and `quoteQuantity`.

    A trigger order has `triggerPrice`, and `triggerQuantity` instead of `quantity`; a stop-market order may be sized by
    `quoteQuantity`. A stop-market buy by quantity reserves it at the worst price that it accepts: `slippageTolerance`
    away from the trigger, else the market's `maxImpactMultiplier` or `maxMultiplier`. What does not apply is refused.
    """

    symbol: str
    side: SideWord
    orderType: OrderTypeWord
    quantity: Decimal | None = None
    quoteQuantity: Decimal | None = None
    price: Decimal | None = None
    timeInForce: TimeInForceWord | None = None
    postOnly: bool | None = None
    clientId: ClientId | None = None
    selfTradePrevention: SelfTradeChoice | None = None
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
    brokerId: Annotated[int, msgspec.Meta(ge=0, le=MAX_BROKER_ID, description="Accepted and ignored")] | None = None
    stopLossTriggerPrice: Decimal | None = None
    stopLossLimitPrice: Decimal | None = None
    stopLossTriggerBy: str | None = None
    takeProfitTriggerPrice: Decimal | None = None
    takeProfitLimitPrice: Decimal | None = None
    takeProfitTriggerBy: str | None = None


@example(_PLACE | {"cancelOrderId": "117440513"})
class ReplaceOrder(PlaceOrder, kw_only=True, omit_defaults=True):
    """The order to cancel, and the one to place instead; nothing is placed if the cancel fails."""

    cancelOrderId: OrderId


@example({"symbol": "SOL_USDC", "orderId": "117440513"})
class CancelOrder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Exactly one of `orderId` and `clientId`."""

    symbol: str
    orderId: OrderId | None = None
    clientId: ClientId | None = None


@example({"symbol": "SOL_USDC", "orderId": "117440513", "quantity": "1"})
class AmendOrder(CancelOrder, kw_only=True, omit_defaults=True):
    """A smaller quantity alone keeps the order's place in the queue."""

    price: Decimal | None = None
    quantity: Decimal | None = None


@example({"symbol": "SOL_USDC"})
class CancelOrders(msgspec.Struct, kw_only=True, omit_defaults=True):
    symbol: str
    orderType: CancelScopeWord | None = None


Code = Annotated[str, msgspec.Meta(pattern=r"^\d{6}$")]


@example({"name": "alice", "password": "correct horse battery"})
class SignIn(msgspec.Struct, kw_only=True):
    """A name has 3 to 32 letters, digits and . _ - in any case; a password has 8 characters or more."""

    name: Annotated[str, msgspec.Meta(min_length=3, max_length=32)]
    password: Annotated[str, msgspec.Meta(min_length=8, max_length=256)]


@example({"name": "alice", "password": "correct horse battery", "code": "123456"})
class LogIn(SignIn, kw_only=True, omit_defaults=True):
    """`code` is one of the second factor, where the user has one."""

    code: Code | None = None


@example({"password": "correct horse battery"})
class Proof(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The password again and, where there is a second factor, a code of it."""

    password: str | None = None
    code: Code | None = None


@example({"password": "correct horse battery", "newPassword": "nine green bottles"})
class ChangePassword(Proof, kw_only=True):
    """Every other session ends."""

    newPassword: Annotated[str, msgspec.Meta(min_length=8, max_length=256)]


@example({"code": "123456"})
class ConfirmCode(msgspec.Struct, kw_only=True):
    code: Code


@example({"id": "5f1e0c2b7a9d4c3e8b6a5d4c3b2a1908"})
class EndSessions(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Without `id`, all but the present one."""

    id: str | None = None


KeyName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY_NAME)]


@example({"name": "grid bot", "permissions": ["read", "trade"], "password": "correct horse battery"})
class MakeKey(Proof, kw_only=True, omit_defaults=True):
    """Without `publicKey` the exchange makes the pair, and the answer has its secret. It asks for the password."""

    permissions: Annotated[list[PermissionWord], msgspec.Meta(min_length=1)]
    publicKey: str | None = None
    name: KeyName | None = None


@example({"apiKey": KEY})
class DeleteKey(msgspec.Struct, kw_only=True):
    apiKey: str


@example({"symbol": "SOL_USDC", "orderIds": ["117440513"], "clientIds": [42]})
class CancelBatch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Together they name 1 to 100 orders; lists are signed as JSON text without spaces."""

    symbol: str
    orderIds: list[OrderId] | None = None
    clientIds: list[ClientId] | None = None


@example({"symbol": "USDC", "quantity": "12.5", "address": "account-3", "blockchain": "Internal"})
class Withdraw(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A repeat with the same `clientId` withdraws nothing twice."""

    symbol: str
    quantity: Decimal
    address: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    blockchain: Literal["Internal"]
    clientId: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    twoFactorToken: str | None = None
    autoBorrow: bool | None = None
    autoLendRedeem: bool | None = None


ShardNumber = Annotated[int, msgspec.Meta(ge=0, lt=MOST_SHARDS)]


@example({"symbol": "USDC", "quantity": "250", "from": 0, "to": 1, "clientId": "to the other markets"})
class Move(msgspec.Struct, kw_only=True, omit_defaults=True):
    """From one shard to another. A repeat with the same `clientId` moves nothing twice."""

    symbol: str
    quantity: Decimal
    source: ShardNumber = msgspec.field(name="from")
    target: ShardNumber = msgspec.field(name="to")
    clientId: Annotated[str, msgspec.Meta(max_length=255)] | None = None


@example({"autoTransfer": True})
class UpdateAccount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`autoTransfer`: an order that its market's shard cannot pay gets what it lacks from the others. None of the
    rest can be switched on."""

    autoTransfer: bool | None = None
    autoBorrowSettlements: bool | None = None
    autoLend: bool | None = None
    autoRealizePnl: bool | None = None
    autoRepayBorrows: bool | None = None
    leverageLimit: Decimal | None = None


AccountNumber = Annotated[int, msgspec.Meta(ge=1, le=MAX_ACCOUNT)]
Tier = Annotated[int, msgspec.Meta(ge=1, le=15)]
FeePpm = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


@example({})
class Nothing(msgspec.Struct):
    """An empty object."""


@example({"account": 7, "frozen": True, "feeTier": 2})
class AdminChangeAccount(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is not named stays. A frozen account can only cancel."""

    account: AccountNumber
    frozen: bool | None = None
    feeTier: Annotated[int, msgspec.Meta(ge=0, le=15)] | None = None


@example({"account": 7, **API_KEY})
class AdminMakeKey(msgspec.Struct, kw_only=True, omit_defaults=True):
    account: AccountNumber
    apiKey: str
    permissions: Annotated[list[PermissionWord], msgspec.Meta(min_length=1)]
    name: KeyName | None = None


@example({"account": 7, "symbol": "USDC", "quantity": "1000", "reference": 20260101001})
class AdminMove(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The engine takes each `reference` only once for an asset, so a repeat is harmless."""

    account: AccountNumber
    symbol: str
    quantity: Decimal
    reference: Annotated[int, msgspec.Meta(ge=1)] | None = None


@example({"symbol": "SOL_USDC", "state": "CancelOnly"})
class AdminMarket(msgspec.Struct, kw_only=True):
    symbol: str
    state: MarketStateWord


@example(FEES)
class AdminSetFees(msgspec.Struct, kw_only=True):
    """Of a tier from 1 on; those of tier 0 are the configuration's. 100 ppm are one basis point."""

    symbol: str
    tier: Tier
    makerPpm: FeePpm
    takerPpm: FeePpm


@example({"timeoutMs": 30000, "symbol": "SOL_USDC"})
class CancelOrdersAfter(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The account's orders are cancelled unless this is renewed in time; 0 disarms."""

    timeoutMs: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIMER_MS)]
    symbol: str | None = None
