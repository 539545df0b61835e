"""Snapshots: the whole state of the book after one entry of the log, in a file that proves itself.

    DATA/snapshots/SHARD-ENTRY.snapshot        SHARD-1790000000000-0.snapshot, written under a name that begins with "."

    0        HEADER (below): which state, of which log, after which entry
    …        for each array of State, in its order: one byte a chunk (1: the same bytes as the chunk before), then the
             other chunks; most of a state is free records, all alike, which so take no room
    end - 32 SHA-256 of everything before

A file is complete or not there: it is synced before it gets its name. Reading checks the digest before anything is
believed. One of an earlier behaviour version is recognised (OldSnapshot), and read by migration.py alone. Non-goals:
when one is taken (schedule.py), and which one an engine starts from (runtime/recovery.py).
"""

import contextlib
import functools
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar

import numpy as np

from engine_core.book.memory.state import LOG_ID, SCALARS, Capacities, State, capacities_of, new_state
from engine_core.book.resize import rehash
from engine_core.wire.fingerprint import fingerprint as wire_fingerprint
from engine_core.wire.layout import BEHAVIOUR_VERSION, SCHEMA_VERSION
from engine_core.wire.streams import ORIGIN, EntryId

MAGIC = 0x31504E5348435845  # "EXCHSNP1"
FORMAT = 2
HASHED_AS_NOW = 2  # the format since which pages and nodes stand where this code looks for them
CHUNK_BYTES = 1 << 17  # about
TORN_SECONDS = 600.0
DIGEST_BYTES = 32
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)\.snapshot")

HEADER = np.dtype(
    [
        ("magic", "<i8"),
        ("format", "<i8"),
        ("fingerprint", "<i8"),  # of the records that the state consists of
        ("schema", "<i4"),
        ("behaviour", "<i4"),
        ("log_id", "<i8"),
        ("epoch", "<i8"),
        ("entry_ms", "<i8"),  # the last entry that the state contains
        ("entry_seq", "<i8"),
        ("mirror_crc", "<i8"),  # checksum of that entry in the event log: one that went back and grew again differs
        ("written_ms", "<i8"),
        # and as many int64 as there are Capacities
    ]
)


class SnapshotError(RuntimeError):
    """A file that is not a complete snapshot of this code; the message says which and why."""


class OldSnapshot(SnapshotError):
    """One that code of an earlier behaviour version wrote."""


class Arrays(Protocol):
    """A State, or what another code had for one."""

    @property
    def scalars(self) -> np.ndarray: ...

    def __iter__(self) -> Iterator[np.ndarray]: ...


A = TypeVar("A", bound=Arrays)
_SAME_BYTES = (0x1804A687F39D4999,)  # `state` of a market took goes_to and moves, too, which nobody counted: 0
_NAMED = {"scalars": "counters"}  # arrays by the name that they had when the first files were written


class Code(NamedTuple):
    """What the files of one code have in common, and those of another have not."""

    behaviour: int
    fingerprint: int  # of the records that its states consist of
    capacities: tuple[str, ...]
    same_bytes: tuple[int, ...] = ()  # fingerprints of records that had other names, and in all files the same bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which log a state is."""

    log_id: int
    epoch: int
    entry: EntryId
    mirror_crc: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    path: Path
    place: Place
    written_ms: int
    capacities: Capacities
    bytes: int
    format: int


def folder_of(data: Path) -> Path:
    return data / "snapshots"


def found(data: Path, shard: int) -> list[Path]:
    """The files that call themselves snapshots of the shard, of the newest entry first."""
    named = [(_NAME.fullmatch(path.name), path) for path in folder_of(data).glob(f"{shard}-*.snapshot")]
    entries = [((int(match[2]), int(match[3])), path) for match, path in named if match and int(match[1]) == shard]
    return [path for _, path in sorted(entries, reverse=True)]


def newest(data: Path, shard: int) -> EntryId:
    """The entry that the newest file is named after; ORIGIN if there is none."""
    match = next((_NAME.fullmatch(path.name) for path in found(data, shard)), None)
    return EntryId(int(match[2]), int(match[3])) if match else ORIGIN


