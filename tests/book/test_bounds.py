"""The bound on events of one command costs nobody an order: what may rest goes on, what hides is charged when taken."""

from typing import Any

import numpy as np
import pytest

from engine_core.book import queries
from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import State, new_state
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
from engine_core.wire.layout import ADMIN, COMMAND
from engine_core.wire.limits import MAX_EVENTS_PER_COMMAND, MAX_ICEBERG_PARTS
from tests.book.scenario import setup
from tests.model.admin import AdminTwin
from tests.model.pair import SMALL, START_MS, Pair, command, copy_state, run_book

MANY = SMALL._replace(orders=4_000)
TICK = command(CommandKind.TICK)


def begun() -> State:
    state = new_state(MANY)
    run_book(state, joined(setup()), START_MS)
    return state


def joined(records: list[np.ndarray]) -> np.ndarray:
    return np.frombuffer(bytearray(b"".join(record.tobytes() for record in records)), COMMAND)


def place(account: int, side: Side, lots: int, price: int = 0, **fields: Any) -> np.ndarray:
    """A limit order, or without a price a market order."""
    usual = {
        "order_type": OrderType.LIMIT if price else OrderType.MARKET,
        "time_in_force": TimeInForce.GTC if price else TimeInForce.IOC,
        "self_trade": SelfTrade.REJECT_TAKER,
    }
    named = {"market": 1, "account": account, "side": side, "price_ticks": price, "quantity_lots": lots}
    return command(CommandKind.PLACE, **(usual | named | fields))


def iceberg(account: int, lots: int, display: int, price: int = 100) -> np.ndarray:
    return place(account, Side.ASK, lots, price, display_lots=display, flags=int(OrderFlag.ICEBERG))


def filled_by(events: np.ndarray, account: int) -> int:
    fills = events[(events["kind"] == EventKind.FILL) & (events["account"] == account)]
    return int(fills["fill_lots"].sum())


@pytest.mark.parametrize("lots", [1370, MAX_ICEBERG_PARTS])
def test_an_iceberg_of_many_parts_stops_nobody(lots: int) -> None:
    """It was charged as if all of it were wanted."""
    state = begun()
    run_book(state, iceberg(2, lots, 1), START_MS)
    assert filled_by(run_book(state, place(3, Side.BID, 4), START_MS), 3) == 4
    for price in (0, 100):
        all_or_none = place(3, Side.BID, 4, price, time_in_force=TimeInForce.FOK)
        assert filled_by(run_book(state, all_or_none, START_MS), 3) == 4
    stop = {"flags": int(OrderFlag.TRIGGER | OrderFlag.HAS_BOUND), "order_type": OrderType.MARKET}
    run_book(state, place(4, Side.BID, 1, 200, time_in_force=TimeInForce.IOC), START_MS)
    run_book(state, place(3, Side.BID, 4, 150, trigger_ticks=120, time_in_force=TimeInForce.IOC, **stop), START_MS)
    run_book(state, place(2, Side.BID, 1, 120, self_trade=SelfTrade.REJECT_MAKER), START_MS)
    audit(state)


def test_a_fired_stop_takes_from_an_iceberg() -> None:
    state = begun()
    run_book(state, joined([place(2, Side.ASK, 1, 90), place(3, Side.BID, 1, 90)]), START_MS)
    stop = {"flags": int(OrderFlag.TRIGGER | OrderFlag.HAS_BOUND), "order_type": OrderType.MARKET}
    run_book(state, place(3, Side.BID, 4, 150, trigger_ticks=100, time_in_force=TimeInForce.IOC, **stop), START_MS)
    run_book(state, iceberg(2, 1370, 1), START_MS)
    events = run_book(state, place(4, Side.BID, 1), START_MS)
    assert EventKind.TRIGGERED in events["kind"] and filled_by(events, 3) == 4
    audit(state)


