"""Every service of compose.yaml that runs our image, as a plain process: its command, its health check, its stop.

Against a Valkey and a PostgreSQL that nobody of ours started (REDIS_URL, DATABASE_URL), in the order that `depends_on`
says, each with the environment that image and compose file give it; only addresses and folders are those of this test.
"""

import base64
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from nacl.signing import SigningKey

from bench.market_maker.api import ApiClient, Credentials
from tests.docker.compose import ROOT, image_environment, ours
from tests.exchange import eventually
from tests.processes import free_ports

HEALTH_SECONDS = 90.0  # kernels may have to be compiled
CHECKS = 3  # that fail one after the other, and Docker calls a container unhealthy
STOP_SECONDS = 60.0  # stop_grace_period is 10 s, on a machine that is not full of tests


def wait(what: str, seconds: float, done: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := done():
            return result
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds:.0f} s")


class Containers:
    """What Compose would run, without the containers."""

    def __init__(self, folder: Path, runtime: Path, redis_url: str, database_url: str) -> None:
        self.data, self._logs = folder / "data", folder / "logs"
        self._services = ours(EXCHANGE_PROFILE="demo", EXCHANGE_I_KNOW="1")
        self._runtime = runtime
        self.data.mkdir()
        self._logs.mkdir()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.http, self.ws, *metrics = free_ports(2 + len(self._services))
        self.metrics = dict(zip(self._services, metrics, strict=True))
        self._here = {
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            "EXCHANGE_API_URL": f"http://127.0.0.1:{self.http}",
            "EXCHANGE_WS_URL": f"ws://127.0.0.1:{self.ws}/",
            "EXCHANGE_HOST": "127.0.0.1",
            "EXCHANGE_HTTP_PORT": str(self.http),
            "EXCHANGE_WS_PORT": str(self.ws),
            "EXCHANGE_CONFIG": str(ROOT / "exchange.toml"),
        }

    def _environment(self, name: str) -> dict[str, str]:
        """The image's and the service's variables; those that name a place say where it is here."""
        given = image_environment() | {key: str(value) for key, value in self._services[name]["environment"].items()}
        unplaced = {"PATH", "PYTHONPATH", "EXCHANGE_CACHE_DIR", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"}
        here = {key: value for key, value in self._here.items() if key in given} | self._places(name)
        kept = {
            key: os.environ[key]
            for key in ("PATH", "HOME", "EXCHANGE_CACHE_DIR", "XDG_CACHE_HOME")
            if key in os.environ
        }
        own = {"PYTHONPATH": str(ROOT), "EXCHANGE_METRICS_PORT": str(self.metrics[name])}
        return {key: value for key, value in given.items() if key not in unplaced} | here | kept | own

    def _places(self, name: str) -> dict[str, str]:
        """The folders that a service mounts; where it mounts none it finds nothing, or a folder of its own."""
        mounted = {volume.split(":")[1] for volume in self._services[name].get("volumes", ())}
        runtime = self._runtime / ("shared" if "/run/exchange" in mounted else name)
        runtime.mkdir(exist_ok=True)
        return {
            "EXCHANGE_DATA": str(self.data if "/data" in mounted else self.data.with_name("none")),
            "EXCHANGE_RUNTIME": str(runtime),
        }

    def _run(
        self, name: str, command: list[str], own: dict[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        assert command[0] == "python"
        return subprocess.Popen(
            [sys.executable, *command[1:]],
            cwd=self.data,
            env=self._environment(name) | (own or {}),
            start_new_session=True,
            **options,
        )

    def healthy(self, name: str) -> bool:
        """The image's HEALTHCHECK, run as Docker runs it."""
        if self.running[name].poll() is not None:
            pytest.fail(f"{name} ended with {self.running[name].returncode}:\n{self.log(name)}")
        check = ["python", "-P", "-m", "engine_core.process.probe"]
        return self._run(name, check, stderr=subprocess.DEVNULL).wait(60) == 0

    def log(self, name: str) -> str:
        return "\n".join((self._logs / name).read_text().splitlines()[-15:])

    def start(self, name: str) -> None:
        """Until it says that it is ready; `setup` never does, it ends."""
        ready, tell = os.pipe()
        with (self._logs / name).open("ab") as log:
            command, own = self._services[name]["command"], {"EXCHANGE_READY_FD": str(tell)}
            self.running[name] = self._run(name, command, own, stdout=log, stderr=log, pass_fds=[tell])
        os.close(tell)
        answered, _, _ = select.select([ready], [], [], HEALTH_SECONDS)
        said = os.read(ready, 1) if answered else b""
        os.close(ready)
        assert said == b"1" or name == "setup", self.log(name)

    def check(self, name: str) -> None:
        """The first health checks after it is ready are answered, and so are metrics: nobody may have asked before."""
        assert any(self.healthy(name) for _ in range(CHECKS)), self.log(name)
        url = f"http://127.0.0.1:{self.metrics[name]}/metrics"
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"exchange_" in answer.read()

    def up(self) -> None:
        waiting = [name for name, service in self._services.items() if service.get("profiles") != ["admin"]]
        while waiting:
            for name in waiting:
                if not set(self._services[name].get("depends_on", {})) & set(waiting):
                    break
            waiting.remove(name)
            self.start(name)
            if name == "setup":
                assert self.running.pop(name).wait(HEALTH_SECONDS) == 0, self.log(name)
            else:
                self.check(name)

    def kill(self, name: str) -> None:
        """As the kernel would; and Docker starts it again."""
        process = self.running[name]
        process.kill()
        process.wait(HEALTH_SECONDS)
        self.start(name)
        self.check(name)

    def stop(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_SECONDS) == 0, f"{name} did not stop well:\n{self.log(name)}"

    def exchange(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An `exchange` command, as whoever administers the containers runs it."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "engine_core.cli", *arguments],
            cwd=self.data.parent,
            env=self._environment("admin"),
            capture_output=True,
            text=True,
            check=False,
            timeout=HEALTH_SECONDS,
        )

    def get(self, path: str) -> Any:
        """What the API answers; a process that was just started says 503 until it knows."""

        def answered() -> list[Any]:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=20) as answer:
                    return [json.load(answer)]
            except urllib.error.HTTPError as error:
                assert error.code == 503, f"{path}: {error}"
                return []

        return wait(path, HEALTH_SECONDS, answered)[0]


@pytest.fixture
def containers(tmp_path: Path, runtime: Path, fresh_valkey: str, postgres: str) -> Iterator[Containers]:
    made = Containers(tmp_path, runtime, fresh_valkey, postgres)
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()


def trades_of(containers: Containers) -> dict[str, int]:
    return {ticker["symbol"]: int(ticker["trades"]) for ticker in containers.get("/api/v1/tickers")}


def quotes_of(containers: Containers, symbol: str) -> tuple[Any, Any] | None:
    depth = containers.get(f"/api/v1/depth?symbol={symbol}")
    return (depth["bids"], depth["asks"]) if depth["bids"] and depth["asks"] else None


async def administer(containers: Containers) -> None:
    """Every command does beside single roles what it does beside `exchange up`, or says why not."""

    def does(*arguments: str) -> Any:
        done = containers.exchange(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    def refuses(why: str, *arguments: str) -> None:
        done = containers.exchange(*arguments)
        assert done.returncode == 1 and why in done.stderr and "Traceback" not in done.stderr, done.stdout + done.stderr

    def states() -> dict[str, str]:
        """Of the roles that answered within the second that the command gives them; none while health is not Ok."""
        status = json.loads(containers.exchange("status", "--json").stdout)
        if (status["running"], status["health"]) != (True, "Ok"):
            return {}
        return {role: process["state"] for role, processes in status["processes"].items() for process in processes}

    shown = dict.fromkeys(("egress", "engine", "ingress"), "ready")
    eventually(states, lambda found: found == shown, "the roles that have a socket here", HEALTH_SECONDS)
    account = does("accounts", "create").strip()
    assert does("deposit", account, "USDC", "5")["available"] == "5"
    does("accounts", "freeze", account)
    does("market", "SOL_USDC", "cancel-only")
    does("market", "SOL_USDC", "open")
    does("fees", "SOL_USDC", "1", "--maker-ppm", "1", "--taker-ppm", "2")
    assert does("inspect", "--account", account)["balances"]["USDC"]["available"] == "5"
    snapshot = does("snapshot")
    assert does("inspect", "latest")["position"] == snapshot["position"]
    assert "engine" in does("top", "--once", "--interval", "0.1")
    assert f"export EXCHANGE_API_URL=http://127.0.0.1:{containers.http}" in does("env")
    does("apply", "--yes")
    assert does("verify", "--json")["ok"]
    refuses("docker compose logs", "logs")
    refuses("stop the roles first", "reset", "--yes")
    refuses("stop the exchange first", "accept-loss", "--yes")

    made = does("keys", "create", "--account", "1", "--permissions", "read")
    key = Credentials(made["apiKey"], SigningKey(base64.b64decode(made["secret"])))
    client = ApiClient(f"http://127.0.0.1:{containers.http}", key)
    assert await client.get("/api/v1/admin/account", {"account": account}, instruction="adminAccountQuery")
    await client.close()
    does("keys", "revoke", "--account", "1", made["apiKey"])


@pytest.mark.timeout(900)  # every service, and a dozen commands
async def test_the_services_run_live_and_stop_as_plain_processes(containers: Containers, postgres: str) -> None:
    containers.up()
    assert containers.get("/api/v1/status")["status"] == "Ok"
    markets = {market["symbol"] for market in containers.get("/api/v1/markets")}
    assert len(markets) >= 3

    wait("trades in every market", HEALTH_SECONDS, lambda: all(trades_of(containers).get(symbol) for symbol in markets))
    for symbol in markets:
        bids, asks = wait(f"quotes of {symbol}", HEALTH_SECONDS, lambda symbol=symbol: quotes_of(containers, symbol))
        assert float(bids[-1][0]) < float(asks[0][0])

    with psycopg.connect(postgres, autocommit=True) as database:
        wait("history", HEALTH_SECONDS, lambda: database.execute("SELECT count(*) FROM trades").fetchone()[0])  # type: ignore[index]

    for name in ("ingress", "egress"):
        before = sum(trades_of(containers).values())
        containers.kill(name)
        wait(f"trades after {name} was killed", 90, lambda before=before: sum(trades_of(containers).values()) > before)

    await administer(containers)
    containers.stop("market-maker")
    client = ApiClient(
        f"http://127.0.0.1:{containers.http}", Credentials.load(containers.data / "market-maker-key.json")
    )
    assert await client.get("/api/v1/orders", instruction="orderQueryAll") == []
    await client.close()
    for symbol in markets:
        depth = containers.get(f"/api/v1/depth?symbol={symbol}")
        assert (depth["bids"], depth["asks"]) == ([], [])

    for name in reversed(list(containers.running)):
        containers.stop(name)
