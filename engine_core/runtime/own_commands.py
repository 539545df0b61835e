"""Commands that an engine appends by itself: TICK, so that due timers fire, and CAPACITY, when it may hold more than
the log says.

They go by the connection that events are appended with: its log was compared, and it is never made anew behind our
back, as one of a pool is. So none gets into a log that has lost what this engine must give back first.
"""

import logging
import secrets
import time

import numpy as np

from engine_core.book.memory.state import FIRED, TIMERS, Capacities, State, capacities_of
from engine_core.runtime.config import TICK_MS, EngineConfig
from engine_core.runtime.counters import Counters
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import capacity_records
from engine_core.transport.gateway import TOOL_NUMBERS
from engine_core.transport.redis_connection import Connection
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import COMMAND
from engine_core.wire.streams import FIELD, Header, encode_block, keys, pack

logger = logging.getLogger(__name__)


class OwnCommands:
    def __init__(self, config: EngineConfig, counters: Counters) -> None:
        self._config, self._counters = config, counters
        self._connection: Connection | None = None
        self._machine: Machine | None = None
        self._orders = keys(config.shard).orders.encode()
        self._gateway = TOOL_NUMBERS + secrets.randbits(31)
        self._incarnation, self._sequence = 0, 1
        self._growth: np.ndarray | None = None  # capacities to tell the log
        self.next_tick = 0.0  # none before it

    def connect(self, connection: Connection, machine: Machine) -> None:
        """From now on append over this connection, while nothing else of it is under way."""
        self._connection, self._machine = connection, machine
        self._incarnation, self._sequence = max(time.time_ns(), self._incarnation + 1), 1

    def disconnect(self) -> None:
        self._connection = None

    def raise_capacities(self, state: State) -> None:
        """Have the log say that the configuration has larger ones: so all execute the same from there on."""
        now, wanted = capacities_of(state), self._config.capacities
        raised = Capacities(*map(max, now, wanted))
        if raised[:-1] != wanted[:-1]:
            logger.warning("capacities can only be raised: these stay as they are, %s", now)
        self._growth = capacity_records(raised) if raised[:-1] != now[:-1] else None
        self.append_growth()

    def append_growth(self) -> None:
        if self._growth is not None and self._append(self._growth):
            self._growth = None

    def tick(self, state: State) -> None:
        """Append TICK, at most every TICK_MS, while something is due: engine time passes only by commands."""
        due_ms = due_at(state)
        now = time.monotonic()
        if due_ms is None or due_ms > time.time_ns() // 1_000_000 or now < self.next_tick:
            return
        self.next_tick = now + (TICK_MS if due_ms else TICK_MS / 20) / 1000  # a market may be waiting for it
        tick = np.zeros(1, COMMAND)
        tick["kind"] = CommandKind.TICK
        self._counters.ticks += self._append(tick)

    def _append(self, records: np.ndarray) -> bool:
        """Append a block of our own; False if Redis has no room for it now."""
        assert self._connection is not None and self._machine is not None
        log, names = (self._machine.log_id, self._machine.epoch), (self._gateway, self._incarnation, self._sequence)
        header = Header(*log, *names, time.time_ns() // 1_000_000)
        self._connection.send([pack(b"XADD", self._orders, b"*", FIELD, encode_block(header, records))])
        reply = self._connection.receive()
        if isinstance(reply, Exception):
            self._counters.append_refusals += 1
            logger.error("Redis takes no command of the engine's own, trying again: %s", reply)
            return False
        self._sequence += 1
        return True


def due_at(state: State) -> int | None:
    """When work that waits for time to pass is due, in engine time."""
    if state.levels[FIRED]["head"] != 0:
        return 0  # what did not fit into the last command
    if state.scalars[TIMERS] == 0:
        return None
    return int(state.timers[state.timer_heap[1]]["due_ms"])
