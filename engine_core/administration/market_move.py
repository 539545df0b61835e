"""Moves a market from the shard where it trades to another one, while everything else trades on.

    the old shard   CLOSED · CANCEL_ALL of every account, if there are orders · ELSEWHERE · a pause · ELSEWHERE again
    the new shard                                                             MARKET_STATE with MOVES_HERE: it goes on

What decides is in the logs, so a move that was interrupted anywhere is finished by asking for it again. Between the two
the market trades nowhere, which is better than in two: the new shard gets it only when the old one cannot forget any
more that it gave it away (`pause_s`). The second ELSEWHERE changes nothing; its entry is later than all that the old
shard did with the market, and the new one's command names it, for the writers (persistence/arrivals.py).

Non-goals: money, which stays where it is until its owner moves it.
"""

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from engine_core.administration.client import ApplyError, LogSetup, admin, execute
from engine_core.administration.venue import Venue, opening, trades_in
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, MarketState, Reason
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_BLOCK_COMMANDS

DURABLE_S = 3.0  # with durability "everysec" what is older survives the death of Redis
CANCEL_TURNS = 1000  # of one account's orders: each cancels thousands


def move(venue: Venue, market: int, to: int, state: MarketState | None, say: Callable[[str], None]) -> bool:
    """Whether it had to move. `state` in the new shard; None: as it was where it traded, if it is not closed by now.

    ApplyError says what stands in the way; asking again goes on.
    """
    venue.complete()
    setups = venue.setups()
    shards = trades_in(setups, market)
    if shards == [to]:
        return False
    before = {MarketState(int(setups[shard].markets[market]["code"])) for shard in shards}
    for shard in shards:
        if shard != to:
            say(f"shard {shard}: closing it, and cancelling its orders")
            _leave(venue.gateways[shard], market, sorted(setups[shard].accounts))
            say(f"shard {shard}: it has left")
    if to in shards:
        return True
    arrive = state or next(iter(before - {MarketState.CLOSED}), MarketState.CLOSED)
    setups = venue.setups()
    origin = _origin(setups, market, to)
    say(f"waiting {DURABLE_S:g} s, until shard {origin} has this on the disk")
    time.sleep(DURABLE_S)
    until = venue.gateways[origin].append(_state(market, MarketState.ELSEWHERE))
    trades, update_id, last_ticks = setups[origin].left_with[market]
    numbers = {"trades": trades, "update_id": update_id, "last_ticks": last_ticks}
    command = opening(market, code=arrive, asset=origin, d=until.ms, **numbers)
    venue.gateways[origin].outcome(until)
    execute(venue.gateways[to], [command])
    say(f"shard {to}: it is {arrive.name.lower().replace('_', '-')}, and goes on after trade {trades}")
    return True


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
