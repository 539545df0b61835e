"""What changes the rates of a model with time: the steps of a regime, and the states of a market's pace."""

from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, draw_exponential, put_real, real
from bench.flow.kernels.world import (
    CAPACITY,
    CLOCK_STATE,
    CLOCK_STATE_END,
    CLOCK_STEP,
    CLOCK_STEP_END,
    CLOCK_WORDS,
    FAR_NS,
    FOREVER_NS,
    MOST_S,
    NOW,
    NS,
    STATES,
    STEP_CANCELS,
    STEP_FACTORS,
    STEP_NS,
    STEP_RATES,
    STEP_WORDS,
    STEPS,
    World,
)
from bench.flow.parameters import TYPES
from engine_core.book.memory.state import State
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import Side


@hot
def step_row(world: World, market: int) -> int:
    return world.clocks[market * CLOCK_WORDS + CLOCK_STEP] * STEP_WORDS


@hot
def factor(world: World, market: int, kind: int) -> float:
    return real(world.steps, step_row(world, market) + STEP_FACTORS + kind)


@hot
def cancel_factor(world: World, market: int, side: int) -> float:
    return real(world.steps, step_row(world, market) + STEP_CANCELS + side - Side.BID)


@hot
def base_total(world: World, market: int) -> float:
    """Arrivals a second of all types, as far as they depend on nothing but the regime."""
    return real(world.pace, market) * real(world.steps, step_row(world, market) + STEP_RATES + TYPES - 1)


@hot
def base_type(world: World, market: int, u: float) -> int:
    """The type at this point between 0 and base_total."""
    rates, kind = step_row(world, market) + STEP_RATES, 0
    u /= real(world.pace, market)
    while kind < TYPES - 1 and u >= real(world.steps, rates + kind):
        kind += 1
    return kind


@hot
def stretch_end(world: World, market: int) -> int:
    """Until when the rates stay as they are, but for what happens in the market."""
    clock = market * CLOCK_WORDS
    return min(world.clocks[clock + CLOCK_STEP_END], world.clocks[clock + CLOCK_STATE_END])


@inner
def next_stretch(state: State, world: World, market: int) -> None:
    """Now the regime's step ends, or the state of the market's pace."""
    noinline()
    if world.numbers[NOW] >= world.clocks[market * CLOCK_WORDS + CLOCK_STEP_END]:
        _next_step(state, world, market)
    else:
        row = _state_row(world, world.clocks[market * CLOCK_WORDS + CLOCK_STATE])
        u, following = draw(world.random), 0
        while following + 1 < world.numbers[STATES] and real(world.states, row + 2 + following) <= u:
            following += 1
        enter_state(world, market, following)


@hot
def _state_row(world: World, state: int) -> int:
    return state * (world.numbers[STATES] + 2)


@inner
def enter_state(world: World, market: int, state: int) -> None:
    clock, row = market * CLOCK_WORDS, _state_row(world, state)
    world.clocks[clock + CLOCK_STATE] = state
    stay = draw_exponential(world.random) * real(world.states, row + 1)
    world.clocks[clock + CLOCK_STATE_END] = world.numbers[NOW] + 1 + int(min(stay, MOST_S) * NS)
    put_real(world.pace, market, real(world.popularity, market) * real(world.states, row))


@inner
def _next_step(state: State, world: World, market: int) -> None:
    clock = market * CLOCK_WORDS
    bids, asks = cancel_factor(world, market, Side.BID), cancel_factor(world, market, Side.ASK)
    step = world.clocks[clock + CLOCK_STEP] + 1
    step = step if step < world.numbers[STEPS] else 0
    world.clocks[clock + CLOCK_STEP] = step
    world.clocks[clock + CLOCK_STEP_END] += world.steps[step * STEP_WORDS + STEP_NS]
    _hurry(state, world, market, Side.BID, cancel_factor(world, market, Side.BID) / bids)
    _hurry(state, world, market, Side.ASK, cancel_factor(world, market, Side.ASK) / asks)


@inner
def _hurry(state: State, world: World, market: int, side: int, times: float) -> None:
    """What is left of the lifetimes of a side shrinks (or grows) by this factor."""
    noinline()
    if times == 1.0:
        return
    now = world.numbers[NOW]
    for slot in range(1, world.numbers[CAPACITY] + 1):
        if (
            world.place[slot] != 0
            and state.orders[slot].order_id != 0
            and state.info[slot].market == market
            and state.info[slot].side == side
        ):
            left = (world.due[world.place[slot]] - now) / times
            schedule(world, slot, now + int(min(left, FOREVER_NS)))


@hot
def due_at(world: World, total: float) -> int:
    """When the next of events at this rate comes, from now on."""
    wait = draw_exponential(world.random) / total if total > 0 else MOST_S
    return world.numbers[NOW] + int(wait * NS) if wait < MOST_S else FAR_NS
