"""What one client may say on its WebSocket, and what it is answered: SUBSCRIBE and UNSUBSCRIBE of SPEC §6.

Names in a frame are handled one by one: a bad name is refused and the others count. Frames with an `id` are
acknowledged. An error frame makes some clients give up everything, so nothing harmless gets one. Non-goals: sockets.
"""

import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import msgspec

from egress.auth import Authenticator, NotAuthorised, Owner
from egress.config import Limits
from egress.hub import Client, Hub
from egress.names import Kind, Stream, parse
from egress.private import PrivateStreams
from engine_core.wire.text_frame import text_frame


class ErrorCode(IntEnum):
    MALFORMED = 4000
    NOT_AUTHORISED = 4005
    INVALID_STREAM = 4006
    TOO_MANY = 4029


class Refused(Exception):
    """The frame, or a name in it, cannot be taken; the client is told."""

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


_decode = msgspec.json.Decoder(Request).decode


class Session:
    def __init__(
        self,
        client: Client,
        hub: Hub,
        private: PrivateStreams,
        authenticator: Authenticator,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._hub, self._private, self._authenticator = client, hub, private, authenticator
        self._limits, self._clock = limits, clock
        self._owners: dict[str, Owner] = {}  # of private names
        self._silent: dict[str, Stream] = {}  # names that are held and never heard
        self._tokens, self._counted_at, self._refused = float(limits.burst), clock(), 0

    def receive(self, text: str | bytes) -> None:
        """Act on one frame of the client and answer it."""
        request_id: Any = None
        try:
            self._count()
            request = self._parse(text)
            request_id = request.id
            if request.method == "SUBSCRIBE":
                self._subscribe(request)
            elif request.method == "UNSUBSCRIBE":
                self._unsubscribe(request.params)
            else:
                raise Refused(ErrorCode.MALFORMED, "`method` must be SUBSCRIBE or UNSUBSCRIBE")
        except Refused as error:
            self._answer({"id": request_id, "error": {"code": error.code, "message": str(error)}})
        else:
            if request_id is not None:
                self._answer({"id": request_id, "result": None})

    def close(self) -> None:
        self._hub.disconnect(self._client)
        if self._owners:
            self._private.unsubscribe(self._client)

    @property
    def has_session(self) -> bool:
        """Whether a page's session, rather than a key, gave the right to a private stream."""
        return any(owner.session for owner in self._owners.values())

    def check(self) -> None:
        """Keys may be gone, or sessions ended, and with them the right to private streams."""
        if not all(map(self._authenticator.valid, self._owners.values())):
            self.close()
            self._client.socket.drop("the API key of a private stream was revoked, or its session ended")

    def _count(self) -> None:
        now = self._clock()
        earned = (now - self._counted_at) * self._limits.per_second
        self._tokens, self._counted_at = min(self._tokens + earned, float(self._limits.burst)), now
        if self._tokens < 1:
            self._refused += 1
            if self._refused == self._limits.refused + 1:
                self._client.socket.drop("too many messages")
            raise Refused(ErrorCode.TOO_MANY, f"Too many messages: {self._limits.per_second} a second are allowed")
        self._tokens -= 1

    def _parse(self, text: str | bytes) -> Request:
        try:
            return _decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Refused(ErrorCode.MALFORMED, f"Malformed frame: {error}") from None

    def _subscribe(self, request: Request) -> None:
        problems: list[Refused] = []
        public, silent, private = dict(self._client.names), dict(self._silent), []
        for name in request.params:
            stream = parse(name, self._authenticator.setup.market_by_symbol)
            if stream is None:
                problems.append(Refused(ErrorCode.INVALID_STREAM, f"Invalid stream: {name[:64]}"))
            elif stream.private:
                private.append((name, stream))
            elif stream.kind is Kind.SILENT:
                silent[name] = stream
            else:
                public[name] = stream
        self._check_room(len(public) + len(silent) + len(self._owners) + len(private))
        self._silent = silent
        self._hub.set_names(self._client, public)
        if private:
            problems += self._subscribe_private(request, private)
        if problems:
            raise problems[0]

    def _subscribe_private(self, request: Request, wanted: list[tuple[str, Stream]]) -> list[Refused]:
        try:
            owner = self._authenticator.owner(request.signature, request.session)
        except NotAuthorised as error:
            return [Refused(ErrorCode.NOT_AUTHORISED, f"Not authorised: {error}")]
        for name, stream in wanted:
            held = self._owners.get(name)
            self._owners[name] = owner
            if held is not None and held.account == owner.account:
                continue
            if held is not None:
                self._private.unsubscribe(self._client, name)
            if stream.kind is not Kind.SILENT:
                self._private.subscribe(self._client, name, stream, owner.account)
        return []

    def _check_room(self, wanted: int) -> None:
        if wanted > self._limits.streams:
            raise Refused(ErrorCode.TOO_MANY, f"Too many streams: {self._limits.streams} a connection are allowed")

    def _unsubscribe(self, names: list[str]) -> None:
        """Names that are not held are ignored: the client has what it wants."""
        gone = set(names)
        if gone & self._client.names.keys():
            left = {name: stream for name, stream in self._client.names.items() if name not in gone}
            self._hub.set_names(self._client, left)
        for name in gone:
            self._silent.pop(name, None)
            if self._owners.pop(name, None) is not None:
                self._private.unsubscribe(self._client, name)

    def _answer(self, answer: dict[str, Any]) -> None:
        self._client.socket.write(text_frame(msgspec.json.encode(answer)))
