"""`python -m engine_core.runtime`: the engine of one shard."""

import gc

gc.disable()  # until process.ready()

import argparse
import logging
import os
import signal
import sys

from engine_core.config.settings import Settings
from engine_core.config.toml_section import ConfigError
from engine_core.process import lifecycle
from engine_core.process.metrics import Monitor, serve
from engine_core.runtime.config import EngineConfig, from_settings, snapshot_rules
from engine_core.runtime.engine import Engine
from engine_core.runtime.loop import run
from engine_core.runtime.metrics import show
from engine_core.runtime.snapshots.schedule import Keeper
from engine_core.transport.reserved_file import NoRoom
from engine_core.wire.log import LogError

_HELP = """Matches orders: turns the command log into the event log. Settings come from the environment: REDIS_URL,
EXCHANGE_CONFIG (capacities, core to pin to, busy polling), EXCHANGE_DATA, EXCHANGE_RUNTIME (ring), EXCHANGE_SHARD."""

logger = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(prog="exchange engine", description=_HELP)
    parser.add_argument(
        "--standby",
        action="store_true",
        help="follow the log, and take over within a second when the active engine dies",
    )
    options = parser.parse_args()
    lifecycle.start("engine")
    try:
        settings = Settings.of_role()
        config = from_settings(settings, options.standby)
    except ConfigError as error:
        sys.exit(f"exchange engine: {error}")
    monitor = Monitor("engine", settings.worker, shard=settings.shard)
    keeper = Keeper(snapshot_rules(settings))
    engine = Engine(config, keeper, monitor.beat, wake=_hear_signals(keeper))
    show(engine, monitor)
    monitor.wishes["/snapshot"] = lambda: os.kill(os.getpid(), signal.SIGUSR1)  # as a signal, which wakes the loop too
    serve(monitor, config.runtime, config.metrics_port, settings.host)
    engine.on_activation = lambda: _take_a_core(config)
    gc.collect()
    gc.freeze()  # what stays for ever is never looked at again
    try:
        run(engine, lifecycle.ready)
    except (LogError, NoRoom) as error:
        logger.critical("the engine stops: %s", error)
        sys.exit(1)


def _take_a_core(config: EngineConfig) -> None:
    """The active engine has one core to itself; a standby leaves it alone."""
    if config.cpu is not None:
        os.sched_setaffinity(0, {config.cpu})


def _hear_signals(keeper: Keeper) -> int:
    """SIGUSR1 asks for a snapshot. A descriptor that signals make readable."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGUSR1, lambda number, frame: keeper.ask())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    return read


if __name__ == "__main__":
    main()
