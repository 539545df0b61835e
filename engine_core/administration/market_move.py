"""Moves a market from the shard where it trades to another one, while everything else trades on.

    the old shard   CLOSED · CANCEL_ALL of every account, if there are orders · ELSEWHERE · a pause · ELSEWHERE again
    the new shard                                                             MARKET_STATE with MOVES_HERE: it goes on

What decides is in the logs, so a move that was interrupted anywhere is finished by asking for it again. The first
ELSEWHERE says which move of this market it is, and where to: every mover reads it there, and the engines refuse what
comes too late (book/markets.py), so a market does not trade in two shards, however many move it, and however long they
stand still. Between the two it trades nowhere: the new shard gets it only when the old one cannot forget any more that
it gave it away (DURABLE_S). The second ELSEWHERE changes nothing; its entry is later than all that the old shard did
with the market, and the new one's command names it, for the writers (persistence/arrivals.py).

One process moves a market at a time (lease.py), so that none cancels what came after another one. A note in Redis says
in which state it arrives: as it was before the move, however often that was interrupted.

Non-goals: money, which stays where it is until its owner moves it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import msgspec
import numpy as np
import redis

from engine_core.administration.client import ApplyError, LogSetup, Moved, admin, execute
from engine_core.administration.lease import Lease, held
from engine_core.administration.venue import Venue, trades_in
from engine_core.replica.setup import HOME
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, MarketFlag, MarketState, Reason
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.streams import keys

DURABLE_S = 3.0  # with durability "everysec" what is older survives the death of Redis
CANCEL_TURNS = 1000  # of one account's orders: each cancels thousands


class Note(msgspec.Struct, frozen=True):
    """How a market was when a move began, in Redis beside home's logs until that is done."""

    state: int
    move: int = -1  # the last one before


class _Way(NamedTuple):
    """Which market, and where its note is kept."""

    venue: Venue
    home: redis.Redis
    market: int

    def note(self, setups: Sequence[LogSetup]) -> MarketState:
        """The state in which it is to arrive, as noted by whoever has closed it for the move that is under way, or from
        now on."""
        if (noted := closed_in(self.home, setups, self.market)) is not None:
            return noted
        state = _state_of(setups, self.market)
        note = Note(state, next_move(setups, self.market) - 1)
        self.home.set(_key(self.market), msgspec.json.encode(note))
        return state

    def forget(self) -> None:
        self.home.delete(_key(self.market))


def _key(market: int) -> str:
    return f"{keys(HOME).leases}move-{market}"


def _state_of(setups: Sequence[LogSetup], market: int) -> MarketState:
    shards = trades_in(setups, market)
    return MarketState(int(setups[shards[0]].markets[market]["code"])) if shards else MarketState.CLOSED


def closed_in(home: redis.Redis, setups: Sequence[LogSetup], market: int) -> MarketState | None:
    """In which state a market was closed for a move that has not ended yet; None if it was not."""
    if _state_of(setups, market) != MarketState.CLOSED:
        return None
    found = home.get(_key(market))
    noted = None if found is None else msgspec.json.decode(cast(bytes, found), type=Note)
    known = next_move(setups, market) - 1
    began_after = known if trades_in(setups, market) else known - 1  # the move before
    return MarketState(noted.state) if noted is not None and noted.move == began_after else None


def move(
    venue: Venue, home: redis.Redis, market: int, to: int, state: MarketState | None, say: Callable[[str], None]
) -> bool:
    """Whether it had to move. `home`: the Redis of shard 0. `state` in the new shard; None: as when the move began.

    ApplyError says what stands in the way; asking again goes on.
    """
    with held(home, f"{keys(HOME).leases}mover-{market}", "moving the market") as lease:
        return _move(_Way(venue, home, market), to, state, lease, say)


def _move(way: _Way, to: int, state: MarketState | None, lease: Lease, say: Callable[[str], None]) -> bool:
    venue, market = way.venue, way.market
    venue.complete()
    setups = venue.setups()
    shards, noted = trades_in(setups, market), way.note(setups)
    if shards == [to]:
        lease.check()
        if int(setups[to].markets[market]["code"]) != (state or noted):  # an interrupted move had closed it already
            execute(venue.gateways[to], [_state(market, state or noted)])
            say(f"shard {to}: it stays, and is {_word(state or noted)}")
        way.forget()
        return False
    for shard in shards:
        if shard != to:
            say(f"shard {shard}: closing it, and cancelling its orders")
            _leave(venue.gateways[shard], leaving(setups, market, to), sorted(setups[shard].accounts), lease)
            say(f"shard {shard}: it has left")
    if to not in shards:
        _arrive(venue, market, to, state or noted, lease, say)
    way.forget()
    return True


def _arrive(venue: Venue, market: int, to: int, state: MarketState, lease: Lease, say: Callable[[str], None]) -> None:
    left, until_ms = settle(venue, market, to), 0
    if left.shard != to:
        say(f"waiting {DURABLE_S:g} s, until shard {left.shard} has this on the disk")
        time.sleep(DURABLE_S)
        lease.check()
        again = _state(market, MarketState.ELSEWHERE)
        again["move"], again["goes_to"] = left.move, to + 1
        until = venue.gateways[left.shard].append(again)
        venue.gateways[left.shard].outcome(until)
        until_ms = until.ms
    command = arriving(market, left, code=state, asset=left.shard, d=until_ms)
    lease.check()
    _say_to(venue.gateways[to], command)
    say(f"shard {to}: it is {_word(state)}, and goes on after trade {command['trades'][0]}")


