"""The numbers of one process at one moment, as it hands them to whoever watches: `exchange top` and the page's /status.

The same numbers as in /metrics, without a text to take apart. Non-goal: history.
"""

from pathlib import Path

import msgspec

from engine_core.process.sockets import ask

PATH = "/look"


class Number(msgspec.Struct, frozen=True):
    """A counter if its name ends in _total, else a gauge."""

    name: str
    value: str  # a plain decimal, as all numbers of the API that are not whole
    labels: dict[str, str] = {}

    @classmethod
    def of(cls, name: str, value: float, labels: dict[str, str]) -> "Number":
        return cls(name, f"{value:.6f}".rstrip("0").rstrip("."), labels)


class Times(msgspec.Struct, frozen=True):
    """A histogram: how many durations fell into each bucket of `LATENCY_S` and, last, beyond them."""

    name: str
    counts: list[int]
    labels: dict[str, str] = {}


class Look(msgspec.Struct, rename="camel"):
    role: str
    worker: int
    at_ms: int  # of a clock that never goes back; only differences mean something
    cpu_ms: int
    memory_bytes: int
    not_ready: str  # why no work should go there; empty: it may
    numbers: list[Number]
    times: list[Times]
    shard: int | None = None  # which it belongs to; None: it serves all


def look_at(path: Path) -> Look | None:
    """What the process behind the socket shows; None if it does not answer."""
    answer = ask(path, PATH)
    if answer is None or answer[0] != 200:
        return None
    return msgspec.json.decode(answer[1], type=Look)
