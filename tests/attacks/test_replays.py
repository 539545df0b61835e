"""Who sees a signed request cannot execute it again: not on another connection, in another worker, nor another way."""

import base64
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine_core.edge.shared_files import USED_SIGNATURES
from ingress.access.used_signatures import UsedSignatures
from tests.attacks.conftest import ENDED_PER_ACCOUNT
from tests.ingress.fakes import READER_ACCOUNT, TRADER
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)
ORDER, ORDERS, ADMIN_ACCOUNT = "/api/v1/order", "/api/v1/orders", "/api/v1/admin/account"
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
SOL = {"symbol": "SOL_USDC"}


@pytest.fixture(autouse=True)
def _empty_book(venue: Venue) -> Iterator[None]:
    yield
    assert venue.send("DELETE", ORDERS, "orderCancelAll", SOL).status_code == 200


def replay(venue: Venue, request: httpx.Request, worker: int = 1, path: str = "") -> httpx.Response:
    """The same bytes to another worker, perhaps under another path."""
    url = f"http://127.0.0.1:{venue.ports[worker]}{path or request.url.raw_path.decode()}"
    return httpx.request(
        request.method, url, headers=request.headers, content=request.content, timeout=30, verify=False
    )


def is_duplicate(response: httpx.Response) -> bool:
    assert (response.status_code, response.json()["code"]) == (409, "DUPLICATE_REQUEST"), response.text
    return True


def open_ids(venue: Venue) -> set[str]:
    return {order["id"] for order in venue.send("GET", ORDERS, "orderQueryAll", SOL).json()}


def place(venue: Venue, **members: Any) -> str:
    placed = venue.send("POST", ORDER, "orderExecute", LIMIT | members)
    assert placed.status_code == 200, placed.text
    return str(placed.json()["id"])


