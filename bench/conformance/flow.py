"""The order flows with known answers: how their files are read, and what the format forbids.

Little-endian: a 16-byte header (u64 magic, u32 version, u32 count), then `count` records of 40 bytes.
"""

import lzma
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.conformance.kernel import MESSAGE
from engine_core.wire.limits import MAX_PRICE_TICKS

SHARED = Path(__file__).resolve().parents[3] / "shared" / "conformance"
MAGIC = 0x4D4542575F303031
VERSION = 1
HEADER = np.dtype([("magic", "<u8"), ("version", "<u4"), ("count", "<u4")])
NEW, CANCEL, MODIFY = 0, 1, 2
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
    """The flow, its ids renumbered if a table of them would be mostly empty."""
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


def name_of(path: Path) -> str:
    return path.name.removesuffix(".xz").removesuffix(".bin")


def flow_path(shared: Path, name: str) -> Path:
    """The flow, packed or not."""
    plain = shared / f"{name}.bin"
    return plain if plain.exists() else shared / f"{name}.bin.xz"
