"""Withdrawals, to addresses outside and to accounts of the exchange, on real processes with two ingress workers."""

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest
from nacl.signing import SigningKey

from tests.ingress.answers import error_of
from tests.ingress.fakes import READER, TRADER, TRADER_ACCOUNT
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)

WITHDRAWALS = "/wapi/v1/capital/withdrawals"
BANK = "DE89370400440532013000"


def withdrawal(**change: str) -> dict[str, str]:
    body = {"symbol": "USDC", "quantity": "12.5", "address": BANK, "blockchain": "Internal"}
    return body | {"clientId": f"rent {time.time_ns()}"} | change


def free(venue: Venue, key: SigningKey = TRADER) -> Decimal:
    path, asset = "/api/v1/account/limits/withdrawal", {"symbol": "USDC"}
    answer = venue.send("GET", path, "maxWithdrawalQuantity", asset, key)
    assert answer.status_code == 200, answer.text
    return Decimal(answer.json()["maxWithdrawalQuantity"])


def test_withdrawals_are_debited_once_and_listed_at_once(venue: Venue) -> None:
    before, body = free(venue), withdrawal()
    response = venue.send("POST", WITHDRAWALS, "withdraw", body)
    assert response.status_code == 200, response.text
    done = response.json()
    told = tuple(done[name] for name in ("quantity", "toAddress", "clientId", "symbol", "isInternal"))
    assert told == ("12.5", BANK, body["clientId"], "USDC", False)
    assert before - free(venue) == Decimal("12.5")
    for parameters in ({"clientId": body["clientId"]}, {"id": str(done["id"])}):
        assert venue.send("GET", WITHDRAWALS, "withdrawalQueryAll", parameters).json() == [done]
        assert venue.send("GET", WITHDRAWALS, "withdrawalQueryAll", parameters, READER).json() == []
    again = venue.send("POST", WITHDRAWALS, "withdraw", body)
    assert (again.status_code, again.json()) == (200, done)
    for change in ({"address": BANK + "1"}, {"quantity": "12.6"}, {"symbol": "SOL"}, {"address": "account-3"}):
        assert error_of(venue.send("POST", WITHDRAWALS, "withdraw", body | change)) == (400, "INVALID_CLIENT_REQUEST")
    assert before - free(venue) == Decimal("12.5")


def test_a_withdrawal_to_an_account_of_the_exchange_arrives_there(venue: Venue) -> None:
    address = venue.send(
        "GET", "/wapi/v1/capital/deposit/address", "depositAddressQuery", {"blockchain": "Internal"}, READER
    )
    mine, theirs = free(venue), free(venue, READER)
    body = withdrawal(address=address.json()["address"])
    done = venue.send("POST", WITHDRAWALS, "withdraw", body).json()
    assert (done["isInternal"], done["toAddress"], done["status"]) == (True, body["address"], "confirmed")
    assert venue.send("POST", WITHDRAWALS, "withdraw", body).json() == done
    assert (mine - free(venue), free(venue, READER) - theirs) == (Decimal("12.5"), Decimal("12.5"))
    came = venue.send("GET", "/wapi/v1/capital/deposits", "depositQueryAll", None, READER).json()[0]
    told = tuple(came[name] for name in ("quantity", "source", "toAddress", "fromAddress", "symbol"))
    assert told == ("12.5", "internal", body["address"], f"account-{TRADER_ACCOUNT}", "USDC")


@pytest.mark.parametrize(
    "address",
    [
        *("account-2", "account-999", "account-0", "account-03", "Account-3", "account-3 ", " account-3", "account-+3"),
        *(
            "ACCOUNT-3000000000000",
            "accounting-office-1",
            "my bank",
            "somewhere",
            "x" * 129,
            "a\nb",
            "",
            "\uff41ccount-3",
        ),
        *("<script>alert(1)</script>", "0x52908400098527886E0F7030069857D2E4169EE7'", "account-3\u200b"),
    ],
)
def test_what_is_no_address_is_refused(venue: Venue, address: str) -> None:
    before = free(venue)
    refused = venue.send("POST", WITHDRAWALS, "withdraw", withdrawal(address=address))
    assert error_of(refused) == (400, "INVALID_CLIENT_REQUEST")
    assert free(venue) == before


def test_parallel_withdrawals_of_one_client_id_keep_the_address_of_the_paid_one(venue: Venue) -> None:
    """One that nobody can pay and one for elsewhere, at the same time as the one that is paid: its text stays."""
    addresses = [f"bank-account-{number:04d}" for number in range(3)]
    for _ in range(12):
        paid = withdrawal(address=addresses[0])
        others = [paid | {"quantity": "999999999"}, paid | {"address": addresses[1]}, paid, paid | {"quantity": "1"}]
        before = free(venue)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda body: venue.send("POST", WITHDRAWALS, "withdraw", body), [*others, *others]))
        good = [answer.json() for answer in answers if answer.status_code == 200]
        (kept,) = venue.send("GET", WITHDRAWALS, "withdrawalQueryAll", {"clientId": paid["clientId"]}).json()
        assert good and all(answer == kept for answer in good)
        assert before - free(venue) == Decimal(kept["quantity"])
        for address in addresses:
            for quantity in ("1", "12.5"):
                body = paid | {"address": address, "quantity": quantity}
                status = venue.send("POST", WITHDRAWALS, "withdraw", body).status_code
                assert (status == 200) == ((address, quantity) == (kept["toAddress"], kept["quantity"]))
        assert venue.send("GET", WITHDRAWALS, "withdrawalQueryAll", {"clientId": paid["clientId"]}).json() == [kept]


def test_text_that_does_not_fit_the_log_is_not_told(venue: Venue) -> None:
    body = withdrawal()
    done = venue.send("POST", WITHDRAWALS, "withdraw", body).json()
    with psycopg.connect(venue.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "update withdrawal_requests set address = %s where client_id = %s", ("thief-of-money-1", body["clientId"])
        )
    (told,) = venue.send("GET", WITHDRAWALS, "withdrawalQueryAll", {"id": str(done["id"])}).json()
    assert told["toAddress"] is None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"quantity": "0"}, 400, "INVALID_QUANTITY"),
        ({"quantity": "0.0000001"}, 400, "INVALID_QUANTITY"),
        ({"quantity": "100000000000"}, 400, "INSUFFICIENT_FUNDS"),
        ({"symbol": "EUR"}, 400, "INVALID_SYMBOL"),
        ({"blockchain": "Solana"}, 400, "INVALID_CLIENT_REQUEST"),
        ({"memo": "x"}, 400, "INVALID_CLIENT_REQUEST"),
    ],
)
def test_withdrawals_that_are_refused(venue: Venue, change: dict[str, str], status: int, code: str) -> None:
    body = withdrawal(quantity="1") | change
    assert error_of(venue.send("POST", WITHDRAWALS, "withdraw", body)) == (status, code)


def test_the_deposit_address(venue: Venue) -> None:
    path, instruction = "/wapi/v1/capital/deposit/address", "depositAddressQuery"
    assert venue.send("GET", path, instruction, {"blockchain": "Internal"}).json() == {"address": "account-2"}
    assert error_of(venue.send("GET", path, instruction, {"blockchain": "Bitcoin"})) == (400, "INVALID_CLIENT_REQUEST")
