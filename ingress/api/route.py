"""What a route is, and the parameters that many of them share."""

from dataclasses import dataclass
from typing import Any

from engine_core.wire.codes import KeyPermission
from engine_core.wire.limits import MAX_CLIENT_ID
from ingress.access.rate_limits import Cost
from ingress.dispatch import Body, Credentials, Endpoint, Operation
from ingress.schemas import bodies


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


EMPTY = "Always empty"  # the tag of what a spot exchange has none of, and clients ask for all the same
TEXT = {"type": "string"}
ID = {"type": "string", "pattern": r"^\d+$"}
SECONDS = {"type": "integer", "format": "int64", "description": "Unix seconds"}
MS = {"type": "integer", "format": "int64", "description": "Unix milliseconds"}


def choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def integer(low: int, high: int, default: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


SYMBOL = Param("symbol", {"type": "string", "examples": ["SOL_USDC"]}, required=True)
ANY_SYMBOL = Param("symbol", TEXT)
ORDER_ID, CLIENT_ID = Param("orderId", ID), Param("clientId", integer(0, MAX_CLIENT_ID, 0) | {"default": None})
MARKET_TYPE = Param("marketType", choice("SPOT"))
WINDOW = Param("interval", choice("1d", "1w"))
LIMIT, OFFSET = Param("limit", integer(1, 1000, 100)), Param("offset", integer(0, 2**31 - 1, 0))
FROM_ID = Param(
    "fromId",
    ID
    | {
        "description": "The page begins with the row after the one of this id (an order's `id`, a fill's `tradeId` "
        "with `symbol`, the `id` of others), in the page's direction: take it from the last row of the page before. "
        "Unlike `offset` it neither repeats nor misses a row while new ones come"
    },
)
DIRECTION = Param("sortDirection", choice("Desc", "Asc"))
FROM, TO = Param("from", MS), Param("to", MS)
STRATEGY, FILL_TYPE = Param("strategyId", TEXT), Param("fillType", choice("User"))

ORDER, ORDERS = "/api/v1/order", "/api/v1/orders"
TEST_INSTRUCTION = "orderTest"


def public(
    path: str, summary: str, operation: Operation, answer: Any, params: tuple[Param, ...] = (), tag: str = "Public"
) -> Route:
    return Route("GET", path, tag, summary, Endpoint(operation), answer, params)


def private_read(
    tag: str, path: str, instruction: str, summary: str, read: tuple[Operation, Any], params: tuple[Param, ...] = ()
) -> Route:
    """A private GET; `read` is the operation and the type of its answer."""
    endpoint = Endpoint(read[0], Body.QUERY, Credentials(instruction, KeyPermission.READ))
    return Route("GET", path, tag, summary, endpoint, read[1], params, hot=path == ORDER)


def trading(
    method: str,
    path: str,
    instruction: str,
    summary: str,
    operation: Operation,
    types: tuple[Any, Any],
    lists: tuple[str, ...] = (),
    most: int = 1,
) -> Route:
    """A change of orders, of at most `most`; `types` are those of its body and of its answer."""
    body, answer = types
    form = Body.ARRAY if body == list[bodies.PlaceOrder] else Body.OBJECT
    cost = Cost.CANCELS if instruction.startswith("orderCancel") else Cost.ORDERS
    former = "orderExecute" if instruction == TEST_INSTRUCTION else ""
    by_operation = (method, instruction) == ("POST", "orderExecute") or instruction == TEST_INSTRUCTION
    endpoint = Endpoint(
        operation, form, Credentials(instruction, KeyPermission.TRADE, former, by_operation), cost, lists, most
    )
    return Route(method, path, "Orders", summary, endpoint, answer, body=body, hot=path in (ORDER, ORDERS))
