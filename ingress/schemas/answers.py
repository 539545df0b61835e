"""The bodies of the API's answers about markets and their history, each declared once, with an example.

msgspec writes them, and the OpenAPI document describes them. Field names are those of the wire. Numbers of money are
text.
"""

from typing import Final, Literal

import msgspec

from engine_core.edge.spelling import MarketStateWord, SideWord
from engine_core.wire.limits import MAX_ICEBERG_PARTS
from ingress.schemas.example import example

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


@example({"code": "INVALID_ORDER", "message": "Order would immediately match and take"})
class Error(msgspec.Struct):
    """Body of every answer that is not 2xx."""

    code: str
    message: str


@example({"status": "Ok", "message": None})
class Status(msgspec.Struct):
    status: Literal["Ok", "Maintenance"]
    message: str | None = None


@example(_TOKEN)
class Token(msgspec.Struct, kw_only=True):
    blockchain: str
    displayName: str
    contractAddress: str | None = None
    depositEnabled: bool = True
    minimumDeposit: str
    withdrawEnabled: bool = True
    minimumWithdrawal: str
    maximumWithdrawal: str | None = None
    withdrawalFee: str = "0"
    nativeDecimals: int


@example({"symbol": "SOL", "displayName": "Solana", "coingeckoId": None, "tokens": [_TOKEN]})
class Asset(msgspec.Struct):
    symbol: str
    displayName: str
    coingeckoId: str | None
    tokens: list[Token]


@example(_PRICE_FILTER)
class PriceFilter(msgspec.Struct, kw_only=True):
    tickSize: str
    minPrice: str
    maxPrice: str | None
    maxMultiplier: str | None
    minMultiplier: str | None
    maxImpactMultiplier: str | None
    minImpactMultiplier: str | None
    meanMarkPriceBand: None = None
    meanPremiumBand: None = None
    borrowEntryFeeMaxMultiplier: None = None
    borrowEntryFeeMinMultiplier: None = None


@example(_QUANTITY_FILTER)
class QuantityFilter(msgspec.Struct):
    stepSize: str
    minQuantity: str
    maxQuantity: str | None
    maxIcebergParts: int = MAX_ICEBERG_PARTS


@example(_FILTERS)
class Filters(msgspec.Struct):
    price: PriceFilter
    quantity: QuantityFilter


@example(
    {
        **{"symbol": "SOL_USDC", "baseSymbol": "SOL", "quoteSymbol": "USDC", "marketType": "SPOT"},
        **{"orderBookState": "Open", "visible": True, "createdAt": "2026-03-04T05:06:07.123", "filters": _FILTERS},
        **dict.fromkeys(("imfFunction", "mmfFunction", "fundingInterval", "fundingRateUpperBound")),
        **dict.fromkeys(("fundingRateLowerBound", "openInterestLimit", "positionLimitWeight")),
    }
)
class Market(msgspec.Struct, kw_only=True):
    symbol: str
    baseSymbol: str
    quoteSymbol: str
    marketType: Literal["SPOT"] = "SPOT"
    orderBookState: MarketStateWord
    visible: bool = True
    createdAt: str
    filters: Filters
    imfFunction: None = None
    mmfFunction: None = None
    fundingInterval: None = None
    fundingRateUpperBound: None = None
    fundingRateLowerBound: None = None
    openInterestLimit: None = None
    positionLimitWeight: None = None


@example(
    {
        **{"symbol": "SOL_USDC", "firstPrice": "138.2", "lastPrice": "140.5", "high": "142", "low": "137.9"},
        **{"priceChange": "2.3", "priceChangePercent": "0.016642", "volume": "1804.5", "quoteVolume": "252630"},
        **{"trades": "911"},
    }
)
class Ticker(msgspec.Struct):
    symbol: str
    firstPrice: str
    lastPrice: str
    high: str
    low: str
    priceChange: str
    priceChangePercent: str
    volume: str
    quoteVolume: str
    trades: str


@example(
    {
        "asks": [["140.6", "2"], ["141", "7.5"]],
        "bids": [["140.2", "4"], ["140.5", "3"]],
        "lastUpdateId": "8841",
        "timestamp": 1790000000123456,
    }
)
class Depth(msgspec.Struct):
    asks: list[tuple[str, str]]
    bids: list[tuple[str, str]]
    lastUpdateId: str
    timestamp: int


@example(
    {
        "bids": [["117440513", "140.5", "3"], ["117440620", "140.2", "4"]],
        "asks": [["117440514", "140.6", "2"]],
        "lastUpdateId": "8841",
        "timestamp": 1790000000123456,
    }
)
class OrderBook(msgspec.Struct):
    """[order id, price, quantity shown] of every resting order: best price first, then first come first."""

    bids: list[tuple[str, str, str]]
    asks: list[tuple[str, str, str]]
    lastUpdateId: str
    timestamp: int


@example(
    {
        **{"id": 911, "price": "140.5", "quantity": "1.5", "quoteQuantity": "210.75", "timestamp": 1790000000123},
        **{"isBuyerMaker": False},
    }
)
class Trade(msgspec.Struct):
    id: int
    price: str
    quantity: str
    quoteQuantity: str
    timestamp: int
    isBuyerMaker: bool


@example(
    {
        **{"start": "2026-03-04 05:06:00", "end": "2026-03-04 05:07:00", "open": "140.2", "high": "140.6"},
        **{"low": "140.1", "close": "140.5", "volume": "31.5", "quoteVolume": "4420.3", "trades": "17"},
    }
)
class Kline(msgspec.Struct):
    start: str
    end: str
    open: str | None
    high: str | None
    low: str | None
    close: str | None
    volume: str
    quoteVolume: str
    trades: str


@example({"timeoutMs": 30000})
class CancelAfter(msgspec.Struct):
    timeoutMs: int


@example(
    {
        **{"tradeId": 911, "orderId": "117440513", "clientId": "42", "symbol": "SOL_USDC", "side": "Bid"},
        **{"price": "140.5", "quantity": "1.5", "fee": "0.00075", "feeSymbol": "SOL", "isMaker": False},
        **{"timestamp": "2026-03-04T05:06:07.123", "systemOrderType": None},
    }
)
class Fill(msgspec.Struct, kw_only=True):
    tradeId: int
    orderId: str
    clientId: str | None
    symbol: str
    side: SideWord
    price: str
    quantity: str
    fee: str
    feeSymbol: str
    isMaker: bool
    timestamp: str
    systemOrderType: str | None


@example(
    {
        **{"id": 12, "symbol": "USDC", "quantity": "1000", "status": "confirmed", "source": "administrator"},
        **{"createdAt": "2026-03-04T05:06:07.123", "toAddress": None, "fromAddress": None, "transactionHash": None},
    }
)
class Deposit(msgspec.Struct, kw_only=True):
    id: int
    symbol: str
    quantity: str
    status: str
    source: str
    createdAt: str
    toAddress: str | None
    fromAddress: str | None
    transactionHash: str | None


@example(
    {
        **{"id": 3, "symbol": "USDC", "blockchain": "Internal", "quantity": "12.5", "fee": "0"},
        **{"status": "confirmed", "toAddress": "account-3", "transactionHash": None, "clientId": "rent"},
        **{"createdAt": "2026-03-04T05:06:07.123", "isInternal": True},
    }
)
class Withdrawal(msgspec.Struct, kw_only=True):
    id: int
    symbol: str
    blockchain: str | None
    quantity: str
    fee: str
    status: str
    toAddress: str | None
    transactionHash: str | None
    clientId: str | None
    createdAt: str
    isInternal: bool
