"""The way of a plain order: from the bytes of its request straight to the log, from its events straight to the client.

No HTTP parser, no task, no future: one kernel reads the request (order_kernel.py; batch_kernel.py), and the gateway
tells the connection itself. That is a third of what an order costs this process otherwise. Everything that is not
plain, and everything that has to be refused before the engine sees it, goes the general way (cycle.py, dispatch.py).
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from engine_core.edge.signing import DEFAULT_WINDOW_MS
from engine_core.replica.setup import Market, Setup
from engine_core.wire.layout import COMMAND
from ingress.access.authenticator import Caller
from ingress.engine import FAILURES
from ingress.errors import ApiError
from ingress.fast_path.batch_kernel import BATCH_LINE, MOST_ORDERS, batch_buffers, read_batch
from ingress.fast_path.order_kernel import NO_WINDOW, Rules, buffers, read_order, rules_of
from ingress.fast_path.pending_order import PendingOrder
from ingress.fast_path.plain_requests import OrderConnection, PlainBatch, PlainOrder
from ingress.fast_path.request_kernel import KEY_CHARACTERS, SIGNATURE_CHARACTERS
from ingress.messages import Headers
from ingress.schemas.bodies import MAX_BATCH
from ingress.service import Service

_ACCOUNT_AT, _ACCOUNT_END = 12, 16  # bytes of a COMMAND


def with_account(record: bytes, account: int) -> bytes:
    """A COMMAND whose account was still open."""
    return record[:_ACCOUNT_AT] + account.to_bytes(4, "little") + record[_ACCOUNT_END:]


class Signed(NamedTuple):
    """What a kernel found of who signed a request: places in it, times, and the text."""

    key_at: int
    signature_at: int
    timestamp: int
    window: int
    text: bytes


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
        self._order, self._batch = buffers(), batch_buffers()
        self._known = KnownMarkets(service.setup)

    def begin(self, data: bytes, client: OrderConnection) -> bool:
        """Begin the order, or the batch of orders, that these bytes are, or decline."""
        began = time.perf_counter()
        if data.startswith(BATCH_LINE):
            return self._begin_batch(data, client, began)
        command, text, found, spans = self._order
        markets, rules = self._known.now()
        length = read_order(data, rules.symbols, rules.words, command, text, found, spans)
        if not length:
            return False
        key_at, signature_at, timestamp, window, row = found.tolist()
        signed = Signed(key_at, signature_at, timestamp, window, text[:length].tobytes())
        admitted = self._admit(data, client, signed)
        if admitted is None:
            return False
        account, allowance = admitted
        order = PlainOrder(
            client, markets[row], account, self._service.shown, began, self._service.arrivals.since(began), allowance
        )
        client.begin_plain(order)
        self._submit(with_account(command.tobytes(), account), order)
        return True

    def _begin_batch(self, data: bytes, client: OrderConnection, began: float) -> bool:
        made = self._batch
        markets, rules = self._known.now()
        length = read_batch(data, rules, made)
        if not length:
            return False
        key_at, signature_at, timestamp, window, _, count, size = made.found.tolist()
        signed = Signed(key_at, signature_at, timestamp, window, made.text[:length].tobytes())
        admitted = self._admit(data, client, signed, count, size)
        if admitted is None:
            return False
        account, allowance = admitted
        rows = made.rows[:count].tolist()
        received = self._service.arrivals.since(began)
        named, shown = [markets[row] for row in rows], self._service.shown
        batch = PlainBatch(client, named, account, shown, began, received, allowance)
        client.begin_plain(batch)
        commands = made.commands[:count].copy()
        commands["account"] = account
        records = commands.tobytes()
        for place, item in enumerate(batch.items):
            self._submit(records[place * COMMAND.itemsize : (place + 1) * COMMAND.itemsize], item)
        return True

    def _admit(
        self, data: bytes, client: OrderConnection, signed: Signed, count: int = 1, size: int = 0
    ) -> tuple[int, Headers] | None:
        """Account and allowance of who may place `count` orders by this request; None: the general way says why not."""
        limits, address = self._service.limits, client.address(data)
        if address is None or (limits is not None and not limits.may_arrive(address, size)):
            return None
        caller = self._service.auth.check_plain(
            data[signed.key_at : signed.key_at + KEY_CHARACTERS],
            signed.timestamp,
            DEFAULT_WINDOW_MS if signed.window == NO_WINDOW else signed.window,
            signed.text,
            data[signed.signature_at : signed.signature_at + SIGNATURE_CHARACTERS],
        )
        if caller is None:
            return None
        allowance = () if limits is None else limits.order(caller.account, address, count, size)
        if allowance is None:
            return None
        if not self._is_first(caller):  # what comes again is an order that exists
            if limits is not None:
                limits.give_back(caller.account, address, count, size)
            return None
        return caller.account, allowance

    def _is_first(self, caller: Caller) -> bool:
        try:
            return self._service.auth.is_first(caller)
        except ApiError:
            return False

    def _submit(self, record: bytes, order: PendingOrder) -> None:
        try:
            self._service.engine.gateway.append(record, order)
        except FAILURES as error:
            order.set_exception(error)


assert MOST_ORDERS == MAX_BATCH
assert COMMAND.fields is not None
assert COMMAND.fields["account"][1] == _ACCOUNT_AT and COMMAND.fields["order_id"][1] == _ACCOUNT_END
