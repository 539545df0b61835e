"""Flow files: MESSAGE records (messages.py) as one array of NumPy's .npy format.

Whoever reads one, reads it here: every column is checked, so that what follows may index by it and add to it. Non-goal:
whether an exchange would accept the orders; that is for it to say.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from bench.flow.messages import MESSAGE
from engine_core.jit.codes import Codes
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.limits import FEE_ACCOUNT, MAX_ACCOUNT, MAX_MARKETS, MAX_PRICE_TICKS

LONGEST_S = 31 * 86_400  # what is measured on a flow is counted second by second
MOST_LOTS = (
    10**15
)  # of an order: twenty times as many, and the sum of a thousand such orders, still are 64-bit integers
FLAGS = OrderFlag.POST_ONLY | OrderFlag.TRIGGER | OrderFlag.ICEBERG
WRITES_ONE = "`exchange bench flow -o FILE.npy` writes one"


class FlowFileError(Exception):
    """The file holds no flow; the message says which file, which row and what is allowed."""


class _Bounds(NamedTuple):
    """Of a column; both ends are allowed."""

    low: int
    high: int
    of_place: int  # `low` of a PLACE
    codes: str = ""


def _codes(kind: type[Codes]) -> _Bounds:
    """0 is no code: what says nothing of an order that is there already."""
    return _Bounds(0, max(kind), min(kind), f" ({', '.join(code.name for code in kind)})")


def _bounds(rows: int) -> dict[str, _Bounds]:
    kinds = (CommandKind.PLACE, CommandKind.CANCEL, CommandKind.AMEND)
    return {
        "kind": _Bounds(min(kinds), max(kinds), min(kinds), f" ({', '.join(kind.name for kind in kinds)})"),
        "side": _codes(Side)._replace(low=min(Side)),
        "order_type": _codes(OrderType),
        "time_in_force": _codes(TimeInForce),
        "self_trade": _codes(SelfTrade),
        "market": _Bounds(1, MAX_MARKETS, 1),
        "account": _Bounds(1, MAX_ACCOUNT - FEE_ACCOUNT, 1),
        "order": _Bounds(1, rows, 1),  # they are numbered by first appearance
        "time_ns": _Bounds(0, LONGEST_S * 10**9, 0),
        "lots": _Bounds(0, MOST_LOTS, 1),
        "display_lots": _Bounds(0, MOST_LOTS, 0),
        "price_ticks": _Bounds(0, MAX_PRICE_TICKS, 0),
        "trigger_ticks": _Bounds(0, MAX_PRICE_TICKS, 0),
    }


def read(path: Path) -> np.ndarray:
    """The messages of a flow file."""
    try:
        with path.open("rb") as file:
            messages: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise FlowFileError(f"{path}: cannot be read as a flow ({error}); {WRITES_ONE}") from None
    if messages.dtype != MESSAGE:
        held = messages.dtype if messages.dtype.names is None else f"records of {messages.dtype.itemsize} bytes"
        raise FlowFileError(f"{path}: holds {held}, not messages of a flow; {WRITES_ONE}")
    if messages.ndim != 1:
        raise FlowFileError(f"{path}: holds an array of {messages.shape}, a flow has one dimension; {WRITES_ONE}")
    if not len(messages):
        raise FlowFileError(f"{path}: holds no message; {WRITES_ONE}")
    _check(path, messages)
    return messages


def _check(path: Path, messages: np.ndarray) -> None:
    """Raise FlowFileError for the first row that no flow has."""
    places, times = messages["kind"] == CommandKind.PLACE, messages["time_ns"]
    problems = []
    for name, bounds in _bounds(len(messages)).items():
        low = np.where(places, bounds.of_place, bounds.low) if bounds.of_place != bounds.low else bounds.low
        bad = (messages[name] < low) | (messages[name] > bounds.high)
        if bad.any():
            row = int(np.argmax(bad))
            lowest = bounds.of_place if places[row] else bounds.low
            problems.append((row, name, f"must be from {lowest:,} to {bounds.high:,}{bounds.codes}"))
    other = messages["flags"] & ~np.uint8(FLAGS) != 0
    if other.any():
        names = " | ".join(str(flag.name) for flag in FLAGS)
        problems.append((int(np.argmax(other)), "flags", f"may have {int(FLAGS)} ({names}) and no other bit"))
    back = times[1:] < times[:-1]
    if back.any():
        row = int(np.argmax(back)) + 1
        problems.append((row, "time_ns", f"must not be below {times[row - 1]:,}, that of the row above"))
    if problems:
        row, name, allowed = min(problems, key=lambda problem: problem[0])  # of one row the first that was found
        raise FlowFileError(f"{path}: row {row} (the first is 0): {name} is {messages[name][row]:,}: {allowed}")


def write(path: Path, parts: Iterable[np.ndarray]) -> None:
    """A flow file of these messages, piece after piece. If that fails, or making the pieces does, there is no file."""
    try:
        with path.open("wb") as file:
            _write_header(file, 0)
            count = 0
            for part in parts:
                file.write(part.tobytes())
                count += len(part)
            _write_header(file, count)
    except BaseException as error:
        if path.is_file():  # not a device
            path.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, f"cannot be written: {error.strerror}", str(path)) from None
        raise


def _write_header(file: BinaryIO, count: int) -> None:
    """Of an .npy file. Its length is the same for any count: NumPy leaves room for it to grow."""
    file.seek(0)
    header = {"descr": np.lib.format.dtype_to_descr(MESSAGE), "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(file, header)
