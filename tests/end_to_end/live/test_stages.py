"""The stages of an order against the client's own clock: the parts add up to it, and who held it up is named.

A process is stopped for some seconds while orders are on their way, by every way that there is. (The gateway gives an
answer up after 5 s.) When an answer came to the client's socket the kernel says, as it does to ingress of the request:
when the client is woken, and what it does before it reads, is nobody's part.
"""

import base64
import itertools
import json
import socket
import statistics
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from nacl.signing import SigningKey
from websockets.sync.client import connect

from engine_core.edge.signing import batch_signing_text
from engine_core.process.look import look_at
from engine_core.process.stages import BEFORE, WAY, Journey, Journeys, Stage
from engine_core.wire.streams import keys
from tests.exchange import CLI, Exchange, eventually

HELD_S = 2.0
AT_ONCE_S = 0.001  # between two looks at a clock, so that what is read between them is of the same moment
SHARE = 0.05
ORDINARY = 100  # orders
SO_TIMESTAMPNS = 35
CLIENT_IDS = itertools.count(710_000_000)  # no other test has them
MARKET = "XRP_USDC"
ORDER: dict[str, Any] = {"orderType": "Limit", "price": "0.5", "quantity": "10", "side": "Bid", "symbol": MARKET}


class Stopped:
    """All processes of a role; they go on when the block ends."""

    def __init__(self, exchange: Exchange, role: str) -> None:
        self._processes = [psutil.Process(pid) for pid in exchange.pids(role)]
        self.until = 0.0  # before that none of them could do anything

    def __enter__(self) -> "Stopped":
        assert self._processes
        for process in self._processes:
            process.suspend()
            eventually(process.status, lambda status: status == psutil.STATUS_STOPPED, f"{process} stops")
        return self

    def __exit__(self, *_: object) -> None:
        self.until = time.monotonic()
        for process in self._processes:
            process.resume()


def signed(exchange: Exchange, instruction: str, *items: dict[str, Any]) -> dict[str, str]:
    key = exchange.keys()[0]
    stamp, window = str(time.time_ns() // 1_000_000), "60000"
    text = batch_signing_text(
        instruction, [[(name, str(value)) for name, value in fields.items()] for fields in items], stamp, window
    )
    signature = base64.b64encode(SigningKey(base64.b64decode(key["secret"])[:32]).sign(text).signature).decode()
    return {"apiKey": key["apiKey"], "timestamp": stamp, "window": window, "signature": signature}


class StampedSocket(socket.socket):
    """Notes when what it read last had come, by the clock of the stages."""

    came_at = 0.0

    @classmethod
    def to(cls, host: str, port: int) -> "StampedSocket":
        made = cls(socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        made.settimeout(20)
        made.connect((host, port))
        return made

    def recv(self, size: int, flags: int = 0) -> bytes:
        data, ancillary, _, _ = self.recvmsg(size, 64, flags)
        for level, kind, stamp in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)
            seconds, nanoseconds = struct.unpack("qq", stamp)
            self.came_at = monotonic_of(seconds * 10**9 + nanoseconds)
        return data


def monotonic_of(wall_ns: int) -> float:
    """A moment of the wall clock, by that of the stages. Whoever has the processor between two looks spoils them."""
    while True:
        now, now_ns, after = time.monotonic(), time.time_ns(), time.monotonic()
        if after - now < AT_ONCE_S:
            return now - (now_ns - wall_ns) / 1e9


class Client:
    """Sends one order and takes its answer, at different times; `sent_at` and `answered_at` are its own clock's, and by
    `sent_by` it was sent."""

    sent_at = sent_by = answered_at = 0.0

    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        raise NotImplementedError

    def send(self) -> None:
        raise NotImplementedError

    def order_ids(self) -> set[int]:
        """Of those that the answer is about."""
        raise NotImplementedError


def request(exchange: Exchange, path: str, orders: list[dict[str, Any]], body: str) -> bytes:
    url = urlsplit(exchange.run["http"])
    names = signed(exchange, "orderExecute", *orders)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n"
        f"X-API-Key: {names['apiKey']}\r\nX-Timestamp: {names['timestamp']}\r\nX-Window: {names['window']}\r\n"
        f"X-Signature: {names['signature']}\r\nContent-Type: application/json\r\n\r\n"
    )
    return (head + body).encode()


