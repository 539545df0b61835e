"""The stages of an order against the client's own clock: the parts add up to it, and who held it up is named.

A process is stopped for some seconds while an order is on its way, so that 5 % of the whole is more than what no
process can see, even on a machine with ten times more work than cores: the way through two sockets, until ingress is
woken, and until the client is. (The gateway gives an answer up after 5 s.)
"""

import base64
import itertools
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from nacl.signing import SigningKey
from websockets.sync.client import connect

from engine_core.edge.signing import signing_text
from engine_core.operator.top import look_at
from engine_core.process.stages import BEFORE, WAY, Journey, Journeys, Stage
from tests.exchange import CLI, Exchange, eventually

HELD_S = 3.0
SHARE = 0.05
MARKET = "XRP_USDC"
ORDER = {"orderType": "Limit", "price": "0.5", "quantity": "10", "side": "Bid", "symbol": MARKET}


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


def signed(exchange: Exchange, instruction: str, fields: dict[str, str]) -> dict[str, str]:
    key = exchange.keys()[0]
    stamp, window = str(time.time_ns() // 1_000_000), "60000"
    text = signing_text(instruction, list(fields.items()), stamp, window)
    signature = base64.b64encode(SigningKey(base64.b64decode(key["secret"])[:32]).sign(text).signature).decode()
    return {"apiKey": key["apiKey"], "timestamp": stamp, "window": window, "signature": signature}


class Client:
    """Sends one order and takes its answer, at different times; `sent_at` and `answered_at` are its own clock's."""

    sent_at = answered_at = 0.0

    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        raise NotImplementedError

    def send(self) -> None:
        raise NotImplementedError

    def order_id(self) -> int:
        raise NotImplementedError


class RestClient(Client):
    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        url, body = urlsplit(exchange.run["http"]), json.dumps(ORDER).encode()
        names = signed(exchange, "orderExecute", ORDER)
        head = (
            f"POST /api/v1/order HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n"
            f"X-API-Key: {names['apiKey']}\r\nX-Timestamp: {names['timestamp']}\r\nX-Window: {names['window']}\r\n"
            f"X-Signature: {names['signature']}\r\nContent-Type: application/json\r\n\r\n"
        )
        self._request = head.encode() + body
        address = str(url.hostname), url.port or 0
        self._socket = open_until.enter_context(socket.create_connection(address, timeout=20))

    def send(self) -> None:
        self.sent_at = time.monotonic()
        self._socket.sendall(self._request)

    def order_id(self) -> int:
        answer = self._socket.recv(65_536)
        self.answered_at = time.monotonic()
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return int(json.loads(answer.partition(b"\r\n\r\n")[2])["id"])


class WebSocketClient(Client):
    def __init__(self, exchange: Exchange, open_until: ExitStack) -> None:
        address = exchange.run["http"].replace("http:", "ws:") + "/ws/orders"
        self._socket = open_until.enter_context(connect(address, open_timeout=20))
        logon = {"id": 1, "method": "session.logon", "params": signed(exchange, "sessionLogon", {})}
        self._socket.send(json.dumps(logon))
        assert json.loads(self._socket.recv(20))["status"] == 200

    def send(self) -> None:
        text = json.dumps({"id": 2, "method": "order.place", "params": ORDER})
        self.sent_at = time.monotonic()
        self._socket.send(text)

    def order_id(self) -> int:
        answer = self._socket.recv(20)
        self.answered_at = time.monotonic()
        assert json.loads(answer)["status"] == 200, answer
        return int(json.loads(answer)["result"]["id"])


def journey_of(exchange: Exchange, order_id: int) -> Journey:
    """What the processes know of this order, once it is in the database and was sent to a subscriber."""
    journeys, found = Journeys(Path(exchange.run["runtime"])), list[Journey]()

    def stages() -> set[Stage]:
        journeys.look()
        found[:] = [journey for journey in journeys.under_way() if journey.order_id == order_id]
        return set(found[0].at) if found else set()

    eventually(stages, lambda known: known == set(Stage), f"all stages of order {order_id}")
    return found[0]


@pytest.fixture
def subscribed(exchange: Exchange) -> Iterator[None]:
    with connect(exchange.run["ws"], open_timeout=20) as stream:
        stream.send(json.dumps({"method": "SUBSCRIBE", "params": [f"depth.{MARKET}"], "id": 1}))
        assert json.loads(stream.recv(20)) == {"id": 1, "result": None}
        yield


def check_adds_up(client: Client, journey: Journey) -> None:
    """Every stage after the one before it, all within what the client saw, and the parts are the whole but for 5 %."""
    whole = client.answered_at - client.sent_at
    assert client.sent_at <= journey.at[Stage.RECEIVED], "received before it was sent"
    assert all(journey.at[stage] <= journey.at[after] for stage, after in itertools.pairwise(WAY[:-1]))
    assert journey.at[Stage.MATCHED] <= journey.at[Stage.ANSWERED]
    parts = sum(part for stage, part in journey.parts().items() if stage in WAY)
    assert abs(whole - parts) <= SHARE * whole, f"{whole:.4f} s, {journey.parts()}"


@pytest.mark.usefixtures("subscribed")
@pytest.mark.parametrize("role, kind", (("engine", RestClient), ("engine", WebSocketClient), ("valkey", RestClient)))
def test_the_parts_add_up_to_what_the_client_waited(role: str, kind: type[Client], exchange: Exchange) -> None:
    with ExitStack() as open_until:
        client = kind(exchange, open_until)
        with Stopped(exchange, role) as stopped:
            client.send()
            time.sleep(HELD_S)
        journey = journey_of(exchange, client.order_id())
    check_adds_up(client, journey)
    assert journey.at[Stage.APPENDED] < stopped.until < journey.at[Stage.READ]
    assert max(WAY[1:], key=journey.parts().__getitem__) is Stage.READ


@pytest.mark.usefixtures("subscribed")
@pytest.mark.parametrize("role, stage", (("egress", Stage.STREAMED), ("writer", Stage.STORED)))
def test_who_comes_after_the_answer_is_named_as_well(role: str, stage: Stage, exchange: Exchange) -> None:
    with ExitStack() as open_until:
        client = RestClient(exchange, open_until)
        with Stopped(exchange, role) as stopped:
            client.send()
            order_id = client.order_id()
    journey = journey_of(exchange, order_id)
    assert BEFORE[stage] is Stage.PUBLISHED
    assert journey.at[Stage.PUBLISHED] < stopped.until < journey.at[stage]


def test_the_command_says_where_the_time_goes(exchange: Exchange) -> None:
    """Of orders that come while it watches; and all of them are in the metrics of egress."""
    command = [*CLI, "stages", "--seconds", "1", "--json", "--data", str(exchange.data)]
    trader = exchange.trader()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        while watching.poll() is None:
            trader.create_order("XRP/USDC", "limit", "buy", 10, 0.5)
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
        of_stages = (
            (labels, counts) for (name, labels), counts in top.buckets.items() if name == "order_stage_seconds"
        )
        return {dict(labels)["stage"] for labels, counts in of_stages if counts[-1][1]}

    eventually(
        timed, lambda stages: stages >= {stage.value for stage in BEFORE} - {"streamed"}, "the stages as metrics"
    )


def test_without_orders_the_command_says_so(exchange: Exchange) -> None:
    done = exchange.command("stages", "--seconds", "0.1")
    assert done.returncode == 1 and done.stdout.startswith("0 orders in ") and not done.stderr
