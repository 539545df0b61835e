"""Every rule between the members of a request and a COMMAND."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine_core.edge.refusals import Code
from engine_core.replica.setup import Market
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import ALL_MARKETS
from ingress.errors import ApiError
from ingress.requests import order_commands
from ingress.requests.signed_json import Members, Number
from tests.markets import SOL, setup

SETUP = setup()
LIMIT: Members = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100.5", "quantity": "1.25"}
MARKET: Members = {"symbol": "SOL_USDC", "side": "Ask", "orderType": "Market", "quantity": "2"}


def best(market: Market, side: int) -> int | None:
    """Bids at 99.00, asks at 101.00; BTC_USDC is empty."""
    return None if market.number != SOL else 10_100 if side == Side.BID else 9_900


def place(members: Members, **changes: Any) -> np.void:
    merged = {name: value for name, value in (members | changes).items() if value != "absent"}
    packed = order_commands.place(SETUP, 7, merged, best).command.pack()
    return np.frombuffer(packed, COMMAND)[0]


def refused(members: Members, **changes: Any) -> ApiError:
    with pytest.raises(ApiError) as error:
        place(members, **changes)
    return error.value


def test_a_limit_order() -> None:
    record = place(LIMIT)
    assert record["kind"] == CommandKind.PLACE
    assert record["side"] == Side.BID
    assert record["order_type"] == OrderType.LIMIT
    assert record["time_in_force"] == TimeInForce.GTC
    assert record["self_trade"] == SelfTrade.REJECT_TAKER
    assert record["flags"] == 0
    assert (record["market"], record["account"], record["order_id"], record["client_id"]) == (SOL, 7, 0, 0)
    assert (record["price_ticks"], record["quantity_lots"]) == (10_050, 125)
    assert (record["trigger_ticks"], record["amount_atoms"]) == (0, 0)


@pytest.mark.parametrize("text", ["100.50", "0100.5", Number("100.5"), Number("100.50")])
def test_prices_as_text_or_number(text: str) -> None:
    assert place(LIMIT, price=text)["price_ticks"] == 10_050


def test_options_of_a_limit_order() -> None:
    record = place(LIMIT, timeInForce="FOK", selfTradePrevention="RejectBoth", clientId=Number("4294967295"))
    assert record["time_in_force"] == TimeInForce.FOK
    assert record["self_trade"] == SelfTrade.REJECT_BOTH
    assert record["flags"] == OrderFlag.HAS_CLIENT_ID
    assert record["client_id"] == 2**32 - 1
    assert place(LIMIT, clientId="0")["flags"] == OrderFlag.HAS_CLIENT_ID
    assert place(LIMIT, postOnly=True)["flags"] == OrderFlag.POST_ONLY
    assert place(LIMIT, postOnly="true")["flags"] == OrderFlag.POST_ONLY


def test_null_and_empty_are_absent() -> None:
    record = place(LIMIT, clientId=None, timeInForce="", triggerPrice=None, quoteQuantity="", stopLossTriggerPrice=None)
    assert record["flags"] == 0


def test_harmless_options_pass() -> None:
    assert place(LIMIT, reduceOnly=False, autoLend=False, autoBorrow=None, brokerId=Number("1400"))["flags"] == 0


def test_a_market_order_by_base() -> None:
    record = place(MARKET)
    assert record["order_type"] == OrderType.MARKET
    assert record["time_in_force"] == TimeInForce.IOC
    assert (record["price_ticks"], record["quantity_lots"], record["flags"]) == (0, 200, 0)


def test_a_market_order_by_quote() -> None:
    record = place(MARKET, side="Bid", quantity="absent", quoteQuantity="12.345678")
    assert record["flags"] == OrderFlag.BY_QUOTE
    assert (record["quantity_lots"], record["amount_atoms"]) == (0, 12_345_678)


def test_a_trigger_order() -> None:
    record = place(LIMIT, quantity="absent", triggerPrice="90", triggerQuantity="3", triggerBy="LastPrice")
    assert record["flags"] == OrderFlag.TRIGGER
    assert (record["trigger_ticks"], record["quantity_lots"], record["price_ticks"]) == (9_000, 300, 10_050)


def test_an_iceberg() -> None:
    record = place(LIMIT, displayQuantity="0.5")
    assert record["flags"] == OrderFlag.ICEBERG
    assert record["display_lots"] == 50
    assert place(LIMIT, displayQuantity="1.25")["flags"] == 0  # shows everything


@pytest.mark.parametrize(
    ("side", "kind", "tolerance", "bound"),
    [
        ("Bid", "TickSize", "5", 10_105),
        ("Ask", "TickSize", "5", 9_895),
        ("Bid", "Percent", "1", 10_201),
        ("Ask", "Percent", "0.5", 9_851),
        ("Ask", "Percent", "1000", 1),
    ],
)
def test_slippage_tolerance_bounds_the_price(side: str, kind: str, tolerance: str, bound: int) -> None:
    record = place(MARKET, side=side, slippageTolerance=tolerance, slippageToleranceType=kind)
    assert record["flags"] == OrderFlag.HAS_BOUND
    assert record["price_ticks"] == bound


def test_slippage_of_a_trigger_order_counts_from_its_trigger() -> None:
    trigger = {"quantity": "absent", "triggerQuantity": "1", "triggerPrice": "200"}
    record = place(MARKET, side="Bid", slippageTolerance="10", slippageToleranceType="TickSize", **trigger)
    assert record["price_ticks"] == 20_010
    assert record["flags"] == OrderFlag.TRIGGER | OrderFlag.HAS_BOUND


_REQUEST, _PRICE, _QUANTITY = Code.INVALID_CLIENT_REQUEST, Code.INVALID_PRICE, Code.INVALID_QUANTITY


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "absent"}, _REQUEST),
        ({"symbol": Number("1")}, _REQUEST),
        ({"symbol": ["SOL_USDC"]}, _REQUEST),
        ({"symbol": "DOGE_USDC"}, Code.INVALID_MARKET),
        ({"symbol": "sol_usdc"}, Code.INVALID_MARKET),
        ({"symbol": "x" * 10_000}, Code.INVALID_MARKET),
        ({"side": "absent"}, _REQUEST),
        ({"side": "Buy"}, _REQUEST),
        ({"side": True}, _REQUEST),
        ({"orderType": "absent"}, _REQUEST),
        ({"orderType": "limit"}, _REQUEST),
        ({"price": "absent"}, _REQUEST),
        ({"price": "0"}, _PRICE),
        ({"price": "0.00"}, _PRICE),
        ({"price": "-1"}, _PRICE),
        ({"price": Number("-1")}, _PRICE),
        ({"price": "+1"}, _PRICE),
        ({"price": "1e5"}, _PRICE),
        ({"price": Number("1e400")}, _PRICE),
        ({"price": "NaN"}, _PRICE),
        ({"price": "Infinity"}, _PRICE),
        ({"price": " 100"}, _PRICE),
        ({"price": "1_000"}, _PRICE),
        ({"price": "\uff11\uff10\uff10"}, _PRICE),
        ({"price": "100."}, _PRICE),
        ({"price": ".5"}, _PRICE),
        ({"price": "100,5"}, _PRICE),
        ({"price": "100.505"}, _PRICE),
        ({"price": "21474836.48"}, _PRICE),
        ({"price": "9" * 30}, _PRICE),
        ({"price": "9" * 60_000}, _PRICE),
        ({"price": "1." + "0" * 60_000}, _PRICE),
        ({"price": True}, _REQUEST),
        ({"price": ["1"]}, _REQUEST),
        ({"price": {}}, _REQUEST),
        ({"quantity": "absent"}, _REQUEST),
        ({"quantity": "0"}, _QUANTITY),
        ({"quantity": "-1"}, _QUANTITY),
        ({"quantity": "0.001"}, _QUANTITY),
        ({"quantity": "0.09"}, _QUANTITY),  # below the minimum
        ({"quantity": "100000.01"}, _QUANTITY),  # above the maximum
        ({"quantity": "1e2"}, _QUANTITY),
        ({"quantity": "9223372036854775808"}, _QUANTITY),
        ({"quantity": "9" * 40}, _QUANTITY),
        ({"price": "21474836.47", "quantity": "100000", "symbol": "SOL_USDC"}, None),
        ({"quoteQuantity": "5"}, _REQUEST),
        ({"timeInForce": "GTT"}, _REQUEST),
        ({"timeInForce": "PostOnly"}, _REQUEST),
        ({"postOnly": "yes"}, _REQUEST),
        ({"postOnly": Number("1")}, _REQUEST),
        ({"postOnly": True, "timeInForce": "IOC"}, _REQUEST),
        ({"postOnly": True, "timeInForce": "FOK"}, _REQUEST),
        ({"clientId": Number("4294967296")}, _REQUEST),
        ({"clientId": Number("-1")}, _REQUEST),
        ({"clientId": Number("1.0")}, _REQUEST),
        ({"clientId": "abc"}, _REQUEST),
        ({"clientId": True}, _REQUEST),
        ({"clientId": "9" * 5000}, _REQUEST),
        ({"selfTradePrevention": "None"}, _REQUEST),
        ({"triggerPrice": "90"}, _REQUEST),
        ({"triggerQuantity": "1"}, _REQUEST),
        ({"triggerPrice": "90", "triggerQuantity": "1"}, _REQUEST),  # and quantity
        ({"triggerPrice": "90.001", "triggerQuantity": "1", "quantity": "absent"}, _PRICE),
        ({"triggerPrice": "90", "triggerQuantity": "0.001", "quantity": "absent"}, _QUANTITY),
        ({"triggerPrice": "90", "triggerQuantity": "1", "quantity": "absent", "triggerBy": "MarkPrice"}, _REQUEST),
        ({"displayQuantity": "2"}, _QUANTITY),
        ({"displayQuantity": "0.01", "quantity": "20.01"}, _QUANTITY),
        ({"displayQuantity": "0.001"}, _QUANTITY),
        ({"reduceOnly": True}, _REQUEST),
        ({"autoBorrow": True}, _REQUEST),
        ({"stopLossTriggerPrice": "1"}, Code.NOT_IMPLEMENTED),
        ({"takeProfitLimitPrice": "1"}, Code.NOT_IMPLEMENTED),
        ({"stopLossPrice": "1"}, _REQUEST),
        ({"": "1"}, _REQUEST),
    ],
)
def test_what_a_limit_order_must_not_say(changes: dict[str, Any], code: Code | None) -> None:
    if code is None:
        assert place(LIMIT, **changes)["quantity_lots"] == 10_000_000
    else:
        assert refused(LIMIT, **changes).code is code


def test_a_product_beyond_all_money_is_refused() -> None:
    error = refused(LIMIT, symbol="BTC_USDC", price="214748364.7", quantity="100000")
    assert (error.code, error.message) == (Code.INVALID_ORDER, "Price times quantity is too large")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"price": "1"}, _REQUEST),
        ({"quantity": "absent"}, _REQUEST),
        ({"quoteQuantity": "1"}, _REQUEST),  # and quantity
        ({"postOnly": True}, _REQUEST),
        ({"quantity": "absent", "quoteQuantity": "0"}, _QUANTITY),
        ({"quantity": "absent", "quoteQuantity": "0.0000001"}, _QUANTITY),
        ({"quantity": "absent", "quoteQuantity": "4611686018428"}, _QUANTITY),
        ({"quantity": "absent", "quoteQuantity": "9" * 30}, _QUANTITY),
        ({"slippageTolerance": "1"}, _REQUEST),
        ({"slippageToleranceType": "Percent"}, _REQUEST),
        ({"slippageTolerance": "1", "slippageToleranceType": "Bps"}, _REQUEST),
        ({"slippageTolerance": "1.5", "slippageToleranceType": "TickSize"}, _REQUEST),
        ({"slippageTolerance": "-1", "slippageToleranceType": "Percent"}, _REQUEST),
        ({"slippageTolerance": "1", "slippageToleranceType": "Percent", "symbol": "BTC_USDC"}, Code.INVALID_ORDER),
        ({"displayQuantity": "1"}, _REQUEST),
    ],
)
def test_what_a_market_order_must_not_say(changes: dict[str, Any], code: Code) -> None:
    assert refused(MARKET, **changes).code is code


def record_of(placement: order_commands.Placement) -> np.void:
    return np.frombuffer(placement.command.pack(), COMMAND)[0]


def test_cancel_by_either_id() -> None:
    by_order = record_of(order_commands.cancel(SETUP, 7, {"symbol": "SOL_USDC", "orderId": "42"}))
    assert (by_order["kind"], by_order["order_id"], by_order["flags"]) == (CommandKind.CANCEL, 42, 0)
    by_client = record_of(order_commands.cancel(SETUP, 7, {"symbol": "SOL_USDC", "orderId": "", "clientId": "9"}))
    assert (by_client["order_id"], by_client["client_id"]) == (0, 9)
    assert by_client["flags"] == OrderFlag.HAS_CLIENT_ID


@pytest.mark.parametrize(
    "members",
    [
        {"symbol": "SOL_USDC"},
        {"symbol": "SOL_USDC", "orderId": "1", "clientId": "1"},
        {"symbol": "SOL_USDC", "orderId": "x"},
        {"symbol": "SOL_USDC", "orderId": "0"},
        {"symbol": "SOL_USDC", "orderId": "9223372036854775808"},
        {"symbol": "SOL_USDC", "orderId": "1", "force": True},
        {"orderId": "1"},
    ],
)
def test_what_a_cancel_must_not_say(members: Members) -> None:
    with pytest.raises(ApiError) as error:
        order_commands.cancel(SETUP, 7, members)
    assert error.value.code is Code.INVALID_CLIENT_REQUEST


def test_amend() -> None:
    record = record_of(order_commands.amend(SETUP, 7, {"symbol": "SOL_USDC", "orderId": "42", "price": "99"}))
    assert (record["kind"], record["price_ticks"], record["quantity_lots"]) == (CommandKind.AMEND, 9_900, 0)
    with pytest.raises(ApiError, match="price"):
        order_commands.amend(SETUP, 7, {"symbol": "SOL_USDC", "orderId": "42"})


def test_replace_is_a_placement_with_the_order_to_cancel() -> None:
    record = record_of(order_commands.replace(SETUP, 7, LIMIT | {"cancelOrderId": "42"}, best))
    assert (record["kind"], record["order_id"], record["price_ticks"]) == (CommandKind.REPLACE, 42, 10_050)
    with pytest.raises(ApiError, match="cancelOrderId is required"):
        order_commands.replace(SETUP, 7, LIMIT, best)


def test_cancel_all() -> None:
    record = record_of(order_commands.cancel_all(SETUP, 7, {"symbol": "SOL_USDC", "orderType": "ConditionalOrder"}))
    assert (record["kind"], record["market"], record["account"], record["order_type"]) == (
        CommandKind.CANCEL_ALL,
        SOL,
        7,
        2,
    )
    for members in ({}, {"symbol": "SOL_USDC", "orderType": "Limit"}):
        with pytest.raises(ApiError):
            order_commands.cancel_all(SETUP, 7, members)


def test_cancel_after() -> None:
    command = order_commands.cancel_after(SETUP, 7, {"timeoutMs": Number("5000")})
    assert (command.kind, command.market, command.amount_atoms) == (CommandKind.CANCEL_AFTER, ALL_MARKETS, 5000)
    for members in ({}, {"timeoutMs": Number("-1")}, {"timeoutMs": Number("86400001")}):
        with pytest.raises(ApiError):
            order_commands.cancel_after(SETUP, 7, members)


STOP: Members = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "triggerPrice": "200"}


def test_a_stop_market_buy_by_quantity_is_bounded_by_the_market_or_by_its_slippage() -> None:
    market = SETUP.markets[SOL]
    record = place(STOP, triggerQuantity="1")
    assert record["flags"] == OrderFlag.TRIGGER | OrderFlag.HAS_BOUND
    assert record["price_ticks"] == 20_000 + 20_000 * (market.impact_ppm or market.band_up_ppm) // 1_000_000
    record = place(STOP, triggerQuantity="1", slippageTolerance="1", slippageToleranceType="Percent")
    assert record["price_ticks"] == 20_200


def test_a_stop_market_buy_by_quote_amount_needs_nothing_else() -> None:
    record = place(STOP, quoteQuantity="50")
    assert record["flags"] == OrderFlag.TRIGGER | OrderFlag.BY_QUOTE
    assert (record["amount_atoms"], record["quantity_lots"], record["price_ticks"]) == (50_000_000, 0, 0)
    record = place(STOP, side="Ask", quoteQuantity="50")
    assert record["flags"] == OrderFlag.TRIGGER | OrderFlag.BY_QUOTE | OrderFlag.HAS_BOUND and record["price_ticks"]
    assert not place(STOP, side="Ask", triggerQuantity="1")["flags"] & OrderFlag.HAS_BOUND


def test_a_stop_market_buy_without_any_bound_is_told_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(SETUP.markets[SOL], impact_ppm=0, band_up_ppm=0, band_down_ppm=0)
    monkeypatch.setitem(SETUP.market_by_symbol, "SOL_USDC", bare)
    error = refused(STOP, triggerQuantity="1")
    assert error.code is Code.INVALID_ORDER
    assert all(name in error.message for name in ("slippageTolerance", "slippageToleranceType", "quoteQuantity"))


@pytest.mark.parametrize(
    ("members", "changes", "said"),
    [
        (LIMIT, {"slippageTolerance": "banana"}, "slippageTolerance is only valid for market orders"),
        (LIMIT, {"slippageTolerance": "1", "slippageToleranceType": "Percent"}, "only valid for market orders"),
        (LIMIT, {"slippageToleranceType": "Percent"}, "slippageToleranceType is only valid for market orders"),
        (LIMIT, {"triggerBy": "LastPrice"}, "triggerBy is only valid with triggerPrice"),
        (LIMIT, {"displayQuantity": "0.5", "timeInForce": "IOC"}, "displayQuantity is only valid for GTC"),
        (LIMIT, {"brokerId": "banana"}, "brokerId must be a whole number"),
        (LIMIT, {"quoteQuantity": "1"}, "quoteQuantity is only valid for market orders"),
        (STOP, {}, "quoteQuantity"),
        (STOP, {"triggerQuantity": "1", "quoteQuantity": "1"}, "exactly one of triggerQuantity and quoteQuantity"),
        (STOP, {"quantity": "1"}, "triggerQuantity"),
        (STOP, {"triggerQuantity": "1", "price": "210"}, "slippageTolerance bounds"),
        (MARKET, {"price": "1"}, "price is not valid for market orders"),
        (MARKET, {"displayQuantity": "1"}, "displayQuantity is only valid for limit orders"),
        (MARKET, {"postOnly": True}, "postOnly is only valid for GTC limit orders"),
    ],
)
def test_what_does_not_apply_is_refused_in_words(members: Members, changes: Members, said: str) -> None:
    assert said in refused(members, **changes).message
