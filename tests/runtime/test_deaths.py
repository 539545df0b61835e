"""Engine processes that an entry kills, and logs that ask for another engine: halted by name, and nothing is lost."""

import signal
import subprocess
from pathlib import Path

import pytest
import redis

from engine_core.administration.client import admin
from engine_core.book.memory.state import Capacities
from engine_core.runtime.crash_guard import MAX_CRASHES
from engine_core.runtime.machine import Machine
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason, Side
from engine_core.wire.layout import BEHAVIOUR_VERSION, EVENT
from engine_core.wire.streams import FIELD, EntryId, decode_block
from tests.runtime.deadly.sitecustomize import DEADLY_LOTS
from tests.runtime.rig import NAMES, block_of, engine, entries, flow, place, setup

pytestmark = pytest.mark.timeout(600)  # several engines, one after the other

DEADLY = str(Path(__file__).parent / "deadly")


def gateway(redis_url: str) -> Gateway:
    return Gateway(redis_url, 0, answer_seconds=60)


def append(client: redis.Redis, *blocks: bytes) -> list[EntryId]:
    return [EntryId.parse(client.xadd(NAMES.orders, {FIELD: block})) for block in blocks]  # type: ignore[arg-type]


def deaths(redis_url: str, folder: Path, count: int) -> None:
    """So many engines on a machine that the entry kills, one after the other."""
    for number in range(count):
        with engine(redis_url, folder, wait=False, PYTHONPATH=DEADLY) as process:
            assert process.wait(120) == -signal.SIGKILL, f"engine {number}: {process.communicate()[1]}"


def said(process: subprocess.Popen[str], what: str) -> str:
    """The line of its log that says so."""
    assert process.stderr is not None
    return next(line for line in process.stderr if what in line)


def reason_of(client: redis.Redis, entry: EntryId) -> Reason:
    mirrors = dict(entries(client, NAMES.events))
    return Reason(int(decode_block(mirrors[entry], EVENT)[1][0]["reason"]))


def replayed(client: redis.Redis, skipped: EntryId) -> Machine:
    """A machine after the whole log, of which this entry was skipped; each mirror is what it computes."""
    machine, mirrors = Machine(Capacities()), dict(entries(client, NAMES.events))
    for entry, block in entries(client, NAMES.orders):
        mirror = machine.skip(entry, block) if entry == skipped else machine.execute(entry, block)
        assert mirrors.pop(entry) == machine.encode(mirror), f"entry {entry}"
    assert not mirrors
    return machine


def orders_of(out: Gateway, account: int) -> list[int]:
    """Lots of its open orders."""
    return out.query(QueryKind.ORDERS, account=account, market=1)[1]["quantity_lots"].tolist()  # type: ignore[no-any-return]


def test_an_entry_that_kills_the_engine_waits_for_an_operator_and_stays_skipped(
    client: redis.Redis, valkey: str, runtime: Path
) -> None:
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        out.execute(flow(20))
        log_id = int(out.query(QueryKind.STATUS)[1][0]["log_id"])
    block = block_of(place(Side.BID, 90, DEADLY_LOTS), log_id=log_id, sequence=1)
    deadly, fine = append(client, block, block_of(place(Side.BID, 91, 7), log_id=log_id, sequence=2))
    deaths(valkey, runtime, MAX_CRASHES)
    with engine(valkey, runtime, wait=False, PYTHONPATH=DEADLY) as process:
        assert f"HALTED: entry {deadly} crashed the engine 3 times" in said(process, "HALTED")
        with gateway(valkey) as out:
            out.append(admin(CommandKind.SKIP, a=deadly.ms, b=deadly.seq))
            assert out.outcome(fine)[0]["kind"] == EventKind.ACCEPTED
            assert out.execute(place(Side.BID, 92, 8))[0]["kind"] == EventKind.ACCEPTED
    assert reason_of(client, deadly) == Reason.SKIPPED
    replayed(client, deadly)
    (runtime / "another").mkdir()
    with engine(valkey, runtime / "another"), gateway(valkey) as out:  # machine, where the entry kills nobody
        assert {7, 8} <= {*orders_of(out, 2)} and DEADLY_LOTS not in orders_of(out, 2)
        (again,) = append(client, block)  # by a gateway that does not know whether its first copy arrived
        assert out.execute(place(Side.BID, 93, 9))[0]["kind"] == EventKind.ACCEPTED
    assert reason_of(client, again) == Reason.DUPLICATE_BLOCK, "its sender is told that it is not executed"
    replayed(client, deadly)


def test_an_entry_that_was_executed_elsewhere_is_not_skipped(client: redis.Redis, valkey: str, runtime: Path) -> None:
    """It lies in a run of entries that are replayed in one call: the first death names no entry."""
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        blocks = [flow(20), place(Side.BID, 90, DEADLY_LOTS), *(flow(5, seed) for seed in range(2, 8))]
        _, deadly, *_ = [EntryId.parse(str(out.append(block))) for block in blocks]
        out.execute(place(Side.BID, 91, 1))
        orders, book = orders_of(out, 2), out.query(QueryKind.BOOK, market=1)[1].tobytes()
    deaths(valkey, runtime, 1 + MAX_CRASHES)
    with engine(valkey, runtime, wait=False, PYTHONPATH=DEADLY) as process:
        assert f"entry {deadly} crashed this engine 3 times, and cannot be skipped" in said(process, "the engine stops")
        assert process.wait(60) == 1
    with engine(valkey, runtime), gateway(valkey) as out:
        assert orders_of(out, 2) == orders and DEADLY_LOTS in orders
        assert out.query(QueryKind.BOOK, market=1)[1].tobytes() == book


def test_a_log_that_asks_for_another_behaviour_ends_every_engine_by_name(
    client: redis.Redis, valkey: str, runtime: Path
) -> None:
    with engine(valkey, runtime) as process, gateway(valkey) as out:
        out.execute(setup())
        out.execute(place(Side.BID, 90, 1))
        with engine(valkey, runtime, "--standby", EXCHANGE_WORKER="1") as standby:
            upgrade = out.append(admin(CommandKind.UPGRADE, a=BEHAVIOUR_VERSION + 1))
            for each in (process, standby):
                assert f"entry {upgrade} of the command log asks for behaviour version" in said(
                    each, "the engine stops"
                )
                assert each.wait(60) == 1
    top = entries(client, NAMES.events)[-1][0]
    for options in ((), ("--standby",)):
        with engine(valkey, runtime, *options, wait=False) as process:
            assert "run the engine of that version" in said(process, "the engine stops")
            assert process.wait(60) == 1
    assert entries(client, NAMES.events)[-1][0] == top, "nobody went on"
