"""One tool at a time: a lease in Redis that is renewed while its holder lives, and says who that is."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import redis

from engine_core.administration.client import ApplyError

LEASE_S = 15.0  # a holder that was killed is forgotten after so long
RENEW_S = 4.0


@contextmanager
def held(client: redis.Redis, key: str, what: str) -> Iterator[None]:
    """Hold the lease until the block ends; ApplyError with who has it, and since when, if somebody has."""
    since = datetime.now(UTC).strftime("%H:%M:%SZ")
    name = f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode()
    if not client.set(key, name, nx=True, px=round(LEASE_S * 1000)):
        holder = client.get(key)
        other = holder.decode("utf-8", "replace") if isinstance(holder, bytes) else "another process"
        raise ApplyError(f"{what} is done by {other}: wait for it, or, if it was killed, for {LEASE_S:g} s")
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEW_S):
            with suppress(redis.RedisError):
                client.set(key, name, xx=True, px=round(LEASE_S * 1000))

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(redis.RedisError):
            if client.get(key) == name:
                client.delete(key)
