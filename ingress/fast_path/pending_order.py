"""An order or a cancel on its way without a task: the gateway itself says how it ended, and the client is answered.

The base of the fast ways, over HTTP (plain_requests.py) and on the order-entry WebSocket (order_entry/session.py).
"""

import logging
import time
from collections.abc import Callable

import numpy as np

from engine_core.edge.refusals import Code
from engine_core.replica.setup import Market
from engine_core.wire.events import Event
from ingress.engine import failure, outcome
from ingress.errors import ApiError
from ingress.messages import Reply, error_reply, json_reply
from ingress.service import Shown

Show = Callable[[Market, int, list[Event]], object]  # of a command of this account
logger = logging.getLogger(__name__)


class PendingOrder:
    """`show` makes the answer's body of the events, or raises the refusal that they are; `shown` may have it made.
    `account`: whose order it is, for others have events among those of its command."""

    __slots__ = ("_account", "_market", "_show", "_shown", "_tell", "admitted", "began", "received")

    def __init__(
        self,
        market: Market,
        account: int,
        show: Show,
        shown: Shown | None,
        began: float,
        received: float,
    ) -> None:
        self._market, self._account, self._show, self._shown = market, account, show, shown
        self.received, self.began = received, began  # had come completely, and was read
        self.admitted = time.perf_counter()  # signature and limits are checked
        self._tell: Callable[[int], None] | None = None

    def when_answered(self, tell: Callable[[int], None]) -> None:
        """`tell` takes the order's id, unless it has no outcome; see ingress/stages.py."""
        self._tell = tell

    def done(self) -> bool:
        """Whether it is answered, or nobody waits any more."""
        raise NotImplementedError

    def answer(self, reply: Reply) -> None:
        raise NotImplementedError

    def set_result(self, events: np.ndarray, /) -> None:
        """Called by the gateway from within the feed, so nothing may be raised."""
        try:
            body = self._shown(events) if self._shown is not None else None
            reply = Reply(200, body) if body is not None else json_reply(self.show(events))
        except ApiError as error:
            reply = error_reply(error)
        except Exception:
            logger.exception("an order was executed, and cannot be shown")
            reply = error_reply(ApiError(Code.SERVER_ERROR, "Internal error"))
        self.answer(reply)
        if self._tell is not None:
            self._tell(int(events["order_id"][0]))

    def show(self, events: np.ndarray) -> object:
        return self._show(self._market, self._account, outcome(events))

    def set_exception(self, error: Exception, /) -> None:
        self.answer(error_reply(failure(error)))
