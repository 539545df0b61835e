"""The pods of an overlay as plain processes, on a Valkey and a PostgreSQL of the test: every container of ours with the
command, environment and probes that its manifest says. Only addresses, ports and folders are those of this test: a
folder stands for each volume, so what is apart in the cluster is apart here.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.docker.compose import ROOT, image_environment
from tests.docker.kustomize import Container, Pod, pods
from tests.processes import free_ports

SECRETS = {"valkey-password": "v", "database-password": "d", "postgres-password": "p", "session-secret": "5" * 64}
PORTS = ("EXCHANGE_HTTP_PORT", "EXCHANGE_WS_PORT", "EXCHANGE_METRICS_PORT")
_OF_THE_IMAGE = {"PATH", "PYTHONPATH", "EXCHANGE_CACHE_DIR", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"}
_OURS = ("PATH", "HOME", "EXCHANGE_CACHE_DIR", "XDG_CACHE_HOME")
PATIENCE_SECONDS = 120.0


class Cluster:
    def __init__(self, overlay: str, folder: Path, runtime: Path, redis_url: str, database_url: str) -> None:
        self.pods: dict[str, Pod] = pods(overlay, SECRETS)
        self._folder, self._runtime = folder, runtime
        self._urls = {"REDIS_URL": redis_url, "DATABASE_URL": database_url}
        self._ports: dict[tuple[str, str], dict[str, str]] = {}
        self.running: dict[tuple[str, str], subprocess.Popen[bytes]] = {}
        self._code: dict[str, Path] = {}  # of pods whose image is another one

    def update(self, pod: str, code: Path) -> None:
        """As a new image in its template does: the pod ends, and one of that code takes its place."""
        self.stop(pod)
        self._code[pod] = code
        self.start(pod)

    def start(self, name: str) -> None:
        """A pod: what comes before, then its containers, until all that have probes say that they are ready."""
        pod = self.pods[name]
        for container in pod.before:
            self._until_it_succeeds(container)
        ours = [container for container in pod.containers if container.command[:1] == ["python"]]
        for container in ours:
            self.running[name, container.name] = self._run(container)
        for container in ours:
            self._await_probes(container)

    def _until_it_succeeds(self, container: Container) -> None:
        """The kubelet tries again and again."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._run(container).wait(PATIENCE_SECONDS) != 0:
            assert time.monotonic() < deadline, self.log(container)

    def kill(self, pod: str, container: str) -> None:
        """kill -9; the kubelet starts the container again."""
        process = self.running[pod, container]
        process.kill()
        process.wait(PATIENCE_SECONDS)
        found = self.pods[pod].container(container)
        self.running[pod, container] = self._run(found)
        self._await_probes(found)

    def stop(self, pod: str) -> None:
        """As the deletion of a pod does: SIGTERM to all, and none may need more."""
        ending = {key: process for key, process in self.running.items() if key[0] == pod}
        for process in ending.values():
            process.send_signal(signal.SIGTERM)
        for key, process in ending.items():
            assert process.wait(PATIENCE_SECONDS) == 0, self.log(self.pods[pod].container(key[1]))
            del self.running[key]

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()

    def port(self, pod: str, container: str, variable: str) -> int:
        return int(self._ports[pod, container][variable])

    def _ingress_port(self) -> str:
        """Of the first that was started, for who asks a service; a port where nobody listens, before there is one."""
        found = (ports for (_, name), ports in self._ports.items() if name == "ingress")
        return next(found, {}).get("EXCHANGE_HTTP_PORT", "1")

    def exec(self, pod: str, *command: str) -> str:
        """As `kubectl exec` does: in the first container, with its environment."""
        environment = self._environment(self.pods[pod].containers[0])
        done = subprocess.run(
            [sys.executable, "-P", "-m", "engine_core.cli", *command],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def look(self, container: Container, path: str) -> tuple[int, str]:
        """Status and text that it answers at its metrics' port; 0 while nobody listens."""
        port = self.port(container.pod, container.name, "EXCHANGE_METRICS_PORT")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def _await_probes(self, container: Container) -> None:
        """In the kubelet's order: it has started, it is alive, it is ready. Of ingress nginx says that, not here:
        its /ready stands for it."""
        assert {*container.probes} == {"startupProbe", "livenessProbe", "readinessProbe"}
        for path in (*(path for path, _ in container.probes.values()), "/ready"):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (answer := self.look(container, path))[0] != 200:
                assert self.running[container.pod, container.name].poll() is None, self.log(container)
                assert time.monotonic() < deadline, f"{container}: {answer}\n{self.log(container)}"
                time.sleep(0.05)

    def _run(self, container: Container) -> "subprocess.Popen[bytes]":
        program, *arguments = container.command
        assert program == "python"
        with self._log(container).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self._folder,
                env=self._environment(container),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self, container: Container) -> dict[str, str]:
        """The image's variables and the manifest's; those that name a place say where it is here."""
        given = image_environment() | container.environment
        key = container.pod, container.name
        if key not in self._ports:
            self._ports[key] = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        here = {name: value for name, value in self._urls.items() if name in given} | self._ports[key]
        here |= {"EXCHANGE_HOST": "127.0.0.1", "EXCHANGE_CONFIG": str(ROOT / "exchange.toml")}
        if "EXCHANGE_API_URL" in given:
            here["EXCHANGE_API_URL"] = f"http://127.0.0.1:{self._ingress_port()}"
        here["PYTHONPATH"] = str(self._code.get(container.pod, ROOT))
        for name in ("EXCHANGE_DATA", "EXCHANGE_RUNTIME"):
            here[name] = str(self._place(container, given[name]))
        kept = {name: os.environ[name] for name in _OURS if name in os.environ}
        return {name: value for name, value in given.items() if name not in _OF_THE_IMAGE} | here | kept

    def _place(self, container: Container, path: str) -> Path:
        """Of a mounted path: a folder of the pod, its containers' common one. Of another: one that is not there."""
        if path not in container.mounts:
            return self._folder / "nowhere"
        base = self._runtime if path == "/run/exchange" else self._folder
        place = base / f"{container.pod}{path.replace('/', '-')}"
        place.mkdir(exist_ok=True, mode=0o700)
        return place

    def _log(self, container: Container) -> Path:
        return self._folder / f"{container.pod}-{container.name}.log"

    def log(self, container: Container) -> str:
        return "\n".join(self._log(container).read_text().splitlines()[-15:])
