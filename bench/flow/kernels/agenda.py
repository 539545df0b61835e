"""What is due when: a heap of orders that will be withdrawn and of markets where something will arrive.

Behind the last entry everything is due at FAR, so that the nearer of two entries is found without a branch.
"""

from bench.flow.kernels.world import SCHEDULED, World
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner, wide
from engine_core.wire.limits import MAX_INT64

FAR = MAX_INT64


@hot
def _put(world: World, at: int, who: int, due: int) -> None:
    world.due[at] = due
    world.who[at] = who
    world.place[who] = at


@inner
def _rise(world: World, at: int, who: int, due: int) -> None:
    """Put an entry at this place or above it."""
    noinline()
    while at > 1:
        above = at >> 1
        if world.due[above] <= due:
            break
        _put(world, at, world.who[above], world.due[above])
        at = above
    _put(world, at, who, due)


@inner
def _sink(world: World, at: int, who: int, due: int) -> None:
    """Put an entry at this place or below it."""
    noinline()
    last = world.numbers[SCHEDULED]
    below = 2 * at
    while below <= last:
        below += wide(world.due[below + 1] < world.due[below])
        if world.due[below] >= due:
            break
        _put(world, at, world.who[below], world.due[below])
        at = below
        below = 2 * at
    _put(world, at, who, due)


@inner
def schedule(world: World, who: int, due: int) -> None:
    """Enter it, or move it to another time."""
    noinline()
    at = world.place[who]
    if at == 0:
        world.numbers[SCHEDULED] += 1
        _rise(world, world.numbers[SCHEDULED], who, due)
    elif due < world.due[at]:
        _rise(world, at, who, due)
    else:
        _sink(world, at, who, due)


@inner
def unschedule(world: World, who: int) -> None:
    noinline()
    at, last = world.place[who], world.numbers[SCHEDULED]
    world.place[who] = 0
    world.numbers[SCHEDULED] = last - 1
    moved, due = world.who[last], world.due[last]
    world.due[last] = FAR
    if at == last:
        return
    if at > 1 and due < world.due[at >> 1]:
        _rise(world, at, moved, due)
    else:
        _sink(world, at, moved, due)
