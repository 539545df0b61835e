"""Every refusal that a client can see: its HTTP status, code and message, and the table of the engine's reasons.

A refusal is raised as ApiError anywhere below the edge and written by the edge; its body is always
`{"code","message"}`. Messages are part of the interface where existing clients read them (docs/api.md).
"""

from typing import NamedTuple

from engine_core.edge.refusals import Code
from engine_core.wire.codes import Reason
from engine_core.wire.limits import KEYS_OF_ONE_ACCOUNT


class ApiError(Exception):
    """A refusal on its way to the client."""

    def __init__(self, code: Code, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers


NO_BOUND = (
    "What this stop-market order may cost has no bound, for the market has no price band: give slippageTolerance and "
    "slippageToleranceType, or size a buy by quoteQuantity and a sell by triggerQuantity"
)


class Refusal(NamedTuple):
    code: Code
    message: str


_PAUSED = Code.TRADING_PAUSED
_ORDER = Code.INVALID_ORDER

# Every reason with which the engine can refuse a command of a client.
REASONS: dict[Reason, Refusal] = {
    Reason.UNKNOWN_MARKET: Refusal(Code.INVALID_MARKET, "Invalid market"),
    Reason.UNKNOWN_ASSET: Refusal(Code.INVALID_ASSET, "Invalid asset"),
    Reason.UNKNOWN_ACCOUNT: Refusal(Code.UNAUTHORIZED, "Account does not exist"),
    Reason.UNKNOWN_KEY: Refusal(Code.UNAUTHORIZED, "API key does not exist"),
    Reason.ACCOUNT_FROZEN: Refusal(Code.ACCOUNT_DEACTIVATED, "Account is frozen: orders can only be cancelled"),
    Reason.MARKET_CLOSED: Refusal(_PAUSED, "Market is closed"),
    Reason.MARKET_CANCEL_ONLY: Refusal(_PAUSED, "Market accepts only cancels"),
    Reason.MARKET_LIMIT_ONLY: Refusal(_ORDER, "Market accepts only limit orders"),
    Reason.MARKET_POST_ONLY: Refusal(_ORDER, "Market accepts only post-only orders"),
    Reason.PRICE_OUT_OF_RANGE: Refusal(Code.INVALID_PRICE, "Price is out of range"),
    Reason.PRICE_OUT_OF_BAND: Refusal(Code.INVALID_PRICE, "Price is too far from the last price"),
    Reason.QUANTITY_TOO_SMALL: Refusal(
        Code.INVALID_QUANTITY, "Quantity is below the minimum, or at most what is executed"
    ),
    Reason.QUANTITY_TOO_LARGE: Refusal(Code.INVALID_QUANTITY, "Quantity is above the maximum, or has too many parts"),
    Reason.NOTIONAL_OVERFLOW: Refusal(_ORDER, "Price times quantity is too large"),
    Reason.INSUFFICIENT_FUNDS: Refusal(Code.INSUFFICIENT_FUNDS, "Insufficient funds"),
    Reason.INSUFFICIENT_LIQUIDITY: Refusal(_ORDER, "Insufficient liquidity"),
    Reason.POST_ONLY_WOULD_TAKE: Refusal(_ORDER, "Order would immediately match and take"),
    Reason.DUPLICATE_CLIENT_ID: Refusal(Code.INVALID_CLIENT_REQUEST, "Duplicate client ID"),
    Reason.ORDER_NOT_FOUND: Refusal(Code.RESOURCE_NOT_FOUND, "Not Found"),
    Reason.TOO_MANY_OPEN_ORDERS: Refusal(Code.ORDER_LIMIT, "Too many open orders"),
    Reason.TRIGGER_EQUALS_LAST: Refusal(_ORDER, "Trigger price equals the last price"),
    Reason.NO_LAST_PRICE: Refusal(_ORDER, "Market has no last price yet"),
    Reason.BOUND_REQUIRED: Refusal(_ORDER, NO_BOUND),
    Reason.NOT_AMENDABLE: Refusal(_ORDER, "Order waits for its trigger, so cannot be modified: cancel it"),
    Reason.MARKET_BUSY: Refusal(Code.MAINTENANCE, "Market is busy with a very large order: try again in a moment"),
    Reason.MARKET_ELSEWHERE: Refusal(Code.MAINTENANCE, "Market is moving: try again in a moment"),
    Reason.IMMEDIATE_OR_CANCEL: Refusal(_ORDER, "Order would not trade at once"),
    Reason.FILL_OR_KILL: Refusal(_ORDER, "Order would not be filled completely"),
    Reason.EVENT_LIMIT: Refusal(_ORDER, "Order would meet more orders than one request may"),
    Reason.PRICE_IMPACT: Refusal(_ORDER, "Order would move the price too far"),
    Reason.SELF_TRADE: Refusal(_ORDER, "Order would trade with an order of the same account"),
    Reason.BAD_FIELD: Refusal(Code.INVALID_CLIENT_REQUEST, "Invalid combination of fields"),
    Reason.UNKNOWN_COMMAND: Refusal(Code.NOT_IMPLEMENTED, "Not supported by this engine"),
    Reason.SUPPLY_LIMIT: Refusal(Code.INVALID_QUANTITY, "Quantity exceeds the asset's supply limit"),
    Reason.DUPLICATE_REFERENCE: Refusal(Code.INVALID_CLIENT_REQUEST, "Duplicate reference"),
    Reason.ALREADY_EXISTS: Refusal(Code.INVALID_CLIENT_REQUEST, "Already exists"),
    Reason.BAD_DEFINITION: Refusal(Code.INVALID_CLIENT_REQUEST, "Invalid definition"),
    Reason.ORDERS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many open orders"),
    Reason.LEVELS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many price levels"),
    Reason.TIMERS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many timers"),
    Reason.ACCOUNTS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many accounts"),
    Reason.MARKETS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many markets"),
    Reason.ASSETS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many assets"),
    Reason.KEYS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many API keys"),
    Reason.REFERENCES_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many transfers"),
    Reason.ORDERS_SHARE: Refusal(Code.ORDER_LIMIT, "Account holds its share of all open orders: cancel some first"),
    Reason.MARKET_SHARE: Refusal(
        Code.ORDER_LIMIT, "Market holds its share of all open orders, and the account its own in it: cancel some first"
    ),
    Reason.KEYS_SHARE: Refusal(
        Code.INVALID_CLIENT_REQUEST,
        f"Account has its share of API keys ({KEYS_OF_ONE_ACCOUNT} at most): revoke one first",
    ),
    Reason.TIMERS_SHARE: Refusal(Code.ORDER_LIMIT, "Account has its share of timers and sessions: end one first"),
    Reason.LINKS_FULL: Refusal(Code.MAINTENANCE, "Exchange is at capacity: too many accounts use several shards"),
    Reason.ORDER_IDS_SPENT: Refusal(Code.MAINTENANCE, "Exchange is at capacity: no order ids are left here"),
    Reason.REPEATED: Refusal(Code.INVALID_CLIENT_REQUEST, "Withdrawal was executed before"),
    Reason.NOT_HOME: Refusal(Code.SERVER_ERROR, "Request was sent to a shard that does not take it"),
    Reason.BAD_SEQUENCE: Refusal(Code.MAINTENANCE, "Another transfer between these shards came first: try again"),
    Reason.MARKET_IN_USE: Refusal(Code.INVALID_CLIENT_REQUEST, "Market has open orders: cancel them first"),
    Reason.SKIPPED: Refusal(Code.SERVER_ERROR, "Request was skipped by an operator and not executed"),
    Reason.NO_GENESIS: Refusal(Code.MAINTENANCE, "Exchange is starting"),
}


def refusal(reason: int) -> ApiError:
    """The refusal of an engine reason. One outside the table is a fault between our own processes."""
    entry = REASONS.get(Reason(reason)) if reason in Reason._value2member_map_ else None
    if entry is None:
        return ApiError(Code.SERVER_ERROR, f"Request was not executed (reason {reason})")
    return ApiError(entry.code, entry.message)


def bad_request(message: str) -> ApiError:
    return ApiError(Code.INVALID_CLIENT_REQUEST, message)


def wrong_number(most: int, named: int) -> ApiError:
    return bad_request(f"A request names 1 to {most} orders, not {named}")


def not_found() -> ApiError:
    return ApiError(Code.RESOURCE_NOT_FOUND, "Not Found")
