"""The way of a plain order: from the bytes of its request straight to the log, from its events straight to the client.

No HTTP parser, no task, no future: one kernel reads the request (ingress/fast_path/order_kernel.py), and the gateway
tells the connection itself. That is a third of what an order costs this process otherwise. Everything that is not
plain, and everything that has to be refused before the engine sees it, goes the general way (cycle.py, dispatch.py).
"""

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from engine_core.edge.signing import DEFAULT_WINDOW_MS
from engine_core.replica.setup import Market, Setup
from engine_core.wire.layout import COMMAND
from ingress.access.authenticator import Caller
from ingress.engine import FAILURES
from ingress.errors import ApiError
from ingress.fast_path.order_kernel import NO_WINDOW, Rules, buffers, read_order, rules_of
from ingress.fast_path.pending_order import PendingOrder
from ingress.fast_path.request_kernel import KEY_CHARACTERS, SIGNATURE_CHARACTERS
from ingress.messages import Headers, Reply
from ingress.operations.orders import placed
from ingress.service import Service

_ACCOUNT_AT, _ACCOUNT_END = 12, 16  # bytes of a COMMAND


class OrderConnection(Protocol):
    """The connection that an order came by."""

    def address(self, data: bytes) -> str | None:
        """The client's, of a whole request that was found plain; None if it has too many connections."""
        ...

    def begin_plain(self, order: "PlainOrder") -> None: ...

    def answer_plain(self, order: "PlainOrder", reply: Reply) -> None: ...


class _NobodyWaits:
    """In place of the event on which uvicorn's own requests wait for their body."""

    def set(self) -> None:
        return None


class PlainOrder(PendingOrder):
    """One order on its way: who waits for its events, and what uvicorn's protocol takes for the present request."""

    __slots__ = ("_allowance", "client", "disconnected", "keep_alive", "response_complete")
    message_event = _NobodyWaits()

    def __init__(
        self, client: OrderConnection, market: Market, began: float, received: float, allowance: Headers = ()
    ) -> None:
        super().__init__(market, placed, began, received)
        self.client = client
        self._allowance = allowance  # what the client may still ask, for the answer
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False

    def done(self) -> bool:
        return self.response_complete

    def answer(self, reply: Reply) -> None:
        if self._allowance:
            reply = reply._replace(headers=reply.headers + self._allowance)
        self.client.answer_plain(self, reply)


def with_account(record: bytes, account: int) -> bytes:
    """A COMMAND whose account was still open."""
    return record[:_ACCOUNT_AT] + account.to_bytes(4, "little") + record[_ACCOUNT_END:]


class Known(NamedTuple):
    markets: Sequence[Market]  # row by row as in the rules
    rules: Rules


class KnownMarkets:
    """The markets as the kernels that read plain orders want them, made again only when a market has changed."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._changes = -1
        self._known = Known((), rules_of(()))

    def now(self) -> Known:
        if self._setup.market_changes != self._changes:
            self._changes = self._setup.market_changes
            markets = list(self._setup.markets.values())
            self._known = Known(markets, rules_of(markets))
        return self._known


class PlainOrders:
    """Reads plain orders for all connections of this process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffers = buffers()
        self._known = KnownMarkets(service.setup)

    def begin(self, data: bytes, client: OrderConnection) -> bool:
        """Begin the order that these bytes are, or decline."""
        began = time.perf_counter()
        command, text, found, spans = self._buffers
        markets, rules = self._known.now()
        length = read_order(data, rules.symbols, rules.words, command, text, found, spans)
        if not length:
            return False
        limits, address = self._service.limits, client.address(data)
        if address is None or (limits is not None and not limits.may_arrive(address)):
            return False
        key_at, signature_at, timestamp, window, row = found.tolist()
        caller = self._service.auth.check_plain(
            data[key_at : key_at + KEY_CHARACTERS],
            timestamp,
            DEFAULT_WINDOW_MS if window == NO_WINDOW else window,
            text[:length].tobytes(),
            data[signature_at : signature_at + SIGNATURE_CHARACTERS],
        )
        if caller is None:
            return False
        allowance = () if limits is None else limits.order(caller.account, address)
        if allowance is None or not self._is_first(caller):
            return False  # the general way says why, or finds the order that exists
        order = PlainOrder(client, markets[row], began, self._service.arrivals.since(began), allowance)
        client.begin_plain(order)
        self._submit(with_account(command.tobytes(), caller.account), order)
        return True

    def _is_first(self, caller: Caller) -> bool:
        try:
            return self._service.auth.is_first(caller)
        except ApiError:
            return False

    def _submit(self, record: bytes, order: PlainOrder) -> None:
        try:
            self._service.engine.gateway.append(record, order)
        except FAILURES as error:
            order.set_exception(error)


assert COMMAND.fields is not None
assert COMMAND.fields["account"][1] == _ACCOUNT_AT and COMMAND.fields["order_id"][1] == _ACCOUNT_END
