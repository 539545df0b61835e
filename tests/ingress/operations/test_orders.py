"""The operations on orders: which command they send, and how they show what the engine did."""

from typing import Any

import numpy as np
import pytest

from engine_core.transport.gateway import GatewayError, OutcomeUnknown, Overloaded
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, OrderStatus, OrderType, QueryKind, Reason
from engine_core.wire.layout import join
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.query_records import BALANCE
from ingress.errors import REASONS
from ingress.schemas.order_answers import LiveOrder
from tests.ingress.fakes import CREATED_MS, READER, Exchange, event

LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100.5", "quantity": "1.25"}
ACCEPTED = event(EventKind.ACCEPTED, price_ticks=10_050, quantity_lots=125)


async def place(exchange: Exchange, *events: np.ndarray, **changes: Any) -> Any:
    exchange.gateway.answers.append(join([*events]))
    return await exchange.signed("POST", "/api/v1/order", "orderExecute", LIMIT | changes)


async def test_a_resting_order(exchange: Exchange) -> None:
    response = await place(exchange, ACCEPTED)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "id": "7001",
        "clientId": None,
        "symbol": "SOL_USDC",
        "side": "Bid",
        "orderType": "Limit",
        "status": "New",
        "timeInForce": "GTC",
        "selfTradePrevention": "RejectTaker",
        "postOnly": False,
        "price": "100.5",
        "quantity": "1.25",
        "quoteQuantity": None,
        "executedQuantity": "0",
        "executedQuoteQuantity": "0",
        "createdAt": CREATED_MS,
    } | dict.fromkeys(LiveOrder.__struct_fields__[15:])
    (command,) = exchange.gateway.commands
    assert (command["kind"], command["account"], command["price_ticks"]) == (CommandKind.PLACE, 2, 10_050)


async def test_all_members_are_there_and_none_that_clients_trip_over(exchange: Exchange) -> None:
    order = (await place(exchange, ACCEPTED)).json()
    assert {
        "triggerPrice",
        "triggeredAt",
        "stopLossLimitPrice",
        "takeProfitTriggerBy",
        "reduceOnly",
        "strategyId",
    } <= set(order)
    assert not {"code", "rfq", "rfqId", "filledAt", "fillPrice", "fillQuantity"} & set(order)


async def test_the_last_own_event_tells_the_state_whatever_else_happened(exchange: Exchange) -> None:
    """A timer of another order fires first, two makers are met, the trade sets off a trigger of the same account."""
    fill = {"side": 1, "quantity_lots": 125, "flags": OrderFlag.TAKER}
    response = await place(
        exchange,
        event(EventKind.CANCELLED, order_id=5, status=OrderStatus.CANCELLED, reason=Reason.DEAD_MAN),
        ACCEPTED,
        event(EventKind.FILL, order_id=11, account=3, side=2),
        event(EventKind.FILL, executed_lots=50, executed_atoms=50_000_000, status=OrderStatus.PARTIALLY_FILLED, **fill),
        event(EventKind.EXPIRED, order_id=12, status=OrderStatus.EXPIRED, reason=Reason.SELF_TRADE),
        event(EventKind.FILL, order_id=13, account=3, side=2),
        event(EventKind.FILL, executed_lots=125, executed_atoms=125_250_000, status=OrderStatus.FILLED, **fill),
        event(EventKind.TRIGGERED, order_id=99),
        event(EventKind.ACCEPTED, order_id=99),
    )
    order = response.json()
    assert (order["id"], order["status"]) == ("7001", "Filled")
    assert (order["executedQuantity"], order["executedQuoteQuantity"]) == ("1.25", "125.25")
    assert (order["price"], order["quantity"], order["createdAt"]) == ("100.5", "1.25", CREATED_MS)


