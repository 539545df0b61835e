"""Plain orders on the order-entry WebSocket, for all sessions of a process: from a message's bytes to a command.

One kernel instead of a JSON parser, objects and rules (ingress/fast_path/message_kernel.py). Non-goals: who may trade,
and answers (order_entry/session.py).
"""

from typing import NamedTuple

from engine_core.replica.setup import Market
from ingress.fast_path.http_orders import KnownMarkets, with_account
from ingress.fast_path.message_kernel import message_buffers, read_message
from ingress.service import Service


class PlainMessage(NamedTuple):
    request_id: bytes  # as the client wrote it
    market: Market
    record: bytes  # a COMMAND


class PlainMessages:
    def __init__(self, service: Service) -> None:
        self.service = service
        self._buffers = message_buffers()
        self._known = KnownMarkets(service.setup)

    def read(self, text: bytes, account: int) -> PlainMessage | None:
        """The order that this message is, of this account; None if it is not plain."""
        markets, rules = self._known.now()
        if text[-1:] != b"}" or not read_message(text[:-1], *rules, *self._buffers):
            return None
        start, end, row = self._buffers.found.tolist()
        return PlainMessage(text[start:end], markets[row], with_account(self._buffers.command.tobytes(), account))
