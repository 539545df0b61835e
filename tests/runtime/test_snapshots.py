"""Snapshots: every byte proven, any damage seen; an engine that starts from one goes on as if it had never ended."""

import hashlib
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import LOG_ID, capacities_of
from engine_core.book.resize import resized
from engine_core.runtime.machine import Machine
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import Place, SnapshotError
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, QueryKind
from engine_core.wire.layout import BEHAVIOUR_VERSION, SCHEMA_VERSION
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.streams import FIELD, EntryId
from tests.runtime.rig import NAMES, SMALL, assert_mirrored, block_of, engine, entries, flow, setup

pytestmark = pytest.mark.timeout(600)  # several engines, one after the other

ANSWER_SECONDS = 120.0


def filled(machine: Machine, orders: int = 600) -> Machine:
    """A machine with a market full of orders, some with client ids."""
    records = flow(orders, 9)
    records["flags"] = int(OrderFlag.HAS_CLIENT_ID)
    records["client_id"] = np.arange(1, orders + 1)
    genesis = admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=7, b=BEHAVIOUR_VERSION)
    keys = admin(CommandKind.KEY, account=2, a=11, b=12, c=13, d=14, code=3)
    for sequence, block in enumerate((genesis, setup(), keys, records), 1):
        machine.execute(EntryId(1_000 + sequence, 0), block_of(block, log_id=7, sequence=sequence))
    return machine


def place_of(machine: Machine) -> Place:
    return Place(machine.log_id, machine.epoch, machine.position, 42)


def test_a_snapshot_is_the_state(tmp_path: Path) -> None:
    machine = filled(Machine(SMALL))
    path = snapshot.write(tmp_path, 0, machine.state, place_of(machine))
    found, state = snapshot.read(path)
    assert digest(state) == digest(machine.state)
    assert (found.place, found.capacities) == (place_of(machine), SMALL)
    assert snapshot.found(tmp_path, 0) == [path] and snapshot.found(tmp_path, 1) == []
    assert os.listdir(path.parent) == [path.name], "nothing unfinished is left"
    audit(state)


