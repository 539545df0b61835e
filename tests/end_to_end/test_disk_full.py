"""A disk that fills up: new orders are refused in time and in words, and cancels pass as long as anything can."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from engine_core.host.disk_reserve import ENOUGH_BYTES, LOW_BYTES, RESERVE_BYTES, DiskReserve
from engine_core.transport.backlog import free_bytes
from tests.exchange import Exchange, eventually

MIB = 2**20
PIECE = 16 * MIB


@pytest.fixture
def disk() -> Iterator[Callable[[int], Path]]:
    """Make a file system of so many bytes."""
    mounted: list[Path] = []

    def mount(size: int) -> Path:
        folder = Path(f"/tmp/xt-disk-{os.getpid()}-{len(mounted)}")
        folder.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "xt", str(folder)]
        if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            folder.rmdir()
            pytest.skip("mounting a file system is not allowed here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def fill(path: Path, leave: int) -> None:
    """Leave so much free, a piece at a time: what a running exchange writes meanwhile makes one of them fail."""
    taken = 0
    with path.open("wb") as file:
        while True:
            room = free_bytes(path.parent) - leave
            if room <= 0:
                return
            piece = min(room, PIECE)
            try:
                os.posix_fallocate(file.fileno(), taken, piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                continue
            taken += piece
            if piece == room:
                return


def test_the_reserve_goes_when_the_disk_is_full_and_comes_back(
    disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = disk(RESERVE_BYTES + ENOUGH_BYTES + 64 * MIB)
    said: list[str] = []
    monkeypatch.setattr("engine_core.host.disk_reserve.LOOK_EVERY_S", 0.0)
    reserve = DiskReserve(folder, said.append)
    reserve.look()
    assert (folder / "reserve").stat().st_blocks * 512 == RESERVE_BYTES
    fill(folder / "others", LOW_BYTES // 2)
    reserve.look()
    assert free_bytes(folder) > RESERVE_BYTES and len(said) == 1 and "make room" in said[0]
    reserve.look()
    assert not (folder / "reserve").exists(), "it is not taken back while there is little room"
    (folder / "others").unlink()
    reserve.look()
    assert (folder / "reserve").exists() and len(said) == 1


@pytest.mark.timeout(400)
def test_cancels_pass_while_orders_are_refused_on_a_full_disk(disk: Callable[[int], Path]) -> None:
    folder = disk(1200 * MIB)
    exchange = Exchange(folder / "data", "--profile", "bare", ingress_workers=1)
    try:
        exchange.start()
        trader = exchange.trader()
        orders = [trader.create_order("SOL/USDC", "limit", "buy", 1, 100 + n)["id"] for n in range(30)]
        eventually((folder / "data" / "valkey" / "reserve").exists, bool, "the reserve")

        fill(folder / "others", 128 * MIB)  # less than [bounds] disk_bytes
        refusal = eventually(lambda: _refusal(trader), bool, "a refusal")
        assert "disk" in refusal
        for order in orders[:10]:
            trader.cancel_order(order, "SOL/USDC")

        fill(folder / "more", 0)  # now nothing at all is left, but for the reserve
        said = eventually(lambda: (folder / "data" / "valkey" / "reserve").exists(), lambda there: not there, "giving")
        assert said is False
        eventually(lambda: _cancelled(trader, orders[10:20]), bool, "cancels on a full disk", 30)
        assert _refusal(trader)

        for name in ("others", "more"):
            (folder / name).unlink()
        eventually(lambda: _refusal(trader), lambda text: text == "", "orders again", 60)
        trader.cancel_all_orders("SOL/USDC")
        assert trader.fetch_open_orders("SOL/USDC") == []
        assert exchange.verified()["ok"]
    finally:
        exchange.end()


def _refusal(trader: Any) -> str:
    """Why an order is refused; nothing if it is not."""
    try:
        trader.create_order("SOL/USDC", "limit", "buy", 1, 99)
    except ccxt.BaseError as error:
        return str(error) or "refused"
    return ""


def _cancelled(trader: Any, orders: list[str]) -> bool:
    """Whether all are gone; a moment passes until Redis has found the room."""

    def still_open() -> set[str]:
        return {order["id"] for order in trader.fetch_open_orders("SOL/USDC")} & set(orders)

    try:
        for order in still_open():
            trader.cancel_order(order, "SOL/USDC")
        return not still_open()
    except ccxt.BaseError:
        return False
