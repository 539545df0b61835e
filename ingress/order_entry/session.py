"""Order entry over WebSocket: what a client may say on `/ws/orders`, and what it is answered.

    {"id": 1, "method": "session.logon", "params": {"apiKey", "timestamp", "window", "signature", "cancelOnDisconnect"}}
    {"id": 2, "method": "order.place",   "params": {...}}          as the body of POST /api/v1/order
    {"id": 3, "method": "order.cancel",  "params": {...}}          as the body of DELETE /api/v1/order
    {"id": 4, "method": "order.modify",  "params": {...}}          as the body of PATCH /api/v1/order
    {"id": 5, "method": "order.cancelAll", "params": {...}}        as the body of DELETE /api/v1/orders

    {"id": 2, "status": 200, "result": {...}}        {"id": 3, "status": 404, "error": {"code": ..., "message": ...}}

The operations, their checks and their answers are those of REST. Commands reach the log in the order in which they were
sent; answers come as they are ready. Signed once: instruction `sessionLogon`; a key that is revoked, or loses its
permission to trade, loses its sessions at that moment. Non-goals: sockets (socket.py).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from engine_core.edge.refusals import Code
from engine_core.edge.signing import PUBLIC_KEY_BYTES, decode_base64
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market
from engine_core.wire.codes import KeyPermission
from ingress.access.authenticator import Caller, Claim
from ingress.access.rate_limits import Cost
from ingress.dispatch import Operation
from ingress.engine import FAILURES, failure
from ingress.errors import ApiError, bad_request
from ingress.fast_path.pending_order import PendingOrder, Show
from ingress.fast_path.websocket_orders import Messages, PlainMessage, PlainMessages
from ingress.messages import ORDER_ENTRY, Call, Reply, error_reply, json_reply
from ingress.metrics import Metrics
from ingress.operations import answers, orders
from ingress.order_entry.leases import Lease
from ingress.request_time import RequestTime
from ingress.requests import fields, order_commands
from ingress.requests.signed_json import Members, Number, compact_json, parse_object, signed_pairs
from ingress.schemas.streams import OrderMessage
from ingress.service import Request, Shown

PATH: Final = ORDER_ENTRY
LOGON, INSTRUCTION = "session.logon", "sessionLogon"
METHODS: Final[dict[str, Operation]] = {
    "order.place": orders.place,
    "order.cancel": orders.cancel,
    "order.modify": orders.amend,
    "order.cancelAll": orders.cancel_all,
}
_CANCELS: Final = ("order.cancel", "order.cancelAll")
_LEASED: Final = METHODS.keys() - _CANCELS  # what leaves an order, which cancelOnDisconnect has to be able to end
MOST_FRAMES: Final = 100  # pings, pongs and parts before a logon or, one after the other, over the limit
MOST_REFUSED: Final = 8  # messages before a logon; then the connection ends
STRANGER: Final = f"log on first: {LOGON}"
MAX_ID: Final = 64
_CREDENTIALS: Final = {
    "apiKey": b"x-api-key",
    "signature": b"x-signature",
    "timestamp": b"x-timestamp",
    "window": b"x-window",
}
_LOGON_MEMBERS: Final = _CREDENTIALS.keys() | {"cancelOnDisconnect"}
_CALL: Final = Call("WS", PATH, b"", {}, b"")  # its operations look at nothing of it
_NO_ID: Final = b"null"
_TRADE: Final = KeyPermission.TRADE.value  # the operators of enum members take microseconds
REVOKED: Final = "the API key of this session was revoked, or its account frozen"

logger = logging.getLogger(__name__)


class _Plain(PendingOrder):
    """A placement or a cancel on its way: appended at once, answered from within the feed, without a task."""

    __slots__ = ("_answered", "_id", "_session")

    def __init__(
        self,
        session: "OrderSession",
        request_id: bytes,
        market: Market,
        account: int,
        show: Show,
        began: float,
        shown: Shown | None = None,
    ) -> None:
        super().__init__(market, account, show, shown, began, session.arrivals.since(began))
        self._session, self._id = session, request_id
        self._answered = False

    def done(self) -> bool:
        return self._answered

    def answer(self, reply: Reply) -> None:
        self._answered = True
        self._session.answer_plain(self._id, reply, self.began)


class OpenSessions:
    """Those that are logged on in this process: when a key changes, each looks whether it may stay.

    Keys stand in the log, so a revocation is seen like any other event, at most 50 ms late.
    """

    def __init__(self, data: MarketData) -> None:
        self._sessions: set[OrderSession] = set()
        data.listeners.append(self._changed)

    def add(self, session: "OrderSession") -> None:
        self._sessions.add(session)

    def discard(self, session: "OrderSession") -> None:
        self._sessions.discard(session)

    def _changed(self, changes: Changes) -> None:
        if changes.setup:
            for session in list(self._sessions):
                session.end_if_revoked()


class OrderSession:
    """One connection's session. `send` takes the JSON text of an answer; `drop` ends the connection, with a reason."""

    def __init__(
        self,
        plain: PlainMessages,
        sessions: OpenSessions,
        metrics: Metrics,
        send: Callable[[bytes], None],
        drop: Callable[[str], None],
        address: str = "",
    ) -> None:
        self._service, self._plain_messages, self._sessions = plain.service, plain, sessions
        self.arrivals = self._service.arrivals
        self._metrics, self._send, self._drop = metrics, send, drop
        self._loop = asyncio.get_running_loop()
        self._address = address  # of the client
        self._caller: Caller | None = None
        self._refused = 0  # messages before a logon
        self._frames = 0  # see receive_frame
        self._public_key = b""
        self._lease: Lease | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._unstarted = 0  # of these; while there are any, nothing may overtake them
        self._plain = 0  # placements and cancels without a task
        self._answered: asyncio.Future[None] | None = None  # all of these, for the end that waits for them

    @property
    def is_logged_on(self) -> bool:
        return self._caller is not None

    @property
    def in_flight(self) -> int:
        return len(self._tasks) + self._plain

    def take(self, messages: Messages, first: int) -> int:
        """Begin to execute the client's messages from `first` on, or some of them; how many."""
        began = time.perf_counter()
        count = 1
        if self._caller is not None and not self._unstarted:
            plain = self._plain_messages.read(messages, first, self._caller.account)
            count = len(plain) or 1
            if plain and self._arrive(messages.sizes(first, count)):
                for order in plain:
                    self._place(order, began)
                return count
        for place in range(first, first + count):
            self.receive(messages.of(place))
        return count

    def receive(self, text: bytes) -> None:
        """Begin to execute one message of the client, in whatever form."""
        began, request_id = time.perf_counter(), _NO_ID
        try:
            if self._service.limits is not None:
                self._service.limits.arrive(self._address, len(text))
            self._service.engine.gateway.catch_up()
            message = parse_object(text)
            request_id = _id_of(message)
            fields.check_members(message, OrderMessage)
            method, params = _method_of(message), message.get("params", {})
            if not isinstance(params, dict):
                raise bad_request("`params` must be an object")
            if self._service.limits is not None and self._caller is not None:
                cost = Cost.CANCELS if method in _CANCELS else Cost.ORDERS
                self._service.limits.charge(cost, self._caller.account, "")
            if method in _LEASED and self._lease is not None and self._caller is not None:
                self._lease.check(order_commands.market_of(self._service.setup, params))
            if not self._unstarted and self._begin_plain(request_id, method, params, began):
                return
            work = self._work(method, params)
        except Exception as error:  # what the client has sent behind it is read all the same
            self._answer(request_id, _refusal(error), began)
            return
        self._unstarted += 1
        running = self._run(request_id, work, began, self.arrivals.since(began))
        self._tasks.add(self._loop.create_task(running))

    def receive_frame(self) -> None:
        """Count a ping or pong, or a part of a message: as a small message. A client that sends many over the limit,
        or before a logon, is dropped."""
        try:
            if self._service.limits is not None:
                self._service.limits.arrive(self._address)
            if self._caller is not None:
                self._frames = 0
                return
            reason = STRANGER
        except ApiError as error:
            reason = str(error)
        self._frames += 1
        if self._frames == MOST_FRAMES:
            self._drop(reason)

    def _arrive(self, sizes: list[int]) -> bool:
        """Count messages for the address, together; False: they are too many, and the general way says of which."""
        limits = self._service.limits
        return limits is None or limits.arrive_together(self._address, sizes)

    def _place(self, order: PlainMessage, began: float) -> None:
        """Append a placement in its common form."""
        assert self._caller is not None
        account, shown = self._caller.account, self._service.shown
        waiting = _Plain(self, order.request_id, order.market, account, answers.placed, began, shown)
        try:
            if self._service.limits is not None:
                self._service.limits.charge(Cost.ORDERS, account, "")
            self._authenticated()
            if self._lease is not None:
                self._lease.check(order.market)
            self._append(order.record, waiting)
        except Exception as error:
            self._answer(order.request_id, _refusal(error), began)

    def _begin_plain(self, request_id: bytes, method: str, params: Members, began: float) -> bool:
        """Append a placement or a cancel; False for everything else."""
        show: Show
        if method == "order.place":
            account, show = self._authenticated().account, answers.placed
            command, market = orders.placement_of(self._service, account, params)
        elif method == "order.cancel":
            account, show = self._authenticated().account, answers.cancelled
            command, market = order_commands.cancel(self._service.setup, account, params)
        else:
            return False
        plain = _Plain(self, request_id, market, account, show, began)
        self._append(command.pack(), plain)
        return True

    def _append(self, record: bytes, waiting: _Plain) -> None:
        self._plain += 1
        try:
            self._service.engine.gateway.append(record, waiting)
        except Exception:
            self._plain -= 1  # it is not on its way, and answered by who catches this
            raise

    def _work(self, method: str, params: Members) -> Coroutine[Any, Any, Reply]:
        if method == LOGON:
            return self._log_on(params)
        request = Request(_CALL, self._authenticated(), params, [])
        return cast(Coroutine[Any, Any, Reply], METHODS[method](self._service, request))

    async def close(self) -> None:
        """The connection is gone. What was sent is executed all the same, then the lease ends.

        In a venue of several shards what waits for its answer may yet be sent again (shards/router.py, funding.py), and
        behind the end of the lease it would rest for good. In one shard all of it is in the log already.
        """
        if self._lease is not None:
            self._lease.run_out()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._lease is not None and self._plain and self._service.several is not None:
            self._answered = self._loop.create_future()
            await self._answered
        self._sessions.discard(self)
        if self._lease is not None:
            await self._lease.end()

    def end_if_revoked(self) -> None:
        """A key has changed: if it was this session's, the connection ends after this turn of the feed."""
        if not self._may_trade():
            self._sessions.discard(self)
            self._loop.call_soon(self._drop, REVOKED)

    def answer_plain(self, request_id: bytes, reply: Reply, began: float) -> None:
        self._plain -= 1
        if self._answered is not None and not self._plain and not self._answered.done():
            self._answered.set_result(None)
        self._answer(request_id, reply, began)

    async def _run(self, request_id: bytes, work: Coroutine[Any, Any, Reply], began: float, received: float) -> None:
        timed = RequestTime(received)
        self._unstarted -= 1  # it runs up to its command without a pause
        try:
            reply = await work
        except Exception as error:
            reply = _refusal(error)
        # Before the answer, with which the socket looks whether it may read on: nobody else would tell it later.
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        self._answer(request_id, reply, began)
        timed.answered()

    def _answer(self, request_id: bytes, reply: Reply, began: float) -> None:
        self._metrics.order(began, reply.status)
        name = b"result" if reply.status < 400 else b"error"
        self._send(b'{"id":%b,"status":%d,"%b":%b}' % (request_id, reply.status, name, reply.body))
        if self._caller is None and reply.status >= 400:
            self._refused += 1
            if self._refused == MOST_REFUSED:
                self._drop(STRANGER)

    def _authenticated(self) -> Caller:
        """The session's account, as long as its key may trade."""
        if self._caller is None:
            raise ApiError(Code.UNAUTHORIZED, f"Not logged on: send {LOGON} first, and wait for its answer")
        if not self._may_trade():
            self._loop.call_soon(self._drop, REVOKED)  # after the answer
            raise ApiError(Code.UNAUTHORIZED, "Unknown API key")
        self._service.auth.uses.note(self._public_key)
        return self._caller

    def _may_trade(self) -> bool:
        key = self._service.setup.keys.get(self._public_key)
        may = key is not None and bool(key.permissions.value & _TRADE)
        return may and (self._caller is None or self._caller.account not in self._service.setup.frozen)

    async def _log_on(self, params: Members) -> Reply:
        if unknown := params.keys() - _LOGON_MEMBERS:
            raise bad_request(f"Unknown member {min(unknown)[:40]!r}")
        if self._caller is not None or self._lease is not None:
            raise bad_request("Already logged on: open another connection for another session")
        wants_lease = params.get("cancelOnDisconnect", False)
        if not isinstance(wants_lease, bool):
            raise bad_request("cancelOnDisconnect must be true or false")
        caller = self._check(params)
        if caller.account in self._service.setup.frozen:
            raise ApiError(Code.FORBIDDEN, "The account is frozen: it can only cancel, by REST")
        if wants_lease:
            self._lease = Lease(self._service, caller.account, lambda: self._drop("the session's lease was lost"))
            try:
                await self._lease.acquire()
            except ApiError:
                self._lease = None
                raise
        self._caller = Caller(caller.account)
        self._sessions.add(self)
        self.end_if_revoked()  # while the lease was taken
        return json_reply({"account": caller.account, "cancelOnDisconnect": wants_lease})

    def _check(self, params: Members) -> Caller:
        """The caller who signed this logon, once."""
        headers: dict[bytes, bytes] = {}
        for name, header in _CREDENTIALS.items():
            if name in params:
                value = params[name]
                if not isinstance(value, str):
                    raise bad_request(f"{name} must be a string or a number")
                headers[header] = value.encode()
        if b"x-api-key" not in headers or b"x-signature" not in headers:
            raise ApiError(Code.UNAUTHORIZED, "Missing credentials: apiKey, timestamp and signature are required")
        signed = signed_pairs({name: value for name, value in params.items() if name not in _CREDENTIALS})
        auth = self._service.auth
        claim = auth.claim(Call("WS", PATH, b"", headers, b""), INSTRUCTION, KeyPermission.TRADE)
        assert isinstance(claim, Claim), "there is no cookie"
        caller = auth.prove(claim, INSTRUCTION, [signed], KeyPermission.TRADE)
        auth.once(caller)
        self._public_key = decode_base64(headers[b"x-api-key"], PUBLIC_KEY_BYTES) or b""
        return caller


