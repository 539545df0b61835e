"""From an entry of the command log to its mirror: what is executed, what is refused, and always the same bytes."""

import numpy as np
import pytest

from engine_core.administration.client import admin
from engine_core.runtime.machine import Machine, Mirror
from engine_core.wire.codes import CommandKind, EventKind, Reason, Side
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, EVENT, SCHEMA_VERSION, WHOLE_BLOCK, join
from engine_core.wire.limits import MAX_BLOCK_COMMANDS, MAX_EVENTS_PER_COMMAND
from engine_core.wire.log import LogError
from engine_core.wire.streams import EntryId, decode_block
from tests.runtime.rig import SMALL, block_of, flow, place, setup

LOG_ID = 99


class Log:
    """Feeds a machine with blocks of one gateway."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.entry = EntryId(1_000, 0)
        self.sequence = 0
        self.add(admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=LOG_ID, b=BEHAVIOUR_VERSION, c=7))
        self.add(setup())

    def add(self, records: np.ndarray) -> bytes:
        """The encoded mirror of the next good block."""
        self.sequence += 1
        return self.machine.encode(self.raw(block_of(records, log_id=LOG_ID, sequence=self.sequence)))

    def raw(self, block: bytes) -> Mirror:
        self.entry = EntryId(self.entry.ms + 1, 0)
        return self.machine.execute(self.entry, block)


@pytest.fixture
def log() -> Log:
    return Log(Machine(SMALL))


def refusal(mirror: Mirror) -> Reason:
    assert len(mirror.events) == 1
    event = mirror.events[0]
    assert (event["kind"], event["index"]) == (EventKind.BLOCK_REFUSED, WHOLE_BLOCK)
    return Reason(int(event["reason"]))


def test_a_mirror_names_the_block_that_it_answers(log: Log) -> None:
    header, events = decode_block(log.add(join([place(Side.BID, 100, 1), place(Side.BID, 101, 1)])), EVENT)
    assert (header.gateway, header.incarnation, header.sequence) == (5, 1, log.sequence)
    assert (header.log_id, header.epoch, header.commands, len(events)) == (LOG_ID, 1, 2, 2)
    assert events["index"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda block: block[:-1], Reason.BAD_SIZE),
        (lambda block: block[:40], Reason.BAD_SIZE),
        (lambda block: b"", Reason.BAD_SIZE),
        (lambda block: block[:-3] + b"xyz", Reason.BAD_CRC),
        (lambda block: b"JUNK" + block[4:], Reason.BAD_SCHEMA),
        (lambda block: block[:4] + b"\x09" + block[5:], Reason.BAD_SCHEMA),
    ],
)
def test_a_damaged_block_is_refused_and_changes_nothing(log: Log, damage: object, reason: Reason) -> None:
    good = block_of(place(Side.BID, 100, 1), log_id=LOG_ID, sequence=log.sequence + 1)
    assert refusal(log.raw(damage(good))) == reason  # type: ignore[operator]
    assert refusal(log.raw(good[:-1])) == Reason.BAD_SIZE
    assert log.raw(good).events[0]["kind"] == EventKind.ACCEPTED, "the sequence was not used up"


def test_repeated_and_early_and_stale_blocks_are_refused(log: Log) -> None:
    def numbered(sequence: int, **fields: int) -> bytes:
        return block_of(place(Side.BID, 100, 1), log_id=LOG_ID, sequence=sequence, **fields)

    first = numbered(log.sequence + 1)
    assert log.raw(first).events[0]["kind"] == EventKind.ACCEPTED
    assert refusal(log.raw(first)) == Reason.DUPLICATE_BLOCK
    assert refusal(log.raw(numbered(log.sequence + 3))) == Reason.SEQUENCE_GAP
    assert log.raw(numbered(1, incarnation=2)).events[0]["kind"] == EventKind.ACCEPTED
    assert refusal(log.raw(numbered(log.sequence + 2))) == Reason.STALE_INCARNATION
    assert refusal(log.raw(numbered(2, gateway=6))) == Reason.SEQUENCE_GAP
    assert refusal(log.raw(_foreign())) == Reason.BAD_LOG


def _foreign() -> bytes:
    return block_of(place(Side.BID, 100, 1), log_id=LOG_ID + 1, sequence=2, incarnation=2)


def test_a_refusal_tells_the_sender_which_block_it_was(log: Log) -> None:
    mirror = log.raw(_foreign())
    assert mirror.stamp[1:4] == (5, 2, 2)


def test_the_clock_of_a_gateway_cannot_run_ahead(log: Log) -> None:
    block = block_of(place(Side.BID, 100, 1), log_id=LOG_ID, sequence=log.sequence + 1, time_ms=9_999_999)
    assert log.raw(block).stamp.time_ms == log.entry.ms


def test_events_that_do_not_fit_one_buffer_are_the_same_as_those_that_do() -> None:
    small, large = Log(Machine(SMALL, buffer=MAX_EVENTS_PER_COMMAND)), Log(Machine(SMALL))
    for seed in range(3):
        records = flow(MAX_BLOCK_COMMANDS, seed)
        assert small.add(records) == large.add(records)
    sweep = np.zeros(2, COMMAND)
    sweep[:] = place(Side.BID, 110, 10**6, account=4)
    assert small.add(sweep) == large.add(sweep)


def test_the_same_blocks_give_the_same_bytes() -> None:
    logs = [Log(Machine(SMALL)) for _ in range(2)]
    for seed in range(5):
        records = flow(100, seed)
        assert len({log.add(records) for log in logs}) == 1


def test_another_behaviour_version_stops_the_engine(log: Log) -> None:
    with pytest.raises(LogError, match=f"behaviour version {BEHAVIOUR_VERSION + 1}"):
        log.add(admin(CommandKind.UPGRADE, a=BEHAVIOUR_VERSION + 1))
