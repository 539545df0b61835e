"""`exchange logs` and `env`: what the roles wrote, and how to join what runs."""

import argparse
import os
import shlex
import sys
import time
from typing import IO

from engine_core.operator.target.running import CommandError, require

FOLLOW_EVERY_S = 0.25


def logs(options: argparse.Namespace) -> int:
    """Print the end of the logs, of one role or of all; with --follow go on until Ctrl-C."""
    folder = options.data.absolute() / "logs"
    files = [
        path for path in sorted(folder.glob("*.log")) if options.role in (None, path.name.partition(".")[0], path.stem)
    ]
    if not files:
        known = ", ".join(sorted({path.name.split(".")[0] for path in folder.glob("*.log")})) or "none yet"
        elsewhere = (
            "; roles that were started one by one log where they were started, for example docker compose logs"
            * bool(os.environ.get("REDIS_URL"))
        )
        raise CommandError(f"no log of {options.role or 'any role'} in {folder} (there are: {known}{elsewhere})")
    opened: list[tuple[str, IO[bytes]]] = []
    for path in files:
        name = path.name.removesuffix(".log")
        tail = path.read_bytes().splitlines()[-options.lines :] if options.lines else []
        for line in tail:
            _print_line(name, line)
        file = path.open("rb")
        file.seek(0, os.SEEK_END)
        opened.append((name, file))
    try:
        while options.follow:
            for name, file in opened:
                if os.fstat(file.fileno()).st_size < file.tell():  # rotated: emptied in place
                    file.seek(0)
                for line in file.readlines():
                    _print_line(name, line.rstrip(b"\n"))
            time.sleep(FOLLOW_EVERY_S)
    except KeyboardInterrupt:
        pass
    finally:
        for _, file in opened:
            file.close()
    return 0


def _print_line(name: str, line: bytes) -> None:
    sys.stdout.write(f"{name:<12} {line.decode('utf-8', 'replace')}\n")
    sys.stdout.flush()


def environment(options: argparse.Namespace) -> int:
    """Print the variables that let another tool join the running exchange, for a shell to evaluate."""
    for name, value in require(options.data).environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
