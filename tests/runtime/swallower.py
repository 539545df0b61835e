"""A proxy between a client and Redis that can swallow replies: what was sent arrives, what comes back does not.

It can cut requests too: half of what was sent arrives, and the connection ends. Or hold them, as a Redis does that
stands still with its connections open.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path


class Swallower:
    """Listens on `path`. While `swallowing`, replies are dropped and the connection is closed after the first.

    While `cutting`, requests of blocks are, in the middle. Unless `passing` is set, requests wait.
    """

    def __init__(self, path: Path, target: str) -> None:
        self.path, self._target = path, target
        self.swallowing = False
        self.swallowed = 0
        self.cutting = False
        self.cut = 0
        self.passing = threading.Event()
        self.passing.set()
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self.passing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            _close(each)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._open += [client, server]
                for work in (self._forward, self._return):
                    self._threads.append(threading.Thread(target=work, args=(client, server)))
                    self._threads[-1].start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                self.passing.wait()
                if self.cutting and b"XADD" in data:
                    self.cut += 1
                    server.sendall(data[: len(data) // 2])
                    break
                server.sendall(data)
        _close(server)
        _close(client)

    def _return(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if self.swallowing:
                    self.swallowed += 1
                    break
                client.sendall(data)
        _close(client)
        _close(server)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextlib.contextmanager
def swallower(folder: Path, redis_url: str) -> Iterator[tuple[str, Swallower]]:
    """(URL to use instead, the proxy)."""
    proxy = Swallower(folder / "proxy.sock", redis_url.removeprefix("unix://"))
    try:
        yield f"unix://{proxy.path}", proxy
    finally:
        proxy.close()
