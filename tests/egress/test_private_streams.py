"""Private streams: the sequences and fields of docs/api.md, from events as the engine writes them."""

from typing import Any

import pytest

from engine_core.administration.client import admin
from engine_core.edge import session_tokens
from engine_core.edge.spelling import expiry_word
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import EVENT
from tests.egress.rig import SECRET, Listener, Rig, running, signature
from tests.replica.flow import SOL_USDC, START_MS

ALWAYS = {"e", "E", "T", "s", "i", "S", "o", "f", "X", "V", "z", "Z", "t", "O", "r", "y"}


def order(rig: Rig, kind: EventKind, **fields: Any) -> None:
    """An event of order 9 of account 2: buy 3 SOL at 100, 300 USDC given."""
    base = {
        "account": 2,
        "order_id": 9,
        "side": Side.BID,
        "price_ticks": 10_000,
        "quantity_lots": 300,
        "market": SOL_USDC,
    }
    rig.flow.event(kind, **{**base, **fields})


async def updates(rig: Rig, client: Listener, count: int) -> list[dict[str, Any]]:
    rig.feed()
    return [await client.data("account.orderUpdate") for _ in range(count)]


async def test_a_resting_limit_order_and_its_cancel() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        flags = OrderFlag.POST_ONLY | OrderFlag.HAS_CLIENT_ID
        order(rig, EventKind.ACCEPTED, flags=flags, client_id=42, update_id=1, level_lots=300)
        order(rig, EventKind.CANCELLED, flags=flags, client_id=42, update_id=2, status=OrderStatus.CANCELLED)
        accepted, cancelled = await updates(rig, client, 2)
        assert accepted.pop("E") > START_MS * 1000 - 10**15
        assert accepted == {
            "e": "orderAccepted",
            "T": START_MS * 1000,
            "s": "SOL_USDC",
            "i": "9",
            "c": 42,
            "S": "Bid",
            "o": "LIMIT",
            "f": "GTC",
            "X": "New",
            "V": "RejectTaker",
            "q": "3",
            "p": "100",
            "z": "0",
            "Z": "0",
            "t": None,
            "O": "USER",
            "r": False,
            "y": True,
        }
        assert (cancelled["e"], cancelled["X"]) == ("orderCancelled", "Cancelled")


async def test_a_taker_is_told_its_own_limit_and_the_price_of_each_fill() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        order(rig, EventKind.ACCEPTED)
        fill: dict[str, Any] = {"flags": OrderFlag.TAKER, "limit_ticks": 10_000, "counter_order_id": 4}
        first = {"price_ticks": 9_900, "trade_id": 1, "fill_lots": 100, "fee_atoms": 1_000_000}
        order(
            rig,
            EventKind.FILL,
            status=OrderStatus.PARTIALLY_FILLED,
            executed_lots=100,
            executed_atoms=99 * 10**6,
            **fill,
            **first,
        )
        second = {"price_ticks": 10_000, "trade_id": 2, "fill_lots": 200, "fee_atoms": 2_000_000}
        order(
            rig,
            EventKind.FILL,
            status=OrderStatus.FILLED,
            executed_lots=300,
            executed_atoms=299 * 10**6,
            **fill,
            **second,
        )
        _, one, two = await updates(rig, client, 3)
        assert (one["e"], one["X"], one["t"], one["l"], one["L"], one["p"]) == (
            "orderFill",
            "PartiallyFilled",
            1,
            "1",
            "99",
            "100",
        )
        assert (one["m"], one["n"], one["N"], one["z"], one["Z"]) == (False, "0.001", "SOL", "1", "99")
        assert (two["X"], two["t"], two["l"], two["L"], two["z"], two["Z"]) == ("Filled", 2, "2", "100", "3", "299")


async def test_a_maker_that_sells_pays_its_fee_in_quote() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        fill = {
            "trade_id": 7,
            "fill_lots": 300,
            "fee_atoms": 240_000,
            "executed_lots": 300,
            "executed_atoms": 3 * 10**8,
        }
        order(rig, EventKind.FILL, side=Side.ASK, status=OrderStatus.FILLED, update_id=1, **fill)
        (data,) = await updates(rig, client, 1)
        assert (data["m"], data["n"], data["N"], data["S"], data["p"], data["L"]) == (
            True,
            "0.24",
            "USDC",
            "Ask",
            "100",
            "100",
        )
        assert set(data) == ALWAYS | {"q", "p", "l", "L", "m", "n", "N"}


