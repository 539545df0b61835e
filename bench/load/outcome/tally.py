"""What became of each order of one process: when it was due, when it was sent, when and how it was answered.

Columns with a place for each order; a run fills them, and its result is read off them when it has ended. An order
without an answer has no end: until it is looked up its outcome is unknown.
"""

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engine_core.wire.codes import CommandKind

# Statuses after which nobody knows whether the order was executed; 0: no answer came.
UNKNOWN_STATUSES = (0, 500, 502, 504)
NEVER = -1
MOST_REASONS = 50
_NUMBER = re.compile(r"\d+")
_COMMAND_COLUMNS = ("kind", "account", "client_id")
_TIMED_COLUMNS = ("due_ns", "sent_ns", "done_ns", "status", "late_ns")
_COLUMNS = (*_COMMAND_COLUMNS, *_TIMED_COLUMNS)


class Answer(msgspec.Struct):
    """What is read of a refusal."""

    code: str = ""
    message: str = ""

    @property
    def reason(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


_read = msgspec.json.Decoder(Answer)


@dataclass
class Columns:
    """Of any number of processes, in NumPy; times in nanoseconds of the run."""

    kind: np.ndarray  # of the command
    account: np.ndarray  # its place among the load's
    client_id: np.ndarray
    due_ns: np.ndarray
    sent_ns: np.ndarray  # NEVER: not sent
    done_ns: np.ndarray  # NEVER: not answered
    status: np.ndarray  # of HTTP; 0: none
    late_ns: np.ndarray  # how late the generator itself came to it
    refusals: dict[str, int] = field(default_factory=dict)  # by their reason
    notes: dict[str, int] = field(default_factory=dict)  # what else happened, and how often

    @classmethod
    def joined(cls, parts: list["Columns"]) -> "Columns":
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
        refusals, notes = Counter[str](), Counter[str]()
        for part in parts:
            refusals.update(part.refusals)
            notes.update(part.notes)
        return cls(**columns, refusals=dict(refusals), notes=dict(notes))

    def part(self, chosen: np.ndarray | slice) -> "Columns":
        columns = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return Columns(**columns, refusals=self.refusals, notes=self.notes)

    @property
    def is_accepted(self) -> np.ndarray:
        answer: np.ndarray = (self.status >= 200) & (self.status < 300)
        return answer

    @property
    def is_unknown(self) -> np.ndarray:
        """Sent, and nobody knows what became of it."""
        answer: np.ndarray = (self.sent_ns != NEVER) & np.isin(self.status, UNKNOWN_STATUSES)
        return answer

    @property
    def is_refused(self) -> np.ndarray:
        answer: np.ndarray = (self.sent_ns != NEVER) & ~self.is_accepted & ~self.is_unknown
        return answer

    def placed(self, chosen: np.ndarray) -> dict[int, set[int]]:
        """Client ids of the new orders among those chosen, by account."""
        placed: dict[int, set[int]] = {}
        mine = chosen & (self.kind == CommandKind.PLACE)
        for account, client_id in zip(self.account[mine].tolist(), self.client_id[mine].tolist(), strict=True):
            placed.setdefault(account, set()).add(client_id)
        return placed

    def waited_ns(self, end_ns: int) -> np.ndarray:
        """From when each was due until its answer; without one until the end, so that silence does not flatter."""
        done = np.where(self.done_ns == NEVER, end_ns, self.done_ns)
        answer: np.ndarray = np.maximum(0, done - self.due_ns)
        return answer


@dataclass
class Tally:
    """Being filled: plain arrays, into which a value is put in 30 ns."""

    due_ns: "array[int]"  # the class takes no parameters before Python 3.12
    sent_ns: "array[int]" = field(init=False)
    done_ns: "array[int]" = field(init=False)
    late_ns: "array[int]" = field(init=False)
    status: "array[int]" = field(init=False)
    refusals: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    answered: int = 0
    refused_items: int = 0  # orders in batches that were accepted
    seconds: float = 0.0  # that a run took, once it has ended
    fresh: list[int] = field(default_factory=list)  # latencies since somebody last looked

    def __post_init__(self) -> None:
        count = len(self.due_ns)
        self.sent_ns, self.done_ns = array("q", [NEVER]) * count, array("q", [NEVER]) * count
        self.late_ns, self.status = array("q", [0]) * count, array("q", [0]) * count

    def send(self, place: int, now_ns: int) -> None:
        self.sent_ns[place] = now_ns
        self.sent += 1

    def answer(self, place: int, now_ns: int, status: int) -> None:
        self.done_ns[place] = now_ns
        self.status[place] = status
        self.answered += 1
        self.fresh.append(now_ns - self.due_ns[place])

    def refuse(self, status: int, reason: str) -> None:
        name = _NUMBER.sub("N", reason) or f"HTTP {status}"  # a reason is one reason, whatever numbers are in it
        reasons = self.notes if status in UNKNOWN_STATUSES else self.refusals
        reasons[name if name in reasons or len(reasons) < MOST_REASONS else "others"] += 1

    def columns(self, commands: np.ndarray) -> Columns:
        columns = command_columns(commands)
        columns |= {name: np.array(getattr(self, name), np.int64) for name in _TIMED_COLUMNS}
        return Columns(**columns, refusals=dict(self.refusals), notes=dict(self.notes))


def command_columns(commands: np.ndarray) -> dict[str, np.ndarray]:
    return {name: commands[name].copy() for name in _COMMAND_COLUMNS}


def reason_of(body: bytes) -> str:
    """`CODE: message` of a refusal."""
    try:
        return _read.decode(body).reason
    except msgspec.DecodeError:
        return ""
