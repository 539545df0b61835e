"""Hawkes processes with exponential kernels, one a market, simulated exactly by thinning (Y. Ogata, 1981).

    of a market, in world.excited:  for each time scale  TOTAL GAIN NEXT_TOTAL NEXT_GAIN, then a height for each type
    intensity of a type = base + sum over scales of GAIN * height;  TOTAL = GAIN * sum of the heights

With time all heights of a scale shrink alike, so only GAIN is touched; heights are written where something excites.
TOTAL and GAIN are as of the market's clock, NEXT_* as of the arrival that is on the agenda.
"""

from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, draw_exponential, exp, put_real, real
from bench.flow.kernels.regime import base_total, base_type, stretch_end
from bench.flow.kernels.world import (
    CAPACITY,
    CLOCK_NEXT,
    CLOCK_NS,
    CLOCK_WORDS,
    FAR_NS,
    MOST_S,
    NOW,
    NS,
    SCALES,
    World,
)
from bench.flow.parameters import SOURCES, TYPES
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner

SOURCE_COUNT = len(SOURCES)
TOTAL, GAIN, NEXT_TOTAL, NEXT_GAIN, HEIGHTS = 0, 1, 2, 3, 4
SCALE_WORDS = HEIGHTS + TYPES
LEAST_GAIN = 1e-100


@hot
def _row(world: World, market: int) -> int:
    return market * world.numbers[SCALES] * SCALE_WORDS


@inner
def next_arrival(world: World, market: int) -> int:
    """When it comes: until then the intensities only fall. At the latest the stretch's end."""
    noinline()
    row, scales, now = _row(world, market), world.numbers[SCALES], world.numbers[NOW]
    excited = 0.0
    for scale in range(scales):
        at = row + scale * SCALE_WORDS
        world.excited[at + NEXT_TOTAL] = world.excited[at + TOTAL]
        world.excited[at + NEXT_GAIN] = world.excited[at + GAIN]
        excited += real(world.excited, at + TOTAL)
    base, end = base_total(world, market), stretch_end(world, market)
    while True:
        bound = base + excited
        wait = draw_exponential(world.random) / bound if bound > 0 else MOST_S
        if wait >= MOST_S or now + int(wait * NS) >= end:
            return min(end, FAR_NS)
        now += int(wait * NS)
        excited = 0.0
        for scale in range(scales):
            at, left = row + scale * SCALE_WORDS, exp(-real(world.decays, scale) * wait)
            total = left * real(world.excited, at + NEXT_TOTAL)
            put_real(world.excited, at + NEXT_TOTAL, total)
            put_real(world.excited, at + NEXT_GAIN, left * real(world.excited, at + NEXT_GAIN))
            excited += total
        if draw(world.random) * bound <= base + excited:
            world.clocks[market * CLOCK_WORDS + CLOCK_NEXT] = now
            return now


@inner
def advance(world: World, market: int) -> None:
    """The market's clock goes on to now: to the arrival, whose intensities are known already, or to another time."""
    row, clock, now = _row(world, market), market * CLOCK_WORDS, world.numbers[NOW]
    seconds = (now - world.clocks[clock + CLOCK_NS]) / NS
    world.clocks[clock + CLOCK_NS] = now
    is_known = world.clocks[clock + CLOCK_NEXT] == now
    for scale in range(world.numbers[SCALES]):
        at = row + scale * SCALE_WORDS
        if is_known:
            world.excited[at + TOTAL] = world.excited[at + NEXT_TOTAL]
            world.excited[at + GAIN] = world.excited[at + NEXT_GAIN]
        else:
            left = exp(-real(world.decays, scale) * seconds)
            put_real(world.excited, at + TOTAL, left * real(world.excited, at + TOTAL))
            put_real(world.excited, at + GAIN, left * real(world.excited, at + GAIN))


@inner
def _renew(world: World, at: int) -> None:
    """Put the gain of a scale, which has become small, into its heights."""
    noinline()
    gain = real(world.excited, at + GAIN)
    for height in range(at + HEIGHTS, at + SCALE_WORDS):
        put_real(world.excited, height, gain * real(world.excited, height))
    put_real(world.excited, at + GAIN, 1.0)


@inner
def excite(world: World, market: int, source: int, mark: float) -> None:
    """What follows from an event of that type, now: intensities jump."""
    for scale in range(world.numbers[SCALES]):
        at, jumps = _row(world, market) + scale * SCALE_WORDS, (scale * SOURCE_COUNT + source) * TYPES
        if real(world.excited, at + GAIN) < LEAST_GAIN:
            _renew(world, at)
        share = mark / real(world.excited, at + GAIN)
        for kind in range(TYPES):
            height = real(world.excited, at + HEIGHTS + kind) + share * real(world.excitation, jumps + kind)
            put_real(world.excited, at + HEIGHTS + kind, height)
        children = real(world.children, scale * SOURCE_COUNT + source)
        total = real(world.excited, at + TOTAL) + mark * children * real(world.decays, scale)
        put_real(world.excited, at + TOTAL, total)


@inner
def arrived_type(world: World, market: int) -> int:
    """The type of the arrival that is due now, in proportion to the intensities."""
    row, scales, base = _row(world, market), world.numbers[SCALES], base_total(world, market)
    total = base
    for scale in range(scales):
        total += real(world.excited, row + scale * SCALE_WORDS + TOTAL)
    u = draw(world.random) * total
    if u < base:
        return base_type(world, market, u)
    u -= base
    at, last = row, row + (scales - 1) * SCALE_WORDS
    while at < last and u >= real(world.excited, at + TOTAL):
        u -= real(world.excited, at + TOTAL)
        at += SCALE_WORDS
    u /= real(world.excited, at + GAIN)
    kind = 0
    while kind < TYPES - 1 and u >= real(world.excited, at + HEIGHTS + kind):
        u -= real(world.excited, at + HEIGHTS + kind)
        kind += 1
    return kind


@inner
def excite_by_cancel(world: World, market: int, source: int) -> None:
    """An order was withdrawn. The arrival on the agenda stands, unless one that this excites comes before it: what
    follows from it is a process of its own, beside all that was there. Its events are drawn here; only the first of
    them counts, because with the next arrival all is drawn again."""
    noinline()
    advance(world, market)
    excite(world, market, source, 1.0)
    world.clocks[market * CLOCK_WORDS + CLOCK_NEXT] = 0  # its intensities are not known any more
    who = world.numbers[CAPACITY] + market
    due = world.due[world.place[who]]
    first, born = due, draw_exponential(world.random)
    while born < real(world.offspring, source):  # as many events as follow from it, by a Poisson law
        scale, u = 0, draw(world.random) * real(world.offspring, source)
        while scale < world.numbers[SCALES] - 1 and u >= real(world.children, scale * SOURCE_COUNT + source):
            u -= real(world.children, scale * SOURCE_COUNT + source)
            scale += 1
        seconds = draw_exponential(world.random) / real(world.decays, scale)
        first = min(first, world.numbers[NOW] + int(min(seconds, MOST_S) * NS))
        born += draw_exponential(world.random)
    if first < due:
        schedule(world, who, first)
