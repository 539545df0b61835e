"""The two files of the LOBSTER format, checked line by line: messages, and the book after each of them.

    TICKER_YYYY-MM-DD_START_END_message_N.csv       START, END: milliseconds after midnight
    TICKER_YYYY-MM-DD_START_END_orderbook_N.csv     N: levels

A message is: seconds after midnight, type, order, size, price in 1/10,000 of a currency unit, direction (1: a bid, -1:
an ask; of an execution that of the order that rested). A row of the book is, level by level: ask price, ask size, bid
price, bid size; a level that is not there has size 0 and a price that none can have. No file has a header.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.report.saving import saving

SUBMISSION, REDUCTION, DELETION, EXECUTION, HIDDEN, CROSS, HALT = range(1, 8)
BID, ASK = 1, -1
NO_ASK, NO_BID = 9_999_999_999, -9_999_999_999  # prices of levels that are not there
NS_PER_S = 1_000_000_000
COLUMNS_OF_LEVEL = 4
MOST_LEVELS = 200
MOST_DIGITS = 18  # any of so many fit 64 bits
COMPRESSED = (".gz", ".7z", ".zip", ".xz", ".zst", ".bz2")
_NAME = re.compile(r"(?P<ticker>.+)_(?P<day>\d{4}-\d\d-\d\d)_(?P<start>\d+)_(?P<end>\d+)_message_(?P<levels>\d+)\.csv")
_TIME = re.compile(r"(\d{1,6})(?:\.(\d{1,9})0*)?", re.ASCII)

MESSAGE = np.dtype(
    [("time_ns", "<i8"), ("type", "<i8"), ("order", "<i8"), ("size", "<i8"), ("price", "<i8"), ("direction", "<i8")]
)


class LobsterError(Exception):
    """The files are not what the format says; the message says which file and line."""


@dataclass(frozen=True)
class Name:
    """What the names of a pair of files say."""

    ticker: str
    day: str
    start_ms: int
    end_ms: int
    levels: int

    def of(self, what: str) -> str:
        return f"{self.ticker}_{self.day}_{self.start_ms}_{self.end_ms}_{what}_{self.levels}.csv"


class Pair(NamedTuple):
    name: Name
    messages: np.ndarray  # MESSAGE
    book: np.ndarray | None  # [message, 4 * levels]; None: there is no such file


def name_of(path: Path) -> Name:
    found = _NAME.fullmatch(path.name)
    if not found:
        packed = ": decompress it first" if path.suffix in COMPRESSED else ""
        raise LobsterError(f"{path}: not named as TICKER_YYYY-MM-DD_START_END_message_LEVELS.csv{packed}")
    name = Name(found["ticker"], found["day"], int(found["start"]), int(found["end"]), int(found["levels"]))
    try:
        np.datetime64(name.day)
    except ValueError:
        raise LobsterError(f"{path}: {name.day} in its name is no date") from None
    if not 1 <= name.levels <= MOST_LEVELS:
        raise LobsterError(f"{path}: its name says {name.levels} levels, 1 to {MOST_LEVELS} can be read")
    return name


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig") as text:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield f"{path} line {number}", line.strip().split(",")
    except UnicodeDecodeError:
        raise LobsterError(f"{path}: holds bytes that are no text: is it still compressed?") from None


def _whole(text: str, where: str, what: str) -> int:
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        raise LobsterError(f"{where}: {what} must be a whole number, is {text!r:.40}")
    if len(digits) > MOST_DIGITS:
        raise LobsterError(f"{where}: {what} has more than {MOST_DIGITS} digits: {text!r:.40}")
    return int(text)


def _time_ns(text: str, where: str) -> int:
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise LobsterError(f"{where}: the time must be seconds with at most 9 decimals, is {text!r:.40}")
    return int(found[1]) * NS_PER_S + int((found[2] or "").ljust(9, "0"))


def _message(where: str, fields: list[str]) -> tuple[int, ...]:
    if len(fields) not in (6, 7):  # some years have a seventh, the name of who stands behind an order
        raise LobsterError(f"{where}: {len(fields)} fields, a message has 6")
    row = (
        _time_ns(fields[0], where),
        *(
            _whole(text, where, what)
            for text, what in zip(fields[1:6], ("type", "order", "size", "price", "direction"), strict=True)
        ),
    )
    if not SUBMISSION <= row[1] <= HALT:
        raise LobsterError(f"{where}: type {row[1]}, 1 to 7 exist")
    if row[1] <= EXECUTION and row[2] < 0:
        raise LobsterError(f"{where}: order {row[2]}, must not be negative")
    if row[1] != HALT and row[5] not in (BID, ASK):
        raise LobsterError(f"{where}: direction {row[5]}, must be 1 or -1")
    if row[1] <= HIDDEN and (row[3] <= 0 or row[4] <= 0):
        raise LobsterError(f"{where}: size {row[3]} at price {row[4]}, both must be above 0")
    return row


def read_messages(path: Path) -> np.ndarray:
    rows: list[tuple[int, ...]] = []
    for where, fields in _lines(path):
        row = _message(where, fields)
        if rows and row[0] < rows[-1][0]:
            raise LobsterError(f"{where}: its time is before that of the line above")
        rows.append(row)
    if not rows:
        raise LobsterError(f"{path}: holds no message")
    return np.array(rows, MESSAGE)


def read_book(path: Path, levels: int, messages: int) -> np.ndarray:
    width = COLUMNS_OF_LEVEL * levels
    try:
        book = np.loadtxt(path, np.int64, delimiter=",", ndmin=2, encoding="utf-8-sig")
    except (ValueError, UnicodeDecodeError):
        for where, fields in _lines(path):  # find the line, to name it
            for place, text in enumerate(fields, 1):
                _whole(text, where, f"field {place}")
            if len(fields) != width:
                break
        else:
            raise LobsterError(f"{path}: cannot be read as whole numbers") from None
        raise LobsterError(f"{where}: {len(fields)} fields, {levels} levels have {width}") from None
    if book.shape[1] != width:
        raise LobsterError(f"{path} line 1: {book.shape[1]} fields, {levels} levels have {width}")
    if len(book) != messages:
        raise LobsterError(f"{path}: {len(book)} rows for {messages} messages: there must be one after each")
    return book


def read(path: Path) -> Pair:
    """A message file, and the order-book file beside it if there is one."""
    name = name_of(path)
    messages = read_messages(path)
    beside = path.with_name(name.of("orderbook"))
    return Pair(name, messages, read_book(beside, name.levels, len(messages)) if beside.is_file() else None)


def _seconds(time_ns: int) -> str:
    return f"{time_ns // NS_PER_S}.{time_ns % NS_PER_S:09d}"


def write(folder: Path, pair: Pair) -> tuple[Path, Path]:
    """Both files; where they are."""
    message_path, book_path = (folder / pair.name.of(what) for what in ("message", "orderbook"))
    with saving(message_path), message_path.open("w", encoding="ascii") as text:
        for time_ns, *fields in pair.messages.tolist():
            text.write(f"{_seconds(time_ns)},{','.join(map(str, fields))}\n")
    assert pair.book is not None
    with saving(book_path):
        np.savetxt(book_path, pair.book, "%d", ",")
    return message_path, book_path
