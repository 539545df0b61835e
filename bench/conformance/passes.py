"""Passes of a flow through the exchange's own book functions, and the digest of what they report.

The slots, queues, levels and the matching loop are those of engine_core.book, compiled with kernel.py's idea of what a
trade means: a report. Order ids are the client's here, so a table finds the slot of an id.
"""

import hashlib
import time
from collections.abc import Iterable
from statistics import median

import numpy as np

from bench.conformance.flow import Flow
from bench.conformance.kernel import REPORT, TRADE, new_book, run_flow


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
