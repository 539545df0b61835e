"""The ingress process: authenticates, validates, appends commands, answers with the outcome. `python -m ingress`."""

import gc

gc.disable()  # until process.ready()

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import cast

import numpy as np
import uvicorn
import uvloop

from engine_core.config.hosts import in_url, to_bind
from engine_core.config.settings import Settings
from engine_core.config.toml_section import ConfigError
from engine_core.edge import exposure
from engine_core.edge.expiring_set import Remembered
from engine_core.edge.shared_files import ENDED_SESSIONS, USED_SIGNATURES
from engine_core.process import lifecycle
from engine_core.process.metrics import Monitor
from engine_core.process.metrics import serve as serve_metrics
from engine_core.process.tasks import TaskFailed, background, ended, on_failure
from engine_core.replica.backfill import keep_filling
from engine_core.replica.market_data import MarketData, Source
from engine_core.replica.setup import HOME
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import GatewayError
from engine_core.wire.log import LogError
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
from ingress.service import Service, Several
from ingress.shards.funding import Funding
from ingress.shards.mirror import Mirror
from ingress.shards.mover import Mover
from ingress.shards.router import Shards
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
        early: list[tuple[np.ndarray, int]] = []  # events that come before there is a History to take them
        gateways: list[AsyncGateway] = []
        for shard in range(len(config.redis_urls)):
            gateways.append(await _open_gateway(config, shard, stages, early))
            stack.push_async_callback(gateways[shard].close)
        since = [each.position for each in gateways]
        home, *others = (Source(each.query, each.on_events, each.position) for each in gateways)
        market_data = await MarketData.bootstrap(home.query, home.on_events, *others)
        stack.push_async_callback(market_data.close)
        history = History(config.database_url, market_data.setup, since, partial(_complete, gateways))
        stack.push_async_callback(history.close)
        for slots, shard in early:
            history.observe(slots, shard)
        several = _several(gateways, market_data)
        shown = ShownOrders(market_data.setup, config.gateway)
        for shard, each in enumerate(gateways):
            each.on_events[0] = partial(history.observe, shard=shard) if several else history.observe
            each.on_events.append(shown.observe)  # last: who is told of his events asks for it
        gateway: Gateway = gateways[HOME] if several is None else several.shards
        engine = Engine(gateway)
        used = UsedSignatures(config.runtime / USED_SIGNATURES)
        stack.callback(used.close)
        sessions = Remembered(config.runtime / ENDED_SESSIONS)
        stack.callback(sessions.close)
        auth = Authenticator(market_data.setup, config.session_secret, used, sessions)
        users = GuardedUsers(config.database_url)
        stack.push_async_callback(users.close)
        limits = opened(config.runtime / limits_file, config.rate_limits)
        if limits is not None:
            stack.callback(limits.close)
        known = config, engine, market_data, history, auth, Health(engine, several and several.shards), users, limits
        service = Service(*known, arrivals=stages.arrivals, shown=shown.of, several=several)
        async with _working(several):
            yield service


async def _open_gateway(
    config: IngressConfig, shard: int, stages: OrderStages, early: list[tuple[np.ndarray, int]]
) -> AsyncGateway:
    gateway = await AsyncGateway.open(
        *(config.redis_urls[shard], config.runtime, shard, config.gateway),
        only_own=True,  # what others were answered is caught up with before anything is read
        backlog=config.backlog,
        on_events=[lambda slots: early.append((slots.copy(), shard))],
    )
    gateway.watch_blocks(stages.appended)
    return gateway


async def _complete(gateways: Sequence[AsyncGateway]) -> bool:
    return all(await asyncio.gather(*(gateway.complete() for gateway in gateways)))


def _several(gateways: Sequence[AsyncGateway], data: MarketData) -> Several | None:
    """What a venue with several shards has besides; None of one with one."""
    if len(gateways) == 1:
        return None
    shards, mirror = Shards(gateways, data.setup), Mirror(gateways)
    mover = Mover(shards.engines, mirror.complete, shards.is_away)
    shards.on_poor, shards.on_lack = Funding(shards, data, mover).take, mirror.lacks
    data.listeners.append(mirror.observe)
    for shard, gateway in enumerate(gateways):
        gateway.on_events.append(partial(mover.observe, shard=shard))
    return Several(shards, mover, mirror)


@contextlib.asynccontextmanager
async def _working(several: Several | None) -> AsyncIterator[None]:
    """What is done in the background where there are several shards."""
    tasks: list[asyncio.Task[None]] = []
    if several is not None:
        tasks = [
            background("mirror of the setup", several.mirror.keep_whole()),
            background("transfers between shards", several.mover.keep_finishing()),
            *(background(f"watch of shard {n}", each.keep_asking()) for n, each in enumerate(several.shards.present)),
        ]
    try:
        yield
    finally:
        await ended(*tasks)


async def serve(config: IngressConfig) -> None:
    failures: list[BaseException] = []
    on_failure(failures.append)
    metrics = Metrics(config)
    stages = OrderStages(config.stages_every)
    metrics.monitor.stamps = stages.stamps.after
    serve_metrics(metrics.monitor, config.runtime, config.metrics_port, config.host)
    with listening_socket(config) as listener:
        async with open_service(config, stages) as service:
            metrics.gateway = service.engine.gateway
            uses, known = service.auth.uses, (service.users, service.setup.log_id)
            statistics = background(
                "statistics of the time before", keep_filling(service.market_data, *config.redis_urls)
            )
            notes = background("uses of API keys", uses.keep_written(*known))
            try:
                await _serve_http(service, listener, metrics, failures)
            finally:
                await ended(statistics, notes)
            with contextlib.suppress(HistoryUnavailable):
                await uses.write(*known)


async def _serve_http(
    service: Service, listener: socket.socket, metrics: Metrics, failures: Sequence[BaseException]
) -> None:
    """Until the process is told to stop; GatewayError or TaskFailed if it does not do its work any more."""
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
    gateway = service.engine.gateway
    watch = background("watch of failures", _until_failure(gateway, failures, server, metrics.monitor, crowd))
    await asyncio.wait((serving, watch), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    await ended(watch)
    if gateway.failure is not None:
        raise GatewayError(str(gateway.failure))
    if failures:
        raise failures[0]


def _connections(service: Service, metrics: Metrics, crowd: Crowd) -> type[asyncio.Protocol]:
    made = protocol(app.hot_routes(service, metrics), crowd)
    return stamped(service.arrivals, made) if service.config.stages_every else made


async def _until_failure(
    gateway: Gateway, failures: Sequence[BaseException], server: uvicorn.Server, monitor: Monitor, crowd: Crowd
) -> None:
    """What gave up never comes back: this process has to end then, so that a new one takes its place."""
    while gateway.failure is None and not failures:
        monitor.beat()
        crowd.drop_slow(cast(Iterable[Connection], server.server_state.connections), asyncio.get_running_loop().time())
        await asyncio.sleep(FAILURE_CHECK_SECONDS)


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
    except (ConfigError, GatewayError, LogError, TaskFailed) as error:
        sys.exit(f"exchange ingress: {error}")


if __name__ == "__main__":
    main()
