"""What another shard lacks of home's setup, and what it has too much."""

from typing import Any

import numpy as np

from engine_core.replica.lacking import lacking
from engine_core.wire.codes import AccountState, CommandKind, MarketFlag, MarketState
from engine_core.wire.layout import ADMIN, join

KEYS = [np.full(32, number, np.uint8) for number in (7, 8)]


def record(kind: CommandKind, **fields: Any) -> np.ndarray:
    made = np.zeros(1, ADMIN)
    made["kind"] = kind
    for name, value in fields.items():
        made[name] = value
    return made


def setup(shard: int, *more: np.ndarray) -> np.ndarray:
    return join([record(CommandKind.GENESIS, market=shard, log_id=shard + 1), *more])


ASSET = record(CommandKind.ASSET, asset=1, symbol=b"USDC", decimals=6)
HERE = record(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=MarketState.OPEN, lot_atoms=10)
ELSEWHERE = record(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=MarketState.ELSEWHERE, lot_atoms=10)
LEFT = record(CommandKind.MARKET_STATE, market=1, code=MarketState.ELSEWHERE, flags=MarketFlag.MOVES_HERE, trades=9)


def missing(home: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.frombuffer(b"".join(lacking(home, other)), ADMIN)


def test_a_new_shard_lacks_all_but_its_log() -> None:
    account, key = record(CommandKind.ACCOUNT, account=2), record(CommandKind.KEY, account=2, public_key=KEYS[0])
    found = missing(setup(0, ASSET, HERE, account, key), setup(1))
    assert found.tobytes() == join([ASSET, ELSEWHERE, account, key]).tobytes()


def test_a_market_trades_in_one_of_them() -> None:
    for home, other in ((HERE, [ELSEWHERE, LEFT]), (join([ELSEWHERE, LEFT]), [HERE])):
        assert len(missing(setup(0, ASSET, home), setup(1, ASSET, *other))) == 0


def test_what_home_has_taken_back_is_taken_back() -> None:
    frozen = record(CommandKind.ACCOUNT_STATE, account=2, code=AccountState.FROZEN)
    tier, options = (record(kind, account=2, code=1) for kind in (CommandKind.FEE_TIER, CommandKind.ACCOUNT_OPTIONS))
    keys = [record(CommandKind.KEY, account=2, code=3, public_key=key) for key in KEYS]
    found = missing(setup(0, keys[1]), setup(1, frozen, tier, options, *keys))
    assert [(int(one["kind"]), int(one["code"])) for one in found] == [
        (CommandKind.ACCOUNT_STATE, AccountState.OK),
        (CommandKind.FEE_TIER, 0),
        (CommandKind.ACCOUNT_OPTIONS, 0),
        (CommandKind.KEY_REVOKE, 0),
    ]
    assert found[3]["public_key"].tobytes() == KEYS[0].tobytes()


def test_fees_are_those_of_home() -> None:
    fees = [record(CommandKind.FEES, market=1, code=tier, maker_ppm=ppm) for tier, ppm in ((0, 1), (0, 2), (3, 1))]
    assert missing(setup(0, fees[1], fees[2]), setup(1, fees[0])).tobytes() == join([fees[1], fees[2]]).tobytes()
