"""What operators' tools say to the engine: ADMIN records, the setup in the log, appending with a checked outcome.

Non-goals: deciding what to append (reconcile.py, demo.py, operator/).
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason
from engine_core.wire.layout import ADMIN, join
from engine_core.wire.limits import FEE_ACCOUNT, MAX_BLOCK_COMMANDS
from engine_core.wire.market_limits import limits_in

ENGINE_TIMEOUT_S = 120.0

log = logging.getLogger("administration")


class ApplyError(RuntimeError):
    """The engine refused a command, or did not answer; the message says which and why."""


def admin(kind: CommandKind, **fields: Any) -> np.ndarray:
    """One ADMIN record."""
    record = np.zeros(1, ADMIN)
    record["kind"] = kind
    for name, value in fields.items():
        record[name] = value
    return record


class Moved(NamedTuple):
    """What a shard knows of the moves of a market, as in ADMIN."""

    move: int = 0  # the last one that it has heard of
    goes_to: int = 0  # the shard that it has left for, + 1; 0: it is here, or nobody has said where to
    trades: int = 0  # with what the market goes on
    update_id: int = 0
    last_ticks: int = 0


@dataclass(slots=True)
class LogSetup:
    """What the log says, from the records of a SETUP answer."""

    log_id: int = 0
    assets: dict[str, np.void] = field(default_factory=dict)
    markets: dict[int, np.void] = field(default_factory=dict)
    fees: dict[int, tuple[int, int]] = field(default_factory=dict)
    limits: dict[int, dict[str, int]] = field(default_factory=dict)
    accounts: set[int] = field(default_factory=set)
    keys: dict[tuple[int, bytes], int] = field(default_factory=dict)  # account, public key: permissions
    divided: bool = False  # whether what all accounts share is divided among them
    options: dict[int, int] = field(default_factory=dict)  # account: what it has asked for, AccountOption
    moved: dict[int, Moved] = field(default_factory=dict)  # by market, if it is elsewhere or has been

    @classmethod
    def read(cls, records: np.ndarray) -> "LogSetup":
        setup = cls()
        for record in records:
            number = int(record["market"])
            match int(record["kind"]):
                case CommandKind.ASSET:
                    setup.assets[bytes(record["symbol"]).decode()] = record
                case CommandKind.MARKET:
                    setup.markets[number] = record.copy()
                case CommandKind.FEES if record["code"] == 0:
                    setup.fees[number] = (int(record["maker_ppm"]), int(record["taker_ppm"]))
                case CommandKind.MARKET_BANDS:
                    setup.limits[number] = limits_in(record)
                case CommandKind.GENESIS:
                    setup.log_id = int(record["log_id"])
                    setup.accounts.add(FEE_ACCOUNT)
                case CommandKind.ACCOUNT:
                    setup.accounts.add(int(record["account"]))
                case CommandKind.SHARES:
                    setup.divided = bool(record["code"])
                case CommandKind.ACCOUNT_OPTIONS:
                    setup.options[int(record["account"])] = int(record["code"])
                case CommandKind.MARKET_STATE:
                    setup.markets[number]["code"] = record["code"]
                    setup.moved[number] = Moved(*(int(record[name]) for name in Moved._fields))
                case CommandKind.KEY:
                    setup.keys[int(record["account"]), record["public_key"].tobytes()] = int(record["code"])
        return setup


def execute(gateway: Gateway, commands: Iterable[np.ndarray], *, allowed: tuple[Reason, ...] = ()) -> int:
    """Append `commands`, wait, and count those applied; a refusal whose reason is not `allowed` is an ApplyError."""
    records = list(commands)
    applied = 0
    for first in range(0, len(records), MAX_BLOCK_COMMANDS):
        events = gateway.execute(join(records[first : first + MAX_BLOCK_COMMANDS]))
        for event in events:
            reason = Reason(int(event["reason"]))
            if event["kind"] == EventKind.APPLIED:
                applied += 1
            elif reason not in allowed:
                record = records[first + int(event["index"])] if event["kind"] == EventKind.REFUSED else None
                what = describe(record) if record is not None else "the block"
                raise ApplyError(f"the engine refused {what}: {reason.name}")
    return applied


def describe(record: np.ndarray) -> str:
    """An ADMIN record in words, for messages."""
    one = record[0]
    fields = {name: one[name] for name in ("market", "account", "asset") if one[name]}
    return f"{CommandKind(int(one['kind'])).name} ({', '.join(f'{name} {value}' for name, value in fields.items())})"


def read_setup(gateway: Gateway, timeout_s: float = ENGINE_TIMEOUT_S) -> LogSetup:
    """Ask the engine until it answers; it may still be replaying its log."""
    return LogSetup.read(read_records(gateway, timeout_s))


def read_records(gateway: Gateway, timeout_s: float = ENGINE_TIMEOUT_S) -> np.ndarray:
    """The same as ADMIN records."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return gateway.query(QueryKind.SETUP)[1]
        except TimeoutError as error:
            if time.monotonic() > deadline:
                raise ApplyError(str(error)) from None
            log.info("waiting for the engine: %s", error)
