"""Idempotent appends: what is answered, repeated, renumbered or given up."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_core.transport.feed import slots_of
from engine_core.transport.gateway import GatewayError, OutcomeUnknown
from engine_core.transport.outbox import Block, Outbox
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.layout import ADMIN_EVENT, COMMAND, EVENT, WHOLE_BLOCK
from engine_core.wire.streams import EntryId, Header, decode_block

GATEWAY = 100


def outbox() -> Outbox:
    return Outbox(GATEWAY, 1, 1)


def add(box: Outbox, count: int) -> Block:
    loop = asyncio.get_running_loop()
    return box.add([bytes(64)] * count, [loop.create_future() for _ in range(count)])


def answer(
    box: Outbox, block: Block, indexes: list[int], *, kind: int = EventKind.ACCEPTED, reason: int = 0
) -> np.ndarray:
    """SLOT records of the events with these command indexes."""
    events = np.zeros(len(indexes), EVENT)
    events["kind"], events["reason"], events["index"] = kind, reason, indexes
    header = Header(0, 0, GATEWAY, box.incarnation, block.sequence, 0)
    return slots_of(EntryId(1, 0), header, events)


def refusal(box: Outbox, block: Block, reason: Reason) -> np.ndarray:
    assert EVENT.itemsize == ADMIN_EVENT.itemsize
    return answer(box, block, [WHOLE_BLOCK], kind=EventKind.BLOCK_REFUSED, reason=reason)


def results(block: Block) -> list[int]:
    return [len(each.result()) for each in block.answers]


async def test_each_command_gets_its_own_events() -> None:
    box = outbox()
    block = add(box, 3)
    assert not box.settle(answer(box, block, [0, 1, 1, 1, 2]))
    assert results(block) == [1, 3, 1]
    assert box.oldest is None and box.commands == 0


async def test_events_of_one_command_may_come_in_two_batches() -> None:
    box = outbox()
    block = add(box, 2)
    slots = answer(box, block, [0, 0, 0, 1, 1])
    box.settle(slots[:2])
    assert not any(each.done() for each in block.answers)
    box.settle(slots[2:4])
    assert [each.done() for each in block.answers] == [True, False]
    box.settle(slots[4:])
    assert results(block) == [3, 2]


async def test_events_of_others_do_not_matter() -> None:
    box = outbox()
    block = add(box, 1)
    for name in ("gateway", "incarnation"):
        slots = answer(box, block, [0])
        slots[name] += 1
        assert not box.settle(slots)
    assert not block.answers[0].done()


async def test_a_second_copy_answered_as_duplicate_changes_nothing() -> None:
    box = outbox()
    block = add(box, 1)
    box.settle(answer(box, block, [0]))
    assert not box.settle(refusal(box, block, Reason.DUPLICATE_BLOCK))
    assert results(block) == [1]


async def test_a_gap_before_a_later_block_repeats_all_with_the_same_numbers() -> None:
    box = outbox()
    first, second = add(box, 1), add(box, 1)
    incarnation = box.incarnation
    assert box.settle(refusal(box, second, Reason.SEQUENCE_GAP))
    assert (first.sequence, second.sequence, box.incarnation) == (1, 2, incarnation)
    assert not second.answers[0].done()


async def test_a_gap_at_the_oldest_block_begins_a_new_life() -> None:
    box = outbox()
    done, first, second = add(box, 1), add(box, 1), add(box, 1)
    box.settle(answer(box, done, [0]))
    assert first.sequence == 2
    before = box.incarnation
    assert box.settle(refusal(box, first, Reason.SEQUENCE_GAP))
    assert (first.sequence, second.sequence) == (1, 2)
    assert box.incarnation > before
    header, records = decode_block(box.encode(second), COMMAND)
    assert (header.incarnation, header.sequence, len(records)) == (box.incarnation, 2, 1)


async def test_other_refusals_are_the_answer() -> None:
    box = outbox()
    block = add(box, 2)
    assert not box.settle(refusal(box, block, Reason.BAD_LOG))
    assert [each.result()[0]["reason"] for each in block.answers] == [Reason.BAD_LOG] * 2


async def test_a_second_process_with_the_same_number_ends_this_one() -> None:
    box = outbox()
    block = add(box, 1)
    with pytest.raises(GatewayError, match="number 100"):
        box.settle(refusal(box, block, Reason.STALE_INCARNATION))


class Counting:
    """Who waits, counts what it is told, and never says that it has been told."""

    def __init__(self) -> None:
        self.told = 0

    def done(self) -> bool:
        return False

    def set_result(self, events: np.ndarray, /) -> None:
        self.told += 1

    def set_exception(self, error: Exception, /) -> None:
        self.told += 1


@given(st.lists(st.sampled_from(["fail", "answer", "again", "refuse", "drop"]), max_size=12), st.integers(1, 4))
def test_one_answer_whatever_happens_in_whatever_order(steps: list[str], count: int) -> None:
    """Time runs out, and again; the engine answers late; the block is refused; everything is given up."""
    box, waiting = outbox(), [Counting() for _ in range(count)]
    block = box.add([bytes(64)] * count, waiting)
    for step in steps:
        if step == "fail":
            block.fail(OutcomeUnknown("the engine did not answer"))
        elif step == "again":
            box.begin_incarnation()
        elif step == "answer":
            box.settle(answer(box, block, list(range(count))))
        elif step == "refuse":
            box.settle(refusal(box, block, Reason.BAD_LOG))
        elif step == "drop" and block in box.blocks:
            box.drop(block, GatewayError("this process is stopping"))
        assert all(each.told <= 1 for each in waiting) and box.commands in (0, count)
    assert all(each.told == (steps != [] and steps != ["again"] * len(steps)) for each in waiting)
    assert box.commands == (0 if set(steps) - {"fail", "again"} else count)


async def test_one_that_was_given_up_may_be_refused_afterwards() -> None:
    """Another one has its number by then."""
    box = outbox()
    given_up = add(box, 2)
    box.drop(given_up, OutcomeUnknown("too late"))
    box.begin_incarnation()
    follower = add(box, 2)
    assert follower.sequence == given_up.sequence
    box.drop(given_up, OutcomeUnknown("Redis is full"))
    assert box.blocks == [follower] and box.commands == 2
    box.settle(answer(box, follower, [0, 1]))
    assert results(follower) == [1, 1]
    for each in given_up.answers:
        with pytest.raises(OutcomeUnknown, match="too late"):
            each.result()  # type: ignore[attr-defined]