def not_upgraded(data: Path, shard: int) -> str | None:
    """Why this code can start from none of the files, if that is because an earlier behaviour version wrote them."""
    why = None
    for path in found(data, shard):
        try:
            describe(path)
        except OldSnapshot as error:
            why = why or f"{error}, and has to be upgraded once: `exchange upgrade`"
        except SnapshotError:
            continue
        else:
            return None
    return why


def has_own(data: Path, shard: int) -> bool:
    """Whether this code wrote one of the files."""
    for path in found(data, shard):
        with contextlib.suppress(SnapshotError):
            describe(path)
            return True
    return False


def write(
    data: Path, shard: int, state: State, place: Place, done: Callable[[np.ndarray], None] = lambda chunk: None
) -> Path:
    """The path of the new snapshot, which is on the disk when this returns. `done`: called with each piece of the state
    that is not needed any more.
    """
    folder = folder_of(data)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{shard}-{place.entry}.snapshot"
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with temporary.open("wb", buffering=0) as file:
            for piece in _pieces(state, place, done):
                view = piece.view(np.uint8).data
                digest.update(view)
                while len(view):
                    view = view[file.write(view) :]
            file.write(digest.digest())
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return path


def sweep(data: Path, shard: int) -> None:
    """Remove what a child left that was killed in the middle: a file that nobody has written to for long.
    A standby may be writing one now.
    """
    for torn in folder_of(data).glob(f".{shard}-*.snapshot.*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - torn.stat().st_mtime > TORN_SECONDS:
                torn.unlink()


def describe(path: Path, code: Code | None = None) -> Snapshot:
    """What the header says, unproven; SnapshotError unless `code` (None: this one) wrote it."""
    try:
        with path.open("rb") as file:
            return _read_header(file, path, code or this_code())[0]
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error.strerror}") from None


def read(path: Path) -> tuple[Snapshot, State]:
    """A snapshot and its state; SnapshotError unless every byte is as it was written."""
    found, state = read_arrays(path, this_code(), new_state)
    if found.format < HASHED_AS_NOW:
        rehash(state)
    return found, state


def read_arrays(path: Path, code: Code, make: Callable[[Capacities], A]) -> tuple[Snapshot, A]:
    """The same of any code; `make` gives the arrays to read into: as that code laid them out, and in its order."""
    try:
        with path.open("rb", buffering=0) as file:
            snapshot, head = _read_header(file, path, code)
            state, digest = _made(path, make, snapshot.capacities), hashlib.sha256(head)
            for array in state:
                _read_array(file, array, digest, path)
            if file.read(DIGEST_BYTES + 1) != digest.digest():
                raise SnapshotError(f"{path} is damaged: its checksum does not fit")
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error.strerror}") from None
    if int(state.scalars[LOG_ID]) != snapshot.place.log_id:
        raise SnapshotError(f"{path} is damaged: its header names another log than its state")
    return snapshot, state


def _made(path: Path, make: Callable[[Capacities], A], capacities: Capacities) -> A:
    try:
        return make(capacities)
    except (ValueError, MemoryError, OverflowError, OSError) as error:  # the checksum comes last
        raise SnapshotError(f"{path} is damaged, or too large for this machine: {error}") from None


@functools.cache
def this_code() -> Code:
    """Its fingerprint: 63 bits that change with any record, array or scalar that a state consists of."""
    state = new_state(Capacities(*(1 for _ in Capacities._fields)))
    arrays = [(_NAMED.get(name, name), _fields(array.dtype)) for name, array in zip(State._fields, state, strict=True)]
    text = repr((arrays, SCALARS, Capacities._fields, wire_fingerprint()))
    fingerprint = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1
    return Code(BEHAVIOUR_VERSION, fingerprint, Capacities._fields, _SAME_BYTES)


def _fields(record: np.dtype) -> list[Any]:
    """What `descr` is of a record without second names of the same bytes; these change nothing in what is written."""
    first: dict[int, Any] = {}
    for name, (form, offset, *_) in (record.fields or {}).items():
        first.setdefault(offset, (name, form.str))
    return list(first.values()) or record.descr


