"""A session of order entry without its socket."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from ingress.order_session import OrderSession


async def test_what_is_answered_is_not_in_flight() -> None:
    """The socket reads on when an answer leaves few enough in flight. Answers of one event-loop turn counted
    themselves, so a socket that was full of them never read again.
    """
    answers: list[tuple[int, dict[str, Any]]] = []
    service = SimpleNamespace(engine=SimpleNamespace(gateway=SimpleNamespace(catch_up=lambda: None)), limits=None)
    shown = SimpleNamespace(order=lambda began, status: None)

    def send(text: bytes) -> None:
        answers.append((session.in_flight, json.loads(text)))

    plain = SimpleNamespace(service=service)
    session = OrderSession(cast(Any, plain), cast(Any, shown), send, lambda reason: None)
    for number in range(5):
        session.receive(b'{"id": %d, "method": "session.logon", "params": {}}' % number)
    assert session.in_flight == 5 and not answers
    async with asyncio.timeout(10):
        await session.close()  # waits for what is under way
    assert [answer["status"] for _, answer in answers] == [401] * 5
    assert [in_flight for in_flight, _ in answers] == [4, 3, 2, 1, 0]
