"""Who says that it is ready is connected to by load balancers at once."""

import socket
import threading
import time
from pathlib import Path

import pytest

from engine_core.process.metrics import socket_path
from engine_core.process.sockets import ask
from tests.exchange import PATIENCE_SECONDS
from tests.processes import free_port, process
from tests.venue import Venue


@pytest.mark.parametrize("role, variable", [("ingress", "EXCHANGE_HTTP_PORT"), ("egress", "EXCHANGE_WS_PORT")])
def test_who_is_ready_can_be_connected_to(venue: Venue, tmp_path: Path, role: str, variable: str) -> None:
    port, worker = free_port(), 11
    path = socket_path(Path(venue.environment["EXCHANGE_RUNTIME"]), role, worker)
    found: list[BaseException | None] = []

    def connect_once_ready() -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (ask(path, "/ready") or [0])[0] != 200:
            if time.monotonic() > deadline:
                return
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError as error:
            found.append(error)
        else:
            found.append(None)

    asking = threading.Thread(target=connect_once_ready)
    asking.start()
    with process(role, venue.environment | {variable: str(port), "EXCHANGE_WORKER": str(worker)}, tmp_path):
        asking.join()
    assert found == [None]
