"""Every route of the API: one table, from which the server and its documentation are made."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from engine_core.wire.codes import KeyPermission
from ingress import account, bodies, history_reads, market_data, orders, schemas, sessions
from ingress.dispatch import Body, Credentials, Endpoint, Operation
from ingress.limits import Cost


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter."""

    name: str
    schema: dict[str, Any]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """`answer`: the type of the JSON body of a 200, None for plain text. `hot`: answered before FastAPI."""

    method: str
    path: str
    tag: str
    summary: str
    endpoint: Endpoint
    answer: Any
    params: tuple[Param, ...] = ()
    body: Any = None
    hot: bool = False


_TEXT = {"type": "string"}
_ID = {"type": "string", "pattern": r"^\d+$"}
_SECONDS = {"type": "integer", "format": "int64", "description": "Unix seconds"}
_MS = {"type": "integer", "format": "int64", "description": "Unix milliseconds"}


def _choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _integer(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


_SYMBOL = Param("symbol", {"type": "string", "examples": ["SOL_USDC"]}, required=True)
_ANY_SYMBOL = Param("symbol", _TEXT)
_ORDER_ID, _CLIENT_ID = Param("orderId", _ID), Param("clientId", _integer(0, 2**32 - 1, 0) | {"default": None})
_MARKET_TYPE = Param("marketType", _choice("SPOT"))
_WINDOW = Param("interval", _choice("1d", "1w"))
_LIMIT, _OFFSET = Param("limit", _integer(1, 1000, 100)), Param("offset", _integer(0, 2**31 - 1, 0))
_DIRECTION = Param("sortDirection", _choice("Desc", "Asc"))
_FROM, _TO = Param("from", _MS), Param("to", _MS)
_STRATEGY, _FILL_TYPE = Param("strategyId", _TEXT), Param("fillType", _TEXT)
_ORDERS_PAGE = (_ORDER_ID, _ANY_SYMBOL, _LIMIT, _OFFSET, _MARKET_TYPE, _DIRECTION, _STRATEGY)
_FILLS_PAGE = (_ORDER_ID, _ANY_SYMBOL, _FROM, _TO, _LIMIT, _OFFSET, _FILL_TYPE, _MARKET_TYPE, _DIRECTION, _STRATEGY)
_TRANSFERS_PAGE = (_FROM, _TO, Param("endTime", _MS), _LIMIT, _OFFSET)


def _public(path: str, summary: str, operation: Operation, answer: Any, params: tuple[Param, ...] = ()) -> Route:
    return Route("GET", path, "Public", summary, Endpoint(operation), answer, params)


def _read(
    tag: str, path: str, instruction: str, summary: str, read: tuple[Operation, Any], params: tuple[Param, ...] = ()
) -> Route:
    """A private GET; `read` is the operation and the type of its answer."""
    endpoint = Endpoint(read[0], Body.QUERY, Credentials(instruction, KeyPermission.READ))
    return Route("GET", path, tag, summary, endpoint, read[1], params, hot=path == ORDER)


def _trade(
    method: str, path: str, instruction: str, summary: str, operation: Operation, types: tuple[Any, Any]
) -> Route:
    """A change of orders; `types` are those of its body and of its answer."""
    body, answer = types
    form = Body.ARRAY if body == list[bodies.PlaceOrder] else Body.OBJECT
    cost = Cost.CANCELS if instruction.startswith("orderCancel") else Cost.ORDERS
    endpoint = Endpoint(operation, form, Credentials(instruction, KeyPermission.TRADE), cost)
    return Route(method, path, "Orders", summary, endpoint, answer, body=body, hot=path in (ORDER, ORDERS))


ORDER, ORDERS = "/api/v1/order", "/api/v1/orders"
_LIVE: TypeAlias = schemas.LiveOrder
_PLACE: TypeAlias = bodies.PlaceOrder
_BATCH = (list[_PLACE], list[schemas.BatchOrder | schemas.BatchError])
_NONE_OF_IT = (market_data.nothing, list[None])
_TRADES = list[schemas.Trade]
_SIDE = Param("side", _choice("Bid", "Ask"), required=True)
_LEVELS = Param("limit", _integer(1, 1000, 1000))
_INTERVAL = Param("interval", _choice(*history_reads.INTERVAL_NAMES), required=True)
_START, _END = Param("startTime", _SECONDS, required=True), Param("endTime", _SECONDS)
_PRICE_TYPE = Param("priceType", _choice("Last", "Mark", "Index"))
_KLINES_PAGE = (_SYMBOL, _INTERVAL, _START, _END, _PRICE_TYPE)

_PUBLIC = (
    _public("/api/v1/status", "Whether an order would be accepted now", market_data.status, schemas.Status),
    _public("/api/v1/ping", "Answers pong", market_data.ping, None),
    _public("/api/v1/time", "Unix milliseconds", market_data.server_time, None),
    _public("/api/v1/assets", "All assets", market_data.assets, list[schemas.Asset]),
    _public("/api/v1/markets", "All markets", market_data.markets, list[schemas.Market], (_MARKET_TYPE,)),
    _public("/api/v1/market", "One market", market_data.market, schemas.Market, (_SYMBOL,)),
    _public("/api/v1/ticker", "Statistics of a market", market_data.ticker, schemas.Ticker, (_SYMBOL, _WINDOW)),
    _public("/api/v1/tickers", "Statistics of all markets", market_data.tickers, list[schemas.Ticker], (_WINDOW,)),
    _public("/api/v1/depth", "The order book, ascending", market_data.depth, schemas.Depth, (_SYMBOL, _LEVELS)),
    _public("/api/v1/depth/orders", "The book order by order", market_data.order_book, schemas.OrderBook, (_SYMBOL,)),
    _public("/api/v1/trades", "The newest trades", market_data.trades, _TRADES, (_SYMBOL, _LIMIT)),
    _public("/api/v1/trades/history", "Older trades", history_reads.trades, _TRADES, (_SYMBOL, _LIMIT, _OFFSET)),
    _public("/api/v1/klines", "Candles, at most 1000", history_reads.klines, list[schemas.Kline], _KLINES_PAGE),
)

_PUBLIC_STUBS = tuple(
    _public(f"/api/v1/{name}", "Always empty on a spot exchange", *_NONE_OF_IT)
    for name in (
        "securities",
        "collateral",
        "wallets",
        "markPrices",
        "openInterest",
        "fundingRates",
        "borrowLend/markets",
        "prediction",
    )
)

_ORDERS = (
    _trade("POST", ORDER, "orderExecute", "Place an order", orders.place, (_PLACE, _LIVE)),
    _read("Orders", ORDER, "orderQuery", "An open order", (orders.find, _LIVE), (_SYMBOL, _ORDER_ID, _CLIENT_ID)),
    _trade("DELETE", ORDER, "orderCancel", "Cancel an order", orders.cancel, (bodies.CancelOrder, _LIVE)),
    _trade("PATCH", ORDER, "orderModify", "Change price or quantity", orders.amend, (bodies.AmendOrder, _LIVE)),
    _trade("POST", ORDERS, "orderExecute", "Place up to 20 orders", orders.place_batch, _BATCH),
    _read(
        "Orders", ORDERS, "orderQueryAll", "Open orders", (orders.find_all, list[_LIVE]), (_ANY_SYMBOL, _MARKET_TYPE)
    ),
    _trade(
        "DELETE",
        ORDERS,
        "orderCancelAll",
        "Cancel all orders of a market",
        orders.cancel_all,
        (bodies.CancelOrders, list[_LIVE]),
    ),
    _trade(
        "POST",
        f"{ORDER}/replace",
        "orderReplace",
        "Cancel one order and place another",
        orders.replace,
        (bodies.ReplaceOrder, _LIVE),
    ),
    _trade(
        "POST",
        f"{ORDER}/test",
        "orderExecute",
        "Check an order without placing it",
        orders.test_place,
        (_PLACE, dict[str, str]),
    ),
    _trade(
        "POST",
        f"{ORDERS}/cancelAfter",
        "orderCancelAllAfter",
        "Dead-man switch",
        orders.cancel_after,
        (bodies.CancelOrdersAfter, schemas.CancelAfter),
    ),
)

_ACCOUNT = (
    _read("Account", "/api/v1/capital", "balanceQuery", "Balances", (account.balances, dict[str, schemas.Balance])),
    _read("Account", "/api/v1/account", "accountQuery", "Fees and limits", (account.account, schemas.Account)),
    _read(
        "Account",
        "/api/v1/account/limits/order",
        "maxOrderQuantity",
        "The largest order that the balance can pay",
        (account.max_order, schemas.MaxOrder),
        (_SYMBOL, _SIDE, Param("price", _TEXT)),
    ),
)

_HISTORY = (
    _read(
        "History",
        "/wapi/v1/history/orders",
        "orderHistoryQueryAll",
        "Orders, open and ended",
        (history_reads.orders, list[schemas.HistoryOrder]),
        _ORDERS_PAGE,
    ),
    _read(
        "History",
        "/wapi/v1/history/fills",
        "fillHistoryQueryAll",
        "Own trades",
        (history_reads.fills, list[schemas.Fill]),
        _FILLS_PAGE,
    ),
    _read(
        "History",
        "/wapi/v1/capital/deposits",
        "depositQueryAll",
        "Deposits",
        (history_reads.deposits, list[schemas.Deposit]),
        _TRANSFERS_PAGE,
    ),
    _read(
        "History",
        "/wapi/v1/capital/withdrawals",
        "withdrawalQueryAll",
        "Withdrawals",
        (history_reads.withdrawals, list[schemas.Withdrawal]),
        _TRANSFERS_PAGE,
    ),
)

_PRIVATE_STUBS = tuple(
    _read("Account", path, instruction, "Always empty on a spot exchange", _NONE_OF_IT)
    for path, instruction in (
        ("/api/v1/borrowLend/positions", "borrowLendPositionQuery"),
        ("/api/v1/position", "positionQuery"),
        ("/api/v1/rfqs", "rfqQuery"),
        ("/wapi/v1/history/rfq", "rfqHistoryQueryAll"),
        ("/wapi/v1/history/rfq/fill", "rfqFillHistoryQueryAll"),
        ("/wapi/v1/history/settlement", "settlementHistoryQueryAll"),
        ("/wapi/v1/history/dust", "dustHistoryQueryAll"),
        ("/wapi/v1/history/funding", "fundingHistoryQueryAll"),
        ("/wapi/v1/history/interest", "interestHistoryQueryAll"),
    )
)

_SESSIONS = (
    Route(
        "GET",
        "/api/v1/session/config",
        "Session",
        "Where the streams are, and whether this page may have a demo session",
        Endpoint(sessions.config),
        schemas.SessionConfig,
    ),
    Route(
        "POST",
        "/api/v1/session/demo",
        "Session",
        "A session of the demo account, for the page on this machine",
        Endpoint(sessions.demo),
        schemas.DemoSession,
    ),
)

ROUTES: tuple[Route, ...] = (
    *_PUBLIC,
    *_PUBLIC_STUBS,
    *_ORDERS,
    *_ACCOUNT,
    *_HISTORY,
    *_PRIVATE_STUBS,
    *_SESSIONS,
)
