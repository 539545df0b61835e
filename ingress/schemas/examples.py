"""One example for each type of a body or an answer, by its name, for the OpenAPI document. Numbers are made up.

A test holds that every named type has one and that it is valid. Non-goals: what members mean (answers.py, bodies.py).
"""

from typing import Any, Final

_KEY: Final = "BAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiM="
_EXITS: Final = dict.fromkeys(
    (
        *("stopLossTriggerPrice", "stopLossLimitPrice", "stopLossTriggerBy"),
        *("takeProfitTriggerPrice", "takeProfitLimitPrice", "takeProfitTriggerBy"),
        *("strategyId", "slippageTolerance", "slippageToleranceType"),
    )
)
_PLACE: Final = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "140.5", "quantity": "1.5"}
_LIVE: Final = {
    **{"id": "117440513", "clientId": 42, "symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "status": "New"},
    **{"timeInForce": "GTC", "selfTradePrevention": "RejectTaker", "postOnly": False, "price": "140.5"},
    **{"quantity": "1.5", "quoteQuantity": None, "executedQuantity": "0", "executedQuoteQuantity": "0"},
    **{"createdAt": 1790000000123, "displayQuantity": None},
    **{"triggerPrice": None, "triggerQuantity": None, "triggerBy": None},
    **{"triggeredAt": None, **_EXITS, "reduceOnly": None, "relatedOrderId": None},
}
_PRICE_FILTER: Final = {
    **{"tickSize": "0.01", "minPrice": "0.01", "maxPrice": "21474836.47", "maxMultiplier": "10"},
    **{"minMultiplier": "0.1", "maxImpactMultiplier": "1.1", "minImpactMultiplier": "0.9", "meanMarkPriceBand": None},
    **{"meanPremiumBand": None, "borrowEntryFeeMaxMultiplier": None, "borrowEntryFeeMinMultiplier": None},
}
_QUANTITY_FILTER: Final = {
    **{"stepSize": "0.01", "minQuantity": "0.01", "maxQuantity": "1000000", "maxIcebergParts": 2000}
}
_FILTERS: Final = {"price": _PRICE_FILTER, "quantity": _QUANTITY_FILTER}
_TOKEN: Final = {
    **{"blockchain": "Internal", "displayName": "SOL", "contractAddress": None, "depositEnabled": True},
    **{"minimumDeposit": "0.000000001", "withdrawEnabled": True, "minimumWithdrawal": "0.000000001"},
    **{"maximumWithdrawal": None, "withdrawalFee": "0", "nativeDecimals": 9},
}
_BALANCE: Final = {"available": "1000", "locked": "210.75", "staked": "0"}
_API_KEY: Final = {"apiKey": _KEY, "permissions": ["read", "trade"]}
_FEES: Final = {"symbol": "SOL_USDC", "tier": 2, "makerPpm": 100, "takerPpm": 300}
_SESSION: Final = {"account": 7, "csrfToken": "9f86d081", "streamToken": "AQE", "wsUrl": "ws://127.0.0.1:8081/ws"}

EXAMPLES: Final[dict[str, Any]] = {
    "Error": {"code": "INVALID_ORDER", "message": "Order would immediately match and take"},
    "PlaceOrder": _PLACE | {"clientId": 42},
    "ReplaceOrder": _PLACE | {"cancelOrderId": "117440513"},
    "CancelOrder": {"symbol": "SOL_USDC", "orderId": "117440513"},
    "AmendOrder": {"symbol": "SOL_USDC", "orderId": "117440513", "quantity": "1"},
    "CancelOrders": {"symbol": "SOL_USDC"},
    "CancelBatch": {"symbol": "SOL_USDC", "orderIds": ["117440513"], "clientIds": [42]},
    "CancelOrdersAfter": {"timeoutMs": 30000, "symbol": "SOL_USDC"},
    "SignIn": {"name": "alice", "password": "correct horse battery"},
    "LogIn": {"name": "alice", "password": "correct horse battery", "code": "123456"},
    "Proof": {"password": "correct horse battery"},
    "ChangePassword": {"password": "correct horse battery", "newPassword": "nine green bottles"},
    "ConfirmCode": {"code": "123456"},
    "EndSessions": {"id": "5f1e0c2b7a9d4c3e8b6a5d4c3b2a1908"},
    "MakeKey": {"permissions": ["read", "trade"], "password": "correct horse battery"},
    "DeleteKey": {"apiKey": _KEY},
    "Withdraw": {"symbol": "USDC", "quantity": "12.5", "address": "account-3", "blockchain": "Internal"},
    "UpdateAccount": {"autoLend": False},
    "Nothing": {},
    "AdminChangeAccount": {"account": 7, "frozen": True, "feeTier": 2},
    "AdminMakeKey": {"account": 7, **_API_KEY},
    "AdminMove": {"account": 7, "symbol": "USDC", "quantity": "1000", "reference": 20260101001},
    "AdminMarket": {"symbol": "SOL_USDC", "state": "CancelOnly"},
    "AdminSetFees": _FEES,
    "AdminFees": _FEES,
    "Status": {"status": "Ok", "message": None},
    "Token": _TOKEN,
    "Asset": {"symbol": "SOL", "displayName": "Solana", "coingeckoId": None, "tokens": [_TOKEN]},
    "PriceFilter": _PRICE_FILTER,
    "QuantityFilter": _QUANTITY_FILTER,
    "Filters": _FILTERS,
    "Market": {
        **{"symbol": "SOL_USDC", "baseSymbol": "SOL", "quoteSymbol": "USDC", "marketType": "SPOT"},
        **{"orderBookState": "Open", "visible": True, "createdAt": "2026-03-04T05:06:07.123", "filters": _FILTERS},
        **dict.fromkeys(("imfFunction", "mmfFunction", "fundingInterval", "fundingRateUpperBound")),
        **dict.fromkeys(("fundingRateLowerBound", "openInterestLimit", "positionLimitWeight")),
    },
    "Ticker": {
        **{"symbol": "SOL_USDC", "firstPrice": "138.2", "lastPrice": "140.5", "high": "142", "low": "137.9"},
        **{"priceChange": "2.3", "priceChangePercent": "0.016642", "volume": "1804.5", "quoteVolume": "252630"},
        **{"trades": "911"},
    },
    "Depth": {
        "asks": [["140.6", "2"], ["141", "7.5"]],
        "bids": [["140.2", "4"], ["140.5", "3"]],
        "lastUpdateId": "8841",
        "timestamp": 1790000000123456,
    },
    "OrderBook": {
        "bids": [["117440513", "140.5", "3"], ["117440620", "140.2", "4"]],
        "asks": [["117440514", "140.6", "2"]],
        "lastUpdateId": "8841",
        "timestamp": 1790000000123456,
    },
    "Trade": {
        **{"id": 911, "price": "140.5", "quantity": "1.5", "quoteQuantity": "210.75", "timestamp": 1790000000123},
        **{"isBuyerMaker": False},
    },
    "Kline": {
        **{"start": "2026-03-04 05:06:00", "end": "2026-03-04 05:07:00", "open": "140.2", "high": "140.6"},
        **{"low": "140.1", "close": "140.5", "volume": "31.5", "quoteVolume": "4420.3", "trades": "17"},
    },
    "LiveOrder": _LIVE,
    "ReplacedOrder": {**_LIVE, "relatedOrderId": "117440513", "relatedExecutedQuantity": "0.5"},
    "BatchOrder": {"operation": "Ok", **_LIVE},
    "BatchError": {"operation": "Err", "code": "INSUFFICIENT_FUNDS", "message": "Insufficient funds"},
    "Balance": _BALANCE,
    "Account": {
        **{"spotMakerFee": "2", "spotTakerFee": "5", "futuresMakerFee": "0", "futuresTakerFee": "0"},
        **{"limitOrders": 3, "triggerOrders": 0, "autoBorrowSettlements": False, "autoLend": False},
        **{"autoRealizePnl": False, "autoRepayBorrows": False, "liquidating": False, "borrowLimit": "0"},
        **{"leverageLimit": "1", "positionLimit": "0"},
    },
    "MaxOrder": {"symbol": "SOL_USDC", "side": "Bid", "maxOrderQuantity": "7.11"},
    "MaxWithdrawal": {
        **{"symbol": "USDC", "maxWithdrawalQuantity": "1000", "autoBorrow": None, "autoLendRedeem": None},
    },
    "MaxBorrow": {"symbol": "USDC", "maxBorrowQuantity": "0"},
    "Collateral": {
        **dict.fromkeys(("assetsValue", "borrowLiability", "imf", "mmf", "netEquity", "netEquityAvailable"), "0"),
        **dict.fromkeys(("netEquityLocked", "netExposureFutures", "pnlUnrealized", "unsettledEquity"), "0"),
        **{"liabilitiesValue": "0", "marginFraction": None, "collateral": []},
    },
    "DepositAddress": {"address": "account-7"},
    "CancelAfter": {"timeoutMs": 30000},
    "SessionConfig": {"wsUrl": "ws://127.0.0.1:8081/ws", "demo": True, "signedIn": False},
    "DemoSession": _SESSION | {"account": 5},
    "UserSession": _SESSION | {"name": "alice", "secondFactor": False},
    "ApiKey": _API_KEY,
    "NewApiKey": _API_KEY | {"secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "withdrawsFrom": None},
    "SecondFactor": {
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/Exchange:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Exchange",
    },
    "SessionInfo": {
        "id": "5f1e0c2b7a9d4c3e8b6a5d4c3b2a1908",
        "createdAt": 1790000000000,
        "expiresAt": 1790043200000,
        "address": "198.51.100.7",
        "userAgent": "Mozilla/5.0",
        "current": True,
    },
    "AdminAccount": {"account": 7, "frozen": False, "feeTier": 0, "keys": [_API_KEY], "balances": {"USDC": _BALANCE}},
    "AdminTransfer": {
        **{"account": 7, "symbol": "USDC", "quantity": "1000", "reference": "20260101001", "available": "2000"},
    },
    "HistoryOrder": {
        **{name: value for name, value in _LIVE.items() if name not in ("triggeredAt", "reduceOnly", "relatedOrderId")},
        **{"status": "Filled", "executedQuantity": "1.5", "executedQuoteQuantity": "210.75", "expiryReason": None},
        **{"createdAt": "2026-03-04T05:06:07.123", "systemOrderType": None},
    },
    "Fill": {
        **{"tradeId": 911, "orderId": "117440513", "clientId": "42", "symbol": "SOL_USDC", "side": "Bid"},
        **{"price": "140.5", "quantity": "1.5", "fee": "0.00075", "feeSymbol": "SOL", "isMaker": False},
        **{"timestamp": "2026-03-04T05:06:07.123", "systemOrderType": None},
    },
    "Deposit": {
        **{"id": 12, "symbol": "USDC", "quantity": "1000", "status": "confirmed", "source": "administrator"},
        **{"createdAt": "2026-03-04T05:06:07.123", "toAddress": None, "fromAddress": None, "transactionHash": None},
    },
    "Withdrawal": {
        **{"id": 3, "symbol": "USDC", "blockchain": "Internal", "quantity": "12.5", "fee": "0"},
        **{"status": "confirmed", "toAddress": "account-3", "transactionHash": None, "clientId": "rent"},
        **{"createdAt": "2026-03-04T05:06:07.123", "isInternal": True},
    },
}
