"""`exchange upgrade`: goes on with a stopped exchange of the behaviour version before. See runtime/upgrade.py."""

import argparse
from pathlib import Path

import redis

from engine_core.operator.target.log_access import all_logs
from engine_core.operator.target.running import CommandError, is_running
from engine_core.runtime.snapshots.snapshot import SnapshotError
from engine_core.runtime.standby import active_name
from engine_core.runtime.upgrade import upgrade as upgrade_log
from engine_core.wire.layout import BEHAVIOUR_VERSION
from engine_core.wire.log import LogError
from engine_core.wire.streams import keys


def upgrade(options: argparse.Namespace) -> int:
    if is_running(options.data):
        raise CommandError("stop the exchange first (Ctrl-C where it runs)")
    with all_logs(options) as clients:
        for shard, client in enumerate(clients):
            _upgrade(client, shard, options.data.absolute(), f"shard {shard}: " if len(clients) > 1 else "")
    return 0


def _upgrade(client: redis.Redis, shard: int, data: Path, where: str) -> None:
    """Of one shard's log; one that was upgraded already stays as it is, so all of this can be repeated."""
    try:
        if any(connection["name"] == active_name(shard) for connection in client.client_list()):
            raise CommandError(f"{where}an engine still runs on this log: stop every engine and every standby first")
        done = upgrade_log(client, keys(shard), data, shard)
    except (redis.RedisError, LogError, SnapshotError) as error:
        raise CommandError(f"{where}{error}") from None
    except OSError as error:
        raise CommandError(f"{where}the snapshot cannot be written: {error}; then repeat this") from None
    if done is None:
        print(f"{where}nothing to upgrade: the log is of behaviour version {BEHAVIOUR_VERSION} already")
    else:
        print(
            f"{where}from behaviour version {done.before} to {BEHAVIOUR_VERSION} at entry {done.entry}: "
            f"{done.snapshot.name} is its first snapshot. Go on with `exchange up`; code of the old version cannot "
            "follow this log any more"
        )
