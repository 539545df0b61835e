"""The conformance flows give the published digests, and a file that is not one of them is refused with its position."""

import hashlib
import lzma
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from bench.conformance.__main__ import main
from bench.conformance.flow import HEADER, MAGIC, FlowError, read_flow
from bench.conformance.kernel import MESSAGE
from bench.conformance.passes import digest_of, report_text, run
from tests.book.obvious import BUY, CANCEL, MODIFY, NEW, SELL, ObviousBook, random_flow

SHARED = Path(__file__).resolve().parents[3] / "shared" / "conformance"
DIGESTS = {
    "static": "f360e2f206750539d109b613b18b48d3a9eaa42c22721734480189c394b14865",
    "normal": "99070bf220482ac06c7059c1e169baab18e47dfa0121ee57b15b6bd21be3d668",
    "swing-25": "d44eefb4ecaa0bc2f2329faf76dfa8b6ddda11d747335b8ff4d0925d2bc81f31",
    "swing-40": "4dde39db2ef4dddac82ce2efa1a6b97119fbd93da2283f7391b35b14306e418b",
    "flash-crash": "6395d5131f2c09c03c542ccebee609503279ae2f9f22457f2c483d6b72191aa8",
}


def shared() -> Path:
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{SHARED} is missing: the conformance flows belong beside the checkout")
        pytest.skip(f"{SHARED} is missing")
    return SHARED


@pytest.mark.parametrize("name", DIGESTS)
def test_published_flow(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(shared() / f"{name}.bin.xz")]) == 0
    told = capsys.readouterr()
    told_name, digest, messages, seconds = told.out.split()
    assert (told_name, digest, messages) == (name, DIGESTS[name], "199336")
    assert float(seconds) > 0
    assert told.err.endswith(f"{name}.bin.xz: right: the known answer\n")


def messages(*rows: tuple[int, int, int, int, int, int]) -> np.ndarray:
    """(type, side, ioc, quantity, order id, price) each, with sequence numbers 0, 1, 2, ..."""
    result = np.zeros(len(rows), MESSAGE)
    for at, row in enumerate(rows):
        for name, value in zip(("type", "side", "ioc", "quantity", "order_id", "price"), row, strict=True):
            result[at][name] = value
    result["sequence"] = np.arange(len(rows))
    return result


def write(path: Path, rows: np.ndarray, **header: int) -> Path:
    head = np.zeros(1, HEADER)
    head["magic"], head["version"], head["count"] = MAGIC, 1, len(rows)
    for name, value in header.items():
        head[name] = value
    path.write_bytes(head.tobytes() + rows.tobytes())
    return path


def lines(path: Path) -> list[tuple[int, ...]]:
    reports, _ = run(read_flow(path))
    names = ("kind", "sequence", "order_id", "maker_id", "price", "quantity")
    return [tuple(int(report[name]) for name in names) for report in reports]


