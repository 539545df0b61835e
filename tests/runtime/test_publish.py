"""Events on their way to the log: what is sent, and that nobody waits for the answer."""

from collections import deque
from typing import Any

import pytest
import redis

from engine_core.runtime.log.publish import AppendRefused, Publisher
from engine_core.runtime.log.replication import Replication
from engine_core.runtime.log.tail import NOT_ABOVE_TOP
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


class TestReplication:
    """What is asked of replicas, and when what they say counts. Replies are those of a server."""

    INFO = b"# Server\r\nrun_id:cafe\r\n"

    def begin(self, client: redis.Redis, top: EntryId = ORIGIN, marks: Any = ()) -> tuple[Publisher, Replication, Slow]:
        replication, connection = Replication(NAMES, 2), Slow()
        publisher = Publisher(NAMES, replication)
        publisher.connect(connection, client, top)  # type: ignore[arg-type]
        connection.replies += [marks, self.INFO]
        replication.begin(connection, top)  # type: ignore[arg-type]
        connection.sent = b""
        return publisher, replication, connection

    def test_events_may_leave_when_so_many_replicas_have_them(self, client: redis.Redis) -> None:
        publisher, replication, connection = self.begin(client)
        publisher.add(EntryId(7, 0), b"block")
        publisher.flush()
        assert connection.sent.endswith(pack(b"EXEC") + pack(b"WAIT", b"2", b"300"))
        connection.replies += [b"0-1", b"OK", b"QUEUED", [b"7-0"], 1]
        assert publisher.is_answered() and publisher.settle()
        assert (publisher.confirmed, replication.position) == (EntryId(7, 0), ORIGIN)
        assert replication.waiting == "waiting for 2 replicas, 1 is there"
        connection.sent = b""
        publisher.add(EntryId(8, 0), b"more")
        publisher.flush()
        assert connection.sent == pack(b"WAIT", b"2", b"300"), "nothing more is published while replicas are away"
        connection.replies.append(2)
        publisher.settle()
        assert (replication.position, replication.waiting) == (EntryId(7, 0), "")
        connection.sent = b""
        publisher.flush()
        marks = NAMES.replicated.encode()
        assert pack(b"XADD", marks, b"MAXLEN", b"1", b"7-0", b"server", b"cafe") in connection.sent
        connection.replies += [b"7-0", b"OK", b"QUEUED", [b"8-0"], 2]
        assert publisher.settle() and replication.position == EntryId(8, 0)

    def test_wait_proves_nothing_without_a_write_after_the_events(self, client: redis.Redis) -> None:
        """It answers at once on a connection that has written nothing: here another engine had published them."""
        client.xadd(NAMES.events, {FIELD: b"block"}, id="7-0")
        publisher, replication, connection = self.begin(client)
        publisher.add(EntryId(7, 0), b"block")
        publisher.flush()
        refused = redis.ResponseError(f"The ID specified in XADD is {NOT_ABOVE_TOP}")
        connection.replies += [b"OK", b"OK", b"QUEUED", [refused], 2]
        assert not publisher.settle()
        assert publisher.confirmed == EntryId(7, 0) and replication.position == ORIGIN
        connection.sent = b""
        publisher.flush()
        assert b"EVAL" in connection.sent and b"WAIT" in connection.sent
        connection.replies += [b"OK", 2]
        publisher.settle()
        assert replication.position == EntryId(7, 0)

    def test_what_the_log_had_before_is_asked_for_first(self, client: redis.Redis) -> None:
        marks = [[b"5-0", [b"server", b"beef"]]]
        publisher, replication, connection = self.begin(client, EntryId(6, 0), marks)
        publisher.add(EntryId(7, 0), b"block")
        publisher.flush()
        assert b"5-0" in connection.sent and b"7-0" not in connection.sent
        connection.replies += [b"OK", 2]
        publisher.settle()
        assert replication.position == EntryId(6, 0)

    def test_a_small_write_that_is_refused_proves_nothing(self, client: redis.Redis) -> None:
        publisher, replication, connection = self.begin(client, EntryId(6, 0))
        publisher.flush()
        connection.replies += [redis.ResponseError("MISCONF Errors writing to the AOF file"), 2]
        with pytest.raises(AppendRefused, match="MISCONF"):
            publisher.settle()
        assert replication.position == ORIGIN
