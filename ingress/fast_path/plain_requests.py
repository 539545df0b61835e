"""What came by the short way over HTTP and is on its way to its answer: a plain order, or a batch of them."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from msgspec import Raw

from engine_core.edge.refusals import Code
from engine_core.replica.setup import Market
from ingress.engine import failure
from ingress.errors import ApiError
from ingress.fast_path.pending_order import PendingOrder
from ingress.messages import Headers, Reply, error_reply, json_reply
from ingress.operations.answers import placed
from ingress.schemas.order_answers import BatchError, BatchOrder
from ingress.service import Shown

logger = logging.getLogger(__name__)
_placed_in_batch = partial(placed, kind=BatchOrder)
_PLACED = b'{"operation":"Ok",'  # what a BatchOrder begins with; the rest is the order


class OrderConnection(Protocol):
    """The connection that an order came by."""

    def address(self, data: bytes) -> str | None:
        """The client's, of a whole request that was found plain; None if it has too many connections."""
        ...

    def begin_plain(self, request: "PlainRequest") -> None: ...

    def answer_plain(self, request: "PlainRequest", reply: Reply) -> None: ...


class _NobodyWaits:
    """In place of the event on which uvicorn's own requests wait for their body."""

    def set(self) -> None:
        return None


class PlainRequest(Protocol):
    """What uvicorn's protocol takes for the present request."""

    began: float
    keep_alive: bool
    disconnected: bool
    response_complete: bool


class PlainOrder(PendingOrder):
    """One order on its way, and who waits for its events."""

    __slots__ = ("_allowance", "client", "disconnected", "keep_alive", "response_complete")
    message_event = _NobodyWaits()

    def __init__(
        self,
        client: OrderConnection,
        market: Market,
        account: int,
        shown: Shown | None,
        began: float,
        received: float,
        allowance: Headers = (),
    ) -> None:
        super().__init__(market, account, placed, shown, began, received)
        self.client = client
        self._allowance = allowance  # what the client may still ask, for the answer
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    def done(self) -> bool:
        return self.response_complete

    def answer(self, reply: Reply) -> None:
        self.client.answer_plain(self, reply.also(self._allowance))


class PlainBatch:
    """Several orders of one request: answered together, each for itself, when the last one has its outcome."""

    __slots__ = (
        *("_allowance", "_answers", "_failed", "_left", "_told", "began", "client", "disconnected", "items"),
        *("keep_alive", "response_complete"),
    )
    message_event = _NobodyWaits()

    def __init__(
        self,
        client: OrderConnection,
        markets: Sequence[Market],
        account: int,
        shown: Shown | None,
        began: float,
        received: float,
        allowance: Headers = (),
    ) -> None:
        self.client, self.began = client, began
        self._allowance = allowance
        self.items = [BatchItem(self, place, market, account, shown, received) for place, market in enumerate(markets)]
        self._answers: list[object] = [None] * len(self.items)
        self._left = len(self.items)
        self._failed = False
        self._told: list[Callable[[], None]] = []
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    def put(self, place: int, answer: object) -> None:
        """The outcome of an order, as it is shown; None: it was executed, and cannot be shown."""
        self._answers[place] = answer
        self._failed |= answer is None
        self._left -= 1
        if self._left:
            return
        failed = ApiError(Code.SERVER_ERROR, "Internal error")
        reply = error_reply(failed) if self._failed else json_reply(self._answers)
        self.client.answer_plain(self, reply.also(self._allowance))
        for tell in self._told:
            tell()

    def when_answered(self, tell: Callable[[], None]) -> None:
        self._told.append(tell)


class BatchItem(PendingOrder):
    """One order of a batch."""

    __slots__ = ("_batch", "_done", "_place")

    def __init__(
        self, batch: PlainBatch, place: int, market: Market, account: int, shown: Shown | None, received: float
    ) -> None:
        super().__init__(market, account, _placed_in_batch, shown, batch.began, received)
        self._batch, self._place, self._done = batch, place, False

    def done(self) -> bool:
        return self._done

    def set_result(self, events: np.ndarray, /) -> None:
        self._done = True
        answer: object = None
        try:
            body = self._shown(events) if self._shown is not None else None
            answer = Raw(_PLACED + body[1:]) if body is not None else self.show(events)
        except ApiError as error:
            answer = BatchError(error.code.value, error.message)
        except Exception:
            logger.exception("an order was executed, and cannot be shown")
        if self._tell is not None:
            self._batch.when_answered(partial(self._tell, int(events["order_id"][0])))
        self._batch.put(self._place, answer)

    def set_exception(self, error: Exception, /) -> None:
        self._done = True
        told = failure(error)
        self._batch.put(self._place, BatchError(told.code.value, told.message))
