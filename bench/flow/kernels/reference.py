"""A price that all makers of a market watch: when it jumps, who quotes in its way withdraws, and both sides quote anew.

The reference of a market is on the agenda by itself: it jumps, or, while quotes are still to come, the next one comes.
"""

from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, real
from bench.flow.kernels.drawing import draw_from, draw_whole
from bench.flow.kernels.placing import place_at
from bench.flow.kernels.trading import best_price, own_book
from bench.flow.kernels.world import (
    AGAIN,
    CAPACITY,
    CLOCK_ASK,
    CLOCK_JUMP,
    CLOCK_QUOTES,
    CLOCK_REFERENCE,
    CLOCK_SIGN,
    CLOCK_WORDS,
    JUMP_TICKS,
    JUMP_WAIT,
    MARKETS,
    NOW,
    NS,
    QUOTE_DELAY,
    QUOTES,
    REACTION_NS,
    World,
)
from bench.flow.messages import MessageRow
from engine_core.book.ladder.levels import key_of, level_after
from engine_core.book.memory.state import BOOKS, State
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import Side


@inner
def start_reference(state: State, world: World, market: int) -> None:
    """It stands where the market opens."""
    ask = best_price(state, own_book(market, Side.ASK))
    world.clocks[market * CLOCK_WORDS + CLOCK_ASK] = (
        ask if ask != 0 else world.clocks[market * CLOCK_WORDS + CLOCK_REFERENCE] + 1
    )
    _plan_jump(world, market)


@inner
def _plan_jump(world: World, market: int) -> None:
    due = world.numbers[NOW] + 1 + int(draw_from(world, JUMP_WAIT) * NS)
    world.clocks[market * CLOCK_WORDS + CLOCK_JUMP] = due
    _plan(world, market, due)


@inner
def _plan(world: World, market: int, due: int) -> None:
    schedule(world, world.numbers[CAPACITY] + world.numbers[MARKETS] + market, due)


@inner
def reference_event(state: State, world: World, message: MessageRow, market: int) -> int:
    """What is due of the reference. Returns how many messages it wrote."""
    noinline()
    clock, written = market * CLOCK_WORDS, 0
    if _waiting(world, clock) > 0:
        _quote(state, world, message, market)
        written = 1
    else:
        _jump(state, world, market)
    if _waiting(world, clock) > 0:
        _plan_quote(world, market)
    else:
        _plan(world, market, max(world.clocks[clock + CLOCK_JUMP], world.numbers[NOW] + 1))
    return written


@hot
def _waiting(world: World, clock: int) -> int:
    return world.clocks[clock + CLOCK_QUOTES] + world.clocks[clock + CLOCK_QUOTES + 1]


@inner
def _plan_quote(world: World, market: int) -> None:
    _plan(world, market, world.numbers[NOW] + 1 + int(draw_from(world, QUOTE_DELAY) * NS))


@inner
def watch_reference(state: State, world: World, market: int) -> None:
    """What rests beyond the reference, of a taker that found no more, moves it; and where nobody is left at it on one
    side, makers quote anew."""
    clock = market * CLOCK_WORDS
    if _waiting(world, clock) > 0:
        return
    bid, ask = best_price(state, market * BOOKS), best_price(state, market * BOOKS + 1)
    reference = max(world.clocks[clock + CLOCK_ASK], bid + 1)
    if ask != 0:
        reference = min(reference, ask)
    world.clocks[clock + CLOCK_ASK] = reference
    world.clocks[clock + CLOCK_QUOTES] = world.numbers[QUOTES] if bid != reference - 1 else 0
    world.clocks[clock + CLOCK_QUOTES + 1] = world.numbers[QUOTES] if ask != reference else 0
    if _waiting(world, clock) > 0:
        _plan_quote(world, market)


@inner
def _jump(state: State, world: World, market: int) -> None:
    """All orders in its way go within their owners' reaction time."""
    clock = market * CLOCK_WORDS
    _plan_jump(world, market)
    if world.clocks[clock + CLOCK_SIGN] == 0 or draw(world.random) >= real(world.shares, AGAIN):
        world.clocks[clock + CLOCK_SIGN] = 1 if draw(world.random) < 0.5 else -1
    sign = world.clocks[clock + CLOCK_SIGN]
    ask = max(world.clocks[clock + CLOCK_ASK] + sign * max(draw_whole(world, JUMP_TICKS), 1), 2)
    world.clocks[clock + CLOCK_ASK] = ask
    book, edge = own_book(market, Side.ASK if sign > 0 else Side.BID), ask if sign > 0 else ask - 1
    level = state.books[book].best
    for side in range(2):
        world.clocks[clock + CLOCK_QUOTES + side] = world.numbers[QUOTES]
    while level != 0 and (edge - key_of(book, state.levels[level].key)) * sign > 0:
        slot = state.levels[level].head
        while slot != 0:
            schedule(world, slot, world.numbers[NOW] + int(draw(world.random) * REACTION_NS))
            slot = state.orders[slot].next
        level = level_after(state, level)


@inner
def _quote(state: State, world: World, message: MessageRow, market: int) -> None:
    """An order next to the reference, of the side that lacks more."""
    clock = market * CLOCK_WORDS
    bids, asks = world.clocks[clock + CLOCK_QUOTES], world.clocks[clock + CLOCK_QUOTES + 1]
    is_ask = asks > bids or (asks == bids and world.clocks[clock + CLOCK_SIGN] < 0)
    side = Side.ASK if is_ask else Side.BID
    world.clocks[clock + CLOCK_QUOTES + side - Side.BID] -= 1
    ask = world.clocks[clock + CLOCK_ASK]
    place_at(state, world, message, market, side, ask if side == Side.ASK else ask - 1)
