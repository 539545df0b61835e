"""The texts of private events: orderUpdate from an EVENT of the log, balanceUpdate from its balances.

An order's fixed facts that a FILL has no room for (trigger, quote amount, shown quantity) come from `Extras`, kept
while it lives. Non-goals: who gets them (private.py).
"""

from typing import Any, NamedTuple

import msgspec

from engine_core.edge.spelling import (
    ORDER_TYPE_STREAM_WORDS,
    SELF_TRADE_WORDS,
    SIDE_WORDS,
    STATUS_WORDS,
    TIME_IN_FORCE_WORDS,
    expiry_word,
)
from engine_core.replica.setup import Asset, Market
from engine_core.wire.codes import ORDER_EVENTS, EventKind, OrderFlag, OrderType, Side
from engine_core.wire.events import Event
from engine_core.wire.units import format_decimal


class Extras(NamedTuple):
    """What an order was placed with and its fills do not repeat."""

    trigger_ticks: int
    amount_atoms: int
    quantity_lots: int
    display_lots: int


class BalanceState(NamedTuple):
    available: int
    locked: int


# What is sent, by what happened; any other kind says nothing about an order.
UPDATES = {
    EventKind.ACCEPTED: "orderAccepted",
    EventKind.FILL: "orderFill",
    EventKind.CANCELLED: "orderCancelled",
    EventKind.EXPIRED: "orderExpired",
    EventKind.AMENDED: "orderModified",
    EventKind.TRIGGER_PLACED: "triggerPlaced",
    EventKind.TRIGGER_FAILED: "triggerFailed",
}
# Kinds whose record carries the account's balances.
WITH_BALANCES = frozenset(ORDER_EVENTS)


def extras_of(event: Event) -> Extras | None:
    """What to remember of an order, from any of its events but a FILL; None if its fills say everything."""
    if event.flags & (OrderFlag.TRIGGER | OrderFlag.BY_QUOTE | OrderFlag.ICEBERG):
        return Extras(event.trigger_ticks, event.amount_atoms, event.quantity_lots, event.display_lots)
    return None


def order_update(event: Event, market: Market, extras: Extras | None, time_ms: int, now_us: int) -> bytes:
    """`orderUpdate` of one event whose kind is in UPDATES."""
    units = market.units
    update: dict[str, Any] = {
        "e": UPDATES[EventKind(event.kind)],
        "E": now_us,
        "T": time_ms * 1000,
        "s": market.symbol,
        "i": str(event.order_id),
        "S": SIDE_WORDS[event.side],
        "o": ORDER_TYPE_STREAM_WORDS[event.order_type],
        "f": TIME_IN_FORCE_WORDS[event.time_in_force],
        "X": STATUS_WORDS[event.status],
        "V": SELF_TRADE_WORDS[event.self_trade],
        "z": units.quantity(event.executed_lots),
        "Z": units.quote(event.executed_atoms),
        "t": None,
        "O": "USER",
        "r": False,
        "y": bool(event.flags & OrderFlag.POST_ONLY),
    }
    if event.flags & OrderFlag.HAS_CLIENT_ID:
        update["c"] = event.client_id
    if not event.flags & OrderFlag.BY_QUOTE:
        update["q"] = units.quantity(event.quantity_lots)
    elif extras is not None:
        update["Q"] = units.quote(extras.amount_atoms)
    if event.order_type == OrderType.LIMIT:
        update["p"] = units.price(_limit_ticks(event))
    if event.flags & OrderFlag.TRIGGER and extras is not None:
        update |= {"P": units.price(extras.trigger_ticks), "B": "LastPrice"}
        update["Y"] = units.quantity(extras.quantity_lots)
    if event.flags & OrderFlag.ICEBERG and extras is not None:
        update["D"] = units.quantity(extras.display_lots)
    if event.kind == EventKind.FILL:
        update |= _fill(event, market)
    if event.kind in (EventKind.EXPIRED, EventKind.TRIGGER_FAILED):
        update["R"] = expiry_word(event.reason)
    return msgspec.json.encode(update)


def _limit_ticks(event: Event) -> int:
    """The order's own limit: a taker's FILL has the trade's price where every other event has the limit."""
    taker = event.kind == EventKind.FILL and event.flags & OrderFlag.TAKER
    return event.limit_ticks if taker else event.price_ticks


def _fill(event: Event, market: Market) -> dict[str, Any]:
    buys = event.side == Side.BID
    return {
        "t": event.trade_id,
        "l": market.units.quantity(event.fill_lots),
        "L": market.units.price(event.price_ticks),
        "m": not event.flags & OrderFlag.TAKER,
        "n": (market.units.base if buys else market.units.quote)(event.fee_atoms),
        "N": (market.base if buys else market.quote).symbol,
    }


def balance_update(asset: Asset, balance: BalanceState, time_ms: int, now_us: int) -> bytes:
    """`balanceUpdate` of one asset."""
    return msgspec.json.encode(
        {
            "e": "balanceUpdate",
            "E": now_us,
            "T": time_ms * 1000,
            "a": asset.symbol,
            "A": format_decimal(balance.available, asset.decimals),
            "L": format_decimal(balance.locked, asset.decimals),
            "S": "0",
        }
    )
