"""Our reading of HTTP behind a real nginx that passes on every offer, over pooled connections.

Whatever one client sends, the next one gets the answer to its own request.
"""

import asyncio
import atexit
import contextlib
import itertools
import random
import socket
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from ingress.http.asgi import read_body
from ingress.http.protocol import BoundedProtocol
from tests.attacks.proxy import careless, nginx
from tests.fuzz.mutate import split
from tests.processes import free_port

SECONDS = 30  # for one answer
LATE_SECONDS = 0.02
BETWEEN = 0.25  # how often between two parts
INNER = b"/inner"  # see http_differential
MOST_REQUESTS = 900  # on one connection: nginx ends it after 1,000


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path that was asked for; late if it stands in an attacker's body, so that an answer which nobody
    asked for finds its connection in the pool again."""
    if await read_body(receive) is None:
        return
    body = scope["path"].encode()
    if body == INNER:
        await asyncio.sleep(LATE_SECONDS)
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Victim:
    """A client on one connection after the other, which must never get another's answer."""

    def __init__(self, name: bytes, port: int) -> None:
        self._name, self._address = name, ("127.0.0.1", port)
        self._socket: socket.socket | None = None
        self._numbers = itertools.count()
        self._path = b""

    def ask(self) -> None:
        number = next(self._numbers)
        if self._socket is None or number % MOST_REQUESTS == 0:
            self.close()
            self._socket = _connected(self._address)
        self._path = b"/%b/%d" % (self._name, number)
        self._socket.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % self._path)

    def check(self) -> None:
        assert self._socket is not None
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < len(self._path):
            part = self._socket.recv(65_536)
            assert part, answer
            answer += part
        body = answer.partition(b"\r\n\r\n")[2]
        assert answer.startswith(b"HTTP/1.1 200 ") and body == self._path, (self._path, answer[:500])

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connected(address: tuple[str, int]) -> socket.socket:
    opened = socket.create_connection(address, SECONDS)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


class Venue:
    """A server of ours in a thread, as ingress runs one, and nginx before it with one pool for all its clients."""

    def __init__(self) -> None:
        port = free_port()
        config = uvicorn.Config(
            _echo, "127.0.0.1", port, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        threading.Thread(target=lambda: uvloop.run(server.serve()), daemon=True).start()
        while not server.started:
            threading.Event().wait(0.01)
        stack = contextlib.ExitStack()
        atexit.register(stack.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        self.port = stack.enter_context(nginx(folder, port, changed=_open))
        self.victims = [Victim(name, self.port) for name in (b"victim", b"other")]
        for victim in self.victims:
            stack.callback(victim.close)

    def ask(self, victims: int) -> None:
        """So many at once: they get those connections to us that were in use last."""
        for victim in self.victims[:victims]:
            victim.ask()
        for victim in self.victims[:victims]:
            victim.check()


def _open(text: str) -> str:
    """It passes on what it gets as it gets it, and its workers are one: each has its own pool of connections to us, so
    that a victim would mostly meet none of an attacker's."""
    assert text.count("worker_processes auto;") == text.count("proxy_buffering off;") == 1
    text = careless(text).replace("worker_processes auto;", "worker_processes 1;")
    return text.replace("proxy_buffering off;", "proxy_buffering off;\nproxy_request_buffering off;")


venue = cache(Venue)


def check(data: bytes, draw: random.Random) -> None:
    """The attacker's bytes in parts; a victim's request beside the attacker's, and two when that has left."""
    opened = venue()
    parts = split(draw, data)
    with _connected(("127.0.0.1", opened.port)) as attacker:
        for number, part in enumerate(parts, 1):
            try:
                attacker.sendall(part)
            except OSError:  # it was refused before its end
                break
            if number == len(parts) or draw.random() < BETWEEN:
                opened.ask(1)
    opened.ask(2)
