"""`exchange snapshot`, `inspect` and `accept-loss`: the engine's state for its operator."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import redis

from engine_core.book import audit
from engine_core.book.memory.state import State
from engine_core.config.shards import VARIABLE as SHARDS
from engine_core.operator.target.log_access import all_logs, servers_of
from engine_core.operator.target.running import CommandError, is_running, require
from engine_core.operator.target.session import reached
from engine_core.process.names import role_name
from engine_core.process.sockets import ask, of_shard
from engine_core.runtime.machine import Machine
from engine_core.runtime.queries import answer
from engine_core.runtime.recovery import read_logs
from engine_core.runtime.snapshots import migration, resume, snapshot
from engine_core.runtime.snapshots.snapshot import OldSnapshot, Snapshot, SnapshotError
from engine_core.wire.codes import CommandKind, QueryKind, Side
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.log import LogError, LogState
from engine_core.wire.queries import Asker, decode_answer, decode_query, encode_query
from engine_core.wire.streams import EntryId, keys
from engine_core.wire.units import format_decimal

SNAPSHOT_TIMEOUT_S = 120.0
LEVELS = 10  # of each side that are shown

Answered = tuple[np.void, np.ndarray]


class Asked(Protocol):
    """Answers questions about a state: the live engine by Gateway, or a file."""

    def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> Answered: ...


class Stored:
    """A snapshot that answers like an engine."""

    def __init__(self, path: Path) -> None:
        if not os.path.isfile(path):
            raise CommandError(f"{path}: is not a file; live, latest, or a snapshot file of DIR/snapshots is wanted")
        try:
            self.snapshot, state = _read(path)
        except SnapshotError as error:
            raise CommandError(str(error)) from None
        self.machine = Machine(self.snapshot.capacities)
        self.machine.adopt(state, self.snapshot.place.entry, self.snapshot.place.epoch)

    def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> Answered:
        query = decode_query(encode_query(Asker(0, 0), 0, kind, market=market, account=account) + bytes(16))
        assert query is not None
        return decode_answer(answer(self.machine, query))


def take_snapshot(options: argparse.Namespace) -> int:
    """Ask the running engine of each shard for a snapshot and wait until they are on the disk."""
    run = require(options.data)
    began_ms = time.time_ns() // 1_000_000
    for shard in range(run.shards):
        if not [path for path in of_shard(run.runtime, "engine", shard) if ask(path, "/snapshot", "POST")]:
            of, name = f" of shard {shard}" if shard else "", role_name("engine", shard)
            raise CommandError(
                f"no engine{of} answers in {run.runtime}: `exchange logs {name}` says why (in containers: those of the "
                "engine)"
            )
    deadline = time.monotonic() + SNAPSHOT_TIMEOUT_S
    for shard in range(run.shards):
        taken = _identity(_written(run.data, shard, began_ms, deadline))
        print(json.dumps(taken | ({"shard": shard} if run.shards > 1 else {})))
    return 0


def _written(data: Path, shard: int, began_ms: int, deadline: float) -> Snapshot:
    """The shard's first snapshot of after that time."""
    while time.monotonic() < deadline:
        for path in snapshot.found(data, shard)[:1]:
            described = _describe(path)
            if described.written_ms >= began_ms:
                return described
        time.sleep(0.02)
    name = role_name("engine", shard)
    raise CommandError(f"no snapshot came in {SNAPSHOT_TIMEOUT_S:g} s: `exchange logs {name}` says why")


def inspect(options: argparse.Namespace) -> int:
    """Print what a snapshot or the live engine holds: position, counts, balances, open orders, book."""
    with _asked(options) as (identity, asked):
        answer = {**identity, **_summary(asked)}
        symbols = _symbols(asked)
        if options.account is not None:
            answer["balances"] = _balances(asked, options.account)
            answer["openOrders"] = _orders(asked, options.account, symbols)
        if options.market is not None:
            answer["book"] = _book(asked, options.market, symbols)
    print(json.dumps(answer, indent=2))
    return 0


@contextmanager
def _asked(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Asked]]:
    if options.what == "live":
        run = require(options.data)
        if options.shard >= run.shards:
            raise CommandError(f"--shard {options.shard}: this venue has {run.shards} (from 0 on)")
        with reached(run) as venue:
            yield {"shard": options.shard} if venue.others else {}, venue.gateways[options.shard]
        return
    path = Path(options.what)
    if options.what == "latest":
        paths = snapshot.found(options.data.absolute(), options.shard)
        if not paths:
            of_shard = f" of shard {options.shard}" if options.shard else ""
            raise CommandError(f"there is no snapshot{of_shard} in {snapshot.folder_of(options.data.absolute())} yet")
        path = paths[0]
    stored = Stored(path)
    yield {**_identity(stored.snapshot), "digest": audit.digest(stored.machine.state)}, stored


def _read(path: Path) -> tuple[Snapshot, State]:
    """Also one that is to be upgraded."""
    try:
        return snapshot.read(path)
    except OldSnapshot:
        return migration.read(path)


def _describe(path: Path) -> Snapshot:
    try:
        return snapshot.describe(path)
    except SnapshotError as error:
        raise CommandError(str(error)) from None


def _identity(described: Snapshot) -> dict[str, Any]:
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(described.written_ms / 1000))
    return {"snapshot": str(described.path), "written": written, "bytes": described.bytes} | {
        "position": str(described.place.entry)
    }


