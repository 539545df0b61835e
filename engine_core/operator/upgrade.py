"""`exchange upgrade`: goes on with a stopped exchange of the behaviour version before. See runtime/upgrade.py."""

import argparse

import redis

from engine_core.operator.target.log_access import open_log
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
    with open_log(options) as client:
        try:
            if any(connection["name"] == active_name(0) for connection in client.client_list()):
                raise CommandError("an engine still runs on this log: stop every engine and every standby first")
            done = upgrade_log(client, keys(0), options.data.absolute(), 0)
        except (redis.RedisError, LogError, SnapshotError) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"the snapshot cannot be written: {error}; then repeat this") from None
    if done is None:
        print(f"nothing to upgrade: the log is of behaviour version {BEHAVIOUR_VERSION} already")
    else:
        print(
            f"from behaviour version {done.before} to {BEHAVIOUR_VERSION} at entry {done.entry}: {done.snapshot.name} "
            "is its first snapshot. Go on with `exchange up`; code of the old version cannot follow this log any more"
        )
    return 0
