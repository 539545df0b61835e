"""Which of a command's events answers it: the client's own, whatever stands around it and whoever it is of."""

from typing import Any

import numpy as np
import pytest

from engine_core.edge.refusals import Code
from engine_core.wire.codes import CommandKind, EventKind, OrderStatus, Reason
from engine_core.wire.events import Event, events_of
from engine_core.wire.layout import join
from ingress.errors import ApiError
from ingress.operations import answers
from ingress.schemas.order_answers import BatchOrder
from tests.ingress.fakes import READER_ACCOUNT, TRADER_ACCOUNT, event
from tests.markets import SOL, setup

MARKET = setup().markets[SOL]
BOTH = pytest.mark.parametrize("account", [READER_ACCOUNT, TRADER_ACCOUNT])  # of what stands around the answer
OWN = {"price_ticks": 10_050, "quantity_lots": 125}
USER = {"status": OrderStatus.CANCELLED, "reason": Reason.USER}
SHOWN = {
    CommandKind.PLACE: (answers.placed, event(EventKind.ACCEPTED, **OWN)),
    CommandKind.AMEND: (answers.amended, event(EventKind.AMENDED, **OWN)),
    CommandKind.CANCEL: (answers.cancelled, event(EventKind.CANCELLED, **OWN, **USER)),
}


def around(account: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What stands before the events of a command, and what follows them, of everything that can."""
    other: dict[str, Any] = {"account": account, "order_id": 6_900, "price_ticks": 9_000, "quantity_lots": 5}
    fired = [event(EventKind.TRIGGERED, **other), event(EventKind.ACCEPTED, **other)]
    met = [
        event(EventKind.FILL, **other),
        event(EventKind.AMENDED, reason=Reason.SELF_TRADE, **other | {"order_id": 6_901}),
        event(EventKind.EXPIRED, reason=Reason.SELF_TRADE, **other | {"order_id": 6_902}),
        event(EventKind.TRIGGER_FAILED, **other | {"order_id": 6_903}),
    ]
    ended = [
        event(EventKind.CANCELLED, reason=reason, **other | {"order_id": 6_904})
        for reason in (Reason.DEAD_MAN, Reason.DISCONNECTED)
    ]
    done = event(EventKind.CANCEL_ALL_DONE, account=account, order_id=0, reason=Reason.DEAD_MAN)
    return [*ended, done, *fired, *met], [*fired, *met]


def with_others(account: int, *own: np.ndarray, is_refused: bool = False) -> list[Event]:
    before, after = around(account)
    return events_of(join([*before, *own, *([] if is_refused else after)]))


@BOTH
@pytest.mark.parametrize("kind", SHOWN)
def test_a_client_is_shown_its_own_order(kind: CommandKind, account: int) -> None:
    show, own = SHOWN[kind]
    shown = show(MARKET, TRADER_ACCOUNT, with_others(account, own))
    assert (shown.id, shown.price, shown.quantity) == ("7001", "100.5", "1.25")
    assert shown == show(MARKET, TRADER_ACCOUNT, events_of(own))


@BOTH
@pytest.mark.parametrize("kind", SHOWN)
def test_a_client_is_told_its_own_refusal(kind: CommandKind, account: int) -> None:
    refused = event(EventKind.REJECTED, reason=Reason.ORDER_NOT_FOUND, order_id=0)
    with pytest.raises(ApiError) as caught:
        SHOWN[kind][0](MARKET, TRADER_ACCOUNT, with_others(account, refused, is_refused=True))
    assert caught.value.code is Code.RESOURCE_NOT_FOUND


@BOTH
def test_the_other_commands_find_their_answer(account: int) -> None:
    armed = event(EventKind.TIMER_ARMED, order_id=0)
    found = answers.accepted(CommandKind.CANCEL_AFTER, TRADER_ACCOUNT, with_others(account, armed))
    assert found == events_of(armed)[0]


@BOTH
@pytest.mark.parametrize(("reason", "is_done"), [(Reason.NONE, True), (Reason.EVENT_LIMIT, False)])
def test_cancel_all_lists_what_it_cancelled_alone(account: int, reason: Reason, is_done: bool) -> None:
    own = [event(EventKind.CANCELLED, order_id=number, reason=Reason.CANCEL_ALL, **OWN) for number in (1, 2)]
    done = event(EventKind.CANCEL_ALL_DONE, order_id=0, reason=reason)
    shown, ended = answers.all_cancelled(MARKET, TRADER_ACCOUNT, with_others(account, *own, done))
    assert ([order.id for order in shown], ended) == (["1", "2"], is_done)


@BOTH
def test_a_replaced_order_and_what_became_of_the_former(account: int) -> None:
    gone = event(EventKind.CANCELLED, order_id=5, reason=Reason.REPLACED, executed_lots=20, **OWN)
    order = answers.replaced(MARKET, TRADER_ACCOUNT, with_others(account, gone, event(EventKind.ACCEPTED, **OWN)), 5)
    assert (order.id, order.relatedOrderId, order.relatedExecutedQuantity) == ("7001", "5", "0.2")
    with pytest.raises(ApiError):
        answers.replaced(MARKET, TRADER_ACCOUNT, events_of(event(EventKind.DUPLICATE, **OWN)), 7001)


def test_the_state_is_that_of_its_last_event() -> None:
    filled = event(EventKind.FILL, executed_lots=125, executed_atoms=125_250_000, status=OrderStatus.FILLED)
    for kind, opening in ((CommandKind.PLACE, EventKind.ACCEPTED), (CommandKind.AMEND, EventKind.AMENDED)):
        events = with_others(READER_ACCOUNT, event(opening, **OWN), event(EventKind.FILL, order_id=8), filled)
        shown = SHOWN[kind][0](MARKET, TRADER_ACCOUNT, events)
        assert (shown.id, shown.status, shown.executedQuoteQuantity) == ("7001", "Filled", "125.25")


def test_an_item_of_a_batch_is_one() -> None:
    shown = answers.cancelled(MARKET, TRADER_ACCOUNT, events_of(SHOWN[CommandKind.CANCEL][1]), BatchOrder)
    assert isinstance(shown, BatchOrder)


def test_what_nothing_answers_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="no event answers"):
        answers.placed(MARKET, TRADER_ACCOUNT, with_others(READER_ACCOUNT))