def _summary(asked: Asked) -> dict[str, Any]:
    header, records = asked.query(QueryKind.STATUS)
    status = records[0]
    return {
        "logId": str(int(header["log_id"])),
        "position": str(EntryId(int(header["entry_ms"]), int(header["entry_seq"]))),
        "timeMs": int(header["time_ms"]),
        **{name: int(status[name]) for name in ("epoch", "commands", "events", "accounts", "markets")},
        "allOpenOrders": int(status["open_orders"]),
    }


def _setup(asked: Asked, kind: CommandKind, number: str) -> dict[int, Any]:
    records = asked.query(QueryKind.SETUP)[1]
    return {int(record[number]): record for record in records if record["kind"] == kind}


def _symbols(asked: Asked) -> dict[int, str]:
    assets = _setup(asked, CommandKind.ASSET, "asset")
    names = {number: record["symbol"].decode() for number, record in assets.items()}
    markets = _setup(asked, CommandKind.MARKET, "market")
    return {number: f"{names[int(m['asset'])]}_{names[int(m['quote_asset'])]}" for number, m in markets.items()}


def _balances(asked: Asked, account: int) -> dict[str, dict[str, str]]:
    assets = _setup(asked, CommandKind.ASSET, "asset")
    balances = {}
    for row in asked.query(QueryKind.BALANCES, account=account)[1]:
        asset = assets[int(row["asset"])]
        decimals = int(asset["decimals"])
        balances[asset["symbol"].decode()] = {
            name: format_decimal(int(row[name]), decimals) for name in ("available", "locked")
        }
    return balances


def _orders(asked: Asked, account: int, symbols: dict[int, str]) -> list[dict[str, Any]]:
    rows = asked.query(QueryKind.ORDERS, account=account, market=ALL_MARKETS)[1]
    names = ("price_ticks", "quantity_lots", "executed_lots", "trigger_ticks")
    return [
        {
            "id": str(int(row["order_id"])),
            "market": symbols[int(row["market"])],
            "side": Side(int(row["side"])).name,
            **{name: int(row[name]) for name in names},
        }
        for row in rows
    ]


def _book(asked: Asked, market: str, symbols: dict[int, str]) -> dict[str, Any]:
    number = next((number for number, symbol in symbols.items() if symbol == market), 0)
    if not number:
        raise CommandError(f"there is no market {market}; there are {', '.join(symbols.values())}")
    header, levels = asked.query(QueryKind.BOOK, market=number)
    sides = {"bids": levels[levels["side"] == Side.BID], "asks": levels[levels["side"] == Side.ASK]}
    for name, rows in sides.items():
        prices = rows["price_ticks"].astype(np.int64)
        sides[name] = rows[np.argsort(-prices if name == "bids" else prices, kind="stable")]
    best = {
        name: [[int(row["price_ticks"]), int(row["lots"]), int(row["orders"])] for row in rows[:LEVELS]]
        for name, rows in sides.items()
    }
    counts = {f"{name[:-1]}Levels": len(rows) for name, rows in sides.items()}
    return {"updateId": int(header["update_id"]), **counts, "columns": ["ticks", "lots", "orders"], **best}


def accept_loss(options: argparse.Namespace) -> int:
    """After Redis lost the end of the log: put aside what knows of it, so that the engine goes on with what is left."""
    data: Path = options.data.absolute()
    if is_running(options.data):
        raise CommandError("stop the exchange first (Ctrl-C where it runs; in containers, all but its servers)")
    if not options.yes:
        raise CommandError(
            "acknowledged orders may be among what is lost, and nothing will remember them. Restoring the log from a "
            "copy is better. If there is none: repeat this with --yes"
        )
    with all_logs(options) as clients:
        logs = [_whole_logs(client, shard) for shard, client in enumerate(clients)]
        for shard, client in enumerate(clients):
            try:
                aside = resume.accept_loss(client, keys(shard), data, shard, logs[shard])
            except (redis.RedisError, LogError) as error:
                raise CommandError(f"the log cannot be read: {error}") from None
            kept = {"commandsUpTo": str(logs[shard][0].top), "snapshotsPutAside": [path.name for path in aside]}
            print(json.dumps(kept | ({"shard": shard} if len(clients) > 1 else {})))
    with servers_of(data) as environment:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "persistence.refill"],
            env=os.environ | environment | {SHARDS: str(len(logs))},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise CommandError(
            f"{done.stderr.strip()}\nThe engine starts from here, but no history is stored. Restore a copy of the "
            "database that is not ahead of the log, or give an empty one and the log since GENESIS"
        )
    print(done.stdout.strip())
    return 0


def _whole_logs(client: redis.Redis, shard: int) -> tuple[LogState, LogState]:
    """Commands and events of a shard; CommandError unless one can go on with them. Before anything is changed."""
    try:
        orders, events = read_logs(client, keys(shard))
    except (redis.RedisError, LogError) as error:
        raise CommandError(f"the log cannot be read: {error}") from None
    if events.top > orders.top:
        raise CommandError(
            f"the event log reaches {events.top}, the command log only {orders.top}: one of them alone "
            "is not enough; restore both from the same copy, or start over with `exchange reset`"
        )
    return orders, events
