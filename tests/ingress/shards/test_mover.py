"""A move between shards happens once, whatever is lost on its way, and whoever finishes it."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine_core.edge.refusals import Code
from engine_core.process.tasks import ended
from engine_core.wire.codes import CommandKind, Reason
from ingress.engine import CommandRefused, Engine
from ingress.errors import ApiError
from ingress.shards import mover as module
from ingress.shards.mover import Mover, Path
from tests.ingress.shards.ledgers import AFTER, BEFORE, SURE, Ledger, in_flight, total
from tests.ingress.shards.looks import Looks

ACCOUNT, ASSET, FUNDS = 2, 1, 1_000
OUT, IN = CommandKind.MOVE_OUT, CommandKind.MOVE_IN
PATH = Path(ACCOUNT, 0, 1)


class Venue:
    def __init__(self, shards: int = 2) -> None:
        self.ledgers = [Ledger(shard) for shard in range(shards)]
        self.ledgers[0].held[ACCOUNT, ASSET] = FUNDS
        self.completed: list[int] = []
        self.mover = self.another()

    def another(self, is_away: Callable[[int], bool] = lambda shard: False) -> Mover:
        """As another ingress process would have it."""
        return Mover([Engine(ledger) for ledger in self.ledgers], self.complete, is_away)

    async def complete(self, shard: int) -> None:
        self.completed.append(shard)
        self.ledgers[shard].accounts.add(ACCOUNT)

    @property
    def held(self) -> list[int]:
        return [ledger.held[ACCOUNT, ASSET] for ledger in self.ledgers]


@pytest.fixture
def venue() -> Venue:
    return Venue()


async def test_money_leaves_one_shard_and_arrives_in_another(venue: Venue) -> None:
    await venue.mover.move(PATH, ASSET, 300, 77)
    await venue.mover.move(PATH, ASSET, 200, 78)
    assert venue.held == [500, 500]
    assert [ledger.commands for ledger in venue.ledgers] == [[OUT] * 2, [IN] * 2]


async def test_a_repeat_moves_nothing(venue: Venue) -> None:
    for _ in range(3):
        await venue.mover.move(PATH, ASSET, 300, 77)
    assert venue.held == [700, 300]
    with pytest.raises(CommandRefused) as refused:
        await venue.mover.move(PATH, ASSET, 301, 77)
    assert refused.value.reason is Reason.DUPLICATE_REFERENCE


@pytest.mark.parametrize("is_known", [True, False], ids=["in-the-history", "unknown"])
async def test_a_repeat_is_not_taken_for_one_that_came_behind_it(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """Between the refusal of the repeat and the look at what it was."""
    await venue.mover.move(PATH, ASSET, 300, 77)
    link, looks = venue.mover.link, 0

    async def overtaken(path: Path) -> module.Link:
        nonlocal looks
        looks += 1
        if looks == 2:
            await venue.another().move(PATH, ASSET, 5, 78)
        return await link(path)

    async def is_done() -> bool:
        return is_known and looks > 1

    monkeypatch.setattr(venue.mover, "link", overtaken)
    if is_known:
        assert await venue.mover.move(PATH, ASSET, 300, 77, is_done) == 0
    else:
        with pytest.raises(ApiError) as unknown:
            await venue.mover.move(PATH, ASSET, 300, 77)
        assert unknown.value.code is Code.TIMEOUT
    assert (looks, venue.held) == (2, [695, 305])


async def test_what_is_not_there_cannot_leave(venue: Venue) -> None:
    with pytest.raises(CommandRefused) as refused:
        await venue.mover.move(PATH, ASSET, FUNDS + 1, 77)
    assert refused.value.code is Code.INSUFFICIENT_FUNDS
    assert venue.held == [FUNDS, 0]


async def test_one_that_is_half_done_is_finished_before_the_next(venue: Venue) -> None:
    venue.ledgers[1].fate = lambda kind: BEFORE
    with pytest.raises(ApiError):
        await venue.mover.move(PATH, ASSET, 300, 77)
    assert (venue.held, in_flight(venue.ledgers)) == ([700, 0], 300)
    venue.ledgers[1].fate = lambda kind: SURE
    await venue.another().move(PATH, ASSET, 1, 78)
    assert (venue.held, in_flight(venue.ledgers)) == ([699, 301], 0)


async def test_a_shard_that_does_not_know_the_account_yet_is_told_of_it(venue: Venue) -> None:
    venue.ledgers[1].accounts.clear()
    await venue.mover.move(PATH, ASSET, 300, 77)
    assert (venue.held, venue.completed) == ([700, 300], [1])


async def test_nothing_leaves_for_a_shard_that_is_ahead(venue: Venue) -> None:
    """Entries of home's log were lost: a second move 1 would be taken for the first one there, and be gone."""
    venue.ledgers[1].links[ACCOUNT, 0].in_sequence = 3
    with pytest.raises(ApiError, match="exchange verify"):
        await venue.mover.move(PATH, ASSET, 300, 77)
    assert venue.held == [FUNDS, 0]


async def test_many_at_once_come_one_after_the_other(venue: Venue) -> None:
    movers = [venue.mover, venue.another(), venue.another()]
    there = [movers[n % 3].move(PATH, ASSET, 10, 100 + n) for n in range(12)]
    back = [movers[n % 3].move(Path(ACCOUNT, 1, 0), ASSET, 1, 200 + n) for n in range(4)]
    await asyncio.gather(*there)
    await asyncio.gather(*back)
    assert venue.held == [FUNDS - 120 + 4, 120 - 4]


async def test_bring_takes_from_where_most_is() -> None:
    venue = Venue(4)
    for shard, atoms in enumerate([5, 0, 300, 80]):
        venue.ledgers[shard].held[ACCOUNT, ASSET] = atoms
    await venue.mover.bring(ACCOUNT, ASSET, 350, 1, venue.held)
    assert venue.held == [5, 350, 0, 30]


