"""The clock of an open loop: hands over each order when it is due, whatever became of those before it.

An event loop's timers have a resolution of a millisecond, which is longer than an order takes; an interval timer of the
kernel wakes the loop by a signal, half a tenth of a millisecond late. How late the generator itself was is recorded:
it counts in the latencies as all lateness does, and the report says when it is what was measured.
"""

import asyncio
import signal
import time
from collections.abc import Callable

from bench.load.outcome.tally import Tally

AT_ONCE = 128  # orders handed over before answers are read


class Pace:
    """`send` gets the place of each order of the tally; `finished` is set after the last one."""

    def __init__(self, tally: Tally, send: Callable[[int], None], start_ns: int) -> None:
        self._tally, self._send, self._start_ns = tally, send, start_ns
        self._loop = asyncio.get_running_loop()
        self._next = 0
        self.finished = False

    def begin(self) -> None:
        self._loop.add_signal_handler(signal.SIGALRM, self._wake)
        self._wake()

    def stop(self) -> int:
        """No order is handed over from now on; how many were."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.finished = True
        return self._next

    def _wake(self) -> None:
        if self.finished:
            return
        tally = self._tally
        due_ns, total = tally.due_ns, len(tally.due_ns)
        last = min(self._next + AT_ONCE, total)
        while self._next < last:
            place = self._next
            left_ns = due_ns[place] + self._start_ns - time.monotonic_ns()
            if left_ns > 0:
                signal.setitimer(signal.ITIMER_REAL, left_ns / 1e9)
                return
            tally.late_ns[place] = -left_ns
            self._next = place + 1
            self._send(place)
        if self._next < total:
            self._loop.call_soon(self._wake)
        else:
            self.stop()
