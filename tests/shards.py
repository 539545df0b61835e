"""A venue of several shards as real processes: an engine and a writer for each, ingress and egress for all.

SOL_USDC trades in shard 0, BTC_USDC in shard 1. Each process may be killed, and comes again when it is asked to.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from engine_core.administration.client import admin
from engine_core.host.embedded import Postgres, Valkey, running
from engine_core.jit import cache
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, MarketFlag, MarketState, QueryKind
from engine_core.wire.layout import join
from ingress.config import LAST_DEMO_ACCOUNT
from ingress.operations.administrator import ADMINISTRATOR
from ingress.shards.holding import in_flight
from tests.exchange import LESS_ROOM, configured
from tests.ingress.fakes import READER, READER_ACCOUNT, TRADER, TRADER_ACCOUNT, Signer
from tests.markets import BTC, key_record, setup_records
from tests.processes import free_port, process
from tests.venue import ADMIN, ALL, ANSWER_SECONDS, FUNDS

PATIENCE_SECONDS = 60.0
_STARTER = ThreadPoolExecutor(1)  # for as long as this process lives: a process ends with the thread that started it
USDC, SOLS, BTCS = ASSETS = (1, 2, 3)
DEPOSITED = 2 * FUNDS  # of each asset, by two accounts


class Role:
    """One process, started again after it was killed."""

    def __init__(self, module: str, environment: dict[str, str], folder: Path) -> None:
        self._start = lambda: process(module, environment, folder)
        self._running: AbstractContextManager[Any] | None = None
        self.pid = 0

    def start(self) -> None:
        _STARTER.submit(self._run).result()

    async def start_beside(self) -> None:
        """While the connections of this event loop stay open: they have pings to answer, and a start takes its time."""
        await asyncio.wrap_future(_STARTER.submit(self._run))

    def _run(self) -> None:
        self._running = self._start()
        self.pid = self._running.__enter__().pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        if self._running is not None:
            ended, self._running = self._running, None
            ended.__exit__(None, None, None)


class ShardedVenue(Signer):
    """What runs, and a client of it that signs."""

    def __init__(self, client: httpx.Client, port: int, ws_port: int) -> None:
        super().__init__(client)
        self.port, self.ws_port = port, ws_port
        self.engines: list[Role] = []
        self.writers: list[Role] = []
        self.ingress: list[Role] = []
        self.egress: list[Role] = []
        self.ports: list[int] = []
        self.gateways: list[Gateway] = []

    def send(self, *request: object, **options: object) -> httpx.Response:
        assert isinstance(self.client, httpx.Client)
        return self.client.send(self.request(*request, **options))  # type: ignore[arg-type]

    def get(self, path: str, instruction: str, query: dict[str, str] | None = None, **options: Any) -> Any:
        """As soon as the exchange can tell: a process that was just started says 503 first."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.send("GET", path, instruction, query or {}, **options)).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, path: str) -> Any:
        """What anybody may read."""
        assert isinstance(self.client, httpx.Client)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.client.get(path)).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def held(self, account: int, asset: int = USDC) -> list[int]:
        """Available, by shard."""
        parts = [gateway.query(QueryKind.BALANCES, account=account)[1] for gateway in self.gateways]
        return [int(part["available"][part["asset"] == asset].sum()) for part in parts]

    def total(self, asset: int = USDC) -> tuple[int, int]:
        """(all that there is, available, locked or in flight; what is in flight); exact while nobody moves anything."""
        accounts = range(1, LAST_DEMO_ACCOUNT + 1)
        own = 0
        for gateway in self.gateways:
            for account in accounts:
                records = gateway.query(QueryKind.BALANCES, account=account)[1]
                wanted = records[records["asset"] == asset]
                own += int(wanted["available"].sum() + wanted["locked"].sum())
        moving = sum(
            in_flight([gateway.query(QueryKind.LINKS, account=account)[1] for gateway in self.gateways])[asset]
            for account in accounts
        )
        return own + moving, moving

    def append(self, shard: int, command: np.ndarray) -> np.ndarray:
        """By a tool; APPLIED."""
        events = self.gateways[shard].execute(command)
        assert events["kind"][-1] == EventKind.APPLIED, events[-1]
        return events


