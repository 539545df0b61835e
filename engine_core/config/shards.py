"""Shards: how many a venue has (`[shards] count`), and in which one a new market begins (`[markets.X] shard`).

What is said here holds for what is new: in which shard a market trades, the logs say. The number of shards only grows;
the data folder remembers it. Non-goals: moving a market (operator/change/markets.py), and routing (edges).
"""

import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol

from engine_core.config.toml_section import ConfigError, Section
from engine_core.config.whole_numbers import number_in
from engine_core.wire.limits import MOST_SHARDS

ANY_SHARD = -1
SHARDS_FILE = "shards"  # in the data folder: how many it was last started with
VARIABLE = "EXCHANGE_SHARDS"


class Placed(Protocol):
    """What is asked of a market here."""

    @property
    def symbol(self) -> str: ...

    @property
    def shard(self) -> int: ...


def read_shards(table: Section) -> int:
    shards = table.integer("count", 1, MOST_SHARDS, 1)
    table.done()
    return shards


def read_shard(market: Section) -> int:
    """In which shard the market begins; ANY_SHARD where the file leaves that to its symbol."""
    return market.integer("shard", ANY_SHARD, MOST_SHARDS - 1, ANY_SHARD)


def first_shard(market: Placed, shards: int) -> int:
    """Where a market begins in a venue of so many shards: as said, else by a hash of its symbol."""
    if market.shard != ANY_SHARD:
        return market.shard
    return int.from_bytes(sha256(market.symbol.encode()).digest()[:8], "little") % shards


def check_markets(file: str, markets: Iterable[Placed], shards: int) -> None:
    """ConfigError names a market that is to begin in a shard that the venue has not."""
    for market in markets:
        if market.shard >= shards:
            raise ConfigError(
                f"{file}: markets.{market.symbol}.shard: {market.shard} is no shard of this venue, which has {shards} "
                f"(0 to {shards - 1}): raise [shards] count, or choose another one"
            )


def shards_of(environment: Mapping[str, str], data: Path | None = None, count: int = 1) -> int:
    """How many shards the venue on `data` has: as the environment says, else as many as its data or `count`."""
    text = environment.get(VARIABLE)
    if not text:
        return max(count, noted_shards(data) if data else 1)
    return number_in(text, VARIABLE, 1, MOST_SHARDS)


class Wanted(NamedTuple):
    """How many shards a venue is to have, and who says so."""

    shards: int
    said: str


def wanted_shards(option: int | None, environment: Mapping[str, str], data: Path, count: int) -> Wanted:
    """As shards_of; `option`: what was asked for by hand, which counts before all else."""
    if option is not None:
        return Wanted(option, f"--shards {option}")
    shards = shards_of(environment, data, count)
    if environment.get(VARIABLE):
        return Wanted(shards, f"{VARIABLE}={shards}")
    return Wanted(shards, f"[shards] count = {count}" if shards == count else str(data / SHARDS_FILE))


def check_kept(wanted: Wanted, data: Path) -> None:
    """ConfigError if the data has more."""
    if wanted.shards < (there := noted_shards(data)):
        raise ConfigError(
            f"{wanted.said}: {data} has {there} shards, each with its markets and a part of the money, and a venue "
            f"cannot give one up: start it with --shards {there}, or without {wanted.said}"
        )


def note_shards(data: Path, shards: int) -> None:
    """For the next start, and for commands meanwhile. One needs no note."""
    if shards != noted_shards(data):
        beside = data / f".{SHARDS_FILE}.{os.getpid()}"
        beside.write_text(f"{shards}\n", encoding="utf-8")
        beside.replace(data / SHARDS_FILE)


def noted_shards(data: Path) -> int:
    """With how many the exchange on this folder was last started; 1 where none was. ConfigError names the file."""
    note = data / SHARDS_FILE
    if not note.is_file():
        return 1
    return number_in(note.read_text(encoding="utf-8", errors="replace").strip(), str(note), 1, MOST_SHARDS)
