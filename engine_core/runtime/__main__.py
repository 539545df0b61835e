"""`python -m engine_core.runtime`: the engine of one shard."""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Iterable

from engine_core.runtime.config import EngineConfig, from_settings
from engine_core.runtime.loop import Engine
from engine_core.wire import process
from engine_core.wire.log import LogError
from engine_core.wire.metrics import Monitor, Sample, serve
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
    monitor.samples = lambda: samples(engine)
    serve(monitor, config.runtime, config.metrics_port)
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


def samples(engine: Engine) -> Iterable[Sample]:
    counters, publisher = engine.counters, engine.publisher
    yield Sample("matched_commands_total", "commands executed", counters.commands)
    yield Sample("events_total", "events computed", counters.events)
    yield Sample("entries_total", "entries of the command log executed", counters.entries)
    yield Sample("questions_total", "questions answered", counters.questions)
    yield Sample("ticks_total", "TICK commands appended for due timers", counters.ticks)
    yield Sample("reader_wakeups_total", "sleeping ring readers woken", counters.wakeups)
    yield Sample("redis_reconnects_total", "times that Redis had to be reached again", counters.reconnects)
    yield Sample("append_refusals_total", "times that Redis refused events", counters.append_refusals)
    yield Sample("events_confirmed_bytes_total", "bytes of events that Redis has confirmed", publisher.confirmed_bytes)
    yield Sample("events_unconfirmed_bytes", "bytes of events computed but not confirmed", publisher.unconfirmed_bytes)
    yield Sample("replay_seconds", "time of the replay at the last start", counters.replay_seconds)
    if engine.ring is not None:
        readers = engine.ring.readers()
        yield Sample("ring_readers", "processes reading the ring", len(readers))
        yield Sample("ring_lapped_total", "times that a reader was overtaken", sum(lapped for _, _, lapped in readers))


if __name__ == "__main__":
    main()
