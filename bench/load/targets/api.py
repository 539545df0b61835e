"""An exchange's REST API as the load generator needs it beside the load: signed, blocking, each refusal in words.

Non-goals: speed (what is measured goes through rest.py, order_entry.py and log.py), and a library for the API (ccxt).
"""

import base64
import errno
import http.client
import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from nacl.signing import SigningKey

from engine_core.edge.signing import MAX_WINDOW_MS, batch_signing_text

TIMEOUT_SECONDS = 30.0
MOST_SECONDS_OF_429 = 120.0  # that a single request waits for the rate limits
SHOWN_CHARACTERS = 200

Json = Any  # an answer's JSON, checked where it is used


class BenchError(Exception):
    """The benchmark cannot run; the message says what to do."""


class Unreachable(BenchError):
    """Nobody answers there."""


class HungUp(Unreachable):
    """Somebody is there, who ended the connection instead of an answer."""


def not_connected(address: "Address", error: OSError) -> BenchError:
    """Why there is no connection, and what to do."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return BenchError(
            f"a connection cannot be opened: {error.strerror}: fewer --connections (--target ws: fewer --accounts), or "
            "a higher `ulimit -n`"
        )
    return Unreachable(f"{address.url} does not answer: {error}; is the exchange running?")


class Refused(BenchError):
    """The exchange answered, and refused."""

    def __init__(self, what: str, status: int, code: str, message: str) -> None:
        super().__init__(f"{what} was refused: {status} {code}: {message}")
        self.status = status

    @property
    def is_missing(self) -> bool:
        """There is no such thing on this server."""
        return self.status in (404, 405, 501)


@dataclass(frozen=True)
class Account:
    """One API key. `number` is the account's; 0 where nobody said it."""

    api_key: str
    seed: bytes
    number: int = 0

    @cached_property
    def key(self) -> SigningKey:
        return SigningKey(self.seed)

    def sign(
        self, instruction: str, items: Sequence[dict[str, str]], stamp_ms: int, window_ms: int = MAX_WINDOW_MS
    ) -> str:
        pairs = [list(fields.items()) for fields in items]
        text = batch_signing_text(instruction, pairs, str(stamp_ms), str(window_ms))
        return base64.b64encode(self.key.sign(text).signature).decode()

    def headers(self, instruction: str, fields: dict[str, str], stamp_ms: int | None = None) -> dict[str, str]:
        """The four headers of a signed request; it is good for a minute before and after `stamp_ms` (None: now)."""
        return self.headers_of(instruction, [fields], now_ms() if stamp_ms is None else stamp_ms)

    def headers_of(self, instruction: str, items: Sequence[dict[str, str]], stamp: int) -> dict[str, str]:
        """The same for a request of several items."""
        signature = self.sign(instruction, items, stamp)
        window = str(MAX_WINDOW_MS)
        return {"X-API-Key": self.api_key, "X-Timestamp": str(stamp), "X-Window": window, "X-Signature": signature}


@dataclass(frozen=True)
class Address:
    """Where a server is, from its URL."""

    url: str
    host: str
    port: int
    is_secure: bool
    path: str  # without a slash at its end

    @classmethod
    def of(cls, url: str, option: str, schemes: tuple[str, str]) -> "Address":
        """`schemes`: the plain one and the one over TLS."""
        form = f"{option} must be like {schemes[0]}://127.0.0.1:8080, is {url[:SHOWN_CHARACTERS]!r}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BenchError(form) from None
        if parts.scheme not in schemes or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise BenchError(form)
        is_secure = parts.scheme == schemes[1]
        return cls(url, parts.hostname, port or (443 if is_secure else 80), is_secure, parts.path.rstrip("/"))

    @property
    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context() if self.is_secure else None

    @property
    def authority(self) -> str:
        """For the Host header."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Reply:
    headers: dict[str, str]
    content: Json


class Api:
    """One exchange, over one connection that is kept. `patience`: seconds for its first answer."""

    def __init__(self, url: str, patience: float = TIMEOUT_SECONDS) -> None:
        self.address = Address.of(url, "--url", ("http", "https"))
        self._patience = patience
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(
        self, path: str, query: dict[str, str] | None = None, account: Account | None = None, instruction: str = ""
    ) -> Reply:
        target = f"{path}?{urlencode(query)}" if query else path
        headers = (lambda: account.headers(instruction, query or {})) if account else dict[str, str]
        return self._call("GET", target, headers, None)

    def send(self, method: str, path: str, fields: dict[str, str], account: Account, instruction: str) -> Reply:
        """A signed request with a body of texts."""
        return self._call(method, path, lambda: account.headers(instruction, fields), fields)

    def post(self, path: str, body: Json, headers: dict[str, str]) -> Reply:
        """Of the page: what a session or nobody in particular asks for."""
        return self._call("POST", path, lambda: headers, body)

    def _call(self, method: str, target: str, headers: Any, body: Json) -> Reply:
        """`headers` makes them, for each attempt: a signature is good once."""
        what = f"{method} {self.address.path}{target.partition('?')[0]}"
        content = None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + MOST_SECONDS_OF_429
        while True:
            own = headers() | ({} if content is None else {"Content-Type": "application/json"})
            response, answer = self._exchange(method, target, content, own)
            text = {name.lower(): value for name, value in response.getheaders()}
            if response.status != 429 or time.monotonic() > deadline:
                return _read(what, response.status, text, answer)
            time.sleep(float(text.get("retry-after") or 1))

    def _exchange(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask; again on a new connection where the server has closed the one that was kept."""
        for is_kept in (self._connection is not None, False):
            connection = self._connection or self._connect()
            self._connection = connection
            try:
                connection.request(method, self.address.path + target, content, headers)
                response = connection.getresponse()
                answer = response.read()
                if self._patience != TIMEOUT_SECONDS:
                    self._patience = TIMEOUT_SECONDS
                    self.close()  # its time-out goes with it
                return response, answer
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if is_kept and isinstance(error, ConnectionError | http.client.RemoteDisconnected):
                    continue
                is_silent = isinstance(error, TimeoutError)
                reason = f"nothing came in {self._patience:g} s" if is_silent else str(error) or type(error).__name__
                kind = HungUp if isinstance(error, ConnectionResetError | BrokenPipeError) else Unreachable
                raise kind(
                    f"{self.address.url} does not answer: {reason}; is the exchange running, and is --url right?"
                ) from None
        raise AssertionError("the second attempt returns or raises")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self.address.host, self.address.port
        if self.address.is_secure:
            return http.client.HTTPSConnection(host, port, timeout=self._patience, context=self.address.tls)
        return http.client.HTTPConnection(host, port, timeout=self._patience)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _read(what: str, status: int, headers: dict[str, str], answer: bytes) -> Reply:
    shown = answer[:SHOWN_CHARACTERS].decode("utf-8", "replace")
    try:
        content = json.loads(answer) if answer else None
    except ValueError:
        raise BenchError(f"{what} was answered {status} and not in JSON: is --url an exchange's? {shown!r}") from None
    if 200 <= status < 300:
        return Reply(headers, content)
    error = content if isinstance(content, dict) else {}
    raise Refused(what, status, str(error.get("code", "")), str(error.get("message", shown)))


def now_ms() -> int:
    return time.time_ns() // 1_000_000
