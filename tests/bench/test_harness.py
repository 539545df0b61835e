"""The public harness's adapter: what it asks of Python, and what is read of the harness."""

import ctypes

import numpy as np
import pytest

from bench.conformance.kernel import MESSAGE, REPORT
from bench.peers.harness.__main__ import rate
from bench.peers.harness.engine import CAPACITIES, start

SMALL = CAPACITIES._replace(orders=16, levels=16, pages=16)


def called(address: int, *words: int) -> int:
    function = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(words))(address)
    return int(function(*words))


@pytest.mark.timeout(900)  # kernels of the benchmarks are compiled once for each version of the code
def test_the_book_answers_for_itself() -> None:
    book, match, best, depth = start(SMALL, 16)
    assert [called(best, book, side) for side in (0, 1)] == [0, 0]
    messages, reports = np.zeros(3, MESSAGE), np.zeros(32, REPORT)
    messages["order_id"], messages["price"] = (1, 2, 3), (100, 100, 105)
    messages["side"], messages["quantity"] = (0, 0, 1), (5, 7, 9)
    assert called(match, book, messages.ctypes.data, 3, reports.ctypes.data, 32) == 3
    assert [called(best, book, side) for side in (0, 1)] == [100, 105]
    assert [called(depth, book, 0, price) for price in (100, 101)] == [12, 0]
    assert called(depth, book, 1, 105) == 9


def test_its_rate_is_read() -> None:
    assert rate("  Wall time:          1.1281 s\n  Throughput:         1.77 M msgs/s\n") == 1.77
    assert rate("ERROR: engine missing required symbol") == 0.0