async def test_a_trigger_that_fired_before_it_is_not_the_order(exchange: Exchange) -> None:
    """What was left over by an earlier command is accepted first, under the index of this one."""
    other = {"order_id": 6_900, "account": 9, "price_ticks": 9_000, "quantity_lots": 5}
    fired = event(EventKind.TRIGGERED, **other), event(EventKind.ACCEPTED, **other)
    own = (await place(exchange, *fired, ACCEPTED)).json()
    assert (own["id"], own["price"]) == ("7001", "100.5")
    refused = await place(exchange, *fired, event(EventKind.REJECTED, reason=Reason.MARKET_BUSY))
    assert refused.status_code == 503 and "busy" in refused.json()["message"]


async def test_a_market_order_by_quote(exchange: Exchange) -> None:
    market = {"order_type": OrderType.MARKET, "time_in_force": 2, "flags": OrderFlag.BY_QUOTE}
    response = await place(
        exchange,
        event(EventKind.ACCEPTED, amount_atoms=5_500_000, **market),
        event(EventKind.EXPIRED, status=OrderStatus.EXPIRED, reason=Reason.INSUFFICIENT_LIQUIDITY, **market),
        orderType="Market",
        price=None,
        quantity=None,
        quoteQuantity="5.5",
    )
    order = response.json()
    assert (order["status"], order["quoteQuantity"], order["quantity"]) == ("Expired", "5.5", None)
    assert (order["price"], order["postOnly"], order["timeInForce"]) == (None, None, "IOC")


async def test_a_trigger_order(exchange: Exchange) -> None:
    pending = event(
        EventKind.TRIGGER_PLACED,
        status=OrderStatus.TRIGGER_PENDING,
        flags=OrderFlag.TRIGGER | OrderFlag.HAS_CLIENT_ID,
        client_id=9,
        price_ticks=10_050,
        quantity_lots=300,
        trigger_ticks=9_000,
    )
    changes = {"quantity": None, "triggerPrice": "90", "triggerQuantity": "3", "clientId": 9}
    order = (await place(exchange, pending, **changes)).json()
    assert (order["status"], order["clientId"]) == ("TriggerPending", 9)
    assert (order["triggerPrice"], order["triggerQuantity"], order["triggerBy"]) == ("90", "3", "LastPrice")


async def test_a_retry_with_the_same_client_id_gets_the_order_that_exists(exchange: Exchange) -> None:
    existing = event(
        EventKind.DUPLICATE,
        order_id=6000,
        status=OrderStatus.PARTIALLY_FILLED,
        flags=OrderFlag.HAS_CLIENT_ID,
        client_id=42,
        price_ticks=10_050,
        quantity_lots=125,
        executed_lots=100,
        executed_atoms=100_500_000,
    )
    order = (await place(exchange, existing, clientId=42)).json()
    assert (order["id"], order["clientId"], order["status"], order["executedQuantity"]) == (
        "6000",
        42,
        "PartiallyFilled",
        "1",
    )


@pytest.mark.parametrize("path", ["/api/v1/order", "/api/v1/orders"])
async def test_a_repeat_of_which_nobody_can_say_what_became_is_not_executed(exchange: Exchange, path: str) -> None:
    """The engine may have forgotten it, and the history cannot be read."""
    item = LIMIT | {"clientId": 42}
    body, gateway = item if path == "/api/v1/order" else [item, item | {"clientId": 43}], exchange.gateway
    gateway.answers += [ACCEPTED] * 2
    request = exchange.request("POST", path, "orderExecute", body)
    assert (await exchange.client.send(request)).status_code == 200
    gateway.answers.clear()
    placed = len(gateway.commands)
    exchange.history.available = False
    again = await exchange.client.send(request)
    assert (again.status_code, again.json()["code"], again.headers["Retry-After"]) == (503, "MAINTENANCE", "1")
    assert "Nothing was placed this time" in again.json()["message"]
    assert len(gateway.commands) == placed
    state = event(EventKind.ORDER_STATE, client_id=42, flags=OrderFlag.HAS_CLIENT_ID, price_ticks=1, quantity_lots=100)
    gateway.records[QueryKind.ORDER] = state
    still_open = await exchange.client.send(request)  # which the engine says
    assert still_open.status_code == 200 and '"clientId":42' in still_open.text
    assert len(gateway.commands) == placed