class RestClient(Client):
    """An order in its common form."""

    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        self._exchange, url = exchange, urlsplit(exchange.run["http"])
        self._socket = open_until.enter_context(StampedSocket.to(str(url.hostname), url.port or 0))

    def request(self) -> bytes:
        order = ORDER | {"clientId": next(CLIENT_IDS)}
        return request(self._exchange, "/api/v1/order", [order], json.dumps(order, separators=(",", ":")))

    def send(self) -> None:
        request = self.request()
        self.sent_at = time.monotonic()
        self._socket.sendall(request)
        self.sent_by = time.monotonic()

    def order_ids(self) -> set[int]:
        answer = self._socket.recv(65_536)
        self.answered_at = self._socket.came_at
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return self.ids(json.loads(answer.partition(b"\r\n\r\n")[2]))

    def ids(self, answer: Any) -> set[int]:
        return {int(answer["id"])}


class OtherwiseClient(RestClient):
    """An order that is not in its common form, and takes the general way."""

    def request(self) -> bytes:
        return request(self._exchange, "/api/v1/order", [ORDER], json.dumps(ORDER, indent=1))


class BatchClient(RestClient):
    def request(self) -> bytes:
        orders = [ORDER | {"clientId": next(CLIENT_IDS)} for _ in range(3)]
        return request(self._exchange, "/api/v1/orders", orders, json.dumps(orders))

    def ids(self, answer: Any) -> set[int]:
        return {int(order["id"]) for order in answer}


class WebSocketClient(Client):
    """A placement in its common form."""

    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        address = exchange.run["http"].replace("http:", "ws:") + "/ws/orders"
        url = urlsplit(address)
        self._stamped = open_until.enter_context(StampedSocket.to(str(url.hostname), url.port or 0))
        self._socket = open_until.enter_context(connect(address, sock=self._stamped, open_timeout=20))
        logon = {"id": 1, "method": "session.logon", "params": signed(exchange, "sessionLogon", {})}
        self._socket.send(json.dumps(logon))
        assert json.loads(self._socket.recv(20))["status"] == 200

    def send(self) -> None:
        self._begin("order.place", ORDER)

    def _begin(self, method: str, params: dict[str, str]) -> None:
        text = json.dumps({"id": 2, "method": method, "params": params}, separators=(",", ":"))
        self.sent_at = time.monotonic()
        self._socket.send(text)
        self.sent_by = time.monotonic()

    def order_ids(self) -> set[int]:
        answer = self._socket.recv(20)
        self.answered_at = self._stamped.came_at
        assert json.loads(answer)["status"] == 200, answer
        return {int(json.loads(answer)["result"]["id"])}


class ModifyClient(WebSocketClient):
    """A message that takes the general way."""

    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        super().__init__(exchange, open_until)
        self._begin("order.place", ORDER)
        (self._order_id,) = self.order_ids()

    def send(self) -> None:
        self._begin("order.modify", {"symbol": MARKET, "orderId": str(self._order_id), "quantity": "9"})


def journey_of(exchange: Exchange, client: Client, order_ids: set[int]) -> Journey:
    """What the processes know of the order that was timed, once it is stored and was sent to a subscriber."""
    journeys, found = Journeys(Path(exchange.run["runtime"])), list[Journey]()

    def stages() -> set[Stage]:
        journeys.look()
        found[:] = [
            journey
            for journey in journeys.under_way()
            if journey.order_id in order_ids and journey.at[Stage.RECEIVED] > client.sent_at
        ]
        return set(found[0].at) if found else set()

    eventually(stages, lambda known: known == set(Stage), f"all stages of one of the orders {order_ids}")
    return found[0]


@pytest.fixture
def subscribed(exchange: Exchange) -> Iterator[None]:
    with connect(exchange.run["ws"], open_timeout=20) as stream:
        stream.send(json.dumps({"method": "SUBSCRIBE", "params": [f"depth.{MARKET}"], "id": 1}))
        assert json.loads(stream.recv(20)) == {"id": 1, "result": None}
        yield


@contextmanager
def another_entry(exchange: Exchange) -> Iterator[None]:
    """What is sent stands alone in the log: of a block, one order is timed."""
    with redis.Redis.from_url(exchange.run["redis"]) as log:
        before = log.xlen(keys(0).orders)
        yield
        eventually(lambda: log.xlen(keys(0).orders), lambda entries: entries > before, "another entry in the log")


def check_adds_up(client: Client, journey: Journey) -> None:
    """Every stage after the one before it, all within what the client saw, and the parts are the whole but for 5 %."""
    longest, shortest = client.answered_at - client.sent_at, client.answered_at - client.sent_by
    assert all(journey.at[stage] <= journey.at[after] for stage, after in itertools.pairwise(WAY[:-1]))
    assert journey.at[Stage.MATCHED] <= journey.at[Stage.ANSWERED]
    parts = sum(part for stage, part in journey.parts().items() if stage in WAY)
    assert (1 - SHARE) * shortest <= parts <= (1 + SHARE) * longest, f"{longest:.4f} s, {journey.parts()}"


