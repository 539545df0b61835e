"""An order or a cancel on its way without a task: the gateway itself says how it ended, and the client is answered.

The base of the two fast ways, over HTTP (http_orders.py) and on the order-entry WebSocket (order_entry/session.py).
"""

import logging
import time
from collections.abc import Callable

import numpy as np

from engine_core.replica.setup import Market
from engine_core.wire.events import Event
from ingress.engine import failure, outcome
from ingress.errors import ApiError, Code
from ingress.messages import Reply, error_reply, json_reply

logger = logging.getLogger(__name__)


class PendingOrder:
    """`show` makes the answer's body of the events, or raises the refusal that they are."""

    __slots__ = ("_market", "_show", "admitted", "began", "when_answered")

    def __init__(self, market: Market, show: Callable[[Market, list[Event]], object], began: float) -> None:
        self._market, self._show = market, show
        self.began, self.admitted = began, time.perf_counter()  # read completely; signature and limits are checked
        self.when_answered: Callable[[int], None] | None = None  # takes the order's id; see ingress/stages.py

    def done(self) -> bool:
        """Whether it is answered, or nobody waits any more."""
        raise NotImplementedError

    def answer(self, reply: Reply) -> None:
        raise NotImplementedError

    def set_result(self, events: np.ndarray, /) -> None:
        """Called by the gateway from within the feed, so nothing may be raised."""
        try:
            reply = json_reply(self._show(self._market, outcome(events)))
        except ApiError as error:
            reply = error_reply(error)
        except Exception:
            logger.exception("an order was executed, and cannot be shown")
            reply = error_reply(ApiError(Code.SERVER_ERROR, "Internal error"))
        self.answer(reply)
        if self.when_answered is not None:
            self.when_answered(int(events["order_id"][0]))

    def set_exception(self, error: Exception, /) -> None:
        self.answer(error_reply(failure(error)))
