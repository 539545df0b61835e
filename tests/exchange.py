"""A real exchange for tests: `exchange up` in a process of its own, on free ports, in a folder that vanishes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import ccxt
import httpx
import psutil

from engine_core.config.settings import read_config, runtime_folder
from engine_core.process.metrics import socket_path
from engine_core.process.sockets import ask
from tests.processes import seen_of
from tests.stamps import stamps

CLI = (sys.executable, "-m", "engine_core.cli")
PATIENCE_SECONDS = 60.0  # with a machine that is full of tests
PATIENT = {"timeout": 30_000, "options": {"recvWindow": 60_000}}  # of ccxt: milliseconds
T = TypeVar("T")


def eventually(get: Callable[[], T], fits: Callable[[T], bool], what: str, timeout_s: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer fits; an AssertionError with the last answer when it never does."""
    deadline = time.monotonic() + timeout_s
    while not fits(value := get()):
        assert time.monotonic() < deadline, f"{what}: still {value!r} after {timeout_s:.0f} s"
        time.sleep(0.02)
    return value


def told(read: Callable[[], T]) -> T:
    """What a ccxt client reads, as soon as the exchange can tell: one whose processes were just started answers 503
    (MAINTENANCE, Retry-After) rather than leave anything out. For reads only: an order may have been executed."""

    def answer() -> list[T] | str:
        try:
            return [read()]
        except ccxt.BaseError as error:
            if "MAINTENANCE" not in str(error):
                raise
            return str(error)

    (value,) = eventually(answer, lambda given: isinstance(given, list), "an answer")
    return value  # type: ignore[return-value]


def asked(url: str) -> httpx.Response:
    """On a connection of its own, so that each process of a role is met in turn; without certificates, whose reading
    takes longer than all else."""
    return httpx.get(url, timeout=PATIENCE_SECONDS, verify=False)


