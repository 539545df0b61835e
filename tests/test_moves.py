"""Money and markets between two shards: whoever dies wherever, nothing is lost, nothing is there twice."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest

from engine_core.administration.client import admin
from engine_core.book.audit import audit
from engine_core.book.memory.state import State
from engine_core.operator.proof import venue
from engine_core.wire.codes import CommandKind, MarketState, Reason
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import ALL_MARKETS, FEE_ACCOUNT, ORDERS_OF_A_SHARD, shard_of_order
from tests.runtime.rig import FUNDS
from tests.simulated.moves import (
    ACCOUNTS,
    ASSETS,
    FUNDED,
    MarketMover,
    Mover,
    Shard,
    Trader,
    Way,
    check_money,
    check_numbers,
    in_flight,
)
from tests.simulated.world import World

SECONDS = 30.0
OUT, BACK = Way(2, 0, 1), Way(2, 1, 0)


class Venue:
    """Two shards with an engine each."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.shards = [Shard(self.world, number) for number in (0, 1)]
        for shard in self.shards:
            self.world.start(f"engine-{shard.number}", shard.engine)

    def do(self, body: Callable[[], None], meanwhile: Callable[[], None] = lambda: None) -> None:
        """Until it is done, or has died."""
        actor = self.world.start("client", body)
        while not actor.done:
            assert self.world.step(self.world.now + SECONDS), "it does not end"
            meanwhile()
        self.world.actors.remove(actor)
        if actor.error is not None:
            raise actor.error

    def run(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        end = self.world.now + seconds
        while self.world.step(end):
            meanwhile()
            for actor in self.world.actors:
                if actor.error is not None:
                    raise actor.error

    def kill_engine(self, number: int) -> None:
        (victim,) = (actor for actor in self.world.actors if actor.name == f"engine-{number}")
        self.world.kill(victim)
        self.world.start(victim.name, victim.body)

    def settle(self) -> None:
        """All that is in the logs is executed."""
        self.run(SECONDS)
        assert all(shard.machine.position == shard.top for shard in self.shards)

    def held(self, shard: int, account: int, asset: int) -> int:
        state = self.shards[shard].machine.state
        balance = state.balances[account * len(state.assets) + asset]
        return int(balance["available"]) + int(balance["locked"])

    def close(self) -> None:
        for actor in list(self.world.actors):
            self.world.kill(actor)


class Cut:
    """A log that was read up to one of its entries, as `verify` has replayed it."""

    def __init__(self, shard: Shard, entries: int) -> None:
        self.shard, self._machine = shard.number, shard.replayed(entries)
        self._left = iter(shard.log[entries:])

    @property
    def state(self) -> State:
        return self._machine.state

    def run(self, until: Callable[[State], bool]) -> None:
        for entry, block in self._left:
            self._machine.execute(entry, block)
            if until(self.state):
                return


def check_cut(shards: list[Shard], entries: tuple[int, int]) -> None:
    """Logs that were read to any two places prove that everything is there."""
    cuts: Any = [Cut(shard, number) for shard, number in zip(shards, entries, strict=True)]
    venue.complete(cuts)
    moves = venue.Moves(cuts)
    assert not moves.problems(len(cuts))
    assert not venue.market_problems(cuts)[0]
    for sums in venue.sums(cuts, moves.half_done()).values():
        assert sums.deposited == FUNDS * len(FUNDED) and sums.missing == 0


@pytest.mark.parametrize("dies_with", [None, 0, 1], ids=["alone", "with the engine of the source", "of the target"])
def test_a_mover_that_dies_at_any_step_is_followed_by_another(dies_with: int | None) -> None:
    for step in count(1):
        venue_of = Venue(step)
        first, second = Mover(venue_of.shards, dies_at=step), Mover(venue_of.shards)
        venue_of.do(partial(first.move, OUT, 1, 500, 11))
        if dies_with is not None:
            venue_of.kill_engine(dies_with)
        check_money(venue_of.shards)
        venue_of.do(partial(second.move, OUT, 1, 70, 12))
        venue_of.settle()
        check_money(venue_of.shards)
        assert not sum(in_flight([shard.machine.state for shard in venue_of.shards]).values())
        assert venue_of.held(1, 2, 1) in ((570,) if first.done else (70, 570))
        assert second.done == [12]
        ended = first.done == [11]
        venue_of.close()
        if ended:
            assert step > 8, "it has more steps than that"
            return


def test_what_a_dead_mover_left_is_finished_by_anybody() -> None:
    outcomes = set()
    for step in count(1):
        venue_of = Venue(100 + step)
        mover, other = Mover(venue_of.shards, dies_at=step), Mover(venue_of.shards)
        venue_of.do(partial(mover.move, OUT, 2, 300, 5))
        venue_of.settle()
        left = in_flight([shard.machine.state for shard in venue_of.shards])[2]
        venue_of.do(other.finish_all)
        check_money(venue_of.shards)
        assert venue_of.held(1, 2, 2) in (0, 300)
        assert not sum(in_flight([shard.machine.state for shard in venue_of.shards]).values())
        outcomes.add((left, venue_of.held(1, 2, 2)))
        venue_of.close()
        if mover.done:
            break
    assert outcomes == {(0, 0), (300, 300), (0, 300)}, "it died before, in the middle, and behind"


def test_a_market_mover_that_dies_at_any_step_is_followed_by_another() -> None:
    for step in count(1):
        venue_of = Venue(200 + step)
        first, second = MarketMover(venue_of.shards, dies_at=step), MarketMover(venue_of.shards)
        trader = venue_of.world.start("trader", Trader(venue_of.shards).run)
        venue_of.run(0.2)
        venue_of.do(partial(first.bring, 1, 1))
        assert len(_trades_in(venue_of, 1)) <= 1, "it trades in two shards"
        venue_of.do(partial(second.bring, 1, 1))
        assert _trades_in(venue_of, 1) == [1]
        for way, asset in ((OUT, 1), (Way(3, 0, 1), 2)):
            venue_of.do(partial(Mover(venue_of.shards).move, way, asset, FUNDS // 4, 3))
        before = check_numbers(venue_of.shards, 1)
        while check_numbers(venue_of.shards, 1) == before:
            _cancel_all(venue_of.shards[1])  # who would trade with himself alone begins anew
            venue_of.run(0.5)
            assert venue_of.world.now < SECONDS, "it does not trade on"
        venue_of.world.kill(trader)
        venue_of.settle()
        check_money(venue_of.shards)
        venue_of.close()
        if first.came:
            assert step > 15, "it has more steps than that"
            return


@pytest.mark.parametrize("seed", range(5))
def test_movers_that_stand_still_open_a_market_in_one_shard(seed: int) -> None:
    """Nothing is traded in it, so its other numbers do not tell an old move from a new one."""
    venue_of = Venue(300 + seed)
    came: Counter[int] = Counter()

    def mover() -> None:
        client = MarketMover(venue_of.shards, loses=0.1, stalls=0.05)
        while True:
            target = venue_of.world.chance.choice((0, 1))
            client.bring(1, target)
            came[target] += 1

    def look() -> None:
        assert len(_trades_in(venue_of, 1)) <= 1, "it trades in two shards"

    for number in range(3):
        venue_of.world.start(f"mover-{number}", mover)
    venue_of.run(SECONDS, look)
    late = Counter(reason for shard in venue_of.shards for reason in shard.events()["reason"].tolist())
    assert late[Reason.BAD_SEQUENCE] and min(came.values()) > 5
    venue_of.close()


def _cancel_all(shard: Shard) -> None:
    for account in ACCOUNTS:
        command = np.zeros(1, COMMAND)
        command["kind"], command["account"], command["market"] = CommandKind.CANCEL_ALL, account, ALL_MARKETS
        shard.append(command)


def _trades_in(venue_of: Venue, market: int) -> list[int]:
    states = [int(shard.machine.state.markets[market]["state"]) for shard in venue_of.shards]
    return [number for number, state in enumerate(states) if state != MarketState.ELSEWHERE]


@pytest.mark.parametrize("seed", range(6))
def test_money_moves_while_everybody_trades_and_anybody_dies(seed: int) -> None:
    venue_of = Venue(seed)
    world, shards = venue_of.world, venue_of.shards
    pick, numbers = world.chance, count(1)

    def mover() -> None:
        client = Mover(shards, dies_at=pick.choice((0, pick.randrange(1, 60))), loses=0.1)
        while True:
            way = pick.choice((OUT, OUT, BACK, Way(3, 0, 1), Way(3, 1, 0), Way(FEE_ACCOUNT, 1, 0)))
            client.move(way, pick.choice(ASSETS), pick.choice((1, 1_000, FUNDS // 8, FUNDS)), next(numbers))

    def market_mover() -> None:
        client = MarketMover(shards, dies_at=pick.choice((0, pick.randrange(1, 60))), loses=0.1, stalls=0.05)
        while True:
            client.bring(1, pick.choice((0, 1)))
            world.wait(seconds=pick.choice((0.0, 0.3)))

    seen = [0]

    def look() -> None:
        """After each command that an engine has executed."""
        if (executed := sum(len(shard.mirrors) for shard in shards)) != seen[0]:
            seen[0] = executed
            check_money(shards)
            assert len(_trades_in(venue_of, 1)) <= 1, "it trades in two shards"

    world.start("trader", Trader(shards).run)
    for name in ("finisher-1", "finisher-2"):
        world.start(name, Mover(shards, loses=0.1).keep_finishing)
    for _ in range(12):
        for actor in [actor for actor in world.actors if actor.done]:
            world.actors.remove(actor)  # dead; others come
        names = {actor.name for actor in world.actors}
        for name in ("mover-1", "mover-2", "market-1", "market-2"):  # those of markets want them in different shards
            if name not in names:
                world.start(name, mover if name.startswith("mover") else market_mover)
        venue_of.run(0.25, look)
        if pick.random() < 0.5:
            venue_of.kill_engine(pick.choice((0, 1)))
    for actor in [actor for actor in world.actors if not actor.name.startswith(("engine", "finisher"))]:
        world.kill(actor)
    venue_of.settle()
    check_money(shards)
    assert not sum(in_flight([shard.machine.state for shard in shards]).values()), "a move was left half done"
    for shard in shards:
        audit(shard.machine.state)
        assert set(shard.events()["reason"].tolist()) >= {Reason.NONE, Reason.MARKET_ELSEWHERE}
        ids = shard.events()["order_id"]
        assert {shard_of_order(each) for each in ids[ids >= ORDERS_OF_A_SHARD].tolist()} <= {shard.number}
    assert sum(check_numbers(shards, market) for market in (1, 2)), "nothing was traded"
    for _ in range(12):
        check_cut(shards, tuple(pick.randrange(1, len(shard.log) + 1) for shard in shards))  # type: ignore[arg-type]
    venue_of.close()


def test_money_out_of_nothing_and_money_that_is_lost_are_found() -> None:
    shards = [Shard(World(1), number) for number in (0, 1)]
    where = {"account": 2, "asset": 1, "amount_atoms": 40, "move_reference": 9}
    shards[1].append(admin(CommandKind.MOVE_IN, code=0, sequence=1, **where))
    cuts: Any = [Cut(shard, len(shard.log)) for shard in shards]
    venue.complete(cuts)
    assert "is there twice" in venue.Moves(cuts).problems(2)[0]
    assert venue.sums(cuts, ())[1].missing == -40

    for sequence in (1, 2, 3):
        out = where | {"sequence": sequence, "move_reference": sequence}
        shards[0].append(admin(CommandKind.MOVE_OUT, code=1, **out))
    cuts = [Cut(shard, len(shard.log)) for shard in shards]
    venue.complete(cuts)
    moves = venue.Moves(cuts)
    (problem,) = moves.problems(2)
    assert "the last that arrived is 1, and 3 has left" in problem
    assert [move.atoms for move in moves.half_done()] == [40]
    assert venue.sums(cuts, moves.half_done())[1].missing == 40


@pytest.mark.parametrize("state", [MarketState.OPEN, MarketState.CLOSED])
def test_a_market_that_trades_twice_or_nowhere_is_named(state: MarketState) -> None:
    shards = [Shard(World(1), number) for number in (0, 1)]
    shards[0].append(admin(CommandKind.MARKET_STATE, market=1, code=MarketState.ELSEWHERE))
    cuts: Any = [Cut(shard, len(shard.log)) for shard in shards]
    assert venue.market_problems(cuts) == (
        [],
        ["market 1 trades in no shard: it is on its way to one, or has not begun"],
    )
    shards[0].append(admin(CommandKind.MARKET_STATE, market=2, code=state, flags=1))
    cuts = [Cut(shard, len(shard.log)) for shard in shards]
    venue.complete(cuts)
    assert venue.market_problems(cuts)[0] == ["market 2 trades in several shards: 0, 1"]


def test_setup_that_has_not_come_yet_is_named() -> None:
    shards = [Shard(World(1), number) for number in (0, 1)]
    cuts: Any = [Cut(shard, 1) for shard in shards]
    assert venue.setup_differences(cuts) == []
    shards[0].append(admin(CommandKind.FEE_TIER, account=2, code=3))
    cuts = [Cut(shard, len(shard.log)) for shard in shards]
    assert venue.setup_differences(cuts) == ["shard 1 has not all of the setup of shard 0 yet: FEE_TIER"]
