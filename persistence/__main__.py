"""`python -m persistence`: the process that stores the event log in PostgreSQL or TimescaleDB."""

import gc

gc.disable()  # until process.ready()

import argparse
import logging
import sys

from engine_core.config.toml_section import ConfigError
from engine_core.process import lifecycle
from engine_core.process.metrics import serve as serve_metrics
from engine_core.transport.postgres import UnfitDatabase
from persistence.config import WriterConfig
from persistence.metrics import Metrics
from persistence.writer import run

_HELP = """Stores every event of the exchange in the database, exactly once. Settings come from the environment:
DATABASE_URL, REDIS_URL, EXCHANGE_DATA, EXCHANGE_SHARD, and EXCHANGE_WRITER_PAUSE_MS (least time between two commits
while there is little to store, default 250)."""


def main() -> None:
    argparse.ArgumentParser(prog="exchange writer", description=_HELP).parse_args()
    lifecycle.start("writer")
    try:
        config = WriterConfig.from_environment()
    except ConfigError as error:
        sys.exit(f"exchange writer: {error}")
    logging.getLogger(__name__).info("from %s", config)
    metrics = Metrics(config.stages_every, config.shard)
    serve_metrics(metrics.monitor, config.runtime, config.metrics_port, config.host)
    try:
        run(config, lifecycle.ready, metrics)
    except UnfitDatabase as error:
        sys.exit(f"exchange writer: DATABASE_URL: {error}")


if __name__ == "__main__":
    main()
