"""Run conformance flows through the exchange's own book functions: python -m bench.conformance FILE [FILE ...]

Prints `name digest messages seconds` for each file (.bin or .bin.xz): seconds of the kernel alone, the median of
five passes after a warm-up, each on a fresh book; the last pass wrote the reports that the digest is of. A file that is
not exactly what the format allows ends in an error with the record's position, and exit status 1.

The format (little-endian): a 16-byte header (u64 magic, u32 version, u32 count), then `count` records of 40 bytes. The
slots, queues, levels and the matching loop are those of engine_core.book, compiled with this file's own idea of what a
trade means: a report. Order ids are the client's here, so a table finds the slot of an id.
"""

import argparse
import hashlib
import lzma
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from bench.conformance_kernel import MESSAGE, REPORT, TRADE, new_book, run_flow
from engine_core.arguments import file
from engine_core.wire.limits import MAX_PRICE_TICKS

MAGIC = 0x4D4542575F303031
VERSION = 1
HEADER = np.dtype([("magic", "<u8"), ("version", "<u4"), ("count", "<u4")])
NEW, CANCEL, MODIFY = 0, 1, 2
PASSES = 6  # one of them to warm up
DENSE = 16  # ids up to so many times the number of messages index a table directly


class FlowError(Exception):
    """The file is not a flow of this format; the message says where and why."""


class Flow(NamedTuple):
    messages: np.ndarray  # MESSAGE, whose order ids index `ids`, or are the client's own if there is no such table
    max_id: int
    ids: np.ndarray | None = None


def read_flow(path: Path) -> Flow:
    """The messages of a file, checked against everything that the format forbids."""
    try:
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
    except (OSError, lzma.LZMAError) as error:
        raise FlowError(f"cannot be read: {error}") from error
    if len(data) < HEADER.itemsize:
        raise FlowError(f"truncated: {len(data)} bytes, the header alone has {HEADER.itemsize}")
    header = np.frombuffer(data, HEADER, 1)[0]
    if header["magic"] != MAGIC:
        raise FlowError(f"wrong magic number {int(header['magic']):#x}, expected {MAGIC:#x}")
    if header["version"] != VERSION:
        raise FlowError(f"version {header['version']}, this reader knows version {VERSION}")
    expected = HEADER.itemsize + int(header["count"]) * MESSAGE.itemsize
    if len(data) != expected:
        whole = (len(data) - HEADER.itemsize) // MESSAGE.itemsize
        problem = "truncated" if len(data) < expected else "too long"
        raise FlowError(f"{problem}: {header['count']} records announced, {whole} whole ones present")
    messages = np.frombuffer(data, MESSAGE, int(header["count"]), HEADER.itemsize).copy()
    check(messages)
    return with_dense_ids(messages)


def with_dense_ids(messages: np.ndarray) -> Flow:
    """The flow, its ids numbered anew if a table of them would be mostly empty."""
    if int(messages["order_id"].max(initial=0)) <= DENSE * (len(messages) + 1):
        return Flow(messages, int(messages["order_id"].max(initial=0)))
    ids, messages["order_id"] = np.unique(messages["order_id"], return_inverse=True)
    return Flow(messages, len(ids), ids)


def check(messages: np.ndarray) -> None:
    """Raise FlowError for the first record that the format does not allow."""
    kind, side, ioc = messages["type"], messages["side"], messages["ioc"]
    new, cancel = kind == NEW, kind == CANCEL
    problems = [
        (kind > MODIFY, "unknown type {type}"),
        (side > 1, "unknown side {side}"),
        (ioc > 1, "unknown ioc flag {ioc}"),
        (~cancel & (messages["quantity"] == 0), "zero quantity"),
        (~cancel & (messages["price"] < 1), "price {price} below 1"),
        (~cancel & (messages["price"] > MAX_PRICE_TICKS), f"price {{price}} above {MAX_PRICE_TICKS}"),
    ]
    bad = [(int(np.argmax(mask)), text) for mask, text in problems if mask.any()]
    bad += _reused_ids(messages, new) + _changed_sides(messages, new)
    if bad:
        at, text = min(bad)
        detail = text.format(**{name: messages[name][at] for name in MESSAGE.names or ()})
        raise FlowError(f"record {at} (byte {HEADER.itemsize + at * MESSAGE.itemsize}): {detail}")


