"""Every route of the API: one table, from which the server and its documentation are made."""

from typing import TypeAlias

from engine_core.wire.limits import MOST_SHARDS
from ingress.api.account_routes import ACCOUNT_ROUTES
from ingress.api.route import (
    ANY_SYMBOL,
    CLIENT_ID,
    DIRECTION,
    EMPTY,
    FILL_TYPE,
    FROM,
    FROM_ID,
    LIMIT,
    MARKET_TYPE,
    OFFSET,
    ORDER,
    ORDER_ID,
    ORDERS,
    SECONDS,
    STRATEGY,
    SYMBOL,
    TEST_INSTRUCTION,
    TEXT,
    TO,
    WINDOW,
    Param,
    Route,
    choice,
    integer,
    private_read,
    public,
    trading,
)
from ingress.operations import account, history, market_data, orders
from ingress.operations.order_books import FRESH_SECONDS
from ingress.schemas import account_answers, answers, bodies, order_answers

_ORDERS_PAGE = (ORDER_ID, ANY_SYMBOL, LIMIT, OFFSET, FROM_ID, MARKET_TYPE, DIRECTION, STRATEGY)
_FILLS_PAGE = (ORDER_ID, ANY_SYMBOL, FROM, TO, LIMIT, OFFSET, FROM_ID, FILL_TYPE, MARKET_TYPE, DIRECTION, STRATEGY)


_LIVE: TypeAlias = order_answers.LiveOrder
_PLACE: TypeAlias = bodies.PlaceOrder
_BATCH = (list[_PLACE], list[order_answers.BatchOrder | order_answers.BatchError])
_NONE_OF_IT = (market_data.nothing, list[None])
_TRADES = list[answers.Trade]
_BALANCES = dict[str, account_answers.Balance]
_SIDE = Param("side", choice("Bid", "Ask"), required=True)
_LEVELS = Param("limit", integer(1, 1000, 1000))
_INTERVAL = Param("interval", choice(*history.INTERVAL_NAMES), required=True)
_START, _END = Param("startTime", SECONDS, required=True), Param("endTime", SECONDS)
_SHARD = Param(
    "shard", {"type": "integer", "minimum": 0, "maximum": MOST_SHARDS - 1, "description": "Of this one alone"}
)
_PRICE_TYPE = Param("priceType", choice("Last"))
_KLINES_PAGE = (SYMBOL, _INTERVAL, _START, _END, _PRICE_TYPE)

_BY_ORDER = f"The book order by order, up to {FRESH_SECONDS} s old: requests within that time get the same response"

_PUBLIC = (
    public("/api/v1/status", "Whether an order would be accepted now", market_data.status, answers.Status),
    public("/api/v1/ping", "Answers pong", market_data.ping, None),
    public("/api/v1/time", "Unix milliseconds", market_data.server_time, None),
    public("/api/v1/assets", "All assets", market_data.assets, list[answers.Asset]),
    public("/api/v1/markets", "All markets", market_data.markets, list[answers.Market], (MARKET_TYPE,)),
    public("/api/v1/market", "One market", market_data.market, answers.Market, (SYMBOL,)),
    public("/api/v1/ticker", "Statistics of a market", market_data.ticker, answers.Ticker, (SYMBOL, WINDOW)),
    public("/api/v1/tickers", "Statistics of all markets", market_data.tickers, list[answers.Ticker], (WINDOW,)),
    public("/api/v1/depth", "The order book, ascending", market_data.depth, answers.Depth, (SYMBOL, _LEVELS)),
    public("/api/v1/depth/orders", _BY_ORDER, market_data.order_book, answers.OrderBook, (SYMBOL,)),
    public("/api/v1/trades", "The newest trades", market_data.trades, _TRADES, (SYMBOL, LIMIT)),
    public("/api/v1/trades/history", "Older trades", history.trades, _TRADES, (SYMBOL, LIMIT, OFFSET, FROM_ID)),
    public("/api/v1/klines", "Candles, at most 1000", history.klines, list[answers.Kline], _KLINES_PAGE),
)

