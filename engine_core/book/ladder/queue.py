"""Orders in their slots and in the queues of their levels, in price-time priority. No money, no events.

A slot is found from the order id alone: `id = number * 2**24 + slot`. A recycled slot is recognised by the whole id
that stands in it.
"""

from engine_core.book.ladder.levels import drop_level, level_at
from engine_core.book.memory.state import FREE_ORDERS, State
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import either_field
from engine_core.wire.limits import SLOT_BITS

SCRATCH = 0  # the slot of an order that can never rest
_SLOT_MASK = (1 << SLOT_BITS) - 1
_set_next_or_head, _set_prev_or_tail = either_field("next", "head"), either_field("prev", "tail")


@hot
def take_slot(state: State) -> int:
    """A free slot; the caller knows that there is one."""
    height = state.scalars[FREE_ORDERS] - 1
    state.scalars[FREE_ORDERS] = height
    return state.free_orders[height]


@hot
def free_slot(state: State, slot: int) -> None:
    state.orders[slot].order_id = 0
    if slot != SCRATCH:
        height = state.scalars[FREE_ORDERS]
        state.free_orders[height] = slot
        state.scalars[FREE_ORDERS] = height + 1


@hot
def slot_of(state: State, order_id: int) -> int:
    """The slot of a live order, or 0."""
    slot = order_id & _SLOT_MASK
    if order_id <= 0 or slot >= state.orders.size or state.orders[slot].order_id != order_id:
        return 0
    return slot


@hot
def append(state: State, level: int, slot: int) -> None:
    """Queue the order, with its remaining lots, behind all others of the level."""
    record = state.levels[level]
    order = state.orders[slot]
    tail = record.tail
    order.level = level
    order.next = 0
    order.prev = tail
    record.tail = slot
    record.lots += order.remaining_lots
    record.orders += 1
    _set_next_or_head(tail != 0, state.orders[tail], record, slot)


@inner
def put_in_front(state: State, level: int, slot: int) -> None:
    """Queue the order, with its remaining lots, before all others of the level."""
    cold()
    record, order = state.levels[level], state.orders[slot]
    head = record.head
    order.level = level
    order.next = head
    order.prev = 0
    record.head = slot
    record.lots += order.remaining_lots
    record.orders += 1
    if head != 0:
        state.orders[head].prev = slot
    else:
        record.tail = slot


@hot
def enter(state: State, book: int, key: int, slot: int) -> int:
    """Queue the order at its price, with a new level if need be (see can_add_level). Returns the level."""
    level = level_at(state, book, key)
    append(state, level, slot)
    return level


@hot
def unlink(state: State, slot: int) -> None:
    """Take the order out of its queue; an emptied level stays (see leave)."""
    order = state.orders[slot]
    record = state.levels[order.level]
    following = order.next
    before = order.prev
    record.lots -= order.remaining_lots
    record.orders -= 1
    _set_next_or_head(before != 0, state.orders[before], record, following)
    _set_prev_or_tail(following != 0, state.orders[following], record, before)


@hot
def leave(state: State, slot: int) -> None:
    """Take the order out of its queue, and drop the level that this emptied."""
    level = state.orders[slot].level
    unlink(state, slot)
    if level != 0 and state.levels[level].head == 0:
        drop_level(state, level)
