"""Money, with an exchange that the test makes up."""

import base64
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from bench.load.outcome.accounting import Accounting
from bench.load.outcome.histograms import Histogram, write_log
from bench.load.plan.amounts import exact
from bench.load.plan.markets import look_up
from bench.load.targets.api import Account, Api, BenchError
from tests.bench.load.standin import StandIn, serving

KEY = Account(base64.b64encode(bytes(Account("", bytes(32)).key.verify_key)).decode(), bytes(32), 7)

QUIET = (lambda _: None, lambda _: None, 0.1)  # says nothing, warns nobody, waits hardly


def fill(side: str, quantity: str, price: str, fee: str, fee_symbol: str) -> dict[str, Any]:
    named = {"side": side, "quantity": quantity, "price": price, "fee": fee, "feeSymbol": fee_symbol}
    return {"symbol": "SOL_USDC", **named}


def balances(usdc: str, sol: str) -> dict[str, dict[str, str]]:
    return {name: {"available": text, "locked": "0.5"} for name, text in (("USDC", usdc), ("SOL", sol))}


@pytest.mark.parametrize(
    ("usdc", "problems"),
    [
        (
            "899.995000000000000001",
            ["account 7: its USDC changed by -100.004999999999999999, its 2 fills say -100.005"],
        ),
        ("899.995", []),
    ],
)
def test_balances_change_by_what_fills_say_to_the_last_unit(usdc: str, problems: list[str]) -> None:
    with serving(StandIn()) as server, Api(server.url) as api:
        account = server.account(KEY.api_key)
        account.balances = balances("1000", "2")
        accounting = Accounting(api, [KEY], look_up(api, ["SOL_USDC"]), *QUIET)
        account.orders += [{"clientId": 1}, {"clientId": 2}]
        # Bought 3 at 50.01, of which 0.003 is the fee; sold 1 at 50.02, with a rebate of 0.005.
        account.fills += [fill("Bid", "3", "50.01", "0.003", "SOL"), fill("Ask", "1", "50.02", "-0.005", "USDC")]
        account.balances = balances(usdc, "3.997")
        verdict = accounting.settle({0: 2}, {})
        assert verdict.problems == problems and verdict.fills == 2


def test_an_order_of_unknown_outcome_is_looked_up_by_its_client_id() -> None:
    with serving(StandIn()) as server, Api(server.url) as api:
        account = server.account(KEY.api_key)
        account.orders += [{"clientId": 5}]  # of before
        accounting = Accounting(api, [KEY], look_up(api, ["SOL_USDC"]), *QUIET)
        account.orders += [{"clientId": 6}, {"clientId": None}]
        verdict = accounting.settle({0: 1}, {0: {5, 6, 7}})
        assert (verdict.found, verdict.not_found, verdict.problems) == (1, 2, [])


def test_two_keys_of_an_account_are_one_account() -> None:
    class Twins(StandIn):
        def account(self, key: str) -> Any:
            return super().account("both")

    twin = Account(base64.b64encode(bytes(Account("", bytes(31) + b"1").key.verify_key)).decode(), bytes(31) + b"1", 7)
    with serving(Twins()) as server, Api(server.url) as api:
        accounting = Accounting(api, [KEY, twin], look_up(api, ["SOL_USDC"]), *QUIET)
        server.account("").orders += [{"clientId": 1}, {"clientId": 2}, {"clientId": 3}]
        verdict = accounting.settle({0: 1, 1: 1}, {1: {3}})
        assert (verdict.found, verdict.problems) == (1, [])


def test_an_exchange_that_went_away_is_waited_for_as_long_as_it_is_said_to_be() -> None:
    with serving(StandIn()) as server, Api(server.url) as api:
        warned: list[str] = []
        accounting = Accounting(api, [KEY], look_up(api, ["SOL_USDC"]), lambda _: None, warned.append, 0.3)
    began = time.monotonic()
    verdict = accounting.settle({0: 1}, {})
    assert 0.3 <= time.monotonic() - began < 30
    assert "books could not be read" in verdict.problems[0] and not verdict.interrupted
    assert warned == ["the exchange does not answer: waiting up to 0.3 s for its books"]


def test_answers_of_another_form_are_said_in_words() -> None:
    with serving(StandIn()) as server, Api(server.url) as api:
        markets = look_up(api, ["SOL_USDC"])
        accounting = Accounting(api, [KEY], markets, *QUIET)
        server.account(KEY.api_key).fills += [{"symbol": "SOL_USDC"}]
        assert "books could not be read" in accounting.settle({}, {}).problems[0]
        server.account(KEY.api_key).balances = {"USDC": {}}
        with pytest.raises(BenchError, match="in a form that is not understood"):
            Accounting(api, [KEY], markets, *QUIET)


def test_only_a_decimal_is_an_amount() -> None:
    assert exact("12.5") == 12_500_000_000_000_000_000 and exact("-0.1") == -100_000_000_000_000_000
    for text in ("", ".", "1e5", "1.0000000000000000001", "--1", "NaN"):
        with pytest.raises(BenchError):
            exact(text)


def test_the_intervals_of_a_log_are_together_the_whole(tmp_path: Path) -> None:
    values = np.random.default_rng(1).exponential(2e6, 20_000).astype(np.int64)
    whole = Histogram(values)
    assert whole.at_ms(99.0) == pytest.approx(np.percentile(values, 99) / 1e6, rel=0.002)
    due_ns = np.arange(20_000) * 200_000  # four seconds
    write_log(tmp_path / "log", values, due_ns, 1_790_000_000_000, "a comment")
    reader = HistogramLogReader(str(tmp_path / "log"), HdrHistogram(1_000, 3_600_000_000_000, 3))
    read, lines = Histogram(), 0
    while interval := reader.get_next_interval_histogram():
        lines += 1
        read.encoded().add(interval)
    reader.close()
    assert lines == 4 and read.percentiles_ms() == whole.percentiles_ms()


@pytest.mark.parametrize(
    ("count", "last"), [(1, ""), (2, "p50"), (99, "p95"), (100, "p99"), (99_999, "p9999"), (100_000, "p99999")]
)
def test_a_percentile_is_given_by_as_many_values_as_it_takes(count: int, last: str) -> None:
    assert next(reversed(Histogram(np.full(count, 1_000_000)).supported), "") == last