# What others have left half done


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "SECONDS", 0.02)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.005)
    yield


async def until_done(venue: Venue, mover: Mover) -> None:
    work = asyncio.create_task(mover.keep_finishing())
    async with asyncio.timeout(20):
        while in_flight(venue.ledgers):
            await asyncio.sleep(0.005)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def watched(venue: Venue, mover: Mover) -> None:
    for ledger in venue.ledgers:
        ledger.observers.append(lambda slots, shard=ledger.shard: mover.observe(slots, shard))  # type: ignore[misc]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("is_seen", [True, False], ids=["seen-in-the-log", "found-at-the-start"])
async def test_somebody_else_finishes_it(venue: Venue, is_seen: bool) -> None:
    other = venue.another()
    if is_seen:
        watched(venue, other)
    venue.ledgers[1].fate = lambda kind: BEFORE
    with pytest.raises(ApiError):
        await venue.mover.move(PATH, ASSET, 300, 77)
    venue.ledgers[1].fate = lambda kind: SURE
    await until_done(venue, other)
    assert venue.held == [700, 300]


@pytest.mark.usefixtures("hurried")
async def test_what_arrived_in_time_is_left_alone(venue: Venue) -> None:
    other = venue.another()
    watched(venue, other)
    await venue.mover.move(PATH, ASSET, 300, 77)
    work = asyncio.create_task(other.keep_finishing())
    await asyncio.sleep(0.1)
    work.cancel()
    assert venue.ledgers[1].commands == [IN]


@pytest.mark.usefixtures("hurried")
async def test_a_shard_that_is_away_is_asked_until_it_is_back(venue: Venue) -> None:
    other = venue.another()
    watched(venue, other)
    fates = iter([BEFORE] * 4)
    venue.ledgers[1].fate = lambda kind: next(fates, SURE)
    with pytest.raises(ApiError):
        await venue.mover.move(PATH, ASSET, 300, 77)
    await until_done(venue, other)
    assert venue.held == [700, 300]


async def left_half_done(venue: Venue, *targets: int) -> None:
    """A move from home to each of these."""
    for target in targets:
        venue.ledgers[target].fate = lambda kind: BEFORE
        with pytest.raises(ApiError):
            await venue.mover.move(Path(ACCOUNT, 0, target), ASSET, 100, 77)
        venue.ledgers[target].fate = lambda kind: SURE
        venue.ledgers[target].commands.clear()


async def until_held(venue: Venue, target: int) -> None:
    async with asyncio.timeout(20):
        while not venue.held[target]:
            await asyncio.sleep(0.005)


@pytest.mark.usefixtures("hurried")
async def test_money_for_a_shard_does_not_wait_for_another_one_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue = Venue(3)
    other = venue.another()
    watched(venue, other)
    await left_half_done(venue, 1, 2)
    monkeypatch.setattr(venue.ledgers[1], "append", lambda record, answer: None)
    work = asyncio.create_task(other.keep_finishing())
    await until_held(venue, 2)
    assert venue.held == [FUNDS - 200, 0, 100]
    await ended(work)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("is_seen", [True, False], ids=["seen-in-the-log", "found-at-the-start"])
async def test_a_shard_that_is_away_is_sent_nothing_until_it_is_back(
    venue: Venue, is_seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(module.SECONDS)
    monkeypatch.setattr(module, "time", looks)
    away = {1}
    other = venue.another(away.__contains__)
    if is_seen:
        watched(venue, other)
    await left_half_done(venue, 1)
    work = asyncio.create_task(other.keep_finishing())
    await looks.pass_by()
    assert venue.ledgers[1].commands == []
    away.clear()
    await until_held(venue, 1)
    assert venue.ledgers[1].commands == [IN]
    await ended(work)


@pytest.mark.usefixtures("hurried")
async def test_what_was_half_done_at_the_start_is_found_shard_by_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = Venue(3)
    await left_half_done(venue, 1, 2)
    with monkeypatch.context() as patch:

        async def silent(*_: object, **__: object) -> Any:
            raise TimeoutError("shard 1 does not answer")

        patch.setattr(venue.ledgers[1], "query", silent)
        work = asyncio.create_task(venue.another().keep_finishing())
        await until_held(venue, 2)
        assert venue.held == [FUNDS - 200, 0, 100]
    await until_held(venue, 1)
    await ended(work)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("seed", range(30))
async def test_whatever_dies_nothing_is_lost_or_doubled(seed: int) -> None:
    """Commands lost before and after they were executed, clients that go away, processes that begin anew."""
    chance = random.Random(seed)
    venue = Venue(3)
    for ledger in venue.ledgers:
        ledger.held[ACCOUNT, ASSET] = FUNDS
        ledger.fate = lambda kind: chance.choices((SURE, BEFORE, AFTER), (6, 2, 2))[0]
    moved: set[int] = set()
    for number in range(40):
        mover = venue.another() if chance.random() < 0.3 else venue.mover
        source, target = chance.sample(range(3), 2)
        reference = chance.choice([1000 + number, *moved]) if moved else 1000 + number
        task = asyncio.create_task(mover.move(Path(ACCOUNT, source, target), ASSET, chance.randint(1, 400), reference))
        for _ in range(chance.randint(0, 8)):
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        moved.add(reference)
        assert total(venue.ledgers) == 3 * FUNDS
        assert all(ledger.held[ACCOUNT, ASSET] >= 0 for ledger in venue.ledgers)
    for ledger in venue.ledgers:
        ledger.fate = lambda kind: SURE
    await until_done(venue, venue.another())
    assert sum(venue.held) == 3 * FUNDS