@pytest.mark.parametrize("displays", [(1, 7), (7, 1), (3, 3, 1), (1, 1000, 2)])
def test_all_or_none_counts_hidden_parts_as_they_come(displays: tuple[int, ...]) -> None:
    """Round by round: the walk's events are never fewer than those of the sweep, or it would not be all or none."""
    for wanted in (1, 5, 30, 700, 1200, 2500):
        pair = Pair(MANY)
        pair.run(setup())
        for account, display in zip((2, 4, 2), displays, strict=False):
            pair.run([iceberg(account, display * 900, display)])
        order = place(3, Side.BID, wanted, 100, time_in_force=TimeInForce.FOK)
        state = copy_state(pair.state)
        events = run_book(state, order, START_MS)
        assert filled_by(events, 3) in (0, wanted), wanted
        if wanted * 3 + 20 < MAX_EVENTS_PER_COMMAND:
            pair.run([order])
            pair.check_state()


def test_all_or_none_of_more_than_one_command_says_why() -> None:
    state = begun()
    run_book(state, joined([place(2, Side.ASK, 1, 100) for _ in range(2_100)]), START_MS)
    for price in (0, 100):
        events = run_book(state, place(3, Side.BID, 2_100, price, time_in_force=TimeInForce.FOK), START_MS)
        assert (events["kind"][-1], events["reason"][-1]) == (EventKind.EXPIRED, Reason.EVENT_LIMIT)
        assert filled_by(events, 3) == 0


SMALL_ORDERS = 3_900


def swept(lots: int = SMALL_ORDERS + 500) -> tuple[State, np.ndarray]:
    """Small orders that a large one takes as far as the events of one command go; and these events."""
    state = begun()
    run_book(state, joined([place(2, Side.ASK, 1, 100) for _ in range(SMALL_ORDERS)]), START_MS)
    return state, run_book(state, place(3, Side.BID, lots, 100), START_MS)


def test_what_may_rest_goes_on_with_the_next_command() -> None:
    state, events = swept()
    first = filled_by(events, 3)
    assert 2_000 < first < 2_050 and not np.isin(events["kind"], (EventKind.RESTED, EventKind.EXPIRED)).any()
    own = events[events["account"] == 3][-1]
    assert (own["executed_lots"], own["status"]) == (first, OrderStatus.PARTIALLY_FILLED), "what the answer shows"
    (told,) = queries.open_orders(state, 3)
    assert told["executed_lots"] == first and told["given_locked"] == (SMALL_ORDERS + 500 - first) * 200
    audit(state)
    after = run_book(state, place(4, Side.BID, 1, 100), START_MS)
    assert filled_by(after, 3) > 1_000 and after["kind"][-1] == EventKind.REJECTED, "nobody passes it"
    assert after["reason"][-1] == Reason.MARKET_BUSY
    audit(state)
    rest = [run_book(state, TICK, START_MS)]
    while EventKind.RESTED not in rest[-1]["kind"]:
        rest.append(run_book(state, TICK, START_MS))
    assert first + sum(filled_by(part, 3) for part in [after, *rest]) == SMALL_ORDERS
    assert filled_by(run_book(state, place(4, Side.ASK, 1, 100), START_MS), 4) == 1
    twin = AdminTwin(MANY, 6)
    for record in setup():
        twin.administer(record.view(ADMIN)[0], 0, START_MS)
    for record in [
        *[place(2, Side.ASK, 1, 100)] * SMALL_ORDERS,
        place(3, Side.BID, SMALL_ORDERS + 500, 100),
        place(4, Side.ASK, 1, 100),
    ]:
        twin.execute(record[0], 0, START_MS)
    pair = Pair(MANY)
    pair.state, pair.twin = state, twin
    pair.check_state()