async def test_an_item_that_could_not_be_read_is_not_placed_by_a_repeat(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A market's book is away at first, and back while the history is asked for the other item."""
    market = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1", "clientId": 44}
    slippage = {"slippageTolerance": "1", "slippageToleranceType": "Percent"}
    exchange.gateway.answers += [ACCEPTED] * 3
    request = exchange.request("POST", "/api/v1/orders", "orderExecute", [LIMIT | {"clientId": 45}, market | slippage])
    assert [item["operation"] for item in (await exchange.client.send(request)).json()] == ["Ok", "Ok"]
    exchange.service.market_data.depth.halt(1)

    async def asked(*_: int) -> LiveOrder | None:
        exchange.service.market_data.depth.markets[1]["live"] = 1
        return None

    monkeypatch.setattr(exchange.history, "order_of_client", asked)
    assert [item["operation"] for item in (await exchange.client.send(request)).json()] == ["Ok", "Err"]


@pytest.mark.parametrize("reason", sorted(REASONS))
async def test_every_reason_has_a_status_a_code_and_a_message(exchange: Exchange, reason: Reason) -> None:
    response = await place(exchange, event(EventKind.REJECTED, reason=reason))
    assert response.status_code == REASONS[reason].code.status >= 400
    assert response.json() == {"code": REASONS[reason].code.value, "message": REASONS[reason].message}


def test_reasons_that_can_refuse_a_command_are_all_in_the_table() -> None:
    of_the_block = range(Reason.BAD_CRC, Reason.SKIPPED)
    endings = range(Reason.USER, Reason.REPLACED + 1)
    internal = {Reason.NONE, Reason.BEHAVIOUR_VERSION, Reason.ALREADY_GENESIS, *of_the_block, *endings}
    assert {reason for reason in Reason if reason not in internal} <= set(REASONS)


async def test_the_words_that_clients_look_for(exchange: Exchange) -> None:
    taking = (
        await place(exchange, event(EventKind.REJECTED, reason=Reason.POST_ONLY_WOULD_TAKE), postOnly=True)
    ).json()
    assert taking["code"] == "INVALID_ORDER"
    assert "Order would immediately match and take" in taking["message"]


async def test_a_reason_outside_the_table_is_our_fault(exchange: Exchange) -> None:
    response = await place(exchange, event(EventKind.REJECTED, reason=200))
    assert (response.status_code, response.json()["code"]) == (500, "SERVER_ERROR")


@pytest.mark.parametrize(
    ("problem", "status", "code"),
    [
        (OutcomeUnknown("redis is gone"), 504, "TIMEOUT"),
        (TimeoutError(), 504, "TIMEOUT"),
        (Overloaded("20000 orders wait"), 429, "TOO_MANY_REQUESTS"),
        (ConnectionError("refused"), 503, "MAINTENANCE"),
        (GatewayError("another process took over"), 503, "MAINTENANCE"),
        (KeyError("a bug"), 500, "SERVER_ERROR"),
    ],
)
async def test_trouble_behind_the_edge(exchange: Exchange, problem: Exception, status: int, code: str) -> None:
    exchange.gateway.answers.append(problem)
    response = await exchange.signed("POST", "/api/v1/order", "orderExecute", LIMIT)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert ("Outcome unknown" in response.json()["message"]) == (status == 504)
    assert ("Retry-After" in response.headers) == (status in (429, 503))


async def test_a_refused_order_never_reaches_the_engine(exchange: Exchange) -> None:
    response = await exchange.signed("POST", "/api/v1/order", "orderExecute", LIMIT | {"price": "100.505"})
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_PRICE")
    assert exchange.gateway.commands == []


async def test_order_test_checks_and_places_nothing(exchange: Exchange) -> None:
    path = "/api/v1/order/test"
    balances = np.zeros(1, BALANCE)
    balances["asset"], balances["available"] = 1, 10**9
    exchange.gateway.records[QueryKind.BALANCES] = balances
    for instruction in ("orderTest", "orderExecute"):  # the latter of clients that know no other
        assert (await exchange.signed("POST", path, instruction, LIMIT)).json() == {}
        assert (await exchange.signed("POST", path, instruction, LIMIT | {"side": "x"})).status_code == 400
    dear = await exchange.signed("POST", path, "orderTest", LIMIT | {"quantity": "12.5"})
    assert (dear.status_code, dear.json()["code"]) == (400, "INSUFFICIENT_FUNDS")
    assert exchange.gateway.commands == []


async def test_a_batch_answers_for_each_item(exchange: Exchange) -> None:
    exchange.gateway.answers += [ACCEPTED, event(EventKind.REJECTED, reason=Reason.INSUFFICIENT_FUNDS)]
    items = [LIMIT, LIMIT | {"price": "0"}, LIMIT | {"quantity": "9"}]
    response = await exchange.signed("POST", "/api/v1/orders", "orderExecute", items)
    placed, invalid, unfunded = response.json()
    assert response.status_code == 200
    assert (placed["operation"], placed["id"], placed["status"]) == ("Ok", "7001", "New")
    assert (invalid["operation"], invalid["code"]) == ("Err", "INVALID_PRICE")
    assert unfunded == {"operation": "Err", "code": "INSUFFICIENT_FUNDS", "message": "Insufficient funds"}
    assert [command["quantity_lots"] for command in exchange.gateway.commands] == [125, 900]


@pytest.mark.parametrize("count", [1, 2, 20])
async def test_batches_of_every_size_verify(exchange: Exchange, count: int) -> None:
    exchange.gateway.answers += [ACCEPTED] * count
    response = await exchange.signed("POST", "/api/v1/orders", "orderExecute", [LIMIT] * count)
    assert len(response.json()) == count


@pytest.mark.parametrize("count", [0, 21])
async def test_batches_of_other_sizes_are_refused_whole(exchange: Exchange, count: int) -> None:
    """Whatever was signed: an empty batch has nothing of which clients could sign the same."""
    request = exchange.request("POST", "/api/v1/orders", "orderExecute", [LIMIT] * count, text=b"anything")
    response = await exchange.client.send(request)
    wrong = {"code": "INVALID_CLIENT_REQUEST", "message": f"A request names 1 to 20 orders, not {count}"}
    assert (response.status_code, response.json()) == (400, wrong)
    assert exchange.gateway.commands == []


async def test_cancel(exchange: Exchange) -> None:
    exchange.gateway.answers.append(
        event(
            EventKind.CANCELLED,
            **{"status": OrderStatus.CANCELLED, "reason": Reason.USER},
            **{"price_ticks": 1, "quantity_lots": 100, "executed_lots": 40},
        )
    )
    body = {"symbol": "SOL_USDC", "orderId": "7001"}
    order = (await exchange.signed("DELETE", "/api/v1/order", "orderCancel", body)).json()
    assert (order["status"], order["id"], order["executedQuantity"]) == ("Cancelled", "7001", "0.4")
    assert exchange.gateway.commands[0]["kind"] == CommandKind.CANCEL


async def test_cancel_of_an_order_that_is_not_open(exchange: Exchange) -> None:
    exchange.gateway.answers.append(event(EventKind.REJECTED, reason=Reason.ORDER_NOT_FOUND))
    body = {"symbol": "SOL_USDC", "clientId": "12"}
    response = await exchange.signed("DELETE", "/api/v1/order", "orderCancel", body)
    assert response.status_code == 404
    assert response.json() == {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}


async def test_cancel_all_lists_what_it_cancelled(exchange: Exchange) -> None:
    cancelled = {"status": OrderStatus.CANCELLED, "reason": Reason.CANCEL_ALL, "price_ticks": 1, "quantity_lots": 100}
    exchange.gateway.answers.append(
        join(
            [
                event(EventKind.CANCELLED, order_id=1, **cancelled | {"reason": Reason.DEAD_MAN}),
                event(EventKind.CANCELLED, order_id=2, **cancelled),
                event(EventKind.CANCELLED, order_id=3, **cancelled),
                event(EventKind.CANCEL_ALL_DONE, executed_lots=2),
            ]
        )
    )
    orders = (await exchange.signed("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"})).json()
    assert [(order["id"], order["status"]) for order in orders] == [("2", "Cancelled"), ("3", "Cancelled")]


