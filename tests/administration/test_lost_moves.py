"""What one shard has lost of moves is appended there again, from the log of the other."""

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
import redis

from engine_core.administration.lost_moves import mend
from engine_core.administration.venue import Venue
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason
from engine_core.wire.layout import ADMIN, ADMIN_EVENT
from engine_core.wire.query_records import LINK
from tests.persistence.blocks import append
from tests.persistence.flow import Flow

ACCOUNT = 2


class Shard:
    """What its engine would say: its links, and whether it takes a half."""

    def __init__(self, other: int, sent: int, arrived: int, refusal: Reason = Reason.NONE) -> None:
        self.link = np.zeros(1, LINK)
        self.link["account"], self.link["shard"] = ACCOUNT, other
        self.link["out_sequence"], self.link["in_sequence"] = sent, arrived
        self.taken: list[tuple[int, ...]] = []
        self._refusal = refusal
        self.asked: Callable[[], None] = lambda: None  # what happens behind each answer

    def query(self, kind: QueryKind) -> tuple[None, np.ndarray]:
        assert kind == QueryKind.LINKS
        answer = self.link.copy()
        self.asked()
        return None, answer

    def execute(self, records: np.ndarray) -> np.ndarray:
        (half,) = records
        self.taken.append(tuple(int(half[name]) for name in ("kind", "code", "asset", "a", "b", "c")))
        event = np.zeros(1, ADMIN_EVENT)
        event["kind"] = EventKind.REFUSED if self._refusal else EventKind.APPLIED
        event["reason"] = self._refusal
        assert records.dtype == ADMIN
        return event


def mended(home: Shard, other: Shard, url: str) -> tuple[int, list[str]]:
    venue = Venue([])
    venue.gateways = cast(list[Gateway], [home, other])
    said: list[str] = []
    return mend(venue, [url, url], said.append), said


def log_of(url: str, shard: int, kind: CommandKind, sequences: range) -> None:
    """Of moves to or from the other of two shards, and of another account's."""
    flow = Flow(41, shard=shard, traded=(1,))
    for account in (ACCOUNT, ACCOUNT + 1):
        for sequence in sequences:
            flow.move(kind, account, 1 - shard, 1, 100 * sequence, sequence)
    with redis.Redis.from_url(url) as client:
        append(client, [flow.close()])


def test_what_is_under_way_is_nobodys_loss(valkey: str) -> None:
    home, other = Shard(1, sent=8, arrived=3), Shard(0, sent=3, arrived=7)
    assert mended(home, other, valkey) == (0, []) and home.taken == other.taken == []


@pytest.mark.parametrize("source", [0, 1])
def test_a_venue_that_trades_has_lost_nothing(valkey: str, source: int) -> None:
    """The shards are asked one after the other, and whole moves take place between two of their answers."""
    for shard, kind in ((source, CommandKind.MOVE_OUT), (1 - source, CommandKind.MOVE_IN)):
        log_of(valkey, shard, kind, range(1, 21))
    shards = Shard(1, sent=0, arrived=0), Shard(0, sent=0, arrived=0)

    def move() -> None:
        shards[source].link["out_sequence"] += 3
        shards[1 - source].link["in_sequence"] += 3

    for shard in shards:
        shard.asked = move
    move()
    assert mended(*shards, valkey) == (0, []) and shards[0].taken == shards[1].taken == []


def test_money_that_is_there_twice_is_debited(valkey: str) -> None:
    log_of(valkey, 1, CommandKind.MOVE_IN, range(1, 9))
    home, other = Shard(1, sent=6, arrived=0), Shard(0, sent=0, arrived=8)
    done, said = mended(home, other, valkey)
    assert done == 2 and other.taken == []
    assert home.taken == [(CommandKind.MOVE_OUT, 1, 1, 100 * n, n, 1_000 * ACCOUNT + n) for n in (7, 8)]
    assert "shard 0 had lost MOVE_OUT 7 of account 2" in said[0]


def test_arrivals_that_were_lost_arrive_again(valkey: str) -> None:
    log_of(valkey, 0, CommandKind.MOVE_OUT, range(1, 9))
    home, other = Shard(1, sent=8, arrived=0), Shard(0, sent=0, arrived=5)
    assert mended(home, other, valkey)[0] == 3
    assert other.taken == [(CommandKind.MOVE_IN, 0, 1, 100 * n, n, 1_000 * ACCOUNT + n) for n in (6, 7, 8)]


def test_what_ingress_has_finished_meanwhile_is_no_warning(valkey: str) -> None:
    log_of(valkey, 0, CommandKind.MOVE_OUT, range(1, 9))
    home, other = Shard(1, sent=8, arrived=0), Shard(0, sent=0, arrived=6, refusal=Reason.REPEATED)
    assert mended(home, other, valkey) == (0, [])


@pytest.mark.parametrize(
    ("first", "refusal", "why"),
    [(1, Reason.INSUFFICIENT_FUNDS, "INSUFFICIENT_FUNDS"), (8, Reason.NONE, "in no log any more")],
)
def test_what_cannot_be_mended_is_named(valkey: str, first: int, refusal: Reason, why: str) -> None:
    """Spent, or trimmed. What came after waits, too: a later one would be refused for its sequence."""
    log_of(valkey, 1, CommandKind.MOVE_IN, range(first, 9))
    home, other = Shard(1, sent=6, arrived=0, refusal=refusal), Shard(0, sent=0, arrived=8)
    done, said = mended(home, other, valkey)
    assert (
        done == 0 and len(said) == 1 and said[0].startswith("warning: shard 0 had lost MOVE_OUT 7") and why in said[0]
    )
