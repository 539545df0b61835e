"""A stack from the outside: its addresses behind nginx, its operator's commands, its clients, its backups."""

import json
import os
import secrets
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ccxt
import httpx
from websockets.sync.client import connect

from engine_core.config.settings import write_private
from tests.docker.bases import LEFT_OUT
from tests.docker.compose import DOCKER, ONE, ROOT, read
from tests.docker.compose import SECRETS as PASSWORDS
from tests.docker.podman import Podman, PodmanError
from tests.docker.stack import Stack
from tests.processes import free_ports


class Venue:
    """The stack, from the outside: its address behind nginx, and its operator's commands."""

    def __init__(
        self, podman: Podman, say: Callable[[str], None], files: Sequence[str] = ONE, **variables: str
    ) -> None:
        http, ws, tls = free_ports(3)
        values = {name: secrets.token_hex(32 if name == "SESSION_SECRET" else 12) for name in PASSWORDS}
        core = str(max(os.sched_getaffinity(0)))
        values |= {"HTTP_PORT": str(http), "WS_PORT": str(ws), "ENGINE_CPU": core, "SECOND_ENGINE_CPU": core}
        values |= {"TLS_PORT": str(tls), "TLS": str(with_certificate(podman.folder / "tls"))}
        values |= {name: "4g" for name in ("ENGINE_MEMORY", "VALKEY_MEMORY", "DATABASE_MEMORY")} | variables
        self.values = values
        self.stack = Stack(podman, read(values, files), LEFT_OUT, say)
        self.podman = podman
        self.url, self.stream = f"http://127.0.0.1:{http}", f"ws://127.0.0.1:{ws}"
        self.by_tls = f"127.0.0.1:{tls}"

    def exchange(self, *arguments: str) -> Any:
        said = self.stack.run("admin", "exchange", *arguments)
        return json.loads(said) if said.startswith("{") else said

    def trader(self, pro: bool = False) -> Any:
        """A new account with 100,000 USDC and 1,000 SOL, behind ccxt of which only the addresses are changed."""
        account = self.exchange("accounts", "create")
        self.exchange("deposit", account, "USDC", "100000")
        self.exchange("deposit", account, "SOL", "1000")
        key = self.exchange("keys", "create", "--account", account)
        return self.client(ccxt, key)

    def client(self, library: Any, key: dict[str, str] | None = None) -> Any:
        streams = {"public": self.stream, "private": self.stream}
        urls = {"api": {"public": self.url, "private": self.url, "ws": streams}}
        given = {"apiKey": key["apiKey"], "secret": key["secret"]} if key else {}
        return library.backpack({**given, "urls": urls, "enableRateLimit": False, "timeout": 20_000})

    def by_tls_too(self) -> None:
        """REST and streams by the one port, for whoever trusts the certificate."""
        trusting = ssl.create_default_context(cafile=str(self.podman.folder / "tls" / "certificate.pem"))
        status = httpx.get(f"https://{self.by_tls}/api/v1/status", verify=trusting, timeout=60)
        config = httpx.get(f"https://{self.by_tls}/api/v1/session/config", verify=trusting, timeout=60).text
        if status.json()["status"] != "Ok" or f"wss://{self.by_tls}/ws" not in config:
            raise PodmanError(f"by TLS: {status.text}, {config}")
        with connect(f"wss://{self.by_tls}/ws", ssl=trusting, open_timeout=60) as stream:
            if not stream.ping().wait(60):
                raise PodmanError("the stream by TLS does not answer")

    def script(self, name: str, folder: Path) -> None:
        """docker/backup.sh or docker/restore.sh, with Podman for its docker."""
        programs = self.podman.folder / "bin"
        programs.mkdir(exist_ok=True)
        docker = programs / "docker"
        docker.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.docker.standins.podman_compose "$@"\n')
        docker.chmod(0o755)
        here = self.podman.folder / "compose.json"
        write_private(here, json.dumps({"folder": str(self.podman.folder), "values": self.values}))
        environment = os.environ | {"PODMAN_COMPOSE": str(here), "PYTHONPATH": str(ROOT)}
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
        done = subprocess.run(
            [DOCKER / name, folder], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            raise PodmanError(f"{name}: status {done.returncode}\n{done.stdout}{done.stderr}")


def with_certificate(folder: Path) -> Path:
    """docker/proxy/tls with a certificate made here, which nginx's user can read."""
    shutil.copytree(DOCKER / "proxy" / "tls", folder, dirs_exist_ok=True)
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=exchange.test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run([*made, *names, *files], check=True, capture_output=True, timeout=60)
    (folder / "key.pem").chmod(0o644)
    return folder
