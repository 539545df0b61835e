"""Several shards as one gateway: where commands go, and how the answers of several become one."""

import asyncio
from typing import Any

import numpy as np
import pytest

from engine_core.edge.refusals import Code
from engine_core.replica.setup import Setup
from engine_core.transport.gateway import OutcomeUnknown, Overloaded
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import CommandKind, EventKind, MarketState, OrderFlag, QueryKind, Reason
from engine_core.wire.events import events_of
from engine_core.wire.layout import ADMIN, EVENT
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.query_records import BALANCE, STATUS
from ingress.engine import CommandRefused, Engine
from ingress.errors import ApiError
from ingress.requests.admin_record import Admin, numbers
from ingress.requests.command_record import Command
from ingress.shards import router as module
from ingress.shards.presence import MISSES
from ingress.shards.router import Shards
from tests.ingress.fakes import FakeGateway, event
from tests.markets import BTC, SOL, setup_records

ACCOUNT = 2


class Venue:
    """SOL trades in shard 0, BTC in shard 1."""

    def __init__(self) -> None:
        self.setup = Setup()
        self.setup.apply(setup_records(), 0)
        self.gateways = [FakeGateway(), FakeGateway()]
        self.shards = Shards(self.gateways, self.setup)
        self.engine = Engine(self.shards)
        self.move(BTC, 0, 1)

    def move(self, market: int, source: int, target: int) -> None:
        for shard, state in ((source, MarketState.ELSEWHERE), (target, MarketState.OPEN)):
            record = np.zeros(1, ADMIN)
            record["kind"], record["market"], record["code"] = CommandKind.MARKET_STATE, market, state
            self.setup.apply(record, shard)

    @property
    def sent(self) -> list[int]:
        """How many commands each shard got."""
        return [len(gateway.commands) for gateway in self.gateways]


@pytest.fixture
def venue() -> Venue:
    return Venue()


def place(market: int) -> Command:
    return Command(CommandKind.PLACE, market=market, account=ACCOUNT)


def rejected(reason: Reason) -> np.ndarray:
    return event(EventKind.REJECTED, reason=reason)


def outcome(kind: EventKind = EventKind.APPLIED, reason: Reason = Reason.NONE) -> np.ndarray:
    return event(kind, reason=reason, order_type=0, time_in_force=0, self_trade=0, status=0, side=0, market=0)


@pytest.mark.parametrize(("market", "sent"), [(SOL, [1, 0]), (BTC, [0, 1]), (99, [1, 0])])
async def test_an_order_goes_to_the_shard_of_its_market(venue: Venue, market: int, sent: list[int]) -> None:
    for gateway in venue.gateways:
        gateway.answers.append(event(EventKind.ACCEPTED, market=market))
    [accepted] = await venue.engine.execute(place(market))
    assert (accepted.market, venue.sent) == (market, sent)


async def test_an_order_follows_a_market_that_has_just_moved(venue: Venue) -> None:
    venue.gateways[1].answers.append(rejected(Reason.MARKET_ELSEWHERE))
    venue.gateways[0].answers.append(event(EventKind.ACCEPTED, market=BTC))
    placing = asyncio.create_task(venue.engine.execute(place(BTC)))
    await asyncio.sleep(0)
    venue.move(BTC, 1, 0)
    assert [found.kind for found in await placing] == [EventKind.ACCEPTED]
    assert venue.sent == [1, 1]


