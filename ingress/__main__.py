"""The ingress process: authenticates, validates, appends commands, answers with the outcome. `python -m ingress`."""

import gc

gc.disable()  # until process.ready()

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from typing import cast

import numpy as np
import uvicorn
import uvloop

from engine_core.config.hosts import in_url, to_bind
from engine_core.config.settings import Settings
from engine_core.config.toml_section import ConfigError
from engine_core.edge import exposure
from engine_core.edge.expiring_set import ENDED_SESSIONS, Remembered
from engine_core.process import lifecycle
from engine_core.process.metrics import Monitor
from engine_core.process.metrics import serve as serve_metrics
from engine_core.process.tasks import ended
from engine_core.replica.backfill import keep_filling
from engine_core.replica.market_data import MarketData
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import GatewayError
from engine_core.wire.log import LogError
from ingress.access import used_signatures
from ingress.access.authenticator import Authenticator
from ingress.access.rate_limits import FILE as limits_file
from ingress.access.rate_limits import opened
from ingress.access.used_signatures import UsedSignatures
from ingress.arrival import stamp_arrivals, stamped
from ingress.config import IngressConfig, from_settings
from ingress.database import HistoryUnavailable
from ingress.engine import Engine, Gateway
from ingress.fast_path import warm
from ingress.fast_path.shown_orders import ShownOrders
from ingress.health import Health
from ingress.history.reader import History
from ingress.http import app
from ingress.http.connections import Connection, Crowd
from ingress.http.protocol import protocol
from ingress.metrics import Metrics
from ingress.order_entry.socket import socket_class
from ingress.service import Service
from ingress.stages import OrderStages
from ingress.users.guard_rows import GuardedUsers

KEEP_ALIVE_SECONDS = 75  # above the idle time of common clients, so that they close first
SHUTDOWN_SECONDS = 2  # for requests in flight
FAILURE_CHECK_SECONDS = 1.0
BACKLOG = 2048
logger = logging.getLogger("ingress")


@contextlib.asynccontextmanager
async def open_service(config: IngressConfig, stages: OrderStages) -> AsyncIterator[Service]:
    """Everything the operations work on, connected and complete."""
    async with contextlib.AsyncExitStack() as stack:
        early: list[np.ndarray] = []  # events that come before there is a History to take them
        gateway = await AsyncGateway.open(
            *(config.redis_url, config.runtime, config.shard, config.gateway),
            only_own=True,  # what others were answered is caught up with before anything is read
            backlog=config.backlog,
            on_events=[lambda slots: early.append(slots.copy())],
        )
        stack.push_async_callback(gateway.close)
        gateway.watch_blocks(stages.appended)
        since = gateway.position
        market_data = await MarketData.bootstrap(gateway.query, gateway.on_events)
        stack.push_async_callback(market_data.close)
        history = History(config.database_url, market_data.setup, since, config.shard, gateway.complete)
        stack.push_async_callback(history.close)
        for slots in early:
            history.observe(slots)
        gateway.on_events[0] = history.observe
        shown = ShownOrders(market_data.setup, config.gateway)
        gateway.on_events.append(shown.observe)  # last: who is told of his events asks for it
        engine = Engine(gateway)
        used = UsedSignatures(config.runtime / used_signatures.FILE)
        stack.callback(used.close)
        ended = Remembered(config.runtime / ENDED_SESSIONS)
        stack.callback(ended.close)
        auth = Authenticator(market_data.setup, config.session_secret, used, ended)
        users = GuardedUsers(config.database_url)
        stack.push_async_callback(users.close)
        limits = None
        limits = opened(config.runtime / limits_file, config.rate_limits)
        if limits is not None:
            stack.callback(limits.close)
        known = config, engine, market_data, history, auth, Health(engine), users, limits
        yield Service(*known, arrivals=stages.arrivals, shown=shown.of)


async def serve(config: IngressConfig) -> None:
    metrics = Metrics(config)
    stages = OrderStages(config.stages_every)
    metrics.monitor.stamps = stages.stamps.after
    serve_metrics(metrics.monitor, config.runtime, config.metrics_port, config.host)
    with listening_socket(config) as listener:
        async with open_service(config, stages) as service:
            metrics.gateway = service.engine.gateway
            uses, known = service.auth.uses, (service.users, service.setup.log_id)
            statistics = asyncio.create_task(keep_filling(service.market_data, config.redis_url, config.shard))
            notes = asyncio.create_task(uses.keep_written(*known))
            try:
                await _serve_http(service, listener, metrics)
            finally:
                await ended(statistics, notes)
            with contextlib.suppress(HistoryUnavailable):
                await uses.write(*known)


async def _serve_http(service: Service, listener: socket.socket, metrics: Metrics) -> None:
    warm.load()
    crowd = metrics.crowd = Crowd(service.config.connections, service.config.proxies, service.limits)
    server = uvicorn.Server(
        uvicorn.Config(
            app.build(service, metrics),
            http=_connections(service, metrics, crowd),
            ws=socket_class(service, metrics),
            lifespan="off",
            proxy_headers=False,  # whose word on the client's address counts, engine_core/config/addresses.py says
            access_log=False,
            server_header=False,
            log_config=None,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            backlog=BACKLOG,
        )
    )
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        gc.collect()
        gc.freeze()  # what is here now stays: full collections need not look at it again
        metrics.listening = True
        lifecycle.ready()
        logger.info("serving http://%s:%d", service.config.host, service.config.http_port)
    watch = asyncio.create_task(_until_failure(service.engine.gateway, server, metrics.monitor, crowd))
    await serving
    await ended(watch)
    if service.engine.gateway.failure is not None:
        raise GatewayError(str(service.engine.gateway.failure))


def _connections(service: Service, metrics: Metrics, crowd: Crowd) -> type[asyncio.Protocol]:
    made = protocol(app.hot_routes(service, metrics), crowd)
    return stamped(service.arrivals, made) if service.config.stages_every else made


async def _until_failure(gateway: Gateway, server: uvicorn.Server, monitor: Monitor, crowd: Crowd) -> None:
    """A gateway that gave up never comes back: end this process, so that a new one takes its place."""
    while gateway.failure is None:
        monitor.beat()
        crowd.drop_slow(cast(Iterable[Connection], server.server_state.connections), asyncio.get_running_loop().time())
        await asyncio.sleep(FAILURE_CHECK_SECONDS)
    server.should_exit = True


def listening_socket(config: IngressConfig) -> socket.socket:
    """The socket to serve, shared by all workers if there are several.

    Bound now, so that a taken port is known at once; uvicorn listens. A worker that listened before it can answer would
    get its share of the connections meanwhile.
    """
    try:
        family, address = to_bind(config.host, config.http_port)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if config.workers > 1:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if config.stages_every:
            stamp_arrivals(listener)
        listener.bind(address)
    except OSError as error:
        where = f"{in_url(config.host)}:{config.http_port}"
        raise ConfigError(f"cannot listen on {where}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener


def main() -> None:
    lifecycle.start("ingress")
    try:
        settings = Settings.of_role()
        exposure.check(settings.profile, settings.host, bool(settings.config.http.trusted_proxies))
        uvloop.run(serve(from_settings(settings)))
    except (ConfigError, GatewayError, LogError) as error:
        sys.exit(f"exchange ingress: {error}")


if __name__ == "__main__":
    main()
