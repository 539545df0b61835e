"""Plain orders on the order-entry WebSocket, for all sessions of a process: from a message's bytes to a command.

One kernel instead of a JSON parser, objects and rules (engine_core/wire/order_message.py). Non-goals: who may trade,
and answers (order_session.py).
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine_core.replica.setup import Market
from engine_core.wire.order_message import message_buffers, read_message
from engine_core.wire.order_request import rules_of
from ingress.plain_orders import with_account
from ingress.service import Service


class PlainMessage(NamedTuple):
    request_id: bytes  # as the client wrote it
    market: Market
    record: bytes  # a COMMAND


class PlainMessages:
    def __init__(self, service: Service) -> None:
        self.service = service
        self._buffers = message_buffers()
        self._changes = -1
        self._markets: Sequence[Market] = ()
        self._rules = rules_of(())

    def read(self, text: bytes, account: int) -> PlainMessage | None:
        """The order that this message is, of this account; None if it is not plain."""
        if self.service.setup.market_changes != self._changes:
            self._changes = self.service.setup.market_changes
            self._markets = list(self.service.setup.markets.values())
            self._rules = rules_of(self._markets)
        if text[-1:] != b"}" or not read_message(text[:-1], *self._rules, *self._buffers):
            return None
        start, end, row = self._buffers.found.tolist()
        return PlainMessage(text[start:end], self._markets[row], with_account(self._buffers.command.tobytes(), account))
