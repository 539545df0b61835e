"""`exchange config`: the configuration file of the exchange on a data folder, or the one that it would start with; for
whoever installed a wheel it is where to begin: `exchange config > exchange.toml`, edit, `exchange up`."""

import argparse
import os
import sys
from pathlib import Path

from engine_core.config.settings import own_config
from engine_core.operator.target.running import CommandError


def config(options: argparse.Namespace) -> int:
    path = Path(os.environ.get("EXCHANGE_CONFIG") or own_config(options.data.absolute()))
    try:
        sys.stdout.write(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    return 0
