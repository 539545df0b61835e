"""`exchange status`: what runs, and whether it takes orders.

All parts are asked at once: one that does not answer costs its own seconds, however many do not.
"""

import argparse
import json
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import redis

from engine_core.administration.client import LogSetup
from engine_core.administration.venue import has_begun, trades_in
from engine_core.operator.target.log_access import check_redis
from engine_core.operator.target.running import CommandError, Run, find, told_by
from engine_core.operator.target.session import symbols
from engine_core.process.look import Look, look_at
from engine_core.process.sockets import ask, of_roles, of_shard
from engine_core.runtime.clock import ahead_ms, in_words
from engine_core.transport.gateway import Gateway, GatewayError
from engine_core.wire.codes import CommandKind, QueryKind

ANSWER_S = 2.0  # for the engine of a shard
DEGRADED = "Degraded"  # an order would be accepted, but a process waits: the writer for its database, say
_OF_MARKETS = (CommandKind.ASSET, CommandKind.MARKET, CommandKind.MARKET_STATE)
ACCEPTING = ("Ok", DEGRADED)
WARN_AT = 0.8  # as the engine says it in its log (runtime/fullness.py)
Tables = dict[str, dict[str, int]]  # how full each is: used, size, poolUsed, pool


@dataclass(frozen=True)
class Shard:
    """What the engine of a shard says; of one that does not answer: nothing."""

    time_ms: int = 0
    setup: LogSetup | None = None  # its markets, where there are several shards

    @property
    def ahead_ms(self) -> int:
        return ahead_ms(self.time_ms)


@dataclass(frozen=True)
class Seen:
    """Of all parts, asked at the same time."""

    health: str
    message: str | None
    looks: dict[Path, Look | None]  # by socket; None: who listened there does not answer
    shards: list[Shard]

    @classmethod
    def of(cls, run: Run) -> "Seen":
        paths = of_roles(run.runtime)
        with ThreadPoolExecutor(1 + len(paths) + run.shards) as threads:
            health = threads.submit(_health, run)
            looks = threads.map(look_at, paths)
            shards = threads.map(lambda shard: _ask(run, shard), range(run.shards))
            return cls(*health.result(), dict(zip(paths, looks, strict=True)), list(shards))


def status(options: argparse.Namespace) -> int:
    """Print what runs; exit status 0 only if an order would be accepted."""
    run = find(options.data)
    if run is None:
        if options.json:
            print(json.dumps({"running": False, "health": "Down", "processes": {}}))
        else:
            print(f"no exchange runs on {options.data.absolute()}")
        return 1
    seen = Seen.of(run)
    waiting, astray, health = _waiting(seen), _astray(seen.shards), seen.health
    if health == "Ok" and (seen.message or waiting or astray):  # orders are taken, but not all of the rest goes on
        health = DEGRADED
    tables = [_tables(run, seen, shard) for shard in range(run.shards)]
    processes = {role: [_describe(pid) for pid in pids] for role, pids in run.processes.items()} or _by_socket(run)
    if options.json:
        urls = {"http": run.http, "ws": run.ws, "logs": str(run.logs), "profile": run.profile, "config": run.config}
        ahead = max(shard.ahead_ms for shard in seen.shards) / 1000
        print(
            json.dumps(
                {
                    **{"running": True, "health": health, "message": seen.message, "processes": processes},
                    **{"waiting": waiting, "tables": tables[0], "clockAheadSeconds": ahead, **urls},
                    **_of_shards(tables, seen.shards, astray),
                },
                indent=2,
            )
        )
    else:
        by = f"supervisor {run.supervisor}" if run.supervisor else "no supervisor"
        print(f"{health}{f': {seen.message}' if seen.message else ''}   ({by}, profile {run.profile})")
        _print_processes(processes)
        for warning in _warnings(seen, waiting, astray):
            print(f"  WARNING {warning}")
        print(f"  REST {run.http}   WebSocket {run.ws}   logs {run.logs}")
        print(f"  configuration {run.config}")
        for shard, used in enumerate(tables):
            _warn_of(used, f" of shard {shard}" if run.shards > 1 else "")
    return 0 if health in ACCEPTING else 1


def _print_processes(processes: dict[str, list[dict[str, object]]]) -> None:
    for role, described in processes.items():
        for process in described or [{"pid": 0, "state": "not running"}]:
            memory = f"{process['memoryMB']:>6} MB" if "memoryMB" in process else ""
            print(f"  {role:<13} {process['pid'] or '-':>8}  {process['state']:<12} {memory}")


def _warnings(seen: Seen, waiting: dict[str, str], astray: dict[str, list[int]]) -> Iterator[str]:
    last = max(seen.shards, key=lambda shard: shard.ahead_ms)
    if last.ahead_ms:
        yield in_words(last.time_ms, last.ahead_ms)
    for name, why in waiting.items():
        yield f"{name} waits: {why}"
    for symbol, at in astray.items():
        where = f"trades in shards {' and '.join(map(str, at))} at once" if at else "is on its way from shard to shard"
        yield f"{symbol} {where}: `exchange market move {symbol} --to SHARD` ends that"


