"""Two shards, and those who move money and a market between them, of whom any may end between any two of its steps.

Each shard is a log and an engine, which is a real machine: it may end, too, and another one replays the log. The movers
go the way of a move and of a market as edge and operator do, by questions and commands whose replies may be lost.
"""

from collections import Counter
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from engine_core.administration.client import admin
from engine_core.book import queries
from engine_core.book.audit import conservation
from engine_core.book.memory.state import State
from engine_core.runtime.machine import Machine
from engine_core.wire.codes import CommandKind, EventKind, MarketFlag, MarketState, Reason, Side
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, COMMAND, EVENT, SCHEMA_VERSION, join
from engine_core.wire.limits import FEE_ACCOUNT
from engine_core.wire.streams import EntryId, decode_block
from tests.runtime.rig import FUNDS, SMALL, block_of, place
from tests.simulated.world import START_MS, Crash, World

ROOM = SMALL._replace(accounts=8, orders=512, levels=512, gateways=16, references=16, links=8)
ACCOUNTS = (FEE_ACCOUNT, 2, 3)
FUNDED = (2, 3)
ASSETS = (1, 2)
FIELDS = ("account", "shard", "out_sequence", "out_asset", "out_atoms", "out_reference", "in_sequence")
NONE = dict.fromkeys(FIELDS, 0)  # of who has moved nothing
STALL_SECONDS = 3.0
FINISH_SECONDS = 2.0  # that a move may be half done


def setup(shard: int) -> np.ndarray:
    """Market 1 trades in shard 0, market 2 in shard 1; the money is in shard 0."""
    genesis = {"code": SCHEMA_VERSION, "log_id": 7 + shard, "behaviour": BEHAVIOUR_VERSION, "market": shard}
    records = [admin(CommandKind.GENESIS, **genesis)]
    records += [admin(CommandKind.ASSET, asset=1 + at, symbol=name, decimals=6) for at, name in enumerate((b"A", b"B"))]
    for market, base, quote in ((1, 2, 1), (2, 1, 2)):
        code = MarketState.OPEN if market == shard + 1 else MarketState.ELSEWHERE
        sizes = {"lot_atoms": 1, "tick_atoms": 1, "min_lots": 1}
        records.append(admin(CommandKind.MARKET, market=market, asset=base, quote_asset=quote, code=code, **sizes))
        records.append(admin(CommandKind.FEES, market=market, maker_ppm=2_000, taker_ppm=3_000))
    for account in FUNDED:
        records.append(admin(CommandKind.ACCOUNT, account=account))
        for asset in ASSETS if shard == 0 else ():
            records.append(admin(CommandKind.DEPOSIT, account=account, asset=asset, a=FUNDS, reference=account))
    return join([record.view(COMMAND) for record in records])


class Shard:
    """Its command log, and the engine that executes it."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.log: list[tuple[EntryId, bytes]] = []
        self.mirrors: dict[EntryId, bytes] = {}
        self.append(setup(number))
        self.machine = self.replayed(1)

    def append(self, records: np.ndarray) -> EntryId:
        """A block of a gateway that sends no other."""
        entry = EntryId(START_MS + round(self.world.now * 1000), len(self.log))
        block = block_of(records.view(COMMAND), log_id=7 + self.number, sequence=1, gateway=len(self.log) + 1)
        self.log.append((entry, block))
        return entry

    @property
    def top(self) -> EntryId:
        return self.log[-1][0]

    def engine(self) -> None:
        """It is seen once it has replayed what the one before had published."""
        self.machine = self.replayed(max(1, len(self.mirrors)))
        while True:
            self.world.wait(lambda: self.machine.position < self.top)
            entry, block = self.log[len(self.mirrors)]
            self.mirrors[entry] = self.machine.encode(self.machine.execute(entry, block))
            self.world.wait(seconds=self.world.chance.choice((0.0001, 0.001, 0.02)))

    def replayed(self, entries: int) -> Machine:
        """After so many of the log's entries, which give what is published."""
        machine = Machine(ROOM)
        for entry, block in self.log[:entries]:
            mirror = machine.encode(machine.execute(entry, block))
            assert self.mirrors.setdefault(entry, mirror) == mirror, "a replay gave other events"
        return machine

    def events(self) -> np.ndarray:
        return join([decode_block(mirror, EVENT)[1] for mirror in self.mirrors.values()])


class Lost(Exception):
    """A reply that did not come."""


