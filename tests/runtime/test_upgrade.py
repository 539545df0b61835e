"""`exchange upgrade`: data folders that code of a behaviour version before left are gone on with, nothing lost.

The READMEs in tests/data/behaviour_1 and behaviour_2 say what is in them.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import BEHAVIOUR
from engine_core.host.embedded import Valkey, running
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import own_block
from engine_core.runtime.snapshots import migration, snapshot
from engine_core.runtime.snapshots.snapshot import OldSnapshot
from engine_core.runtime.upgrade import upgrade
from engine_core.wire.codes import CommandKind, EventKind
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND, EVENT
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, EntryId, decode_block
from tests.runtime.rig import NAMES, entries

pytestmark = pytest.mark.timeout(600)  # several engines, one after the other

SWITCHED = "3"  # the account that armed its dead-man switch: for a day, on 28 November 2026
OLD_CODE_FIRST = r"`exchange up --host 127.*--profile bare.* no venue.*`exchange snapshot`.*Ctrl-C.*`exchange upgrade`"
FOLDERS = Path(__file__).resolve().parents[1] / "data"
FOLDER_OF = {1: "behaviour_1", 2: "behaviour_2"}


def unpacked(name: str, folder: Path, behaviour: int = 1) -> Path:
    data = folder / "data"
    with tarfile.open(FOLDERS / FOLDER_OF[behaviour] / f"{name}.tar.xz") as archive:
        archive.extractall(data, filter="data")
    return data


def facts_of(data: Path) -> dict[str, Any]:
    """What the old code said of itself, just before it ended."""
    facts: dict[str, Any] = json.loads((data / "facts.json").read_text())["facts"]
    return facts


def exchange(data: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "engine_core.cli", *arguments, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def inspected(data: Path, account: str, symbol: str) -> dict[str, Any]:
    done = exchange(data, "inspect", "latest", "--account", account, "--market", symbol)
    assert done.returncode == 0, done.stderr
    return {name: json.loads(done.stdout)[name] for name in ("openOrders", "balances", "book")}


def known(facts: dict[str, Any], account: str, symbol: str) -> dict[str, Any]:
    was = facts["accounts"][account]
    return {"openOrders": was["openOrders"], "balances": was["balances"], "book": facts["books"][symbol]}


def after_the_switch(facts: dict[str, Any]) -> tuple[list[Any], dict[str, Decimal], set[int]]:
    """What SWITCHED has then: open orders, available of each asset; and the prices in the book, which account 2 has."""
    balances = facts["accounts"][SWITCHED]["balances"]
    others = [order for order in facts["accounts"]["2"]["openOrders"] if order["market"] == "SOL_USDC"]
    prices = {order["price_ticks"] for order in others if not order["trigger_ticks"]}
    available = {asset: Decimal(row["available"]) + Decimal(row["locked"]) for asset, row in balances.items()}
    return [], available, prices


def logs_of(client: redis.Redis) -> tuple[Any, Any]:
    return entries(client, NAMES.orders), entries(client, NAMES.events)


@pytest.mark.parametrize(("behaviour", "name"), [(1, "stopped"), (1, "standby"), (1, "killed"), (2, "stopped")])
def test_an_old_snapshot_becomes_a_state_of_this_code(behaviour: int, name: str, tmp_path: Path) -> None:
    data = unpacked(name, tmp_path, behaviour)
    (path,) = snapshot.found(data, 0)
    with pytest.raises(OldSnapshot, match=f"behaviour version {behaviour}; this is version {BEHAVIOUR_VERSION}"):
        snapshot.read(path)
    found, state = migration.read(path)
    audit(state)
    assert state.scalars[BEHAVIOUR] == behaviour
    assert digest(migration.read(path)[1]) == digest(state)
    machine = Machine(found.capacities)
    machine.adopt(state, found.place.entry, found.place.epoch)
    block = own_block(machine.log_id, machine.epoch, admin(CommandKind.UPGRADE, a=BEHAVIOUR_VERSION))
    mirror = machine.execute(found.place.entry._replace(seq=7), block)
    assert mirror.events["kind"].tolist() == [EventKind.APPLIED]
    assert state.scalars[BEHAVIOUR] == BEHAVIOUR_VERSION
    audit(state)


@pytest.mark.parametrize("behaviour", [1, 2])
def test_an_old_snapshot_that_is_damaged_is_seen(behaviour: int, tmp_path: Path) -> None:
    (path,) = snapshot.found(unpacked("stopped", tmp_path, behaviour), 0)
    whole = path.read_bytes()
    for at in (100, 180, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :])
        with pytest.raises(snapshot.SnapshotError, match=r"damaged|too large"):
            migration.read(path)


def test_what_the_old_code_knew_is_there_after_the_upgrade(tmp_path: Path) -> None:
    data = unpacked("stopped", tmp_path)
    for command in (("up", "--http", "0", "--ws", "0"), ("verify",)):
        refused = exchange(data, *command)
        assert refused.returncode == 1 and "`exchange upgrade`" in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr and "behaviour version" in refused.stderr
    assert not (data / "postgres").exists(), "nothing was started"
    facts = facts_of(data)
    for number, symbol in product(("1", "2", SWITCHED), facts["books"]):
        assert inspected(data, number, symbol) == known(facts, number, symbol)
    done = exchange(data, "upgrade")
    assert done.returncode == 0 and f"from behaviour version 1 to {BEHAVIOUR_VERSION} at entry" in done.stdout, (
        done.stderr
    )
    for number, symbol in zip(("2", "1"), ("ETH_USDC", "XRP_USDC"), strict=True):
        assert inspected(data, number, symbol) == known(facts, number, symbol)
    orders, available, prices = after_the_switch(facts)
    found = inspected(data, SWITCHED, "SOL_USDC")
    assert found["openOrders"] == orders, "the dead-man switch was armed for a day, long ago"
    assert {asset: Decimal(row["available"]) for asset, row in found["balances"].items()} == available
    assert {price for side in ("bids", "asks") for price, _, _ in found["book"][side]} == prices
    verified = exchange(data, "verify")
    assert verified.returncode == 0 and "everything is accounted for" in verified.stdout, verified.stdout
    assert "everything before it was executed by behaviour version 1" in verified.stdout
    again = exchange(data, "upgrade")
    assert again.returncode == 0 and "nothing to upgrade" in again.stdout


def test_a_venue_of_the_version_before_goes_on(tmp_path: Path) -> None:
    data = unpacked("stopped", tmp_path, 2)
    facts = facts_of(data)
    everything = list(product(facts["accounts"], facts["books"]))
    for number, symbol in everything:
        assert inspected(data, number, symbol) == known(facts, number, symbol)
    done = exchange(data, "upgrade")
    assert done.returncode == 0 and f"from behaviour version 2 to {BEHAVIOUR_VERSION} at entry" in done.stdout
    for number, symbol in everything:
        assert inspected(data, number, symbol) == known(facts, number, symbol)
    verified = exchange(data, "verify")
    assert verified.returncode == 0 and "everything is accounted for" in verified.stdout, verified.stdout
    assert "everything before it was executed by behaviour version 2" in verified.stdout


def test_a_log_beyond_its_snapshot_is_for_the_old_code(tmp_path: Path) -> None:
    """Only that may execute what came after the snapshot: what to do is said, and nothing is changed."""
    data = unpacked("killed", tmp_path)
    with running(Valkey(data, tmp_path), tmp_path / "valkey.log") as url, redis.Redis.from_url(url) as client:
        before = logs_of(client)
        with pytest.raises(
            LogError, match=r"continues after .*\. Only that code may execute these commands\. Start the"
        ):
            upgrade(client, NAMES, data, 0)
        assert logs_of(client) == before
    refused = exchange(data, "upgrade")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert re.search(OLD_CODE_FIRST, refused.stderr)


def test_without_a_snapshot_too(tmp_path: Path) -> None:
    """An exchange that was stopped before it took its first one."""
    data = unpacked("stopped", tmp_path)
    shutil.rmtree(data / "snapshots")
    refused = exchange(data, "upgrade")
    assert refused.returncode == 1 and "there is no snapshot in" in refused.stderr
    assert "`exchange snapshot`" in refused.stderr and "Traceback" not in refused.stderr
    refused = exchange(data, "up", "--profile", "bare", "--http", "0", "--ws", "0")
    assert (
        refused.returncode == 1
        and f"is of behaviour version 1; this code is of version {BEHAVIOUR_VERSION}" in refused.stderr
    )
    assert re.search(OLD_CODE_FIRST, refused.stderr) and "Traceback" not in refused.stderr
    assert {path.name for path in (data / "logs").iterdir()} == {"valkey.log", "postgres.log"}, "no role was started"


def test_an_interrupted_upgrade_is_only_repeated(tmp_path: Path) -> None:
    data = unpacked("stopped", tmp_path)
    with running(Valkey(data, tmp_path), tmp_path / "valkey.log") as url, redis.Redis.from_url(url) as client:
        done = upgrade(client, NAMES, data, 0)
        assert done is not None and upgrade(client, NAMES, data, 0) is None
        whole, first = logs_of(client), done.snapshot.read_bytes()
        assert whole[0][-1][0] == whole[1][-1][0] == done.entry

        done.snapshot.unlink()  # ended before the snapshot was there
        assert upgrade(client, NAMES, data, 0) == done
        done.snapshot.unlink()  # ended before the mirror was published
        _publish(client, whole[1][:-1])
        assert upgrade(client, NAMES, data, 0) == done
        assert logs_of(client) == whole
        assert digest(snapshot.read(done.snapshot)[1]) == digest(_state_in(first, tmp_path))

        done.snapshot.unlink()  # lost later, when the new code had gone on: the old one is there still
        log_id = decode_block(whole[1][-1][1], EVENT)[0].log_id
        client.xadd(NAMES.orders, {FIELD: own_block(log_id, 1, np.zeros(1, COMMAND))})
        assert upgrade(client, NAMES, data, 0) == done

        done.snapshot.unlink()  # somebody else's code upgraded
        _publish(client, [*whole[1][:-1], (done.entry, whole[1][-2][1])])
        with pytest.raises(LogError, match="other code upgraded the log"):
            upgrade(client, NAMES, data, 0)


def _publish(client: redis.Redis, mirrors: list[tuple[EntryId, bytes]]) -> None:
    """Make the event log this."""
    client.delete(NAMES.events)
    for entry, mirror in mirrors:
        client.xadd(NAMES.events, {FIELD: mirror}, id=str(entry))


def _state_in(file: bytes, folder: Path) -> Any:
    path = folder / "0-1-1.snapshot"
    path.write_bytes(file)
    return snapshot.read(path)[1]


def test_a_new_log_needs_none(client: redis.Redis, tmp_path: Path) -> None:
    assert upgrade(client, NAMES, tmp_path, 0) is None
    genesis = np.zeros(1, ADMIN)
    genesis["kind"], genesis["b"] = CommandKind.GENESIS, BEHAVIOUR_VERSION
    client.xadd(NAMES.orders, {FIELD: own_block(1, 1, genesis)})
    assert upgrade(client, NAMES, tmp_path, 0) is None
