"""Orders that are refused for want of funds get them from other shards, where the account has asked for that."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine_core.administration.client import admin
from engine_core.replica.setup import Setup
from engine_core.transport.gateway import OutcomeUnknown, Overloaded
from engine_core.wire.codes import (
    AccountOption,
    CommandKind,
    EventKind,
    MarketState,
    OrderType,
    QueryKind,
    Reason,
    Side,
)
from ingress.operations.reservation import locked_by
from ingress.requests.admin_record import Admin, numbers
from ingress.requests.command_record import Command
from ingress.shards import funding as module
from ingress.shards import router
from ingress.shards.funding import Funding
from ingress.shards.mover import Half, Mover, Path
from ingress.shards.router import Shards
from tests.ingress.fakes import event
from tests.ingress.shards.ledgers import BEFORE, SURE, Ledger, total
from tests.markets import SOL, setup_records
from tests.replica.test_walk import walk_twin

ACCOUNT, OTHER, USDC, SOLS = 2, 3, 1, 2
PRICE, LOTS = 10_000, 50
NEED = PRICE * LOTS * 100  # atoms of USDC that a bid of these locks
BID = Command(
    CommandKind.PLACE, Side.BID, OrderType.LIMIT, market=SOL, account=ACCOUNT, price_ticks=PRICE, quantity_lots=LOTS
)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes is waited for, however slow this machine is."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.005)


@contextmanager
def impatient() -> Iterator[None]:
    """For what does not come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PATIENCE_SECONDS", 0.05)
        yield


class Book:
    live = True
    asks = ((PRICE, 20), (PRICE + 1, 500))

    def best(self) -> tuple[None, tuple[int, int]]:
        return None, self.asks[0]

    def walk(self, side: Side, furthest_ticks: int, lots: int, ticks: int | None = None) -> tuple[int, int]:
        return walk_twin(side, list(self.asks), furthest_ticks, lots, ticks)


class Venue:
    """SOL trades in shard 0; the account has funds elsewhere."""

    def __init__(self, *elsewhere: int) -> None:
        self.setup, self.book = Setup(), Book()
        self.setup.apply(setup_records())
        self.setup.options[ACCOUNT] = AccountOption.AUTO_TRANSFER
        self.ledgers = [Ledger(shard) for shard in range(1 + len(elsewhere))]
        for ledger, atoms in zip(self.ledgers[1:], elsewhere, strict=True):
            ledger.held[ACCOUNT, USDC] = atoms
        self.ledgers[0].need = self._need
        self.shards = Shards(self.ledgers, self.setup)
        data: Any = SimpleNamespace(setup=self.setup, book=lambda market: self.book)
        mover = Mover(self.shards.engines, self._complete)
        self.shards.on_poor = Funding(self.shards, data, mover).take
        self.before = total(self.ledgers, USDC)

    async def _complete(self, shard: int) -> None:
        raise AssertionError

    def _need(self, command: Any) -> tuple[int, int]:
        """As the real one reckons."""
        asked = Command.unpack(command.tobytes())
        market = self.setup.markets[SOL]
        asset = market.quote if asked.side == Side.BID else market.base
        return asset.number, locked_by(asked, market, self.book)  # type: ignore[arg-type]

    async def place(self, command: Command = BID) -> int:
        """EventKind of its answer."""
        answer = asyncio.get_running_loop().create_future()
        self.shards.append(command.pack(), answer)
        events = await answer
        assert total(self.ledgers, USDC) == self.before
        return int(events["kind"][-1])

    @property
    def held(self) -> list[int]:
        return [ledger.held[ACCOUNT, USDC] for ledger in self.ledgers]


async def test_an_order_is_paid_from_another_shard() -> None:
    venue = Venue(NEED + 5)
    assert await venue.place() == EventKind.ACCEPTED
    assert venue.held == [0, 5]
    assert venue.ledgers[0].commands == [CommandKind.PLACE, CommandKind.MOVE_IN, CommandKind.PLACE]


