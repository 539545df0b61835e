"""An order flow of one market on its way through our own engine: commands with their times in, events out.

Whatever comes from outside, a capture or a synthetic flow, is measured on such a tape (observations.py), and exported
from one (bench/lobster/): so both sides of a comparison go through the same book. Non-goals: speed beyond what a
capture needs, and more than one market at a time.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.flow import files
from bench.flow.messages import to_commands
from bench.replay import capture as captures
from bench.replay.capture import CaptureError
from bench.replay.flow import infer
from bench.replay.target import Kernel, venue
from engine_core.book.memory.state import Capacities
from engine_core.wire.codes import Side
from engine_core.wire.layout import COMMAND, join

NS_PER_MS = 1_000_000
NS_PER_DAY = 86_400 * 1_000 * NS_PER_MS
BLOCK = 1_024
CENT_E4 = 100  # the tick of a flow that does not say what it is in: a cent, in 1/10,000 of a currency unit
EXCHANGE_OPENS_NS = 34_200 * 1_000 * NS_PER_MS  # 09:30, of a flow that does not say when it was


class TapeError(Exception):
    """The flow cannot be read or played; the message says what, where and what to do."""


@dataclass(frozen=True)
class Tape:
    commands: np.ndarray  # COMMAND, client_id = number of the order; market and account are filled in by `play`
    time_ns: np.ndarray  # of each command, since the start
    tick_e4: int = CENT_E4  # what a tick is worth, in 1/10,000 of a currency unit
    midnight_ns: int = EXCHANGE_OPENS_NS  # the start, since midnight
    day: str = "1970-01-01"

    @property
    def opening(self) -> int:
        """So many commands, those of time 0, put up the book that was there at the start."""
        return int(np.searchsorted(self.time_ns, 0, "right"))


@dataclass(frozen=True)
class Played:
    """What the engine made of a tape."""

    tape: Tape
    events: np.ndarray  # EVENT; client_id = number of the order
    command: np.ndarray  # of each event: which command of the tape caused it

    @property
    def time_ns(self) -> np.ndarray:
        """Of each event."""
        times: np.ndarray = self.tape.time_ns[self.command]
        return times


def of_capture(folder: Path) -> Tape:
    """The commands behind a capture, as bench/replay/flow.py infers them."""
    capture = captures.read(folder.parent if folder.is_file() else folder)
    if capture.price_decimals > 4:
        raise CaptureError(f"{folder}: prices of {capture.price_decimals} decimals, at most 4 can be told in 1/10,000")
    flow = infer(capture)
    if not len(flow.commands):
        raise CaptureError(f"{folder}: the capture holds no orders")
    start_ms = int(flow.exchange_ms[0])
    return Tape(
        flow.commands,
        np.maximum.accumulate(flow.exchange_ms - start_ms) * NS_PER_MS,
        10 ** (4 - capture.price_decimals),
        start_ms * NS_PER_MS % NS_PER_DAY,
        str(np.datetime64(start_ms, "ms").astype("datetime64[D]")),
    )


def of_messages(messages: np.ndarray, market: int = 1) -> Tape:
    """One market of a synthetic flow."""
    own = messages[messages["market"] == market]
    if not len(own):
        raise TapeError(f"the flow has no message of market {market}: choose another one by --market")
    commands = to_commands(own)
    commands["side"] = own["side"]  # of cancels too: the account that play gives them is that of their side
    return Tape(commands, own["time_ns"].copy())


def of_flow_file(path: Path, market: int = 1) -> Tape:
    return of_messages(files.read(path), market)


def rounded_to_ms(tape: Tape) -> Tape:
    """As a capture would have told it whose clock ticks in milliseconds."""
    return replace(tape, time_ns=tape.time_ns // NS_PER_MS * NS_PER_MS)


def play(tape: Tape) -> Played:
    """The tape through a fresh engine in this process. All bids are one account's, all asks another's."""
    engine, answers, causes = Kernel(Capacities()), [], []
    with venue(engine, 0) as place:
        commands = place.address(tape.commands)
        assert commands.dtype == COMMAND and set(np.unique(commands["side"])) <= {Side.BID, Side.ASK}
        for first in range(0, len(commands), BLOCK):
            events = engine.execute(commands[first : first + BLOCK])
            answers.append(events)
            causes.append(first + events["index"].astype(np.int64))
    return Played(tape, join(answers), np.concatenate(causes))
