"""The conformance regimes through the whole engine: the same trades as the bare book, every invariant after each
command."""

from typing import NamedTuple

import numpy as np
import pytest

from bench.conformance.flow import read_flow, with_dense_ids
from bench.conformance.kernel import TRADE
from bench.conformance.passes import run
from engine_core.book.audit import audit
from engine_core.book.memory.state import State, new_state
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import BEHAVIOUR_VERSION, SCHEMA_VERSION
from tests.book.test_conformance import DIGESTS, shared
from tests.model.pair import SMALL, command, run_book

MESSAGES = 250
FUNDS = 10**17
BUYER, SELLER = 2, 3  # so nothing is a self-trade
NEW, CANCEL = 0, 1


class Trade(NamedTuple):
    price: int
    lots: int
    maker: int
    taker: int


def engine() -> State:
    records = [command(CommandKind.GENESIS, code=SCHEMA_VERSION, a=7, b=BEHAVIOUR_VERSION)]
    for number, symbol in enumerate((b"USDC", b"SOL"), 1):
        records.append(command(CommandKind.ASSET, asset=number, symbol=symbol, decimals=6))
    records.append(command(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=1, a=1, b=1, c=1))
    records.append(command(CommandKind.FEES, market=1, a=800, b=1_000))
    for account in (BUYER, SELLER):
        records.append(command(CommandKind.ACCOUNT, account=account))
        for asset in (1, 2):
            records.append(command(CommandKind.DEPOSIT, account=account, asset=asset, a=FUNDS, b=account))
    state = new_state(SMALL._replace(orders=MESSAGES, levels=MESSAGES))
    for record in records:
        run_book(state, record, 1)
    return state


def as_command(message: np.void, known: dict[int, int]) -> np.ndarray:
    """A modify is a REPLACE: cancel, then a new order. `known`: exchange ids by the flow's."""
    where = {"market": 1, "account": BUYER if message["side"] == 0 else SELLER}
    order_id = known.get(int(message["order_id"]), 1)
    if message["type"] == CANCEL:
        return command(CommandKind.CANCEL, order_id=order_id, **where)
    return command(
        CommandKind.PLACE if message["type"] == NEW else CommandKind.REPLACE,
        order_id=0 if message["type"] == NEW else order_id,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC if message["ioc"] and message["type"] == NEW else TimeInForce.GTC,
        self_trade=SelfTrade.REJECT_TAKER,
        side=Side.BID if message["side"] == 0 else Side.ASK,
        price_ticks=message["price"],
        quantity_lots=message["quantity"],
        **where,
    )


@pytest.mark.parametrize("name", DIGESTS)
def test_regime_through_the_whole_engine(name: str) -> None:
    messages = read_flow(shared() / f"{name}.bin.xz").messages[:MESSAGES].copy()
    state, trades = engine(), list[Trade]()
    exchange_id: dict[int, int] = {}
    flow_id: dict[int, int] = {}
    for message in messages:
        events = run_book(state, as_command(message, exchange_id), 1)
        for event in events:
            if event["kind"] == EventKind.ACCEPTED:
                exchange_id[int(message["order_id"])] = int(event["order_id"])
                flow_id[int(event["order_id"])] = int(message["order_id"])
            elif event["kind"] == EventKind.FILL and event["flags"] & OrderFlag.TAKER:
                maker, taker = (flow_id[int(event[field])] for field in ("counter_order_id", "order_id"))
                trades.append(Trade(int(event["price_ticks"]), int(event["fill_lots"]), maker, taker))
        audit(state)
    rows = run(with_dense_ids(messages.copy()))[0]
    rows = rows[rows["kind"] == TRADE]
    expected = [Trade(*(int(row[n]) for n in ("price", "quantity", "maker_id", "order_id"))) for row in rows]
    assert trades == expected