def _read_header(file: BinaryIO, path: Path, code: Code) -> tuple[Snapshot, bytes]:
    """What stands before the arrays, and its bytes."""
    head = file.read(HEADER.itemsize)
    sizes = file.read(8 * len(code.capacities))
    if len(head) < HEADER.itemsize:
        raise SnapshotError(f"{path} is damaged: it ends within its header")
    header = np.frombuffer(head, HEADER)[0]
    if header["magic"] != MAGIC or not 1 <= header["format"] <= FORMAT:
        raise SnapshotError(f"{path} is not a snapshot of a format from 1 to {FORMAT}")
    if 0 < header["behaviour"] < code.behaviour:
        raise OldSnapshot(
            f"{path} was written by code of behaviour version {header['behaviour']}; this is version {code.behaviour}"
        )
    versions = int(header["schema"]), int(header["behaviour"])
    is_known = header["fingerprint"] in (code.fingerprint, *code.same_bytes)
    if versions != (SCHEMA_VERSION, code.behaviour) or not is_known:
        raise SnapshotError(
            f"{path} was written by other code (schema {versions[0]}, behaviour {versions[1]}; this is schema "
            f"{SCHEMA_VERSION}, behaviour {code.behaviour}, and the records of the book must be the same too)"
        )
    if len(sizes) < 8 * len(code.capacities):
        raise SnapshotError(f"{path} is damaged: it ends within its header")
    entry = EntryId(int(header["entry_ms"]), int(header["entry_seq"]))
    place = Place(int(header["log_id"]), int(header["epoch"]), entry, int(header["mirror_crc"]))
    capacities = Capacities(**dict(zip(code.capacities, np.frombuffer(sizes, "<i8").tolist(), strict=True)))
    written_ms, size, form = int(header["written_ms"]), path.stat().st_size, int(header["format"])
    return Snapshot(path, place, written_ms, capacities, size, form), head + sizes


def _pieces(state: State, place: Place, done: Callable[[np.ndarray], None]) -> Iterator[np.ndarray]:
    header = np.zeros(1, HEADER)
    header["magic"], header["format"], header["fingerprint"] = MAGIC, FORMAT, this_code().fingerprint
    header["schema"], header["behaviour"] = SCHEMA_VERSION, BEHAVIOUR_VERSION
    header["log_id"], header["epoch"], header["mirror_crc"] = place.log_id, place.epoch, place.mirror_crc
    header["entry_ms"], header["entry_seq"] = place.entry
    header["written_ms"] = time.time_ns() // 1_000_000
    yield header
    yield np.array(capacities_of(state), "<i8")
    for array in state:
        chunks = _chunks(array)
        alike = np.zeros(len(chunks), np.uint8)
        for number in range(1, len(chunks)):
            alike[number] = _same(chunks[number - 1], chunks[number])
        yield alike
        for chunk, same in zip(chunks, alike.tolist(), strict=True):
            if not same:
                yield chunk
            done(chunk)


def _chunks(array: np.ndarray) -> list[np.ndarray]:
    """The array's bytes in pieces of whole records, eight of them at least, so that free records make equal pieces."""
    size = max(CHUNK_BYTES // array.itemsize // 8, 1) * 8 * array.itemsize
    flat = array.view(np.uint8).reshape(-1)
    return [flat[first : first + size] for first in range(0, len(flat), size)]


def _same(before: np.ndarray, chunk: np.ndarray) -> bool:
    return len(before) == len(chunk) and bool((before.view(np.int64) == chunk.view(np.int64)).all())


def _read_array(file: BinaryIO, array: np.ndarray, digest: "hashlib._Hash", path: Path) -> None:
    chunks = _chunks(array)
    alike = np.empty(len(chunks), np.uint8)
    _fill(file, alike, digest, path)
    for number, same in enumerate(alike.tolist()):
        chunk = chunks[number]
        if not same:
            _fill(file, chunk, digest, path)
        elif number == 0 or len(chunk) != len(chunks[number - 1]):
            raise SnapshotError(f"{path} is damaged: a piece repeats another that does not fit")
        elif not _same(chunks[number - 1], chunk):  # free memory stays untouched
            chunk[:] = chunks[number - 1]


def _fill(file: BinaryIO, target: np.ndarray, digest: "hashlib._Hash", path: Path) -> None:
    view = target.data
    while len(view):
        count = file.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise SnapshotError(f"{path} is damaged: it ends too early")
        view = view[count:]
    digest.update(target.data)
