"""The shipped nginx by TLS, with a certificate made here, and when one address asks too much. Whom it asks is an echo:
the real thing behind it is traded with by tests/attacks and `make containers`."""

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from engine_core.edge.refusals import Code
from tests.attacks.proxy import CONFIGURATION, adapted, installed, nginx, shipped, until_it_listens
from tests.docker.compose import compose
from tests.processes import free_port
from tests.serving import serving


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it was asked with, and counts."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def ingress() -> Iterator[int]:
    Echo.asked.clear()
    with serving(Echo) as port:
        yield port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as docker/proxy/tls is, once somebody has put a certificate there."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return made(tmp_path_factory.mktemp("tls"))


def made(folder: Path) -> Path:
    """A new certificate in the folder."""
    names = ["-subj", "/CN=exchange.test", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return folder


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate / "certificate.pem"))


def test_by_tls_ingress_is_told_that_it_is(tmp_path: Path, ingress: int, certificate: Path) -> None:
    with nginx(tmp_path, ingress, tls=certificate) as port:
        url = f"https://127.0.0.1:{port}/api/v1/markets"
        headers = httpx.get(url, verify=trusting(certificate), timeout=60).json()
        assert headers["x-forwarded-proto"] == "https" and headers["x-forwarded-for"] == "127.0.0.1"
        assert headers["host"] == f"127.0.0.1:{port}"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url, timeout=60)


async def test_streams_are_on_the_same_port_by_tls(tmp_path: Path, ingress: int, certificate: Path) -> None:
    async def echo(connection: ServerConnection) -> None:
        assert connection.request is not None
        async for message in connection:
            await connection.send(f"{connection.request.path} {message!s}")

    async with serve(echo, "127.0.0.1", egress := free_port()):
        loop, running = asyncio.get_running_loop(), nginx(tmp_path, ingress, egress, tls=certificate)
        port = await loop.run_in_executor(None, running.__enter__)
        try:
            async with connect(f"wss://localhost:{port}/ws", ssl=trusting(certificate), open_timeout=60) as stream:
                await stream.send("hello")
                assert await stream.recv() == "/ws hello"
        finally:
            await loop.run_in_executor(None, running.__exit__, None, None, None)


def slow(text: str) -> str:
    """One request a minute and five at once, where the shipped file lets thousands pass; else the same."""
    assert text.count("rate=2000r/s") == text.count("burst=5000") == 1
    return text.replace("rate=2000r/s", "rate=1r/m").replace("burst=5000", "burst=5")