@pytest.mark.usefixtures("subscribed")
@pytest.mark.parametrize(
    "role, kinds",
    (
        ("engine", (RestClient, OtherwiseClient, BatchClient, WebSocketClient, ModifyClient)),
        ("valkey", (RestClient,)),
    ),
)
def test_the_parts_add_up_to_what_the_client_waited(
    role: str, kinds: tuple[type[Client], ...], exchange: Exchange
) -> None:
    with ExitStack() as open_until:
        clients = [kind(exchange, open_until) for kind in kinds]
        with Stopped(exchange, role) as stopped:
            for client in clients[:-1]:
                with another_entry(exchange):
                    client.send()
            clients[-1].send()
            time.sleep(HELD_S)
        answered = [(client, client.order_ids()) for client in clients]
        journeys = [journey_of(exchange, *each) for each in answered]
    for client, journey in zip(clients, journeys, strict=True):
        check_adds_up(client, journey)
        assert journey.at[Stage.APPENDED] < stopped.until < journey.at[Stage.READ]
        assert max(WAY[1:], key=journey.parts().__getitem__) is Stage.READ


def test_the_parts_of_ordinary_orders_add_up_as_well(exchange: Exchange) -> None:
    """Of a quarter at least: whoever has the processor between two looks at the clock is nobody's part, and beside
    other work that happens to most. A part that is missing is missing from all."""
    journeys, waited = Journeys(Path(exchange.run["runtime"])), dict[int, float]()
    with ExitStack() as open_until:
        client = RestClient(exchange, open_until)
        for _ in range(ORDINARY):
            client.send()
            (order_id,) = client.order_ids()
            waited[order_id] = client.answered_at - client.sent_at

    def timed() -> dict[int, float]:
        journeys.look()
        found = ((journey.order_id, journey.answered_s()) for journey in journeys.under_way())
        return {order_id: parts for order_id, parts in found if order_id in waited and parts is not None}

    parts = eventually(timed, lambda found: len(found) == ORDINARY, "the stages of every order")
    unseen = [abs(whole - parts[order_id]) / whole for order_id, whole in waited.items()]
    assert statistics.quantiles(unseen, n=4)[0] <= SHARE, sorted(unseen)


@pytest.mark.usefixtures("subscribed")
@pytest.mark.parametrize("role, stage", (("egress", Stage.STREAMED), ("writer", Stage.STORED)))
def test_who_comes_after_the_answer_is_named_as_well(role: str, stage: Stage, exchange: Exchange) -> None:
    with ExitStack() as open_until:
        client = RestClient(exchange, open_until)
        with Stopped(exchange, role) as stopped:
            client.send()
            order_ids = client.order_ids()
    journey = journey_of(exchange, client, order_ids)
    assert BEFORE[stage] is Stage.PUBLISHED
    assert journey.at[Stage.PUBLISHED] < stopped.until < journey.at[stage]


def test_the_command_says_where_the_time_goes(exchange: Exchange) -> None:
    """Of orders that come while it watches, as many as it takes time: none rests, for of those an account may have so
    many and no more. And all of them are in the metrics of egress."""
    command = [*CLI, "stages", "--seconds", "1", "--json", "--data", str(exchange.data)]
    trader = exchange.trader()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        while watching.poll() is None:
            trader.create_order("XRP/USDC", "limit", "buy", 10, 0.5, {"timeInForce": "IOC"})
        assert watching.stdout is not None
        shown = json.load(watching.stdout)
    assert watching.returncode == 0 and shown["orders"] > 0 and shown["every"] == 1
    rows = {row["stage"]: row for row in shown["stages"]}
    answered = [rows[stage.value] for stage in WAY[1:]]
    assert {row["orders"] for row in (*answered, rows["received to answered"])} == {shown["orders"]}
    assert rows["stored"]["after"] == "published" and rows["stored"]["orders"] > 0
    whole = rows["received to answered"]["mean_us"]
    assert abs(sum(row["mean_us"] for row in answered) - whole) <= len(answered), "but for rounding"

    def timed() -> set[str]:
        top = look_at(Path(exchange.run["runtime"]) / "egress.0.metrics")
        assert top is not None
        of_stages = (times for times in top.times if times.name == "order_stage_seconds")
        return {times.labels["stage"] for times in of_stages if any(times.counts)}

    eventually(
        timed, lambda stages: stages >= {stage.value for stage in BEFORE} - {"streamed"}, "the stages as metrics"
    )


def test_without_orders_the_command_says_so(exchange: Exchange) -> None:
    done = exchange.command("stages", "--seconds", "0.1")
    assert done.returncode == 1 and done.stdout.startswith("0 orders in ") and not done.stderr
