"""Whether this code may go on with what is in a data folder, and as what: asked before a role runs that changes it."""

import importlib
from collections.abc import Callable, Container
from itertools import groupby
from pathlib import Path

import redis

from engine_core.config.redis_url import to_shard
from engine_core.config.settings import without_password
from engine_core.host.supervisor import StartError
from engine_core.transport import behaviour
from engine_core.transport.primary import redis_of
from engine_core.wire.limits import MOST_SHARDS
from engine_core.wire.streams import keys


def check_snapshots(data: Path, shards: int = 1, said: str = "") -> Callable[[str], None]:
    """StartError if they are of an earlier behaviour version. What asks the logs, at their URL, once they are there.
    `said`: who says how many shards there are to be.

    A log whose snapshots are of this code was upgraded, whoever began it, and is not asked of which version it is.
    """
    upgraded = {shard for shard in range(shards) if _is_upgraded(data, shard)}
    return lambda url: check_logs(url, shards, upgraded, said)


def _is_upgraded(data: Path, shard: int) -> bool:
    if not any((data / "snapshots").glob("*.snapshot")):
        return False
    # With the kernels, which nothing else here needs.
    snapshot = importlib.import_module("engine_core.runtime.snapshots.snapshot")
    if (why := snapshot.not_upgraded(data, shard=shard)) is not None:
        raise StartError(why)
    return bool(snapshot.has_own(data, shard=shard))


def check_logs(url: str, shards: int, upgraded: Container[int] = (), said: str = "") -> None:
    """StartError if one is of another behaviour version, cannot be asked, or is of a shard that the venue has not."""
    for place, numbers in groupby(range(MOST_SHARDS), lambda shard: to_shard(url, shard)):
        try:
            with redis_of(place, protocol=2, socket_timeout=60) as client:
                found = [_wrong(client, shard, shards, said) for shard in numbers if shard not in upgraded]
        except (redis.RedisError, OSError) as error:
            found = [
                f"Redis at {without_password(url)} does not say whose log it has: {error}; start again when it does"
            ]
        for why in filter(None, found):
            raise StartError(why)


def _wrong(client: redis.Redis, shard: int, shards: int, said: str) -> str | None:
    """Why a venue of so many shards cannot go on with what Redis has of this one."""
    if shard < shards:
        return behaviour.foreign(client, keys(shard))
    if not client.exists(keys(shard).events):
        return None
    by = f", as {said} says" if said else ""
    return (
        f"Redis has a log of shard {shard}, and this venue is to have {shards} (from 0 on){by}: a part of the markets "
        f"and of the money would be missing; start it with --shards {shard + 1} or more"
    )
