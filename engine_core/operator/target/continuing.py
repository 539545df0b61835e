"""Whether this code may go on with what is in a data folder, and as what: asked before a role runs that changes it."""

import importlib
from collections.abc import Callable
from pathlib import Path

import redis

from engine_core.config.settings import without_password
from engine_core.host.supervisor import StartError
from engine_core.transport import behaviour
from engine_core.transport.primary import redis_of
from engine_core.wire.streams import keys


def check_snapshots(data: Path) -> Callable[[str], None]:
    """StartError if they are of an earlier behaviour version. What asks the log, at its URL, as soon as it is there."""
    if any((data / "snapshots").glob("*.snapshot")):
        # With the kernels, which nothing else here needs.
        snapshot = importlib.import_module("engine_core.runtime.snapshots.snapshot")
        if (why := snapshot.not_upgraded(data, shard=0)) is not None:
            raise StartError(why)
        if snapshot.has_own(data, shard=0):  # then it was upgraded, whoever began it
            return lambda url: None
    return check_log


def check_log(url: str) -> None:
    """StartError if the log is of another behaviour version, or cannot be asked."""
    try:
        with redis_of(url, protocol=2, socket_timeout=60) as client:
            why = behaviour.foreign(client, keys(0))
    except (redis.RedisError, OSError) as error:
        why = f"Redis at {without_password(url)} does not say whose log it has: {error}; start again when it does"
    if why is not None:
        raise StartError(why)