@contextmanager
def open_shards(
    folder: Path, sockets: Path, shards: int = 2, workers: int = 1, *, streams: bool = False, **variables: str
) -> Iterator[ShardedVenue]:
    cache.ensure()
    with ExitStack() as stack:
        valkey = stack.enter_context(running(Valkey(folder, sockets), folder / "valkey.log"))
        postgres = stack.enter_context(running(Postgres(folder, sockets), folder / "postgres.log"))
        config = configured(folder, {"logins_per_minute = 20": "logins_per_minute = 6000", **LESS_ROOM})
        ports, ws_port = [free_port() for _ in range(workers)], free_port()
        environment = {
            "REDIS_URL": valkey,
            "DATABASE_URL": postgres,
            "EXCHANGE_CONFIG": str(config),
            "EXCHANGE_RUNTIME": str(sockets),
            "EXCHANGE_DATA": str(folder),
            "EXCHANGE_PROFILE": "demo",
            "EXCHANGE_SHARDS": str(shards),
            "EXCHANGE_METRICS_PORT": "0",
            "EXCHANGE_WS_PORT": str(ws_port),
            **variables,
        }
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", timeout=60, verify=False))
        venue = ShardedVenue(client, ports[0], ws_port)
        venue.ports = ports

        def role(module: str, **own: str) -> Role:
            made = Role(module, environment | own, folder)
            stack.callback(made.end)
            made.start()
            return made

        for shard in range(shards):
            venue.engines.append(role("engine_core.runtime", EXCHANGE_SHARD=str(shard)))
            venue.gateways.append(stack.enter_context(Gateway(valkey, shard, answer_seconds=ANSWER_SECONDS)))
        _fill(venue.gateways)
        for shard in range(shards):
            venue.writers.append(role("persistence", EXCHANGE_SHARD=str(shard)))
        for worker, port in enumerate(ports):
            venue.ingress.append(role("ingress", EXCHANGE_WORKER=str(worker), EXCHANGE_HTTP_PORT=str(port)))
        if streams:
            venue.egress.append(role("egress", EXCHANGE_HTTP_PORT=str(ports[0])))
        _until_mirrored(venue)
        yield venue


def _fill(gateways: list[Gateway]) -> None:
    """Home has all; the others are told what they lack by ingress, but for where BTC_USDC begins."""
    records = setup_records()[1:].copy()  # an engine has written GENESIS itself
    records["code"][(records["kind"] == CommandKind.MARKET) & (records["market"] == BTC)] = MarketState.ELSEWHERE
    parts = [
        records,
        admin(CommandKind.ACCOUNT, account=LAST_DEMO_ACCOUNT),
        key_record(ADMINISTRATOR, bytes(ADMIN.verify_key), ALL),
    ]
    for account, key in ((TRADER_ACCOUNT, TRADER), (READER_ACCOUNT, READER)):
        parts.append(key_record(account, bytes(key.verify_key), ALL))
        for asset in ASSETS:
            parts.append(admin(CommandKind.DEPOSIT, account=account, asset=asset, a=FUNDS, b=account))
    gateways[0].execute(join(parts))
    definitions = records[np.isin(records["kind"], (CommandKind.ASSET, CommandKind.MARKET))].copy()
    definitions["code"][definitions["kind"] == CommandKind.MARKET] = MarketState.ELSEWHERE
    opened = admin(CommandKind.MARKET_STATE, market=BTC, code=MarketState.OPEN, flags=MarketFlag.MOVES_HERE)
    gateways[1].execute(join([definitions, opened]))


def _until_mirrored(venue: ShardedVenue) -> None:
    """What each other shard lacked of the setup, ingress has appended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for gateway in venue.gateways[1:]:
        while CommandKind.KEY not in gateway.query(QueryKind.SETUP)[1]["kind"]:
            assert time.monotonic() < deadline, "the setup of home does not come to the other shards"
            time.sleep(0.05)
