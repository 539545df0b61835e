"""The words of the API for the codes of the records: one table each, for requests, answers, streams and documents.

The words stand in a Literal, in the order of the codes, so that types, documents and tables are one text. Tables have
plain integers as keys: looking up a member of an enum costs a microsecond.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

from engine_core.wire.codes import (
    CancelScope,
    KeyPermission,
    MarketState,
    OrderStatus,
    OrderType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)

SideWord = Literal["Bid", "Ask"]
OrderTypeWord = Literal["Limit", "Market"]
OrderTypeStreamWord = Literal["LIMIT", "MARKET"]
TimeInForceWord = Literal["GTC", "IOC", "FOK"]
SelfTradeChoice = Literal["RejectTaker", "RejectMaker", "RejectBoth"]  # what a request may name
SelfTradeWord = Literal[SelfTradeChoice, "Decrement"]
StatusWord = Literal["New", "PartiallyFilled", "Filled", "Cancelled", "Expired", "TriggerPending", "TriggerFailed"]
MarketStateWord = Literal["Open", "Closed", "CancelOnly", "LimitOnly", "PostOnly"]
CancelScopeWord = Literal["RestingLimitOrder", "ConditionalOrder"]
ExpiryWord = Literal[
    "AccountTradingSuspended",
    "CancelOnlyMode",
    "EventLimit",
    "FillOrKill",
    "ImmediateOrCancel",
    "InsufficientFunds",
    "InsufficientLiquidity",
    "InvalidPrice",
    "InvalidQuantity",
    "LimitOnlyMode",
    "MarketClosed",
    "PostOnlyMode",
    "PostOnlyTaker",
    "PriceImpact",
    "PriceLevelsFull",
    "PriceOutOfBounds",
    "SelfTradePrevention",
    "Unknown",
]
PermissionWord = Literal["read", "trade", "withdraw"]


def _words(codes: Iterable[int], literal: Any) -> dict[int, Any]:
    return dict(zip(map(int, codes), get_args(literal), strict=True))


def _codes(words: Mapping[int, str]) -> dict[str, int]:
    return {word: code for code, word in words.items()}


SIDE_WORDS: Final[dict[int, SideWord]] = _words(Side, SideWord)
ORDER_TYPE_WORDS: Final[dict[int, OrderTypeWord]] = _words(OrderType, OrderTypeWord)
ORDER_TYPE_STREAM_WORDS: Final[dict[int, OrderTypeStreamWord]] = _words(OrderType, OrderTypeStreamWord)
TIME_IN_FORCE_WORDS: Final[dict[int, TimeInForceWord]] = _words(TimeInForce, TimeInForceWord)
SELF_TRADE_WORDS: Final[dict[int, SelfTradeWord]] = _words(SelfTrade, SelfTradeWord)
STATUS_WORDS: Final[dict[int, StatusWord]] = _words(OrderStatus, StatusWord)
MARKET_STATE_WORDS: Final[dict[int, MarketStateWord]] = _words(
    (state for state in MarketState if state is not MarketState.ELSEWHERE), MarketStateWord
)  # what a market is where it trades

SIDE_CODES: Final = _codes(SIDE_WORDS)
ORDER_TYPE_CODES: Final = _codes(ORDER_TYPE_WORDS)
TIME_IN_FORCE_CODES: Final = _codes(TIME_IN_FORCE_WORDS)
SELF_TRADE_CODES: Final = {word: code for word, code in _codes(SELF_TRADE_WORDS).items() if word != "Decrement"}
MARKET_STATE_CODES: Final = _codes(MARKET_STATE_WORDS)
CANCEL_SCOPE_CODES: Final = _codes(_words(CancelScope, CancelScopeWord))
PERMISSIONS: Final[dict[PermissionWord, KeyPermission]] = dict(
    zip(get_args(PermissionWord), KeyPermission, strict=True)
)

# The word for why an order ended by itself: `R` in order streams, `expiryReason` in the history.
_EXPIRY_WORDS: dict[Reason, ExpiryWord] = {
    Reason.IMMEDIATE_OR_CANCEL: "ImmediateOrCancel",
    Reason.FILL_OR_KILL: "FillOrKill",
    Reason.INSUFFICIENT_LIQUIDITY: "InsufficientLiquidity",
    Reason.SELF_TRADE: "SelfTradePrevention",
    Reason.PRICE_IMPACT: "PriceImpact",
    Reason.EVENT_LIMIT: "EventLimit",
    # a trigger that fired may fail of what a new order may fail of
    Reason.ACCOUNT_FROZEN: "AccountTradingSuspended",
    Reason.MARKET_CLOSED: "MarketClosed",
    Reason.MARKET_CANCEL_ONLY: "CancelOnlyMode",
    Reason.MARKET_LIMIT_ONLY: "LimitOnlyMode",
    Reason.MARKET_POST_ONLY: "PostOnlyMode",
    Reason.PRICE_OUT_OF_RANGE: "InvalidPrice",
    Reason.PRICE_OUT_OF_BAND: "PriceOutOfBounds",
    Reason.QUANTITY_TOO_SMALL: "InvalidQuantity",
    Reason.QUANTITY_TOO_LARGE: "InvalidQuantity",
    Reason.NOTIONAL_OVERFLOW: "InvalidQuantity",
    Reason.INSUFFICIENT_FUNDS: "InsufficientFunds",
    Reason.POST_ONLY_WOULD_TAKE: "PostOnlyTaker",
    Reason.LEVELS_FULL: "PriceLevelsFull",
}
_EXPIRY_WORD_OF = {reason.value: word for reason, word in _EXPIRY_WORDS.items()}


def expiry_word(code: int) -> ExpiryWord:
    """Why an order ended by itself; `Unknown`: a code of another release, which must not stop a stream."""
    return _EXPIRY_WORD_OF.get(code, "Unknown")
