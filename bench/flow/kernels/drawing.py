"""What is drawn for an order: from the mixtures, the classes and the accounts of the parameters.

Classes, distances, sizes and lifetimes are drawn evenly: each from a sequence of its own that begins anywhere and goes
on by the same stride, around from 1 to 0, so that any stretch of it fills 0 to 1 (H. Weyl, Mathematische Annalen 77,
1916). The strides of what belongs to one order fill the cube together (M. Roberts, 2018: the R sequences). Else a few
large orders would decide what a book looks like, and two seeds would be two markets.
"""

from bench.flow.kernels.arithmetic import draw, exp, log, normal_of, power, put_real, real
from bench.flow.kernels.world import (
    ACCOUNTS,
    CLASSES,
    FIRST_CLASS,
    LAW_WORDS,
    MIXTURE_WORDS,
    OPEN_CLASSES,
    World,
)
from bench.flow.laws import ATOM, EXPONENTIAL, LOGNORMAL, UNIFORM, WEIBULL
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner

LEAST_U = 1e-15  # a logarithm has no 0


@hot
def _draw_even(world: World, which: int) -> float:
    """From 0 to 1."""
    u = real(world.even, which) + real(world.strides, which)
    if u >= 1.0:
        u -= 1.0
    put_real(world.even, which, u)
    return u


@inner
def draw_from(world: World, mixture: int) -> float:
    """A number of this mixture, within its bounds."""
    noinline()
    row = mixture * MIXTURE_WORDS
    at, end = world.mixtures[row], world.mixtures[row + 1]
    u = _draw_even(world, mixture) if real(world.strides, mixture) > 0 else draw(world.random)
    below = 0.0
    while at + LAW_WORDS < end and real(world.laws, at) <= u:
        below = real(world.laws, at)
        at += LAW_WORDS
    law, first, second = world.laws[at + 1], real(world.laws, at + 2), real(world.laws, at + 3)
    if law == ATOM:
        return first
    u = min(max((u - below) / (real(world.laws, at) - below), LEAST_U), 1.0 - LEAST_U)  # where in the law
    if law == UNIFORM:
        x = first + (second - first) * u
    elif law == EXPONENTIAL:
        x = -first * log(u)
    elif law == WEIBULL:
        x = first * power(-log(u), 1.0 / second)
    elif law == LOGNORMAL:
        x = first * exp(second * normal_of(u))
    else:  # PARETO
        x = first * exp(-log(u) / second)
    return min(max(x, real(world.mixtures, row + 2)), real(world.mixtures, row + 3))


@hot
def draw_whole(world: World, mixture: int) -> int:
    x = draw_from(world, mixture)
    return int(x + 0.5) if x >= 0 else -int(0.5 - x)


@hot
def _draw_class(world: World, first: int, end: int, u: float) -> int:
    """The first mixture, its distance, of one of these classes."""
    while first + 1 < end and real(world.classes, first) <= u:
        first += 1
    return FIRST_CLASS + 3 * first


@hot
def draw_class(world: World) -> int:
    return _draw_class(world, 0, world.numbers[CLASSES], _draw_even(world, world.strides.size - 2))


@hot
def draw_open_class(world: World) -> int:
    first = world.numbers[CLASSES]
    end = first + world.numbers[OPEN_CLASSES]
    return _draw_class(world, first, end, _draw_even(world, world.strides.size - 1))


@hot
def draw_account(world: World) -> int:
    """By the alias method: one of the table's rows, or the one that it stands in for."""
    u = draw(world.random) * world.numbers[ACCOUNTS]
    row = int(u)
    return 1 + (row if u - row < real(world.accounts, 2 * row) else world.accounts[2 * row + 1])
