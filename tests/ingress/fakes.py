"""An exchange without an engine: scripted events and records behind the real application, and a client that signs.

For tests whose subject is the edge itself; what the engine makes of a command is tested against the real one.
"""

import base64
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from nacl.signing import SigningKey

from engine_core.config.edge_limits import Connections, RateLimits
from engine_core.edge.expiring_set import Remembered
from engine_core.replica.market_data import MarketData
from engine_core.transport.backlog import Backlog, Logs
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import EventKind, KeyPermission, OrderStatus, OrderType, QueryKind, SelfTrade, TimeInForce
from engine_core.wire.layout import COMMAND, EVENT, join
from engine_core.wire.query_records import ANSWER_HEADER, BALANCE, LEVEL, STATUS
from ingress.access.authenticator import Authenticator
from ingress.access.rate_limits import opened
from ingress.access.used_signatures import UsedSignatures
from ingress.config import IngressConfig
from ingress.engine import Engine, Gateway
from ingress.health import Health
from ingress.history.moves import MoveRow
from ingress.history.reader import HistoryUnavailable
from ingress.http.app import build_fastapi, edge
from ingress.metrics import Metrics
from ingress.schemas.order_answers import LiveOrder
from ingress.service import Service, Several
from ingress.shards.funding import Funding
from ingress.shards.mirror import Mirror
from ingress.shards.mover import Mover
from ingress.shards.router import Shards
from ingress.users.guard_rows import GuardedUsers
from tests.markets import SOL, key_record, setup_records
from tests.stamps import stamps

SECRET = bytes(range(32))
TRADER, READER = SigningKey(b"t" * 32), SigningKey(b"r" * 32)  # keys of accounts 2 and 3
TRADER_ACCOUNT, READER_ACCOUNT = 2, 3
CREATED_MS = 1_700_000_000_456
UPDATE_ID = 8841  # of every book


def event(kind: EventKind, **values: Any) -> np.ndarray:
    """One EVENT of a GTC limit order, unless told otherwise."""
    defaults: dict[str, Any] = {
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "self_trade": SelfTrade.REJECT_TAKER,
        "status": OrderStatus.NEW,
        "side": 1,
        "market": 1,
        "account": TRADER_ACCOUNT,
        "order_id": 7001,
    }
    if kind != EventKind.FILL:
        defaults["created_ms"] = CREATED_MS
    record = np.zeros(1, EVENT)
    record["kind"] = kind
    for name, value in (defaults | values).items():
        record[name] = value
    return record


def sol_levels() -> np.ndarray:
    levels = np.zeros(5, LEVEL)
    levels["side"] = [1, 1, 1, 2, 2]
    levels["price_ticks"] = [9_950, 9_900, 9_800, 10_050, 10_100]
    levels["lots"] = [1, 200, 300, 400, 550]
    return levels


@dataclass
class FakeGateway:
    """Gives the scripted answers in their order, and remembers what was asked."""

    healthy: bool = True
    pressure: str = ""
    logs: Logs | None = None
    failure: Exception | None = None
    answers: deque[np.ndarray | Exception] = field(default_factory=deque)
    records: dict[QueryKind, np.ndarray | Exception] = field(default_factory=dict)
    commands: list[np.void] = field(default_factory=list)
    queries: list[tuple[QueryKind, dict[str, Any]]] = field(default_factory=list)

    def append(self, record: bytes, answer: Answer) -> None:
        self.commands.append(np.frombuffer(record, COMMAND)[0])
        outcome = self.answers.popleft()
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)

    def catch_up(self) -> None:
        return None

    async def query(self, kind: QueryKind, **asked: Any) -> tuple[np.void, np.ndarray]:
        self.queries.append((kind, asked))
        header = np.zeros(1, ANSWER_HEADER)[0]
        if kind is QueryKind.BOOK:
            header["update_id"] = UPDATE_ID
            return header, sol_levels() if asked["market"] == SOL else np.zeros(0, LEVEL)
        records = self.records[kind]
        if isinstance(records, Exception):
            raise records
        return header, records


