"""Where an account's money is, and how it asks for it to be elsewhere: a venue with three shards, without engines."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio

from engine_core.wire.codes import AccountOption, CommandKind, EventKind, KeyPermission
from engine_core.wire.layout import ADMIN
from ingress.errors import ApiError
from ingress.history.moves import Key, MoveRow
from ingress.operations import funds
from ingress.operations import moves as operation
from ingress.operations.moves import ONE_SHARD, move_reference
from ingress.shards import router
from tests.ingress.fakes import READER, TRADER_ACCOUNT, Exchange, event, open_exchange
from tests.ingress.shards.ledgers import BEFORE, Ledger
from tests.markets import key_record
from tests.venue import ADMIN as BOSS
from tests.venue import ADMINISTRATOR

TRANSFER = "/api/v1/capital/transfer"
USDC = 1
UNIT = 10**6
ASKED = {"symbol": "USDC", "quantity": "250", "from": 0, "to": 1}


class Venue:
    def __init__(self, exchange: Exchange, ledgers: list[Ledger]) -> None:
        self.exchange, self.ledgers = exchange, ledgers

    async def get(self, path: str, instruction: str, **query: Any) -> Any:
        answer = await self.exchange.signed("GET", path, instruction, query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def move(self, **changes: Any) -> httpx.Response:
        return await self.exchange.signed("POST", TRANSFER, "transfer", ASKED | changes)

    async def withdraw(self, quantity: int, **members: Any) -> httpx.Response:
        """As an administrator."""
        self.exchange.service.setup.apply(key_record(ADMINISTRATOR, bytes(BOSS.verify_key), KeyPermission.WITHDRAW))
        body = {"account": TRADER_ACCOUNT, "symbol": "USDC", "quantity": str(quantity)} | members
        return await self.exchange.signed("POST", "/api/v1/admin/withdrawals", "adminWithdraw", body, BOSS)

    @property
    def held(self) -> list[int]:
        return [ledger.held[TRADER_ACCOUNT, USDC] // UNIT for ledger in self.ledgers]


@pytest_asyncio.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    ledgers = [Ledger(shard) for shard in range(3)]
    ledgers[0].held[TRADER_ACCOUNT, USDC] = 1_000 * UNIT
    opened = await open_exchange(tmp_path / "dist", ledgers)
    yield Venue(opened, ledgers)
    await opened.close()


async def test_balances_are_the_sum_and_say_where_it_is(venue: Venue) -> None:
    venue.ledgers[2].held[TRADER_ACCOUNT, USDC] = 5 * UNIT
    venue.ledgers[2].locked[TRADER_ACCOUNT, USDC] = 7 * UNIT
    balances = await venue.get("/api/v1/capital", "balanceQuery")
    assert balances["USDC"] == {
        "available": "1005",
        "locked": "7",
        "staked": "0",
        "inFlight": "0",
        "shards": [
            {"shard": 0, "available": "1000", "locked": "0"},
            {"shard": 2, "available": "5", "locked": "7"},
        ],
    }


async def test_what_is_on_its_way_is_shown_and_counted_in_no_shard(venue: Venue) -> None:
    venue.ledgers[1].fate = lambda kind: BEFORE
    assert (await venue.move()).status_code == 504
    balance = (await venue.get("/api/v1/capital", "balanceQuery"))["USDC"]
    assert (balance["available"], balance["inFlight"]) == ("750", "250")


async def test_one_shard_shows_nothing_of_shards(exchange: Exchange) -> None:
    for path, instruction in (("/api/v1/capital", "balanceQuery"), ("/api/v1/account", "accountQuery")):
        answer = await exchange.signed("GET", path, instruction)
        assert answer.status_code == 200 and "shard" not in answer.text and "autoTransfer" not in answer.text
    refused = await exchange.signed("POST", TRANSFER, "transfer", ASKED)
    assert (refused.status_code, refused.json()["message"]) == (400, ONE_SHARD)
    listed = await exchange.signed("GET", TRANSFER, "transferQueryAll")
    assert (listed.status_code, listed.json()) == (200, [])


async def test_a_move(venue: Venue) -> None:
    answer = await venue.move()
    assert answer.status_code == 200, answer.text
    assert answer.json() == ASKED | {"id": "0-1-1", "clientId": None, "status": "complete"}
    assert venue.held == [750, 250, 0]


async def test_a_repeat_with_the_same_client_id_moves_nothing(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the last one the engines know it; of an earlier one the history does."""
    monkeypatch.setattr(operation, "CLAIM_MS", 0)
    for _ in range(2):
        assert (await venue.move(clientId="rent")).status_code == 200
    assert venue.held == [750, 250, 0]
    await venue.move(quantity="1", clientId="other")
    atoms, reference = 250 * UNIT, move_reference(TRADER_ACCOUNT, "rent")
    venue.exchange.history.moved = [MoveRow(Key(0, 1, 1), USDC, atoms, reference, 1, 2)]
    assert (await venue.move(clientId="rent")).status_code == 200
    assert venue.held == [749, 251, 0]


