"""From a call to its answer: parameters, credentials, operation, errors; the same for every way a call can arrive."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from engine_core.wire.codes import KeyPermission
from engine_core.wire.signing import Pairs
from ingress import fields
from ingress.call import Call, Reply, error_reply
from ingress.errors import ApiError, Code
from ingress.limits import LIMIT_HEADER, Cost, Limits
from ingress.members import Members, parse_object, parse_objects, parse_query, signed_pairs
from ingress.service import NOBODY, Request, Service

Operation = Callable[[Service, Request], Awaitable[Reply]]
REPEATABLE = frozenset(("marketType",))
logger = logging.getLogger(__name__)


class Body(Enum):
    """Where the parameters of a route are."""

    QUERY = 1
    OBJECT = 2
    ARRAY = 3


_QUERY, _OBJECT, _ARRAY = Body  # looking members up costs a microsecond each


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a private route asks of its caller: the instruction that was signed, and the permission of the key.

    `former`: an instruction that older clients sign. `by_operation`: the operation itself sees to it that a repeat
    executes nothing twice; of every other route a signature is good once, unless it only reads.
    """

    instruction: str
    permission: KeyPermission
    former: str = ""
    by_operation: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the server needs to know of a route (its documentation stands in routes.py). No credentials: public."""

    operation: Operation
    body: Body = Body.QUERY
    credentials: Credentials | None = None
    cost: Cost = Cost.READS
    lists: tuple[str, ...] = ()  # members whose items are the work that it costs


async def answer(service: Service, endpoint: Endpoint, call: Call) -> Reply:
    """The answer to a call; a refusal is an answer too.

    It sees at least what any other ingress process has answered before: clients do not know how many there are.
    """
    try:
        service.engine.gateway.catch_up()
        reply = await endpoint.operation(service, _request(service, endpoint, call))
    except ApiError as error:
        reply = error_reply(error)
    except Exception:
        logger.exception("%s %s failed", call.method, call.path)
        reply = error_reply(ApiError(Code.SERVER_ERROR, "Internal error"))
    return reply if service.limits is None else limited(service.limits, call, reply)


def _work(endpoint: Endpoint, members: fields.Fields, items: list[Members]) -> int:
    """How many tokens a request takes: one for each order that it is about."""
    listed = [value for name in endpoint.lists if isinstance(value := members.get(name), list)]
    return max(1, len(items), sum(map(len, listed)))


def limited(limits: Limits, call: Call, reply: Reply) -> Reply:
    """The reply with the headers of what the client may still ask; a 429 of the limits themselves has its own."""
    if any(name == LIMIT_HEADER for name, _ in reply.headers):
        return reply
    return reply._replace(headers=reply.headers + (call.allowance or limits.shown(call.peer)))


def _request(service: Service, endpoint: Endpoint, call: Call) -> Request:
    """Read and authenticate. The signature covers what was sent, unknown members included, so it is checked first."""
    if service.limits is not None:
        service.limits.arrive(call.peer, len(call.body) + len(call.query))
    members: fields.Fields = {}
    items: list[Members] = []
    signed: list[Pairs]
    if endpoint.body is _OBJECT:
        members = parse_object(call.body)
        signed = [signed_pairs(members)]
    elif endpoint.body is _ARRAY:
        items = parse_objects(call.body)
        signed = [signed_pairs(item) for item in items]
    else:
        signed = [parse_query(call.query)]
    caller = NOBODY
    if endpoint.credentials:
        needed = endpoint.credentials
        caller = service.auth.check(call, needed.instruction, signed, needed.permission, needed.former)
    if service.limits is not None:
        call.allowance = service.limits.charge(
            endpoint.cost, caller.account, call.peer, _work(endpoint, members, items)
        )
    if endpoint.credentials and call.method != "GET" and not endpoint.credentials.by_operation:
        service.auth.once(caller)
    if endpoint.body is _QUERY:
        members = fields.single(parse_query(call.query), REPEATABLE)
    return Request(call, caller, members, items)
