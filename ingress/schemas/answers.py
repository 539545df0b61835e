"""The bodies of the API's answers, each declared once: written by msgspec, described in the OpenAPI document.

Field names are those of the wire. Numbers of money are text.
"""

from typing import Literal

import msgspec

from engine_core.wire.expiry import ExpiryReason
from engine_core.wire.limits import MAX_ICEBERG_PARTS

Side = Literal["Bid", "Ask"]
OrderTypeName = Literal["Limit", "Market"]
StatusName = Literal["New", "PartiallyFilled", "Filled", "Cancelled", "Expired", "TriggerPending", "TriggerFailed"]


class Error(msgspec.Struct):
    """Body of every answer that is not 2xx."""

    code: str
    message: str


class LiveOrder(msgspec.Struct, kw_only=True):
    """An order as it is now; members that do not apply are null."""

    id: str
    clientId: int | None
    symbol: str
    side: Side
    orderType: OrderTypeName
    status: StatusName
    timeInForce: Literal["GTC", "IOC", "FOK"]
    selfTradePrevention: str
    postOnly: bool | None
    price: str | None
    quantity: str | None
    quoteQuantity: str | None
    executedQuantity: str
    executedQuoteQuantity: str
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


class ReplacedOrder(LiveOrder, kw_only=True):
    """A new order; `relatedOrderId` is the one that it replaced, which had executed `relatedExecutedQuantity`."""

    relatedExecutedQuantity: str | None = None


class BatchOrder(LiveOrder, kw_only=True, tag_field="operation", tag="Ok"):
    """An item of a batch that was placed."""


class BatchError(msgspec.Struct, tag_field="operation", tag="Err"):
    """An item of a batch that was refused."""

    code: str
    message: str


class Status(msgspec.Struct):
    status: Literal["Ok", "Maintenance"]
    message: str | None = None


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


class Asset(msgspec.Struct):
    symbol: str
    displayName: str
    coingeckoId: str | None
    tokens: list[Token]


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


class QuantityFilter(msgspec.Struct):
    stepSize: str
    minQuantity: str
    maxQuantity: str | None
    maxIcebergParts: int = MAX_ICEBERG_PARTS  # quantity is at most so many times displayQuantity


class Filters(msgspec.Struct):
    price: PriceFilter
    quantity: QuantityFilter


class Market(msgspec.Struct, kw_only=True):
    symbol: str
    baseSymbol: str
    quoteSymbol: str
    marketType: Literal["SPOT"] = "SPOT"
    orderBookState: Literal["Open", "Closed", "CancelOnly", "LimitOnly", "PostOnly"]
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


class Depth(msgspec.Struct):
    asks: list[tuple[str, str]]
    bids: list[tuple[str, str]]
    lastUpdateId: str
    timestamp: int


class OrderBook(msgspec.Struct):
    """[order id, price, quantity shown] of every resting order: best price first, then first come first."""

    bids: list[tuple[str, str, str]]
    asks: list[tuple[str, str, str]]
    lastUpdateId: str
    timestamp: int


class Trade(msgspec.Struct):
    id: int
    price: str
    quantity: str
    quoteQuantity: str
    timestamp: int
    isBuyerMaker: bool


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


class Balance(msgspec.Struct):
    available: str
    locked: str
    staked: str = "0"


class Account(msgspec.Struct, kw_only=True):
    spotMakerFee: str
    spotTakerFee: str
    futuresMakerFee: str = "0"
    futuresTakerFee: str = "0"
    limitOrders: int
    triggerOrders: int
    autoBorrowSettlements: bool = False
    autoLend: bool = False
    autoRealizePnl: bool = False
    autoRepayBorrows: bool = False
    liquidating: bool = False
    borrowLimit: str = "0"
    leverageLimit: str = "1"
    positionLimit: str = "0"


class MaxOrder(msgspec.Struct):
    symbol: str
    side: Side
    maxOrderQuantity: str


class MaxWithdrawal(msgspec.Struct):
    symbol: str
    maxWithdrawalQuantity: str
    autoBorrow: bool | None = None
    autoLendRedeem: bool | None = None


class MaxBorrow(msgspec.Struct):
    symbol: str
    maxBorrowQuantity: str = "0"


class Collateral(msgspec.Struct):
    """Of a spot account: none."""

    assetsValue: str = "0"
    borrowLiability: str = "0"
    imf: str = "0"
    mmf: str = "0"
    netEquity: str = "0"
    netEquityAvailable: str = "0"
    netEquityLocked: str = "0"
    netExposureFutures: str = "0"
    pnlUnrealized: str = "0"
    unsettledEquity: str = "0"
    liabilitiesValue: str = "0"
    marginFraction: str | None = None
    collateral: list[None] = []


class DepositAddress(msgspec.Struct):
    address: str


class CancelAfter(msgspec.Struct):
    timeoutMs: int


class SessionConfig(msgspec.Struct):
    """`demo`: whether a demo session may be asked for; `signedIn`: whether this browser has a session already."""

    wsUrl: str
    demo: bool
    signedIn: bool


class DemoSession(msgspec.Struct):
    account: int
    csrfToken: str
    streamToken: str
    wsUrl: str


class AdminTransfer(msgspec.Struct):
    account: int
    symbol: str
    quantity: str
    reference: str
    available: str  # of the account, after it


class AdminFees(msgspec.Struct):
    symbol: str
    tier: int
    makerPpm: int
    takerPpm: int


class UserSession(DemoSession):
    """`csrfToken` goes with every changing request as X-CSRF-Token, `streamToken` to the private streams."""

    name: str | None  # none for the demo session
    secondFactor: bool  # whether what asks for the password asks for a code, too


PermissionName = Literal["read", "trade", "withdraw"]


class ApiKey(msgspec.Struct):
    apiKey: str  # base64 of the public key
    permissions: list[PermissionName]


class NewApiKey(ApiKey):
    """`secret` is shown once and kept nowhere; null if the client made the pair itself. `withdrawsFrom`: Unix ms."""

    secret: str | None
    withdrawsFrom: int | None = None  # null: at once, if at all


class SecondFactor(msgspec.Struct):
    """For an authenticator: the secret in base32, and the same as a link. It counts once a code is confirmed."""

    secret: str
    uri: str


class SessionInfo(msgspec.Struct):
    """An open session; `current`: the one that asks."""

    id: str
    createdAt: int
    expiresAt: int
    address: str
    userAgent: str
    current: bool


class AdminAccount(msgspec.Struct):
    account: int
    frozen: bool
    feeTier: int
    keys: list[ApiKey]
    balances: dict[str, Balance]


class HistoryOrder(msgspec.Struct, kw_only=True):
    """An order of the past (or still open), from the history."""

    id: str
    clientId: int | None
    symbol: str
    side: Side
    orderType: OrderTypeName
    status: StatusName
    timeInForce: Literal["GTC", "IOC", "FOK"]
    selfTradePrevention: str
    postOnly: bool | None
    price: str | None
    quantity: str | None
    quoteQuantity: str | None
    executedQuantity: str
    executedQuoteQuantity: str
    createdAt: str
    displayQuantity: str | None
    expiryReason: ExpiryReason | None
    systemOrderType: str | None


class Fill(msgspec.Struct, kw_only=True):
    tradeId: int
    orderId: str
    clientId: str | None
    symbol: str
    side: Side
    price: str
    quantity: str
    fee: str
    feeSymbol: str
    isMaker: bool
    timestamp: str
    systemOrderType: str | None


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
