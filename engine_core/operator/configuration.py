"""`exchange config`: the configuration of the exchange on a data folder, or the one that it would start with.

Whoever has a wheel begins so: `exchange config --write`, edit exchange.toml, `exchange up`.
"""

import argparse
import os
import sys
from pathlib import Path

from engine_core.config.settings import is_config, own_config
from engine_core.operator.target.running import CommandError


def config(options: argparse.Namespace) -> int:
    data = options.data.absolute()
    path = Path(os.environ.get("EXCHANGE_CONFIG") or own_config(data))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    if options.write is None:
        sys.stdout.write(text)
        return 0
    _write(options.write, text)
    is_taken = not os.environ.get("EXCHANGE_CONFIG") and own_config(data) == options.write.absolute()
    print(
        f"{options.write} is {path} now: edit it, then `exchange up{'' if is_taken else f' --config {options.write}'}`"
    )
    return 0


def _write(path: Path, text: str) -> None:
    """CommandError rather than over something that somebody has written."""
    if is_config(path) or (path.exists() and not path.is_file()):
        raise CommandError(f"{path} is there already, and stays as it is: delete it first, or name another file")
    path.write_text(text, encoding="utf-8")
