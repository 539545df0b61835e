"""What one client may say on its WebSocket, and what it is answered: SUBSCRIBE and UNSUBSCRIBE (docs/api.md).

Names in a frame are handled one by one: a bad name is refused and the others count. Frames with an `id` are
acknowledged. An error frame makes some clients give up everything, so nothing harmless gets one.

What a frame makes us do is charged before it is done: a unit for the message, for each 256 bytes of it, for each 16
names; a signature counts 4. Non-goals: sockets.
"""

import logging
from collections import defaultdict
from contextlib import suppress
from enum import IntEnum
from typing import Any

import msgspec

from egress.auth import Authenticator, NotAuthorised, Owner
from egress.config import ConnectionLimits
from egress.connections import Address, Allowance
from egress.hub import POLICY_VIOLATION, TRY_AGAIN_LATER, Hub, Subscriber
from egress.names import MAX_NAME, Kind, Stream, parse
from egress.streams.private import PrivateStreams
from engine_core.edge.text_frame import text_frame


class ErrorCode(IntEnum):
    MALFORMED = 4000
    NOT_AUTHORISED = 4005
    INVALID_STREAM = 4006
    TOO_MANY = 4029
    SERVER_ERROR = 5000


class FrameRefused(Exception):
    """The frame, or a name in it, is invalid; the client gets an error."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Request(msgspec.Struct):
    """A frame of the client; members that we do not know are none of our business."""

    method: str
    params: list[str] = []
    id: Any = None
    signature: Any = None
    session: Any = None


class Named(msgspec.Struct):
    id: int | str | None = None


_decode = msgspec.json.Decoder(Request).decode
_decode_id = msgspec.json.Decoder(Named).decode
BYTES_OF_A_UNIT = 256
NAMES_OF_A_UNIT = 16
SIGNATURE_UNITS = 4
LISTED = 32  # bad names that an answer tells; of the others their number

logger = logging.getLogger(__name__)


class Session:
    """`own` and `address`: what this connection, and all of its address, may still ask for, in units of work; and the
    names that all of its address hold."""

    def __init__(
        self,
        client: Subscriber,
        hub: Hub,
        private: PrivateStreams,
        authenticator: Authenticator,
        limits: ConnectionLimits,
        address: Address,
    ) -> None:
        self._client, self._hub, self._private, self._authenticator = client, hub, private, authenticator
        self._limits, self._address = limits, address
        self._own = Allowance(limits.burst, limits.per_second)
        self._owners: dict[str, Owner] = {}  # of private names
        self._silent: dict[str, Stream] = {}  # names that are held and never sent anything
        self._counted = 0  # names, for the address
        self._refused = 0

    def receive(self, text: bytes) -> None:
        """Act on one frame of the client and answer it."""
        request_id: Any = None
        try:
            self._charge(1 + len(text) // BYTES_OF_A_UNIT)
            request = self._parse(text)
            request_id = request.id
            self._check_room(len(request.params))
            self._charge(len(request.params) // NAMES_OF_A_UNIT)
            if request.method == "SUBSCRIBE":
                self._subscribe(request)
            elif request.method == "UNSUBSCRIBE":
                self._unsubscribe(request.params)
            else:
                raise FrameRefused(ErrorCode.MALFORMED, "`method` must be SUBSCRIBE or UNSUBSCRIBE")
        except FrameRefused as error:
            request_id = _id_in(text) if request_id is None else request_id
            self._answer({"id": request_id, "error": {"code": error.code, "message": str(error)}})
        except Exception:  # here it ends: it would take frames behind this one along, and turns of other clients
            logger.exception("a frame on a stream connection failed")
            self._answer({"id": request_id, "error": {"code": ErrorCode.SERVER_ERROR, "message": "Internal error"}})
        else:
            if request_id is not None:
                self._answer({"id": request_id, "result": None})
        self._count()

    def receive_frame(self) -> None:
        """A ping or pong, or a part of a message that is not its last: it costs as much as a small message."""
        with suppress(FrameRefused):
            self._charge(1)

    def close(self) -> None:
        self._hub.disconnect(self._client)
        for account in {owner.account for owner in self._owners.values()}:
            self._private.unsubscribe(self._client, account)
        self._silent.clear()
        self._owners.clear()
        self._count()

    def end(self, reason: str, code: int = TRY_AGAIN_LATER) -> None:
        self.close()
        self._client.socket.drop(reason, code)

    @property
    def is_idle(self) -> bool:
        return not (self._client.names or self._silent or self._owners)

    @property
    def has_session(self) -> bool:
        """Whether a page's session, rather than a key, gave the right to a private stream."""
        return any(owner.session for owner in self._owners.values())

    def check(self) -> None:
        """Keys may be gone, sessions ended, accounts frozen, and with them the right to private streams."""
        if not all(map(self._authenticator.valid, self._owners.values())):
            self.end(
                "a private stream's API key was revoked, its session ended, or its account frozen", POLICY_VIOLATION
            )

    def _charge(self, units: int) -> None:
        """Before the work is done. A client that continues after many refusals is closed."""
        if self._own.spend(units) and self._address.allowance.spend(units):
            return
        self._refused += 1
        if self._refused == self._limits.refused + 1:
            self._client.socket.drop("too many messages")
        raise FrameRefused(
            ErrorCode.TOO_MANY, f"Too many messages: {self._limits.per_second} small ones a second are allowed"
        )

    def _parse(self, text: bytes) -> Request:
        try:
            return _decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise FrameRefused(ErrorCode.MALFORMED, f"Malformed frame: {error}") from None

    def _subscribe(self, request: Request) -> None:
        """A bad name is refused and the others count; all problems stand in one answer."""
        symbols, bad = self._authenticator.setup.market_by_symbol, []
        public: dict[str, Stream] = {}
        silent: dict[str, Stream] = {}
        private: dict[str, Stream] = {}
        for name in request.params:
            stream = parse(name, symbols)
            if stream is None:
                bad.append(name)
            elif stream.private:
                private[name] = stream
            else:
                (silent if stream.kind is Kind.SILENT else public)[name] = stream
        held = self._client.names.keys(), self._silent.keys(), self._owners.keys()
        new = sum(len(names.keys() - old) for names, old in zip((public, silent, private), held, strict=True))
        self._check_room(sum(map(len, held)) + new)
        if new and self._address.names + new > self._limits.streams_of_address:
            raise FrameRefused(
                ErrorCode.TOO_MANY, f"Too many streams: {self._limits.streams_of_address} an address are allowed"
            )
        self._silent |= silent
        self._hub.add_names(self._client, public)
        problems = [FrameRefused(ErrorCode.INVALID_STREAM, _named(bad))] if bad else []
        if private:
            try:
                self._subscribe_private(request, private)
            except FrameRefused as error:
                problems.append(error)
        if problems:
            raise FrameRefused(problems[0].code, "; ".join(map(str, problems)))

    def _subscribe_private(self, request: Request, wanted: dict[str, Stream]) -> None:
        self._charge(SIGNATURE_UNITS)
        try:
            owner = self._authenticator.owner(request.signature, request.session)
        except NotAuthorised as error:
            raise FrameRefused(ErrorCode.NOT_AUTHORISED, f"Not authorised: {error}") from None
        changed = [name for name in wanted if name in self._owners and self._owners[name].account != owner.account]
        self._forget(changed)
        for name, stream in wanted.items():
            held = name in self._owners
            self._owners[name] = owner
            if not held and stream.kind is not Kind.SILENT:
                self._private.subscribe(self._client, name, stream, owner.account)

    def _check_room(self, wanted: int) -> None:
        if wanted > self._limits.streams:
            raise FrameRefused(ErrorCode.TOO_MANY, f"Too many streams: {self._limits.streams} a connection are allowed")

    def _count(self) -> None:
        held = len(self._client.names) + len(self._silent) + len(self._owners)
        self._address.names += held - self._counted
        self._counted = held

    def _unsubscribe(self, names: list[str]) -> None:
        """Names that are not held are ignored: the client has what it wants."""
        self._hub.remove_names(self._client, names)
        for name in names:
            self._silent.pop(name, None)
        self._forget(names)

    def _forget(self, names: list[str]) -> None:
        """Private names, which somebody may have held."""
        gone: defaultdict[int, set[str]] = defaultdict(set)
        for name in names:
            owner = self._owners.pop(name, None)
            if owner is not None:
                gone[owner.account].add(name)
        for account, of_account in gone.items():
            self._private.unsubscribe(self._client, account, of_account)

    def _answer(self, answer: dict[str, Any]) -> None:
        self._client.socket.write(text_frame(msgspec.json.encode(answer)))


def _id_in(text: bytes) -> int | str | None:
    """Of a frame that cannot be taken, if it can be seen: the answer is to be found by it."""
    try:
        return _decode_id(text).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _named(bad: list[str]) -> str:
    """All bad names, as far as there is room for them."""
    listed = [name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…" for name in bad[:LISTED]]
    more = f" and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    return f"Invalid stream{'s' if len(bad) > 1 else ''}: {', '.join(listed)}{more}"
