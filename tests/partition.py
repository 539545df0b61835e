"""A network between servers that can be cut: what goes through it then arrives nowhere, and no connection ends.

with Link(port) as link:
    link.port                   # instead of `port`
    link.cut()                  # until link.heal()
"""

import selectors
import socket
import threading


class Link:
    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._whole = threading.Event()
        self._whole.set()
        self._over = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Link":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._whole.set()
        self._thread.join()

    def cut(self) -> None:
        self._whole.clear()

    def heal(self) -> None:
        self._whole.set()

    def _run(self) -> None:
        others: dict[socket.socket, socket.socket] = {}
        with selectors.DefaultSelector() as ready, self._listener:
            ready.register(self._listener, selectors.EVENT_READ)
            while not self._over:
                self._whole.wait()
                for key, _ in ready.select(0.01):
                    if not self._whole.is_set():
                        break
                    one = key.fileobj
                    assert isinstance(one, socket.socket)
                    if one is self._listener:
                        near, far = self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._to))
                        others |= {near: far, far: near}
                        for each in (near, far):
                            ready.register(each, selectors.EVENT_READ)
                    elif one not in others:
                        continue  # its other end has just closed
                    elif data := _received(one):
                        others[one].sendall(data)
                    else:
                        for each in (one, others.pop(one)):
                            others.pop(each, None)
                            ready.unregister(each)
                            each.close()
            for each in others:
                each.close()


def _received(one: socket.socket) -> bytes:
    try:
        return one.recv(1 << 16)
    except ConnectionError:
        return b""