async def test_a_repeat_is_answered_with_the_move_that_there_was(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "CLAIM_MS", 0)
    await venue.move(quantity="1")
    ids = [(await venue.move(clientId="rent")).json()["id"] for _ in range(2)]
    await venue.move(quantity="1", clientId="other")
    atoms, reference = 250 * UNIT, move_reference(TRADER_ACCOUNT, "rent")
    venue.exchange.history.moved = [MoveRow(Key(0, 1, 2), USDC, atoms, reference, 1, 2)]
    ids.append((await venue.move(clientId="rent")).json()["id"])
    assert ids == ["0-1-2"] * 3


@pytest.mark.parametrize(
    ("is_stored", "change"), [(False, {"quantity": "251"}), (True, {"quantity": "251"}), (True, {"to": 2})]
)
async def test_another_one_with_the_same_client_id_is_refused(
    venue: Venue, is_stored: bool, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "CLAIM_MS", 0)
    assert (await venue.move(clientId="rent")).status_code == 200
    reference = move_reference(TRADER_ACCOUNT, "rent")
    if is_stored:
        venue.exchange.history.moved = [MoveRow(Key(0, 1, 1), USDC, 250 * UNIT, reference, 1, 2)]
    refused = await venue.move(clientId="rent", **change)
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_CLIENT_REQUEST")
    assert venue.held == [750, 250, 0]


async def test_of_two_at_once_with_one_client_id_the_second_waits(venue: Venue) -> None:
    """By another path the engines would take it."""
    reference = move_reference(TRADER_ACCOUNT, "rent")
    first = asyncio.create_task(venue.move(clientId="rent"))
    second = asyncio.create_task(venue.move(clientId="rent", to=2))
    done, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
    assert done == {first} and first.result().status_code == 200
    venue.exchange.history.moved = [MoveRow(Key(0, 1, 1), USDC, 250 * UNIT, reference, 1, 2)]
    assert (await second).status_code == 400
    assert venue.held == [750, 250, 0]


