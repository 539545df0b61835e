"""What must be true of a simulated exchange once everything has settled, whatever happened to it."""

from collections import Counter
from typing import Any

import numpy as np

from engine_core.book import queries
from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import MARKETS
from engine_core.runtime.machine import Machine
from engine_core.wire.codes import EventKind, OrderStatus, Reason, Side
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.streams import EntryId, decode_block, keys
from tests.simulated.actors import TINY
from tests.simulated.reader import Reader
from tests.simulated.server import Server
from tests.simulated.trader import ACCOUNTS, Key, Trader
from tests.simulated.writer import Writer, rows_of

NAMES = keys(0)
OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGER_PENDING)
PROGRESS = ("order_id", "side", "status", "price_ticks", "quantity_lots", "executed_lots", "executed_atoms")
BALANCE = ("asset", "available", "locked")
ACCEPTED = (EventKind.ACCEPTED, EventKind.TRIGGER_PLACED)


class Log:
    """Both logs as they are now, nothing trimmed."""

    def __init__(self, server: Server) -> None:
        self.commands, self.mirrors = (server.history[name] for name in (NAMES.orders, NAMES.events))
        self.blocks = [decode_block(block, EVENT) for block in self.mirrors.values()]
        self.events = np.concatenate([records.view("V128") for _, records in self.blocks]).view(EVENT)

    def machine(self, skips: dict[EntryId, EntryId]) -> Machine:
        """After all commands; AssertionError unless the events are those that it computes."""
        machine = Machine(TINY)
        skipped = {entry for entry in skips if entry in self.mirrors and _says_skipped(self.mirrors[entry])}
        expected = {
            entry: machine.encode((machine.skip if entry in skipped else machine.execute)(entry, block))
            for entry, block in self.commands.items()
        }
        assert list(expected.items()) == list(self.mirrors.items()), "the event log is not what the commands give"
        audit(machine.state)
        return machine

    def answers(self) -> dict[Key, bytes]:
        """The events of each command that was executed."""
        found: dict[Key, bytes] = {}
        for header, events in self.blocks:
            block = (header.gateway, header.incarnation, header.sequence)
            if not (events["kind"] == EventKind.BLOCK_REFUSED).any():
                for index in np.unique(events["index"]).tolist():
                    key = Key(*block, index)
                    assert key not in found, f"{key} was executed twice"
                    found[key] = events[events["index"] == index].tobytes()
        return found


def _says_skipped(mirror: bytes) -> bool:
    return bool(decode_block(mirror, EVENT)[1][0]["reason"] == Reason.SKIPPED)


def check_traders(log: Log, traders: list[Trader], lost: set[tuple[int, int, int]]) -> None:
    """Each was told what the log says, and the log has no order twice. `lost`: blocks of which a loss was accepted."""
    answers = log.answers()
    orders = log.events[np.isin(log.events["kind"], ACCEPTED) & (log.events["client_id"] != 0)]
    pairs = {*zip(orders["client_id"].tolist(), orders["order_id"].tolist(), strict=True)}
    accepted = Counter(client_id for client_id, _ in pairs)
    for trader in traders:
        for key, told in trader.told.items():
            if key[:3] not in lost:
                assert key in answers, f"{key} was acknowledged, and is lost"
                assert told == answers[key], f"{key} was answered differently"
        assert not trader.refused & accepted.keys(), "an order that its sender was told is not executed was"
    assert all(count == 1 for count in accepted.values()), "an order was accepted twice"


def check_database(log: Log, writer: Writer, machine: Machine) -> None:
    """It holds the events of the log, each once, and its rows are what the engine has."""
    stored = b"".join(batch.tobytes() for batch in writer.events)
    assert stored == log.events.tobytes(), "the database holds other events than the log"
    times = np.concatenate([np.full(len(records), header.time_ms, np.int64) for header, records in log.blocks])
    batches = list(zip(writer.events, writer.times, strict=True))
    tables = rows_of(batches)
    assert tables == rows_of([(log.events, times)]), "the rows depend on the batches"
    for account in ACCOUNTS:
        balances = [(asset, *kept) for (owner, asset), kept in sorted(tables["balances"].items()) if owner == account]
        assert balances == queries.balances(machine.state, account)[[*BALANCE]].tolist(), (
            f"balances of account {account}"
        )
        stored = [order for order in tables["orders"].values() if order["account"] == account]
        orders = [tuple(order[name] for name in PROGRESS) for order in stored if order["status"] in OPEN]
        held = queries.open_orders(machine.state, account)[[*PROGRESS]]
        assert sorted(orders) == sorted(held.tolist()), f"open orders of account {account}"


def check_reader(machine: Machine, reader: Reader) -> None:
    """Its book is the engine's."""
    assert reader.data is not None
    markets = reader.data.setup.markets
    assert len(markets) == machine.state.scalars[MARKETS], "a reader knows other markets"
    if not markets:  # a loss that took them away was accepted
        return
    bids, asks, update_id = reader.data.book(1).snapshot()
    levels = queries.levels(machine.state, 1)[0]
    for side, shown in ((Side.BID, bids), (Side.ASK, asks)):
        of_side = levels[levels["side"] == side]
        expected = sorted(zip(of_side["price_ticks"].tolist(), of_side["lots"].tolist(), strict=True))
        assert shown == expected, f"a reader shows another book: {shown}, not {expected}"
    assert update_id == machine.state.markets[1]["updates"]


def check_engines(machine: Machine, engines: list[Any]) -> None:
    for engine in engines:
        assert digest(engine.machine.state) == digest(machine.state), "an engine is in another state"


def blocks_of(server: Server) -> set[tuple[int, int, int]]:
    """(gateway, incarnation, sequence) of what crashes of Redis took away."""
    found = set()
    for lost in server.lost:
        header, _ = decode_block(lost.block, COMMAND if lost.name == NAMES.orders else EVENT)
        found.add((header.gateway, header.incarnation, header.sequence))
    return found
