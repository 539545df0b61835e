"""A setting as it is typed, and how an exchange of one's own gets it: NAME=VALUE.

    engine.busy_poll=true               of exchange.toml, by section and key
    valkey.io-threads=2                 of Valkey, by CONFIG SET once it runs
    postgres.synchronous_commit=off     of PostgreSQL, by ALTER SYSTEM once it runs: what takes a restart is refused
    EXCHANGE_WRITER_PAUSE_MS=0          of the environment of all processes

Non-goals: settings of the machine itself (docs/tuning.md says which there are).
"""

import argparse
import json
import os
import re
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg import sql

from bench.load.targets.api import BenchError
from engine_core.arguments import quoted
from engine_core.config.exchange_toml import load
from engine_core.config.toml_section import ConfigError
from persistence.config import PAUSE_MS

VARIABLES = re.compile(r"EXCHANGE_(WRITER_PAUSE_MS|LOG_LEVEL)|(PYTHON|NUMBA_|MALLOC_|LD_)[A-Z0-9_]+|GLIBC_TUNABLES")
DEFAULTS = {"EXCHANGE_WRITER_PAUSE_MS": str(PAUSE_MS), "EXCHANGE_LOG_LEVEL": "INFO"}  # of what is unset
RELOAD_SECONDS = 30.0
_FORM = re.compile(r"(?:(?P<section>[a-z_]+)\.)?(?P<key>[A-Za-z_][A-Za-z0-9_-]*)=(?P<value>[^\n]*)")


@dataclass(frozen=True)
class Setting:
    section: str  # of exchange.toml, or "valkey" or "postgres"; empty: a variable of the environment
    key: str
    value: str

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}" if self.section else self.key

    @property
    def is_of_toml(self) -> bool:
        return bool(self.section) and not self.is_of_server

    @property
    def is_of_server(self) -> bool:
        return self.section in ("valkey", "postgres")

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def setting(text: str) -> Setting:
    found = _FORM.fullmatch(text)
    if found is None or (found["section"] is None and not found["key"].isupper()):
        raise argparse.ArgumentTypeError(
            f"must be like engine.busy_poll=true, valkey.io-threads=2 or EXCHANGE_WRITER_PAUSE_MS=0, is {quoted(text)}"
        )
    if found["section"] is None and not VARIABLES.fullmatch(found["key"]):
        raise argparse.ArgumentTypeError(
            f"{found['key']} is read by no process of an exchange; these are: EXCHANGE_WRITER_PAUSE_MS, "
            "EXCHANGE_LOG_LEVEL, GLIBC_TUNABLES, PYTHON…, NUMBA_…, MALLOC_…, LD_…"
        )
    return Setting(found["section"] or "", found["key"], found["value"])


def confusion(both: list[Setting], settings: list[Setting]) -> str:
    """Why two exchanges would not differ in what was typed, or nothing."""
    for names in ([one.name for one in both], [one.name for one in settings]):
        for name in names:
            if names.count(name) > 1:
                return f"{name} is given twice: name one value"
    return next((f"{one}: both exchanges have it, and would not differ in it" for one in settings if one in both), "")


def configured(text: str, settings: list[Setting], path: Path) -> Path:
    """Write a configuration with those settings that are of it; ConfigError if one is not valid."""
    for one in settings:
        if one.is_of_toml:
            text = _replaced(text, one)
    path.write_text(text, encoding="utf-8")
    try:
        config = load(path)
    except ConfigError as error:  # of a file that nobody has written
        raise ConfigError(str(error).removeprefix(f"{path}: ")) from None
    if hasattr(os, "sched_getaffinity") and config.engine.cpu not in (usable := {-1, *os.sched_getaffinity(0)}):
        raise ConfigError(f"engine.cpu: there is no core {config.engine.cpu} here: name one of {sorted(usable)}")
    return path