def _reused_ids(messages: np.ndarray, new: np.ndarray) -> list[tuple[int, str]]:
    positions = np.flatnonzero(new)
    order = np.argsort(messages["order_id"][positions], kind="stable")
    ids = messages["order_id"][positions][order]
    again = positions[order][1:][ids[1:] == ids[:-1]]
    return [(int(again.min()), "new order under the id {order_id}, which was used before")] if len(again) else []


def _changed_sides(messages: np.ndarray, new: np.ndarray) -> list[tuple[int, str]]:
    """Modifies with another side than the new order of that id had (an id never seen cannot contradict)."""
    positions = np.flatnonzero(new)
    ids, first = np.unique(messages["order_id"][positions], return_index=True)
    modifies = np.flatnonzero(messages["type"] == MODIFY)
    if not len(ids) or not len(modifies):
        return []
    where = np.minimum(np.searchsorted(ids, messages["order_id"][modifies]), len(ids) - 1)
    origin = positions[first[where]]
    known = (ids[where] == messages["order_id"][modifies]) & (origin < modifies)
    changed = modifies[known & (messages["side"][origin] != messages["side"][modifies])]
    return [(int(changed.min()), "modify to the other side")] if len(changed) else []


def report_text(reports: np.ndarray) -> bytes:
    """The canonical text: sorted stably by (sequence, line type), one line each."""
    rows = reports[np.lexsort((reports["kind"], reports["sequence"]))]
    names = ("kind", "sequence", "side", "order_id", "maker_id", "price", "quantity")
    lines = []
    for kind, sequence, side, order_id, maker_id, price, quantity in zip(
        *(rows[name].tolist() for name in names), strict=True
    ):
        if kind == 0 or kind == 3:
            lines.append(f"{kind},{sequence},{side},{order_id},{price},{quantity}")
        elif kind == 1:
            lines.append(f"1,{sequence},{price},{quantity},{maker_id},{order_id}")
        elif kind == 2:
            lines.append(f"2,{sequence},{side},{order_id},{price}")
        else:
            lines.append(f"{kind},{sequence},{order_id}")
    return "\n".join(lines).encode()


def digest_of(reports: np.ndarray) -> str:
    return hashlib.sha256(report_text(reports)).hexdigest()


def max_reports(messages: np.ndarray) -> int:
    """Two of each message at most, and one a trade: each trade ends a resting order or its own message."""
    return 4 * len(messages) + 16


def run(flow: Flow, passes: int = 1) -> tuple[np.ndarray, float]:
    """(reports, seconds of the kernel): each pass on a fresh book. The median of all but the first, which warms up."""
    reports, count = np.zeros(max_reports(flow.messages), REPORT), 0
    times = []
    for _ in range(passes):
        book = new_book(flow.messages, flow.max_id)
        touch((*book.state, book.slots, reports))
        started = time.perf_counter()
        count = run_flow(book.state, book.slots, flow.messages, reports)
        times.append(time.perf_counter() - started)
    seconds, reports = median(times[1:] or times), reports[:count]
    if flow.ids is not None:
        trades = reports["kind"] == TRADE
        reports["order_id"] = flow.ids[reports["order_id"]]
        reports["maker_id"][trades] = flow.ids[reports["maker_id"][trades]]
    return reports, seconds


def touch(arrays: Iterable[np.ndarray]) -> None:
    """Map the memory now, as in an engine that has been running."""
    for array in arrays:
        array.view(np.uint8).reshape(-1)[::4096] |= 0


def name_of(path: Path) -> str:
    return path.name.removesuffix(".xz").removesuffix(".bin")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.conformance", description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=file, metavar="FILE", help="a flow: .bin, or .bin.xz")
    options: Any = parser.parse_args(arguments)
    run(Flow(np.zeros(0, MESSAGE), 0))  # compile, so that the first file's seconds are of matching
    status = 0
    for path in options.files:
        try:
            flow = read_flow(path)
        except FlowError as error:
            print(f"{path}: {error}", file=sys.stderr)
            status = 1
            continue
        reports, seconds = run(flow, PASSES)
        print(f"{name_of(path)} {digest_of(reports)} {len(flow.messages)} {seconds:.6f}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