class Client:
    """One process at the edge. Its steps are counted, and it dies at the one that is said; `loses`: so many replies;
    `stalls`: before so many steps it stands still for longer than others need for all they do."""

    def __init__(self, shards: list[Shard], dies_at: int = 0, loses: float = 0.0, stalls: float = 0.0) -> None:
        self.shards, self.world = shards, shards[0].world
        self.steps, self._dies_at, self._loses, self._stalls = 0, dies_at, loses, stalls

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self._dies_at:
            raise Crash
        self.world.wait(seconds=self.world.chance.choice((0.0, 0.0005, 0.01)))
        if self._stalls and self.world.chance.random() < self._stalls:
            self.world.wait(seconds=self.world.chance.uniform(0.1, STALL_SECONDS))

    def _reply_of(self, shard: Shard, entry: EntryId) -> None:
        self._step()
        self.world.wait(lambda: shard.machine.position >= entry)
        self._step()
        if self.world.chance.random() < self._loses:
            raise Lost

    def look(self, number: int) -> State:
        """What a question is answered from: the state once everything that had been appended is executed."""
        shard = self.shards[number]
        self._reply_of(shard, shard.top)
        return shard.machine.state

    def send(self, number: int, record: np.ndarray) -> Reason:
        """What the command came to; now and then it is in the log twice."""
        shard = self.shards[number]
        self._step()
        entry = shard.append(record)
        if self.world.chance.random() < self._loses:
            shard.append(record)
        self._reply_of(shard, entry)
        events = decode_block(shard.mirrors[entry], EVENT)[1].view(ADMIN_EVENT)
        return Reason(int(events["reason"][-1]))


class Way(NamedTuple):
    account: int
    source: int
    target: int


def links_of(state: State, account: int = 0) -> dict[tuple[int, int], dict[str, int]]:
    """By account and other shard."""
    links = queries.links(state, account)
    rows = [{name: int(link[name]) for name in FIELDS} for link in links]
    return {(row["account"], row["shard"]): row for row in rows}


class Mover(Client):
    """`done`: the references of moves that it knows to have arrived."""

    def __init__(self, shards: list[Shard], dies_at: int = 0, loses: float = 0.0) -> None:
        super().__init__(shards, dies_at, loses)
        self.done: list[int] = []

    def move(self, way: Way, asset: int, atoms: int, reference: int) -> None:
        ended = False
        while not ended:
            with suppress(Lost):  # then it asks what has become of it
                ended = self._try(way, asset, atoms, reference)

    def _try(self, way: Way, asset: int, atoms: int, reference: int) -> bool:
        """Whether there is nothing more to do."""
        account, source, target = way
        arrived = links_of(self.look(target), account).get((account, source), NONE)["in_sequence"]
        last = links_of(self.look(source), account).get((account, target), NONE)
        if last["out_sequence"] > arrived:
            self._arrive(way, last)
        if last["out_reference"] == reference:
            self.done.append(reference)
            return True
        numbers = {"amount_atoms": atoms, "sequence": last["out_sequence"] + 1, "move_reference": reference}
        out = admin(CommandKind.MOVE_OUT, account=account, asset=asset, code=target, **numbers)
        reason = self.send(source, out)
        assert reason in (Reason.NONE, Reason.REPEATED, Reason.BAD_SEQUENCE, Reason.INSUFFICIENT_FUNDS), reason
        return reason == Reason.INSUFFICIENT_FUNDS

    def _arrive(self, way: Way, last: dict[str, int]) -> None:
        numbers = {"amount_atoms": last["out_atoms"], "sequence": last["out_sequence"]}
        fields = {"account": way.account, "asset": last["out_asset"], "move_reference": last["out_reference"]}
        reason = self.send(way.target, admin(CommandKind.MOVE_IN, code=way.source, **fields, **numbers))
        assert reason in (Reason.NONE, Reason.REPEATED), reason

    def finish_all(self) -> None:
        """What anybody has left half done."""
        for source, target in ((0, 1), (1, 0)):
            for account, link in ((link["account"], link) for link in links_of(self.look(source)).values()):
                arrived = links_of(self.look(target)).get((account, source), NONE)["in_sequence"]
                if link["out_sequence"] > arrived:
                    self._arrive(Way(account, source, target), link)

    def keep_finishing(self) -> None:
        while True:
            self.world.wait(seconds=FINISH_SECONDS)
            with suppress(Lost):
                self.finish_all()


