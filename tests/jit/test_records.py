"""Records declared as classes: packed, in the order of declaration, with second names for the same bytes."""

from typing import Annotated

import numpy as np

from engine_core.jit.records import I4, I8, U1, Record, Text8, dtype_of


class Base(Record):
    kind: U1
    price: I4


class Whole(Base):
    symbol: Text8
    amount: I8
    words: Annotated[I8, "symbol"]
    half: Annotated[I4, "amount"]
    last: U1


def test_fields_follow_each_other_without_gaps() -> None:
    assert dtype_of(Base) == np.dtype([("kind", "u1"), ("price", "<i4")])
    offsets = {name: dtype_of(Whole).fields[name][1] for name in ("kind", "price", "symbol", "amount", "last")}  # type: ignore[index]
    assert offsets == {"kind": 0, "price": 1, "symbol": 5, "amount": 13, "last": 21} and dtype_of(Whole).itemsize == 22


def test_a_second_name_is_the_same_bytes() -> None:
    rows = np.zeros(2, dtype_of(Whole))
    rows["symbol"], rows["half"] = b"SOL", -2
    assert rows["words"].tolist() == [int.from_bytes(b"SOL", "little")] * 2
    assert rows["amount"].tolist() == [2**32 - 2] * 2
