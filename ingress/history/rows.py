"""Rows of the history, whether from the database or from events not stored yet, and their JSON forms.

Non-goals: where rows come from (reader.py), how they follow from events (fresh.py).
"""

from dataclasses import dataclass
from typing import NamedTuple

from engine_core.edge.spelling import SIDE_WORDS, expiry_word
from engine_core.replica.setup import Asset
from engine_core.wire import destinations
from engine_core.wire.codes import OrderStatus, Side
from engine_core.wire.history import NO_CLIENT_ID
from engine_core.wire.units import format_decimal
from ingress.history.forms import Forms, Json, iso
from ingress.schemas.order_answers import HistoryOrder, LiveOrder, OrderRow, order_answer

_BID = Side.BID.value  # plain: the operators of enum members take microseconds
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
