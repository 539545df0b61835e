"""A price that all makers of a market watch: when it jumps, who quotes in its way withdraws, and both sides quote anew,
above all the one that it leaves behind.

The reference of a market is on the agenda by itself: it jumps, or, while quotes are still to come, the next one comes.
"""

from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, draw_exponential, real
from bench.flow.kernels.drawing import draw_from, draw_whole
from bench.flow.kernels.placing import place_at
from bench.flow.kernels.trading import best_price, own_book
from bench.flow.kernels.world import (
    AGAIN,
    AGAIN_NS,
    CAPACITY,
    CLOCK_ASK,
    CLOCK_JUMP,
    CLOCK_JUMPED,
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
    QUOTES_AHEAD,
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
    if world.numbers[NOW] >= world.clocks[clock + CLOCK_JUMP]:
        _jump(state, world, market)
    elif _waiting(world, clock) > 0:
        _quote(state, world, message, market)
        written = 1
    _plan_next(world, market)
    return written


@hot
def _waiting(world: World, clock: int) -> int:
    return world.clocks[clock + CLOCK_QUOTES] + world.clocks[clock + CLOCK_QUOTES + 1]


@inner
def _plan_next(world: World, market: int) -> None:
    """The next quote if one is to come, and in any case the next jump."""
    due = world.clocks[market * CLOCK_WORDS + CLOCK_JUMP]
    waiting = _waiting(world, market * CLOCK_WORDS)
    if waiting > 0:
        due = min(due, world.numbers[NOW] + 1 + int(draw_from(world, QUOTE_DELAY) * NS / waiting))
    _plan(world, market, due)


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
    few = max(world.numbers[QUOTES_AHEAD], 1)
    world.clocks[clock + CLOCK_QUOTES] = few if bid != reference - 1 else 0
    world.clocks[clock + CLOCK_QUOTES + 1] = few if ask != reference else 0
    if _waiting(world, clock) > 0:
        _plan_next(world, market)


@inner
def _jump(state: State, world: World, market: int) -> None:
    """All orders in its way go within their owners' reaction time."""
    clock = market * CLOCK_WORDS
    _plan_jump(world, market)
    soon = world.numbers[NOW] - world.clocks[clock + CLOCK_JUMPED] < world.numbers[AGAIN_NS]
    world.clocks[clock + CLOCK_JUMPED] = world.numbers[NOW]
    if world.clocks[clock + CLOCK_SIGN] == 0 or not soon or draw(world.random) >= real(world.shares, AGAIN):
        world.clocks[clock + CLOCK_SIGN] = 1 if draw(world.random) < 0.5 else -1
    sign = world.clocks[clock + CLOCK_SIGN]
    ask = max(world.clocks[clock + CLOCK_ASK] + sign * max(draw_whole(world, JUMP_TICKS), 1), 2)
    world.clocks[clock + CLOCK_ASK] = ask
    book, edge = own_book(market, Side.ASK if sign > 0 else Side.BID), ask if sign > 0 else ask - 1
    level = state.books[book].best
    behind = 0 if sign > 0 else 1
    world.clocks[clock + CLOCK_QUOTES + behind] = world.numbers[QUOTES]
    world.clocks[clock + CLOCK_QUOTES + 1 - behind] = world.numbers[QUOTES_AHEAD]
    while level != 0 and (edge - key_of(book, state.levels[level].key)) * sign > 0:
        slot = state.levels[level].head
        while slot != 0:
            schedule(world, slot, world.numbers[NOW] + int(draw_exponential(world.random) * REACTION_NS))
            slot = state.orders[slot].next
        level = level_after(state, level)


@inner
def _quote(state: State, world: World, message: MessageRow, market: int) -> None:
    """An order next to the reference: of the side where nobody is, if it is one, and else of that which lacks more."""
    clock = market * CLOCK_WORDS
    bids, asks = world.clocks[clock + CLOCK_QUOTES], world.clocks[clock + CLOCK_QUOTES + 1]
    ask = world.clocks[clock + CLOCK_ASK]
    has_bid = best_price(state, own_book(market, Side.BID)) == ask - 1
    has_ask = best_price(state, own_book(market, Side.ASK)) == ask
    is_ask = asks > bids or (asks == bids and world.clocks[clock + CLOCK_SIGN] < 0)
    if has_bid != has_ask:
        is_ask = has_bid
    if bids == 0 or asks == 0:
        is_ask = bids == 0
    side = Side.ASK if is_ask else Side.BID
    world.clocks[clock + CLOCK_QUOTES + side - Side.BID] -= 1
    place_at(state, world, message, market, side, ask if side == Side.ASK else ask - 1)
