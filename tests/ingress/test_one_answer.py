"""Each request gets one answer, whatever the engine does meanwhile: stands still, is killed, or comes round slowly.

Over every way that orders come by: `/ws/orders` (its short ways and its tasks), REST (the short way and the general
one), batches. Real processes; who counts is the client.
"""

import asyncio
import contextlib
import json
import random
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from engine_core.wire.codes import QueryKind
from tests.folders import short_folder
from tests.ingress.fakes import TRADER, TRADER_ACCOUNT
from tests.ingress.live.test_real_processes import wire
from tests.ingress.sessions import Trader
from tests.markets import SOL
from tests.processes import process
from tests.venue import Venue, open_venue

pytestmark = pytest.mark.timeout(300)

ORDER, ORDERS = "/api/v1/order", "/api/v1/orders"
PATROLS_SECONDS = 3.0  # several
QUIET_SECONDS = 2.0  # no second answer comes within this: several patrols


@pytest.fixture(scope="module")
def own_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    sockets = short_folder()
    with open_venue(tmp_path_factory.mktemp("one-answer"), sockets) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


@contextlib.asynccontextmanager
async def stalled(venue: Venue, late: asyncio.Event) -> AsyncIterator[None]:
    venue.engine.send_signal(signal.SIGSTOP)
    try:
        yield
        await late.wait()
        await asyncio.sleep(PATROLS_SECONDS)
    finally:
        venue.engine.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def slow(venue: Venue, late: asyncio.Event) -> AsyncIterator[None]:
    """It runs for a moment every few seconds: some answers come in time, others do not."""

    async def hinder() -> None:
        for wait in (late.wait(), asyncio.sleep(0.4), asyncio.sleep(6.0), asyncio.sleep(2.0)):
            venue.engine.send_signal(signal.SIGSTOP)
            await wait
            venue.engine.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(hinder())
    yield
    await task


@contextlib.asynccontextmanager
async def killed(venue: Venue, late: asyncio.Event) -> AsyncIterator[None]:
    venue.engine.send_signal(signal.SIGSTOP)  # so that what is sent now is on its way when it dies
    yield
    await late.wait()
    await asyncio.sleep(PATROLS_SECONDS)
    venue.engine.kill()
    await asyncio.to_thread(venue.engine.wait)
    venue.engine = await asyncio.to_thread(
        venue.stack.enter_context, process("engine_core.runtime", venue.environment, venue.folder)
    )


def messages(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Placements in the common form and in another one, cancels, changes, cancel-alls and what is none of them."""
    made: list[dict[str, Any]] = []
    for number in range(count):
        order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
        method, params = chance.choice(
            [
                ("order.place", order),
                ("order.place", {**order, "timeInForce": "IOC", "clientId": 10_000 + number}),
                ("order.place", {**order, "clientId": 20_000 + number, "selfTradePrevention": "RejectTaker"}),
                ("order.cancel", {"symbol": "SOL_USDC", "orderId": "1"}),
                ("order.modify", {"symbol": "SOL_USDC", "orderId": "1", "quantity": "1"}),
                ("order.cancelAll", {"symbol": "BTC_USDC"}),
                ("order.place", {**order, "quantity": "none"}),
            ]
        )
        made.append({"id": number, "method": method, "params": params})
    return made


async def over_websocket(socket: ClientConnection, asked: list[dict[str, Any]], late: asyncio.Event) -> list[Any]:
    """All that is heard, until every id is answered and nothing has come for a while; `late`: one was not answered in
    time."""
    for message in asked:
        await socket.send(json.dumps(message))
    heard: list[Any] = []
    while True:
        patience = 60.0 if len({each["id"] for each in heard}) < len(asked) else QUIET_SECONDS
        try:
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), patience)))
        except TimeoutError:
            return heard
        if heard[-1]["status"] == 504:
            late.set()


async def over_rest(port: int, data: bytes, count: int) -> bytes:
    """All bytes that answer these requests of one connection, and what comes after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = b""
    while True:
        patience = 60.0 if answer.count(b"HTTP/1.1 ") < count else QUIET_SECONDS
        try:
            part = await asyncio.wait_for(reader.read(65_536), patience)
        except TimeoutError:
            break
        if not part:
            break
        answer += part
    writer.close()
    return answer


def requests(venue: Venue) -> list[tuple[bytes, int]]:
    """(the bytes sent on one connection, how many requests they are)."""
    limit = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}
    sign = venue.signer.request
    plain = [wire(sign("POST", ORDER, "orderExecute", {**limit, "price": f"{80 + n}"})) for n in range(3)]
    other = wire(sign("POST", ORDER, "orderExecute", {**limit, "price": "85", "timeInForce": "IOC"}))
    batch = wire(sign("POST", ORDERS, "orderExecute", [{**limit, "price": f"{70 + n}"} for n in range(5)]))
    cancel = wire(sign("DELETE", ORDER, "orderCancel", {"symbol": "SOL_USDC", "orderId": "1"}))
    return [(plain[0], 1), (plain[1], 1), (plain[2] + other, 2), (batch, 1), (cancel, 1)]


@pytest.mark.parametrize("accident", [stalled, slow, killed])
async def test_each_request_is_answered_once(own_venue: Venue, accident: Any) -> None:
    asked = messages(random.Random(accident.__name__), 60)
    rest = requests(own_venue)
    async with connect(f"ws://127.0.0.1:{own_venue.port}/ws/orders", proxy=None, open_timeout=60) as socket:
        trader = Trader(socket)
        assert (await trader.log_on(TRADER))["status"] == 200
        late = asyncio.Event()
        async with accident(own_venue, late):
            ways = [asyncio.create_task(over_websocket(socket, asked, late))]
            answers = [asyncio.create_task(over_rest(own_venue.port, data, count)) for data, count in rest]
            await asyncio.sleep(0.5)  # everything is on its way
        heard = await ways[0]
        count = Counter(each["id"] for each in heard)
        assert count == Counter(message["id"] for message in asked), (count - Counter(m["id"] for m in asked), heard)
        for (_, expected), answer in zip(rest, answers, strict=True):
            assert (await answer).count(b"HTTP/1.1 ") == expected, answer.result()
        later = [
            {"id": 1_000 + number, "method": "order.cancelAll", "params": {"symbol": "SOL_USDC"}} for number in (1, 2)
        ]
        assert [(each["id"], each["status"]) for each in await over_websocket(socket, later, late)] == [
            (1001, 200),
            (1002, 200),
        ]
    left = own_venue.gateway.query(QueryKind.ORDERS, account=TRADER_ACCOUNT, market=SOL)[1]
    assert len(left) == 0