@pytest.mark.parametrize("reason", [Reason.IMMEDIATE_OR_CANCEL, Reason.EVENT_LIMIT, Reason.LEVELS_FULL])
async def test_an_expired_order_says_why(reason: Reason) -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        fields = {"time_in_force": TimeInForce.IOC, "self_trade": SelfTrade.REJECT_BOTH, "status": OrderStatus.EXPIRED}
        order(rig, EventKind.EXPIRED, reason=reason, order_type=OrderType.MARKET, price_ticks=0, **fields)
        (data,) = await updates(rig, client, 1)
        assert (data["e"], data["X"], data["R"]) == ("orderExpired", "Expired", expiry_word(reason))
        assert (data["o"], data["f"], data["V"]) == ("MARKET", "IOC", "RejectBoth") and "p" not in data


async def test_a_market_order_by_quote_tells_its_amount_in_its_fills_too() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        base = {"order_type": OrderType.MARKET, "price_ticks": 0, "quantity_lots": 0}
        order(rig, EventKind.ACCEPTED, flags=OrderFlag.BY_QUOTE, amount_atoms=500 * 10**6, **base)
        fill = {"trade_id": 1, "fill_lots": 3, "status": OrderStatus.FILLED, "counter_order_id": 4}
        order(rig, EventKind.FILL, flags=OrderFlag.BY_QUOTE | OrderFlag.TAKER, **base, **fill)
        for data in await updates(rig, client, 2):
            assert data["Q"] == "500" and "q" not in data and "p" not in data


async def test_the_life_of_a_stop_order() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        stop = {"flags": OrderFlag.TRIGGER, "trigger_ticks": 9_500}
        order(rig, EventKind.TRIGGER_PLACED, status=OrderStatus.TRIGGER_PENDING, **stop)
        order(rig, EventKind.TRIGGERED, **stop)
        order(rig, EventKind.ACCEPTED, **stop)
        order(
            rig,
            EventKind.FILL,
            flags=OrderFlag.TRIGGER | OrderFlag.TAKER,
            status=OrderStatus.FILLED,
            trade_id=1,
            limit_ticks=9_400,
        )
        failed = {"status": OrderStatus.TRIGGER_FAILED, "reason": Reason.MARKET_CLOSED}
        order(rig, EventKind.TRIGGER_FAILED, order_id=10, **failed, **stop)
        seen = await updates(rig, client, 4)
        assert [data["e"] for data in seen] == ["triggerPlaced", "orderAccepted", "orderFill", "triggerFailed"]
        assert [data["X"] for data in seen] == ["TriggerPending", "New", "Filled", "TriggerFailed"]
        assert all((data["P"], data["Y"], data["B"]) == ("95", "3", "LastPrice") for data in seen)
        assert [data.get("R") for data in seen] == [None, None, None, "MarketClosed"]


async def test_an_iceberg_tells_what_it_shows_in_its_fills_too() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        order(rig, EventKind.ACCEPTED, flags=OrderFlag.ICEBERG, display_lots=25)
        order(rig, EventKind.FILL, flags=OrderFlag.ICEBERG, trade_id=1, fill_lots=25, counter_order_id=4)
        order(rig, EventKind.ACCEPTED, order_id=10)
        shown, filled, plain = await updates(rig, client, 3)
        assert (shown["D"], filled["D"], "D" in plain) == ("0.25", "0.25", False)


async def test_the_trigger_of_an_order_placed_before_is_asked_from_the_engine() -> None:
    async with running() as rig, rig.listen() as client:
        state = rig.flow.event(
            EventKind.ORDER_STATE, account=2, order_id=9, flags=OrderFlag.TRIGGER, trigger_ticks=9_500
        )
        rig.engine.orders[2] = state["event"].copy().astype(EVENT)
        rig.flow.made.clear()
        await client.subscribe("account.orderUpdate", signature=signature(2))
        order(rig, EventKind.FILL, flags=OrderFlag.TRIGGER, trade_id=1, status=OrderStatus.FILLED)
        (data,) = await updates(rig, client, 1)
        assert data["P"] == "95"


async def test_what_is_no_news_about_an_order_is_not_told() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", signature=signature(2))
        for kind in (
            EventKind.RESTED,
            EventKind.REJECTED,
            EventKind.UNRESTED,
            EventKind.REPLENISHED,
            EventKind.DUPLICATE,
        ):
            order(rig, kind)
        order(rig, EventKind.CANCEL_ALL_DONE, market=0xFFFF, side=0, order_type=0)
        order(rig, EventKind.AMENDED, price_ticks=10_100)
        (data,) = await updates(rig, client, 1)
        assert (data["e"], data["p"]) == ("orderModified", "101")
        assert await client.silent()


