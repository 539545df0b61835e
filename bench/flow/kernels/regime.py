"""What changes the rates of a model with time: the steps of a regime, and the states of a market's pace."""

from bench.flow.kernels.arithmetic import draw, draw_exponential, put_real, real
from bench.flow.kernels.world import (
    CLOCK_STATE,
    CLOCK_STATE_END,
    CLOCK_STEP,
    CLOCK_STEP_END,
    CLOCK_WORDS,
    FAR_NS,
    MOST_S,
    NOW,
    NS,
    STATES,
    STEP_FACTORS,
    STEP_NS,
    STEP_RATES,
    STEP_WORDS,
    STEPS,
    World,
)
from bench.flow.parameters import TYPES
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner


@hot
def step_row(world: World, market: int) -> int:
    return world.clocks[market * CLOCK_WORDS + CLOCK_STEP] * STEP_WORDS


@hot
def factor(world: World, market: int, kind: int) -> float:
    return real(world.steps, step_row(world, market) + STEP_FACTORS + kind)


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
def next_stretch(world: World, market: int) -> None:
    """Now the regime's step ends, or the state of the market's pace."""
    noinline()
    if world.numbers[NOW] >= world.clocks[market * CLOCK_WORDS + CLOCK_STEP_END]:
        _next_step(world, market)
    else:
        row = _state_row(world, world.clocks[market * CLOCK_WORDS + CLOCK_STATE])
        u, state = draw(world.random), 0
        while state + 1 < world.numbers[STATES] and real(world.states, row + 2 + state) <= u:
            state += 1
        enter_state(world, market, state)


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
def _next_step(world: World, market: int) -> None:
    clock = market * CLOCK_WORDS
    step = world.clocks[clock + CLOCK_STEP] + 1
    step = step if step < world.numbers[STEPS] else 0
    world.clocks[clock + CLOCK_STEP] = step
    world.clocks[clock + CLOCK_STEP_END] += world.steps[step * STEP_WORDS + STEP_NS]


@hot
def due_at(world: World, total: float) -> int:
    """When the next of events at this rate comes, from now on."""
    wait = draw_exponential(world.random) / total if total > 0 else MOST_S
    return world.numbers[NOW] + int(wait * NS) if wait < MOST_S else FAR_NS
