"""Real processes for these tests: Valkey, PostgreSQL, engine, writer and ingress, with markets of our own."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from nacl.signing import SigningKey

from engine_core.administration.client import admin
from engine_core.config.settings import default_config
from engine_core.host.embedded import Postgres, Valkey, running
from engine_core.jit import cache
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, KeyPermission
from engine_core.wire.layout import join
from ingress.config import LAST_DEMO_ACCOUNT
from ingress.operations.administrator import ADMINISTRATOR
from tests.ingress.document import misfit
from tests.ingress.fakes import READER, READER_ACCOUNT, TRADER, TRADER_ACCOUNT, Signer
from tests.ingress.payload import forbidden
from tests.markets import key_record, setup_records
from tests.processes import free_port, process

ANSWER_SECONDS = 240.0  # of an engine on a busy machine
ADMIN = SigningKey(b"a" * 32)
FUNDS = 10**15  # atoms of each asset, for both accounts
ALL = KeyPermission.READ | KeyPermission.TRADE | KeyPermission.WITHDRAW


@dataclass
class Venue:
    """What runs, and a client of it that signs."""

    port: int
    signer: Signer
    gateway: Gateway
    environment: dict[str, str]
    folder: Path
    ports: list[int]
    engine: "subprocess.Popen[bytes]"
    writer: "subprocess.Popen[bytes]"
    stack: ExitStack  # ends what a test starts in the place of one of these

    def send(self, *request: object, **options: object) -> httpx.Response:
        return self.client.send(self.signer.request(*request, **options))  # type: ignore[arg-type]

    @property
    def client(self) -> httpx.Client:
        client = self.signer.client
        assert isinstance(client, httpx.Client)
        return client


@contextmanager
def open_venue(
    folder: Path, sockets: Path, workers: int = 1, changes: dict[str, Any] | None = None, **variables: str
) -> Iterator[Venue]:
    """`workers` ingress processes, each on a port of its own; the first one's is the venue's. `changes`: of keys of the
    shipped configuration; `variables`: more of the environment."""
    cache.ensure()  # as `exchange up` does: compiled at the first request, they take longer than its window
    with ExitStack() as stack:
        valkey = stack.enter_context(running(Valkey(folder, sockets), folder / "valkey.log"))
        postgres = stack.enter_context(running(Postgres(folder, sockets), folder / "postgres.log"))
        port = free_port()
        config_text = default_config().read_text()
        for key, value in {"logins_per_minute": 6_000, **(changes or {})}.items():
            config_text, count = re.subn(rf"(?m)^{key} = \S+", f"{key} = {value}", config_text)
            assert count == 1, key
        config = folder / "exchange.toml"
        config.write_text(config_text)
        environment = {
            "REDIS_URL": valkey,
            "DATABASE_URL": postgres,
            "EXCHANGE_CONFIG": str(config),
            "EXCHANGE_RUNTIME": str(sockets),
            "EXCHANGE_DATA": str(folder),
            "EXCHANGE_HTTP_PORT": str(port),
            "EXCHANGE_PROFILE": "demo",
            "EXCHANGE_METRICS_PORT": "0",
            **variables,
        }
        engine = stack.enter_context(process("engine_core.runtime", environment, folder))
        gateway = stack.enter_context(Gateway(valkey, answer_seconds=ANSWER_SECONDS))
        _fill(gateway)
        writer = stack.enter_context(process("persistence", environment, folder))
        ports = [port, *(free_port() for _ in range(1, workers))]
        for worker, its_port in enumerate(ports):
            own = {"EXCHANGE_WORKER": str(worker), "EXCHANGE_HTTP_PORT": str(its_port)}
            stack.enter_context(process("ingress", environment | own, folder))
        hooks = {"response": [_keeps_the_document]}
        client = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False, event_hooks=hooks)
        )
        yield Venue(port, Signer(client), gateway, environment, folder, ports, engine, writer, stack)


def _keeps_the_document(response: httpx.Response) -> None:
    """Every answer that a test gets is held against the OpenAPI document, its numbers and times against payload.py."""
    response.read()
    request, content_type = response.request, response.headers.get("content-type", "")
    body = response.json() if content_type == "application/json" else None
    problem = misfit(request.method, request.url.path, response.status_code, content_type, body)
    assert not problem, problem
    if content_type == "application/json" and request.url.path != "/openapi.json":
        assert not forbidden(response.text), f"{request.url.path}: {forbidden(response.text)!r}"


def _fill(gateway: Gateway) -> None:
    """Two accounts with funds and keys that may do everything."""
    records = [setup_records()[1:]]  # the engine has written GENESIS itself
    records.append(admin(CommandKind.ACCOUNT, account=LAST_DEMO_ACCOUNT))
    records.append(key_record(ADMINISTRATOR, bytes(ADMIN.verify_key), ALL))
    for account, key in ((TRADER_ACCOUNT, TRADER), (READER_ACCOUNT, READER)):
        records.append(key_record(account, bytes(key.verify_key), ALL))
        for asset in (1, 2, 3):
            records.append(admin(CommandKind.DEPOSIT, account=account, asset=asset, a=FUNDS, b=account))
    gateway.execute(join(records))