def test_a_suspended_order_can_be_cancelled_but_not_changed() -> None:
    state, events = swept(SMALL_ORDERS + 400)
    order_id = int(events["order_id"][0])
    named = {"market": 1, "account": 3, "order_id": order_id}
    amended = run_book(state, command(CommandKind.AMEND, price_ticks=101, **named), START_MS)
    assert (amended["kind"][-1], amended["reason"][-1]) == (EventKind.REJECTED, Reason.MARKET_BUSY)
    state, _ = swept()
    gone = run_book(state, command(CommandKind.CANCEL, **named), START_MS)[-1]
    assert (gone["kind"], gone["given_locked"]) == (EventKind.CANCELLED, 0)
    audit(state)
    assert run_book(state, place(4, Side.BID, 1, 100), START_MS)["kind"][0] == EventKind.ACCEPTED


def test_a_snapshot_in_the_middle_of_a_sweep_goes_on_the_same() -> None:
    state, _ = swept()
    copied = copy_state(state)
    for _ in range(4):
        assert run_book(copied, TICK, START_MS).tobytes() == run_book(state, TICK, START_MS).tobytes()
    assert digest(copied) == digest(state)
    audit(copied)


def test_a_stop_is_not_cut_short_by_the_events_of_others() -> None:
    """Behind a cascade it found a few events left, traded once, and expired."""
    state = begun()
    run_book(state, joined([place(2, Side.ASK, 1, 90), place(3, Side.BID, 1, 90)]), START_MS)
    run_book(state, joined([place(2, Side.ASK, 1, 100) for _ in range(2_200)]), START_MS)
    stop = {"flags": int(OrderFlag.TRIGGER | OrderFlag.HAS_BOUND), "order_type": OrderType.MARKET}
    stops = [
        place(account, Side.BID, 700, 150, trigger_ticks=100, time_in_force=TimeInForce.IOC, **stop)
        for account in (3, 4, 3)
    ]
    run_book(state, joined(stops), START_MS)
    events = [run_book(state, place(4, Side.BID, 1, 100), START_MS)]
    events += [run_book(state, TICK, START_MS) for _ in range(3)]
    told = np.concatenate([part.view((np.void, 128)) for part in events]).view(events[0].dtype)
    assert filled_by(told, 3) == 1_400 and filled_by(told, 4) == 701
    assert not (told["kind"] == EventKind.EXPIRED).any()
    audit(state)


def test_an_iceberg_has_so_many_parts() -> None:
    pair = Pair(MANY)
    pair.run(setup())
    whole, refused, amended = pair.run(
        [
            iceberg(2, MAX_ICEBERG_PARTS * 3, 3),
            iceberg(2, MAX_ICEBERG_PARTS * 3 + 1, 3),
            command(CommandKind.AMEND, market=1, account=2, order_id=1 << 24 | 1, quantity_lots=MAX_ICEBERG_PARTS * 4),
        ]
    )
    assert whole["kind"] == EventKind.ACCEPTED
    for event in (refused, amended):
        assert (event["kind"], event["reason"]) == (EventKind.REJECTED, Reason.QUANTITY_TOO_LARGE)
    pair.check_state()


@pytest.mark.parametrize("price", [0, 120])
@pytest.mark.parametrize("others", [0, 1])
def test_own_orders_that_are_met_expire_whatever_the_type(price: int, others: int) -> None:
    """RejectMaker: a market order left those behind its last trade, a limit order did not."""
    pair = Pair(MANY)
    pair.run([*setup(), place(3, Side.ASK, 1, 105), place(3, Side.ASK, 2, 110)])
    if others:
        pair.run([place(2, Side.ASK, 1, 100), place(2, Side.ASK, 1, 108)])
    taker = place(3, Side.BID, 5, price, time_in_force=TimeInForce.IOC, self_trade=SelfTrade.REJECT_MAKER)
    events = pair.run([taker])
    assert (events["reason"] == Reason.SELF_TRADE).sum() == 2 and filled_by(events, 3) == 2 * others
    assert events["kind"][-1] == EventKind.EXPIRED
    assert len(queries.open_orders(pair.state, 3)) == 0
    pair.check_state()
