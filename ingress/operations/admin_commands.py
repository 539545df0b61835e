"""ADMIN records from the edge: packed as records.Command is, executed, and judged by their outcome."""

import struct
from typing import NamedTuple

from engine_core.wire.codes import CommandKind, EventKind, KeyPermission, Reason
from engine_core.wire.events import Event
from engine_core.wire.layout import ADMIN
from ingress.errors import ApiError, refusal
from ingress.service import Service

_ADMIN = struct.Struct("<4B5I8s32s")
_NUMBERS = struct.Struct("<4q")
_OUTCOMES = (EventKind.APPLIED.value, EventKind.REFUSED.value)
_NO_KEY = bytes(32)
assert _ADMIN.size == ADMIN.itemsize


class Admin(NamedTuple):
    """One ADMIN record; `payload` holds its four numbers or a public key."""

    kind: CommandKind
    code: int = 0
    market: int = 0
    account: int = 0
    asset: int = 0
    payload: bytes = _NO_KEY
    to_account: int = 0

    def pack(self) -> bytes:
        places = (self.market, self.account, self.asset, 0, self.to_account)
        return _ADMIN.pack(self.kind, self.code, 0, 0, *places, b"", self.payload)


def numbers(first: int, second: int = 0, third: int = 0, fourth: int = 0) -> bytes:
    """What a kind has there, in the order of the table in wire/layout.py."""
    return _NUMBERS.pack(first, second, third, fourth)


class CommandRefused(ApiError):
    """The engine's own refusal, with its reason for those whom it concerns."""

    def __init__(self, reason: Reason) -> None:
        known = refusal(reason)
        super().__init__(known.code, known.message)
        self.reason = reason


async def apply(service: Service, command: Admin) -> Event:
    """The APPLIED event of a command, or CommandRefused. Timers that fired before it have events of their own."""
    events = await service.engine.execute(command)
    event = next(event for event in reversed(events) if event.kind in _OUTCOMES)
    if event.kind != EventKind.APPLIED:
        raise CommandRefused(Reason(event.reason))
    return event


async def create_account(service: Service, code: int = 0) -> int:
    """The next account (`code`: an AccountOrigin, or 0 of an administrator's).

    Somebody else may take its number at the same moment; then the one after it is tried.
    """
    number = service.setup.accounts
    while True:
        number += 1
        try:
            await apply(service, Admin(CommandKind.ACCOUNT, code=code, account=number))
            return number
        except CommandRefused as error:
            if error.reason is not Reason.ALREADY_EXISTS:
                raise


async def create_key(service: Service, account: int, public_key: bytes, permissions: KeyPermission) -> None:
    await apply(service, Admin(CommandKind.KEY, code=permissions, account=account, payload=public_key))


async def revoke_key(service: Service, account: int, public_key: bytes) -> None:
    await apply(service, Admin(CommandKind.KEY_REVOKE, account=account, payload=public_key))
