"""Moves a market from the shard where it trades to another one, while everything else trades on.

    the old shard   CLOSED · CANCEL_ALL of every account, if there are orders · ELSEWHERE · a pause · ELSEWHERE again
    the new shard                                                             MARKET_STATE with MOVES_HERE: it goes on

What decides is in the logs, so a move that was interrupted anywhere is finished by asking for it again. Between the two
the market trades nowhere, which is better than in two: the new shard gets it only when the old one cannot forget any
more that it gave it away (`pause_s`). The second ELSEWHERE changes nothing; its entry is later than all that the old
shard did with the market, and the new one's command names it, for the writers (persistence/arrivals.py).

One process moves a market at a time (lease.py). A note in Redis says where to, and in which state it arrives: until
that is done another shard is refused, and a move that was interrupted arrives as the market was. Where the market
trades, the logs alone say.

Non-goals: money, which stays where it is until its owner moves it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import msgspec
import numpy as np
import redis

from engine_core.administration.client import ApplyError, LogSetup, admin, execute
from engine_core.administration.lease import Lease, held
from engine_core.administration.venue import Venue, opening, trades_in
from engine_core.replica.setup import HOME
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, MarketState, Reason
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.streams import keys

DURABLE_S = 3.0  # with durability "everysec" what is older survives the death of Redis
CANCEL_TURNS = 1000  # of one account's orders: each cancels thousands


class Note(msgspec.Struct, frozen=True):
    """What a move has set out to do, in Redis beside home's logs until it is done: another one waits for that."""

    to: int
    origin: int  # where the market traded; -1: nowhere
    state: int  # in which it arrives


class _Way(NamedTuple):
    """Which market, and where its note is kept."""

    venue: Venue
    home: redis.Redis
    market: int

    @property
    def _key(self) -> str:
        return f"{keys(HOME).leases}move-{self.market}"

    def noted(self, planned: Note) -> Note:
        """The move that is under way: ours, unless there was one before."""
        self.home.set(self._key, msgspec.json.encode(planned), nx=True)
        return self.note() or planned

    def note(self) -> Note | None:
        found = self.home.get(self._key)
        return None if found is None else msgspec.json.decode(cast(bytes, found), type=Note)

    def forget(self, to: int) -> None:
        note = self.note()
        if note is not None and note.to == to:
            self.home.delete(self._key)


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
    shards = trades_in(setups, market)
    if shards == [to]:
        _check(way.note(), to)
        way.forget(to)
        return False
    note = way.noted(_plan(setups, market, to))
    setups = venue.setups()  # anew: another move may have ended before the note was ours
    shards = trades_in(setups, market)
    if note.to != to and shards == [note.to]:  # it was done, and died before it could say so
        way.forget(note.to)
        note = way.noted(_plan(setups, market, to))
    if note.origin < 0 and shards:
        note = _plan(setups, market, note.to)
    _check(note, to)
    for shard in shards:
        if shard != to:
            say(f"shard {shard}: closing it, and cancelling its orders")
            lease.check()
            _leave(venue.gateways[shard], market, sorted(setups[shard].accounts))
            say(f"shard {shard}: it has left")
    if to not in shards:
        until = _settled(venue, market, note, say)
        _check(way.note(), to)
        command = _arrival(venue, market, note, until, state or MarketState(note.state))
        lease.check()
        execute(venue.gateways[to], [command])
        word = MarketState(int(command["code"][0])).name.lower().replace("_", "-")
        say(f"shard {to}: it is {word}, and goes on after trade {command['trades'][0]}")
    way.forget(to)
    return True


def _check(note: Note | None, to: int) -> None:
    if note is not None and note.to != to:
        raise ApplyError(f"the market is on its way to shard {note.to}: end that first, with --to {note.to}")


def _plan(setups: Sequence[LogSetup], market: int, to: int) -> Note:
    """Of a move that begins now."""
    for shard in trades_in(setups, market):
        if shard != to:
            return Note(to, shard, int(setups[shard].markets[market]["code"]))
    return Note(to, -1, MarketState.CLOSED)


def _settled(venue: Venue, market: int, note: Note, say: Callable[[str], None]) -> tuple[int, int]:
    """The shard that had the market, and up to where in its log, once that cannot forget it any more."""
    origin = note.origin if note.origin >= 0 else _origin(venue.setups(), market, note.to)
    say(f"waiting {DURABLE_S:g} s, until shard {origin} has this on the disk")
    time.sleep(DURABLE_S)
    until = venue.gateways[origin].append(_state(market, MarketState.ELSEWHERE))
    venue.gateways[origin].outcome(until)
    return origin, until.ms


def _arrival(venue: Venue, market: int, note: Note, until: tuple[int, int], state: MarketState) -> np.ndarray:
    """The command that lets it go on where it goes."""
    setups, (origin, until_ms) = venue.setups(), until
    if trades_in(setups, market):
        raise ApplyError("somebody has opened the market in another shard meanwhile; repeat this")
    trades, update_id, last_ticks = setups[origin].left_with[market]
    numbers = {"trades": trades, "update_id": update_id, "last_ticks": last_ticks}
    return opening(market, code=state, asset=origin, d=until_ms, **numbers)


def _state(market: int, state: MarketState) -> np.ndarray:
    return admin(CommandKind.MARKET_STATE, market=market, code=state)


def _leave(gateway: Gateway, market: int, accounts: Sequence[int]) -> None:
    execute(gateway, [_state(market, MarketState.CLOSED)])
    if _is_gone(gateway, market):
        return
    _cancel(gateway, market, accounts)
    if not _is_gone(gateway, market):
        raise ApplyError("the market has orders again: somebody opened it meanwhile; repeat this")


def _is_gone(gateway: Gateway, market: int) -> bool:
    return execute(gateway, [_state(market, MarketState.ELSEWHERE)], allowed=(Reason.MARKET_IN_USE,)) > 0


def _cancel(gateway: Gateway, market: int, accounts: Iterable[int]) -> None:
    """All orders of these accounts, those that wait for their trigger too. One command cancels only so many."""
    left = list(accounts)
    for _ in range(CANCEL_TURNS):
        more: list[int] = []
        for first in range(0, len(left), MAX_BLOCK_COMMANDS):
            commands = np.zeros(len(left[first : first + MAX_BLOCK_COMMANDS]), COMMAND)
            commands["kind"], commands["market"] = CommandKind.CANCEL_ALL, market
            commands["account"] = left[first : first + MAX_BLOCK_COMMANDS]
            events = gateway.execute(commands)
            done = events[events["kind"] == EventKind.CANCEL_ALL_DONE]
            more += done["account"][done["reason"] == Reason.EVENT_LIMIT].tolist()
        left = more
        if not left:
            return
    raise ApplyError(f"orders of {len(left)} accounts are not cancelled yet: repeat this")


def _origin(setups: Sequence[LogSetup], market: int, to: int) -> int:
    """Where the market was last: its numbers only grow. Of two that it has left with the same, not where it goes."""

    def rank(shard: int) -> tuple[int, int, bool, int]:
        trades, update_id, _ = setups[shard].left_with[market]
        return update_id, trades, shard != to, shard

    return max(range(len(setups)), key=rank)
