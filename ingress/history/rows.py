"""Rows of the history, whether from the database or from events not stored yet, and their JSON forms.

Non-goals: where rows come from (reader.py).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine_core.edge.spelling import SIDE_WORDS, expiry_word
from engine_core.replica.setup import Asset
from engine_core.wire import destinations
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    OrderFlag,
    OrderStatus,
    Side,
)
from engine_core.wire.events import events_of
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.units import format_decimal
from ingress.history.forms import Forms, Json, iso
from ingress.schemas.order_answers import HistoryOrder, LiveOrder, OrderRow, order_answer

NO_CLIENT_ID = -1
# Plain integers: the operators of enum members take microseconds.
_HAS_CLIENT_ID, _TAKER = OrderFlag.HAS_CLIENT_ID.value, OrderFlag.TAKER.value
_BID, _ASK = Side.BID.value, Side.ASK.value
_BEGINS = (EventKind.ACCEPTED.value, EventKind.TRIGGER_PLACED.value)
_HAS_OWN_PRICE = (*_BEGINS, EventKind.AMENDED.value)
_EXPIRED = (OrderStatus.EXPIRED.value, OrderStatus.TRIGGER_FAILED.value)


def history_order(row: OrderRow, forms: Forms) -> HistoryOrder:
    form, expiry = forms[row.market], expiry_word(row.reason) if row.status in _EXPIRED else None
    created_at = iso(row.created_ms)
    return order_answer(HistoryOrder, form.symbol, form, row, row, createdAt=created_at, expiryReason=expiry)


def live_order(row: OrderRow, forms: Forms) -> LiveOrder:
    """As the answer to its placement shows it."""
    form = forms[row.market]
    return order_answer(LiveOrder, form.symbol, form, row, row, createdAt=row.created_ms)


@dataclass(frozen=True, slots=True)
class Progress:
    """What events not stored yet did to an order. `price_ticks` None: unchanged."""

    status: int
    reason: int
    price_ticks: int | None
    quantity_lots: int
    executed_lots: int
    executed_atoms: int

    def apply(self, row: OrderRow) -> None:
        row.status, row.reason, row.quantity_lots = self.status, self.reason, self.quantity_lots
        row.executed_lots, row.executed_atoms = self.executed_lots, self.executed_atoms
        if self.price_ticks is not None:
            row.price_ticks = self.price_ticks


@dataclass(frozen=True, slots=True)
class FillRow:
    trade_id: int
    order_id: int
    client_id: int
    market: int
    side: int
    is_maker: bool
    price_ticks: int
    quantity_lots: int
    fee_atoms: int
    time_ms: int

    def json(self, forms: Forms) -> Json:
        form, is_bid = forms[self.market], self.side == _BID
        return {
            "tradeId": self.trade_id,
            "orderId": str(self.order_id),
            "clientId": None if self.client_id == NO_CLIENT_ID else str(self.client_id),
            "symbol": form.symbol,
            "side": SIDE_WORDS[self.side],
            "price": form.price(self.price_ticks),
            "quantity": form.quantity(self.quantity_lots),
            "fee": (form.base if is_bid else form.quote)(self.fee_atoms),
            "feeSymbol": (form.market.base if is_bid else form.market.quote).symbol,
            "isMaker": self.is_maker,
            "timestamp": iso(self.time_ms),
            "systemOrderType": None,
        }


@dataclass(frozen=True, slots=True)
class TradeRow:
    trade_id: int
    price_ticks: int
    quantity_lots: int
    buyer_is_maker: bool
    time_ms: int

    def json(self, forms: Forms, market: int) -> Json:
        form = forms[market]
        return {
            "id": self.trade_id,
            "price": form.price(self.price_ticks),
            "quantity": form.quantity(self.quantity_lots),
            "quoteQuantity": form.quote(self.price_ticks * self.quantity_lots * form.tick_atoms),
            "timestamp": self.time_ms,
            "isBuyerMaker": self.buyer_is_maker,
        }


@dataclass(frozen=True, slots=True)
class TransferRow:
    number: int
    asset: int
    amount_atoms: int
    reference: int
    time_ms: int
    counterparty: int = 0  # the account at the other end; 0: none of this exchange
    words: tuple[int, int] = (0, 0)  # of the log, which the text of a withdrawal must fit


def deposit_json(row: TransferRow, asset: Asset, account: int) -> Json:
    nothing = ("transactionHash", "platformMemo", "fiatAmount", "fiatCurrency", "institutionBic")
    ends = {"source": "administrator", "toAddress": None, "fromAddress": None}
    if row.counterparty:
        sender = destinations.of_account(row.counterparty)
        ends = {"source": "internal", "toAddress": destinations.of_account(account), "fromAddress": sender}
    return _transfer_json(row, asset) | ends | dict.fromkeys(nothing)


class AskedWith(NamedTuple):
    """What a user asked a withdrawal with; nothing of it where an administrator withdrew."""

    address: str | None = None
    blockchain: str | None = None
    client_id: str | None = None

    def fits(self, words: tuple[int, int]) -> bool:
        """Whether it is what the log says; withdrawals of behaviour version 1 have no words there."""
        return self.address is not None and words in ((0, 0), destinations.words_of(self.address, self.client_id))


def withdrawal_json(row: TransferRow, asset: Asset, asked: AskedWith) -> Json:
    nothing = ("transactionHash", "identifier", "subaccountId", "fiatFee")
    more = ("fiatState", "fiatSymbol", "providerId", "bankName", "bankIdentifier", "accountIdentifier", "triggerAt")
    known = {"blockchain": asked.blockchain, "toAddress": asked.address, "clientId": asked.client_id}
    if row.counterparty:
        known["toAddress"] = destinations.of_account(row.counterparty)
    inside = {"fee": "0", "isInternal": row.counterparty != 0}
    return _transfer_json(row, asset) | known | inside | dict.fromkeys((*nothing, *more))


def _transfer_json(row: TransferRow, asset: Asset) -> Json:
    return {
        "id": row.number,
        "symbol": asset.symbol,
        "quantity": format_decimal(row.amount_atoms, asset.decimals),
        "status": "confirmed",
        "createdAt": iso(row.time_ms),
    }


def order_rows(slots: np.ndarray) -> tuple[list[OrderRow], dict[int, Progress]]:
    """(orders that began in these events, in their order; what happened to older ones), as of the last event."""
    begun: dict[int, OrderRow] = {}
    changed: dict[int, Progress] = {}
    for event in events_of(slots["event"]):
        older = changed.get(event.order_id)
        price = event.price_ticks if event.kind in _HAS_OWN_PRICE else older.price_ticks if older else None
        progress = Progress(
            *(event.status, event.reason, price, event.quantity_lots, event.executed_lots, event.executed_atoms)
        )
        if row := begun.get(event.order_id):
            progress.apply(row)
        elif older is None and event.kind in _BEGINS:
            client_id = event.client_id if event.flags & _HAS_CLIENT_ID else NO_CLIENT_ID
            begun[event.order_id] = OrderRow(
                *(event.order_id, event.market, client_id, event.side, event.order_type, event.time_in_force),
                *(event.self_trade, event.flags, event.status, event.reason, event.price_ticks, event.quantity_lots),
                *(event.amount_atoms, event.trigger_ticks, event.display_lots),
                *(event.executed_lots, event.executed_atoms, event.created_ms),
            )
        else:
            changed[event.order_id] = progress
    return list(begun.values()), changed


def fill_rows(slots: np.ndarray) -> list[FillRow]:
    """Of FILL events, in log order."""
    return [
        FillRow(
            trade_id=event.trade_id,
            order_id=event.order_id,
            client_id=event.client_id if event.flags & _HAS_CLIENT_ID else NO_CLIENT_ID,
            market=event.market,
            side=event.side,
            is_maker=not event.flags & _TAKER,
            price_ticks=event.price_ticks,
            quantity_lots=event.fill_lots,
            fee_atoms=event.fee_atoms,
            time_ms=time_ms,
        )
        for event, time_ms in zip(events_of(slots["event"]), slots["time_ms"].tolist(), strict=True)
    ]


def trade_rows(slots: np.ndarray) -> list[TradeRow]:
    """Of takers' FILL events, in log order."""
    return [
        TradeRow(fill.trade_id, fill.price_ticks, fill.quantity_lots, fill.side == _ASK, fill.time_ms)
        for fill in fill_rows(slots)
    ]


def transfer_rows(slots: np.ndarray, last_id: int) -> list[tuple[int, TransferRow]]:
    """(account, row) of deposits or of withdrawals; they are numbered on from `last_id`."""
    result = []
    applied = np.frombuffer(slots["event"].tobytes(), ADMIN_EVENT)
    for place, (event, time_ms) in enumerate(zip(applied, slots["time_ms"].tolist(), strict=True), start=1):
        command, account, other = event["command"], int(event["account"]), 0
        if command["kind"] == CommandKind.TRANSFER:
            other = int(command["account"]) + int(command["to_account"]) - account
        moved = int(command["asset"]), int(command["amount_atoms"]), int(command["reference"])
        words = int(command["asked_address"]), int(command["asked"])
        result.append((account, TransferRow(last_id + place, *moved, time_ms, other, words)))
    return result
