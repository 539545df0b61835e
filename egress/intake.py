"""Fair turns: what clients sent is read a slice of one connection at a time, and never for long in a row.

One read may bring 40,000 small frames, and a thousand connections may each bring one at once. So each turn of the event
loop reads for a moment only, from any client; a connection with more to say stands at the end of the queue, and its
socket is not read meanwhile. Nothing is read from a client that does not take its answers, until it does. Thousands of
connections may also end at once; a turn ends a few.
Non-goals: what it costs an address (connections.py).
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

SLICE_BYTES = 2_048  # at most 340 frames
TURN_SECONDS = 0.002
ENDS_OF_TURN = 32  # connections: 2 ms, most of it in the tasks that end with them


class Speaker(Protocol):
    """A connection, to be read in slices."""

    def has_input(self) -> bool:
        """Whether there is something to read now."""

    def read_slice(self, size: int) -> None: ...


class Intake:
    def __init__(self) -> None:
        self._queue: deque[Speaker] = deque()
        self._ends: deque[Callable[[], None]] = deque()
        self._spent = 0.0  # in this turn of the loop
        self._ended = 0
        self._handle: asyncio.Handle | None = None

    def add(self, speaker: Speaker) -> None:
        """There is input that nobody has queued yet: read it now, if it is little and there is time, or soon."""
        if not self._queue and self._spent < TURN_SECONDS:
            self._read(speaker)
        if speaker.has_input():
            self._queue.append(speaker)
        self._go_on()

    def end(self, finish: Callable[[], None]) -> None:
        """A connection is gone: call `finish` now, or soon if many are."""
        self._ends.append(finish)
        self._end()
        self._go_on()

    def _end(self) -> None:
        while self._ends and self._ended < ENDS_OF_TURN:
            self._ended += 1
            self._ends.popleft()()

    def _go_on(self) -> None:
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._handle, self._spent, self._ended = None, 0.0, 0
        self._end()
        while self._queue and self._spent < TURN_SECONDS:
            speaker = self._queue.popleft()
            self._read(speaker)
            if speaker.has_input():
                self._queue.append(speaker)
        if self._queue or self._ends:
            self._go_on()

    def _read(self, speaker: Speaker) -> None:
        started = time.perf_counter()
        speaker.read_slice(SLICE_BYTES)
        self._spent += time.perf_counter() - started
