"""A book that is full refuses by name, and goes on when there is room; capacities are part of the log."""

from pathlib import Path

import numpy as np
import redis

from engine_core.administration.client import admin
from engine_core.book.audit import digest
from engine_core.book.memory.state import Capacities, capacities_of
from engine_core.runtime.log.chunk import chunk_of
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import capacity_records
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, Reason, Side
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION, join
from engine_core.wire.streams import EntryId
from tests.runtime.rig import SMALL, assert_mirrored, block_of, engine, flow, place, room_for, setup

ANSWER_SECONDS = 120.0
LOG_ID = 7
FEW = 1024


def cancel(order_id: int) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["kind"], command["market"], command["account"] = CommandKind.CANCEL, 1, 2
    command["order_id"] = order_id
    return command


def reason(events: np.ndarray) -> Reason:
    return Reason(int(events["reason"][0]))


def test_a_full_book_refuses_until_there_is_room_or_it_is_made_larger(valkey: str, runtime: Path) -> None:
    """Across kill -9, with nothing but the log to start from: what was refused stays so in a larger book."""
    order = place(Side.BID, 50, 1)
    few, more = room_for(runtime, FEW), room_for(runtime, 2 * FEW)
    with engine(valkey, runtime, EXCHANGE_CONFIG=few), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        placed = out.execute(join([order] * FEW))
        assert (placed["kind"] == EventKind.ACCEPTED).all()
        assert reason(out.execute(order)) == Reason.ORDERS_FULL
    with engine(valkey, runtime, EXCHANGE_CONFIG=few), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        assert reason(out.execute(order)) == Reason.ORDERS_FULL
        assert out.execute(cancel(int(placed["order_id"][3])))["kind"][0] == EventKind.CANCELLED
        assert out.execute(order)["kind"][0] == EventKind.ACCEPTED
        assert reason(out.execute(order)) == Reason.ORDERS_FULL
    with engine(valkey, runtime, EXCHANGE_CONFIG=more), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        assert (out.execute(join([order] * FEW))["kind"] == EventKind.ACCEPTED).all()
        assert reason(out.execute(order)) == Reason.ORDERS_FULL
    with engine(valkey, runtime, EXCHANGE_CONFIG=few), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        assert reason(out.execute(order)) == Reason.ORDERS_FULL
        assert out.execute(cancel(int(placed["order_id"][4])))["kind"][0] == EventKind.CANCELLED
    with redis.Redis.from_url(valkey) as client:
        assert capacities_of(assert_mirrored(client).state).orders == 2 * FEW


def log_of(*later: np.ndarray) -> list[tuple[EntryId, bytes]]:
    genesis = admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=LOG_ID, b=BEHAVIOUR_VERSION)
    blocks = [join([genesis, capacity_records(SMALL)]), setup(), *later]
    return [
        (EntryId(number, 0), block_of(records, log_id=LOG_ID, sequence=number))
        for number, records in enumerate(blocks, 1)
    ]


def test_the_log_says_how_much_fits_whatever_a_machine_was_made_for() -> None:
    larger = SMALL._replace(orders=9_000, accounts=200, ended=1 << 17)
    log = log_of(flow(300, 1), join([place(Side.BID, 50, 1), capacity_records(larger)]), flow(300, 2))
    machines = [Machine(SMALL), Machine(larger), Machine(SMALL)]
    for machine in machines[:2]:
        mirrors = [machine.encode(machine.execute(*entry)) for entry in log]
    runs, chunk = machines[2], chunk_of(log)
    assert runs.encode(runs.execute(*log[0]))
    assert runs.execute_run(chunk, 1, len(log)) == 3, "it has to be executed alone"
    runs.execute(*log[3])
    assert runs.execute_run(chunk, 4, len(log)) == 5
    assert {capacities_of(machine.state) for machine in machines} == {larger}
    assert len({digest(machine.state) for machine in machines}) == 1 and mirrors


def test_capacities_are_only_raised() -> None:
    machine, least = Machine(SMALL), SMALL._replace(orders=SMALL.orders - 1)
    log = log_of(
        capacity_records(least),
        admin(CommandKind.CAPACITY, code=Capacities._fields.index("pages"), a=1 << 20),
        admin(CommandKind.CAPACITY, code=3, a=1 << 24),
    )
    for entry in log[:2]:
        machine.execute(*entry)
    for entry in log[2:]:
        events = machine.execute(*entry).events.view(ADMIN_EVENT)
        refusals = events[events["kind"] == EventKind.REFUSED]
        assert [int(each) for each in refusals["reason"]] == [Reason.BAD_DEFINITION]
        assert capacities_of(machine.state) == SMALL
