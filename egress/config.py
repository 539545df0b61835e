"""The settings of one egress process, read once from the environment; and the bounds of a connection."""

from dataclasses import dataclass, field
from pathlib import Path

from engine_core.config.addresses import TrustedProxies
from engine_core.config.settings import Settings
from engine_core.process import lifecycle

GATEWAY_BASE = 200  # gateway numbers of egress workers: 200, 201, ...; they ask, and never append


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one connection."""

    connections: int = 10_000  # of this process
    of_one_address: int = 2_000  # of them; 0: no bound
    streams: int = 2_048  # names held by a connection, and named in a frame
    streams_of_address: int = 65_536  # names held by all connections of an address; each takes some 300 bytes here
    message_bytes: int = 128 * 1024
    burst: int = 1_000  # units of work (see session.py) that a connection may ask for at once,
    per_second: int = 50  # and how fast that comes back
    address_burst: int = 20_000  # the same of an address, all its connections together
    address_per_second: int = 1_000
    refused: int = 100  # messages over the limit that are answered before the connection is closed
    idle_seconds: float = 60.0  # without a stream, until the connection is closed
    transport_bytes: int = 64 * 1024  # unsent bytes above which a connection counts as slow
    ping_seconds: float = 60.0
    pong_seconds: float = 60.0  # after a ping: closed 120 s after the last sign of life
    close_seconds: float = 2.0  # for the closing handshake


@dataclass(frozen=True, slots=True)
class EgressConfig:
    redis_urls: tuple[str, ...]  # of each shard
    runtime: Path
    worker: int
    gateway: int
    host: str
    port: int
    workers: int
    session_secret: bytes
    metrics_port: int
    limits: ConnectionLimits = ConnectionLimits()
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    stages_every: int = 0  # see engine_core/process/stages.py


def from_settings(settings: Settings) -> EgressConfig:
    return EgressConfig(
        redis_urls=tuple(map(settings.redis_of, range(settings.shards))),
        runtime=settings.runtime,
        worker=settings.worker,
        gateway=GATEWAY_BASE + settings.worker,
        host=settings.host,
        port=settings.ws_port,
        workers=settings.config.server.egress_workers,
        session_secret=settings.secret(),
        metrics_port=settings.metrics_port,
        stages_every=settings.config.server.stages_every,
        limits=own_limits(settings.config.connections.of_one_address),
        proxies=TrustedProxies(settings.config.http.trusted_proxies),
    )


def own_limits(of_one_address: int) -> ConnectionLimits:
    return ConnectionLimits(
        connections=lifecycle.room_for_clients(ConnectionLimits().connections), of_one_address=of_one_address
    )