def _replaced(text: str, one: Setting) -> str:
    begin = re.search(rf"^\[{re.escape(one.section)}\].*$", text, re.MULTILINE)
    section = text[begin.end() :] if begin else ""
    section = section[: end.start()] if (end := re.search(r"^\[", section, re.MULTILINE)) else section
    line = re.search(rf"^{re.escape(one.key)} *=.*$", section, re.MULTILINE)
    if begin is None or line is None:
        raise BenchError(f"{one}: exchange.toml has no {one.key} in [{one.section}]; docs/configuration.md lists all")
    value = one.value if re.fullmatch(r"-?[\d_]+|true|false", one.value) else json.dumps(one.value)
    changed = section[: line.start()] + f"{one.key} = {value}" + section[line.end() :]
    return text[: begin.end()] + changed + text[begin.end() + len(section) :]


def variables(settings: list[Setting]) -> dict[str, str]:
    return {one.key: one.value for one in settings if not one.section}


def idle(settings: list[Setting], configs: Sequence[Path], environment: Mapping[str, str]) -> list[Setting]:
    """Those that change nothing: exchange.toml or the environment has their value without them. What the servers have
    is known when they run."""
    before, after = (tomllib.loads(config.read_text(encoding="utf-8")) for config in configs)
    variables = {**DEFAULTS, **environment}
    return [
        one
        for one in settings
        if (one.is_of_toml and before[one.section][one.key] == after[one.section][one.key])
        or (not one.section and variables.get(one.key) == one.value)
    ]


class Servers:
    """The two servers of a running exchange."""

    def __init__(self, redis_url: str, database_url: str) -> None:
        self._redis_url, self._database_url = redis_url, database_url

    def apply(self, settings: list[Setting]) -> None:
        try:
            with self._valkey() as client:
                for one in settings:
                    if one.section == "valkey":
                        client.config_set(one.key, one.value)
            if any(one.section == "postgres" for one in settings):
                with self._postgres() as connection:
                    for one in settings:
                        if one.section == "postgres":
                            command = sql.SQL("alter system set {} = {}")
                            connection.execute(command.format(sql.Identifier(one.key), sql.Literal(one.value)))
                    _reload(connection)
        except (redis.RedisError, psycopg.Error) as error:
            raise BenchError(f"the setting is not taken: {error}") from None

    def value(self, one: Setting) -> str:
        """What the server has now; if PostgreSQL has it for good, with the reason."""
        if one.section == "valkey":
            with self._valkey() as client:
                found: dict[str, str] = client.config_get(one.key)
                return found.get(one.key, "")
        with self._postgres() as connection:
            query = "select current_setting(name), context, source from pg_settings where name = lower(%s)"
            value, context, source = connection.execute(query, (one.key,)).fetchone() or ("", "", "")
        if source == "command line":
            return f"{value}, which `exchange up` gives its PostgreSQL itself"
        return f"{value}, which PostgreSQL changes only at its start" if context == "postmaster" else str(value)

    def _valkey(self) -> redis.Redis:
        return redis.Redis.from_url(self._redis_url, decode_responses=True)

    def _postgres(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._database_url, autocommit=True)


def refuse_same(settings: list[Setting], first: Servers, second: Servers) -> None:
    """BenchError for the first setting of a server that both have, whatever was asked for."""
    for one in settings:
        if one.is_of_server and (value := first.value(one)) == second.value(one):
            raise BenchError(f"{one}: both have {value}: the two would not differ in it")


def _reload(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """PostgreSQL reads its configuration when it comes to it; sessions that begin afterwards have it."""
    loaded = "select pg_conf_load_time()"
    before = connection.execute(loaded).fetchone()
    connection.execute("select pg_reload_conf()")
    deadline = time.monotonic() + RELOAD_SECONDS
    while connection.execute(loaded).fetchone() == before:
        if time.monotonic() > deadline:
            raise BenchError(f"PostgreSQL does not read its configuration again within {RELOAD_SECONDS:g} s")
        time.sleep(0.01)