async def test_an_order_of_a_market_that_is_nowhere_is_refused(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLLOW_SECONDS", 0.05)
    venue.gateways[1].answers.extend([rejected(Reason.MARKET_ELSEWHERE)] * 50)
    [refused] = await venue.engine.execute(place(BTC))
    assert refused.reason == Reason.MARKET_ELSEWHERE
    assert venue.sent[1] > 1


async def test_a_shard_that_takes_nothing_while_a_market_is_followed_says_so(venue: Venue) -> None:
    venue.gateways[1].answers.extend([rejected(Reason.MARKET_ELSEWHERE), Overloaded("full")])
    with pytest.raises(ApiError) as refused:
        await venue.engine.execute(place(BTC))
    assert refused.value.code is Code.TOO_MANY_REQUESTS


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("an event cannot be read"), Code.TIMEOUT), (OSError("gone"), Code.MAINTENANCE)]
)
async def test_an_order_is_answered_whatever_ends_a_shard_while_its_market_is_followed(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Code
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr(venue.gateways[0], "catch_up", broken)
    venue.gateways[1].answers.append(rejected(Reason.MARKET_ELSEWHERE))
    with pytest.raises(ApiError) as refused:
        await asyncio.wait_for(venue.engine.execute(place(BTC)), 1.0)
    assert refused.value.code is code


async def test_who_has_gone_is_told_nothing_while_a_market_is_followed(
    venue: Venue, caplog: pytest.LogCaptureFixture
) -> None:
    venue.gateways[1].answers.extend([rejected(Reason.MARKET_ELSEWHERE), Overloaded("full")])
    placing = asyncio.create_task(venue.engine.execute(place(BTC)))
    await asyncio.sleep(0)
    placing.cancel()
    await asyncio.sleep(3 * module.LOOK_SECONDS)
    assert venue.sent[1] == 2 and not caplog.records


NAMED = Command(CommandKind.PLACE, flags=OrderFlag.HAS_CLIENT_ID, market=SOL, account=ACCOUNT, client_id=5)


async def test_a_repeat_finds_the_order_that_was_made_where_the_market_was_before(venue: Venue) -> None:
    venue.move(SOL, 0, 1)
    venue.gateways[0].answers.append(event(EventKind.DUPLICATE))
    [known] = await venue.engine.execute(NAMED)
    assert (known.kind, venue.sent) == (EventKind.DUPLICATE, [1, 0])


async def test_a_new_order_of_a_market_that_moved_lately_is_asked_for_there_first(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue.move(SOL, 0, 1)
    venue.gateways[0].answers.append(rejected(Reason.MARKET_ELSEWHERE))
    venue.gateways[1].answers.extend([event(EventKind.ACCEPTED)] * 3)
    for command, sent in ((NAMED, [1, 1]), (place(SOL), [1, 2])):
        assert [found.kind for found in await venue.engine.execute(command)] == [EventKind.ACCEPTED]
        assert venue.sent == sent
    monkeypatch.setattr(module, "FORMER_SECONDS", 0.0)
    await venue.engine.execute(NAMED)
    assert venue.sent == [1, 3]


async def test_while_the_shard_that_may_know_an_order_is_away_it_is_refused_at_once(venue: Venue) -> None:
    """Whether it is a repeat nobody else can say. An order without a name needs no such answer."""
    venue.move(SOL, 0, 1)
    venue.gateways[0].records[QueryKind.STATUS] = TimeoutError("no engine")
    for _ in range(MISSES):
        await venue.shards.present[0].look()
    with pytest.raises(ApiError, match=r"shard 0, where this market traded before.*was not placed") as refused:
        await venue.engine.execute(NAMED)
    assert (refused.value.code, venue.sent) == (Code.MAINTENANCE, [0, 0])
    venue.gateways[1].answers.extend([event(EventKind.ACCEPTED)] * 2)
    await venue.engine.execute(place(SOL))
    venue.gateways[0].records[QueryKind.STATUS] = np.zeros(1, STATUS)
    await venue.shards.present[0].look()
    venue.gateways[0].answers.append(rejected(Reason.MARKET_ELSEWHERE))
    await venue.engine.execute(NAMED)
    assert venue.sent == [1, 2]


@pytest.mark.parametrize("is_at_once", [True, False])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Overloaded("its disk is full"), Code.TOO_MANY_REQUESTS),
        (ConnectionError("Redis is not reachable"), Code.MAINTENANCE),
    ],
)
async def test_a_refusal_of_the_shard_that_may_know_an_order_names_it(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, error: Exception, code: Code, is_at_once: bool
) -> None:
    def refuse(record: bytes, answer: Answer) -> None:
        if is_at_once:
            raise error
        answer.set_exception(error)

    venue.move(SOL, 0, 1)
    monkeypatch.setattr(venue.gateways[0], "append", refuse)
    with pytest.raises(ApiError, match=f"shard 0, where this market traded before.*{error}") as refused:
        await venue.engine.execute(NAMED)
    assert (refused.value.code, venue.sent) == (code, [0, 0])


