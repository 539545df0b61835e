"""Clients that people already have, unchanged but for their URLs: two Python SDKs, and bots (ccxt: test_ccxt.py)."""

import json
from pathlib import Path

import pytest

from tests.bench.report.form import assert_form
from tests.end_to_end.clients.environment import python_with, run
from tests.exchange import Exchange


@pytest.mark.timeout(400)
def test_bpx_py(exchange: Exchange) -> None:
    python = python_with("bpx-py==2.0.11", "cryptography<44")
    told = json.loads(run(python, "bpx_flow.py", exchange.run["http"], str(exchange.data / "demo-keys.json")))
    assert told["status"] == {"status": "Ok", "message": None} and told["ping"] == "pong"
    assert "ETH_BTC" in told["symbols"] and float(told["account"]["spotTakerFee"]) > 0
    assert told["placed"]["status"] == "New" and told["post_only"]["postOnly"] is True
    assert told["found"]["id"] == told["placed"]["id"]
    assert {order["id"] for order in told["open"]} == {told["placed"]["id"], told["post_only"]["id"]}
    assert told["depth"]["bids"][-1] == ["0.02", "2"]
    assert told["taken"]["status"] == "Filled"
    assert told["cancelled"]["status"] == "Cancelled" and told["cancelled"]["executedQuantity"] == "0.5"
    assert told["cancelled_again"] == {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}
    assert [order["id"] for order in told["cancelled_all"]] == [told["post_only"]["id"]]
    assert float(told["after"]["BTC"]["available"]) == pytest.approx(float(told["before"]["BTC"]["available"]) - 0.01)
    assert {order["id"]: order["status"] for order in told["orders"]}[told["placed"]["id"]] == "Cancelled"
    (fill,) = told["fills"]
    assert (fill["price"], fill["quantity"], fill["isMaker"], fill["clientId"]) == ("0.02", "0.5", True, "77")
    assert told["trades"][0]["id"] == fill["tradeId"] and told["positions"] == []


@pytest.mark.timeout(400)
def test_backpack_exchange_sdk(exchange: Exchange) -> None:
    python = python_with("backpack_exchange_sdk==1.1.4")
    keys = str(exchange.data / "demo-keys.json")
    told = json.loads(run(python, "sdk_flow.py", exchange.run["http"], exchange.run["ws"], keys))
    assert told["placed"]["status"] == "New" and told["found"]["id"] == told["placed"]["id"]
    assert [item["operation"] for item in told["batch"]] == ["Ok", "Err"]
    assert told["taken"]["status"] == "Filled" and told["cancelled"]["status"] == "Cancelled"
    assert [order["id"] for order in told["cancelled_all"]] == [told["batch"][0]["id"]]
    assert told["fills"][0]["orderId"] == told["placed"]["id"]
    assert float(told["after"]["USDC"]["available"]) == float(told["before"]["USDC"]["available"]) - 15
    events = told["events"]
    assert events["depth@BTC_USDC"][0]["u"] and events["depth.BTC_USDC"][0]["u"]
    assert [event["e"] for event in events["account.orderUpdate"]][:1] == ["orderAccepted"]
    assert events["trade.BTC_USDC"][0]["p"] == "15"


@pytest.mark.parametrize("name", ["http", "orders_ws"])
def test_the_benchmarks_of_order_entry_account_for_every_order(exchange: Exchange, tmp_path: Path, name: str) -> None:
    report = tmp_path / "report.json"
    options = ["--client", "python"] if name == "http" else []
    done = exchange.command("bench", name, "--seconds", "0.6", "--connections", "2", "--json", str(report), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(report.read_text())
    assert_form(result, name)
    assert result["parameters"]["profile"] == exchange.run["profile"] and result["parameters"]["rate_limits"]
    rows = {row["stage"]: row for row in result["stages"]}
    assert rows["answered"]["orders"] == rows["received to answered"]["orders"] > 0, done.stdout
    assert "stages of " in done.stdout
    assert result["accounted"] and result["accounts"]["accepted"] > 0 and result["accounts"]["refused"] == 0


def test_the_benchmark_of_streams_moves_the_real_market(exchange: Exchange, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    rates = ["--clients", "3", "--seconds", "1", "--changes", "200", "--trades", "50"]
    done = exchange.command("bench", "websocket", *rates, "--json", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(report.read_text())
    assert result["parameters"]["profile"] == exchange.run["profile"]
    assert not result["alone"] and result["frames_timed"] > 0 and result["latency_ms"]["p50"] >= 0
    assert exchange.trader(0).fetch_open_orders("SOL/USDC") == [], "what rested is cancelled"
