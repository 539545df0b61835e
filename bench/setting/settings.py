"""A setting as it is typed, and how an exchange of one's own gets it: NAME=VALUE.

    engine.busy_poll=true               of exchange.toml, by section and key
    valkey.io-threads=2                 of Valkey, by CONFIG SET once it runs
    postgres.synchronous_commit=off     of PostgreSQL, by ALTER SYSTEM once it runs
    EXCHANGE_WRITER_PAUSE_MS=0          of the environment of all processes

Non-goals: settings of the machine itself (docs/tuning.md says which there are).
"""

import argparse
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from bench.load.targets.api import BenchError
from engine_core.arguments import quoted
from engine_core.config.exchange_toml import load
from engine_core.config.toml_section import ConfigError

VARIABLES = re.compile(r"EXCHANGE_(WRITER_PAUSE_MS|LOG_LEVEL)|(PYTHON|NUMBA_|MALLOC_|LD_)[A-Z0-9_]+|GLIBC_TUNABLES")
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
        return self.section not in ("", "valkey", "postgres")

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


def apply(settings: list[Setting], redis_url: str, database_url: str) -> None:
    """Set what is of the two servers of a running exchange."""
    try:
        with redis.Redis.from_url(redis_url) as client:
            for one in settings:
                if one.section == "valkey":
                    client.config_set(one.key, one.value)
        with psycopg.connect(database_url, autocommit=True) as connection:
            for one in settings:
                if one.section == "postgres":
                    command = sql.SQL("alter system set {} = {}")
                    connection.execute(command.format(sql.Identifier(one.key), sql.Literal(one.value)))
            connection.execute("select pg_reload_conf()")
    except (redis.RedisError, psycopg.Error) as error:
        raise BenchError(f"the setting is not taken: {error}") from None
