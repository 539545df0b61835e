"""When a request on the general way came, and that it is answered: what its commands are timed by (ingress/stages.py).

The short ways know their order from its bytes to its answer (fast_path/pending_order.py). On the general way a task
stands between the two, so the request's time is in the context of that task, and of those that it makes for a batch.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import numpy as np

from engine_core.process.stages import now

_UNDER_WAY: ContextVar["RequestTime | None"] = ContextVar("request_time", default=None)


class RequestTime:
    """Of one request on the order routes, made by its own task. `received`: when it had come completely."""

    __slots__ = ("_is_answered", "_waiting", "received")

    def __init__(self, received: float) -> None:
        self.received = received
        self._waiting: list[Callable[[], None]] = []
        self._is_answered = False
        _UNDER_WAY.set(self)

    def when_answered(self, tell: Callable[[], None]) -> None:
        if not self._is_answered:  # a lease is renewed in the context of its logon
            self._waiting.append(tell)

    def answered(self) -> None:
        """The answer is with the event loop."""
        self._is_answered = True
        for tell in self._waiting:
            tell()
        self._waiting.clear()


class AwaitedCommand(asyncio.Future[np.ndarray]):
    """The events of one command, for a task that waits for them. `request`: None where nothing is timed."""

    def __init__(self) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.request, self.admitted = _UNDER_WAY.get(), now()  # signature and limits are checked, the command is made

    def when_answered(self, tell: Callable[[int], None]) -> None:
        """`tell` takes the order's id, unless the command has no outcome."""

        def answered() -> None:
            if self.done() and not self.cancelled() and self.exception() is None:
                tell(int(self.result()["order_id"][0]))

        assert self.request is not None
        self.request.when_answered(answered)
