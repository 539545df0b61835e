"""One process in which many run: a clock that only waiting moves, actors of which one at a time runs, and a seed.

An actor is a greenlet that gives the turn back whenever it waits for anything: a reply, a moment, its luck. Who goes on
is drawn from the seed, so a run repeats exactly. A crash is an exception that no code of ours catches, raised where the
actor waits: between any two things that it does to the outside.
"""

import random
from collections.abc import Callable

from greenlet import getcurrent, greenlet

START_MS = 1_790_000_000_000


class Crash(BaseException):
    """kill -9."""


class Actor:
    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self.name = name
        self.body = body
        self.turn = greenlet(self._run)
        self.ready: Callable[[], bool] = lambda: True
        self.deadline = 0.0
        self.done = False
        self.frozen_until = 0.0  # stopped, or on a machine that swaps
        self.error: BaseException | None = None

    def _run(self) -> None:
        try:
            self.body()
        except Crash:
            pass
        except BaseException as error:
            self.error = error
        self.done = True


class World:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = 0.0  # seconds
        self.skew = 0.0  # how far the clock on the wall of our processes is wrong; that of Redis never is
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self._referee = getcurrent()
        self.turns = 0

    # For actors

    def wait(self, ready: Callable[[], bool] = lambda: False, seconds: float | None = None) -> bool:
        """Until `ready`, or so long; which of both. Crash may come instead."""
        actor = self.current
        if actor is None:  # the referee, outside of any actor
            assert ready() or seconds is not None
            return ready()
        actor.ready = ready
        actor.deadline = float("inf") if seconds is None else self.now + seconds
        self._referee.switch()
        return ready()

    def pause(self) -> None:
        """A moment at which others may run, and a crash may come."""
        self.wait(lambda: True)

    # For the referee

    def start(self, name: str, body: Callable[[], None]) -> Actor:
        actor = Actor(name, body)
        self.actors.append(actor)
        return actor

    def kill(self, actor: Actor) -> None:
        if actor.turn:  # alive, and has begun
            self.current = actor
            actor.turn.throw(Crash)
            self.current = None
            assert actor.done, f"{actor.name} survived its end"
        self.actors.remove(actor)

    def step(self, until: float) -> bool:
        """One turn of somebody who can go on; False once the clock has reached `until`."""
        runnable = [
            each
            for each in self.actors
            if not each.done and self.now >= each.frozen_until and (each.deadline <= self.now or each.ready())
        ]
        if runnable:
            self._give_turn(self.chance.choice(runnable))
            self.now += 0.00002
            return self.now < until
        moments = [max(each.deadline, each.frozen_until) for each in self.actors if not each.done]
        moments += [each.frozen_until for each in self.actors if each.frozen_until > self.now]
        self.now = min([until, *(moment for moment in moments if moment > self.now)])
        return self.now < until

    def _give_turn(self, actor: Actor) -> None:
        self.turns += 1
        self.current = actor
        actor.turn.switch()
        self.current = None


class Clock:
    """Stands in for the module `time`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def monotonic(self) -> float:
        return self._world.now + 1.0

    perf_counter = monotonic

    def time(self) -> float:
        return self.time_ns() / 1e9

    def time_ns(self) -> int:
        return START_MS * 1_000_000 + round((self._world.now + self._world.skew) * 1e9)

    def sleep(self, seconds: float) -> None:
        self._world.wait(seconds=seconds)
