"""What is bound once reads as what is unpacked each time; and kernels that C calls."""

import ctypes
from typing import NamedTuple

import numpy as np
import pytest

from engine_core.jit.bound import Binding, bind, reader_of
from engine_core.jit.c_entry import c_entry, call, rows_at
from engine_core.jit.kernel import entry
from engine_core.jit.records import I4, I8, Record, dtype_of


class Pair(Record):
    small: I4
    large: I8


PAIR = dtype_of(Pair)


class Inside(NamedTuple):
    pairs: np.ndarray
    numbers: np.ndarray


class Outside(NamedTuple):
    sums: np.ndarray
    inside: Inside


def fresh(rows: int) -> Outside:
    return Outside(np.zeros(rows, np.int64), Inside(np.zeros(rows, PAIR), np.zeros(2 * rows, np.int32)))


bound = reader_of(lambda: fresh(1))


@entry
def work(table: np.ndarray, amount: int) -> int:
    all_of_it = bound(table)
    inside = all_of_it.inside
    for i in range(inside.pairs.size):
        pair = inside.pairs[i]
        pair.small += amount
        inside.numbers[2 * i] = -amount
        all_of_it.sums[i] = pair.small * 10
    return inside.numbers.size


def add(numbers: int, count: int) -> int:
    total, rows = 0, rows_at(numbers, count, PAIR)
    for i in range(rows.size):
        total += rows[i].large
    return total


@entry
def call_it(address: int, numbers: int, count: int) -> int:
    result: int = call(address, numbers, count)
    return result


def test_a_table_is_read_like_the_tuple() -> None:
    one, other = fresh(3), fresh(5)
    tables = bind(one), bind(other)
    assert [work(table, 7) for table in tables] == [6, 10]
    assert work(tables[0], 1) == 6
    assert one.sums.tolist() == [80] * 3 and one.inside.numbers.tolist() == [-1, 0] * 3
    assert other.inside.pairs["small"].tolist() == [7] * 5


def test_the_address_of_a_table_does_as_well() -> None:
    value = fresh(2)
    table = bind(value)
    assert work(table.ctypes.data, 3) == 4
    assert value.sums.tolist() == [30, 30]


READ_ONLY = np.zeros(2, np.int64)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("sums", [READ_ONLY, np.zeros(4, np.int64)[::2], np.zeros((2, 2), np.int64)])
def test_what_kernels_would_read_wrongly_is_not_bound(sums: np.ndarray) -> None:
    with pytest.raises(ValueError, match="may be written to can be bound"):
        bind(fresh(2)._replace(sums=sums))


def test_what_has_other_types_is_not_bound() -> None:
    with pytest.raises(TypeError, match="this Outside has other types"):
        Binding(lambda: fresh(1)).table(fresh(2)._replace(sums=np.zeros(2, np.int32)))


def test_a_binding_follows_the_value() -> None:
    binding, one, other = Binding(lambda: fresh(1)), fresh(2), fresh(2)
    assert binding.table(one) is binding.table(one)
    work(binding.table(other), 1)
    work(binding.table(one), 2)
    assert (one.sums.tolist(), other.sums.tolist()) == ([20, 20], [10, 10])


def test_c_calls_a_kernel() -> None:
    address, pairs = c_entry(add, 2), np.zeros(4, PAIR)
    pairs["large"] = 1, 20, 300, 1 << 40
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address)
    assert function(pairs.ctypes.data, 3) == 321
    assert call_it(address, pairs.ctypes.data, 4) == 321 + (1 << 40)