class Trader(Client):
    """Orders in both markets, sent to any shard."""

    def run(self) -> None:
        pick = self.world.chance
        while True:
            self.world.wait(seconds=pick.choice((0.001, 0.01)))
            order = place(pick.choice((Side.BID, Side.ASK)), pick.randrange(98, 103), pick.randrange(1, 10**8))
            order["market"], order["account"] = pick.choice((1, 2)), pick.choice(ACCOUNTS)
            pick.choice(self.shards).append(order)


class MarketMover(Client):
    """Brings a market to a shard: closed, cancelled, gone from there, here with its numbers. Repeated, it goes on; if
    the market is on its way elsewhere, it ends that first."""

    came = False

    def bring(self, market: int, target: int) -> None:
        self.came = False
        while not self.came:
            with suppress(Lost):
                self.came = self._try(market, target)

    def _try(self, market: int, target: int) -> bool:
        known = [self._known(shard, market) for shard in (0, 1)]
        if known[target]["code"] != MarketState.ELSEWHERE:
            return True
        move = 1 + max(each["move"] for each in known)
        source = 1 - target
        if known[source]["code"] != MarketState.ELSEWHERE:
            self.send(source, admin(CommandKind.MARKET_STATE, market=market, code=MarketState.CLOSED, move=move))
            for account in ACCOUNTS:
                cancel = np.zeros(1, COMMAND)
                cancel["kind"], cancel["account"], cancel["market"] = CommandKind.CANCEL_ALL, account, market
                self.send(source, cancel)
            goes = {"code": MarketState.ELSEWHERE, "move": move, "goes_to": target + 1}
            self.send(source, admin(CommandKind.MARKET_STATE, market=market, **goes))
            return False
        left = max(known, key=lambda each: (each["move"], not each["goes_to"]))
        again = {"code": MarketState.ELSEWHERE, "move": left["move"], "goes_to": left["goes_to"]}
        self.send(known.index(left), admin(CommandKind.MARKET_STATE, market=market, **again))
        numbers = {name: left[name] for name in ("trades", "update_id", "last_ticks", "move")}
        comes = {"code": MarketState.OPEN, "flags": MarketFlag.MOVES_HERE, **numbers}
        self.send(left["goes_to"] - 1, admin(CommandKind.MARKET_STATE, market=market, **comes))
        return False

    def _known(self, shard: int, market: int) -> dict[str, int]:
        """What the shard says of the market; where it has moved, its numbers, too."""
        records = queries.setup(self.look(shard))
        kinds = np.isin(records["kind"], (CommandKind.MARKET, CommandKind.MARKET_STATE))
        last = records[kinds & (records["market"] == market)][-1]
        names = ("trades", "update_id", "last_ticks", "move", "goes_to")
        has_moved = last["kind"] == CommandKind.MARKET_STATE
        return {"code": int(last["code"]), **{name: int(last[name]) if has_moved else 0 for name in names}}


def in_flight(states: list[State]) -> Counter[int]:
    """By asset, what has left one of these states and not arrived in the other."""
    atoms: Counter[int] = Counter()
    for source, target in ((0, 1), (1, 0)):
        arrived = links_of(states[target])
        for (account, _), link in links_of(states[source]).items():
            open_moves = link["out_sequence"] - arrived.get((account, source), NONE)["in_sequence"]
            assert 0 <= open_moves <= 1, f"{open_moves} moves of account {account} are on their way"
            atoms[link["out_asset"]] += link["out_atoms"] * open_moves
    return atoms


def check_money(shards: list[Shard]) -> None:
    """Nothing has appeared or vanished, at this very moment."""
    states = [shard.machine.state for shard in shards]
    flying, sums = in_flight(states), [conservation(state) for state in states]
    for asset in ASSETS:
        held = sum(each[asset].held for each in sums)
        assert held + flying[asset] == FUNDS * len(FUNDED), f"asset {asset}: {held} are there, {flying[asset]} fly"


def check_numbers(shards: list[Shard], market: int) -> int:
    """Trades and changes of depth are numbered 1, 2, 3, ... wherever the market was; how many trades there are."""
    events = join([shard.events() for shard in shards])
    events = events[(events["market"] == market) & (events["kind"] < CommandKind.GENESIS)]
    trades = Counter(events["trade_id"][events["kind"] == EventKind.FILL].tolist())
    assert trades == Counter({number: 2 for number in range(1, len(trades) + 1)}), "trade ids"
    changes = sorted(events["update_id"][events["update_id"] != 0].tolist())
    assert changes == list(range(1, len(changes) + 1)), "numbers of depth"
    return len(trades)