def test_who_asks_too_often_is_told_so_as_ingress_would(tmp_path: Path, ingress: int) -> None:
    with nginx(tmp_path, ingress, changed=slow) as port:
        Echo.asked.clear()  # of the look whether it listens, which counts as the first one
        answers = [httpx.get(f"http://127.0.0.1:{port}/api/v1/depth", timeout=60) for _ in range(8)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
        assert len(Echo.asked) == 5
        refused = answers[-1]
        assert refused.headers["content-type"] == "application/json" and refused.headers["retry-after"] == "1"
        assert refused.json()["code"] == Code.TOO_MANY_REQUESTS


def few(text: str) -> str:
    assert text.count("limit_conn connections 4000;") == 1
    return text.replace("limit_conn connections 4000;", "limit_conn connections 2;")


async def test_one_address_has_so_many_connections(tmp_path: Path, ingress: int) -> None:
    """Counted while they ask for something: two streams that stay are all that there may be, then."""

    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(silent, "127.0.0.1", egress := free_port()):
        with ThreadPoolExecutor(1) as thread:
            loop, running = asyncio.get_running_loop(), nginx(tmp_path, ingress, egress, changed=few)
            port = await loop.run_in_executor(thread, running.__enter__)
            try:
                url = f"ws://127.0.0.1:{port}/ws"
                async with connect(url, open_timeout=60), connect(url, open_timeout=60):
                    asked = await loop.run_in_executor(
                        thread, lambda: httpx.get(f"http://127.0.0.1:{port}/", timeout=60)
                    )
                    assert asked.status_code == 429
                    Echo.asked.clear()
            finally:
                await loop.run_in_executor(thread, running.__exit__, None, None, None)


def test_by_tls_browsers_are_told_once_to_come_by_tls_alone(tmp_path: Path, ingress: int, certificate: Path) -> None:
    with nginx(tmp_path, ingress, changed=slow, tls=certificate) as port:
        url, verify = f"https://127.0.0.1:{port}/api/v1/depth", trusting(certificate)
        answers = [httpx.get(url, verify=verify, timeout=60) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {200, 429}
        for answer in answers:
            assert answer.headers.get_list("strict-transport-security") == ["max-age=31536000"]
    with nginx(tmp_path, ingress, changed=slow) as port:
        answers = [httpx.get(f"http://127.0.0.1:{port}/api/v1/depth", timeout=60) for _ in range(8)]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert not any("strict-transport-security" in answer.headers for answer in answers)


def named(text: str) -> str:
    """Where a client is, a header says."""
    return slow(text).replace(
        "    limit_req_zone", "    set_real_ip_from 127.0.0.1;\n    real_ip_header X-At;\n    limit_req_zone"
    )


def test_an_ipv6_network_counts_as_one_address(tmp_path: Path, ingress: int) -> None:
    with nginx(tmp_path, ingress, changed=named) as port:

        def asked(address: str) -> int:
            return httpx.get(f"http://127.0.0.1:{port}/api/v1/depth", headers={"X-At": address}, timeout=60).status_code

        same = [asked(f"2001:db8:0:{1}:{number:x}:a0a:d:a") for number in range(8)]  # bytes of line ends among them
        assert same == [200] * 6 + [429] * 2
        assert asked("2001:db8:0:2::1") == 200, "the next network"
        assert [asked(f"192.0.2.{number}") for number in range(8)] == [200] * 8, "of IPv4 each address counts"


def started(folder: Path, front: int, ingress: int, *, has_ipv6: bool) -> "subprocess.Popen[bytes]":
    """start.sh with the ports and folders of a test."""
    configuration, log = folder / "nginx.conf", folder / "nginx.log"
    text = adapted(folder, (front, free_port()), ingress, 1)
    configuration.write_text(text.replace("worker_processes auto;\n", ""))
    script = (CONFIGURATION / "start.sh").read_text(encoding="utf-8")
    assert "for port in 8080 8081; do" in script and script.count("[::]:$port") == 1
    script = script.replace("8080 8081", "8080").replace("[::]:$port", f"[::]:{front}").replace("/tmp/", f"{folder}/")
    script = script.replace("/etc/nginx/exchange/nginx.conf", str(configuration))
    script = script.replace("/proc/net/if_inet6", str(folder if has_ipv6 else folder / "nothing"))
    with log.open("wb") as output:
        return subprocess.Popen(["sh", "-c", script], stdout=output, stderr=output)


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_it_listens_by_ipv6_where_there_is_one(tmp_path: Path, ingress: int, has_ipv6: bool) -> None:
    if installed() is None:
        pytest.skip("nginx is not installed")
    if has_ipv6 and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    front = free_port()
    running = started(tmp_path, front, ingress, has_ipv6=has_ipv6)
    try:
        until_it_listens(front, running, tmp_path / "nginx.log")
        workers = psutil.Process(running.pid).children()
        assert len(workers) == 2, "however many cores the machine has"
        if has_ipv6:
            assert httpx.get(f"http://[::1]:{front}/api/v1/ping", timeout=60).status_code == 200
        else:
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"http://[::1]:{front}/api/v1/ping", timeout=60)
    finally:
        running.terminate()
        running.wait(60)


def test_descriptors_and_memory_fit_the_connections() -> None:
    text, service = shipped(), compose()["services"]["proxy"]
    (each,) = re.findall(r"worker_connections (\d+);", text)
    (descriptors,) = re.findall(r"worker_rlimit_nofile (\d+);", text)
    assert int(each) + 100 < int(descriptors) <= service["ulimits"]["nofile"]
    workers = int(service["environment"]["PROXY_WORKERS"])
    assert service["mem_limit"] == "512m"
    assert workers * int(each) // 2 * 50 * 1024 + (64 << 20) < 512 << 20, "50 KB for a stream by TLS, and two zones"


async def test_who_quits_takes_nobody_and_leaves_streams_to_egress(tmp_path: Path, ingress: int) -> None:
    """As the hook of its pod tells it: what is open stays until egress ends it, and then nginx has ended, too."""
    ending = asyncio.Event()

    async def echo(connection: ServerConnection) -> None:
        await connection.send(await connection.recv())
        await ending.wait()

    async with serve(echo, "127.0.0.1", egress := free_port()):
        loop, running = asyncio.get_running_loop(), nginx(tmp_path, ingress, egress)
        port = await loop.run_in_executor(None, running.__enter__)
        try:
            async with connect(f"ws://127.0.0.1:{port}/ws", open_timeout=60) as stream:
                quits = [str(installed()), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-s", "quit"]
                await loop.run_in_executor(None, lambda: subprocess.run(quits, check=True, capture_output=True))
                deadline = loop.time() + 60
                while await loop.run_in_executor(None, listens, port):
                    assert loop.time() < deadline
                await stream.send("still there")
                assert await stream.recv() == "still there"
                ending.set()
                await stream.wait_closed()
                assert stream.close_code == 1000
                pid = tmp_path / "nginx.pid"
                while pid.exists():
                    await asyncio.sleep(0.02)
                    assert loop.time() < deadline, "it does not end"
        finally:
            await loop.run_in_executor(None, running.__exit__, None, None, None)


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_a_new_certificate_is_taken_when_nginx_is_told_and_a_bad_one_is_not(tmp_path: Path, ingress: int) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    made(folder)
    first = (folder / "certificate.pem").read_text()
    with nginx(tmp_path, ingress, tls=folder) as port:
        tell = [str(installed()), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-s", "reload"]
        verify = ssl.create_default_context(cadata=first)
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=verify, timeout=60) as before:
            before.get("/api/v1/ping")
            (folder / "certificate.pem").write_text("nothing of the kind")
            assert subprocess.run(tell, capture_output=True).returncode != 0, "it is looked at before anybody is told"
            assert ssl.get_server_certificate(("127.0.0.1", port)) == first
            made(folder)
            subprocess.run(tell, check=True, capture_output=True)
            deadline = time.monotonic() + 60
            while ssl.get_server_certificate(("127.0.0.1", port)) == first:
                assert time.monotonic() < deadline
                time.sleep(0.02)
