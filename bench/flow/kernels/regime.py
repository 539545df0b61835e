"""The steps of a regime, which change the rates of a model with time, and the rates that nothing else changes."""

from bench.flow.kernels.arithmetic import draw_exponential, real
from bench.flow.kernels.world import (
    CLOCK_STEP,
    CLOCK_STEP_END,
    CLOCK_WORDS,
    FAR_NS,
    MOST_S,
    NOW,
    NS,
    STEP_FACTORS,
    STEP_NS,
    STEP_RATES,
    STEP_WORDS,
    STEPS,
    World,
)
from bench.flow.parameters import TYPES
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
    return real(world.popularity, market) * real(world.steps, step_row(world, market) + STEP_RATES + TYPES - 1)


@hot
def base_type(world: World, market: int, u: float) -> int:
    """The type at this point between 0 and base_total."""
    rates, kind = step_row(world, market) + STEP_RATES, 0
    u /= real(world.popularity, market)
    while kind < TYPES - 1 and u >= real(world.steps, rates + kind):
        kind += 1
    return kind


@inner
def next_step(world: World, market: int) -> None:
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