async def test_what_the_shard_that_may_know_an_order_did_not_tell_is_unknown(venue: Venue) -> None:
    venue.move(SOL, 0, 1)
    venue.gateways[0].answers.append(OutcomeUnknown("the engine did not answer"))
    with pytest.raises(ApiError) as unknown:
        await venue.engine.execute(NAMED)
    assert (unknown.value.code, venue.sent) == (Code.TIMEOUT, [1, 0])


async def test_another_order_by_a_name_that_is_taken_is_refused_there(venue: Venue) -> None:
    venue.move(SOL, 0, 1)
    venue.gateways[0].answers.append(rejected(Reason.DUPLICATE_CLIENT_ID))
    [refused] = await venue.engine.execute(NAMED)
    assert (refused.reason, venue.sent) == (Reason.DUPLICATE_CLIENT_ID, [1, 0])


SWITCH = Command(CommandKind.CANCEL_AFTER, market=ALL_MARKETS, account=ACCOUNT, amount_atoms=5000)


@pytest.mark.parametrize("first", [0, 1])
async def test_what_is_of_all_markets_and_one_shard_refuses_is_refused(venue: Venue, first: int) -> None:
    venue.gateways[first].answers.append(event(EventKind.TIMER_ARMED))
    venue.gateways[1 - first].answers.append(rejected(Reason.TIMERS_SHARE))
    events = await venue.engine.execute(SWITCH)
    assert [found.kind for found in events] == [EventKind.TIMER_ARMED, EventKind.REJECTED]
    assert venue.sent == [1, 1]


async def test_a_dead_man_switch_of_all_markets_is_armed_in_every_shard(venue: Venue) -> None:
    for gateway in venue.gateways:
        gateway.answers.append(event(EventKind.TIMER_ARMED))
    assert len(await venue.engine.execute(SWITCH)) == 2
    assert [int(gateway.commands[0]["amount_atoms"]) for gateway in venue.gateways] == [5000, 5000]


async def test_an_outcome_that_one_shard_does_not_tell_is_unknown(venue: Venue) -> None:
    venue.gateways[0].answers.append(event(EventKind.TIMER_ARMED))
    venue.gateways[1].answers.append(OutcomeUnknown("shard 1 is away"))
    with pytest.raises(ApiError) as unknown:
        await venue.engine.execute(SWITCH)
    assert unknown.value.code is Code.TIMEOUT


@pytest.mark.parametrize("kind", [CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER])
async def test_money_comes_and_goes_at_home(venue: Venue, kind: CommandKind) -> None:
    venue.gateways[0].answers.append(outcome())
    await venue.engine.apply(Admin(kind, account=ACCOUNT, asset=1, payload=numbers(5, 6)))
    assert venue.sent == [1, 0]


async def test_the_state_of_a_market_is_set_where_it_trades(venue: Venue) -> None:
    venue.gateways[1].answers.append(outcome())
    await venue.engine.apply(Admin(CommandKind.MARKET_STATE, code=MarketState.CLOSED, market=BTC))
    assert venue.sent == [0, 1]


def tier() -> Admin:
    return Admin(CommandKind.FEE_TIER, code=3, account=ACCOUNT)


async def test_the_setup_goes_home_and_then_to_the_others(venue: Venue) -> None:
    for gateway in venue.gateways:
        gateway.answers.append(outcome())
    await venue.engine.apply(tier())
    assert venue.gateways[0].commands == venue.gateways[1].commands
    assert venue.sent == [1, 1]


