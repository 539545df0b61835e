"""Reading: right answers, from a state that stays as it is."""

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_core.book import queries
from engine_core.book.audit import audit, digest
from engine_core.book.ladder import levels
from engine_core.book.memory.state import NODES_USED, State, new_state, read_only
from engine_core.wire.codes import CommandKind, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from tests.book.scenario import setup
from tests.model.pair import SMALL, START_MS, command, run_book
from tests.model.questions import ask_everything

ROOM = SMALL._replace(orders=300, levels=400)


def begun() -> State:
    state = new_state(ROOM)
    block = np.frombuffer(bytearray(b"".join(record.tobytes() for record in setup())), COMMAND)
    run_book(state, block, START_MS)
    return state


def ask_at(price: int) -> np.ndarray:
    return command(
        CommandKind.PLACE,
        side=Side.ASK,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        self_trade=SelfTrade.REJECT_TAKER,
        market=1,
        account=2,
        price_ticks=price,
        quantity_lots=1,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=True), st.sampled_from([200, 1 << 14, 1 << 22, (1 << 31) - 1]))
def test_a_state_that_is_asked_and_one_that_is_not_stay_the_same(random: Random, prices: int) -> None:
    """Also where orders that went leave empty nodes between those that stayed, on every height of the index."""
    asked, left_alone = begun(), begun()
    standing: dict[int, int] = {}
    for _ in range(random.randint(1, 60)):
        if standing and random.random() < 0.6:
            order_id = random.choice(list(standing))
            del standing[order_id]
            action = command(CommandKind.CANCEL, market=1, account=2, order_id=order_id)
        else:
            action = ask_at(random.randint(1, prices))
        events = run_book(asked, action, START_MS)
        if action["kind"][0] == CommandKind.PLACE:
            standing[int(events["order_id"][0])] = int(action["price_ticks"][0])
        assert run_book(left_alone, action, START_MS).tobytes() == events.tobytes()
        ask_everything(asked)
        told, _ = queries.levels(asked, 1)
        assert told["price_ticks"].tolist() == sorted(set(standing.values()))
        resting = queries.market_orders(asked, 1)
        assert sorted(resting["order_id"].tolist()) == sorted(standing)
        assert resting["price_ticks"].tolist() == sorted(standing.values())
    assert digest(asked) == digest(left_alone)
    audit(asked)


def test_there_is_something_that_a_read_could_tidy_up() -> None:
    """Or the tests above would prove nothing."""
    state = begun()
    gone = run_book(state, ask_at(1 << 20), START_MS)["order_id"][0]
    for price in (100, 1 << 30):
        run_book(state, ask_at(price), START_MS)
    run_book(state, command(CommandKind.CANCEL, market=1, account=2, order_id=int(gone)), START_MS)
    nodes = int(state.scalars[NODES_USED])
    ask_everything(state)
    assert state.scalars[NODES_USED] == nodes
    bid = ask_at(0)
    bid["side"], bid["order_type"], bid["time_in_force"] = Side.BID, OrderType.MARKET, TimeInForce.IOC
    bid["account"], bid["quantity_lots"] = 3, 1
    run_book(state, bid, START_MS)  # a matching order does
    assert state.scalars[NODES_USED] < nodes


def test_what_looks_cannot_write() -> None:
    state = begun()
    for array in read_only(state):
        with pytest.raises(ValueError, match="read-only"):
            array[:1] = array[:1]
    assert not hasattr(queries, "next_level") and levels.next_level is not levels.level_after
