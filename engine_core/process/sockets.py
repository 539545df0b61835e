"""Asks the roles on their sockets in the runtime folder, where each shows its metrics (process/metrics.py)."""

import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from engine_core.process.names import role_name

TIMEOUT_S = 1.0


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def of_roles(runtime: Path, role: str = "*") -> list[Path]:
    """The sockets of a role's processes, or of all; a process that was killed may have left one that nobody answers."""
    return sorted(runtime.glob(f"{role}.*.metrics"))


def of_shard(runtime: Path, role: str, shard: int) -> list[Path]:
    """The same of one shard's."""
    return sorted(runtime.glob(f"{role_name(role, shard)}.[0-9]*.metrics"))


def ask(path: Path, target: str, method: str = "GET") -> tuple[int, str] | None:
    """Status and text that the process behind the socket answers; None if it does not."""
    connection = _UnixConnection(path)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