class FakeHistory:
    """Remembers what was asked; gives `rows` to everything."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.total = 0
        self.moved: list[MoveRow] = []
        self.moves_asked: list[dict[str, Any]] = []
        self.available = True
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    async def moves(self, account: int, *, reference: int | None = None, **asked: Any) -> tuple[list[MoveRow], int]:
        self.moves_asked.append(asked)
        found = [row for row in self.moved if reference in (None, row.reference)]
        if not self.available:
            raise HistoryUnavailable("database is down")
        return found, len(found)

    async def order_of_client(self, *asked: int) -> LiveOrder | None:
        if not self.available:
            raise HistoryUnavailable("database is down")
        return None

    def __getattr__(self, name: str) -> Any:
        async def read(*args: Any, **kwargs: Any) -> Any:
            self.asked.append((name, args, kwargs))
            if not self.available:
                raise HistoryUnavailable("database is down")
            return self.rows if name == "klines" else (self.rows, self.total)

        return read


def default_records() -> dict[QueryKind, np.ndarray | Exception]:
    permissions = KeyPermission.READ | KeyPermission.TRADE
    keys = [
        key_record(TRADER_ACCOUNT, bytes(TRADER.verify_key), permissions),
        key_record(READER_ACCOUNT, bytes(READER.verify_key), KeyPermission.READ),
    ]
    return {
        QueryKind.SETUP: join([setup_records(), *keys]),
        QueryKind.STATUS: np.zeros(1, STATUS),
        QueryKind.BALANCES: np.zeros(0, BALANCE),
        QueryKind.ORDERS: np.zeros(0, EVENT),
        QueryKind.ORDER: np.zeros(0, EVENT),
    }


@dataclass
class Signer:
    """Makes signed requests of a client."""

    client: httpx.AsyncClient | httpx.Client
    window_ms = 60_000  # what was signed may wait for a busy machine

    def request(
        self,
        method: str,
        path: str,
        instruction: str,
        body: Any = None,
        key: SigningKey = TRADER,
        *,
        text: bytes | None = None,
        content: bytes | None = None,
        timestamp: int | None = None,
        window: int | None = 0,
    ) -> httpx.Request:
        """`text` replaces the signed text, `content` what is sent, after signing; `window`: None is sent none, and by 0
        the signer's own."""
        window = self.window_ms if window == 0 else window
        stamp = str(timestamp if timestamp is not None else stamps.take())
        items = body if isinstance(body, list) else [body or {}]
        parts = []
        for item in items:
            pairs = [f"{name}={_signed(value)}" for name, value in sorted(item.items())]
            parts.append("&".join([f"instruction={instruction}", *pairs]))
        plain = "&".join([*parts, f"timestamp={stamp}&window={5000 if window is None else window}"]).encode()
        headers = {
            "X-API-Key": base64.b64encode(bytes(key.verify_key)).decode(),
            "X-Timestamp": stamp,
            "X-Signature": base64.b64encode(key.sign(text or plain).signature).decode(),
        }
        if window is not None:
            headers["X-Window"] = str(window)
        if method == "GET":
            return self.client.build_request(method, path, params=body, headers=headers)
        sent = content if content is not None else json.dumps(body).encode()
        return self.client.build_request(
            method, path, content=sent, headers=headers | {"Content-Type": "application/json"}
        )


def _signed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@dataclass
class Exchange(Signer):
    """The application under test, what stands behind it, and a client."""

    client: httpx.AsyncClient
    gateway: FakeGateway
    history: FakeHistory
    service: Service

    async def close(self) -> None:
        await self.client.aclose()
        self.service.auth.used.close()
        self.service.auth.ended.close()
        await self.service.users.close()
        if self.service.limits is not None:
            self.service.limits.close()

    async def signed(
        self, method: str, path: str, instruction: str, body: Any = None, key: SigningKey = TRADER, **options: Any
    ) -> httpx.Response:
        """A signed request; `body` holds the query parameters of a GET."""
        return await self.client.send(self.request(method, path, instruction, body, key, **options))


def config(page: Path, **changes: Any) -> IngressConfig:
    values: dict[str, Any] = {
        "redis_urls": ("unix:///nowhere",),
        "database_url": "",
        "runtime": Path("/nowhere"),
        "worker": 0,
        "gateway": 100,
        "host": "127.0.0.1",
        "http_port": 8080,
        "ws_port": 8081,
        "workers": 1,
        "session_secret": SECRET,
        "backlog": Backlog(),
        "metrics_port": 0,
        "rate_limits": RateLimits.none(),
        "connections": Connections(20_000, 0, 15),
        "asset_names": {"SOL": "Solana"},
        "demo": True,
        "demo_session": True,
        "page": page,
    }
    return IngressConfig(**(values | changes))


def several_of(gateways: Sequence[Gateway], data: MarketData) -> Several:
    shards, mirror = Shards(gateways, data.setup), Mirror(gateways)
    mover = Mover(shards.engines, mirror.complete, shards.is_away)
    shards.on_poor = Funding(shards, data, mover).take
    return Several(shards, mover, mirror)


class _Lazy:
    """The FastAPI application, made when something gets through to it: most tests are about the hot routes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: Any = None

    async def __call__(self, *call: Any) -> None:
        self._made = self._made or build_fastapi(self._service)
        await self._made(*call)


async def open_exchange(page: Path, shards: Sequence[Gateway] = (), **changes: Any) -> Exchange:
    """`shards`: the gateways of a venue with several, whose markets all trade in the first one."""
    gateway, history = FakeGateway(records=default_records()), FakeHistory()
    market_data = await MarketData.bootstrap(gateway.query, [])
    market_data.filled = True
    gateway.queries.clear()
    several = several_of(shards, market_data) if shards else None
    engine = Engine(several.shards if several else gateway)
    settings = config(page, **changes)
    used = UsedSignatures(page.parent / "used-signatures", sets=1024)
    ended = Remembered(page.parent / "ended-sessions", sets=1024)
    auth = Authenticator(market_data.setup, settings.session_secret, used, ended)
    limits = opened(page.parent / "rate-limits", settings.rate_limits)
    service = Service(
        settings,
        engine,
        market_data,
        history,
        auth,
        Health(engine, several and several.shards),
        GuardedUsers(""),
        limits,
        several=several,
    )  # type: ignore[arg-type]
    application = edge(service, _Lazy(service), Metrics(settings))
    transport = httpx.ASGITransport(application, client=("127.0.0.1", 50_000))  # type: ignore[arg-type]
    client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", verify=False)
    return Exchange(client, gateway, history, service)
