"""The row layer: every width, signed and unsigned, compiled, with bounds checks, and as plain Python.

What must hold of one compiled kernel stands in `check`; the other ways run this file's main in a process of their own.
"""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from engine_core.jit.codes import Codes, Flags
from engine_core.jit.kernel import JIT_DISABLED, kernel
from engine_core.jit.records import I1, I2, I4, I8, U1, U2, U4, U8, Record, dtype_of
from engine_core.jit.rows import Row, Rows, clear, copy, either_field, load_word, rows, seen_as, store_word


class Every(Record):
    """Fields of every width, none of them at a place that its width would want."""

    u1: U1
    i8: I8
    i1: I1
    u2: U2
    i2: I2
    u4: U4
    i4: I4
    u8: U8


class Colour(Codes):
    RED = 1
    BLUE = 7


class Mark(Flags):
    HIGH = 4
    WIDE = 8


EVERY = dtype_of(Every)
PAIR = np.dtype([("low", "<i4"), ("high", "<i4")])
WORD = np.dtype([("word", "<i8")])
OUTER = np.dtype([("before", "u1"), ("symbol", "S8"), ("inner", PAIR)])
set_u4_or_low = either_field("u4", "low")
WIDTHS = {name: np.iinfo(EVERY[name]) for name in EVERY.names or ()}


@kernel
def set_fields(array: np.ndarray, at: int, values: np.ndarray) -> int:
    row: Row = rows(array)[at]
    row.u1, row.i1, row.u2, row.i2 = values[0], values[1], values[2], values[3]
    row.u4, row.i4, row.i8, row.u8 = values[4], values[5], values[6], values[7]
    return row.u1 + row.i1 + row.u2 + row.i2 + row.u4 + row.i4 + row.i8 + row.u8


@kernel
def arithmetic(array: np.ndarray) -> int:
    row: Row = rows(array)[0]
    row.u1 = 255
    row.i1 = -128
    row.u4 = (1 << 32) - 1
    row.u2 -= 0
    return (row.u1 + 1) * 1000 + (row.i1 - 1) + (row.u4 + 1 - (1 << 32))


@kernel
def elements(array: np.ndarray, at: int, value: int) -> int:
    cells: Rows[int] = rows(array)
    cells[at] = value
    cells[at] += 1
    return cells[at] + cells.size


@kernel
def swap(array: np.ndarray) -> None:
    cells: Rows[Row] = rows(array)
    copy(cells[2], cells[0])
    copy(cells[0], cells[1])
    copy(cells[1], cells[2])
    clear(cells[2])


@kernel
def words(array: np.ndarray) -> int:
    row: Row = rows(array)[1]
    store_word(row, 0, (7 << 32) | 9)
    pair: Row = seen_as(row, PAIR)
    pair.low += 1
    return load_word(row, 0)


@kernel
def chosen(first: np.ndarray, second: np.ndarray, value: int) -> None:
    every: Row = rows(first)[1]
    pair: Row = rows(second)[1]
    set_u4_or_low(value > 0, every, pair, value)


@kernel
def nested(array: np.ndarray, other: np.ndarray) -> int:
    row: Row = rows(array)[0]
    copy(row.inner, rows(other)[0])
    row.inner.high += 1
    row.before = 200
    return row.symbol


@kernel
def fill(array: np.ndarray) -> None:
    rows(array)[0].low = 1


@kernel
def total(array: np.ndarray) -> int:
    low: int = rows(array)[2].low
    return low


@kernel
def coded(value: int) -> int:
    colour = Colour.RED
    if value > 3:
        colour = value
    if value & Mark.HIGH:
        colour += Mark.HIGH | Mark.WIDE
    return colour if colour != Colour.BLUE else -1


def _check_widths() -> None:
    array = np.zeros(3, EVERY)
    names = ("u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8")
    for end in ("min", "max"):
        values = [min(int(getattr(WIDTHS[name], end)), (1 << 63) - 1) for name in names]
        values[6] = 5  # the sum must fit
        values[7] = 0
        assert set_fields(array, 1, np.array(values, np.int64)) == sum(values)
        assert [int(array[1][name]) for name in names] == values
        assert not array[0].tobytes().strip(b"\0") and not array[2].tobytes().strip(b"\0"), "neighbours were touched"
    assert arithmetic(array) == 256_000 - 129 + 0
    for value in (-(1 << 63), (1 << 63) - 1):
        set_fields(array, 0, np.array([0] * 6 + [value, 0], np.int64))
        assert int(array[0]["i8"]) == value