@pytest.mark.parametrize(
    ("table", "status", "verdict"),
    [
        ("| `small.bin` (3) | `{digest}` | 0 |\n| `other.bin` | `{other}` | 0 |", 0, "right: the known answer"),
        ("| `other.bin` | `{digest}` | 0 |\n| `small.bin` | `{other}` | 0 |", 1, "WRONG: the known answer is {other}"),
        ("| `smaller.bin` | `{other}` | 0 |\n| `small.bin_1` | `{other}` |", 0, "no known answer"),
        (None, 0, "no known answer"),
    ],
)
def test_a_flow_is_held_against_the_answer_beside_it(
    table: str | None, status: int, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr: whoever reads the columns finds four, as ever."""
    path = write(tmp_path / "small.bin", messages((NEW, BUY, 0, 5, 1, 30_000)))
    digests = {"digest": digest_of(run(read_flow(path))[0]), "other": DIGESTS["normal"]}
    if table is not None:
        (tmp_path / "README.md").write_text(table.format(**digests), encoding="utf-8")
    assert main([str(path)]) == status
    told = capsys.readouterr()
    assert told.out.split()[:3] == ["small", digests["digest"], "1"] and len(told.out.split()) == 4
    assert f"small.bin: {verdict.format(**digests)}" in told.err


LARGE = 2**32 - 1
FAR = 2**63 + 5  # an id that no table can have


def test_edge_cases(tmp_path: Path) -> None:
    rows = messages(
        (CANCEL, BUY, 0, 0, FAR, 0),  # never seen
        (MODIFY, SELL, 0, 5, 7, 30_000),  # not seen yet
        (NEW, BUY, 1, 5, 1, 30_000),  # IOC on an empty book
        (NEW, SELL, 0, LARGE, 2, 68_992),
        (NEW, BUY, 0, LARGE, 3, 19_440),
        (NEW, BUY, 0, LARGE, 4, 68_992),  # exactly all of it
        (CANCEL, SELL, 0, 0, 2, 68_992),  # filled
        (CANCEL, BUY, 0, 0, 3, 19_440),
        (CANCEL, BUY, 0, 0, 3, 19_440),  # again
        (NEW, SELL, 0, 3, 5, 30_000),
        (NEW, SELL, 0, 4, 6, 30_001),
        (NEW, BUY, 0, 6, 7, 29_999),
        (MODIFY, BUY, 0, 6, 7, 30_001),  # crosses two levels
    )
    assert lines(write(tmp_path / "edges.bin", rows)) == [
        (4, 0, FAR, 0, 0, 0),
        (5, 1, 7, 0, 0, 0),
        (0, 2, 1, 0, 30_000, 5),
        (2, 2, 1, 0, 30_000, 0),
        (0, 3, 2, 0, 68_992, LARGE),
        (0, 4, 3, 0, 19_440, LARGE),
        (0, 5, 4, 0, 68_992, LARGE),
        (1, 5, 4, 2, 68_992, LARGE),
        (4, 6, 2, 0, 0, 0),
        (2, 7, 3, 0, 19_440, 0),
        (4, 8, 3, 0, 0, 0),
        (0, 9, 5, 0, 30_000, 3),
        (0, 10, 6, 0, 30_001, 4),
        (0, 11, 7, 0, 29_999, 6),
        (3, 12, 7, 0, 30_001, 6),
        (1, 12, 7, 5, 30_000, 3),
        (1, 12, 7, 6, 30_001, 3),
    ]


def test_sweep_refill_and_next_best(tmp_path: Path) -> None:
    """A sweep over many levels, a level emptied and filled again, and what is best after the best was cancelled."""
    rows = [(NEW, SELL, 0, 1, number, 30_000 + 97 * number) for number in range(60)]
    rows += [(NEW, BUY, 0, 50, 100, 68_992), (NEW, SELL, 0, 2, 101, 30_000), (NEW, BUY, 0, 2, 102, 30_000)]
    rows += [(NEW, SELL, 0, 3, 103, 30_000), (CANCEL, SELL, 0, 0, 103, 30_000), (NEW, BUY, 1, 1, 104, 68_992)]
    rows += [(MODIFY, SELL, 0, 9, 55, 19_440), (NEW, BUY, 0, 1, 105, 19_440), (MODIFY, SELL, 0, 9, 55, 20_000)]
    flow = messages(*rows)
    obvious = ObviousBook()
    obvious.play(flow)
    assert report_text(run(read_flow(write(tmp_path / "sweep.bin", flow)))[0]).decode().splitlines() == obvious.lines
    assert sum(line.startswith("1,") for line in obvious.lines) == 53


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_flow_through_the_command(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest that an obvious book gives: ids never seen, repeated cancels, crossing modifies, prices far apart."""
    distances = (0, 1, 2, 63, 64, 4_000, 20_000)
    rows = random_flow(Random(seed), 2_000, 44_000, distances, low=19_440, high=68_992)
    obvious = ObviousBook()
    obvious.play(rows)
    assert main([str(write(tmp_path / "random.bin", rows))]) == 0
    assert capsys.readouterr().out.split()[1] == hashlib.sha256("\n".join(obvious.lines).encode()).hexdigest()
    assert {line[0] for line in obvious.lines} == set("012345")


def test_empty_flow(tmp_path: Path) -> None:
    flow = read_flow(write(tmp_path / "empty.bin", messages()))
    assert digest_of(run(flow)[0]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_any_positive_price_is_one(tmp_path: Path) -> None:
    rows = messages(
        (NEW, SELL, 0, 5, 1, (1 << 31) - 1),
        (NEW, BUY, 0, 5, 2, 1),
        (NEW, SELL, 0, 3, 3, 69_441),
        (NEW, BUY, 0, 3, 4, 69_441),
    )
    flow = read_flow(write(tmp_path / "wide.bin", rows))
    lines = report_text(run(flow)[0]).decode().splitlines()
    assert lines[-1] == "1,3,69441,3,3,4" and len(lines) == 5
    apart = messages((NEW, SELL, 0, 5, 1, (1 << 31) - 1), (NEW, BUY, 0, 5, 2, (1 << 31) - 1), (NEW, BUY, 1, 5, 3, 1))
    assert len(run(read_flow(write(tmp_path / "apart.bin", apart)))[0]) == 5


GOOD = (NEW, BUY, 0, 5, 1, 30_000)
BAD_ROWS = {
    "unknown type 3": (3, BUY, 0, 5, 2, 30_000),
    "unknown side 2": (NEW, 2, 0, 5, 2, 30_000),
    "unknown ioc flag 2": (NEW, BUY, 2, 5, 2, 30_000),
    "used before": (NEW, BUY, 0, 5, 1, 30_000),
    "zero quantity": (NEW, BUY, 0, 0, 2, 30_000),
    "other side": (MODIFY, SELL, 0, 5, 1, 30_000),
    "price 0 below 1": (NEW, BUY, 0, 5, 2, 0),
    "price -1 below 1": (MODIFY, BUY, 0, 5, 1, -1),
    "price 2147483648 above 2147483647": (NEW, BUY, 0, 5, 2, 1 << 31),
}


@pytest.mark.parametrize("problem", BAD_ROWS)
def test_bad_record_is_named(problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "bad.bin", messages(GOOD, BAD_ROWS[problem]))
    assert main([str(path)]) == 1
    told = capsys.readouterr()
    assert told.out == "" and "record 1 (byte 56)" in told.err and problem in told.err


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "too long": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "the header alone": lambda path: path.write_bytes(b"100"),
    "magic": lambda path: write(path, messages(GOOD), magic=5),
    "version 2": lambda path: write(path, messages(GOOD), version=2),
    "cannot be read": lambda path: path.unlink(),
}


@pytest.mark.parametrize("problem", BAD_FILES)
def test_bad_file_is_refused(problem: str, tmp_path: Path) -> None:
    path = write(tmp_path / "bad.bin", messages(GOOD))
    BAD_FILES[problem](path)
    with pytest.raises(FlowError, match=problem):
        read_flow(path)


def test_packed_file(tmp_path: Path) -> None:
    path = write(tmp_path / "flow.bin", messages(GOOD))
    packed = tmp_path / "flow.bin.xz"
    packed.write_bytes(lzma.compress(path.read_bytes()))
    assert lines(packed) == lines(path) != []
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(FlowError, match="cannot be read"):
        read_flow(packed)
