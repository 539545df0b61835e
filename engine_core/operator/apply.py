"""`exchange apply`: what `exchange up` does at its start, for an exchange that runs: exchange.toml → commands."""

import argparse

from engine_core import reconcile
from engine_core.administration import ApplyError
from engine_core.operator.run import CommandError, join, require
from engine_core.wire.settings import Settings


def apply(options: argparse.Namespace) -> int:
    require(options.data)
    join(options.data)
    try:
        applied = reconcile.apply(Settings.from_environment(), print)
    except (ApplyError, TimeoutError) as error:
        raise CommandError(str(error)) from None
    print(f"{applied} commands applied" if applied else "the log already says what the configuration says")
    return 0
