"""A gateway, with the real bookkeeping of what is on its way, and those who trade through it."""

import random
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import redis

from engine_core.transport.gateway import GatewayError
from engine_core.transport.outbox import Block, Outbox
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, OrderType, Reason, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.log import RESTORE_SECONDS, LogBehind, LogError
from engine_core.wire.streams import FIELD, EntryId, keys
from tests.runtime.deadly.sitecustomize import DEADLY_LOTS
from tests.runtime.rig import place
from tests.simulated.actors import Host
from tests.simulated.client import SimClient
from tests.simulated.feed import SimFeed

NAMES = keys(0)
ACCOUNTS = (2, 3, 4)
KEPT = 20  # of its own orders, that it may name


class Key(NamedTuple):
    """A command in the log."""

    gateway: int
    incarnation: int
    sequence: int
    index: int


class Trader:
    """`told`: the events that each command was answered by; `refused`: orders that are certainly not executed."""

    def __init__(self, host: Host, number: int, seed: int) -> None:
        self._host, self.number = host, number
        self._chance = random.Random(seed * 31 + number)
        self.told: dict[Key, bytes] = {}
        self.refused: set[int] = set()
        self.sent: Counter[int] = Counter()  # how often each order was, under the same client id
        self._orders: list[np.ndarray] = []  # the last ones
        self._unknown: list[np.ndarray] = []  # orders whose outcome the gateway's last life did not learn
        self._next = number << 20
        self.stop = False
        self.send_deadly = False  # once
        self.outbox: Outbox | None = None
        self._feed = SimFeed(host)

    @property
    def is_done(self) -> bool:
        return self.outbox is not None and self.outbox.oldest is None and not self._unknown

    def run(self) -> None:
        """Any life of the gateway: what became of the last one's orders it does not know, and so repeats them."""
        world = self._host.world
        behind_since: float | None = None
        self._forget()
        while True:
            try:
                self._connected()
            except (redis.ConnectionError, redis.TimeoutError):
                behind_since = None
            except LogBehind:  # Redis lost what it had confirmed, and nobody has it: the gateway's process begins anew
                behind_since = world.now if behind_since is None else behind_since
                if world.now - behind_since > RESTORE_SECONDS:
                    behind_since = None
                    self._forget()
            except (LogError, GatewayError):  # events were trimmed while it was away, or the clock went back: the same
                behind_since = None
                self._forget()
            world.wait(seconds=0.1)

    def _forget(self) -> None:
        blocks = self.outbox.blocks if self.outbox is not None else []
        waiting = [block.records[at] for block in blocks for at in range(len(block.records)) if not _done(block, at)]
        self._unknown += [np.array([each], COMMAND) for each in waiting if each["kind"] == CommandKind.PLACE]
        self.outbox = None

    def _connected(self) -> None:
        world = self._host.world
        client: Any = SimClient(self._host.server)
        if self.outbox is None:
            self._feed = SimFeed(self._host)
            self.outbox = Outbox(self.number, *self._feed.begin(client))
        known = [block.entry for block in self.outbox.blocks if block.entry is not None]
        marks = self._host.server.stream(NAMES.replicated).entries
        if marks and self._host.server.run_id not in marks.values():
            raise redis.ConnectionError("no engine has compared this log")
        self._feed.check(client, *([] if marks else known))
        repeat = True
        while True:
            if repeat:
                for block in self.outbox.blocks:
                    self._append(client, block)
            slots = self._feed.take(client)
            repeat = slots is not None and self.outbox.settle(slots)
            if self._unknown:
                self._send(client, [self._unknown.pop() for _ in range(min(len(self._unknown), 4))])
            elif not self.stop and self.outbox.commands < 40 and self._chance.random() < 0.4:
                self._send(client, [self._order(), *(self._command() for _ in range(self._chance.randrange(4)))])
            world.wait(seconds=self._chance.choice((0.001, 0.01, 0.05)))

    def _send(self, client: Any, records: list[np.ndarray]) -> None:
        assert self.outbox is not None
        answers = [Answer(self, record, index) for index, record in enumerate(records)]
        for record in records:
            if record["kind"] == CommandKind.PLACE:
                self.sent[int(record["client_id"][0])] += 1
        block = self.outbox.add([record.tobytes() for record in records], answers)
        for answer in answers:
            answer.block = block
        self._append(client, block)

    def _append(self, client: Any, block: Block) -> None:
        assert self.outbox is not None
        try:
            entry = client.xadd(NAMES.orders, {FIELD: self.outbox.encode(block)})
        except redis.ResponseError as error:
            if block.copies > 1:
                raise redis.ConnectionError(str(error)) from None
            self.outbox.drop(block, error)
            return
        if self._chance.random() < 0.02:
            client.close()  # the reply is lost
            raise redis.ConnectionError("in the middle")
        block.entry = EntryId.parse(entry)

    def _order(self) -> np.ndarray:
        """A new one, under a client id of its own."""
        pick, self._next = self._chance, self._next + 1
        side, price = pick.choice((Side.BID, Side.ASK)), pick.randrange(95, 106)
        record = place(side, price, pick.randrange(1, 9), pick.choice(ACCOUNTS))
        record["client_id"], record["flags"] = self._next, int(OrderFlag.HAS_CLIENT_ID)
        record["self_trade"] = pick.choice(list(SelfTrade)[1:])
        match pick.randrange(10):
            case 0:
                record["order_type"], record["time_in_force"], record["price_ticks"] = (
                    OrderType.MARKET,
                    TimeInForce.IOC,
                    0,
                )
            case 1:
                record["time_in_force"] = pick.choice((TimeInForce.IOC, TimeInForce.FOK))
            case 2:
                record["flags"] |= int(OrderFlag.POST_ONLY)
            case 3:
                record["flags"] |= int(OrderFlag.ICEBERG)
                record["display_lots"] = 1
            case 4:
                record["flags"] |= int(OrderFlag.TRIGGER)
                record["trigger_ticks"] = pick.randrange(95, 106)
        if self.send_deadly:
            record["quantity_lots"], self.send_deadly = DEADLY_LOTS, False
        self._orders = [*self._orders[-KEPT:], record]
        return record

    def _command(self) -> np.ndarray:
        pick, draw = self._chance, self._chance.random()
        if draw < 0.5:
            return self._order()
        record = np.zeros(1, COMMAND)
        named = pick.choice(self._orders)
        record["market"], record["account"] = 1, named["account"]
        if draw < 0.9:
            record["client_id"], record["flags"] = named["client_id"], int(OrderFlag.HAS_CLIENT_ID)
            record["kind"] = CommandKind.CANCEL if draw < 0.7 else CommandKind.AMEND
            if draw >= 0.7:
                record["price_ticks"] = pick.choice((0, pick.randrange(95, 106)))
                record["quantity_lots"] = pick.randrange(1, 9)
        elif draw < 0.95:
            record["kind"] = CommandKind.CANCEL_ALL
        else:
            record["kind"], record["amount_atoms"] = CommandKind.CANCEL_AFTER, pick.choice((0, 50, 200, 1_000))
        return record


def _done(block: Block, at: int) -> bool:
    return block.answers[at].done()


class Answer:
    """What a waiting request gets; stands in for a future."""

    def __init__(self, trader: Trader, record: np.ndarray, index: int) -> None:
        self._trader, self._record, self._index = trader, record, index
        self._done = False
        self.block: Block | None = None

    def done(self) -> bool:
        return self._done

    def set_result(self, events: np.ndarray) -> None:
        self._done = True
        if events["kind"][0] == EventKind.BLOCK_REFUSED:
            assert events["reason"][0] == Reason.SKIPPED, Reason(int(events["reason"][0]))
            self._refuse()
            return
        outbox = self._trader.outbox
        assert outbox is not None and self.block is not None
        key = Key(self._trader.number, outbox.incarnation, self.block.sequence, self._index)
        self._trader.told[key] = events.tobytes()

    def set_exception(self, error: Exception) -> None:
        self._done = True
        self._refuse()

    def _refuse(self) -> None:
        client_id = int(self._record["client_id"][0])
        if self._record["kind"] == CommandKind.PLACE and self._trader.sent[client_id] == 1:
            self._trader.refused.add(client_id)