class Departure(NamedTuple):
    """What a market that trades nowhere was last, as all who move it read it."""

    shard: int
    move: int  # with which it arrives
    trades: int
    update_id: int
    last_ticks: int


def settle(venue: Venue, market: int, to: int) -> Departure:
    """Of a market that trades nowhere: see that its last shard says it goes to `to`, unless that is `to` itself.

    ApplyError if it goes elsewhere. Where nobody has said where to, as of one that has never traded, this does.
    """
    setups = venue.setups()
    origin, moved = _left(setups, market)
    if not moved.goes_to and origin != to:
        execute(venue.gateways[origin], [leaving(setups, market, to)], allowed=(Reason.BAD_SEQUENCE,))
        setups = venue.setups()
        origin, moved = _left(setups, market)
    if trades_in(setups, market):
        raise ApplyError("somebody has opened the market in another shard meanwhile; repeat this")
    if moved.goes_to not in (0, to + 1):
        target = moved.goes_to - 1
        raise ApplyError(f"the market is on its way to shard {target}: end that first, with --to {target}")
    move = moved.move if moved.goes_to else next_move(setups, market)
    return Departure(origin, move, moved.trades, moved.update_id, moved.last_ticks)


def heads_for(setups: Sequence[LogSetup], market: int) -> int | None:
    """The shard that a market which trades nowhere has left for, if that was said."""
    goes_to = _left(setups, market)[1].goes_to
    return goes_to - 1 if goes_to else None


def _left(setups: Sequence[LogSetup], market: int) -> tuple[int, Moved]:
    """Where the market was last, and what that shard says: the newest move decides, of which the shard where the market
    came is later than the one that it left; then numbers, which only grow."""
    known = [setup.moved.get(market, Moved()) for setup in setups]

    def rank(shard: int) -> tuple[int, bool, int, int, int]:
        moved = known[shard]
        return moved.move, not moved.goes_to, moved.update_id, moved.trades, -shard

    origin = max(range(len(setups)), key=rank)
    return origin, known[origin]


def next_move(setups: Sequence[LogSetup], market: int) -> int:
    """The number of a move that would begin now."""
    return 1 + max(setup.moved.get(market, Moved()).move for setup in setups)


def leaving(setups: Sequence[LogSetup], market: int, to: int) -> np.ndarray:
    """The command with which it leaves for another shard."""
    command = _state(market, MarketState.ELSEWHERE)
    command["move"], command["goes_to"] = next_move(setups, market), to + 1
    return command


def arriving(market: int, left: Departure, **fields: int) -> np.ndarray:
    """The command with which it goes on, or begins, in the shard that it has left for: of the move that was settled, so
    that it is too late when there was another one since."""
    numbers = {"trades": left.trades, "update_id": left.update_id, "last_ticks": left.last_ticks, "move": left.move}
    values = {"code": MarketState.OPEN, "flags": MarketFlag.MOVES_HERE, **numbers, **fields}
    return admin(CommandKind.MARKET_STATE, market=market, **values)


def _state(market: int, state: MarketState) -> np.ndarray:
    return admin(CommandKind.MARKET_STATE, market=market, code=state)


def _word(state: MarketState) -> str:
    return state.name.lower().replace("_", "-")


def _leave(gateway: Gateway, command: np.ndarray, accounts: Sequence[int], lease: Lease) -> None:
    """`command`: with which it leaves. Closing it is of the same move, so that it cannot come too late either."""
    closing = command.copy()
    closing["code"], closing["goes_to"] = MarketState.CLOSED, 0
    lease.check()
    _say_to(gateway, closing)
    if _say_to(gateway, command, allowed=(Reason.MARKET_IN_USE,)):
        return
    _cancel(gateway, int(command["market"][0]), accounts, lease)
    if not _say_to(gateway, command, allowed=(Reason.MARKET_IN_USE,)):
        raise ApplyError("the market has orders again: somebody opened it meanwhile; repeat this")


def _say_to(gateway: Gateway, command: np.ndarray, allowed: tuple[Reason, ...] = ()) -> bool:
    """Whether it was applied; ApplyError if it is too late, and if the reason is not `allowed`."""
    late = (Reason.BAD_SEQUENCE, Reason.BAD_FIELD, Reason.MARKET_ELSEWHERE)
    events = gateway.execute(command)
    reason = Reason(int(events["reason"][-1]))
    if reason in late:
        raise ApplyError("somebody else has moved the market meanwhile: see `exchange market list`")
    if reason not in (Reason.NONE, *allowed):
        raise ApplyError(f"the engine refused to move the market: {reason.name}")
    return reason == Reason.NONE


def _cancel(gateway: Gateway, market: int, accounts: Iterable[int], lease: Lease) -> None:
    """All orders of these accounts, those that wait for their trigger too. One command cancels only so many."""
    left = list(accounts)
    for _ in range(CANCEL_TURNS):
        more: list[int] = []
        for first in range(0, len(left), MAX_BLOCK_COMMANDS):
            commands = np.zeros(len(left[first : first + MAX_BLOCK_COMMANDS]), COMMAND)
            commands["kind"], commands["market"] = CommandKind.CANCEL_ALL, market
            commands["account"] = left[first : first + MAX_BLOCK_COMMANDS]
            lease.check()
            events = gateway.execute(commands)
            done = events[events["kind"] == EventKind.CANCEL_ALL_DONE]
            more += done["account"][done["reason"] == Reason.EVENT_LIMIT].tolist()
        left = more
        if not left:
            return
    raise ApplyError(f"orders of {len(left)} accounts are not cancelled yet: repeat this")
