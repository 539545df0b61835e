"""Plain orders on the order-entry WebSocket, for all sessions of a process: from the bytes of frames to commands.

Two kernels instead of the library's frames, a JSON parser, objects and rules (ingress/fast_path/message_kernel.py), and
one call of each for all that a client has sent. Non-goals: who may trade, and answers (order_entry/session.py).
"""

from typing import NamedTuple

from engine_core.replica.setup import Market
from engine_core.wire.layout import COMMAND
from ingress.fast_path.http_orders import KnownMarkets
from ingress.fast_path.message_kernel import MOST_MESSAGES, message_buffers, read_messages, take_texts
from ingress.service import Service

_SIZE = COMMAND.itemsize


class PlainMessage(NamedTuple):
    request_id: bytes  # as the client wrote it
    market: Market
    record: bytes  # a COMMAND


class Messages(NamedTuple):
    """Texts, one behind the other; to be read before others are taken."""

    text: bytes
    ends: list[int]
    taken: int  # bytes of their frames

    def of(self, place: int) -> bytes:
        return self.text[self.ends[place - 1] if place else 0 : self.ends[place]]

    def sizes(self, first: int, count: int) -> list[int]:
        """Of so many texts, in bytes."""
        start, sizes = self.ends[first - 1] if first else 0, []
        for end in self.ends[first : first + count]:
            sizes.append(end - start)
            start = end
        return sizes


class PlainMessages:
    def __init__(self, service: Service) -> None:
        self.service = service
        self._made = message_buffers()
        self._known = KnownMarkets(service.setup)

    def take(self, data: bytes) -> Messages:
        """The texts whose frames the data begins with, perhaps none."""
        made = self._made
        count = take_texts(data, made.text, made.ends)
        if not count:
            return Messages(b"", [], 0)
        ends = made.ends[:count].tolist()
        return Messages(made.text[: ends[-1]].tobytes(), ends, int(made.ends[MOST_MESSAGES]))

    def read(self, messages: Messages, first: int, account: int) -> list[PlainMessage]:
        """The orders of this account that the messages from `first` on are, until one is not plain."""
        made, text = self._made, messages.text
        markets, rules = self._known.now()
        count = read_messages(text, first, len(messages.ends), rules, made)
        if not count:
            return []
        commands = made.commands[first : first + count]
        commands["account"] = account
        records = commands.tobytes()
        found = made.found[first : first + count].tolist()
        return [
            PlainMessage(text[start:end], markets[row], records[place * _SIZE : (place + 1) * _SIZE])
            for place, (start, end, row) in enumerate(found)
        ]
