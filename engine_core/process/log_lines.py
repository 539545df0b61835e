"""What a line of a log looks like: for people, or with EXCHANGE_LOG_FORMAT=json one object a line, for programs; and
with EXCHANGE_LOG_ORDERS=1 the lines by which an order is followed.

Each process then tells of each block that is timed ([server] stages_every: 1 is all of them) which orders it is about,
and when it had done what. `grep ORDER` over the logs of all processes is the way of that order; `trace` is the same in
all of them, and the number of its trace in OpenTelemetry (`exchange traces`).
"""

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence

FORMATS = ("text", "json")
logger = logging.getLogger("orders")


class JsonLines(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line | getattr(record, "members", {}), ensure_ascii=False)


def formatter(process: str) -> logging.Formatter:
    """As the environment wants it."""
    wanted = os.environ.get("EXCHANGE_LOG_FORMAT") or "text"
    if wanted not in FORMATS:
        sys.exit(f"error: EXCHANGE_LOG_FORMAT: must be one of {', '.join(FORMATS)}, is {wanted[:40]!r}")
    if wanted == "json":
        return JsonLines(process)
    logging.Formatter.converter = time.gmtime
    return logging.Formatter(f"%(asctime)s.%(msecs)03dZ {process} %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")


def tells_orders() -> bool:
    return os.environ.get("EXCHANGE_LOG_ORDERS") == "1"


def trace_id(gateway: int, incarnation: int, sequence: int) -> str:
    """By what a block is known, as the 32 digits that a trace has."""
    return f"{gateway & 0xFFFFFFFF:08x}{incarnation & 0xFFFFFFFFFFFFFFFF:016x}{sequence & 0xFFFFFFFF:08x}"


def tell(sender: tuple[int, int, int], orders: Sequence[int], at: Mapping[str, float]) -> None:
    """`at`: seconds of perf_counter by what had been done."""
    offset, trace = time.time() - time.perf_counter(), trace_id(*sender)
    numbers = [str(order) for order in orders]
    members = {"trace": trace, "orders": numbers, "at": {what: round(when + offset, 6) for what, when in at.items()}}
    text = f"orders {','.join(numbers) or '-'} {', '.join(at)} trace {trace}"
    logger.info("%s", text, extra={"members": members})
