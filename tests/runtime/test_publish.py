"""Events on their way to the log: what is sent, and that nobody waits for the answer."""

from collections import deque
from typing import Any

import redis

from engine_core.runtime.log.publish import Publisher
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, pack
from tests.runtime.rig import NAMES

EVENTS = NAMES.events.encode()


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.sent = b""
        self.replies: deque[Any] = deque()

    def send(self, parts: list[bytes]) -> None:
        self.sent += b"".join(parts)

    def has_reply(self) -> bool:
        return bool(self.replies)

    def receive(self) -> Any:
        return self.replies.popleft()  # IndexError: it would wait


def test_a_transaction_is_whole_and_is_settled_when_its_last_answer_has_come(client: redis.Redis) -> None:
    publisher, connection = Publisher(NAMES), Slow()
    publisher.connect(connection, client, ORIGIN)  # type: ignore[arg-type]
    blocks = [(EntryId(7, at), bytes([at]) * (1 << at)) for at in range(3)]
    for entry, block in blocks[:2]:
        publisher.add(entry, block)
    publisher.flush()
    publisher.add(*blocks[2])
    publisher.flush()
    adds = [pack(b"XADD", EVENTS, b"7-%d" % at, FIELD, block) for at, (_, block) in enumerate(blocks)]
    assert connection.sent == b"".join([pack(b"MULTI"), *adds[:2], pack(b"EXEC")]), "one at a time"
    for reply in (b"OK", b"QUEUED", b"QUEUED"):
        connection.replies.append(reply)
        assert not publisher.is_answered()
    connection.replies.append([b"7-0", b"7-1"])
    assert publisher.is_answered() and publisher.settle()
    assert (publisher.confirmed, publisher.unconfirmed_bytes) == (blocks[1][0], len(blocks[2][1]))
    publisher.flush()
    assert connection.sent.endswith(b"".join([pack(b"MULTI"), adds[2], pack(b"EXEC")]))


def test_what_was_answered_in_part_is_sent_again_after_a_reconnection(client: redis.Redis) -> None:
    publisher, broken, connection = Publisher(NAMES), Slow(), Slow()
    publisher.connect(broken, client, ORIGIN)  # type: ignore[arg-type]
    publisher.add(EntryId(7, 0), b"block")
    publisher.flush()
    broken.replies.append(b"OK")
    assert not publisher.is_answered()
    publisher.connect(connection, client, ORIGIN)  # type: ignore[arg-type]
    publisher.flush()
    assert connection.sent == broken.sent
    connection.replies += [b"OK", b"QUEUED", [b"7-0"]]
    assert publisher.is_answered() and publisher.settle()
    assert publisher.confirmed == EntryId(7, 0)
