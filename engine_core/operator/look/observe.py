"""`exchange status`, `logs` and `env`: what runs, what it wrote, and how to join it."""

import argparse
import json
import os
import shlex
import sys
import time
import urllib.error
import urllib.request
from typing import IO

import numpy as np
import psutil
import redis

from engine_core.administration.client import LogSetup
from engine_core.administration.venue import has_begun, trades_in
from engine_core.operator.change.accounts import symbols
from engine_core.operator.target.log_access import check_redis
from engine_core.operator.target.running import CommandError, Run, find, require
from engine_core.process.look import look_at
from engine_core.process.sockets import ask, of_roles, of_shard
from engine_core.runtime.clock import ahead_ms, in_words
from engine_core.transport.gateway import Gateway, GatewayError
from engine_core.wire.codes import CommandKind, QueryKind

FOLLOW_EVERY_S = 0.25
ANSWER_S = 2.0  # for the engine of a shard
DEGRADED = "Degraded"  # an order would be accepted, but a process waits: the writer for its database, say
_OF_MARKETS = (CommandKind.ASSET, CommandKind.MARKET, CommandKind.MARKET_STATE)
ACCEPTING = ("Ok", DEGRADED)
WARN_AT = 0.8  # as the engine says it in its log (runtime/fullness.py)


def status(options: argparse.Namespace) -> int:
    """Print what runs; exit status 0 only if an order would be accepted."""
    run = find(options.data)
    if run is None:
        if options.json:
            print(json.dumps({"running": False, "health": "Down", "processes": {}}))
        else:
            print(f"no exchange runs on {options.data.absolute()}")
        return 1
    health, message = _health(run)
    waiting, astray = _waiting(run), _astray(run)
    if health == "Ok" and (message or waiting or astray):  # orders are taken, but not all of the rest goes on
        health = DEGRADED
    tables = [_tables(run, shard) for shard in range(run.shards)]
    clocks = [_clock_ahead(run, shard) for shard in range(run.shards)]
    ahead = max(clocks)
    processes = {role: [_describe(pid) for pid in pids] for role, pids in run.processes.items()} or _by_socket(run)
    if options.json:
        urls = {"http": run.http, "ws": run.ws, "logs": str(run.logs), "profile": run.profile, "config": run.config}
        print(
            json.dumps(
                {
                    **{"running": True, "health": health, "message": message, "processes": processes},
                    **{"waiting": waiting, "tables": tables[0], "clockAheadSeconds": ahead[0], **urls},
                    **_of_shards(tables, clocks, astray),
                },
                indent=2,
            )
        )
        return 0 if health in ACCEPTING else 1
    by = f"supervisor {run.supervisor}" if run.supervisor else "no supervisor"
    print(f"{health}{f': {message}' if message else ''}   ({by}, profile {run.profile})")
    if ahead[0]:
        print(f"WARNING: {ahead[1]}")
    for role, described in processes.items():
        for process in described or [{"pid": 0, "state": "not running"}]:
            memory = f"{process['memoryMB']:>6} MB" if "memoryMB" in process else ""
            print(f"  {role:<13} {process['pid'] or '-':>8}  {process['state']:<12} {memory}")
    for name, why in waiting.items():
        print(f"  WARNING {name} waits: {why}")
    for symbol, at in astray.items():
        where = f"trades in shards {' and '.join(map(str, at))} at once" if at else "is on its way from shard to shard"
        print(f"  WARNING {symbol} {where}: `exchange market move {symbol} --to SHARD` ends that")
    print(f"  REST {run.http}   WebSocket {run.ws}   logs {run.logs}")
    print(f"  configuration {run.config}")
    for shard, used in enumerate(tables):
        _warn_of(used, f" of shard {shard}" if run.shards > 1 else "")
    return 0 if health in ACCEPTING else 1


def _warn_of(used: dict[str, dict[str, int]], where: str) -> None:
    for name, table in used.items():
        fullness = max(table["used"] / table["size"], table["poolUsed"] / table["pool"] if table["pool"] else 0)
        if fullness >= WARN_AT:
            pool = f", {table['poolUsed']} of {table['pool']} beyond the accounts' own shares" if table["pool"] else ""
            counts = f"{table['used']} of {table['size']}{pool}"
            print(f"  WARNING {name}{where} are filling: {counts}; raise [capacity] {name}")


def _of_shards(
    tables: list[dict[str, dict[str, int]]], clocks: list[tuple[float, str]], astray: dict[str, list[int]]
) -> dict[str, object]:
    """What is different in each, where there are several."""
    if len(tables) == 1:
        return {}
    pairs = enumerate(zip(tables, clocks, strict=True))
    return {
        "shards": [{"shard": shard, "tables": used, "clockAheadSeconds": clock[0]} for shard, (used, clock) in pairs],
        "inSeveralShards": {symbol: at for symbol, at in astray.items() if at},
        "onTheirWay": [symbol for symbol, at in astray.items() if not at],
    }


