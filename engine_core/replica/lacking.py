"""What one shard lacks of the setup of home (shard 0), where it is decided: all shards have the same.

Non-goals: a market's state, which is that of the shard where it trades, and funds.
"""

from collections.abc import Iterator

import numpy as np

from engine_core.wire.codes import AccountState, CommandKind, MarketState
from engine_core.wire.layout import ADMIN
from engine_core.wire.market_limits import NO_LIMITS


def lacking(home: np.ndarray, other: np.ndarray) -> list[bytes]:
    """The commands, in their order, that make the setup of another shard that of home; both as answers of SETUP."""
    wanted, known = _comparable(home), _comparable(other)
    has = set(known)
    missing = [command for command in wanted if command not in has]
    said = {_subject(command) for command in wanted}
    return missing + [undone for command in known if _subject(command) not in said for undone in _undone(command)]


def _comparable(records: np.ndarray) -> list[bytes]:
    """What both must have. A market trades in one of them: in another shard it begins ELSEWHERE."""
    left_out = (CommandKind.GENESIS, CommandKind.MARKET_STATE)
    records = records[~np.isin(records["kind"], left_out)].copy()
    records["code"][records["kind"] == CommandKind.MARKET] = MarketState.ELSEWHERE
    size, data = ADMIN.itemsize, records.tobytes()
    return [data[start : start + size] for start in range(0, len(data), size)]


def _subject(command: bytes) -> tuple[object, ...]:
    """What a command is about: there is one of a kind for each."""
    record = np.frombuffer(command, ADMIN)[0]
    kind = int(record["kind"])
    if kind == CommandKind.KEY:
        return kind, record["public_key"].tobytes()
    tier = int(record["code"]) if kind == CommandKind.FEES else 0
    return kind, int(record["market"]), int(record["account"]), int(record["asset"]), tier


def _undone(command: bytes) -> Iterator[bytes]:
    """What takes back a command of which home has none."""
    record = np.frombuffer(command, ADMIN).copy()
    match int(record["kind"][0]):
        case CommandKind.KEY:
            record["kind"], record["code"] = CommandKind.KEY_REVOKE, 0
        case CommandKind.ACCOUNT_STATE:
            record["code"] = AccountState.OK
        case CommandKind.FEE_TIER | CommandKind.ACCOUNT_OPTIONS | CommandKind.SHARES:
            record["code"] = 0
        case CommandKind.MARKET_BANDS:
            for name, value in NO_LIMITS.items():
                record[name] = value
        case _:
            return  # definitions stay for good
    yield record.tobytes()
