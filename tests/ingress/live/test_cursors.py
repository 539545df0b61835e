"""Pages by a cursor (`fromId`) on real processes, while new rows come."""

import time
from typing import Any

import httpx
import pytest

from tests.ingress.answers import error_of
from tests.ingress.fakes import READER, TRADER_ACCOUNT
from tests.ingress.live.test_real_processes import place
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)


def test_a_cursor_of_transfers_neither_repeats_nor_misses_a_row_while_new_ones_come(venue: Venue) -> None:
    path = "/wapi/v1/capital"

    def deposit() -> httpx.Response:
        body = {"account": TRADER_ACCOUNT, "symbol": "USDC", "quantity": "1"}
        return venue.send("POST", "/api/v1/admin/deposits", "adminDeposit", body, ADMIN)

    def withdraw() -> httpx.Response:
        body = {"symbol": "USDC", "quantity": "1", "address": "my-own-bank-account", "blockchain": "Internal"}
        return venue.send("POST", f"{path}/withdrawals", "withdraw", body)

    for kind, instruction, make in (
        ("deposits", "depositQueryAll", deposit),
        ("withdrawals", "withdrawalQueryAll", withdraw),
    ):
        for _ in range(5):
            assert make().status_code == 200
            time.sleep(0.002)  # else the next one might be the same request, of the same millisecond

        def asked(members: dict[str, Any], kind: str = kind, instruction: str = instruction) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = venue.send("GET", f"{path}/{kind}", instruction, members).json()
            return rows

        whole = asked({"limit": 1000})
        assert len(whole) >= 5
        seen, page = list[dict[str, Any]](), asked({"limit": 2})
        while page:
            seen += page
            assert make().status_code == 200
            page = asked({"limit": 2, "fromId": str(page[-1]["id"])})
        assert [row["id"] for row in seen] == [row["id"] for row in whole]


def test_a_cursor_neither_repeats_nor_misses_a_row_while_new_ones_come(venue: Venue) -> None:
    for _ in range(7):
        place(venue, READER, side="Ask", price="95")
        place(venue, price="95")
    paged = (
        ("/wapi/v1/history/orders", "orderHistoryQueryAll", "id"),
        ("/wapi/v1/history/fills", "fillHistoryQueryAll", "tradeId"),
    )
    for path, instruction, name in paged:
        for direction in ("Desc", "Asc"):
            asked = {"symbol": "SOL_USDC", "limit": 5, "sortDirection": direction}
            whole = venue.send("GET", path, instruction, asked | {"limit": 1000}).json()
            seen: list[Any] = []
            page = venue.send("GET", path, instruction, asked).json()
            while page and len(seen) < len(whole):
                seen += [row[name] for row in page]
                place(venue, READER, side="Ask", price="95")
                place(venue, price="95")
                page = venue.send("GET", path, instruction, asked | {"fromId": str(page[-1][name])}).json()
            assert seen[: len(whole)] == [row[name] for row in whole]
    whole = venue.client.get("/api/v1/trades/history?symbol=SOL_USDC&limit=1000").json()
    seen = venue.client.get("/api/v1/trades/history?symbol=SOL_USDC&limit=5").json()
    while len(seen) < len(whole):
        seen += venue.client.get(f"/api/v1/trades/history?symbol=SOL_USDC&limit=5&fromId={seen[-1]['id']}").json()
    assert seen[: len(whole)] == whole
    unknown = venue.send("GET", "/wapi/v1/history/orders", "orderHistoryQueryAll", {"fromId": "1234567890123"})
    assert error_of(unknown) == (400, "INVALID_CLIENT_REQUEST")
    without = venue.send("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", {"fromId": "1"})
    assert error_of(without) == (400, "INVALID_CLIENT_REQUEST")