def _health(run: Run) -> tuple[str, str | None]:
    try:
        with urllib.request.urlopen(f"{run.http}/api/v1/status", timeout=5) as answer:
            body = json.load(answer)
            return str(body["status"]), body.get("message")
    except urllib.error.HTTPError as error:
        return "Down", f"{run.http}/api/v1/status answers {error.code}"
    except (OSError, ValueError, KeyError) as error:
        return "Down", f"{run.http}/api/v1/status: {error}"


def _waiting(run: Run) -> dict[str, str]:
    """The processes that cannot do their part at present, by the name of their log, and why."""
    found = {}
    for path in of_roles(run.runtime):
        look = look_at(path)
        if look is not None and look.not_ready:
            found[path.name.removesuffix(".metrics").removesuffix(".0")] = look.not_ready
    return found


def _astray(run: Run) -> dict[str, list[int]]:
    """The markets that do not trade in one shard, and in which: in more after a log has lost where one went, in none
    while one moves. Of shards that do not answer nothing is known."""
    setups = {shard: found for shard in range(run.shards) if run.shards > 1 and (found := _setup(run, shard))}
    known, astray = list(setups.values()), {}
    for symbol, number in symbols(known[0]).items() if known else ():
        at = [list(setups)[place] for place in trades_in(known, number)]
        if len(at) > 1 or (not at and len(known) == run.shards and has_begun(known, number)):
            astray[symbol] = at
    return astray


def _setup(run: Run, shard: int) -> LogSetup | None:
    """What its log says of markets; None if it does not answer. (There may be a million accounts and keys.)"""
    try:
        check_redis(run.redis_of(shard))
        with Gateway(run.redis_of(shard), shard, answer_seconds=ANSWER_S) as gateway:
            records = gateway.query(QueryKind.SETUP)[1]
        return LogSetup.read(records[np.isin(records["kind"], _OF_MARKETS)])
    except (CommandError, GatewayError, TimeoutError, redis.RedisError):
        return None


def _tables(run: Run, shard: int) -> dict[str, dict[str, int]]:
    """How full the tables of the shard's engine are; empty if it does not answer."""
    look = next(filter(None, map(look_at, of_shard(run.runtime, "engine", shard))), None)
    if look is None:
        return {}
    names = {"capacity_used": "used", "capacity": "size", "pool_used": "poolUsed", "pool": "pool"}
    found: dict[str, dict[str, int]] = {}
    for number in look.numbers:
        if number.name in names:
            table = found.setdefault(number.labels["of"], {"used": 0, "size": 0, "poolUsed": 0, "pool": 0})
            table[names[number.name]] = int(float(number.value))
    return found


def _clock_ahead(run: Run, shard: int) -> tuple[float, str]:
    """By how many seconds the engine's time is ahead of the clock, and what that means; 0 if it does not answer."""
    try:
        check_redis(run.redis_of(shard))
        with Gateway(run.redis_of(shard), shard, answer_seconds=ANSWER_S) as gateway:
            time_ms = int(gateway.query(QueryKind.STATUS)[0]["time_ms"])
    except (CommandError, GatewayError, TimeoutError, redis.RedisError):
        return 0.0, ""
    ahead = ahead_ms(time_ms)
    return ahead / 1000, in_words(time_ms, ahead)


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


def logs(options: argparse.Namespace) -> int:
    """Print the end of the logs, of one role or of all; with --follow go on until Ctrl-C."""
    folder = options.data.absolute() / "logs"
    files = [
        path for path in sorted(folder.glob("*.log")) if options.role in (None, path.name.partition(".")[0], path.stem)
    ]
    if not files:
        known = ", ".join(sorted({path.name.split(".")[0] for path in folder.glob("*.log")})) or "none yet"
        elsewhere = (
            "; roles that were started one by one log where they were started, for example docker compose logs"
            * ("REDIS_URL" in os.environ)
        )
        raise CommandError(f"no log of {options.role or 'any role'} in {folder} (there are: {known}{elsewhere})")
    opened: list[tuple[str, IO[bytes]]] = []
    for path in files:
        name = path.name.removesuffix(".log")
        tail = path.read_bytes().splitlines()[-options.lines :] if options.lines else []
        for line in tail:
            _print_line(name, line)
        file = path.open("rb")
        file.seek(0, os.SEEK_END)
        opened.append((name, file))
    try:
        while options.follow:
            for name, file in opened:
                if os.fstat(file.fileno()).st_size < file.tell():  # rotated: emptied in place
                    file.seek(0)
                for line in file.readlines():
                    _print_line(name, line.rstrip(b"\n"))
            time.sleep(FOLLOW_EVERY_S)
    except KeyboardInterrupt:
        pass
    finally:
        for _, file in opened:
            file.close()
    return 0


def _print_line(name: str, line: bytes) -> None:
    sys.stdout.write(f"{name:<12} {line.decode('utf-8', 'replace')}\n")
    sys.stdout.flush()


def environment(options: argparse.Namespace) -> int:
    """Print the variables that let another tool join the running exchange, for a shell to evaluate."""
    for name, value in require(options.data).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
