"""What must hold over all shards of a venue: money that left one is in another one, or on the way there.

    of each asset    available + locked, fees among them, of all shards + in flight = deposited - withdrawn outside

Logs are read one after the other while the exchange trades, so money may have arrived in a shard whose log was read
later, and not yet left in the one that was read before; or have left often in the one that was read later. What has
arrived had left, and before a move leaves the one before it has arrived: so the log that is behind is replayed on up to
there, until no log tells of what another lacks. All that this asks for had happened before the last log was read, so it
ends. What is lacking then is lost, or was made out of nothing. The same goes for markets, which trade in one shard.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from engine_core.book import audit, queries
from engine_core.book.memory.state import MARKETS, State
from engine_core.operator.proof.replay import Replay
from engine_core.wire.codes import CommandKind, MarketState

Way = tuple[int, int, int]  # of moves: account, from, to


class Moving(NamedTuple):
    """What has left and not arrived."""

    account: int
    from_shard: int
    to_shard: int
    sequence: int
    asset: int
    atoms: int
    reference: int


class Sums(NamedTuple):
    """Of one asset over all shards, in atoms."""

    deposited: int
    withdrawn: int
    held: int
    in_flight: int

    @property
    def missing(self) -> int:
        return self.deposited - self.withdrawn - self.held - self.in_flight


class Moves:
    """The links of all shards."""

    def __init__(self, replays: Sequence[Replay]) -> None:
        self.left: dict[Way, Moving] = {}
        self.arrived: dict[Way, int] = {}
        for replay in replays:
            for link in queries.links(replay.state, 0):
                account, other = int(link["account"]), int(link["shard"])
                if sequence := int(link["out_sequence"]):
                    way = account, replay.shard, other
                    what = (int(link[name]) for name in ("out_asset", "out_atoms", "out_reference"))
                    self.left[way] = Moving(*way, sequence, *what)
                if link["in_sequence"]:
                    self.arrived[account, other, replay.shard] = int(link["in_sequence"])

    def half_done(self) -> list[Moving]:
        return sorted(move for way, move in self.left.items() if move.sequence > self.arrived.get(way, 0))

    def before_they_left(self) -> dict[Way, int]:
        """Those whose last arrival has not left yet, as far as the logs were read: its number."""
        return {
            way: arrived
            for way, arrived in self.arrived.items()
            if way not in self.left or self.left[way].sequence < arrived
        }

    def before_the_last_arrived(self) -> dict[Way, int]:
        """Those of which more have left than can be on their way, as far as the logs were read: which has arrived."""
        return {
            way: move.sequence - 1 for way, move in self.left.items() if move.sequence > self.arrived.get(way, 0) + 1
        }

    def problems(self, shards: int) -> list[str]:
        found = []
        for way, arrived in sorted(self.before_they_left().items()):
            account, source, target = way
            last = self.left[way].sequence if way in self.left else 0
            found.append(
                f"account {account}: move {arrived} from shard {source} has arrived in shard {target}, and the last "
                f"one that left is {last}: that money is there twice. If a loss was accepted in shard {source}, the "
                "next start of the exchange takes it from there again"
            )
        for move in self.half_done():
            account, source, target = way = move[:3]
            arrived = self.arrived.get(way, 0)
            if target >= shards:
                found.append(f"account {account}: move {move.sequence} went to shard {target}, which this venue lacks")
            elif move.sequence > arrived + 1:
                found.append(
                    f"account {account}: of the moves from shard {source} to shard {target} the last that arrived is "
                    f"{arrived}, and {move.sequence} has left: what was between them is lost. If a loss was accepted "
                    f"in shard {target}, the next start of the exchange brings it there again"
                )
        return found


def complete(replays: Sequence[Replay]) -> None:
    """Replay on wherever another shard tells of what has happened here."""
    hopeless: set[tuple[Way, int]] = set()
    in_two: set[int] = set()  # markets, for good
    while True:
        _complete_moves(replays, hopeless)
        if not _complete_markets(replays, in_two):  # where it did something, more money has moved
            return


def _complete_moves(replays: Sequence[Replay], hopeless: set[tuple[Way, int]]) -> None:
    while True:
        moves = Moves(replays)
        left, arrived = moves.before_they_left(), moves.before_the_last_arrived()
        if not (waiting := [each for each in (*left.items(), *arrived.items()) if each not in hopeless]):
            return
        (account, source, target), wanted = waiting[0]
        if waiting[0][0] in left:
            shard, happened = source, _sequence_of(account, target, "out_sequence", wanted)
        else:
            shard, happened = target, _sequence_of(account, source, "in_sequence", wanted)
        if shard >= len(replays) or not _reaches(replays[shard], happened):
            hopeless.add(waiting[0])


def _complete_markets(replays: Sequence[Replay], in_two: set[int]) -> bool:
    """Whether there was one that trades in two shards, as far as the logs were read."""
    found = False
    for number in range(1, max(int(replay.state.scalars[MARKETS]) for replay in replays) + 1):
        while number not in in_two and len(there := _traded_in(replays, number)) > 1:
            found = True
            behind = min(there, key=lambda replay: int(replay.state.markets[number]["updates"]))
            others = [replay for replay in there if replay is not behind]
            if not any(_reaches(replay, _has_gone(number)) for replay in (behind, *others)):
                in_two.add(number)
    return found


def _reaches(replay: Replay, wanted: Callable[[State], bool]) -> bool:
    replay.run(wanted)
    return wanted(replay.state)


def _sequence_of(account: int, shard: int, name: str, sequence: int) -> Callable[[State], bool]:
    """Whether the account's link with that shard has come so far."""

    def has_come(state: State) -> bool:
        number = int(state.accounts[account]["link"]) if account < len(state.accounts) else 0
        while number and state.links[number]["shard"] != shard:
            number = int(state.links[number]["next"])
        return bool(state.links[number][name] >= sequence)

    return has_come


