"""What is drawn for an order: from the mixtures, the classes and the accounts of the parameters."""

from bench.flow.kernels.arithmetic import draw, draw_exponential, exp, log, normal_of, power, real
from bench.flow.kernels.world import (
    ACCOUNTS,
    CLASSES,
    LAW_WORDS,
    MIXTURE_WORDS,
    World,
)
from bench.flow.laws import ATOM, EXPONENTIAL, LOGNORMAL, UNIFORM, WEIBULL
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner


@inner
def draw_from(world: World, mixture: int) -> float:
    """A number of this mixture, within its bounds."""
    noinline()
    row = mixture * MIXTURE_WORDS
    at, end = world.mixtures[row], world.mixtures[row + 1]
    u = draw(world.random)
    while at + LAW_WORDS < end and real(world.laws, at) <= u:
        at += LAW_WORDS
    law, first, second = world.laws[at + 1], real(world.laws, at + 2), real(world.laws, at + 3)
    if law == ATOM:
        return first
    if law == UNIFORM:
        x = first + (second - first) * draw(world.random)
    elif law == EXPONENTIAL:
        x = first * draw_exponential(world.random)
    elif law == WEIBULL:
        x = first * power(draw_exponential(world.random), 1.0 / second)
    elif law == LOGNORMAL:
        x = first * exp(second * normal_of(draw(world.random)))
    else:  # PARETO
        x = first * exp(-log(draw(world.random)) / second)
    return min(max(x, real(world.mixtures, row + 2)), real(world.mixtures, row + 3))


@hot
def draw_whole(world: World, mixture: int) -> int:
    x = draw_from(world, mixture)
    return int(x + 0.5) if x >= 0 else -int(0.5 - x)


@hot
def draw_class(world: World) -> int:
    u, chosen = draw(world.random), 0
    while chosen + 1 < world.numbers[CLASSES] and real(world.classes, chosen) <= u:
        chosen += 1
    return chosen


@hot
def draw_account(world: World) -> int:
    """By the alias method: one of the table's rows, or the one that it stands in for."""
    u = draw(world.random) * world.numbers[ACCOUNTS]
    row = int(u)
    return 1 + (row if u - row < real(world.accounts, 2 * row) else world.accounts[2 * row + 1])
