"""The ingress process on a real engine, log and database: what is accepted, refused, and never half done."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from engine_core.wire.codes import QueryKind
from tests.exchange import eventually
from tests.ingress.answers import error_of
from tests.ingress.fakes import READER, TRADER
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled

ORDER, ORDERS = "/api/v1/order", "/api/v1/orders"
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}


@pytest.fixture(scope="module", autouse=True)
def _no_money_appears(venue: Venue) -> Iterator[None]:
    """After all of this module, the accounts and the fee account have together what they had before."""
    before = money(venue)
    yield
    assert money(venue) == before and sum(before.values()) > 0


def money(venue: Venue) -> dict[int, int]:
    """What all accounts have of each asset."""
    total: dict[int, int] = {}
    _, setup = venue.gateway.query(QueryKind.SETUP)
    for account in range(1, int(setup["account"].max()) + 1):
        for row in venue.gateway.query(QueryKind.BALANCES, account=account)[1]:
            total[int(row["asset"])] = total.get(int(row["asset"]), 0) + int(row["available"]) + int(row["locked"])
    return total


@pytest.fixture(autouse=True)
def _empty_book(venue: Venue) -> Iterator[None]:
    yield
    for key in (TRADER, READER):
        for symbol in ("SOL_USDC", "BTC_USDC"):
            assert venue.send("DELETE", ORDERS, "orderCancelAll", {"symbol": symbol}, key).status_code == 200


def place(venue: Venue, key: Any = TRADER, **changes: Any) -> dict[str, Any]:
    response = venue.send("POST", ORDER, "orderExecute", LIMIT | changes, key)
    assert response.status_code == 200, response.text
    order: dict[str, Any] = response.json()
    return order


def balance(venue: Venue, asset: str, key: Any = TRADER) -> dict[str, str]:
    answer: dict[str, str] = venue.send("GET", "/api/v1/capital", "balanceQuery", None, key).json()[asset]
    return answer


def test_it_says_ok(venue: Venue) -> None:
    well = {"status": "Ok", "message": None}
    eventually(lambda: venue.client.get("/api/v1/status").json(), lambda said: said == well, "the status")


def test_an_order_rests_locks_funds_is_found_and_cancelled(venue: Venue) -> None:
    order = place(venue, clientId=5, price="90.25", quantity="2")
    assert (order["status"], order["price"], order["quantity"], order["clientId"]) == ("New", "90.25", "2", 5)
    assert balance(venue, "USDC")["locked"] == "180.5"
    depth = venue.client.get("/api/v1/depth?symbol=SOL_USDC").json()
    assert depth["bids"] == [["90.25", "2"]]
    by_client = venue.send("GET", ORDER, "orderQuery", {"symbol": "SOL_USDC", "clientId": "5"}).json()
    assert by_client == order
    assert venue.send("GET", ORDERS, "orderQueryAll").json() == [order]
    assert venue.send("GET", ORDERS, "orderQueryAll", None, READER).json() == []
    cancelled = venue.send("DELETE", ORDER, "orderCancel", {"symbol": "SOL_USDC", "orderId": order["id"]}).json()
    assert cancelled == order | {"status": "Cancelled"}
    assert balance(venue, "USDC")["locked"] == "0"
    again = venue.send("DELETE", ORDER, "orderCancel", {"symbol": "SOL_USDC", "orderId": order["id"]})
    assert again.status_code == 404
    assert again.json() == {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}


def test_a_trade_and_what_both_sides_see_of_it_at_once(venue: Venue) -> None:
    maker = place(venue, READER, side="Ask", price="101", quantity="3")
    taker = place(venue, price="102", quantity="5", clientId=77)
    assert (taker["status"], taker["executedQuantity"], taker["executedQuoteQuantity"]) == (
        "PartiallyFilled",
        "3",
        "303",
    )
    (fill,) = venue.send("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", {"orderId": taker["id"]}).json()
    assert (fill["price"], fill["quantity"], fill["isMaker"], fill["clientId"]) == ("101", "3", False, "77")
    assert (fill["fee"], fill["feeSymbol"]) == ("0.0015", "SOL")  # 500 ppm of what was received
    history = venue.send("GET", "/wapi/v1/history/orders", "orderHistoryQueryAll", {"orderId": maker["id"]}, READER)
    assert [(order["id"], order["status"]) for order in history.json()] == [(maker["id"], "Filled")]
    assert history.headers["X-TOTAL"] == "1"
    newest = venue.client.get("/api/v1/trades?symbol=SOL_USDC&limit=1").json()[0]
    assert (newest["id"], newest["price"], newest["isBuyerMaker"]) == (fill["tradeId"], "101", False)
    assert venue.client.get("/api/v1/ticker?symbol=SOL_USDC").json()["lastPrice"] == "101"


def test_market_orders_by_base_and_by_quote(venue: Venue) -> None:
    place(venue, READER, side="Ask", price="100", quantity="4")
    by_base = place(venue, orderType="Market", price=None, quantity="1")
    assert (by_base["status"], by_base["executedQuoteQuantity"]) == ("Filled", "100")
    by_quote = place(venue, orderType="Market", price=None, quantity=None, quoteQuantity="150.5")
    assert (by_quote["executedQuantity"], by_quote["quantity"], by_quote["quoteQuantity"]) == ("1.5", None, "150.5")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"postOnly": True, "price": "105"}, (400, "INVALID_ORDER")),
        ({"quantity": "100000", "price": "30000"}, (400, "INVALID_PRICE")),
        ({"price": "99.999"}, (400, "INVALID_PRICE")),
        ({"quantity": "0.01"}, (400, "INVALID_QUANTITY")),
    ],
)
def test_refusals_change_nothing(venue: Venue, changes: dict[str, Any], expected: tuple[int, str]) -> None:
    place(venue, READER, side="Ask", price="100", quantity="1")
    place(venue, price="100", quantity="1")  # a last price, so that the band holds
    place(venue, READER, side="Ask", price="104", quantity="1")
    before = balance(venue, "USDC"), venue.client.get("/api/v1/depth?symbol=SOL_USDC").json()["lastUpdateId"]
    response = venue.send("POST", ORDER, "orderExecute", LIMIT | changes)
    assert error_of(response) == expected
    after = balance(venue, "USDC"), venue.client.get("/api/v1/depth?symbol=SOL_USDC").json()["lastUpdateId"]
    assert before == after


def test_funds(venue: Venue) -> None:
    response = venue.send("POST", ORDER, "orderExecute", LIMIT | {"symbol": "BTC_USDC", "price": "90000000"})
    assert place(venue, symbol="BTC_USDC", price="90000", quantity="1")["status"] == "New"
    assert response.status_code == 200
    refused = venue.send(
        *("POST", ORDER, "orderExecute"),
        LIMIT | {"symbol": "BTC_USDC", "price": "200000000", "quantity": "100"},
    )
    assert error_of(refused) == (400, "INSUFFICIENT_FUNDS")


def test_a_retry_with_the_same_client_id_is_the_same_order(venue: Venue) -> None:
    first, second = place(venue, clientId=9), place(venue, clientId=9)
    assert first == second
    different = venue.send("POST", ORDER, "orderExecute", LIMIT | {"clientId": 9, "quantity": "3"})
    assert error_of(different) == (400, "INVALID_CLIENT_REQUEST")
    assert "Duplicate client ID" in different.json()["message"]


def test_fill_or_kill_and_immediate_or_cancel(venue: Venue) -> None:
    place(venue, READER, side="Ask", price="100", quantity="1")
    killed = place(venue, timeInForce="FOK", quantity="2")
    assert (killed["status"], killed["executedQuantity"]) == ("Expired", "0")
    partly = place(venue, timeInForce="IOC", quantity="2")
    assert (partly["status"], partly["executedQuantity"]) == ("Expired", "1")


def test_a_batch(venue: Venue) -> None:
    items = [LIMIT | {"price": "90"}, LIMIT | {"price": "0"}, LIMIT | {"price": "91"}]
    answers = venue.send("POST", ORDERS, "orderExecute", items).json()
    assert [answer["operation"] for answer in answers] == ["Ok", "Err", "Ok"]
    cancelled = venue.send("DELETE", ORDERS, "orderCancelAll", {"symbol": "SOL_USDC"}).json()
    assert sorted((order["price"], order["status"]) for order in cancelled) == [
        ("90", "Cancelled"),
        ("91", "Cancelled"),
    ]


def test_amend_and_replace(venue: Venue) -> None:
    order = place(venue, price="90", quantity="2")
    body = {"symbol": "SOL_USDC", "orderId": order["id"], "quantity": "1"}
    amended = venue.send("PATCH", ORDER, "orderModify", body).json()
    assert (amended["id"], amended["quantity"], amended["status"]) == (order["id"], "1", "New")
    body = LIMIT | {"price": "91", "cancelOrderId": order["id"]}
    replaced = venue.send("POST", f"{ORDER}/replace", "orderReplace", body).json()
    assert (replaced["price"], replaced["status"]) == ("91", "New")
    assert (replaced["relatedOrderId"], replaced["relatedExecutedQuantity"]) == (order["id"], "0")
    body = LIMIT | {"price": "91", "quantity": "10000000", "cancelOrderId": replaced["id"]}
    refused = venue.send("POST", f"{ORDER}/replace", "orderReplace", body)
    assert refused.status_code == 400 and f"{replaced['id']} was not replaced" in refused.json()["message"]
    body = LIMIT | {"clientId": 7000123, "price": "91", "cancelOrderId": replaced["id"]}
    replaced = venue.send("POST", f"{ORDER}/replace", "orderReplace", body).json()
    body["cancelOrderId"] = replaced["id"]  # whose clientId the new one is to have, too
    refused = venue.send("POST", f"{ORDER}/replace", "orderReplace", body)
    assert refused.status_code == 400 and refused.json()["message"].startswith("Duplicate client ID")
    assert [order["id"] for order in venue.send("GET", ORDERS, "orderQueryAll").json()] == [replaced["id"]]


def test_many_clients_at_once_each_get_their_own_order(venue: Venue) -> None:
    """More orders in flight than one block holds answers; each answer is that of its own request."""
    requests = [
        venue.signer.request(
            "POST", ORDER, "orderExecute", LIMIT | {"clientId": 2_000_000 + n, "price": "90"}, window=60_000
        )
        for n in range(60)
    ]
    answers: dict[int, Any] = {}

    def send(part: list[tuple[int, httpx.Request]]) -> None:
        with httpx.Client(base_url=venue.client.base_url, verify=False, timeout=30) as client:
            for number, request in part:
                answers[number] = client.send(request).json()

    numbered = list(enumerate(requests))
    threads = [threading.Thread(target=send, args=(numbered[start::6],)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[number]["clientId"] for number in range(60)] == [2_000_000 + number for number in range(60)]
    assert len({answer["id"] for answer in answers.values()}) == 60


def raw(venue: Venue, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", venue.port), 60) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65_536):
            received += part
        return received


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"nonsense\r\n\r\n", b"400", b"INVALID_CLIENT_REQUEST"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", b"431", b"HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nX-Endless: " + b"a" * 100_000, b"431", b"HEADERS_TOO_LARGE"),
        (
            b"POST /api/v1/order HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
            b"413",
            b"REQUEST_TOO_LARGE",
        ),
    ],
)
def test_what_is_no_request_is_refused_in_the_same_form(venue: Venue, data: bytes, status: bytes, code: bytes) -> None:
    answer = raw(venue, data)
    assert answer.split(b" ", 2)[1] == status
    assert b'{"code":"' + code in answer
    assert venue.client.get("/api/v1/ping").text == "pong"


def test_chunked_bodies_are_read_whole(venue: Venue) -> None:
    request = venue.signer.request("POST", ORDER, "orderExecute", LIMIT | {"price": "85"})
    body = request.content
    head = "".join(
        f"{name}: {value}\r\n" for name, value in request.headers.items() if name.lower() != "content-length"
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    data = f"POST {ORDER} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"
    data = data.replace(b"connection: keep-alive", b"connection: close")
    answer = raw(venue, data)
    assert b" 200 " in answer.split(b"\r\n", 1)[0]
    assert b'"price":"85"' in answer


def wire(request: httpx.Request, *extra: str) -> bytes:
    """The bytes of a request, with header lines added."""
    lines = [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "connection"]
    head = "\r\n".join([f"{request.method} {request.url.raw_path.decode()} HTTP/1.1", *lines, *extra])
    return f"{head}\r\n\r\n".encode() + request.content


def test_pipelined_requests_are_answered_in_their_order(venue: Venue) -> None:
    """Hot routes skip ASGI and others do not; on one connection their answers still come in turn."""
    orders = [wire(venue.signer.request("POST", ORDER, "orderExecute", LIMIT | {"price": f"9{n}"})) for n in range(3)]
    ping = b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /api/v1/order HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(venue, orders[0] + ping + orders[1] + orders[2] + last)
    found = [
        answer.find(part) for part in (b'"price":"90"', b"pong", b'"price":"91"', b'"price":"92"', b"UNAUTHORIZED")
    ]
    assert -1 not in found and found == sorted(found)
    assert answer.count(b"HTTP/1.1 ") == 5
    assert answer.rstrip().endswith(b"}"), "the connection is closed after the last answer"


def test_orders_and_other_requests_take_turns_on_one_connection(venue: Venue) -> None:
    """Whole requests that come alone take the short way; between them the parser and the timers must not lose track."""
    ping = b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
    orders = [wire(venue.signer.request("POST", ORDER, "orderExecute", LIMIT | {"price": f"9{n}"})) for n in range(4)]
    with socket.create_connection(("127.0.0.1", venue.port), 60) as connection:
        for data, expected in (
            *((orders[0], b'"price":"90"'), (ping, b"pong"), (orders[1], b'"price":"91"'), (ping, b"pong")),
            (orders[0], b"DUPLICATE_REQUEST"),
        ):
            connection.sendall(data)
            answer = connection.recv(65_536)
            assert answer.count(b"HTTP/1.1 ") == 1 and expected in answer
        connection.sendall(orders[2])
        connection.sendall(ping + orders[3][:40])  # perhaps while the order is on its way
        answer = b""
        while b"pong" not in answer:
            answer += connection.recv(65_536)
        connection.sendall(orders[3][40:])
        while b'"price":"93"' not in answer:
            answer += connection.recv(65_536)
    found = [answer.find(part) for part in (b'"price":"92"', b"pong", b'"price":"93"')]
    assert -1 not in found and found == sorted(found)


def test_a_body_that_comes_late_and_in_parts(venue: Venue) -> None:
    data = wire(venue.signer.request("POST", ORDER, "orderExecute", LIMIT | {"price": "93"}), "Connection: close")
    head, _, body = data.partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", venue.port), 60) as connection:
        for part in (head + b"\r\n\r\n", body[:10], body[10:]):
            connection.sendall(part)
            venue.client.get("/api/v1/ping")  # so that the server has read what was sent
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b'"price":"93"' in answer
    assert b"access-control-allow-origin: *" in answer and b"connection: close" in answer


def test_a_client_that_leaves_before_its_body_is_complete_places_nothing(venue: Venue) -> None:
    data = wire(venue.signer.request("POST", ORDER, "orderExecute", LIMIT | {"price": "94"}))
    with socket.create_connection(("127.0.0.1", venue.port), 60) as connection:
        connection.sendall(data[:-5])
    assert venue.client.get("/api/v1/ping").text == "pong"
    assert venue.send("GET", ORDERS, "orderQueryAll").json() == []


def test_stop_market_buys_fire_by_quantity_and_by_quote_amount(venue: Venue) -> None:
    """With nothing but the parameters of the API: the market's own bound is theirs."""
    place(venue, READER, side="Ask", quantity="1", price="100")
    place(venue, quantity="1", price="100")  # the last price is 100
    stop = {"orderType": "Market", "price": None, "quantity": None, "triggerPrice": "104"}
    by_quantity = place(venue, **stop, triggerQuantity="1", clientId=71)
    by_amount = place(venue, **stop, quoteQuantity="52.25", clientId=72)
    assert {by_quantity["status"], by_amount["status"]} == {"TriggerPending"}
    assert (by_quantity["triggerQuantity"], by_amount["quoteQuantity"]) == ("1", "52.25")
    for price in ("104", "104.5"):
        place(venue, READER, side="Ask", quantity="1", price=price)
    place(venue, quantity="0.5", price="104", timeInForce="IOC")
    history = venue.send("GET", "/wapi/v1/history/orders", "orderHistoryQueryAll", {"limit": 20}).json()
    found = {order["clientId"]: order for order in history}
    assert (found[71]["status"], found[71]["executedQuantity"]) == ("Filled", "1")
    assert found[72]["status"] == "Filled" and float(found[72]["executedQuoteQuantity"]) > 50


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "90", "quantity": "1000000"},
        {"price": "90", "quantity": "1"},
        {"price": "101", "quantity": "1", "postOnly": True},
        {"price": "99", "quantity": "1", "postOnly": True},
        {"side": "Ask", "price": "110", "quantity": "1000000"},
        {"side": "Ask", "price": "110", "quantity": "1000000", "postOnly": True},
        {"price": "99999", "quantity": "1"},
        {"orderType": "Market", "price": None, "quantity": "1"},
        {"orderType": "Market", "price": None, "quantity": "1000000"},
        {"orderType": "Market", "price": None, "quantity": None, "quoteQuantity": "9000000000"},
        {"orderType": "Market", "price": None, "quantity": None, "quoteQuantity": "10"},
        {"orderType": "Market", "side": "Ask", "price": None, "quantity": "1000000"},
        {"quantity": None, "triggerPrice": "105", "triggerQuantity": "1000000", "price": "105"},
        {"quantity": None, "triggerPrice": "100", "triggerQuantity": "1"},
        {"orderType": "Market", "price": None, "quantity": None, "triggerPrice": "105", "triggerQuantity": "1000000"},
        {"orderType": "Market", "price": None, "quantity": None, "triggerPrice": "105", "quoteQuantity": "9000000000"},
    ],
)
def test_a_trial_answers_as_the_order_would(venue: Venue, changes: dict[str, Any]) -> None:
    place(venue, READER, side="Ask", quantity="2", price="100")
    place(venue, quantity="1", price="100")  # the last price
    place(venue, READER, side="Bid", quantity="2", price="98")
    body = {name: value for name, value in (LIMIT | changes).items() if value is not None}
    before = [balance(venue, asset) for asset in ("SOL", "USDC")]
    trial = venue.send("POST", f"{ORDER}/test", "orderExecute", body)
    assert [balance(venue, asset) for asset in ("SOL", "USDC")] == before, "nothing is placed"
    time.sleep(0.002)  # another timestamp: the same one would be the same request
    order = venue.send("POST", ORDER, "orderExecute", body)
    assert trial.status_code == order.status_code, (trial.text, order.text)
    if trial.status_code != 200:
        assert trial.json() == order.json()


def test_an_iceberg_shows_what_it_shows_wherever_it_is_told(venue: Venue) -> None:
    made = place(venue, price="90", quantity="5", displayQuantity="2")
    assert made["displayQuantity"] == "2"
    plain = place(venue, price="90")
    assert plain["displayQuantity"] is None
    for path, instruction in ((ORDERS, "orderQueryAll"), ("/wapi/v1/history/orders", "orderHistoryQueryAll")):
        found = {order["id"]: order for order in venue.send("GET", path, instruction, {"symbol": "SOL_USDC"}).json()}
        assert found[made["id"]]["displayQuantity"] == "2" and found[plain["id"]]["displayQuantity"] is None
    one = venue.send("GET", ORDER, "orderQuery", {"symbol": "SOL_USDC", "orderId": made["id"]}).json()
    gone = venue.send("DELETE", ORDER, "orderCancel", {"symbol": "SOL_USDC", "orderId": made["id"]}).json()
    assert one["displayQuantity"] == gone["displayQuantity"] == "2"
