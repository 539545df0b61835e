"""Passwords and secrets of a running exchange: in no log, argument, run.json, nor in the environment of who needs none;
and TLS to the servers, checked against a certificate.

The servers of the wheels speak no TLS, so a small proxy with a certificate made here stands before each of them; that
of PostgreSQL answers the client's SSLRequest first, as its protocol has it.
"""

import contextlib
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis

from engine_core.config.redis_url import check_redis_url
from engine_core.config.settings import has_password, without_password
from engine_core.config.toml_section import ConfigError
from engine_core.host.embedded import Postgres, running
from engine_core.host.external import ExternalError, check_database, check_redis
from tests.exchange import Exchange

SSL_REQUEST = struct.pack("!II", 8, 80877103)
PASSWORD = "s3cret-06df24f96716dd15"  # the same in every process: it is part of the names of tests


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{PASSWORD}@host:6379/0",
        f"rediss://user:{PASSWORD}@[::1]:6379",
        f"unix://:{PASSWORD}@/run/valkey.sock",
        f"redis://:{PASSWORD}/x#y?z@w@host",
        f"redis://host/0?password={PASSWORD}&db=1",
        f"postgresql://u:{PASSWORD}@/d?host=/tmp",
        f"postgresql://u@h/d?sslpassword={PASSWORD}",
        f"host=h user=u password={PASSWORD} dbname=d",
        f"host=h password = '{PASSWORD} \\' x' dbname=d",
    ],
)
def test_no_url_is_shown_with_its_password(url: str) -> None:
    shown = without_password(url)
    assert PASSWORD not in shown and "…" in shown and has_password(url)
    for check in (check_database, lambda wrong: check_redis(wrong, "everysec")):
        with pytest.raises((ConfigError, ExternalError)) as error:
            check(url.replace("host", "127.0.0.1", 1))
        assert PASSWORD not in str(error.value)


def test_what_has_none_is_shown_as_it_is() -> None:
    for url in ("redis://host:1/0", "unix:///a/b.sock", "postgresql://u@/d?host=/x&passfile=/y", "host=h user=u"):
        assert without_password(url) == url and not has_password(url)


