"""Answers to placements that a kernel wrote: the bytes are those of the general way, and nothing is shown too early."""

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine_core.wire.codes import EventKind, OrderFlag, OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import SLOT, join
from engine_core.wire.limits import MAX_CLIENT_ID, MAX_PRICE_TICKS, MAX_QUANTITY_LOTS
from ingress.engine import outcome
from ingress.fast_path import answer_kernel
from ingress.fast_path.shown_orders import ShownOrders
from ingress.messages import json_reply
from ingress.operations.answers import placed
from tests.ingress.fakes import TRADER_ACCOUNT, event
from tests.markets import SOL, setup

OWN, OTHER = 100, 101
SETUP = setup()


def slots(*commands: np.ndarray, gateway: int = OWN, first: int = 0, of: int = 0) -> np.ndarray:
    """The events of these commands, of one block, as the feed gives them; `first`: of `of` events in all."""
    events = join(list(commands))
    made = np.zeros(len(events), SLOT)
    made["event"], made["gateway"], made["incarnation"], made["sequence"] = events, gateway, 9, 5
    made["event"]["index"] = np.repeat(np.arange(len(commands)), [len(each) for each in commands])
    made["position"], made["block_events"] = first + np.arange(len(events)), of or len(events)
    return made


def observed(read: np.ndarray) -> ShownOrders:
    shown = ShownOrders(SETUP, OWN)
    shown.observe(read)
    return shown


def accepted(order_id: int = 7001, **values: Any) -> np.ndarray:
    return event(EventKind.ACCEPTED, order_id=order_id, price_ticks=10_050, quantity_lots=125, **values)


def general(events: np.ndarray) -> bytes:
    return json_reply(placed(SETUP.markets[int(events["market"][0])], TRADER_ACCOUNT, outcome(events))).body


WORDS: dict[str, st.SearchStrategy[int]] = {
    "side": st.sampled_from(Side),
    "time_in_force": st.sampled_from(TimeInForce),
    "self_trade": st.sampled_from(SelfTrade),
    "market": st.sampled_from(list(SETUP.markets)),
    "order_id": st.integers(1, 2**63 - 1),
    "client_id": st.integers(0, MAX_CLIENT_ID),
    "price_ticks": st.integers(1, MAX_PRICE_TICKS),
    "quantity_lots": st.integers(1, MAX_QUANTITY_LOTS),
    "created_ms": st.integers(0, 2**53),
    "flags": st.sampled_from(
        [0, OrderFlag.HAS_CLIENT_ID, OrderFlag.POST_ONLY, OrderFlag.HAS_CLIENT_ID | OrderFlag.POST_ONLY]
    ),
}
AFTER = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([EventKind.FILL, EventKind.RESTED, EventKind.CANCELLED, EventKind.EXPIRED]),
        "status": st.sampled_from(OrderStatus),
        "own": st.booleans(),
        "executed_lots": st.integers(0, MAX_QUANTITY_LOTS),
        "executed_atoms": st.integers(0, 2**63 - 1),
    }
)


@settings(max_examples=400, deadline=None)
@given(st.fixed_dictionaries(WORDS), st.lists(AFTER, max_size=4))
@example({"quantity_lots": 10**17, "order_id": 1, "market": SOL}, [])
def test_what_the_kernel_writes_is_what_the_general_way_shows(
    values: dict[str, Any], after: list[dict[str, Any]]
) -> None:
    parts = [event(EventKind.ACCEPTED, **values)]
    for each in after:
        kind, own = each["kind"], each["own"]
        others = {name: value for name, value in each.items() if name not in ("kind", "own")}
        parts.append(event(kind, order_id=values["order_id"] if own else 3, **others))
    events = join(parts)
    text = observed(slots(events)).of(events)
    assert text is None or text == general(events)
    small = values["quantity_lots"] <= 10**6 and all(each["executed_lots"] <= 10**6 for each in after)
    assert text is not None or not small


def test_orders_of_one_read_are_told_apart() -> None:
    bought = join([accepted(7001), event(EventKind.FILL, order_id=3), event(EventKind.FILL, status=OrderStatus.FILLED)])
    rested, refused = accepted(7002, side=Side.ASK), event(EventKind.REJECTED, order_id=0)
    shown = observed(slots(bought, rested, refused))
    assert shown.of(bought) == general(bought) and shown.of(rested) == general(rested)
    assert b'"status":"Filled"' in general(bought) and shown.of(refused) is None
    shown.observe(slots(accepted(7003)))
    assert shown.of(rested) is None  # it was of the read before


def test_an_order_that_comes_twice_is_shown_as_it_is_by_then() -> None:
    """Both in one read: the second answer is of the order after what happened in between."""
    again = event(
        EventKind.DUPLICATE, status=OrderStatus.FILLED, executed_lots=125, price_ticks=10_050, quantity_lots=125
    )
    shown = observed(slots(accepted(), again))
    assert shown.of(again) is None and shown.of(accepted()) is not None


@pytest.mark.parametrize(
    "events",
    [
        accepted(flags=OrderFlag.ICEBERG),
        accepted(flags=OrderFlag.TRIGGER),
        accepted(order_type=OrderType.MARKET),
        accepted(market=999),
        join([event(EventKind.TRIGGERED), accepted()]),
        join([accepted(), event(EventKind.TRIGGERED, order_id=9), accepted(9)]),  # it set off a stop
        join([accepted(), event(EventKind.TRIGGER_PLACED, order_id=9)]),
        event(EventKind.DUPLICATE),
        event(EventKind.BLOCK_REFUSED),
    ],
)
def test_what_is_not_plain_is_not_shown(events: np.ndarray) -> None:
    assert observed(slots(events)).of(events) is None


def test_a_command_whose_events_have_not_all_come_is_not_shown() -> None:
    assert observed(slots(accepted(), of=2)).of(accepted()) is None  # more is to come
    assert observed(slots(accepted(), first=1, of=2)).of(accepted()) is None  # something came before
    assert observed(slots(accepted(), accepted(7002), of=3)).of(accepted()) is not None  # the first one is whole


def test_orders_of_other_gateways_are_nobody_s_business_here() -> None:
    assert observed(slots(accepted(), gateway=OTHER)).of(accepted()) is None


def test_more_orders_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [accepted(number) for number in range(1, answer_kernel.MOST_ANSWERS + 3)]
    shown = observed(slots(*many))
    texts = [shown.of(each) for each in many]
    assert texts[:-2] == [general(each) for each in many[:-2]] and texts[-2:] == [None, None]