_PUBLIC_STUBS = tuple(
    public(f"/api/v1/{name}", "Always empty on a spot exchange", *_NONE_OF_IT, tag=EMPTY)
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
    trading("POST", ORDER, "orderExecute", "Place an order", orders.place, (_PLACE, _LIVE)),
    private_read("Orders", ORDER, "orderQuery", "An open order", (orders.find, _LIVE), (SYMBOL, ORDER_ID, CLIENT_ID)),
    trading("DELETE", ORDER, "orderCancel", "Cancel an order", orders.cancel, (bodies.CancelOrder, _LIVE)),
    trading("PATCH", ORDER, "orderModify", "Change price or quantity", orders.amend, (bodies.AmendOrder, _LIVE)),
    trading("POST", ORDERS, "orderExecute", "Place up to 20 orders", orders.place_batch, _BATCH, most=bodies.MAX_BATCH),
    private_read(
        "Orders", ORDERS, "orderQueryAll", "Open orders", (orders.find_all, list[_LIVE]), (ANY_SYMBOL, MARKET_TYPE)
    ),
    trading(
        "DELETE",
        ORDERS,
        "orderCancelAll",
        "Cancel all orders of a market",
        orders.cancel_all,
        (bodies.CancelOrders, list[_LIVE]),
    ),
    trading(
        "POST",
        f"{ORDERS}/cancel",
        "orderCancel",
        "Cancel up to 100 orders by their ids",
        orders.cancel_batch,
        (bodies.CancelBatch, list[order_answers.BatchOrder | order_answers.BatchError]),
        orders.CANCEL_LISTS,
        orders.MAX_CANCEL_BATCH,
    ),
    trading(
        "POST",
        f"{ORDER}/replace",
        "orderReplace",
        "Replace one order by another: both, or neither",
        orders.replace,
        (bodies.ReplaceOrder, order_answers.ReplacedOrder),
    ),
    trading(
        "POST",
        f"{ORDER}/test",
        TEST_INSTRUCTION,
        "Check an order without placing it",
        orders.test_place,
        (_PLACE, dict[str, str]),
    ),
    trading(
        "POST",
        f"{ORDERS}/cancelAfter",
        "orderCancelAllAfter",
        "Dead-man switch",
        orders.cancel_after,
        (bodies.CancelOrdersAfter, answers.CancelAfter),
    ),
)

_ACCOUNT = (
    private_read("Account", "/api/v1/capital", "balanceQuery", "Balances", (account.balances, _BALANCES), (_SHARD,)),
    private_read(
        "Account", "/api/v1/account", "accountQuery", "Fees and limits", (account.account, account_answers.Account)
    ),
    private_read(
        "Account",
        "/api/v1/account/limits/order",
        "maxOrderQuantity",
        "The largest order that the balance can pay",
        (account.max_order, account_answers.MaxOrder),
        (SYMBOL, _SIDE, Param("price", TEXT)),
    ),
)

_HISTORY = (
    private_read(
        "History",
        "/wapi/v1/history/orders",
        "orderHistoryQueryAll",
        "Orders, open and ended",
        (history.orders, list[order_answers.HistoryOrder]),
        _ORDERS_PAGE,
    ),
    private_read(
        "History",
        "/wapi/v1/history/fills",
        "fillHistoryQueryAll",
        "Own trades",
        (history.fills, list[answers.Fill]),
        _FILLS_PAGE,
    ),
)

_PRIVATE_STUBS = tuple(
    private_read(EMPTY, path, instruction, "Always empty on a spot exchange", _NONE_OF_IT)
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

ROUTES: tuple[Route, ...] = (
    *_PUBLIC,
    *_PUBLIC_STUBS,
    *_ORDERS,
    *_ACCOUNT,
    *_HISTORY,
    *_PRIVATE_STUBS,
    *ACCOUNT_ROUTES,
)
