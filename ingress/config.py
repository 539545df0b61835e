"""The settings of one ingress process, read once from the environment."""

from dataclasses import dataclass, field
from pathlib import Path

from engine_core.config.addresses import TrustedProxies, is_loopback
from engine_core.config.edge_limits import Connections, RateLimits
from engine_core.config.settings import Settings
from engine_core.transport.backlog import Backlog

GATEWAY_BASE = 100  # gateway numbers of ingress workers: 100, 101, ...
DEMO_ACCOUNT = 5  # the account of the page's demo session
VENUE_WITHDRAW_MINUTES = 24 * 60
LAST_DEMO_ACCOUNT = 6  # the demo's own accounts are up to here
_HERE = Path(__file__).resolve()
_INSTALLED = _HERE.with_name("page")  # by a wheel
PAGE_FOLDER = _INSTALLED if _INSTALLED.is_dir() else _HERE.parents[1] / "frontend" / "dist"


@dataclass(frozen=True, slots=True)
class IngressConfig:
    redis_urls: tuple[str, ...]  # of each shard
    database_url: str
    runtime: Path
    worker: int  # 0, 1, ... among the ingress processes
    gateway: int
    host: str
    http_port: int
    ws_port: int
    workers: int
    session_secret: bytes
    backlog: Backlog
    metrics_port: int
    rate_limits: RateLimits
    connections: Connections
    asset_names: dict[str, str]  # display names by symbol; only for show, so the file may say them
    demo: bool  # new users get something to trade with
    demo_session: bool  # POST /api/v1/session/demo exists
    withdraw_delay_ms: int = 0  # until a key that a session made may withdraw
    stages_every: int = 0  # see engine_core/process/stages.py
    demo_visitors: bool = False  # visitors from elsewhere get one, too
    page: Path = PAGE_FOLDER
    proxies: TrustedProxies = field(default_factory=TrustedProxies)


def from_settings(settings: Settings) -> IngressConfig:
    return IngressConfig(
        redis_urls=tuple(map(settings.redis_of, range(settings.shards))),
        database_url=settings.database_url,
        runtime=settings.runtime,
        worker=settings.worker,
        gateway=GATEWAY_BASE + settings.worker,
        host=settings.host,
        http_port=settings.http_port,
        ws_port=settings.ws_port,
        workers=settings.config.server.ingress_workers,
        session_secret=settings.secret(),
        backlog=Backlog(
            entries=settings.config.bounds.command_backlog,
            events=settings.config.bounds.event_backlog,
            redis_bytes=settings.config.bounds.redis_bytes,
            disk=log_folder if (log_folder := settings.data / "valkey").is_dir() else None,
            disk_bytes=settings.config.bounds.disk_bytes,
        ),
        metrics_port=settings.metrics_port,
        stages_every=settings.config.server.stages_every,
        rate_limits=settings.config.rate_limits,
        connections=settings.config.connections,
        asset_names={asset.symbol: asset.name for asset in settings.config.assets},
        demo=settings.profile == "demo",
        demo_session=settings.profile == "demo" and (is_loopback(settings.host) or settings.config.http.demo_visitors),
        demo_visitors=settings.config.http.demo_visitors,
        withdraw_delay_ms=_withdraw_delay_ms(settings),
        proxies=TrustedProxies(settings.config.http.trusted_proxies),
    )


def _withdraw_delay_ms(settings: Settings) -> int:
    minutes = settings.config.users.withdraw_delay_minutes
    if minutes < 0:
        minutes = VENUE_WITHDRAW_MINUTES if settings.profile == "venue" else 0
    return minutes * 60_000
