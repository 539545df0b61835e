"""Engine time that is ahead of the clock: what is left of a clock that was wrong and has been put right.

Engine time never goes back, so until the clock has caught up every event is stamped with the moment that was reached,
and timers wait. Nothing is lost by it, but who runs the exchange must know. Non-goals: setting any clock.
"""

import logging
import time

TOLERATED_MS = 2_000  # clocks of several hosts differ by less

logger = logging.getLogger(__name__)


def ahead_ms(time_ms: int) -> int:
    """By how much engine time `time_ms` is ahead of this machine's clock; 0 for what clocks differ by anyway."""
    ahead = time_ms - time.time_ns() // 1_000_000
    return ahead if ahead > TOLERATED_MS else 0


def in_words(time_ms: int, ahead: int) -> str:
    """What that means, and until when."""
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_ms / 1000))
    return (
        f"engine time is {ahead / 1000:,.0f} s ahead of this machine's clock: a clock was, and it never goes back. "
        f"Until {end} all trades are stamped with that moment, and timers (dead-man switches, leases) wait"
    )


class Clock:
    """Says once that it is so, and once that it is over."""

    def __init__(self) -> None:
        self._is_ahead = False

    def look(self, time_ms: int) -> None:
        ahead = ahead_ms(time_ms)
        if ahead and not self._is_ahead:
            logger.warning("%s", in_words(time_ms, ahead))
        elif self._is_ahead and not ahead:
            logger.warning("engine time and this machine's clock agree again")
        self._is_ahead = bool(ahead)
