"""`exchange skip` takes an entry that waits, and no other: what is refused leaves the log as it was."""

from typing import Any, cast

import redis

from engine_core.runtime.log.skips import skip_of
from engine_core.wire.streams import EntryId
from tests.exchange import Exchange


def test_an_entry_that_is_not_there_or_executed_is_refused(odd_exchange: Exchange) -> None:
    with redis.Redis.from_url(odd_exchange.run["redis"]) as client:
        rows = cast(list[Any], client.xrange("orders:{s0}"))
        entries = [row[0].decode() for row in rows]
        last = EntryId.parse(entries[-1])
        absent = ("1-1", "9223372036854775807-0", f"{last.ms}-{last.seq + 999_999}")
        for entry, why in [*((name, "the log has no entry") for name in absent), (entries[1], "executed or skipped")]:
            done = odd_exchange.command("skip", entry)
            assert done.returncode == 1 and why in done.stderr and entry in done.stderr, done
            assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
        blocks = [row[1][b"b"] for row in cast(list[Any], client.xrange("orders:{s0}"))]
    assert len(blocks) >= len(rows) and not any(skip_of(block) for block in blocks)