def forget_ended(venue: Venue) -> None:
    """So many orders end that the engine remembers none of those before."""
    for number in range(1 + ENDED_PER_ACCOUNT // 20):
        items = [LIMIT | {"timeInForce": "IOC", "clientId": 10_000 + 20 * number + n} for n in range(20)]
        batch = venue.send("POST", ORDERS, "orderExecute", items)
        assert {item["status"] for item in batch.json()} == {"Expired"}


CHANGES = [
    ("DELETE", ORDERS, "orderCancelAll", SOL, TRADER),
    ("POST", f"{ORDERS}/cancelAfter", "orderCancelAllAfter", {"timeoutMs": 0}, TRADER),
    ("POST", ORDERS, "orderExecute", [LIMIT, LIMIT | {"clientId": 5}], TRADER),
    ("PATCH", "/api/v1/account", "accountUpdate", {}, TRADER),
    ("PATCH", ADMIN_ACCOUNT, "adminAccountUpdate", {"account": READER_ACCOUNT, "frozen": False}, ADMIN),
    ("PATCH", "/api/v1/admin/market", "adminMarketUpdate", SOL | {"state": "Open"}, ADMIN),
    ("PATCH", "/api/v1/admin/fees", "adminFeesUpdate", SOL | {"tier": 9, "makerPpm": 1, "takerPpm": 2}, ADMIN),
    ("POST", "/api/v1/admin/deposits", "adminDeposit", {"account": 2, "symbol": "USDC", "quantity": "1"}, ADMIN),
    ("POST", ADMIN_ACCOUNT, "adminAccountCreate", {}, ADMIN),
]


@pytest.mark.parametrize(("method", "path", "instruction", "body", "key"), CHANGES, ids=lambda value: str(value)[:24])
def test_what_changes_state_executes_once_in_all_workers(
    venue: Venue, method: str, path: str, instruction: str, body: Any, key: Any
) -> None:
    request = venue.signer.request(method, path, instruction, body, key)
    answer = venue.client.send(request)
    assert answer.status_code == 200, answer.text
    assert is_duplicate(replay(venue, request, 1)) and is_duplicate(replay(venue, request, 0))


def test_a_replayed_cancel_all_cancels_no_newer_order(venue: Venue) -> None:
    request = venue.signer.request("DELETE", ORDERS, "orderCancelAll", SOL)
    assert venue.client.send(request).status_code == 200
    order = place(venue)
    assert is_duplicate(replay(venue, request))
    assert order in open_ids(venue)


def test_a_replayed_cancel_by_client_id_cancels_no_newer_order(venue: Venue) -> None:
    place(venue, clientId=77)
    request = venue.signer.request("DELETE", ORDER, "orderCancel", SOL | {"clientId": 77})
    assert venue.client.send(request).status_code == 200
    forget_ended(venue)  # until then the engine takes no other order with this clientId
    newer = place(venue, clientId=77, price="89")
    assert is_duplicate(replay(venue, request))
    assert newer in open_ids(venue)


def test_a_replayed_unfreeze_does_not_undo_a_freeze(venue: Venue) -> None:
    def change(frozen: bool) -> httpx.Request:
        body = {"account": READER_ACCOUNT, "frozen": frozen}
        return venue.signer.request("PATCH", ADMIN_ACCOUNT, "adminAccountUpdate", body, ADMIN)

    unfreeze = change(False)
    assert venue.client.send(unfreeze).status_code == 200
    assert venue.client.send(change(True)).json()["frozen"] is True
    assert is_duplicate(replay(venue, unfreeze))
    shown = venue.send("GET", ADMIN_ACCOUNT, "adminAccountQuery", {"account": READER_ACCOUNT}, ADMIN)
    assert shown.json()["frozen"] is True
    time.sleep(0.002)  # another millisecond: the same words, signed anew, are another request
    assert venue.client.send(change(False)).json()["frozen"] is False


@pytest.mark.parametrize("client_id", [{}, {"clientId": 4711}])
def test_a_captured_test_is_never_an_order(venue: Venue, client_id: dict[str, int]) -> None:
    for instruction, expected in (("orderTest", 401), ("orderExecute", 409)):
        request = venue.signer.request("POST", f"{ORDER}/test", instruction, LIMIT | client_id)
        assert venue.client.send(request).json() == {}
        assert venue.client.send(request).json() == {}, "testing changes nothing, so it may be repeated"
        for worker in (1, 0):
            assert replay(venue, request, worker, ORDER).status_code == expected
        assert replay(venue, request, 0, ORDERS).status_code in (400, 401)  # a batch is a list
    assert open_ids(venue) == set()


def test_an_order_signed_as_a_test_is_no_order(venue: Venue) -> None:
    assert venue.send("POST", ORDER, "orderTest", LIMIT).status_code == 401
    assert open_ids(venue) == set()


def test_reads_may_be_repeated(venue: Venue) -> None:
    request = venue.signer.request("GET", ORDERS, "orderQueryAll", SOL)
    assert [replay(venue, request, worker).status_code for worker in (0, 1, 0)] == [200] * 3


def test_an_order_with_a_client_id_gives_the_existing_one_after_the_engine_forgot_it(venue: Venue) -> None:
    """The engine remembers the last ended orders of an account; the history all of them."""
    request = venue.signer.request("POST", ORDER, "orderExecute", LIMIT | {"clientId": 31}, window=60_000)
    order = venue.client.send(request).json()
    assert replay(venue, request).json() == order
    assert venue.send("DELETE", ORDER, "orderCancel", SOL | {"orderId": order["id"]}).status_code == 200
    forget_ended(venue)
    for worker in (1, 0):
        again = replay(venue, request, worker)
        assert again.status_code == 200 and again.json() == order | {"status": "Cancelled"}
    assert open_ids(venue) == set()


def test_a_batch_with_client_ids_gives_the_existing_orders(venue: Venue) -> None:
    """Open ones, an ended one that the engine forgot, and a refusal; nothing is placed twice."""
    items = [LIMIT | {"clientId": 51, "price": "88"}, LIMIT | {"clientId": 52}, LIMIT | {"clientId": 53, "price": "0"}]
    request = venue.signer.request("POST", ORDERS, "orderExecute", items, window=60_000)
    first = venue.client.send(request).json()
    assert [item["operation"] for item in first] == ["Ok", "Ok", "Err"]
    assert replay(venue, request).json() == first
    ended = SOL | {"orderId": first[1]["id"]}
    assert venue.send("DELETE", ORDER, "orderCancel", ended).status_code == 200
    forget_ended(venue)
    for worker in (1, 0):
        again = replay(venue, request, worker)
        assert again.status_code == 200
        assert again.json() == [first[0], first[1] | {"status": "Cancelled"}, first[2]]
    assert open_ids(venue) == {first[0]["id"]}


def test_an_order_and_a_batch_of_it_are_one(venue: Venue) -> None:
    """They are signed alike: the one cannot be sent again as the other."""
    for body in (LIMIT, LIMIT | {"clientId": 61}):
        order = venue.signer.request("POST", ORDER, "orderExecute", body)
        assert venue.client.send(order).status_code == 200
        batch = venue.signer.request(
            "POST", ORDERS, "orderExecute", [body], timestamp=int(order.headers["x-timestamp"])
        )
        assert batch.headers["x-signature"] == order.headers["x-signature"]
        again = replay(venue, batch)
        assert is_duplicate(again) if "clientId" not in body else again.json()[0]["clientId"] == 61
    assert len(open_ids(venue)) == 2


def test_a_captured_test_is_never_a_batch(venue: Venue) -> None:
    body = LIMIT | {"clientId": 62}
    tested = venue.signer.request("POST", f"{ORDER}/test", "orderExecute", body)
    assert venue.client.send(tested).json() == {}
    stamp = int(tested.headers["x-timestamp"])
    assert is_duplicate(replay(venue, venue.signer.request("POST", ORDERS, "orderExecute", [body], timestamp=stamp)))
    assert open_ids(venue) == set()


def test_a_batch_of_cancels_costs_what_it_does(venue: Venue) -> None:
    def left(number: int) -> int:
        body = SOL | {"orderIds": [str(10**6 + n) for n in range(number)]}
        answer = venue.send("POST", f"{ORDERS}/cancel", "orderCancel", body)
        assert answer.status_code == 200
        return int(answer.headers["x-ratelimit-remaining"])

    few = left(1)
    assert left(100) <= few - 90  # but for what came back meanwhile


def test_a_replay_after_a_restart_of_the_worker(venue: Venue) -> None:
    """The memory of the workers is of the host, not of a process: another process of ours finds it."""
    request = venue.signer.request("POST", ORDER, "orderExecute", LIMIT)
    assert venue.client.send(request).status_code == 200
    signature = base64.b64decode(request.headers["x-signature"])
    now_ms = time.time_ns() // 1_000_000
    with closing(UsedSignatures(Path(venue.environment["EXCHANGE_RUNTIME"]) / USED_SIGNATURES)) as used:
        assert not used.is_first(signature, now_ms + 5_000, now_ms)
