"""The shipped nginx before real processes: docker/proxy, with the addresses and folders of a test."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import free_ports

CONFIGURATION = Path(__file__).resolve().parents[2] / "docker" / "proxy"


def shipped(tls: bool = False) -> str:
    """nginx.conf with all that it includes of ours."""
    text = (CONFIGURATION / "nginx.conf").read_text(encoding="utf-8")
    of_tls = (CONFIGURATION / "tls" / "tls.conf").read_text(encoding="utf-8") if tls else ""
    text = text.replace("include /etc/nginx/tls/*.conf;", of_tls)
    include = re.compile(r"include /etc/nginx/exchange/([\w.]+);")
    return include.sub(lambda match: (CONFIGURATION / match[1]).read_text(encoding="utf-8"), text)


def adapted(folder: Path, fronts: tuple[int, ...], ingress: int, egress: int, tls: Path | None = None) -> str:
    """The shipped text; only where it listens, whom it asks, and where its files are differ. `tls` is the folder of
    certificate.pem and key.pem."""
    text = shipped(tls is not None)
    text = re.sub(r"server ingress:\d+;", f"server 127.0.0.1:{ingress};", text)
    text = re.sub(r"server egress:\d+;", f"server 127.0.0.1:{egress};", text)
    for port, front in zip((8080, 8081, 8443), fronts, strict=False):
        text, changed = re.subn(rf"listen {port}\b", f"listen 127.0.0.1:{front}", text)
        assert changed == 1, port
    text = "worker_processes auto;\n" + text.replace("/tmp/", f"{folder}/").replace(
        "include /etc/nginx/mime.types;", ""
    )
    text = text.replace("/etc/nginx/tls/", f"{tls}/")
    return text if os.geteuid() else f"user root;\n{text}"  # or its workers could not write to the folder


def careless(text: str) -> str:
    """One that passes on every offer of another protocol, as many a proxy in the world does."""
    assert text.count("Upgrade $upgrade;") == text.count("map $upgrade ") == 1
    return text.replace("Upgrade $upgrade;", "Upgrade $http_upgrade;").replace("map $upgrade ", "map $http_upgrade ")


def installed() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(
    folder: Path,
    ingress: int,
    egress: int = 1,
    changed: Callable[[str], str] = lambda text: text,
    tls: Path | None = None,
) -> Iterator[int]:
    """The port of the page and of REST; with `tls`, that of everything by TLS."""
    program = installed()
    if program is None:
        pytest.skip("nginx is not installed")
    fronts = tuple(free_ports(3 if tls else 2))
    configuration, log = folder / "nginx.conf", folder / "nginx.log"
    configuration.write_text(changed(adapted(folder, fronts, ingress, egress, tls)))
    with log.open("wb") as output:
        command = [program, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;", "-e", str(log)]
        running = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        until_it_listens(fronts[0], running, log)
        yield fronts[-1] if tls else fronts[0]
    finally:
        running.terminate()
        running.wait(60)


def until_it_listens(port: int, running: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/v1/ping", timeout=30)
            return
        except httpx.ConnectError:
            assert running.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