@pytest.mark.parametrize(
    "url", ["x", "http://h", "redis://", "redis://h:99999", "redis://h:a", "unix://", "redis://[x"]
)
def test_what_is_no_redis_url(url: str) -> None:
    with pytest.raises(ConfigError, match=r"REDIS_URL: must be redis://"):
        check_redis_url(url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem, which is its own authority, and key.pem."""
    folder = tmp_path_factory.mktemp("tls")
    made = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *map(str, made), *names]
    subprocess.run(command, check=True, capture_output=True)
    return folder


class TlsProxy(threading.Thread):
    """TLS outside, a Unix socket inside."""

    def __init__(self, certificate: Path, target: Path, *, postgres: bool) -> None:
        super().__init__(daemon=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        self._target, self._postgres = target, postgres
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def run(self) -> None:
        with contextlib.suppress(OSError), self._listener:  # it ends when somebody shuts the listener down
            while True:
                plain, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self.join()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError), plain:
            if self._postgres:
                if plain.recv(8, socket.MSG_WAITALL) != SSL_REQUEST:
                    return  # a client that has left, or libpq's wish to cancel a query, which comes without TLS
                plain.sendall(b"S")
            with self._context.wrap_socket(plain, server_side=True) as outside, socket.socket(socket.AF_UNIX) as inside:
                inside.connect(str(self._target))
                back = threading.Thread(target=_pump, args=(inside, outside), daemon=True)
                back.start()
                _pump(outside, inside)
                back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def servers(certificate: Path, fresh_valkey: str, tmp_path: Path, runtime: Path) -> Iterator[dict[str, str]]:
    """URLs of a Redis and a PostgreSQL that want a password and speak TLS."""
    with redis.Redis.from_url(fresh_valkey) as client:
        client.config_set("requirepass", PASSWORD)
    path = Path(fresh_valkey.removeprefix("unix://"))
    of_redis = TlsProxy(certificate, path, postgres=False)
    with running(Postgres(tmp_path / "pg", runtime), tmp_path / "pg.log") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER USER exchange PASSWORD '{PASSWORD}'")
        of_postgres = TlsProxy(certificate, runtime / ".s.PGSQL.5432", postgres=True)
        for proxy in (of_redis, of_postgres):
            proxy.start()
        authority = quote(str(certificate / "cert.pem"))
        yield {
            "REDIS_URL": f"rediss://:{PASSWORD}@localhost:{of_redis.port}/0?ssl_ca_certs={authority}",
            "DATABASE_URL": f"postgresql://exchange:{PASSWORD}@localhost:{of_postgres.port}/exchange"
            f"?sslmode=verify-full&sslrootcert={authority}",
        }
        for proxy in (of_redis, of_postgres):
            proxy.stop()


@pytest.mark.timeout(300)
def test_a_whole_exchange_over_tls_tells_its_secrets_to_nobody(servers: dict[str, str], tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data", "--profile", "bare", ingress_workers=1)
    exchange.variables |= servers | {"EXCHANGE_I_KNOW": "1"}
    try:
        exchange.start()
        trader = exchange.trader()
        trader.create_order("SOL/USDC", "limit", "buy", 1.5, 140)
        assert len(trader.fetch_open_orders("SOL/USDC")) == 1
        assert exchange.command("status").returncode == 0
        cookie_secret = (exchange.data / "session-secret").read_text().strip()
        hidden = {"a password": PASSWORD, "the secret of sessions": cookie_secret}
        _is_nowhere(exchange, hidden)
        assert exchange.verified()["ok"]
    finally:
        exchange.end()
    assert not any(PASSWORD in path.read_text(errors="replace") for path in exchange.data.rglob("*") if path.is_file())


NEED = {  # what may stand in whose environment, by module; the supervisor has what its starter gave it
    "a password": {"engine_core.runtime", "ingress", "egress", "persistence", "engine_core.cli"},
    "the secret of sessions": {"ingress", "egress"},
}


def _is_nowhere(exchange: Exchange, hidden: dict[str, str]) -> None:
    files = [exchange.data / "run.json", *(exchange.data / "logs").iterdir()]
    shown = "\n".join(
        [*exchange.output, *(exchange.command(*words).stdout for words in (["status"], ["top", "--once"]))]
    )
    for what, secret in hidden.items():
        assert secret not in shown, what
        for path in files:
            assert secret not in path.read_text(errors="replace"), (what, path)
        for command, environment in exchange.of_family(lambda process: (process.cmdline(), process.environ())):
            role = command[command.index("-m") + 1] if "-m" in command else command[:1]
            assert secret not in " ".join(command), (what, role)
            assert secret not in " ".join(environment.values()) or role in NEED[what], (what, role)
    for limits in exchange.of_family(lambda process: Path(f"/proc/{process.pid}/limits").read_text()):
        assert re.search(r"Max core file size +0 ", limits), limits


@pytest.mark.timeout(200)
def test_the_embedded_servers_password_is_in_two_files_only(odd_exchange: Exchange) -> None:
    password = (odd_exchange.data / "postgres-password").read_text().strip()
    cookie_secret = (odd_exchange.data / "session-secret").read_text().strip()
    _is_nowhere(odd_exchange, {"a password": password, "the secret of sessions": cookie_secret})
    for environment in odd_exchange.of_family(lambda process: process.environ()):
        assert password not in " ".join(environment.values())
    holders = [path.name for path in odd_exchange.data.glob("*") if path.is_file() and password in _text(path)]
    assert sorted(holders) == ["postgres-passfile", "postgres-password"]
    assert all((odd_exchange.data / name).stat().st_mode & 0o077 == 0 for name in holders)
    with psycopg.connect(odd_exchange.run["database"]) as connection:  # and yet the address is enough for a client
        assert connection.execute("SELECT 1").fetchone() == (1,)


def _text(path: Path) -> str:
    return path.read_text(errors="replace")


def test_a_certificate_of_somebody_else_is_refused_in_words(servers: dict[str, str]) -> None:
    nobody = "/etc/ssl/certs/ca-certificates.crt"
    if not os.path.exists(nobody):
        pytest.skip("no other authorities here")
    for name, check in (("REDIS_URL", lambda url: check_redis(url, "everysec")), ("DATABASE_URL", check_database)):
        url = re.sub(r"(ssl_ca_certs|sslrootcert)=[^&]*", rf"\1={nobody}", servers[name])
        with pytest.raises(ExternalError, match="certificate") as error:
            check(url)
        assert PASSWORD not in str(error.value)
