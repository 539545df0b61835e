"""What an engine appends by itself, over a connection that answers as the test says."""

from types import SimpleNamespace
from typing import Any

import redis

from engine_core.book.memory.state import Capacities
from engine_core.runtime.counters import Counters
from engine_core.runtime.own_commands import OwnCommands
from engine_core.wire.layout import COMMAND
from engine_core.wire.streams import decode_block


class Answering:
    """A connection whose replies are given beforehand."""

    def __init__(self, *replies: Any) -> None:
        self._replies = list(replies)
        self.blocks: list[Any] = []

    def send(self, parts: list[bytes]) -> None:
        data = b"".join(parts)
        begin = data.index(b"\r\n", data.index(b"$1\r\nb\r\n") + 7) + 2
        self.blocks.append(decode_block(data[begin:-2], COMMAND)[0])

    def receive(self) -> Any:
        return self._replies.pop(0)


def test_a_refused_command_leaves_no_gap() -> None:
    """It was counted, and so every later one of the engine's own was refused until its next connection."""
    config = SimpleNamespace(shard=0, capacities=Capacities())
    own, machine = OwnCommands(config, Counters()), SimpleNamespace(log_id=7, epoch=1)  # type: ignore[arg-type]
    connection = Answering(redis.ResponseError("OOM"), b"1-0", b"2-0")
    own.connect(connection, machine)  # type: ignore[arg-type]
    state: Any = SimpleNamespace(levels=[{"head": 1}] * 64)
    for _ in range(3):
        own.next_tick = 0.0
        own.tick(state)
    assert [block.sequence for block in connection.blocks] == [1, 1, 2]
    assert {block.log_id for block in connection.blocks} == {7}
    first = connection.blocks[0].incarnation
    again = Answering(b"3-0")
    own.connect(again, machine)  # type: ignore[arg-type]
    own.next_tick = 0.0
    own.tick(state)
    assert again.blocks[0].sequence == 1 and again.blocks[0].incarnation > first
