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

import httpx
import uvicorn

from ingress.edge import read_body
from ingress.protocol import BoundedProtocol
from tests.attacks.proxy import careless, nginx
from tests.fuzz.mutate import split
from tests.process import free_port


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path that was asked for."""
    if await read_body(receive) is None:
        return
    body = scope["path"].encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Venue:
    """A server of ours in a thread, nginx before it, and a client that must never get another's answer."""

    def __init__(self) -> None:
        port = free_port()
        config = uvicorn.Config(
            _echo, "127.0.0.1", port, http=BoundedProtocol, ws="none", lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True).start()
        while not server.started:
            threading.Event().wait(0.01)
        stack = contextlib.ExitStack()
        atexit.register(stack.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz-")))
        self.port = stack.enter_context(nginx(folder, port, changed=careless))
        base = f"http://127.0.0.1:{self.port}"
        self.victim = stack.enter_context(httpx.Client(base_url=base, verify=False, timeout=30))
        self.numbers = itertools.count()

    def ask(self) -> None:
        path = f"/victim/{next(self.numbers)}"
        answer = self.victim.get(path)
        assert (answer.status_code, answer.text) == (200, path), answer.text[:200]


venue = cache(Venue)


def check(data: bytes, draw: random.Random) -> None:
    """The attacker's bytes in parts, the victim's request between them and after them."""
    opened = venue()
    with socket.create_connection(("127.0.0.1", opened.port), 30) as attacker:
        for part in split(draw, data):
            try:
                attacker.sendall(part)
            except OSError:  # it was refused before its end
                break
        opened.ask()
    opened.ask()
