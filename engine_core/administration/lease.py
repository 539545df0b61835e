"""One tool at a time: a lease in Redis that is renewed while its holder lives, and says who that is."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from engine_core.administration.client import ApplyError

LEASE_S = 15.0  # a holder that was killed is forgotten after so long
RENEW_S = 4.0


class Lease:
    def __init__(self, lock: Lock, what: str) -> None:
        self._lock, self._what = lock, what

    def check(self) -> None:
        """ApplyError if it is ours no more: who stood still for longer may not go on as if it had not."""
        try:
            self._lock.reacquire()
        except LockError:
            raise ApplyError(
                f"this process stood still, and another one may have begun {self._what} meanwhile: repeat this"
            ) from None


@contextmanager
def held(client: redis.Redis, key: str, what: str) -> Iterator[Lease]:
    """Hold the lease until the block ends; ApplyError with who has it, and since when, if somebody has."""
    since = datetime.now(UTC).strftime("%H:%M:%SZ")
    name = f"process {os.getpid()} on {socket.gethostname()}, since {since}"
    lock = Lock(client, key, timeout=LEASE_S, blocking=False, thread_local=False)
    if not lock.acquire(token=name):
        holder = client.get(key)
        other = holder.decode("utf-8", "replace") if isinstance(holder, bytes) else "another process"
        raise ApplyError(f"{what} is done by {other}: wait for it, or, if it was killed, for {LEASE_S:g} s")
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(RENEW_S):
            with suppress(redis.RedisError):  # if it is another one's by now, check() says so
                lock.reacquire()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield Lease(lock, what)
    finally:
        ended.set()
        thread.join()
        with suppress(redis.RedisError):
            lock.release()