async def test_what_home_refuses_goes_nowhere_else(venue: Venue) -> None:
    venue.gateways[0].answers.append(outcome(EventKind.REFUSED, Reason.UNKNOWN_ACCOUNT))
    with pytest.raises(CommandRefused):
        await venue.engine.apply(tier())
    assert venue.sent == [1, 0]


@pytest.mark.parametrize(
    ("told", "lacks"),
    [
        (outcome(EventKind.REFUSED, Reason.ALREADY_EXISTS), []),
        (outcome(EventKind.REFUSED, Reason.UNKNOWN_ACCOUNT), [1]),
        (OutcomeUnknown("away"), [1]),
    ],
)
async def test_a_shard_that_did_not_take_it_is_told_of(venue: Venue, told: Any, lacks: list[int]) -> None:
    seen: list[int] = []
    venue.shards.on_lack = seen.append
    venue.gateways[0].answers.append(outcome())
    venue.gateways[1].answers.append(told)
    await venue.engine.apply(tier())
    assert seen == lacks


async def test_the_answer_does_not_wait_long_for_a_shard_that_is_away(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MIRROR_SECONDS", 0.01)
    monkeypatch.setattr(venue.gateways[1], "append", lambda record, answer: None)
    venue.gateways[0].answers.append(outcome())
    await venue.engine.apply(tier())


def balances(*rows: tuple[int, int, int]) -> np.ndarray:
    records = np.zeros(len(rows), BALANCE)
    for record, row in zip(records, rows, strict=True):
        record["asset"], record["available"], record["locked"] = row
    return records


async def test_balances_are_summed_by_asset(venue: Venue) -> None:
    venue.gateways[0].records[QueryKind.BALANCES] = balances((1, 10, 1), (2, 20, 2))
    venue.gateways[1].records[QueryKind.BALANCES] = balances((1, 5, 0))
    records = await venue.engine.query(QueryKind.BALANCES, account=ACCOUNT)
    assert records[["asset", "available", "locked"]].tolist() == [(1, 15, 1), (2, 20, 2)]


def orders(*created: int) -> np.ndarray:
    records = np.zeros(len(created), EVENT)
    records["kind"], records["created_ms"], records["order_id"] = EventKind.ORDER_STATE, created, created
    return records


async def test_open_orders_of_all_markets_are_told_oldest_first(venue: Venue) -> None:
    venue.gateways[0].records[QueryKind.ORDERS] = orders(1, 4)
    venue.gateways[1].records[QueryKind.ORDERS] = orders(2, 3)
    records = await venue.engine.query(QueryKind.ORDERS, account=ACCOUNT, market=ALL_MARKETS)
    assert [found.created_ms for found in events_of(records)] == [1, 2, 3, 4]


async def test_open_orders_of_one_market_are_asked_of_its_shard(venue: Venue) -> None:
    venue.gateways[1].records[QueryKind.ORDERS] = orders(2)
    assert len(await venue.engine.query(QueryKind.ORDERS, account=ACCOUNT, market=BTC)) == 1
    assert venue.gateways[0].queries == []


async def test_home_answers_for_the_venue_and_pressure_is_told_of_any_shard(venue: Venue) -> None:
    for gateway in venue.gateways:
        gateway.records[QueryKind.STATUS] = np.zeros(1, STATUS)
    venue.gateways[1].records[QueryKind.STATUS] = TimeoutError("no engine")
    await venue.engine.query(QueryKind.STATUS)
    venue.gateways[0].records[QueryKind.STATUS] = TimeoutError("no engine")
    with pytest.raises(ApiError):
        await venue.engine.query(QueryKind.STATUS)
    assert venue.shards.healthy and not venue.shards.pressure
    venue.gateways[1].healthy, venue.gateways[1].pressure = False, "the disk is full"
    assert (venue.shards.healthy, venue.shards.pressure) == (True, "shard 1: the disk is full")
    venue.gateways[0].healthy = False
    assert not venue.shards.healthy
    assert venue.shards.failure is None
    venue.gateways[1].failure = OSError("gone")
    assert venue.shards.failure is venue.gateways[1].failure
