"""The queue-reactive model: rates that depend on the size of each queue and its distance from the reference.

world.base   rows of UNITS, one for each level: place; then cancel; then one row: take; then 8 other rates
"""

from bench.flow.kernels.arithmetic import draw, put_real, real
from bench.flow.kernels.regime import base_total, base_type, cancel_factor, factor
from bench.flow.kernels.trading import best_price
from bench.flow.kernels.world import (
    CLOCK_MIDDLE,
    CLOCK_REFERENCE,
    CLOCK_WORDS,
    FOLLOW,
    LEVELS,
    UNIT_LOTS,
    UNITS,
    World,
)
from engine_core.book.ladder.levels import key_of, next_level
from engine_core.book.memory.state import BOOKS, State
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import Side

QUEUE_EVENTS = 2  # of a queue: place, cancel
OTHERS = -1


@hot
def rates_of(world: World) -> int:
    """How many rates a market has: of each queue, of takers, of all others together."""
    return 2 * QUEUE_EVENTS * world.numbers[LEVELS] + 3


@hot
def _units(world: World, lots: int) -> int:
    unit = world.numbers[UNIT_LOTS]
    return min((lots + unit - 1) // unit, world.numbers[UNITS] - 1)


@inner
def total_rate(state: State, world: World, market: int) -> float:
    """Fill in world.rates, cumulative, for the queues as they stand; their sum."""
    noinline()
    levels, units = world.numbers[LEVELS], world.numbers[UNITS]
    pace, at, total = real(world.pace, market), market * rates_of(world), 0.0
    for side in range(2):
        book = market * BOOKS + side
        level = state.books[book].best
        places, cancels = pace * factor(world, market, side), pace * cancel_factor(world, market, Side.BID + side)
        for distance in range(levels):
            price, queue = queue_price(world, market, side, distance), 0
            key = key_of(book, price)
            while level != 0 and state.levels[level].key < key:
                level = next_level(state, level)
            if level != 0 and state.levels[level].key == key:
                queue = _units(world, state.levels[level].lots)
            row = distance * units + queue
            total += places * real(world.base, row) if price >= 1 else 0.0
            put_real(world.rates, at, total)
            total += cancels * real(world.base, levels * units + row) if queue > 0 else 0.0
            put_real(world.rates, at + 1, total)
            at += QUEUE_EVENTS
    for side in range(2):
        best = state.books[market * BOOKS + 1 - side].best
        if best != 0:
            rate = real(world.base, QUEUE_EVENTS * levels * units + _units(world, state.levels[best].lots))
            total += pace * factor(world, market, 2 + side) * rate
        put_real(world.rates, at, total)
        at += 1
    total += base_total(world, market)
    put_real(world.rates, at, total)
    return total


@inner
def chosen_event(world: World, market: int) -> tuple[int, int]:
    """(which of the rates, OTHERS for what no queue causes; then of which type) of what happens now."""
    row, last = market * rates_of(world), rates_of(world) - 1
    u, at = draw(world.random) * real(world.rates, row + last), 0
    while at < last and real(world.rates, row + at) <= u:
        at += 1
    if at < last:
        return at, 0
    return OTHERS, base_type(world, market, u - real(world.rates, row + last - 1))


@hot
def queue_price(world: World, market: int, side: int, distance: int) -> int:
    """Of the queue so far from the reference; side 0: bids."""
    reference = world.clocks[market * CLOCK_WORDS + CLOCK_REFERENCE]
    return reference - distance if side == 0 else reference + 1 + distance


@inner
def move_reference(state: State, world: World, market: int) -> None:
    """The reference follows the middle of the book by a tick, with a chance; it never leaves the spread."""
    clock = market * CLOCK_WORDS
    reference = world.clocks[clock + CLOCK_REFERENCE]
    bid, ask = best_price(state, market * BOOKS), best_price(state, market * BOOKS + 1)
    if bid == 0 or ask == 0:
        return
    middle, before = bid + ask, world.clocks[clock + CLOCK_MIDDLE]
    world.clocks[clock + CLOCK_MIDDLE] = middle
    if before not in (0, middle) and draw(world.random) < real(world.shares, FOLLOW):
        reference += 1 if middle > before else -1
    world.clocks[clock + CLOCK_REFERENCE] = min(max(reference, bid), ask - 1)