async def test_a_shard_that_does_not_answer(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what is there; what does not depend on it is told."""

    async def silent(*_: object, **__: object) -> Any:
        await asyncio.sleep(60)

    monkeypatch.setattr(venue.ledgers[2], "query", silent)
    monkeypatch.setattr(funds, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(router, "ANSWER_SECONDS", 0.01)
    refused = await venue.exchange.signed("GET", "/api/v1/capital", "balanceQuery")
    assert refused.status_code == 503 and refused.json()["message"].startswith("Shard 2 does not answer")
    venue.exchange.service.setup.options[TRADER_ACCOUNT] = AccountOption.AUTO_TRANSFER
    asked = {"symbol": "SOL_USDC", "side": "Bid", "price": "100"}
    refused = await venue.exchange.signed("GET", "/api/v1/account/limits/order", "maxOrderQuantity", asked)
    assert refused.status_code == 503, "a part would look like all that it can pay for"
    known, missing = await funds.known_balances(venue.exchange.service, TRADER_ACCOUNT)
    assert (known["USDC"].available, missing) == ("1000", [2])


async def test_without_a_client_id_a_signature_is_good_once(venue: Venue) -> None:
    request = venue.exchange.request("POST", TRANSFER, "transfer", ASKED)
    again = venue.exchange.client.build_request("POST", TRANSFER, content=request.content, headers=request.headers)
    assert (await venue.exchange.client.send(request)).status_code == 200
    assert (await venue.exchange.client.send(again)).status_code == 409
    assert venue.held == [750, 250, 0]


async def test_a_client_id_needs_the_history_and_nothing_moves_without(venue: Venue) -> None:
    venue.exchange.history.available = False
    assert (await venue.move(clientId="rent")).status_code == 503
    assert venue.held == [1000, 0, 0]
    assert (await venue.move()).status_code == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"to": 0}, "INVALID_CLIENT_REQUEST"),
        ({"to": 3}, "INVALID_CLIENT_REQUEST"),
        ({"from": -1}, "INVALID_CLIENT_REQUEST"),
        ({"from": ""}, "INVALID_CLIENT_REQUEST"),
        ({"source": 0}, "INVALID_CLIENT_REQUEST"),
        ({"quantity": "0"}, "INVALID_QUANTITY"),
        ({"quantity": "1000.000001"}, "INSUFFICIENT_FUNDS"),
        ({"quantity": "4611686018427.387904"}, "INSUFFICIENT_FUNDS"),
        ({"symbol": "EUR"}, "INVALID_SYMBOL"),
        ({"clientId": "x" * 256}, "INVALID_CLIENT_REQUEST"),
    ],
)
async def test_what_cannot_be_moved(venue: Venue, change: dict[str, Any], code: str) -> None:
    refused = await venue.move(**change)
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert venue.held == [1000, 0, 0]


@pytest.mark.parametrize("quantity", ["4611686018427.387905", "9223372036854.775807", "9223372036854.775808"])
async def test_more_than_there_can_be_is_too_large(venue: Venue, quantity: str) -> None:
    """Below what a number holds, and beyond."""
    refused = await venue.move(quantity=quantity)
    told = {"code": "INVALID_QUANTITY", "message": f"Invalid quantity: '{quantity}' is too large"}
    assert (refused.status_code, refused.json()) == (400, told)


async def test_a_key_that_may_only_read_moves_nothing(venue: Venue) -> None:
    refused = await venue.exchange.signed("POST", TRANSFER, "transfer", ASKED, READER)
    assert refused.status_code == 403


async def test_moves_are_listed(venue: Venue) -> None:
    rows = [MoveRow(Key(1, 0, 3), USDC, UNIT, 9, 1_700_000_000_001, None), MoveRow(Key(0, 1, 1), USDC, UNIT, 8, 1, 2)]
    venue.exchange.history.moved = rows
    listed = await venue.get(TRANSFER, "transferQueryAll")
    assert [(move["id"], move["from"], move["to"], move["status"]) for move in listed] == [
        ("1-0-3", 1, 0, "inFlight"),
        ("0-1-1", 0, 1, "complete"),
    ]
    assert (listed[0]["createdAt"], listed[0]["arrivedAt"]) == ("2023-11-14T22:13:20.001", None)
    assert "clientId" not in listed[0], "the logs have no more of it than a hash"
    assert await venue.get(TRANSFER, "transferQueryAll", clientId="rent") == []
    rows[1].reference = move_reference(TRADER_ACCOUNT, "rent")
    named = await venue.get(TRANSFER, "transferQueryAll", clientId="rent")
    assert [(move["id"], move["clientId"]) for move in named] == [("0-1-1", "rent")]


async def test_a_list_of_moves_takes_the_parameters_of_its_neighbours(venue: Venue) -> None:
    """A span, whose end has two names; what none of them knows, all leave out of account."""
    history = venue.exchange.history
    await venue.get(TRANSFER, "transferQueryAll", **{"from": "5", "to": "6", "endTime": "7", "unknown": "1"})
    await venue.get(TRANSFER, "transferQueryAll", endTime="7")
    assert [(asked["from_ms"], asked["to_ms"]) for asked in history.moves_asked] == [(5, 6), (None, 7)]
    lists = ((TRANSFER, "transferQueryAll"), ("/wapi/v1/capital/deposits", "depositQueryAll"))
    for wrong in ({"from": "6", "to": "5"}, {"from": "today"}, {"limit": "0"}):
        refusals = [await venue.exchange.signed("GET", *of, wrong) for of in lists]
        assert [refused.status_code for refused in refusals] == [400, 400]
        assert refusals[0].json() == refusals[1].json()


@pytest.mark.parametrize(("wanted", "code"), [(True, AccountOption.AUTO_TRANSFER), (False, 0)])
async def test_an_account_asks_for_funds_to_follow_its_orders(exchange: Exchange, wanted: bool, code: int) -> None:
    exchange.gateway.answers.append(event(EventKind.APPLIED))
    answer = await exchange.signed("PATCH", "/api/v1/account", "accountUpdate", {"autoTransfer": wanted})
    assert (answer.status_code, answer.json()) == (200, {})
    [sent] = exchange.gateway.commands
    command = np.frombuffer(sent.tobytes(), ADMIN)[0]
    assert (int(command["kind"]), int(command["code"])) == (CommandKind.ACCOUNT_OPTIONS, code)
    assert int(command["account"]) == TRADER_ACCOUNT


async def test_other_settings_change_nothing(exchange: Exchange) -> None:
    answer = await exchange.signed("PATCH", "/api/v1/account", "accountUpdate", {"autoLend": False})
    assert (answer.status_code, exchange.gateway.commands) == (200, [])


async def test_the_account_shows_what_it_asked_for(venue: Venue) -> None:
    assert (await venue.get("/api/v1/account", "accountQuery"))["autoTransfer"] is False
    venue.exchange.service.setup.options[TRADER_ACCOUNT] = AccountOption.AUTO_TRANSFER
    assert (await venue.get("/api/v1/account", "accountQuery"))["autoTransfer"] is True


@pytest.mark.parametrize(("auto", "quantity"), [(False, "10"), (True, "15")])
async def test_the_largest_order_is_what_its_shard_can_pay_or_all(venue: Venue, auto: bool, quantity: str) -> None:
    venue.ledgers[1].held[TRADER_ACCOUNT, USDC] = 500 * UNIT
    if auto:
        venue.exchange.service.setup.options[TRADER_ACCOUNT] = AccountOption.AUTO_TRANSFER
    asked = {"symbol": "SOL_USDC", "side": "Bid", "price": "100"}
    answer = await venue.get("/api/v1/account/limits/order", "maxOrderQuantity", **asked)
    assert answer["maxOrderQuantity"] == quantity


async def test_what_home_can_pay_needs_no_other_shard(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> Any:
        raise TimeoutError("no engine")

    monkeypatch.setattr(venue.ledgers[1], "query", away)
    service = venue.exchange.service
    assert await funds.has(service, TRADER_ACCOUNT, USDC, 1_000 * UNIT)
    await funds.bring_home(service, TRADER_ACCOUNT, USDC, 1_000 * UNIT)
    for asking in (funds.has, funds.bring_home):
        with pytest.raises(ApiError):
            await asking(service, TRADER_ACCOUNT, USDC, 1_000 * UNIT + 1)


async def test_all_that_there_is_can_be_withdrawn(venue: Venue) -> None:
    venue.ledgers[1].held[TRADER_ACCOUNT, USDC] = 500 * UNIT
    answer = await venue.get("/api/v1/account/limits/withdrawal", "maxWithdrawalQuantity", symbol="USDC")
    assert answer["maxWithdrawalQuantity"] == "1500"


@pytest.mark.parametrize("members", [{}, {"reference": 9}])
async def test_what_an_administrator_withdraws_is_fetched(venue: Venue, members: Any) -> None:
    venue.ledgers[1].held[TRADER_ACCOUNT, USDC] = 500 * UNIT
    answer = await venue.withdraw(1_200, **members)
    assert (answer.status_code, answer.json()["available"]) == (200, "0"), answer.text
    assert venue.held == [0, 300, 0]
    refused = await venue.withdraw(301)
    assert (refused.status_code, refused.json()["code"]) == (400, "INSUFFICIENT_FUNDS")
    assert venue.held == [0, 300, 0]


async def test_an_administrators_withdrawal_repeated_moves_nothing(venue: Venue) -> None:
    """The engine looks at funds before references: what is fetched first would stay there, and orders lack it."""
    venue.ledgers[1].held[TRADER_ACCOUNT, USDC] = 1_000 * UNIT
    assert (await venue.withdraw(1_000, reference=9)).status_code == 200
    venue.exchange.history.rows = [{"symbol": "SOL"}, {"symbol": "USDC"}]
    repeated = await venue.withdraw(1_000, reference=9)
    assert (repeated.status_code, repeated.json()["message"]) == (400, "Duplicate reference")
    assert venue.held == [0, 1_000, 0]
    [(name, asked, only)] = venue.exchange.history.asked
    assert (name, asked, only["references"]) == ("withdrawals", (TRADER_ACCOUNT,), [9])


async def test_an_administrators_withdrawal_fetches_nothing_while_no_repeat_is_known(venue: Venue) -> None:
    venue.ledgers[1].held[TRADER_ACCOUNT, USDC] = 1_000 * UNIT
    venue.exchange.history.available = False
    assert (await venue.withdraw(1_000, reference=9)).status_code == 200
    refused = await venue.withdraw(1_000, reference=10)
    assert (refused.status_code, refused.json()["code"]) == (503, "MAINTENANCE")
    assert venue.held == [0, 1_000, 0]
    assert (await venue.withdraw(1_000)).status_code == 200  # its reference was never given before


WITHDRAWAL = {"symbol": "USDC", "quantity": "1", "address": "account-3", "blockchain": "Internal"}


TEXT_RULE = "clientId must be text of at most 255 printable characters"


@pytest.mark.parametrize(
    ("client_id", "why"), [("x" * 256, TEXT_RULE), ("two\nlines", TEXT_RULE), (5, "clientId must be a string")]
)
async def test_what_names_a_transfer_has_one_rule(venue: Venue, client_id: str | int, why: str) -> None:
    may = KeyPermission.READ | KeyPermission.TRADE | KeyPermission.WITHDRAW
    venue.exchange.service.setup.apply(key_record(TRADER_ACCOUNT, bytes(BOSS.verify_key), may))
    withdrawals, named = "/wapi/v1/capital/withdrawals", {"clientId": client_id}
    asked = [
        ("POST", TRANSFER, "transfer", ASKED | named),
        ("POST", withdrawals, "withdraw", WITHDRAWAL | named),
        ("GET", TRANSFER, "transferQueryAll", named),
        ("GET", withdrawals, "withdrawalQueryAll", named),
    ]
    answers = [await venue.exchange.signed(*each, BOSS) for each in asked if each[0] == "POST" or client_id != 5]
    assert {answer.status_code for answer in answers} == {400}
    assert {answer.json()["message"] for answer in answers} == {why}