async def test_find_an_order(exchange: Exchange) -> None:
    params = {"symbol": "SOL_USDC", "clientId": "5"}
    missing = await exchange.signed("GET", "/api/v1/order", "orderQuery", params)
    assert (missing.status_code, missing.json()["message"]) == (404, "Not Found")
    exchange.gateway.records[QueryKind.ORDER] = event(EventKind.ORDER_STATE, price_ticks=1, quantity_lots=100)
    found = await exchange.signed("GET", "/api/v1/order", "orderQuery", params, READER)
    assert found.json()["id"] == "7001"
    kind, asked = exchange.gateway.queries[-1]
    assert kind is QueryKind.ORDER
    assert asked == {"account": 3, "market": 1, "order_id": 0, "client_id": 5}


@pytest.mark.parametrize("params", [{"orderId": "1", "clientId": "1"}, {}, {"orderId": "x"}])
async def test_find_needs_exactly_one_id(exchange: Exchange, params: dict[str, str]) -> None:
    response = await exchange.signed("GET", "/api/v1/order", "orderQuery", {"symbol": "SOL_USDC"} | params)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_CLIENT_REQUEST")


async def test_open_orders(exchange: Exchange) -> None:
    state = {"price_ticks": 100, "quantity_lots": 100}
    exchange.gateway.records[QueryKind.ORDERS] = join(
        [
            event(EventKind.ORDER_STATE, order_id=1, **state),
            event(EventKind.ORDER_STATE, order_id=2, market=2, side=2, **state),
        ]
    )
    orders = (await exchange.signed("GET", "/api/v1/orders", "orderQueryAll")).json()
    assert [(order["id"], order["symbol"], order["price"], order["quantity"]) for order in orders] == [
        ("1", "SOL_USDC", "1", "1"),
        ("2", "BTC_USDC", "10", "0.001"),
    ]
    assert exchange.gateway.queries[-1][1]["market"] == ALL_MARKETS
    await exchange.signed("GET", "/api/v1/orders", "orderQueryAll", {"symbol": "BTC_USDC"})
    assert exchange.gateway.queries[-1][1]["market"] == 2
    perpetual = await exchange.signed("GET", "/api/v1/orders", "orderQueryAll", {"marketType": "PERP"})
    assert perpetual.json() == []


async def test_amend_shows_the_order_after_it(exchange: Exchange) -> None:
    exchange.gateway.answers.append(
        join(
            [
                event(EventKind.UNRESTED, price_ticks=10_000, quantity_lots=100),
                event(EventKind.AMENDED, price_ticks=10_100, quantity_lots=200),
                event(EventKind.FILL, order_id=8, account=3, side=2),
                event(
                    EventKind.FILL,
                    quantity_lots=200,
                    executed_lots=200,
                    executed_atoms=1,
                    status=OrderStatus.FILLED,
                    flags=OrderFlag.TAKER,
                ),
            ]
        )
    )
    body = {"symbol": "SOL_USDC", "orderId": "7001", "price": "101", "quantity": "2"}
    order = (await exchange.signed("PATCH", "/api/v1/order", "orderModify", body)).json()
    assert (order["price"], order["quantity"], order["status"]) == ("101", "2", "Filled")


async def test_the_dead_man_switch(exchange: Exchange) -> None:
    exchange.gateway.answers.append(event(EventKind.TIMER_ARMED))
    response = await exchange.signed("POST", "/api/v1/orders/cancelAfter", "orderCancelAllAfter", {"timeoutMs": 5000})
    assert response.json() == {"timeoutMs": 5000}