async def test_only_what_lacks_is_moved() -> None:
    venue = Venue(NEED)
    venue.ledgers[0].held[ACCOUNT, USDC] = 7
    venue.before += 7
    assert await venue.place() == EventKind.ACCEPTED
    assert venue.held == [0, 7]


async def test_an_order_that_can_be_paid_moves_nothing() -> None:
    venue = Venue(NEED)
    venue.ledgers[0].held[ACCOUNT, USDC] = NEED
    venue.before += NEED
    assert await venue.place() == EventKind.ACCEPTED
    assert (venue.held, venue.ledgers[0].commands) == ([0, NEED], [CommandKind.PLACE])


async def test_the_shard_with_most_gives_first() -> None:
    venue = Venue(NEED // 2, NEED, 10)
    assert await venue.place() == EventKind.ACCEPTED
    assert venue.held == [0, NEED // 2, 0, 10]


async def test_several_shards_give_what_one_has_not() -> None:
    venue = Venue(NEED // 2, NEED // 4, NEED // 4)
    assert await venue.place() == EventKind.ACCEPTED
    assert venue.held == [0, 0, 0, 0]


async def test_where_all_together_have_too_little_nothing_moves() -> None:
    venue = Venue(NEED - 1)
    assert await venue.place() == EventKind.REJECTED
    assert (venue.held, venue.ledgers[1].commands) == ([0, NEED - 1], [])


async def test_nobody_who_has_not_asked_for_it() -> None:
    venue = Venue(NEED)
    del venue.setup.options[ACCOUNT]
    assert await venue.place() == EventKind.REJECTED
    assert venue.held == [0, NEED]


async def test_other_refusals_stay_what_they_are() -> None:
    venue = Venue(NEED)
    venue.ledgers[1].frozen.add(ACCOUNT)
    assert await venue.place() == EventKind.REJECTED
    assert venue.held == [0, NEED]


async def test_a_market_order_is_reckoned_by_the_book() -> None:
    command = BID._replace(order_type=OrderType.MARKET, price_ticks=0)
    need = (PRICE * 20 + (PRICE + 1) * 30) * 100
    venue = Venue(2 * need)
    assert await venue.place(command) == EventKind.ACCEPTED
    assert venue.held == [0, need]


async def test_a_book_that_is_being_read_again_is_waited_for(hurried: None) -> None:
    venue = Venue(NEED)
    venue.book.live = False
    with impatient(), pytest.raises(Overloaded):
        await venue.place()
    assert venue.held == [0, NEED]
    asyncio.get_running_loop().call_later(0.03, setattr, venue.book, "live", True)
    assert await venue.place() == EventKind.ACCEPTED


async def test_a_sale_brings_the_base_asset() -> None:
    venue = Venue(0)
    venue.ledgers[1].held[ACCOUNT, SOLS] = 10**10
    assert await venue.place(BID._replace(side=Side.ASK)) == EventKind.ACCEPTED
    assert venue.ledgers[1].held[ACCOUNT, SOLS] == 10**10 - LOTS * 10**7


async def test_orders_of_one_account_take_nothing_from_each_other() -> None:
    """A batch of twenty: each is paid, or refused as it was; those that can be paid together are."""
    venue = Venue(20 * NEED)
    assert await asyncio.gather(*(venue.place() for _ in range(20))) == [EventKind.ACCEPTED] * 20
    assert venue.held == [0, 0]
    poor = Venue(3 * NEED)
    kinds = await asyncio.gather(*(poor.place() for _ in range(5)))
    assert sorted(kinds) == sorted([EventKind.ACCEPTED] * 3 + [EventKind.REJECTED] * 2)


async def test_money_that_does_not_come_is_no_lack_of_money(hurried: None) -> None:
    """The order was not placed, and may be sent again."""
    venue = Venue(NEED)
    venue.ledgers[1].fate = lambda kind: BEFORE
    with impatient(), pytest.raises(Overloaded, match="not placed"):
        await venue.place()


async def test_orders_of_one_account_are_impatient_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one after the other, each for as long again."""
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    venue = Venue(NEED)
    venue.ledgers[1].fate = lambda kind: BEFORE
    began = asyncio.get_running_loop().time()
    told = await asyncio.gather(*(venue.place() for _ in range(30)), return_exceptions=True)
    assert all(isinstance(error, Overloaded) for error in told)
    assert asyncio.get_running_loop().time() - began < 30 * 0.2 / 2


async def test_orders_that_wait_are_bounded_for_each_account_and_in_all(
    hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is too many at once, which is not too little money; another account has its own room."""
    monkeypatch.setattr(module, "MOST_OF_ONE", 2)
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    venue = Venue(10 * NEED)
    venue.setup.options[OTHER] = AccountOption.AUTO_TRANSFER
    venue.ledgers[1].held[OTHER, USDC] = 10 * NEED
    venue.before += 10 * NEED
    orders = [venue.place(BID._replace(account=account)) for account in [ACCOUNT] * 3 + [OTHER] * 2]
    told = await asyncio.gather(*orders, return_exceptions=True)
    assert [isinstance(each, Overloaded) for each in told] == [False, False, True, False, True]
    assert [each for each in told if isinstance(each, int)] == [EventKind.ACCEPTED] * 3
    assert await venue.place() == EventKind.ACCEPTED, "there is room again"


async def test_what_is_in_flight_is_waited_for(hurried: None) -> None:
    venue = Venue(NEED // 2, NEED // 2)
    path = Path(ACCOUNT, 1, 2)
    command = Admin(CommandKind.MOVE_OUT, code=2, account=ACCOUNT, asset=USDC, payload=numbers(NEED // 2, 1, 77))
    venue.ledgers[1].append(command.pack(), asyncio.get_running_loop().create_future())
    assert venue.held == [0, 0, NEED // 2]
    placing = asyncio.create_task(venue.place())
    await asyncio.sleep(0.02)
    await Mover(venue.shards.engines, venue._complete).finish(path, Half(1, USDC, NEED // 2, 77))
    assert await placing == EventKind.ACCEPTED


@pytest.mark.parametrize("asked", [QueryKind.BALANCES, QueryKind.LINKS])
async def test_what_arrives_while_shards_are_asked_is_not_overlooked(
    hurried: None, monkeypatch: pytest.MonkeyPatch, asked: QueryKind
) -> None:
    """Behind an answer to either question: it is no longer on its way, and not yet in what was said to be held."""
    venue = Venue(NEED)
    receiver = venue.ledgers[0]
    command = Admin(CommandKind.MOVE_OUT, code=0, account=ACCOUNT, asset=USDC, payload=numbers(NEED, 1, 77))
    venue.ledgers[1].append(command.pack(), asyncio.get_running_loop().create_future())
    receive = Admin(CommandKind.MOVE_IN, code=1, account=ACCOUNT, asset=USDC, payload=numbers(NEED, 1, 77))
    arrived: list[bool] = []
    answer = receiver.query

    async def arriving(kind: QueryKind, **about: Any) -> tuple[np.void, np.ndarray]:
        said = await answer(kind, **about)
        if kind is asked and not arrived:
            arrived.append(True)
            receiver.append(receive.pack(), asyncio.get_running_loop().create_future())
        return said

    monkeypatch.setattr(receiver, "query", arriving)
    assert await venue.place() == EventKind.ACCEPTED
    assert (arrived, venue.held) == ([True], [0, 0])


async def test_a_shard_that_does_not_answer_is_not_needed(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have enough; and if they have not, nobody knows."""

    async def silent(*_: object, **__: object) -> Any:
        await asyncio.sleep(60)

    venue = Venue(10 * NEED, NEED)
    monkeypatch.setattr(venue.ledgers[1], "query", silent)
    monkeypatch.setattr(router, "ANSWER_SECONDS", 0.01)
    assert await venue.place() == EventKind.ACCEPTED
    assert venue.held == [0, 10 * NEED, 0]
    with impatient(), pytest.raises(Overloaded):
        await venue.place()


async def test_other_processes_take_what_was_brought(hurried: None) -> None:
    """It is brought again, as long as there is enough."""
    venue = Venue(NEED, NEED)
    stolen: list[int] = []

    def steal(slots: Any) -> None:
        if not stolen:  # another process moves it on before the order is sent again
            stolen.append(venue.ledgers[0].held[ACCOUNT, USDC])
            venue.ledgers[0].held[ACCOUNT, USDC] = 0
            venue.ledgers[1].held[ACCOUNT, USDC] += stolen[0]

    venue.ledgers[0].observers.append(steal)
    assert await venue.place() == EventKind.ACCEPTED
    assert stolen == [NEED]


async def test_a_market_that_moves_while_funds_come_is_followed() -> None:
    """To where it trades now, which has what the order needs, or gets it."""
    venue = Venue(NEED, 0)
    there = venue.ledgers[2]
    there.need = venue._need
    append, places = venue.ledgers[0].append, 0

    def moving(record: bytes, answer: Any) -> None:
        nonlocal places
        places += record[0] == CommandKind.PLACE
        if record[0] != CommandKind.PLACE or places == 1:
            append(record, answer)
            return
        for shard, state in ((0, MarketState.ELSEWHERE), (2, MarketState.OPEN)):
            venue.setup.apply(admin(CommandKind.MARKET_STATE, market=SOL, code=state), shard)
        answer.set_result(event(EventKind.REJECTED, reason=Reason.MARKET_ELSEWHERE))

    venue.ledgers[0].append = moving  # type: ignore[method-assign]
    assert await venue.place() == EventKind.ACCEPTED
    assert (places, venue.held) == (2, [0, 0, 0])


async def test_an_outcome_that_is_unknown_is_told() -> None:
    venue = Venue(NEED)
    fates = iter([SURE, SURE, BEFORE])
    venue.ledgers[0].fate = lambda kind: next(fates)
    with pytest.raises(OutcomeUnknown):
        await venue.place()
    assert venue.held == [NEED, 0]


async def test_a_fault_of_our_own_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Any:
        raise KeyError("nobody has foreseen this")

    venue = Venue(NEED)
    monkeypatch.setattr(Funding, "_bring", broken)
    async with asyncio.timeout(10):
        with pytest.raises(OutcomeUnknown):
            await venue.place()


async def test_a_replacement_may_need_less_than_it_seems() -> None:
    """What the replaced order frees is known to the engine alone: all that is elsewhere is tried."""
    venue = Venue(NEED // 2)
    venue.ledgers[0].need = lambda command: (USDC, NEED // 2)
    assert await venue.place(BID._replace(kind=CommandKind.REPLACE)) == EventKind.ACCEPTED
    assert venue.held == [0, 0]


async def test_a_cancel_is_nothing_to_pay_for() -> None:
    venue = Venue(NEED)
    order = SimpleNamespace(record=BID._replace(kind=CommandKind.CANCEL).pack())
    assert not venue.shards.on_poor(order, None)  # type: ignore[arg-type]


async def test_an_order_is_answered_whatever_goes_wrong_with_its_funds(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue(NEED)

    def broken(*_: Any) -> int:
        raise KeyError("a bug")

    monkeypatch.setattr(module, "locked_by", broken)
    venue.ledgers[0].need = lambda command: (USDC, NEED)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(venue.place(), 1.0)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("has_funds", [True, False])
async def test_who_has_gone_is_told_nothing_of_what_was_fetched(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, has_funds: bool
) -> None:
    venue = Venue(NEED)
    if not has_funds:
        monkeypatch.setattr(module, "PATIENCE_SECONDS", -1.0)
    placing = asyncio.create_task(venue.place())
    await asyncio.sleep(0)
    placing.cancel()
    for _ in range(20):
        await asyncio.sleep(0.005)
    gc.collect()  # an error that nobody looks at is told when its task is gone
    assert not caplog.records
    assert venue.held == ([0, 0] if has_funds else [0, NEED])
