"""`exchange apply`: what `exchange up` does at its start, for an exchange that runs: its configuration → commands.

The configuration is the exchange's own, wherever one stands, unless another one is named. What would change is shown
first, and somebody has to agree.
"""

import argparse

from engine_core.administration import reconcile
from engine_core.administration.client import ApplyError
from engine_core.operator.target.log_access import check_redis
from engine_core.operator.target.running import CommandError, confirmed, require, settings_of


def apply(options: argparse.Namespace) -> int:
    check_redis(require(options.data).redis)
    settings = settings_of(options.data, options.config)
    print(f"{settings.config.path}, compared with the log of the exchange on {settings.data}:", flush=True)

    def agree() -> None:
        if not options.yes and not confirmed("append this to the log? Type yes: "):
            raise CommandError("nothing was changed (confirm with yes, or use --yes)")

    try:
        applied = reconcile.apply(settings, lambda line: print(f"  {line}", flush=True), agree)
    except (ApplyError, TimeoutError) as error:
        raise CommandError(str(error)) from None
    print(f"{applied} commands applied" if applied else "the log already says what the configuration says")
    return 0
