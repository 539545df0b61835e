"""An ADMIN record as a plain Python value, packed as command_record.Command is."""

import struct
from typing import NamedTuple

from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN

_ADMIN = struct.Struct("<4B5I8s32s")
_NUMBERS = struct.Struct("<4q")
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
