"""History is readable the moment something happened, whatever the writer does, and from whichever ingress process."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.exchange import PATIENCE_SECONDS, eventually
from tests.folders import short_folder
from tests.ingress.fakes import READER, Signer
from tests.processes import free_port, process
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled

ORDER = "/api/v1/order"
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}


@pytest.fixture(autouse=True)
def _empty_book(venue: Venue) -> Iterator[None]:
    yield
    for key in (READER, None):
        options = {} if key is None else {"key": key}
        venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, **options)


def trade(venue: Venue) -> tuple[str, str]:
    """(maker's order, taker's order) of one trade."""
    maker = venue.send("POST", ORDER, "orderExecute", LIMIT | {"side": "Ask"}, READER).json()
    taker = venue.send("POST", ORDER, "orderExecute", LIMIT).json()
    assert taker["status"] == "Filled", taker
    return maker["id"], taker["id"]


def check(client: httpx.Client, maker: str, taker: str) -> None:
    """Both orders, both fills, the trade and its candle are there."""
    signer = Signer(client)

    def told(make: Callable[[], httpx.Request]) -> list[dict[str, Any]]:
        """503 rather than leave anything out; asked again, it tells."""
        found = eventually(lambda: client.send(make()), lambda answer: answer.status_code != 503, "history")
        assert found.status_code == 200, found.text
        rows: list[dict[str, Any]] = found.json()
        return rows

    def read(path: str, instruction: str, order_id: str, **options: Any) -> list[dict[str, Any]]:
        return told(lambda: signer.request("GET", path, instruction, {"orderId": order_id}, **options))

    def public(url: str) -> list[dict[str, Any]]:
        return told(lambda: client.build_request("GET", url))

    (fill,) = read("/wapi/v1/history/fills", "fillHistoryQueryAll", taker)
    (other,) = read("/wapi/v1/history/fills", "fillHistoryQueryAll", maker, key=READER)
    assert (fill["isMaker"], other["isMaker"], fill["tradeId"]) == (False, True, other["tradeId"])
    (taken,) = read("/wapi/v1/history/orders", "orderHistoryQueryAll", taker)
    (made,) = read("/wapi/v1/history/orders", "orderHistoryQueryAll", maker, key=READER)
    assert taken["status"] == made["status"] == "Filled"
    trades = public("/api/v1/trades/history?symbol=SOL_USDC&limit=50&offset=0")
    assert fill["tradeId"] in [each["id"] for each in trades]
    start = int(time.time()) - 120
    candles = public(f"/api/v1/klines?symbol=SOL_USDC&interval=1month&startTime={start}")
    assert sum(int(candle["trades"]) for candle in candles) >= fill["tradeId"], "of all trades, this one included"


@contextmanager
def stopped(running: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A process that does nothing for a while."""
    running.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.send_signal(signal.SIGCONT)


def test_a_worker_without_the_ring_knows_what_others_answered(venue: Venue, tmp_path: Path) -> None:
    """As on another host, or just after a start: the log comes to it later than the answers came to others."""
    runtime, port = short_folder(), free_port()
    own = {"EXCHANGE_RUNTIME": str(runtime), "EXCHANGE_HTTP_PORT": str(port), "EXCHANGE_WORKER": "5"}
    with (
        process("ingress", venue.environment | own, tmp_path) as worker,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, verify=False) as client,
    ):
        check(client, *trade(venue))  # so the writer has stored what there was before this worker
        for _ in range(3):
            with stopped(worker), stopped(venue.writer):
                for _ in range(40):
                    orders = trade(venue)
                worker.send_signal(signal.SIGCONT)
                check(client, *orders)
    shutil.rmtree(runtime, ignore_errors=True)


def test_what_the_writer_has_not_stored_is_there_and_stays_the_same_when_it_has(venue: Venue) -> None:
    """The writer stands still, then works off what came meanwhile while history is read again and again."""
    with stopped(venue.writer):
        pairs = [trade(venue) for _ in range(5)]
        for orders in pairs:
            check(venue.client, *orders)
        today = int(time.time()) // 86_400 * 86_400
        before = everything(venue, today)
    with psycopg.connect(venue.environment["DATABASE_URL"], autocommit=True) as connection:
        deadline = time.monotonic() + PATIENCE_SECONDS
        stored = False
        while not stored:
            row = connection.execute("select max(order_id) >= %s from orders", (int(pairs[-1][1]),)).fetchone()
            stored = bool(row and row[0])
            assert everything(venue, today) == before
            assert time.monotonic() < deadline
    assert everything(venue, today) == before


def everything(venue: Venue, today: int) -> list[Any]:
    """All that history says of one account up to the end of that day, page totals included."""
    answers = [
        venue.send("GET", f"/wapi/v1/history/{name}", instruction, {"limit": "200"})
        for name, instruction in (("orders", "orderHistoryQueryAll"), ("fills", "fillHistoryQueryAll"))
    ]
    answers.append(venue.client.get("/api/v1/trades/history?symbol=SOL_USDC&limit=200"))
    start, end = today - 86_400, today + 86_399
    answers.append(venue.client.get(f"/api/v1/klines?symbol=SOL_USDC&interval=1d&startTime={start}&endTime={end}"))
    return [(answer.headers.get("X-TOTAL"), answer.json()) for answer in answers]
