"""A client is shown its own order, whatever orders of others do under its command's index: with the real kernel."""

from typing import Any

import numpy as np
import pytest

from engine_core.administration.client import admin
from engine_core.book import queries
from engine_core.book.memory.state import State, new_state
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import CommandKind, EventKind, OrderType, Reason, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_EVENTS_PER_COMMAND
from tests.ingress.fakes import READER_ACCOUNT, TRADER_ACCOUNT, Exchange
from tests.ingress.operations.test_cancel_all import joined
from tests.markets import BTC, SOL, setup_records
from tests.model.pair import SMALL, command, run_book

START_MS, PRICE = 1_000, 10_000
FILLED = MAX_EVENTS_PER_COMMAND // 2 + 100  # makers that a sweep meets, two events each: more than fit in one command
WHOLE, DECREMENTED = 60, 50  # lots of the sweeper's own maker behind them, and what is left of it


def limit(account: int, side: Side, lots: int, market: int = BTC, **fields: Any) -> np.ndarray:
    codes = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "self_trade": SelfTrade.DECREMENT}
    return command(
        CommandKind.PLACE,
        **{"market": market, "account": account, "side": side, "price_ticks": PRICE, "quantity_lots": lots},
        **codes | fields,
    )


def suspended(sweeper: int) -> tuple[State, int, int]:
    """(a book, an order of the trader in another market, an order of the sweeper): a sweep of his is suspended, and
    will meet that order at the next command."""
    state = new_state(SMALL._replace(orders=8_000, levels=8_000))
    accounts = (TRADER_ACCOUNT, READER_ACCOUNT)
    funds = [
        admin(CommandKind.DEPOSIT, account=account, asset=asset, a=10**15, b=10 * account + asset)
        for account in accounts
        for asset in (1, 2, 3)
    ]
    other = TRADER_ACCOUNT + READER_ACCOUNT - sweeper
    unrelated = limit(TRADER_ACCOUNT, Side.BID, 100, SOL)
    makers = [limit(other, Side.ASK, 10)] * FILLED + [limit(sweeper, Side.ASK, WHOLE)]
    sweep = limit(sweeper, Side.BID, 10 * FILLED + WHOLE - DECREMENTED)
    run_book(state, joined([setup_records(), *funds, unrelated, *makers]), START_MS)
    mine = next(int(each["order_id"]) for each in queries.open_orders(state, TRADER_ACCOUNT) if each["market"] == SOL)
    met = int(queries.open_orders(state, sweeper)["order_id"][-1])
    run_book(state, joined([sweep]), START_MS)
    return state, mine, met


@pytest.mark.parametrize("sweeper", [READER_ACCOUNT, TRADER_ACCOUNT])
@pytest.mark.parametrize("is_open", [True, False])
async def test_an_amend_answers_for_its_own_order(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, sweeper: int, is_open: bool
) -> None:
    state, mine, met = suspended(sweeper)
    done: list[np.ndarray] = []

    def append(record: bytes, answer: Answer) -> None:
        done.append(run_book(state, np.frombuffer(bytearray(record), COMMAND), START_MS))
        answer.set_result(done[-1])

    monkeypatch.setattr(exchange.gateway, "append", append)
    body = {"symbol": "SOL_USDC", "orderId": str(mine if is_open else 1), "quantity": "0.5"}
    answer = await exchange.signed("PATCH", "/api/v1/order", "orderModify", body)
    (events,) = done
    (foreign,) = events[(events["kind"] == EventKind.AMENDED) & (events["reason"] == Reason.SELF_TRADE)]
    assert (foreign["order_id"], foreign["account"]) == (met, sweeper), "what stands before the answer"
    if is_open:
        assert (answer.status_code, answer.json()["id"], answer.json()["quantity"]) == (200, str(mine), "0.5")
    else:
        assert (answer.status_code, answer.json()["code"]) == (404, "RESOURCE_NOT_FOUND")
