"""A primary with replicas and the sentinels that watch over it, as processes on loopback; members can be killed.

with Sentinels(folder) as servers:
    servers.url                      # redis+sentinel://…
    port = servers.kill_primary()    # kill -9; comes back with servers.revive(port), as a replica
"""

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from engine_core.host.embedded import valkey_binary
from tests.processes import free_ports

NAME = "log"
PASSWORD = "p/w@1"  # with signs that a URL must escape
DOWN_MS = 700
PATIENCE_SECONDS = 240.0  # a sentinel on a machine that stood still does nothing for 30 s (TILT)


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


class Sentinels:
    def __init__(self, folder: Path, replicas: int = 2, sentinels: int = 3, **settings: str) -> None:
        self._folder, self._settings = folder, settings
        self.ports = free_ports(1 + replicas)
        self.sentinel_ports = free_ports(sentinels)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        return f"redis+sentinel://:p%2Fw%401@{hosts}/{NAME}"

    def url_of(self, port: int) -> str:
        return f"redis://:p%2Fw%401@127.0.0.1:{port}/0"

    def __enter__(self) -> "Sentinels":
        try:
            for port in self.ports:
                self.start(port, self.ports[0] if port != self.ports[0] else None)
            until(lambda: self._replicas_at(self.ports[0]) == len(self.ports) - 1, "the replicas never came up")
            for port in self.sentinel_ports:
                self._start_sentinel(port)
            until(self.is_watched, "the sentinels never found each other and the replicas")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def start(self, port: int, primary: int | None = None) -> None:
        self._folder_of(port).mkdir(exist_ok=True)
        options = [part for key, value in self._settings_of(port).items() for part in (f"--{key}", value)]
        if primary is not None:
            options += ["--replicaof", "127.0.0.1", str(primary)]
        self._run(port, [str(valkey_binary()), *options])
        with self.client(port) as client:
            until(lambda: self._has_ended(port) or _answers(client), f"server {port} does not answer")
        assert not self._has_ended(port), f"server {port} ended: {self._log(port).read_text()[-500:]}"

    def _folder_of(self, port: int) -> Path:
        return self._folder / f"server-{port}"

    def _settings_of(self, port: int) -> dict[str, str]:
        return {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(self._folder_of(port)),
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "repl-diskless-sync-delay": "0",
            "repl-backlog-size": "16mb",
            **self._settings,
        }

    def _start_sentinel(self, port: int) -> None:
        config = self._folder / f"sentinel-{port}.conf"
        lines = [
            f"port {port}",
            "bind 127.0.0.1",
            f"dir {self._folder}",
            f"sentinel monitor {NAME} 127.0.0.1 {self.ports[0]} 2",
            f"sentinel auth-pass {NAME} {PASSWORD}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_MS}",
            f"sentinel failover-timeout {NAME} 3000",
            f"sentinel parallel-syncs {NAME} 2",
        ]
        config.write_text("\n".join(lines) + "\n")
        self._run(port, [str(valkey_binary()), str(config), "--sentinel"])

    def _run(self, port: int, command: list[str]) -> None:
        with self._log(port).open("ab") as log:
            self._processes[port] = subprocess.Popen(command, stdout=log, stderr=log)

    def _log(self, port: int) -> Path:
        return self._folder / f"{port}.log"

    def _has_ended(self, port: int) -> bool:
        return self._processes[port].poll() is not None

    @contextlib.contextmanager
    def client(self, port: int) -> Any:
        password = None if port in self.sentinel_ports else PASSWORD
        with redis.Redis(port=port, password=password, socket_timeout=5, decode_responses=True) as client:
            yield client

    def is_watched(self) -> bool:
        """Whether each sentinel knows the others, and as many replicas as there are."""
        for port in self.sentinel_ports:
            with self.client(port) as client:
                try:
                    state = client.sentinel_master(NAME)
                except redis.RedisError:
                    return False
            if state["num-other-sentinels"] != len(self.sentinel_ports) - 1 or state["flags"] != "master":
                return False
            if state["num-slaves"] < len(self.ports) - 1:
                return False
        return True

    @property
    def primary(self) -> int:
        """The port of the one that most sentinels name."""
        named = []
        for port in self.sentinel_ports:
            with self.client(port) as client, contextlib.suppress(redis.RedisError):
                named.append(int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1]))
        return max(set(named), key=named.count)

    def _replicas_at(self, port: int) -> int:
        with self.client(port) as client:
            found = client.info("replication")
        online = [value for key, value in found.items() if key.startswith("slave") and isinstance(value, dict)]
        return sum(each["state"] == "online" for each in online)

    def until_level(self) -> None:
        """Wait until every replica has what the primary has: one that is restarted does not say how much that is, so
        any of them may be promoted."""
        until(self._is_level, "the replicas never came up to the primary")

    def _is_level(self) -> bool:
        with self.client(self.primary) as client:
            found = client.info("replication")
        offsets = [value["offset"] for value in found.values() if isinstance(value, dict) and "offset" in value]
        return len(offsets) == len(self.ports) - 1 and min(offsets) >= found["master_repl_offset"]

    def kill_primary(self) -> int:
        port = self.primary
        self.kill(port)
        return port

    def kill(self, port: int) -> None:
        self._processes[port].kill()
        self._processes[port].wait()

    def pause(self, port: int) -> None:
        self._processes[port].send_signal(signal.SIGSTOP)

    def go_on(self, port: int) -> None:
        self._processes[port].send_signal(signal.SIGCONT)

    def until_promoted(self, instead_of: int) -> int:
        """Wait for another one to be primary, and say so itself; its port."""

        def promoted() -> bool:
            port = self.primary
            if port == instead_of:
                return False
            with self.client(port) as client, contextlib.suppress(redis.RedisError):
                return bool(client.execute_command("ROLE")[0] == "master")
            return False

        until(promoted, f"nobody was promoted instead of {instead_of}")
        return self.primary

    def promotion(self, instead_of: int, replicas: int = 0) -> "Promotion":
        """Who is promoted, looked at all the time: on a busy machine sentinels may promote several within seconds."""

        def holds() -> bool:
            port = self.primary
            if port == instead_of:
                return False
            with self.client(port) as client:
                is_primary = client.execute_command("ROLE")[0] == "master"
            return bool(is_primary and self._replicas_at(port) >= replicas)

        return Promotion(holds)

    def revive(self, port: int) -> None:
        """The one that was killed follows whoever is primary now; returns once all replicas do."""
        self.start(port, self.primary)
        self.until_whole()

    def revive_all(self) -> None:
        for port in self.ports:
            if self._has_ended(port):
                self.start(port, self.primary)
        self.until_whole()

    def until_whole(self) -> None:
        until(lambda: _calm(self._is_whole), "the replicas never followed the primary again")

    def _is_whole(self) -> bool:
        return self._replicas_at(self.primary) == len(self.ports) - 1 and self.is_watched()


class Promotion:
    """Since when the primary that most sentinels name says so itself, and is followed by as many as were asked for: the
    last of them, if they promoted several, as nobody can be served by one that another replaces."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        self._holds = holds
        self._since: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Promotion":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            if not _calm(self._holds):
                self._since = None
            elif self._since is None:
                self._since = time.monotonic()

    def seconds_since(self) -> float:
        """0 as long as it does not hold."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


def _calm(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (redis.RedisError, ValueError):
        return False


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
