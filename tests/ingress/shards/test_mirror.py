"""What home has of the setup and another shard lacks, is found and appended there."""

import asyncio
from collections import deque
from typing import Any

import numpy as np
import pytest

from engine_core.administration.client import admin
from engine_core.replica.lacking import lacking
from engine_core.replica.market_data import NOTHING, Changes
from engine_core.wire.codes import (
    AccountOption,
    AccountState,
    CommandKind,
    EventKind,
    KeyPermission,
    MarketFlag,
    MarketState,
    QueryKind,
)
from engine_core.wire.layout import ADMIN, ADMIN_EVENT, EVENT, SLOT, join
from ingress.shards import mirror as module
from ingress.shards.mirror import Mirror
from tests.ingress.fakes import FakeGateway, event
from tests.ingress.shards.looks import Looks
from tests.markets import BTC, SOL, key_record, setup_records

KEY = key_record(2, bytes([7]) * 32, KeyPermission.READ)
EMPTY = setup_records()[:1]


def other_setup() -> np.ndarray:
    """Of a shard in which no market trades, as its engine tells it."""
    records = setup_records().copy()
    records["code"][records["kind"] == CommandKind.MARKET] = MarketState.ELSEWHERE
    numbers = {"trades": 9, "update_id": 99, "last_ticks": 5, "flags": MarketFlag.MOVES_HERE}
    state = admin(CommandKind.MARKET_STATE, market=SOL, code=MarketState.ELSEWHERE, **numbers)
    genesis = records["kind"] == CommandKind.GENESIS
    records["log_id"][genesis], records["market"][genesis] = 78, 1
    return join([records, state])


def with_records(*more: np.ndarray) -> np.ndarray:
    return join([setup_records(), *more])


def kinds(missing: list[bytes]) -> list[int]:
    return [command[0] for command in missing]


def only(missing: list[bytes]) -> np.void:
    [command] = missing
    return np.frombuffer(command, ADMIN)[0]


def test_a_setup_that_is_complete_lacks_nothing() -> None:
    assert lacking(setup_records(), other_setup()) == []


def test_a_new_shard_gets_all_of_it_in_its_order_and_no_market_trades_there() -> None:
    missing = lacking(with_records(KEY), EMPTY)
    assert kinds(missing) == with_records(KEY)["kind"][1:].tolist()
    markets = [np.frombuffer(each, ADMIN)[0] for each in missing if each[0] == CommandKind.MARKET]
    assert [int(market["code"]) for market in markets] == [MarketState.ELSEWHERE] * 2


@pytest.mark.parametrize(
    "record",
    [
        admin(CommandKind.ACCOUNT, account=6),
        admin(CommandKind.ACCOUNT_STATE, account=2, code=AccountState.FROZEN),
        admin(CommandKind.FEE_TIER, account=2, code=3),
        admin(CommandKind.ACCOUNT_OPTIONS, account=2, code=AccountOption.AUTO_TRANSFER),
        admin(CommandKind.MARKET_BANDS, market=BTC, a=1, b=2),
        admin(CommandKind.FEES, market=SOL, code=2, a=1, b=2),
        KEY,
    ],
    ids=lambda record: CommandKind(int(record["kind"][0])).name,
)
def test_what_one_lacks_is_found(record: np.ndarray) -> None:
    assert lacking(with_records(record), other_setup()) == [record.tobytes()]


@pytest.mark.parametrize(
    ("record", "undone"),
    [
        (KEY, (CommandKind.KEY_REVOKE, 0)),
        (
            admin(CommandKind.ACCOUNT_STATE, account=2, code=AccountState.FROZEN),
            (CommandKind.ACCOUNT_STATE, AccountState.OK),
        ),
        (admin(CommandKind.FEE_TIER, account=2, code=3), (CommandKind.FEE_TIER, 0)),
        (admin(CommandKind.ACCOUNT_OPTIONS, account=2, code=1), (CommandKind.ACCOUNT_OPTIONS, 0)),
        (admin(CommandKind.MARKET_BANDS, market=BTC, a=1, d=2), (CommandKind.MARKET_BANDS, 0)),
    ],
    ids=["key", "frozen", "tier", "options", "bands"],
)
def test_what_one_has_too_much_is_taken_back(record: np.ndarray, undone: tuple[int, int]) -> None:
    command = only(lacking(setup_records(), join([other_setup(), record])))
    assert (int(command["kind"]), int(command["code"])) == undone
    assert (int(command["account"]), int(command["market"])) == (int(record["account"][0]), int(record["market"][0]))
    if record is KEY:
        assert command["public_key"].tobytes() == KEY["public_key"].tobytes()
    else:
        assert int(command["a"]) == int(command["d"]) == 0


