"""The times that requests of tests are signed with: each once, whatever clients and threads make them."""

import threading
import time


class Stamps:
    """Milliseconds, each once: two equal requests of one millisecond are one request, and the second is refused."""

    def __init__(self) -> None:
        self._last_ms, self._lock = 0, threading.Lock()

    def take(self) -> int:
        with self._lock:
            self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms + 1)
            return self._last_ms


stamps = Stamps()
