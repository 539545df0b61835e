"""A captured order flow of a real venue, read from files and checked line by line.

Reads the layout of the public `ob-analytics` package (one folder: orders.csv.gz, trades.csv, meta.json), from the
installed files only: nothing is imported from the package and nothing of its data is kept. Not its job: to say which
commands caused the rows (bench/replay/flow.py), or to send any (bench/replay/).
"""

import csv
import gzip
import importlib
import importlib.metadata
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from engine_core.wire.codes import Side
from engine_core.wire.limits import MAX_PRICE_TICKS

PACKAGE = "ob-analytics"
VERSION = "0.1.0"
SIZE_DECIMALS = 8  # sizes of the capture: 1 lot = 10^-8 of the base asset
MARKET_PRICE_TICKS = 999_999_999  # what the venue writes for a market buy; a market sell has price 0
CREATED, CHANGED, DELETED = 1, 2, 3
_ACTIONS = {"created": CREATED, "changed": CHANGED, "deleted": DELETED}
_SIDES = {"bid": int(Side.BID), "ask": int(Side.ASK)}


class CaptureError(Exception):
    """The capture cannot be read; the message says which file and line, and what to do."""


class Row(NamedTuple):  # a third of a million of them: a tuple is made three times as fast as a frozen dataclass
    """One message about one order. `lots` is what was left of it afterwards."""

    order: int  # dense number, 1, 2, 3, ... by first appearance
    received_ms: int
    exchange_ms: int
    price_ticks: int
    lots: int
    action: int
    side: int


@dataclass(frozen=True, slots=True)
class Trade:
    """One line of the answer key, in dense order numbers."""

    trade_id: int
    taker: int
    maker: int
    price_ticks: int
    lots: int


@dataclass(frozen=True)
class Capture:
    rows: list[Row]
    trades: list[Trade]
    venue_ids: list[int]  # by dense order number; [0] is unused
    snapshot_rows: int  # the first rows: the book at the start, written by the collector
    closing_rows: int  # the last rows: deletes of what still rested, written by the collector
    price_decimals: int

    @property
    def live_events(self) -> int:
        return len(self.rows) - self.snapshot_rows - self.closing_rows


def locate() -> Path:
    """The folder of the installed package's capture."""
    importlib.invalidate_caches()  # it may have been installed a moment ago
    try:
        if importlib.metadata.version(PACKAGE) != VERSION:
            raise importlib.metadata.PackageNotFoundError(PACKAGE)
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise CaptureError(
            f"the capture package {PACKAGE} {VERSION} is not installed: run `exchange replay --install` (4 MB), "
            "or name a folder with orders.csv.gz, trades.csv and meta.json"
        ) from None
    for entry in files:
        if entry.name == "orders.csv.gz":
            return Path(str(entry.locate())).parent
    raise CaptureError(f"the installed {PACKAGE} holds no orders.csv.gz: run `exchange replay --install` again")


def _decimal(text: str, decimals: int, where: str) -> int:
    """`text` as an integer of 10^-decimals, exactly. (The collector wrote small sizes with an exponent.)"""
    whole, _, fraction = text.partition(".")
    if whole.isdecimal() and (not fraction or fraction.isdecimal()) and len(fraction) <= decimals:
        return int(whole + fraction.ljust(decimals, "0"))
    try:
        scaled = Decimal(text).scaleb(decimals)
        if scaled >= 0 and scaled == int(scaled):
            return int(scaled)
    except (ArithmeticError, ValueError):
        pass
    raise CaptureError(f"{where}: {text!r} is not a number of at most {decimals} decimals")


def _price(text: str, decimals: int, where: str) -> int:
    ticks = _decimal(text, decimals, where)
    if ticks == MARKET_PRICE_TICKS * 10**decimals:
        return MARKET_PRICE_TICKS
    if ticks > MAX_PRICE_TICKS:
        raise CaptureError(f"{where}: price {text} is {ticks} ticks of 10^-{decimals}, at most {MAX_PRICE_TICKS} exist")
    return ticks


def _table(path: Path, columns: list[str]) -> Iterator[tuple[str, list[str]]]:
    if not path.is_file():
        raise CaptureError(f"{path} is missing: a capture is a folder with orders.csv.gz, trades.csv and meta.json")
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as text:
            reader = csv.reader(text)
            header = next(reader, [])
            if header != columns:
                raise CaptureError(f"{path}: the columns are {header}, expected {columns}")
            for line, fields in enumerate(reader, 2):
                if len(fields) != len(columns):
                    raise CaptureError(f"{path} line {line}: {len(fields)} fields, expected {len(columns)}")
                yield f"{path.name} line {line}", fields
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise CaptureError(f"{path} cannot be read to its end: {error}: is it whole? Fetch it again") from None


def _price_decimals(rows: list[tuple[str, list[str]]]) -> int:
    return max((len(fields[3].partition(".")[2].rstrip("0")) for _, fields in rows), default=0)


def read(folder: Path) -> Capture:
    """The capture in `folder`, checked line by line."""
    orders = folder / "orders.csv.gz"
    if not orders.is_file() and (folder / "orders.csv").is_file():
        orders = folder / "orders.csv"
    columns = ["id", "timestamp", "exchange_timestamp", "price", "volume", "action", "direction"]
    lines = list(_table(orders, columns))
    decimals = _price_decimals(lines)
    numbers: dict[str, int] = {}
    venue_ids = [0]
    rows = []
    for where, (order, received, exchange, price, volume, action, direction) in lines:
        try:
            if order not in numbers:
                venue_ids.append(int(order))
            rows.append(
                Row(
                    order=numbers.setdefault(order, len(numbers) + 1),
                    received_ms=int(received),
                    exchange_ms=int(exchange),
                    price_ticks=_price(price, decimals, where),
                    lots=_decimal(volume, SIZE_DECIMALS, where),
                    action=_ACTIONS[action],
                    side=_SIDES[direction],
                )
            )
        except (KeyError, ValueError) as error:
            raise CaptureError(f"{where}: {error} is not understood") from error
    try:
        meta = json.loads((folder / "meta.json").read_text())
        snapshot, closing = int(meta["synthetic_created"]), int(meta["synthetic_deleted"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CaptureError(f"{folder / 'meta.json'} is missing or damaged ({error!r})") from error
    trades = list(_read_trades(folder / "trades.csv", numbers, decimals))
    return Capture(rows, trades, venue_ids, snapshot, closing, decimals)


def _read_trades(path: Path, numbers: dict[str, int], decimals: int) -> Iterator[Trade]:
    columns = [
        "trade_id",
        "timestamp",
        "exchange_timestamp",
        "price",
        "amount",
        "buy_order_id",
        "sell_order_id",
        "side",
    ]
    for where, (trade_id, _, _, price, amount, buyer, seller, side) in _table(path, columns):
        if buyer not in numbers or seller not in numbers:
            raise CaptureError(f"{where}: trades an order that orders.csv never mentions")
        taker, maker = (buyer, seller) if side == "buy" else (seller, buyer)
        price_ticks, lots = _decimal(price, decimals, where), _decimal(amount, SIZE_DECIMALS, where)
        if not trade_id.isdecimal():
            raise CaptureError(f"{where}: {trade_id!r} is no number of a trade")
        yield Trade(int(trade_id), numbers[taker], numbers[maker], price_ticks, lots)
