"""From a call to its answer: parameters, credentials, operation, errors; the same for every way a call can arrive."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from engine_core.edge.refusals import Code
from engine_core.edge.signing import Pairs
from engine_core.wire.codes import KeyPermission
from ingress.access.authenticator import Claim
from ingress.access.rate_limits import LIMIT_HEADER, Cost, RateLimiter
from ingress.errors import ApiError, wrong_number
from ingress.messages import Call, Reply, error_reply
from ingress.requests import fields
from ingress.requests.signed_json import Members, parse_object, parse_objects, parse_query, signed_pairs
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
    """What the server needs to know of a route (its documentation stands in api/routes.py). No credentials: public."""

    operation: Operation
    body: Body = Body.QUERY
    credentials: Credentials | None = None
    cost: Cost = Cost.READS
    lists: tuple[str, ...] = ()  # members whose items are the work that it costs
    most: int = 1  # orders that it may be about


async def answer(service: Service, endpoint: Endpoint, call: Call) -> Reply:
    """The answer to a call, counted for its address before anything of it is looked at."""
    if refusal := over_the_limit(service, call):
        return refusal
    return await answer_counted(service, endpoint, call)


def over_the_limit(service: Service, call: Call, base: int = 1) -> Reply | None:
    """Count a call for its address, as `base` small ones and by its bytes: the refusal if that asks too much."""
    if service.limits is None:
        return None
    try:
        service.limits.arrive(call.peer, call.size(), base)
    except ApiError as error:
        return error_reply(error)
    return None


async def answer_counted(service: Service, endpoint: Endpoint, call: Call) -> Reply:
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
    """How many tokens a request takes: one for each order that it is about, of which there may be so many."""
    listed = [value for name in endpoint.lists if isinstance(value := members.get(name), list)]
    named = len(items) + sum(map(len, listed))
    if named > endpoint.most or (not named and endpoint.body is _ARRAY):  # of which nothing would be signed
        raise wrong_number(endpoint.most, named)
    return max(1, named)


def limited(limits: RateLimiter, call: Call, reply: Reply) -> Reply:
    """The reply with the headers of what the client may still ask; a 429 of the limits themselves has its own."""
    if any(name == LIMIT_HEADER for name, _ in reply.headers):
        return reply
    return reply._replace(headers=reply.headers + (call.allowance or limits.allowance(call.peer)))


def _request(service: Service, endpoint: Endpoint, call: Call) -> Request:
    """Authenticate and read: first what the head alone says, so that nobody reads a stranger's body. The signature
    covers what was sent, unknown members included, so it is checked before they are."""
    needed = endpoint.credentials
    claim = service.auth.claim(call, needed.instruction, needed.permission) if needed else NOBODY
    members: Members = {}
    items: list[Members] = []
    pairs: list[tuple[str, str]] = []
    if endpoint.body is _OBJECT:
        members = parse_object(call.body)
    elif endpoint.body is _ARRAY:
        items = parse_objects(call.body)
    else:
        pairs = parse_query(call.query)
    work = _work(endpoint, members, items)
    if isinstance(claim, Claim):
        assert needed is not None
        signed = _signed(endpoint.body, members, items, pairs)
        caller = service.auth.prove(claim, needed.instruction, signed, needed.permission, needed.former)
    else:
        caller = claim
    if service.limits is not None:
        call.allowance = service.limits.charge(endpoint.cost, caller.account, call.peer, work)
    if needed and call.method != "GET" and not needed.by_operation:
        service.auth.once(caller)
    found = fields.single(pairs, REPEATABLE) if endpoint.body is _QUERY else members
    return Request(call, caller, found, items)


def _signed(body: Body, members: Members, items: list[Members], pairs: list[tuple[str, str]]) -> list[Pairs]:
    """What a signature covers."""
    if body is _OBJECT:
        return [signed_pairs(members)]
    return [pairs] if body is _QUERY else [signed_pairs(item) for item in items]
