"""The engine as the operations of the API see it: commands and queries in, events and records out, ApiError on trouble.

Non-goals: the log and the ring (engine_core.transport.gateway does that), and what the events mean to a client.
"""

from dataclasses import dataclass
from typing import Protocol, Unpack

import numpy as np

from engine_core.edge.refusals import Code
from engine_core.transport.backlog import Logs
from engine_core.transport.gateway import GatewayError, OutcomeUnknown, Overloaded
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import EventKind, QueryKind, Reason
from engine_core.wire.events import Event, events_of
from engine_core.wire.queries import About
from ingress.errors import ApiError, refusal
from ingress.request_time import AwaitedCommand

RETRY_LATER = ((b"Retry-After", b"1"),)
_BLOCK_REFUSED = EventKind.BLOCK_REFUSED.value
_OUTCOMES = (EventKind.APPLIED.value, EventKind.REFUSED.value)  # of an administrative command
UNKNOWN_OUTCOME = (
    "Outcome unknown: the request may or may not have been executed. Look the order up, or repeat the request with the "
    "same clientId, which cannot place it twice"
)


class Packable(Protocol):
    """A Command, or an Admin."""

    def pack(self) -> bytes: ...


class Gateway(Protocol):
    """The part of AsyncGateway that ingress uses."""

    @property
    def failure(self) -> Exception | None:
        """Why it is of no use any more."""

    @property
    def pressure(self) -> str:
        """Why new orders are refused at present, if they are."""

    @property
    def healthy(self) -> bool: ...

    @property
    def logs(self) -> Logs | None:
        """Both logs of the exchange as of a second ago at most."""

    def append(self, record: bytes, answer: Answer) -> None: ...

    def catch_up(self) -> None: ...

    async def query(self, kind: QueryKind, **about: Unpack[About]) -> tuple[np.void, np.ndarray]: ...


@dataclass(frozen=True, slots=True)
class Engine:
    gateway: Gateway

    async def execute(self, command: Packable) -> list[Event]:
        """The events of one command, at least one."""
        return await self.submit(command.pack())

    async def submit(self, record: bytes) -> list[Event]:
        """The same for any 64-byte record, of an administrative command too."""
        answer = AwaitedCommand()
        try:
            self.gateway.append(record, answer)
            return outcome(await answer)
        except FAILURES as error:
            raise failure(error) from None

    async def apply(self, command: Packable) -> Event:
        """The APPLIED event of an administrative command, or CommandRefused. Timers that fired before it have events
        of their own."""
        events = await self.execute(command)
        event = next(event for event in reversed(events) if event.kind in _OUTCOMES)
        if event.kind != EventKind.APPLIED:
            raise CommandRefused(Reason(event.reason))
        return event

    async def query(self, kind: QueryKind, **about: Unpack[About]) -> np.ndarray:
        """The records that answer a query about the state after everything sent before it."""
        _, records = await self.ask(kind, **about)
        return records

    async def ask(self, kind: QueryKind, **about: Unpack[About]) -> tuple[np.void, np.ndarray]:
        """(ANSWER_HEADER, records)."""
        try:
            return await self.gateway.query(kind, **about)
        except Overloaded as error:
            raise failure(error) from None
        except FAILURES as error:
            raise unavailable(error) from None

    async def orders(self, account: int, market: int) -> list[Event]:
        return events_of(await self.query(QueryKind.ORDERS, account=account, market=market))


class CommandRefused(ApiError):
    """The engine's own refusal, with its reason for those whom it concerns."""

    def __init__(self, reason: Reason) -> None:
        known = refusal(reason)
        super().__init__(known.code, known.message)
        self.reason = reason


def outcome(answer: np.ndarray) -> list[Event]:
    """The events of a command, unless its block was refused."""
    events = events_of(answer)
    if events[0].kind == _BLOCK_REFUSED:
        raise ApiError(Code.SERVER_ERROR, f"Request was not executed: block refused (reason {events[0].reason})")
    return events


FAILURES = (Overloaded, OutcomeUnknown, TimeoutError, OSError, GatewayError)  # instead of the outcome of a command


def failure(error: Exception) -> ApiError:
    """The error that a client gets for one of the FAILURES of a command."""
    if isinstance(error, Overloaded):
        return ApiError(Code.TOO_MANY_REQUESTS, f"Exchange is overloaded: {error}", RETRY_LATER)
    if isinstance(error, OutcomeUnknown | TimeoutError):
        return ApiError(Code.TIMEOUT, UNKNOWN_OUTCOME)
    return unavailable(error)


def unreadable(what: str, error: Exception) -> ApiError:
    """Of `what` the database has, while it cannot be asked."""
    return ApiError(Code.MAINTENANCE, f"{what} not available: {error}"[:200], RETRY_LATER)


def unavailable(error: Exception) -> ApiError:
    return ApiError(Code.MAINTENANCE, f"Engine does not answer: {error}"[:200], RETRY_LATER)
