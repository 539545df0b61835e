"""Cancel-all goes by what the engine says, whatever events others' timers take of its command: with the real kernel."""

import numpy as np
import pytest

from engine_core.administration.client import admin
from engine_core.book import queries
from engine_core.book.audit import audit
from engine_core.book.memory.state import State, new_state
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import CommandKind, EventKind, OrderType, Reason, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import ALL_MARKETS, MAX_EVENTS_PER_COMMAND
from tests.ingress.fakes import READER_ACCOUNT, TRADER_ACCOUNT, Exchange
from tests.markets import BTC, setup_records
from tests.model.pair import SMALL, command, run_book

MINE, OTHERS, TIMER_MS, START_MS = 3_000, 2_500, 1_000, 1_000
TAKEN = MAX_EVENTS_PER_COMMAND // 2 - 1  # by due timers, at most, of the events of one command


def joined(records: list[np.ndarray]) -> np.ndarray:
    return np.frombuffer(bytearray(b"".join(record.tobytes() for record in records)), COMMAND)


def bid(account: int) -> np.ndarray:
    codes = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "self_trade": SelfTrade.REJECT_TAKER}
    return command(
        CommandKind.PLACE, market=BTC, account=account, side=Side.BID, price_ticks=10_000, quantity_lots=10, **codes
    )


def full_book() -> State:
    """Two accounts with many orders; the dead-man switch of one of them will be due."""
    state = new_state(SMALL._replace(orders=8_000, levels=8_000))
    accounts = (TRADER_ACCOUNT, READER_ACCOUNT)
    funds = [admin(CommandKind.DEPOSIT, account=account, asset=1, a=10**15, b=account) for account in accounts]
    switch = command(CommandKind.CANCEL_AFTER, market=ALL_MARKETS, account=READER_ACCOUNT, amount_atoms=TIMER_MS)
    orders = [bid(TRADER_ACCOUNT)] * MINE + [bid(READER_ACCOUNT)] * OTHERS
    run_book(state, joined([setup_records(), *funds, *orders, switch]), START_MS)
    assert [len(queries.open_orders(state, account)) for account in accounts] == [MINE, OTHERS]
    return state


@pytest.mark.parametrize("members", [{}, {"orderType": "RestingLimitOrder"}])
async def test_nothing_is_left_after_the_200(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, members: dict[str, str]
) -> None:
    state = full_book()
    done: list[np.ndarray] = []

    def append(record: bytes, answer: Answer) -> None:
        """Executed by the book, when the timer is due."""
        done.append(run_book(state, np.frombuffer(bytearray(record), COMMAND), START_MS + TIMER_MS))
        answer.set_result(done[-1])

    monkeypatch.setattr(exchange.gateway, "append", append)
    answer = await exchange.signed("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "BTC_USDC"} | members)
    assert answer.status_code == 200
    ids = [order["id"] for order in answer.json()]
    assert len(ids) == len(set(ids)) == MINE and len(queries.open_orders(state, TRADER_ACCOUNT)) == 0
    first = done[0]
    by_timer = (first["account"] == READER_ACCOUNT) & (first["reason"] == Reason.DEAD_MAN)
    assert by_timer.sum() == TAKEN, "what leaves the cancel-all too few events"
    assert (first["kind"][-1], first["reason"][-1]) == (EventKind.CANCEL_ALL_DONE, Reason.EVENT_LIMIT)
    audit(state)