def _refusal(error: Exception) -> Reply:
    """The answer to a message that could not be executed; of a fault of our own the log has the rest."""
    if isinstance(error, ApiError):
        return error_reply(error)
    if isinstance(error, FAILURES):
        return error_reply(failure(error))
    logger.error("a message on %s failed", PATH, exc_info=error)
    return error_reply(ApiError(Code.SERVER_ERROR, "Internal error"))


def _method_of(message: Members) -> str:
    """One of those that there are. A client may send a list, of which no table could say whether it has it."""
    method = message.get("method")
    if not isinstance(method, str) or (method != LOGON and method not in METHODS):
        raise bad_request(f"`method` must be one of {LOGON}, {', '.join(METHODS)}")
    return method


def _id_of(message: Members) -> bytes:
    """The client's `id`, as JSON. Without one an order would be executed whose answer nobody can tell from others."""
    value = message.get("id")
    if value is None:
        raise bad_request("`id` is required: an integer or a string, by which the answer is found")
    is_fraction = isinstance(value, Number) and not value.removeprefix("-").isdecimal()
    if not isinstance(value, str) or is_fraction or len(value) > MAX_ID:
        raise bad_request(f"`id` must be an integer or a string, of at most {MAX_ID} characters")
    return value.encode() if isinstance(value, Number) else compact_json(value).encode()