def _warn_of(used: Tables, where: str) -> None:
    for name, table in used.items():
        fullness = max(table["used"] / table["size"], table["poolUsed"] / table["pool"] if table["pool"] else 0)
        if fullness >= WARN_AT:
            pool = f", {table['poolUsed']} of {table['pool']} beyond the accounts' own shares" if table["pool"] else ""
            counts = f"{table['used']} of {table['size']}{pool}"
            print(f"  WARNING {name}{where} are filling: {counts}; raise [capacity] {name}")


def _of_shards(tables: list[Tables], shards: list[Shard], astray: dict[str, list[int]]) -> dict[str, object]:
    """What is different in each, where there are several."""
    if len(shards) == 1:
        return {}
    pairs = enumerate(zip(tables, shards, strict=True))
    return {
        "shards": [
            {"shard": number, "tables": used, "clockAheadSeconds": shard.ahead_ms / 1000}
            for number, (used, shard) in pairs
        ],
        "inSeveralShards": {symbol: at for symbol, at in astray.items() if at},
        "onTheirWay": [symbol for symbol, at in astray.items() if not at],
    }


def _health(run: Run) -> tuple[str, str | None]:
    try:
        body = told_by(f"{run.http}/api/v1/status", 5)
        return str(body["status"]), body.get("message")
    except urllib.error.HTTPError as error:
        return "Down", f"{run.http}/api/v1/status answers {error.code}"
    except (OSError, ValueError, KeyError) as error:
        return "Down", f"{run.http}/api/v1/status: {error}"


def _ask(run: Run, shard: int) -> Shard:
    """Its time, and what its log says of markets. (There may be a million accounts and keys.)"""
    try:
        check_redis(run.redis_of(shard))
        with Gateway(run.redis_of(shard), shard, answer_seconds=ANSWER_S) as gateway:
            time_ms = int(gateway.query(QueryKind.STATUS)[0]["time_ms"])
            if run.shards == 1:
                return Shard(time_ms)
            records = gateway.query(QueryKind.SETUP)[1]
        return Shard(time_ms, LogSetup.read(records[np.isin(records["kind"], _OF_MARKETS)]))
    except (CommandError, GatewayError, TimeoutError, redis.RedisError):
        return Shard()


def _waiting(seen: Seen) -> dict[str, str]:
    """The processes that cannot do their part at present, by the name of their log, and why."""
    return {
        path.name.removesuffix(".metrics").removesuffix(".0"): look.not_ready
        for path, look in seen.looks.items()
        if look is not None and look.not_ready
    }


def _astray(shards: list[Shard]) -> dict[str, list[int]]:
    """The markets that do not trade in one shard, and in which: in more after a log has lost where one went, in none
    while one moves. Of shards that do not answer nothing is known."""
    setups = {number: shard.setup for number, shard in enumerate(shards) if shard.setup is not None}
    known, astray = list(setups.values()), {}
    for symbol, number in symbols(known[0]).items() if known else ():
        at = [list(setups)[place] for place in trades_in(known, number)]
        if len(at) > 1 or (not at and len(known) == len(shards) and has_begun(known, number)):
            astray[symbol] = at
    return astray


def _tables(run: Run, seen: Seen, shard: int) -> Tables:
    """How full the tables of the shard's engine are; empty if it does not answer."""
    look = next(filter(None, map(seen.looks.get, of_shard(run.runtime, "engine", shard))), None)
    if look is None:
        return {}
    names = {"capacity_used": "used", "capacity": "size", "pool_used": "poolUsed", "pool": "pool"}
    found: Tables = {}
    for number in look.numbers:
        if number.name in names:
            table = found.setdefault(number.labels["of"], {"used": 0, "size": 0, "poolUsed": 0, "pool": 0})
            table[names[number.name]] = int(float(number.value))
    return found


def _by_socket(run: Run) -> dict[str, list[dict[str, object]]]:
    """The roles of an exchange without a supervisor: who answers in the runtime folder."""
    found: dict[str, list[dict[str, object]]] = {}
    for path in of_roles(run.runtime):
        if answer := ask(path, "/ready"):
            state = "ready" if answer[0] == 200 else f"not ready: {json.loads(answer[1])['reason']}"
            found.setdefault(path.stem.rpartition(".")[0], []).append({"pid": 0, "state": state})
    return found


def _describe(pid: int) -> dict[str, object]:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return {
                "pid": pid,
                "state": process.status(),
                "memoryMB": process.memory_info().rss // 2**20,
                "cpuSeconds": round(sum(process.cpu_times()[:2]), 2),
            }
    except psutil.NoSuchProcess:
        return {"pid": pid, "state": "gone"}
