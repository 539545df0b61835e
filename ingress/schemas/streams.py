"""The types of what WebSockets say, for the AsyncAPI document: streams of egress, and order entry.

Egress builds its frames by hand (egress/streams/); a test holds them against these types.
"""

from typing import Annotated, Any, Literal

import msgspec

from engine_core.edge.spelling import ExpiryWord, OrderTypeStreamWord, SideWord, TimeInForceWord
from ingress.schemas.answers import Error
from ingress.schemas.bodies import AmendOrder, CancelOrder, CancelOrders, PlaceOrder
from ingress.schemas.order_answers import LiveOrder

Microseconds = Annotated[int, msgspec.Meta(description="Unix microseconds")]
Decimal = Annotated[str, msgspec.Meta(pattern=r"^-?\d+(\.\d+)?$", description="a plain decimal")]
Digits = Annotated[str, msgspec.Meta(pattern=r"^\d+$")]
Instant = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$", description="UTC, without zone")]
LevelText = tuple[Decimal, Decimal]
MessageId = int | Annotated[str, msgspec.Meta(max_length=64)]


class _Event(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    E: Microseconds
    s: str


class TradeEvent(_Event, kw_only=True):
    """One trade. `m`: the buyer is the maker; `b`, `a`: ids of the buyer's and the seller's order."""

    e: Literal["trade"]
    T: Microseconds
    p: Decimal
    q: Decimal
    t: int
    b: Digits
    a: Digits
    m: bool


class DepthEvent(_Event, kw_only=True):
    """Levels that changed, absolute quantities, "0" = gone. U = u + 1: a heartbeat. `cs`: CRC32 of the best levels."""

    e: Literal["depth"]
    T: Microseconds
    U: int
    u: int
    b: list[LevelText]
    a: list[LevelText]
    cs: int


class OrderBookEvent(_Event, kw_only=True):
    """Orders accepted, changed or gone: [order id, side, price, quantity shown after; "0" = gone]."""

    e: Literal["order"]
    T: Microseconds
    U: int
    u: int
    o: list[tuple[Digits, SideWord, Decimal, Decimal]]


class BookTickerEvent(_Event, kw_only=True):
    """The best prices. A side without orders has price and quantity 0."""

    e: Literal["bookTicker"]
    T: Microseconds
    a: Decimal
    A: Decimal
    b: Decimal
    B: Decimal
    u: int


class TickerEvent(_Event, kw_only=True):
    """Statistics of the last 24 hours."""

    e: Literal["ticker"]
    o: Decimal
    c: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 (the wire's name)
    v: Decimal
    V: Decimal
    n: int
    P: Decimal


class KlineEvent(_Event, kw_only=True):
    """A candle; `X`: it has ended."""

    e: Literal["kline"]
    t: Instant
    T: Instant
    o: Decimal
    c: Decimal
    h: Decimal
    l: Decimal  # noqa: E741
    v: Decimal
    V: Decimal
    n: int
    X: bool


class OrderUpdateEvent(_Event, kw_only=True):
    """What happened to an order of the account. `D`: the quantity that an iceberg shows.

    `R`: why it expired, or why its trigger failed.
    """

    e: Literal[
        "orderAccepted",
        "orderFill",
        "orderCancelled",
        "orderExpired",
        "orderModified",
        "triggerPlaced",
        "triggerFailed",
    ]
    T: Microseconds
    i: Digits
    S: SideWord
    o: OrderTypeStreamWord
    f: TimeInForceWord
    X: str
    V: str
    z: Decimal
    Z: Decimal
    t: int | None
    O: Literal["USER"]  # noqa: E741
    r: Literal[False]
    y: bool
    c: int | msgspec.UnsetType = msgspec.UNSET
    q: Decimal | msgspec.UnsetType = msgspec.UNSET
    Q: Decimal | msgspec.UnsetType = msgspec.UNSET
    p: Decimal | msgspec.UnsetType = msgspec.UNSET
    P: Decimal | msgspec.UnsetType = msgspec.UNSET
    B: Literal["LastPrice"] | msgspec.UnsetType = msgspec.UNSET
    Y: Decimal | msgspec.UnsetType = msgspec.UNSET
    D: Decimal | msgspec.UnsetType = msgspec.UNSET
    l: Decimal | msgspec.UnsetType = msgspec.UNSET  # noqa: E741
    L: Decimal | msgspec.UnsetType = msgspec.UNSET
    m: bool | msgspec.UnsetType = msgspec.UNSET
    n: Decimal | msgspec.UnsetType = msgspec.UNSET
    N: str | msgspec.UnsetType = msgspec.UNSET
    R: ExpiryWord | msgspec.UnsetType = msgspec.UNSET


class BalanceUpdateEvent(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An asset of the account, absolute, of all shards together; after every change. What is on its way between two of
    them counts as available."""

    e: Literal["balanceUpdate"]
    E: Microseconds
    T: Microseconds
    a: str
    A: Decimal
    L: Decimal
    S: Decimal


class Subscription(msgspec.Struct, kw_only=True):
    """Names are handled one by one. Private ones need `signature`: [apiKey, signature, timestamp, window]."""

    method: Literal["SUBSCRIBE", "UNSUBSCRIBE"]
    params: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=2_048)]
    id: Any = None
    signature: tuple[str, str, str, str] | msgspec.UnsetType = msgspec.UNSET


class StreamAnswer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """To a frame with an `id`, or to one that cannot be taken."""

    id: Any
    result: msgspec.UnsetType | None = msgspec.UNSET
    error: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Logon(msgspec.Struct, kw_only=True):
    """Signed with instruction `sessionLogon`. cancelOnDisconnect: all orders of the account end with the session."""

    apiKey: str
    timestamp: int
    signature: str
    window: int = 5_000
    cancelOnDisconnect: bool = False


class LoggedOn(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    cancelOnDisconnect: bool


class LogonAnswer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: int | str | None
    status: int
    result: LoggedOn | msgspec.UnsetType = msgspec.UNSET
    error: Error | msgspec.UnsetType = msgspec.UNSET


class OrderMessage(msgspec.Struct, kw_only=True):
    """The envelope of every message to /ws/orders."""

    id: MessageId
    method: str
    params: Any


class LogonMessage(OrderMessage, kw_only=True):
    method: Literal["session.logon"]
    params: Logon


class PlaceMessage(OrderMessage, kw_only=True):
    method: Literal["order.place"]
    params: PlaceOrder


class CancelMessage(OrderMessage, kw_only=True):
    method: Literal["order.cancel"]
    params: CancelOrder


class ModifyMessage(OrderMessage, kw_only=True):
    method: Literal["order.modify"]
    params: AmendOrder


class CancelAllMessage(OrderMessage, kw_only=True):
    method: Literal["order.cancelAll"]
    params: CancelOrders


class OrderAnswer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Matched by `id`. `status` is that of REST; `result` below 400, `error` otherwise."""

    id: int | str | None
    status: int
    result: LiveOrder | list[LiveOrder] | msgspec.UnsetType = msgspec.UNSET
    error: Error | msgspec.UnsetType = msgspec.UNSET


EVENTS: dict[str, Any] = {
    "trade.{symbol}": TradeEvent,
    "depth.{symbol}": DepthEvent,
    "depth.{window}.{symbol}": DepthEvent,
    "order.{symbol}": OrderBookEvent,
    "bookTicker.{symbol}": BookTickerEvent,
    "ticker.{symbol}": TickerEvent,
    "kline.{interval}.{symbol}": KlineEvent,
    "account.orderUpdate": OrderUpdateEvent,
    "account.orderUpdate.{symbol}": OrderUpdateEvent,
    "account.balanceUpdate": BalanceUpdateEvent,
}
