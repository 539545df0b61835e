"""`/ws/orders` of a server that never answers: what is said names it."""

import asyncio
import socket
from array import array
from collections.abc import Iterator

import pytest

from bench.load.outcome.tally import Tally
from bench.load.targets import order_entry
from bench.load.targets.api import Address, BenchError


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}"


def test_a_log_on_that_nobody_answers(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_entry, "LOGON_SECONDS", 0.05)
    address = Address.of(silent, "--ws", ("ws", "wss"))

    async def opened() -> None:
        await order_entry.EntryPool(address, [b"{}"], [0], Tally(array("q")), lambda: 0, lambda _: "{}").open()

    with pytest.raises(BenchError, match=f"{silent} does not answer the log-on: 0.05 s"):
        asyncio.run(opened())