def _has_gone(market: int) -> Callable[[State], bool]:
    return lambda state: bool(state.markets[market]["state"] == MarketState.ELSEWHERE)


def _traded_in(replays: Sequence[Replay], market: int) -> list[Replay]:
    def is_here(state: State) -> bool:
        known = market <= state.scalars[MARKETS]
        return bool(known and state.markets[market]["state"] != MarketState.ELSEWHERE)

    return [replay for replay in replays if is_here(replay.state)]


def sums(replays: Sequence[Replay], half_done: Sequence[Moving]) -> dict[int, Sums]:
    """By asset."""
    total: dict[int, Sums] = {}
    for replay in replays:
        for asset, own in audit.conservation(replay.state).items():
            before = total.get(asset, Sums(0, 0, 0, 0))
            total[asset] = Sums(
                before.deposited + own.deposited, before.withdrawn + own.withdrawn, before.held + own.held, 0
            )
    for asset, found in total.items():
        total[asset] = found._replace(in_flight=sum(move.atoms for move in half_done if move.asset == asset))
    return total


def market_problems(replays: Sequence[Replay]) -> tuple[list[str], list[str]]:
    """What is wrong, and what is only not finished, with where markets trade."""
    wrong, unfinished = [], []
    for number in range(1, int(replays[0].state.scalars[MARKETS]) + 1):
        there = [replay.shard for replay in _traded_in(replays, number)]
        if len(there) > 1:
            wrong.append(f"market {number} trades in several shards: {', '.join(map(str, there))}")
        elif not there:
            unfinished.append(f"market {number} trades in no shard: it is on its way to one, or has not begun")
    return wrong, unfinished


def setup_differences(replays: Sequence[Replay]) -> list[str]:
    """Which shards have not the setup of shard 0: of what is changed there now, the others hear a moment later."""
    home = _setup(replays[0].state)
    found = []
    for replay in replays[1:]:
        theirs = _setup(replay.state)
        names = sorted({CommandKind(key[0]).name for key, value in home.items() if theirs.get(key) != value})
        if names:
            found.append(f"shard {replay.shard} has not all of the setup of shard 0 yet: {', '.join(names)}")
    return found


def _setup(state: State) -> dict[tuple[int, bytes], bytes]:
    """The records that would rebuild it by what they are about, without what is each shard's own."""
    records = queries.setup(state).copy()
    records = records[~np.isin(records["kind"], (CommandKind.GENESIS, CommandKind.MARKET_STATE))]
    found = {}
    for record in records:
        kind = int(record["kind"])
        if kind == CommandKind.MARKET:
            record["code"] = 0
        names = ["market", "account", "asset"] + (["code"] if kind == CommandKind.FEES else [])
        about = b"".join(record[name].tobytes() for name in names)
        about += record["public_key"].tobytes() if kind == CommandKind.KEY else b""
        found[kind, about] = record.tobytes()
    return found
