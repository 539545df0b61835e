"""Reads one member of a request: its type and its form, with a refusal that names it. `null` and "" mean absent.

Works on the members of a JSON body and, alike, on the parameters of a query string. Non-goals: how members depend on
each other (order_commands.py).
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

import msgspec

from engine_core.edge.refusals import Code
from engine_core.wire.limits import MAX_CLIENT_ID, MAX_INT64
from ingress.errors import ApiError, bad_request
from ingress.requests.signed_json import Member, Number

MAX_SYMBOL: Final = 32
MAX_CLIENT_ID_CHARACTERS: Final = 255
CHAIN: Final = "Internal"  # assets live in this exchange's ledger only; clients want at least one chain per asset

Fields = Mapping[str, Member]


def check_members(fields: Fields, body: type[msgspec.Struct]) -> None:
    """A silently ignored member could turn a stop into a live order, so one that the body does not have is refused."""
    allowed = _members_of(body)
    if not fields.keys() <= allowed:
        unknown = next(name for name in fields if name not in allowed)
        raise bad_request(f"Unknown member {unknown[:40]!r}")


@cache
def _members_of(body: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(body.__struct_encode_fields__)


def absent(value: Member) -> bool:
    return value is None or value == ""


def text(fields: Fields, name: str) -> str | None:
    """A string, or None if absent."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or isinstance(value, Number):
        raise bad_request(f"{name} must be a string")
    return value


def required_text(fields: Fields, name: str) -> str:
    value = text(fields, name)
    if value is None:
        raise bad_request(f"{name} is required")
    return value


def choice(fields: Fields, name: str, choices: Mapping[str, int], default: int) -> int:
    """The code of one of `choices`; `default` if absent, and 0 as default means required."""
    value = text(fields, name)
    if value is None:
        if default == 0:
            raise bad_request(f"{name} is required: one of {', '.join(choices)}")
        return default
    code = choices.get(value)
    if code is None:
        raise bad_request(f"Invalid {name}: must be one of {', '.join(choices)}")
    return code


def decimal(fields: Fields, name: str) -> str | None:
    """The text of a decimal, given as a string or a JSON number; None if absent. Its form is the units' business."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise bad_request(f"{name} must be a decimal number, as a string")
    return value


def flag(fields: Fields, name: str) -> bool:
    """A boolean, also as the text `true` or `false`; absent is false."""
    value = fields.get(name)
    if isinstance(value, bool):
        return value
    if value is None or value == "" or value == "false":
        return False
    if value == "true":
        return True
    raise bad_request(f"{name} must be true or false")


def integer(fields: Fields, name: str, low: int, high: int) -> int | None:
    """A whole number given as a JSON number or digits in a string; None if absent."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20):
        raise bad_request(f"{name} must be a whole number from {low} to {high}")
    number = int(value)
    if not low <= number <= high:
        raise bad_request(f"{name} must be from {low} to {high}")
    return number


def integer_or(fields: Fields, name: str, default: int, low: int, high: int) -> int:
    value = integer(fields, name, low, high)
    return default if value is None else value


def client_id(fields: Fields, name: str = "clientId") -> int | None:
    return integer(fields, name, 0, MAX_CLIENT_ID)


def transfer_client_id(fields: Fields) -> str | None:
    """The `clientId` of a withdrawal or a transfer between shards, which is any text."""
    value = text(fields, "clientId")
    if value is not None and (len(value) > MAX_CLIENT_ID_CHARACTERS or not value.isprintable()):
        raise bad_request(f"clientId must be text of at most {MAX_CLIENT_ID_CHARACTERS} printable characters")
    return value


def order_id(fields: Fields, name: str = "orderId") -> int | None:
    return integer(fields, name, 1, MAX_INT64)


def single(pairs: Iterable[tuple[str, str]], repeatable: frozenset[str] = frozenset()) -> dict[str, Member]:
    """Query parameters by name; only those of `repeatable` may come more than once (the last one counts)."""
    fields: dict[str, Member] = {}
    for name, value in pairs:
        if name in fields and name not in repeatable:
            raise bad_request(f"Parameter {name[:40]!r} is given more than once")
        fields[name] = value
    return fields


def symbol(fields: Fields, code: Code = Code.INVALID_SYMBOL) -> str:
    """The market symbol; `code` is what an absurd one is refused with."""
    value = required_text(fields, "symbol")
    if len(value) > MAX_SYMBOL:
        raise ApiError(code, "Invalid market")
    return value


MARKET_TYPES: Final = frozenset(("SPOT", "PERP", "IPERP", "DATED", "PREDICTION", "RFQ"))


def spot_wanted(fields: Fields) -> bool:
    """Whether the filter `marketType` lets spot markets through; absent lets all through."""
    value = text(fields, "marketType")
    if value is not None and value not in MARKET_TYPES:
        raise bad_request(f"Invalid marketType: must be one of {', '.join(sorted(MARKET_TYPES))}")
    return value in (None, "SPOT")
