"""What is known of a log on Redis, and the checks that each reader makes before it trusts a position in it.

Reading a stream from a position that was trimmed away, or that lies above its top, silently skips entries; so on every
(re)connect a reader asks `describe` and then `check`. Non-goals: reading the log, and repairing it.
"""

from dataclasses import dataclass
from typing import Any

from engine_core.wire.layout import EVENT
from engine_core.wire.streams import FIELD, ORIGIN, BlockError, EntryId, decode_block


class LogError(RuntimeError):
    """The log is not the one expected, or does not hold what it must; the message says which and what to do."""


class LogBehind(LogError):
    """The log ends before a position that was reached in it. An engine that lives appends its lost end again, so for
    RESTORE_SECONDS a reader waits, and appends nothing; after that the log is another one."""


class LogTrimmed(LogError):
    """The log begins after a position that was reached in it: a reader that was away so long starts from a snapshot."""


RESTORE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class LogState:
    """One stream as Redis describes it now."""

    name: str
    log_id: int  # 0: the stream is empty
    epoch: int
    first: EntryId
    top: EntryId
    entries_added: int  # since it was made
    length: int

    @property
    def is_complete(self) -> bool:
        """Nothing was ever trimmed or deleted."""
        return self.entries_added == self.length

    def check(self, position: EntryId, log_id: int = 0) -> None:
        """LogError unless reading on after `position` of log `log_id` (0: any) misses nothing."""
        if log_id and self.log_id and log_id != self.log_id:
            raise LogError(
                f"{self.name} is log {self.log_id}, expected was log {log_id}: Redis holds another exchange's log, or "
                "this one was reset; restart this process to follow it"
            )
        if position > self.top:
            raise LogBehind(
                f"{self.name} ends at {self.top}, before position {position}: Redis lost its last entries, or holds "
                "an older copy of the log"
            )
        if position < self.first and not self.is_complete:
            raise LogTrimmed(
                f"{self.name} begins at {self.first}, after position {position}: it was trimmed, or "
                "entries were deleted; start from a snapshot"
            )


EMPTY = (0, 0, ORIGIN, ORIGIN, 0, 0)


def parse_description(name: str, reply: Any) -> LogState:
    """The answer of XINFO STREAM (a dict, of either client of redis-py) as a LogState."""
    top = EntryId.parse(reply["last-generated-id"])
    added, length = int(reply["entries-added"]), int(reply["length"])
    last = reply["last-entry"]
    if not last:
        return LogState(name, 0, 0, ORIGIN, top, added, 0)
    first = EntryId.parse(reply["first-entry"][0])
    log_id, epoch = _identity(name, last)
    return LogState(name, log_id, epoch, first, top, added, length)


def no_log(name: str) -> LogState:
    """A stream that does not exist."""
    return LogState(name, *EMPTY)


def _identity(name: str, entry: Any) -> tuple[int, int]:
    """(log id, epoch) in the header of an entry of the event log; anybody may append to the command log."""
    if not name.startswith("events"):
        return 0, 0
    fields = entry[1]
    block = fields[FIELD] if isinstance(fields, dict) else fields[1]
    try:
        header, _ = decode_block(block, EVENT)
    except BlockError as error:
        raise LogError(f"the last entry of {name} is damaged: {error}; restore the log from a copy") from None
    return header.log_id, header.epoch