def test_what_is_another_value_is_set_once() -> None:
    home, other = (admin(CommandKind.FEE_TIER, account=2, code=code) for code in (3, 5))
    command = only(lacking(with_records(home), join([other_setup(), other])))
    assert (int(command["kind"]), int(command["code"])) == (CommandKind.FEE_TIER, 3)


class Venue:
    def __init__(self) -> None:
        self.gateways = [FakeGateway(), FakeGateway()]
        for gateway, records in zip(self.gateways, (setup_records(), other_setup()), strict=True):
            gateway.records[QueryKind.SETUP] = records
            gateway.answers = deque([event(EventKind.APPLIED)] * 50)
        self.mirror = Mirror(self.gateways)

    def applied(self, shard: int, record: np.ndarray) -> None:
        """In the log of a shard."""
        told = np.zeros(1, ADMIN_EVENT)
        told["kind"], told["command"] = EventKind.APPLIED, record[0]
        slots = np.zeros(1, SLOT)
        slots["event"] = told.view(EVENT)
        self.mirror.observe(Changes(slots, NOTHING.levels, NOTHING.trades, NOTHING.spans, True, 0, shard))

    @property
    def sent(self) -> list[int]:
        return [int(command["kind"]) for command in self.gateways[1].commands]


@pytest.fixture
async def venue(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "SECONDS", 0.05)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    opened = Venue()
    work = asyncio.create_task(opened.mirror.keep_whole())
    await _until(lambda: opened.gateways[1].queries)  # the comparison of the start
    yield opened
    work.cancel()


@pytest.fixture
def looks(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> Looks:
    found = Looks(module.SECONDS)
    monkeypatch.setattr(module, "time", found)
    return found


async def _until(holds: Any) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def test_what_home_applied_and_the_other_did_not_is_appended(venue: Venue) -> None:
    venue.gateways[0].records[QueryKind.SETUP] = with_records(KEY)
    venue.applied(0, KEY)
    await _until(lambda: venue.sent == [CommandKind.KEY])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_what_both_have_applied_is_not_looked_into(venue: Venue, looks: Looks, order: tuple[int, int]) -> None:
    """Whichever log is read first."""
    asked = len(venue.gateways[1].queries)
    for shard in order:
        venue.applied(shard, KEY)
    await looks.pass_by()
    assert len(venue.gateways[1].queries) == asked


async def test_where_a_market_trades_is_not_mirrored(venue: Venue, looks: Looks) -> None:
    asked = len(venue.gateways[1].queries)
    venue.applied(0, admin(CommandKind.MARKET_STATE, market=SOL, code=MarketState.CLOSED))
    await looks.pass_by()
    assert len(venue.gateways[1].queries) == asked


async def test_a_shard_that_refused_is_compared_at_once(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 1000)
    venue.gateways[0].records[QueryKind.SETUP] = with_records(KEY)
    venue.mirror.lacks(1)
    await _until(lambda: venue.sent == [CommandKind.KEY])


async def test_one_that_does_not_answer_is_asked_again(venue: Venue) -> None:
    venue.gateways[0].records[QueryKind.SETUP] = with_records(KEY)
    venue.gateways[1].records[QueryKind.SETUP] = TimeoutError("no engine")
    venue.mirror.lacks(1)
    await asyncio.sleep(0.1)
    venue.gateways[1].records[QueryKind.SETUP] = other_setup()
    await _until(lambda: venue.sent == [CommandKind.KEY])
