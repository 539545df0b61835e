"""Memory in /dev/shm: there is enough at the start or a message that says how much is missing, and killed exchanges
leave none for long."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_core.edge.expiring_set import Remembered
from engine_core.edge.shared_files import USED_SIGNATURES
from engine_core.edge.shared_words import SharedWords, file_bytes
from engine_core.host import runtime_folders
from engine_core.host.runtime_folders import OWNER, check_room, own, sweep, tidy
from engine_core.transport.reserved_file import NoRoom
from engine_core.transport.ring_memory import SLOTS_AT, ring_bytes
from engine_core.wire.streams import EntryId
from ingress.access import rate_limits
from tests.exchange import Exchange

MOUNTS = os.geteuid() == 0 and shutil.which("mount") is not None


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 8 MB, as a container's /dev/shm may be small."""
    folder = Path(f"/tmp/xt-small-{os.getpid()}")
    folder.mkdir(mode=0o700)
    if not MOUNTS or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "xt", folder]).returncode:
        folder.rmdir()
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
    folder.rmdir()


def disk_bytes(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir() if path.is_file())


def test_the_constants_are_those_of_the_files() -> None:
    assert SLOTS_AT <= runtime_folders.RING_HEADER_BYTES
    assert ring_bytes(65_536) - ring_bytes(0) == 65_536 * runtime_folders.RING_SLOT_BYTES
    words = rate_limits.SETS * rate_limits.WAYS * rate_limits._ENTRY_WORDS
    assert file_bytes(words) == runtime_folders.RATE_LIMITS_BYTES and rate_limits.FILE == runtime_folders.RATE_LIMITS


def test_a_start_without_room_says_so(small: Path, tmp_path: Path) -> None:
    with pytest.raises(NoRoom, match=r"ring_slots.*EXCHANGE_RUNTIME"):
        check_room(small, 65_536)
    done = subprocess.run(
        [sys.executable, "-m", "engine_core.cli", "up", "--data", str(tmp_path / "d"), "--http", "0", "--ws", "0"],
        env={**os.environ, "EXCHANGE_RUNTIME": str(small)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    for word in (str(small), " MB", "ring_slots", "shm-size", "EXCHANGE_RUNTIME"):
        assert word in done.stderr, done.stderr
    assert not (tmp_path / "d" / "valkey").exists()


def test_each_file_is_reserved_or_not_there(small: Path) -> None:
    """Whoever comes first takes the room; the next one hears it, and is not ended by SIGBUS later."""
    from engine_core.transport.ring import RingWriter

    with pytest.raises(NoRoom, match="the ring of events"):
        RingWriter(small, 0, 65_536, 1, 1, EntryId(1, 0))
    assert not list(small.glob("ring-*"))
    with pytest.raises(NoRoom, match="what the servers share"):
        Remembered(small / USED_SIGNATURES)
    words = SharedWords(small / "few", 1000, 1)
    (small / "rest").write_bytes(b"x" * (7 * 2**20))
    with pytest.raises(OSError, match="No space"):
        (small / "more").write_bytes(b"x" * (2 * 2**20))
    words.words[999] = 5  # its page is there, whatever others do
    words.close()


def test_what_is_remembered_survives_and_the_rest_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / USED_SIGNATURES
    names = Remembered(path)
    assert names.add(b"n" * 16, 10**15, 1)
    names.close()
    full = disk_bytes(tmp_path)
    tidy(tmp_path)
    assert disk_bytes(tmp_path) < full / 100 and path.stat().st_mode & 0o777 == 0o600
    names = Remembered(path)
    assert names.has(b"n" * 16, 2) and not names.add(b"n" * 16, 10**15, 2)
    names.close()
    assert disk_bytes(tmp_path) >= full


def test_folders_of_dead_exchanges_are_swept_and_no_others(tmp_path: Path) -> None:
    def folder(name: str, data: Path | None) -> Path:
        made = tmp_path / f"exchange-{os.getuid()}-{name}"
        made.mkdir()
        (made / "ring-0-1").write_bytes(b"r")
        if data is not None:
            own(made, data)
        return made

    datas = {name: tmp_path / "data" / name for name in ("dead", "alive", "gone", "ended", "mine")}
    for name, data in datas.items():
        if name not in ("gone", "ended"):
            data.mkdir(parents=True)
            (data / "lock").touch()
    made = {name: folder(name, data) for name, data in datas.items()} | {"strange": folder("strange", None)}
    (made["ended"] / "ring-0-1").unlink()  # stopped as it should, and then `rm -rf` of its data
    with (datas["alive"] / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        swept = {path.name for path in sweep(tmp_path, made["mine"])}
    assert swept == {made[name].name for name in ("dead", "gone", "ended")}
    assert not made["gone"].exists() and not made["ended"].exists()
    assert [path.name for path in made["dead"].iterdir()] == [OWNER]
    assert all((made[name] / "ring-0-1").exists() for name in ("alive", "mine", "strange"))


def test_folders_that_nothing_was_started_in_are_removed(tmp_path: Path) -> None:
    """A command that only looks for an exchange makes one; thousands slow each start."""
    old, new, used = (tmp_path / f"exchange-{os.getuid()}-{name}" for name in ("old", "new", "used"))
    for folder in (old, new, used):
        folder.mkdir()
    (used / USED_SIGNATURES).touch()
    for folder in (old, used):
        os.utime(folder, (1, 1))
    assert sweep(tmp_path, tmp_path / "mine") == []
    assert not old.exists() and new.exists() and (used / USED_SIGNATURES).exists()


@pytest.mark.timeout(300)
def test_the_memory_of_a_killed_exchange_is_given_back_by_the_next(tmp_path: Path, runtime: Path) -> None:
    """Their folders are in one of the test's own: any exchange that starts on this machine gives back what it finds."""
    folders = {name: runtime / f"exchange-{os.getuid()}-{name}" for name in ("killed", "next")}
    killed = Exchange(tmp_path / "killed", "--profile", "bare", ingress_workers=1)
    following = Exchange(tmp_path / "next", "--profile", "bare")
    killed.variables = {"EXCHANGE_RUNTIME": str(folders["killed"])}
    following.variables = {"EXCHANGE_RUNTIME": str(folders["next"]), "DATABASE_URL": "postgresql://u@/d?host=/nowhere"}
    try:
        killed.start()
        family = killed.family()
        assert killed.process
        killed.process.send_signal(signal.SIGKILL)
        killed.wait()
        for process in family:
            process.wait(60)
        assert disk_bytes(folders["killed"]) > 12 * 2**20
        with pytest.raises(AssertionError, match="error: DATABASE_URL"):  # it comes so far, and starts nothing
            following.start()
        following.wait()
        assert disk_bytes(folders["killed"]) < 2**20
        assert any(str(folders["killed"]) in said for said in following.output)
    finally:
        killed.end()
        following.end()


def test_each_shard_needs_two_rings(small: Path) -> None:
    wanted = []
    for shards, rings in ((1, "two rings of events and"), (3, "two rings of events of each of 3 shards and")):
        with pytest.raises(NoRoom, match=rf"{rings} what the servers share \(\d+ MB\)") as refused:
            check_room(small, 65_536, shards)
        wanted.append(int(str(refused.value).partition(" MB)")[0].rpartition("(")[2]))
    assert wanted[1] - wanted[0] in (4 * 12, 4 * 12 + 1), "megabytes: of four more"
