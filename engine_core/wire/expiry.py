"""The words for why an order ended by itself: `R` in order streams, `expiryReason` in the history."""

from typing import Literal

from engine_core.wire.codes import Reason

ExpiryReason = Literal[
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

_WORDS: dict[Reason, ExpiryReason] = {
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
_BY_CODE = {reason.value: word for reason, word in _WORDS.items()}  # looking members up costs a microsecond each


def expiry_reason(code: int) -> ExpiryReason:
    """`Unknown`: a code of another release, which must not stop a stream."""
    return _BY_CODE.get(code, "Unknown")
