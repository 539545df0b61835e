"""`python -m egress`: one process that turns events into WebSocket frames and fans them out."""

import gc

gc.disable()  # until process.ready()

import asyncio
import logging
import signal
import sys
from contextlib import suppress

import uvloop

from egress.auth import Authenticator
from egress.config import EgressConfig, from_settings
from egress.hub import Hub
from egress.metrics import monitor
from egress.pubsub import Publisher
from egress.server import Egress
from egress.stages import FrameStages
from egress.streams.market_by_order import OrderFeeds
from egress.streams.private import PrivateStreams
from egress.streams.public import PublicStreams
from engine_core.config.settings import Settings
from engine_core.config.toml_section import ConfigError
from engine_core.edge import exposure
from engine_core.edge.expiring_set import Remembered
from engine_core.edge.shared_files import ENDED_SESSIONS, USED_SIGNATURES
from engine_core.process import lifecycle
from engine_core.process.metrics import serve as serve_metrics
from engine_core.process.tasks import TaskFailed, background, ended, on_failure
from engine_core.replica.backfill import keep_filling
from engine_core.replica.market_data import MarketData, Source
from engine_core.replica.setup import HOME
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import GatewayError
from engine_core.wire.log import LogError

BEAT_SECONDS = 1.0

logger = logging.getLogger("egress")


async def run(config: EgressConfig) -> None:
    """Serve until SIGTERM or SIGINT, or until the log cannot be followed any more."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    bugs: list[BaseException] = []

    def broken(error: BaseException) -> None:
        bugs.append(error)
        stopped.set()

    on_failure(broken, AssertionError)  # what it would say from there on may be wrong
    gateways = [
        await AsyncGateway.open(url, config.runtime, shard, config.gateway)
        for shard, url in enumerate(config.redis_urls)
    ]
    home, *others = (Source(gateway.query, gateway.on_events, gateway.position) for gateway in gateways)
    data = await MarketData.bootstrap(home.query, home.on_events, *others)
    hub = Hub()
    order_feeds = OrderFeeds(data, hub, data.query)
    sources = PublicStreams(data, hub, order_feeds, *(gateway.complete for gateway in gateways))
    private = PrivateStreams(data, hub, *(gateway.query for gateway in gateways))
    publisher = Publisher(config.redis_urls[HOME], data.setup, hub)
    logged_out = Remembered(config.runtime / ENDED_SESSIONS)
    used = Remembered(config.runtime / USED_SIGNATURES)
    authenticator = Authenticator(data.setup, config.session_secret, logged_out, used)
    server = Egress(config, data, hub, private, authenticator)
    history = background("statistics of the time before", keep_filling(data, *config.redis_urls))
    stages = FrameStages(config.stages_every, hub)
    for gateway in gateways:
        gateway.on_events.append(stages.observe)
    metrics = monitor(config, gateways, data, hub, publisher, server.crowd)
    metrics.stamps = stages.stamps.after
    try:
        await server.start()
        serve_metrics(metrics, config.runtime, config.metrics_port, config.host)  # now: who is ready is connected to
        await publisher.start()
        logger.info("streams at ws://%s:%d", config.host, server.port)
        gc.freeze()  # what is here now stays: a full collection that looks at it again is a pause of 0.3 s
        lifecycle.ready()
        while not _failures(gateways) and not stopped.is_set():
            metrics.beat()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), BEAT_SECONDS)
    finally:
        await ended(history)
        await server.stop()
        logged_out.close()
        used.close()
        await publisher.stop()
        await private.stop()
        sources.stop()
        await order_feeds.end()
        await data.close()
        for gateway in gateways:
            await gateway.close()
    if reasons := _failures(gateways) + bugs:
        raise SystemExit(f"egress stops: {_words_of(reasons[0])}")


def _failures(gateways: list[AsyncGateway]) -> list[BaseException]:
    return [gateway.failure for gateway in gateways if gateway.failure is not None]


def _words_of(error: BaseException) -> str:
    return str(error) if isinstance(error, TaskFailed) else repr(error)


def main() -> None:
    lifecycle.start("egress")
    try:
        settings = Settings.of_role()
        exposure.check(settings.profile, settings.host, bool(settings.config.http.trusted_proxies))
        uvloop.run(run(from_settings(settings)))
    except (ConfigError, GatewayError, LogError) as error:
        sys.exit(f"exchange egress: {error}")


if __name__ == "__main__":
    main()
