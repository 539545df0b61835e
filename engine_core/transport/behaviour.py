"""Of which behaviour version the log on Redis is: asked before anything is changed that belongs to it.

    GENESIS         the version of the code that began the log; it may have been upgraded since, or be trimmed away
    behaviour:{s}   the version of the engine that came up last with this log from a snapshot; it is the newer word

Code of one version executes no command of another (runtime/upgrade.py). Whoever cannot go on with a log must leave its
database alone, too: the old code, which is needed once more, cannot use one of a newer schema. Non-goals: what to start
from (runtime/snapshots/resume.py).
"""

from typing import Any, cast

from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND
from engine_core.wire.streams import FIELD, BlockError, Keys, StreamEntries, decode_block

FROM_THE_OLD_CODE = (
    "Start the exchange with the code that it ran with before, where no client finds it (`exchange up --host 127.0.0.1 "
    "--http 0 --ws 0`, and `--profile bare` if it is no venue), take a snapshot (`exchange snapshot`), stop it with "
    "Ctrl-C, and then upgrade with the new one (`exchange upgrade`)"
)
# Also when Redis is full.
_NOTE = "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], ARGV[1])"


def behaviour_of(block: bytes) -> int:
    """That a log which begins with this block was begun by; 0 if it is no GENESIS."""
    try:
        first = decode_block(block, COMMAND)[1].view(ADMIN)[0]
    except BlockError:
        return 0
    return int(first["behaviour"]) if first["kind"] == CommandKind.GENESIS else 0


def begun_by(client: Any, names: Keys) -> int:
    """The behaviour version of the log's GENESIS; 0 if that was trimmed, or the log is empty."""
    first = cast(StreamEntries, client.xrange(names.orders, count=1))
    return behaviour_of(first[0][1].get(FIELD, b"")) if first else 0


def note(client: Any, names: Keys) -> None:
    """This code goes on with the log, from a snapshot of its own."""
    client.eval(_NOTE, 1, names.behaviour, str(BEHAVIOUR_VERSION))


def of_log(client: Any, names: Keys) -> int:
    """0: nothing says it, since the log is empty, or trimmed and no engine of late has noted it."""
    if not client.xlen(names.orders):
        return 0
    noted = client.get(names.behaviour)
    return int(noted) if noted else begun_by(client, names)


def foreign(client: Any, names: Keys) -> str | None:
    """Why this code must not go on with the log, if it is of another version."""
    version = of_log(client, names)
    if version in (0, BEHAVIOUR_VERSION):
        return None
    what = f"{names.orders} is of behaviour version {version}; this code is of version {BEHAVIOUR_VERSION}"
    if version > BEHAVIOUR_VERSION:
        return f"{what}: use the newer release, or restore all of the exchange from a copy of before the upgrade"
    return f"{what}, and executes nothing of it before the upgrade. {FROM_THE_OLD_CODE}"
