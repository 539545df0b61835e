"""`exchange skip`: an entry of the log that the engine is to pass over."""

import argparse
from contextlib import closing

from engine_core.administration.client import admin
from engine_core.operator.target.running import CommandError, require
from engine_core.operator.target.session import ANSWER_TIMEOUT_S, reached
from engine_core.process.names import role_name
from engine_core.transport.redis_connection import client_of, describe
from engine_core.wire.codes import CommandKind
from engine_core.wire.limits import MAX_INT64
from engine_core.wire.streams import EntryId, keys


def skip(options: argparse.Namespace) -> int:
    """Let the engine pass over an entry that crashes it. Its commands are then never executed: the last resort."""
    try:
        entry = EntryId.parse(options.entry)
        if max(entry) > MAX_INT64:
            raise ValueError
    except ValueError:
        raise CommandError(f"{options.entry!r} is not an entry ID, like 1790000000000-0") from None
    run = require(options.data)
    if options.shard >= run.shards:
        raise CommandError(f"--shard {options.shard}: this venue has {run.shards} (from 0 on)")
    with reached(run) as venue:
        _check_skippable(run.redis_of(options.shard), options.shard, entry)
        venue.gateways[options.shard].append(admin(CommandKind.SKIP, entry_ms=entry.ms, entry_seq=entry.seq))
    engine = role_name("engine", options.shard)
    print(f"SKIP of {entry} is in the log; `exchange logs {engine}` shows the engine going on")
    return 0


def _check_skippable(redis_url: str, shard: int, entry: EntryId) -> None:
    """CommandError unless the log has this entry and no engine has published what it gave."""
    names = keys(shard)
    with closing(client_of(redis_url, ANSWER_TIMEOUT_S)) as client:
        if not client.xrange(names.orders, str(entry), str(entry)):
            of_shard, engine = f" of shard {shard}" if shard else "", role_name("engine", shard)
            raise CommandError(
                f"the log{of_shard} has no entry {entry}: `exchange logs {engine}` names the one at which the engine "
                "halted"
            )
        executed = describe(client, names.events).top
    if entry <= executed:
        raise CommandError(f"entry {entry} is executed or skipped already (the engine is at {executed}): too late")
