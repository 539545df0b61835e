"""One more shard while the exchange runs: its processes start, it gets the setup, and the edges begin anew, one by one.

    engine, writer, standbys of the new shard ─▶ reconcile ─▶ ingress, ingress.1, …, egress, …: each stops, starts, and
                                                              is ready before the next one stops

Who is connected to an edge meanwhile connects again; workers share their port, so another one answers. Nothing here
touches the shards that there were. Non-goals: what the programs are (operator/programs.py).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine_core.config.settings import Settings
from engine_core.host.children import Child, Program

RETRY_S = 5.0  # of what brings the setup, if it fails


@dataclass(frozen=True, slots=True)
class More:
    """What is to run with more shards, beside and in the place of what runs."""

    settings: Settings
    added: tuple[Program, ...]
    once: Program  # brings the setup to the new shards, and ends
    renewed: tuple[Program, ...]  # with the names of programs that run


class Growth:
    """`child`: a Child for a program; `start`: starts it."""

    def __init__(
        self,
        more: More,
        children: Sequence[Child],
        child: Callable[[Program], Child],
        start: Callable[[Child], None],
    ) -> None:
        self.settings = more.settings
        self._start = start
        self._added = [child(program) for program in more.added]
        for each in self._added:
            start(each)
        self._once, self._once_at = child(more.once), 0.0
        by_name = {each.program.name: each for each in children}
        self._renewed = [(by_name[program.name], program) for program in more.renewed]
        self._stopping: Child | None = None

    def step(self) -> bool:
        """Go on as far as is possible without waiting; whether all is done."""
        if not all(each.ready for each in self._added):
            return False
        if self._once.process is not None:
            return False
        if self._once.status != 0:
            if time.monotonic() >= self._once_at:
                self._once_at = time.monotonic() + RETRY_S
                self._start(self._once)
            return False
        if self._stopping is not None and not self._stopping.ready:
            return False
        if not self._renewed:
            return True
        self._stopping, program = self._renewed.pop(0)
        self._stopping.renew(program)
        return False
