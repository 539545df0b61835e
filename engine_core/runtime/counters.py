"""What an engine process counts and times; read by metrics, written by the loop alone."""

from dataclasses import dataclass
from typing import NamedTuple

from engine_core.process.metrics import Histogram


@dataclass(slots=True)
class Counters:
    """What an engine process did since it started."""

    entries: int = 0
    commands: int = 0
    events: int = 0
    reads: int = 0
    questions: int = 0
    ticks: int = 0
    wakeups: int = 0  # of sleeping readers
    reconnects: int = 0
    append_refusals: int = 0
    restored: int = 0  # times that Redis had lost the end of a log, and got it back
    takeovers: int = 0  # from standby to active
    replayed_commands: int = 0
    replay_seconds: float = 0.0


class Stages(NamedTuple):
    """How long the parts of an order's way through the engine take, batch by batch."""

    queue: Histogram
    match: Histogram
    confirm: Histogram

    @classmethod
    def new(cls) -> "Stages":
        stages = {
            "queue": "from the ID of the first entry of a read (whole milliseconds) until it was read",
            "match": "to execute a read: book, ring and the bytes of its events",
            "confirm": "from the first byte of an append to its confirmation",
        }
        text = "Time of one batch in each stage: "
        return cls(*(Histogram("stage_seconds", text + what, (("stage", name),)) for name, what in stages.items()))