async def test_each_name_is_told_once_and_other_markets_and_accounts_are_not() -> None:
    async with running() as rig, rig.listen() as client:
        names = ["account.orderUpdate", "account@orderUpdate@SOL_USDC", "account.orderUpdate.BTC_USDC"]
        await client.subscribe(*names, signature=signature(2))
        order(rig, EventKind.ACCEPTED)
        order(rig, EventKind.ACCEPTED, account=3)
        order(rig, EventKind.ACCEPTED, account=4_000_000_000)
        rig.feed()
        assert [(await client.event())["stream"] for _ in range(2)] == names[:2]
        await client.say(method="UNSUBSCRIBE", params=[names[0]], id=5)
        await client.answer()
        order(rig, EventKind.ACCEPTED)
        rig.feed()
        assert (await client.event())["stream"] == names[1]
        assert await client.silent()


async def test_two_accounts_on_one_socket_by_session_and_by_signature() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("account.orderUpdate", session=session_tokens.issue(3, SECRET, 60))
        await client.subscribe("account.balanceUpdate", signature=signature(2))
        order(rig, EventKind.ACCEPTED, account=3, given_available=5)
        order(rig, EventKind.ACCEPTED, account=2, given_available=7)
        rig.feed()
        assert [(await client.event())["stream"] for _ in range(2)] == ["account.orderUpdate", "account.balanceUpdate"]
        await client.subscribe("account.orderUpdate", signature=signature(2))  # the same name for another account
        order(rig, EventKind.ACCEPTED, account=3, order_id=1)
        order(rig, EventKind.ACCEPTED, account=2, order_id=2, given_available=7)
        (data,) = await updates(rig, client, 1)
        assert data["i"] == "2"


async def test_a_balance_that_goes_back_to_what_nobody_had_heard_of() -> None:
    """Only orders were listened to while it changed."""
    async with running() as rig, rig.listen() as client:
        rig.engine.balances[2] = [(1, 1_000_000_000, 0)]
        await client.subscribe("account.orderUpdate", signature=signature(2))
        order(rig, EventKind.ACCEPTED, given_available=700_000_000, given_locked=300_000_000)
        rig.feed()
        assert (await client.data("account.orderUpdate"))["e"] == "orderAccepted"
        await client.subscribe("account.balanceUpdate", signature=signature(2))
        order(rig, EventKind.CANCELLED, given_available=1_000_000_000, given_locked=0, status=OrderStatus.CANCELLED)
        rig.feed()
        seen = [await client.event() for _ in range(2)]
        (balance,) = [event["data"] for event in seen if event["stream"] == "account.balanceUpdate"]
        assert (balance["a"], balance["A"], balance["L"]) == ("USDC", "1000", "0")


async def test_balances_after_each_change_with_what_the_events_do_not_say() -> None:
    async with running() as rig, rig.listen() as client:
        rig.engine.balances[2] = [(1, 1_000_000_000, 0), (2, 5_000_000_000, 2_000_000_000)]
        await client.subscribe("account.balanceUpdate", signature=signature(2))
        order(
            rig,
            EventKind.ACCEPTED,
            given_available=700_000_000,
            given_locked=300_000_000,
            received_available=5_000_000_000,
        )
        fill = {"trade_id": 1, "fill_lots": 300, "status": OrderStatus.FILLED, "flags": OrderFlag.TAKER}
        order(
            rig, EventKind.FILL, given_available=701_000_000, given_locked=0, received_available=7_997_000_000, **fill
        )
        rig.feed()
        seen = [await client.data("account.balanceUpdate") for _ in range(3)]
        assert set(seen[0]) == {"e", "E", "T", "a", "A", "L", "S"} and seen[0]["e"] == "balanceUpdate"
        assert [(data["a"], data["A"], data["L"]) for data in seen] == [
            ("USDC", "700", "300"),
            ("USDC", "701", "0"),
            ("SOL", "7.997", "2"),
        ]
        deposit = admin(CommandKind.DEPOSIT, account=2, asset=3, a=5, b=1)
        rig.flow.admin(deposit, account=2, given_available=150_000_000, given_locked=0)
        rig.flow.admin(deposit, EventKind.REFUSED, account=2, given_available=9, given_locked=9)
        rig.feed()
        data = await client.data("account.balanceUpdate")
        assert (data["a"], data["A"], data["L"]) == ("BTC", "1.5", "0")
        assert await client.silent()


async def test_the_account_of_fees_hears_of_each_fee() -> None:
    """It has no events of its own: what it gets stands in the fills of others."""
    async with running() as rig, rig.listen() as client:
        rig.engine.balances[1] = [(1, 5_000_000, 0), (2, 0, 0)]
        await client.subscribe("account.balanceUpdate", session=session_tokens.issue(1, SECRET, 60))
        rig.flow.trade(Side.BID, 10_000, 100, 1)  # the maker buys, so its fee of one atom is in SOL
        rig.feed()
        seen = [await client.data("account.balanceUpdate") for _ in range(2)]
        assert [(data["a"], data["A"]) for data in seen] == [("SOL", "0.000000001"), ("USDC", "5.000001")]
        assert await client.silent()
