"""Bytes to a server and its answers back, with nothing in between that would mend them."""

import socket
from dataclasses import dataclass

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


class Connection:
    """One TCP connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> "Connection":
        for part in parts:
            self._socket.sendall(part)
        return self

    def hang_up(self) -> None:
        """No more will be sent; answers may still come."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, method: str = "GET") -> Answer | None:
        """The next one (interim ones are passed over); None when the server has closed instead."""
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                assert not self._received, self._received
                return None
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ", 2)[1])
        if status == 100:
            return self.answer(method)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if method == "HEAD" or status == 101 else self._length(headers)
        while len(self._received) < length:
            assert self._more(), f"an answer of {length} bytes ended after {len(self._received)}"
        body, self._received = self._received[:length], self._received[length:]
        return Answer(status, headers, body)

    def answers(self) -> list[Answer]:
        """All that come until the server closes."""
        return list(iter(self.answer, None))

    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers()]

    def _length(self, headers: dict[str, str]) -> int:
        assert "transfer-encoding" not in headers, "these tests ask for nothing that comes in chunks"
        return int(headers.get("content-length", "0"))

    def _more(self) -> bool:
        part = self._socket.recv(65_536)
        self._received += part
        return bool(part)
