"""`exchange reset`: deletes an exchange for good. Only in a folder that is one's, and only what an exchange makes:
whatever else somebody has put there stays, and with it the folders that it is in.
"""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine_core.administration.demo import MARKET_MAKER_FILE, TAKER_FILE
from engine_core.config.profiles import PROFILE_FILE
from engine_core.config.settings import (
    CONFIGURATION_FILE,
    KEYS_FILE,
    SECRET_FILE,
    URLS_FILE,
    runtime_folder,
    session_secret,
)
from engine_core.config.shards import SHARDS_FILE
from engine_core.config.toml_section import ConfigError
from engine_core.host.embedded import CLUSTER_FILES, PASSWORDS_FILE, remove_fallback
from engine_core.host.supervisor import holder_of
from engine_core.jit.cache import KERNELS_FOLDER
from engine_core.operator.target.roles import ROLES
from engine_core.operator.target.running import CommandError, confirmed, is_running

ENGINE_NOTES = "engine-[0-9]*.entry"
_LOGS = (*ROLES, "valkey", "postgres")
_WORKERS = ("", ".[0-9]*", ".s[0-9]*")
_FILES = (
    *("run.json", KEYS_FILE, MARKET_MAKER_FILE, TAKER_FILE, CONFIGURATION_FILE, PROFILE_FILE, SHARDS_FILE),
    *(PASSWORDS_FILE, "postgres-password", URLS_FILE, ENGINE_NOTES),
)
_FOLDERS = {
    "valkey": ("appendonlydir", "reserve", ".reserve", "temp-*.aof", "temp-*.rdb", "dump.rdb"),
    "postgres": CLUSTER_FILES,
    "logs": tuple(f"{role}{worker}.log{age}" for role in _LOGS for worker in _WORKERS for age in ("", ".[0-9]")),
    "snapshots": ("[0-9]*-[0-9]*-[0-9]*.snapshot", "lost-[0-9]*.snapshot", ".[0-9]*.snapshot.[0-9]*"),
    KERNELS_FOLDER: ("kernels-*",),
}
_LAST = ("lock", SECRET_FILE)  # the mark goes last: a reset that was interrupted can be repeated


def reset(options: argparse.Namespace) -> int:
    """Delete everything that the exchange keeps on this folder: log, history, keys."""
    data: Path = options.data.absolute()
    if holder := holder_of(data):
        raise CommandError(f"the exchange with pid {holder} runs on {data}: stop it first")
    if is_running(data):
        raise CommandError(
            f"an engine still runs on {data}: stop the roles first; the log is in Redis, which stays as it is"
        )
    if not data.is_dir() or not any(data.iterdir()):
        print(f"nothing to delete in {data}")
        return 0
    if not _is_exchange(data):
        raise CommandError(
            f"{data} is not the data folder of an exchange ({SECRET_FILE}, which `exchange up` leaves there, is "
            "missing or something else): nothing was deleted; name another with --data DIR, or delete it by hand"
        )
    made = list(_made(data))
    print(f"of the exchange in {data}: {', '.join(_summary(data, made))}")
    if not options.yes and not confirmed("delete it all: accounts, balances, orders, history, keys? Type yes: "):
        raise CommandError("nothing was deleted (confirm with yes, or use --yes)")
    runtime = runtime_folder(data)
    remove_fallback(runtime)
    for path in [*made, runtime]:
        _delete(path)
    _remove_empty([*(data / name for name in _FOLDERS), data])
    print(f"deleted; {data} is {'kept, for it holds something else' if data.exists() else 'gone'}")
    return 0


def _is_exchange(data: Path) -> bool:
    """Whether one was ever started here: it made a secret, in a form that nobody types; its engine alone, a note."""
    try:
        return any(data.glob(ENGINE_NOTES)) or ((data / SECRET_FILE).is_file() and bool(session_secret(data)))
    except (ConfigError, ValueError):
        return False


def _made(data: Path) -> Iterator[Path]:
    """What an exchange makes, as far as it is there."""
    for name in _FILES:
        yield from (*data.glob(name), *data.glob(f".{name}.[0-9]*"))  # the second: its writer was killed
    for folder, patterns in _FOLDERS.items():
        yield from sorted({path for pattern in patterns for path in (data / folder).glob(pattern)})
    yield from (data / name for name in _LAST if (data / name).exists())


def _summary(data: Path, made: list[Path]) -> list[str]:
    """The files by name, and the folders with how much of each."""
    counts: dict[str, int] = {}
    for path in made:
        name = path.relative_to(data).parts[0]
        counts[name] = counts.get(name, 0) + 1
    return [f"{name}/ ({count} in it)" if name in _FOLDERS else name for name, count in counts.items()]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(folders: list[Path]) -> None:
    """A folder that somebody else has linked in is theirs."""
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
