"""Which of a command's events answers it, and what its client is shown of them.

Not all events of a command are its own. In the order in which they stand:

    timers that were due                               CANCELLED, CANCEL_ALL_DONE, with the timer's reason
    orders that were suspended, triggers left over     TRIGGERED, ACCEPTED, FILL, AMENDED (self-trade), EXPIRED, ...
    the command itself
    triggers that it has set off                       as above

Whoever they are of, one thing holds: what a command answers with is written by nothing else (see _ANSWERS), once.
So a client is shown its own order, or the refusal, and never an order of those around it. Pure: no engine, no task.
"""

from collections.abc import Sequence
from typing import Final

from engine_core.replica.setup import Market
from engine_core.wire.codes import CommandKind, EventKind, Reason
from engine_core.wire.events import Event
from ingress.errors import refusal
from ingress.schemas.order_answers import LiveOrder, ReplacedOrder, order_answer

# Looking an enum's member up costs more than the comparison.
_ACCEPTED: Final = EventKind.ACCEPTED.value
_CANCELLED: Final = EventKind.CANCELLED.value
_FILL: Final = EventKind.FILL.value
_REJECTED: Final = EventKind.REJECTED.value
_TRIGGERED: Final = EventKind.TRIGGERED.value
_NONE: Final = Reason.NONE.value

_PLACED: Final = frozenset(
    (kind.value, _NONE) for kind in (EventKind.ACCEPTED, EventKind.TRIGGER_PLACED, EventKind.DUPLICATE)
)
# (kind, reason) of what answers a command that is not REJECTED. The reason tells AMENDED of a client from that of a
# self-trade, CANCELLED of a client from that of a timer, and the end of a CANCEL_ALL from that of a timer's. Of a
# trigger that fires there is ACCEPTED, too, but TRIGGERED comes before it.
_ANSWERS: Final = {
    CommandKind.PLACE.value: _PLACED,
    CommandKind.REPLACE.value: _PLACED,
    CommandKind.CANCEL.value: frozenset([(_CANCELLED, Reason.USER.value)]),
    CommandKind.AMEND.value: frozenset([(EventKind.AMENDED.value, _NONE)]),
    CommandKind.CANCEL_ALL.value: frozenset(
        (EventKind.CANCEL_ALL_DONE.value, reason.value) for reason in (Reason.NONE, Reason.EVENT_LIMIT)
    ),
    CommandKind.CANCEL_AFTER.value: frozenset([(EventKind.TIMER_ARMED.value, _NONE)]),
}


def answer_of(kind: int, account: int, events: Sequence[Event]) -> Event:
    """The event that answers this account's command of this kind; of one of all markets, that of the last shard."""
    answers = _ANSWERS[kind]
    fired = {event.order_id for event in events if event.kind == _TRIGGERED} if len(events) > 1 else ()
    for event in reversed(events):
        is_answer = event.kind == _REJECTED or (event.kind, event.reason) in answers
        if is_answer and event.account == account and not (event.kind == _ACCEPTED and event.order_id in fired):
            return event
    raise AssertionError(f"no event answers the command of kind {kind} of account {account}")


def accepted(kind: int, account: int, events: Sequence[Event]) -> Event:
    """The event that answers a command, or the refusal that it is."""
    answer = answer_of(kind, account, events)
    if answer.kind == _REJECTED:
        raise refusal(answer.reason)
    return answer


def placed(market: Market, account: int, events: Sequence[Event], kind: type[LiveOrder] = LiveOrder) -> LiveOrder:
    """The order after all events of its PLACE, or the refusal."""
    opening = accepted(CommandKind.PLACE.value, account, events)
    return live_order(market, opening, _last_of(opening, events), kind)


def replaced(market: Market, account: int, events: Sequence[Event], former: int | None) -> ReplacedOrder:
    """The new order after all events of its REPLACE, beside what became of the former one, or the refusal."""
    order = placed(market, account, events, ReplacedOrder)
    assert isinstance(order, ReplacedOrder)
    if order.id == str(former):  # the engine took it for a repeat of that one's placement
        raise refusal(Reason.DUPLICATE_CLIENT_ID)
    for event in _cancelled_for(Reason.REPLACED.value, account, events):
        order.relatedOrderId = str(event.order_id)
        order.relatedExecutedQuantity = market.units.quantity(event.executed_lots)
    return order


def cancelled(market: Market, account: int, events: Sequence[Event], kind: type[LiveOrder] = LiveOrder) -> LiveOrder:
    """The order after its CANCEL, or the refusal."""
    return state_of(market, accepted(CommandKind.CANCEL.value, account, events), kind)


def amended(market: Market, account: int, events: Sequence[Event]) -> LiveOrder:
    """The order after all events of its AMEND, or the refusal."""
    opening = accepted(CommandKind.AMEND.value, account, events)
    return live_order(market, opening, _last_of(opening, events))


def all_cancelled(market: Market, account: int, events: Sequence[Event]) -> tuple[list[LiveOrder], bool]:
    """(the orders that a CANCEL_ALL ended, whether none is left), or the refusal."""
    answer = accepted(CommandKind.CANCEL_ALL.value, account, events)
    ended = _cancelled_for(Reason.CANCEL_ALL.value, account, events)
    return [state_of(market, event) for event in ended], answer.reason != Reason.EVENT_LIMIT


def _cancelled_for(reason: int, account: int, events: Sequence[Event]) -> list[Event]:
    """Only a command of the account itself gives a reason of a command."""
    return [
        event for event in events if event.kind == _CANCELLED and event.reason == reason and event.account == account
    ]


def _last_of(opening: Event, events: Sequence[Event]) -> Event:
    """The last event of the order that `opening` is about."""
    return next(event for event in reversed(events) if event.order_id == opening.order_id)


def live_order(market: Market, opening: Event, last: Event, kind: type[LiveOrder] = LiveOrder) -> LiveOrder:
    """The order that `opening` began, in the state that `last` left it."""
    assert opening.kind != _FILL, "a FILL cannot open an order: it has no creation time"
    return order_answer(kind, market.symbol, market.units, opening, last, createdAt=opening.created_ms)


def state_of(market: Market, event: Event, kind: type[LiveOrder] = LiveOrder) -> LiveOrder:
    """The order of one event that carries everything: ORDER_STATE, DUPLICATE, CANCELLED, AMENDED."""
    return live_order(market, event, event, kind)