def check() -> None:
    """All of it, in whichever way this process compiles kernels."""
    _check_widths()
    cells = np.zeros(4, np.uint16)
    assert elements(cells, 3, 65_534) == 65_539
    assert cells.tolist() == [0, 0, 0, 65_535]
    pairs = np.array([(1, 2), (3, 4), (5, 6)], PAIR)
    swap(pairs)
    assert pairs.tolist() == [(3, 4), (1, 2), (0, 0)]
    numbers = np.zeros(2, WORD)
    assert words(numbers) == (7 << 32) | 10
    every, pairs = np.zeros(3, EVERY), np.zeros(3, PAIR)
    for value in (7, -9):
        chosen(every, pairs, value)
    assert every["u4"].tolist() == [0, 7, 0] and pairs.tolist() == [(0, 0), (-9, 0), (0, 0)]
    assert every[1].tobytes().count(b"\0") == EVERY.itemsize - 1, "other fields were touched"
    outer = np.zeros(1, OUTER)
    outer["symbol"] = b"USDC"
    assert nested(outer, np.array([(8, 9)], PAIR)) == int.from_bytes(b"USDC", "little")
    assert outer["inner"].tolist() == [(8, 10)] and outer["before"].tolist() == [200]
    assert [coded(value) for value in (0, 4, 7, 8)] == [1, 16, 19, 8]


def check_bounds() -> None:
    for call in (
        lambda: elements(np.zeros(2, np.int64), 2, 0),
        lambda: set_fields(np.zeros(2, EVERY), 2, np.zeros(8, np.int64)),
    ):
        try:
            call()
        except (IndexError, AssertionError):
            continue
        raise AssertionError("an index outside was not found")


def test_compiled() -> None:
    assert not JIT_DISABLED
    check()


@pytest.mark.parametrize("flag", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT"])
def test_other_ways(flag: str) -> None:
    command = [sys.executable, "-m", "tests.jit.test_rows"]
    ended = subprocess.run(command, env={**os.environ, flag: "1"}, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_plain_python_refuses_what_does_not_fit() -> None:
    program = "import numpy as np; from tests.jit.test_rows import *; elements(np.zeros(1, np.uint8), 0, 256)"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0 and "256 does not fit" in ended.stderr


def test_what_may_only_be_read_cannot_be_written() -> None:
    """A kernel that writes does not even compile for a read-only array, however it writes."""
    pairs, numbers = np.zeros(3, PAIR), np.zeros(3, np.int64)
    pairs.flags.writeable = numbers.flags.writeable = False
    with pytest.raises(Exception, match=r"only be read|No implementation"):
        elements(numbers, 0, 1)
    for kernel_that_writes in (swap, words):
        with pytest.raises(Exception, match="only be read"):
            kernel_that_writes(pairs)
    with pytest.raises(Exception, match="only be read"):
        fill(pairs)
    assert total(pairs) == 0


def test_a_word_is_stored_whole() -> None:
    """A byte of it alone would make the processor wait when the word is read."""

    @numba.njit
    def marked(array: np.ndarray) -> None:
        row = rows(array)[0]
        store_word(row, 0, load_word(row, 0) & ~(0xFF << 48) | 4 << 48)

    numbers = np.array([(-1,)], WORD)
    marked(numbers)
    assert numbers["word"][0] == ~(0xFB << 48)
    (text,) = marked.inspect_asm().values()
    assert "movq" in text and "movb" not in text


def test_fields_of_different_widths_are_no_choice() -> None:
    set_u1_or_low = either_field("u1", "low")

    @kernel
    def misfit(first: np.ndarray, second: np.ndarray) -> None:
        set_u1_or_low(True, rows(first)[0], rows(second)[0], 1)

    with pytest.raises(Exception, match="set_either"):
        misfit(np.zeros(1, EVERY), np.zeros(1, PAIR))


def test_misspelt_fields_do_not_compile() -> None:
    @kernel
    def misspelt(array: np.ndarray) -> int:
        return rows(array)[0].quantitty  # type: ignore[no-any-return]

    with pytest.raises(Exception, match="quantitty"):
        misspelt(np.zeros(1, EVERY))


def test_mypy_knows_the_fields(tmp_path: Path) -> None:
    file = tmp_path / "uses.py"
    file.write_text(
        "from engine_core.jit.records import U4, Record\nfrom engine_core.jit.rows import Rows\n"
        "class Order(Record):\n"
        "    level: U4\n"
        "def right(orders: Rows[Order]) -> int:\n"
        "    return orders[0].level\n"
        "def wrong(orders: Rows[Order]) -> int:\n"
        "    return orders[0].lvel\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 'uses.py:8: error: "Order" has no attribute "lvel"' in ended.stdout
    assert "uses.py:6" not in ended.stdout


if __name__ == "__main__":
    check()
    if JIT_DISABLED or os.environ.get("NUMBA_BOUNDSCHECK"):
        check_bounds()
