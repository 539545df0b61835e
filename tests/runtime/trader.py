"""Somebody who trades without pause, and what of it the log must then hold."""

import asyncio
import contextlib
import time
from typing import Any

from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import OutcomeUnknown, Overloaded
from engine_core.wire.codes import EventKind, OrderFlag, Side
from engine_core.wire.layout import EVENT
from engine_core.wire.streams import decode_block
from tests.runtime.rig import NAMES, entries, place
from tests.sentinels import PATIENCE_SECONDS


class Trader:
    """Places orders one after the other, each with its own client ID, and notes what it was answered."""

    def __init__(self, gateway: AsyncGateway, *, after: int = 0) -> None:
        self._gateway = gateway
        self.answered: dict[int, int] = {}  # order ID by client ID
        self.sent = after
        self._stop = False
        self._tasks = [asyncio.create_task(self._trade()) for _ in range(4)]

    async def _trade(self) -> None:
        while not self._stop:
            self.sent += 1
            number = self.sent
            order = place(Side.BID, 100, 1)
            order["client_id"], order["flags"] = number, OrderFlag.HAS_CLIENT_ID
            # The last one: it was surely not executed, because no primary was found for so long.
            with contextlib.suppress(OutcomeUnknown, Overloaded, ConnectionError):
                events = await self._gateway.submit(order.tobytes())
                assert events[0]["kind"] == EventKind.ACCEPTED, events
                self.answered[number] = int(events[0]["order_id"])
            await asyncio.sleep(0.005)

    async def more(self, count: int) -> None:
        goal, deadline = len(self.answered) + count, time.monotonic() + PATIENCE_SECONDS
        while len(self.answered) < goal:
            assert self._gateway.failure is None, self._gateway.failure
            for task in self._tasks:
                assert not task.done(), task.exception()
            assert time.monotonic() < deadline, "nothing is answered any more"
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stop = True
        await asyncio.gather(*self._tasks)


def accepted(client: Any) -> list[tuple[int, int]]:
    """(client ID, order ID) of each order that the event log says was accepted."""
    found = []
    for _, block in entries(client, NAMES.events):
        for event in decode_block(block, EVENT)[1]:
            if event["kind"] == EventKind.ACCEPTED and event["client_id"]:
                found.append((int(event["client_id"]), int(event["order_id"])))
    return found


def check_all_there(found: list[tuple[int, int]], answered: dict[int, int]) -> None:
    """By numbers: the whole of it, shown by pytest, takes minutes."""
    log = dict(found)
    missing = [number for number, order in answered.items() if log.get(number) != order]
    assert not missing, f"acknowledged orders are missing, or are others: {missing[:20]}"
    assert len(log) == len(found), "an order was executed twice"
