"""`python -m engine_core.runtime`: the engine of one shard."""

import argparse
import gc
import logging
import os
import sys

from engine_core.runtime.config import EngineConfig, from_settings
from engine_core.runtime.loop import Engine
from engine_core.runtime.monitoring import show
from engine_core.wire import process
from engine_core.wire.log import LogError
from engine_core.wire.metrics import Monitor, serve
from engine_core.wire.sections import ConfigError
from engine_core.wire.settings import Settings

_HELP = """Matches orders: turns the command log into the event log. Settings come from the environment: REDIS_URL,
EXCHANGE_CONFIG (capacities, core to pin to, busy polling), EXCHANGE_DATA, EXCHANGE_RUNTIME (ring), EXCHANGE_SHARD."""

logger = logging.getLogger(__name__)


def main() -> None:
    argparse.ArgumentParser(prog="exchange engine", description=_HELP).parse_args()
    process.start("engine")
    try:
        settings = Settings.from_environment()
        config = from_settings(settings)
    except ConfigError as error:
        sys.exit(f"exchange engine: {error}")
    monitor = Monitor("engine", settings.shard)
    engine = Engine(config, monitor.beat)
    show(engine, monitor)
    serve(monitor, config.runtime, config.metrics_port, settings.host)
    _settle_down(config)
    try:
        engine.run(process.ready)
    except LogError as error:
        logger.critical("the engine stops: %s", error)
        sys.exit(1)


def _settle_down(config: EngineConfig) -> None:
    """One core of its own, and no garbage collection of what stays for ever."""
    if config.cpu is not None:
        os.sched_setaffinity(0, {config.cpu})
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    main()