@contextlib.contextmanager
def stopped(*pids: int) -> Iterator[None]:
    """The processes do nothing while inside; they may be killed there."""
    processes = [psutil.Process(pid) for pid in pids]
    try:
        for process in processes:
            process.suspend()
            eventually(process.status, lambda status: status == psutil.STATUS_STOPPED, f"{process} stops")
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def texts_in(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """All files below, and what is in them; those that go meanwhile are passed over, as PostgreSQL's come and go."""
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()


def configured(folder: Path, changes: dict[str, str]) -> Path:
    """A configuration file: the repository's, with each text that is a key of `changes` replaced."""
    text = Path("exchange.toml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "exchange.toml"
    path.write_text(text, encoding="utf-8")
    return path


READY = "Ctrl-C stops it"
LESS_ROOM = {  # than shipped: to get that much takes half the processor time of an engine's start
    **{f"{name} = 1_000_000": f"{name} = 50_000" for name in ("orders", "levels", "references")},
    **{"ended = 262_144": "ended = 16_384", "keys = 100_000": "keys = 10_000"},
}


class Exchange:
    """`exchange up` on one data folder; may be started and stopped several times.

    `ingress_workers`: so many, and room for few orders, not the shipped configuration: it starts in half the time.
    """

    def __init__(self, data: Path, *options: str, ingress_workers: int = 0) -> None:
        self.data = data
        self._changes = (
            {"ingress_workers = 2": f"ingress_workers = {ingress_workers}"} | LESS_ROOM if ingress_workers else {}
        )
        self.options = options
        self.program: tuple[str, ...] = CLI
        self.folder = Path()  # where it is run
        self.variables: dict[str, str] = {}  # of its environment, besides what is there
        self.process: subprocess.Popen[str] | None = None
        self.output: list[str] = []

    def start(self, said: str = READY) -> None:
        """Until a line has that: if it is that it is ready, those processes are, too, that it starts last."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EXCHANGE_")}
        environment |= {key: os.environ[key] for key in ("EXCHANGE_CACHE_DIR",) if key in os.environ} | self.variables
        if self._changes:
            environment["EXCHANGE_CONFIG"] = str(configured(self.data.parent, self._changes))
        self.process = subprocess.Popen(
            [*self.program, "up", "--data", str(self.data), "--http", "0", "--ws", "0", *self.options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=self.folder,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            self.output.append(line.rstrip())
            if said in line:
                if said == READY:
                    self.until_all_are_ready()
                return
        raise AssertionError("\n".join(["the exchange did not start:", *self.output, self.logs()]))

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process and self.process.stdout
        self.process.send_signal(number)
        self.output += self.process.stdout.read().splitlines()
        self.process.stdout.close()
        return self.process.wait(PATIENCE_SECONDS)

    def wait(self) -> int:
        """For one that ends by itself."""
        assert self.process and self.process.stdout
        self.process.stdout.close()
        return self.process.wait(60)

    def end(self) -> None:
        """For the end of a test, however it went."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # the test may have stopped it
            self.stop()
        shutil.rmtree(runtime_folder(self.data), ignore_errors=True)

    @property
    def run(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return values

    def pids(self, role: str) -> list[int]:
        return [int(pid) for pid in self.run["processes"].get(role, [])]

    def kill(self, role: str) -> None:
        """kill -9 all of a role, and wait until others are in their place and orders are accepted again."""
        killed = self.pids(role)
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        new = f"new processes of {role}"
        eventually(lambda: self.pids(role), lambda pids: len(pids) >= len(killed) and not {*pids} & {*killed}, new)
        self.until_healthy()

    def until_all_are_ready(self) -> None:
        """Each ingress and egress process: an exchange has begun as soon as the first ones are."""
        run, server = self.run, read_config(Path(self.run["config"]), self.run["profile"]).server
        servers = {"ingress": server.ingress_workers, "egress": server.egress_workers}

        def missing() -> list[str]:
            workers = [(role, worker) for role, count in servers.items() for worker in range(count)]
            paths = [socket_path(Path(run["runtime"]), role, worker) for role, worker in workers]
            return [path.stem for path in paths if (ask(path, "/ready") or [0])[0] != 200]

        eventually(missing, lambda names: not names, "processes that are not ready")

    def until_healthy(self) -> None:
        eventually(self.health, lambda health: health == "Ok", "the exchange's status")

    def health(self) -> str:
        try:
            return str(asked(f"{self.run['http']}/api/v1/status").json()["status"])
        except httpx.TransportError as error:
            return type(error).__name__

    def get(self, path: str) -> Any:
        """What the API answers; a process that was just started says 503 until it knows."""
        url = f"{self.run['http']}/api/v1/{path}"
        answer = eventually(lambda: asked(url), lambda given: given.status_code != 503, path)
        answer.raise_for_status()
        return answer.json()

    def keys(self) -> list[dict[str, str]]:
        """Of the two demo accounts."""
        keys: list[dict[str, str]] = json.loads((self.data / "demo-keys.json").read_text())["accounts"]
        return keys

    def trader(self, number: int = 0) -> Any:
        """A ccxt client of one of the demo accounts; only its URLs are overridden, its patience and its clock."""
        run, key = self.run, self.keys()[number]
        urls = {"public": run["http"], "private": run["http"], "ws": {"public": run["ws"], "private": run["ws"]}}
        client = ccxt.backpack({**key, **PATIENT, "urls": {"api": urls}, "enableRateLimit": False})
        client.nonce = stamps.take
        return client

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `exchange …` on this data folder."""
        return subprocess.run(
            [*self.program, *arguments, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def verified(self) -> dict[str, Any]:
        """What `exchange verify --json` says; an AssertionError unless all is well."""
        done = self.command("verify", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def family(self) -> list[psutil.Process]:
        """Every process that this exchange consists of."""
        assert self.process
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def of_family(self, look: Callable[[psutil.Process], T]) -> list[T]:
        return seen_of(self.family(), look)

    def logs(self) -> str:
        """The end of every log, for the message of a failure."""
        texts = []
        for path in sorted((self.data / "logs").glob("*.log")):
            texts += [f"--- {path.name}", *path.read_text(errors="replace").splitlines()[-15:]]
        return "\n".join(texts)