def test_any_damage_is_seen(tmp_path: Path) -> None:
    machine = filled(Machine(SMALL))
    path = snapshot.write(tmp_path, 0, machine.state, place_of(machine))
    whole = path.read_bytes()
    random = np.random.default_rng(3)
    first = snapshot.HEADER.itemsize
    capacities = range(first, first + 8 * len(SMALL))  # whole, and its last bytes
    for at in (0, 8, 24, *capacities[::5], *random.integers(0, len(whole), 40).tolist(), len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with pytest.raises(SnapshotError, match=r"damaged|not a snapshot|other code|cannot be read"):
            snapshot.read(path)
    for size in (0, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(SnapshotError, match="damaged"):
            snapshot.read(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(SnapshotError, match="damaged"):
        snapshot.read(path)


def test_a_snapshot_of_the_code_that_did_not_count_the_moves_of_markets(tmp_path: Path) -> None:
    machine = filled(Machine(SMALL))
    path = snapshot.write(tmp_path, 0, machine.state, place_of(machine))
    code = snapshot.this_code()
    of_other_code(path, "fingerprint", code.same_bytes[0] - code.fingerprint)
    assert digest(snapshot.read(path)[1]) == digest(machine.state)


def test_a_state_can_be_made_larger() -> None:
    """The larger state behaves as one that was that large from the beginning."""
    larger = SMALL._replace(accounts=200, assets=20, markets=12, orders=9_000, levels=20_000, ended=1 << 17, keys=500)
    small, large = filled(Machine(SMALL)), filled(Machine(larger))
    grown = Machine(larger)
    grown.adopt(resized(small.state, capacities_of(grown.state)), small.position, small.epoch)
    audit(grown.state)
    for sequence in range(5, 12):
        entry, block = EntryId(2_000 + sequence, 0), block_of(flow(200, sequence), log_id=7, sequence=sequence)
        assert grown.encode(grown.execute(entry, block)) == large.encode(large.execute(entry, block))
    audit(grown.state)
    assert grown.state.scalars[LOG_ID] == 7
    assert resized(grown.state, larger) is grown.state


def take_snapshot(pid: int, folder: Path) -> Path:
    before = {path: path.stat().st_mtime_ns for path in snapshot.found(folder, 0)}
    os.kill(pid, signal.SIGUSR1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in snapshot.found(folder, 0):
            if before.get(path) != path.stat().st_mtime_ns:
                return path
        time.sleep(0.005)
    raise AssertionError("no snapshot came")


def test_an_engine_goes_on_from_its_snapshot_and_the_log_after_it(valkey: str, runtime: Path) -> None:
    """Killed after three; the newest damaged, the log before the second one gone: the same bytes all the same."""
    client = redis.Redis.from_url(valkey)
    taken = []
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        for seed in range(6):
            out.execute(flow(40, seed))
            if seed % 2:
                taken.append(take_snapshot(process.pid, runtime))
        levels = out.query(QueryKind.BOOK, market=1)[1].tobytes()
    assert len(set(taken)) == 3
    assert_mirrored(client)
    published = entries(client, NAMES.events)
    damaged = taken[2].read_bytes()
    taken[2].write_bytes(damaged[:-1] + bytes([damaged[-1] ^ 1]))
    for name in (NAMES.orders, NAMES.events):
        client.xtrim(name, minid=str(snapshot.describe(taken[1]).place.entry), approximate=False)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        assert out.query(QueryKind.BOOK, market=1)[1].tobytes() == levels
        assert len(out.query(QueryKind.ORDERS, account=2, market=ALL_MARKETS)[1]) > 0
        assert (out.execute(flow(5, 77))["kind"] != EventKind.BLOCK_REFUSED).all()
        kept = entries(client, NAMES.events)
        assert kept[:-1] == published[-len(kept) + 1 :]
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1]
        assert f"{taken[2]} is damaged" in said and f"starting from {taken[1].name}" in said
    client.close()


def test_events_that_a_snapshot_is_ahead_of_come_from_the_one_before(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        first = take_snapshot(process.pid, runtime)
        for seed in range(4):
            out.execute(flow(10, seed))
        take_snapshot(process.pid, runtime)
    published = entries(client, NAMES.events)
    client.delete(NAMES.events)
    for entry, block in published[:-2]:
        client.xadd(NAMES.events, {FIELD: block}, id=str(entry))
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(flow(1, 5))
        assert entries(client, NAMES.events)[:-1] == published
        process.kill()
        assert f"starting from {first.name}" in process.communicate()[1]
    client.close()


@pytest.mark.parametrize("grows", [False, True])
@pytest.mark.parametrize("witness", ["snapshot", "note"])
def test_a_log_that_went_back_in_time_is_named(valkey: str, runtime: Path, witness: str, grows: bool) -> None:
    """Redis came back without its last entries while no engine lived that could give them back.

    `grows`: and before one does, a gateway that has just been started, and knows of nothing, appends to it.
    """
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        for seed in range(4):
            out.execute(flow(10, seed))
        if witness == "snapshot":
            take_snapshot(process.pid, runtime)
    if witness == "snapshot":
        (runtime / "engine-0.entry").unlink()
    for name in (NAMES.orders, NAMES.events):
        kept = entries(client, name)[:-2]
        client.delete(name)
        for entry, block in kept:
            client.xadd(name, {FIELD: block}, id=str(entry))
    if grows:
        with Gateway(valkey) as out:
            out.append(flow(3))
    with engine(valkey, runtime, wait=False) as process:
        said = process.communicate(timeout=ANSWER_SECONDS)[1]
        assert process.returncode == 1
        assert f"the {witness} {runtime}" in said and "Redis lost its last entries" in said
    client.close()


def of_other_code(path: Path, field: str, more: int = 1) -> None:
    """As a release before or after this one would have written it."""
    whole = bytearray(path.read_bytes())
    np.frombuffer(whole, snapshot.HEADER, 1)[field] += more
    whole[-snapshot.DIGEST_BYTES :] = hashlib.sha256(whole[: -snapshot.DIGEST_BYTES]).digest()
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("field", "said"),
    [("format", "is not a snapshot of a format"), ("behaviour", "other code"), ("fingerprint", "other code")],
)
def test_snapshots_of_other_code_and_a_trimmed_log(valkey: str, runtime: Path, field: str, said: str) -> None:
    """A whole log is replayed instead; a trimmed one leaves nothing to begin from, which is said with what to do."""
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        out.execute(flow(20, 1))
        first = take_snapshot(process.pid, runtime)
        out.execute(flow(20, 2))
        second = take_snapshot(process.pid, runtime)
        out.execute(flow(20, 3))
        levels = out.query(QueryKind.BOOK, market=1)[1].tobytes()
    for path in (first, second):
        of_other_code(path, field)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        assert out.query(QueryKind.BOOK, market=1)[1].tobytes() == levels
        process.kill()
        output = process.communicate()[1]
        assert output.count(said) == 2 and "the whole log" in output
    before = entries(client, NAMES.events)
    for name in (NAMES.orders, NAMES.events):
        client.xtrim(name, minid=first.name.split("-", 1)[1].removesuffix(".snapshot"), approximate=False)
    kept = entries(client, NAMES.events)
    assert 0 < len(kept) < len(before)
    with engine(valkey, runtime, wait=False) as process:
        output = process.communicate(timeout=ANSWER_SECONDS)[1]
        assert process.returncode == 1 and said in output
        assert f"no snapshot in {runtime / 'snapshots'} can be used" in output and "Traceback" not in output
    assert entries(client, NAMES.events) == kept and snapshot.found(runtime, 0) == [second, first], "nothing is touched"
    client.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is Linux's")
def test_a_disk_that_is_full_for_a_snapshot(valkey: str, runtime: Path) -> None:
    """It fails by name and leaves nothing behind; the old one stays, trading goes on, and the next one succeeds."""
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        first = take_snapshot(process.pid, runtime)
        whole = first.read_bytes()
        torn = first.with_name(f".0-1-1.snapshot.{process.pid}")  # of a child that was killed long ago
        torn.write_bytes(whole[:100])
        os.utime(torn, (0, 0))
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        out.execute(flow(20, 1))
        young = first.with_name(".0-1-2.snapshot.2")
        young.write_bytes(b"")  # another engine is writing it
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, hard))
        process.send_signal(signal.SIGUSR1)
        assert process.stderr is not None
        while "no snapshot after entry" not in (said := process.stderr.readline()):
            assert said, "the engine has ended"
        assert "File too large" in said
        assert snapshot.found(runtime, 0) == [first] and first.read_bytes() == whole
        assert sorted(os.listdir(first.parent)) == [young.name, first.name], "what was torn fills no disk"
        assert (out.execute(flow(20, 2))["kind"] != EventKind.BLOCK_REFUSED).all()
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        second = take_snapshot(process.pid, runtime)
        assert snapshot.found(runtime, 0) == [second, first]
    assert_mirrored(client)
    client.close()
