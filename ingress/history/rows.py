"""Rows of the history, whether from the database or from events not stored yet, and their JSON forms.

Non-goals: where rows come from (reader.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from engine_core.replica.setup import Asset, Market, Setup
from engine_core.wire import destinations
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    OrderFlag,
    OrderStatus,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.events import events_of
from engine_core.wire.expiry import expiry_reason
from engine_core.wire.intervals import Interval
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.units import format_decimal
from ingress.schemas.answers import LiveOrder

Json = dict[str, Any]

NO_CLIENT_ID = -1
_MOST_TEXTS = 50_000  # remembered of each kind, some 5 MB
_EPOCH = datetime(1970, 1, 1)
# Plain integers: the operators of enum members take microseconds.
_HAS_CLIENT_ID, _TAKER = OrderFlag.HAS_CLIENT_ID.value, OrderFlag.TAKER.value
_BY_QUOTE, _TRIGGER, _POST_ONLY = OrderFlag.BY_QUOTE.value, OrderFlag.TRIGGER.value, OrderFlag.POST_ONLY.value
_ICEBERG = OrderFlag.ICEBERG.value
_LIMIT, _BID, _ASK = OrderType.LIMIT.value, Side.BID.value, Side.ASK.value
_BEGINS = (EventKind.ACCEPTED.value, EventKind.TRIGGER_PLACED.value)
_HAS_OWN_PRICE = (*_BEGINS, EventKind.AMENDED.value)
_SIDES = {side.value: side.name.capitalize() for side in Side}
_TYPES = {kind.value: kind.name.capitalize() for kind in OrderType}
_TIMES = {time.value: time.name for time in TimeInForce}
_SELF_TRADES = {mode.value: mode.name.title().replace("_", "") for mode in SelfTrade}
_STATUSES = {status.value: status.name.title().replace("_", "") for status in OrderStatus}
_EXPIRED = (OrderStatus.EXPIRED.value, OrderStatus.TRIGGER_FAILED.value)
_NEVER: Json = dict.fromkeys(
    (
        *("stopLossTriggerPrice", "stopLossLimitPrice", "stopLossTriggerBy"),
        *("takeProfitTriggerPrice", "takeProfitLimitPrice", "takeProfitTriggerBy"),
        *("strategyId", "slippageTolerance", "slippageToleranceType", "systemOrderType"),
    )
)


def iso(time_ms: int) -> str:
    """UTC without zone."""
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}"


@lru_cache(4096)
def _second(time_s: int) -> str:
    return (_EPOCH + timedelta(seconds=time_s)).isoformat()


def plain(time_ms: int) -> str:
    """A candle's edge."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(" ", "seconds")


class _Memo(dict[int, str]):
    """Texts of numbers; rows repeat many of them."""

    def __init__(self, text_of: Callable[[int], str]) -> None:
        self._text_of = text_of

    def __missing__(self, value: int) -> str:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        text = self[value] = self._text_of(value)
        return text


class _Forms:
    """How numbers of one market are written."""

    def __init__(self, market: Market) -> None:
        self.market, self.symbol, self.tick_atoms = market, market.symbol, market.units.tick_atoms
        self.price, self.quantity = _Memo(market.units.price), _Memo(market.units.quantity)
        self.quote, self.base = _Memo(market.units.quote), _Memo(market.units.base)


class Forms(dict[int, _Forms]):
    """Of all markets, by number. Kept from page to page; what is written never changes."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def __missing__(self, number: int) -> _Forms:
        forms = self[number] = _Forms(self._setup.markets[number])
        return forms


@dataclass(slots=True)
class OrderRow:
    order_id: int
    market: int
    client_id: int
    side: int
    order_type: int
    time_in_force: int
    self_trade: int
    flags: int
    status: int
    reason: int
    price_ticks: int
    quantity_lots: int
    amount_atoms: int
    trigger_ticks: int
    display_lots: int
    executed_lots: int
    executed_atoms: int
    created_ms: int

    def json(self, forms: Forms) -> Json:
        form, flags = forms[self.market], self.flags
        is_limit, by_quote, is_trigger = self.order_type == _LIMIT, flags & _BY_QUOTE, flags & _TRIGGER
        quantity = None if by_quote else form.quantity[self.quantity_lots]
        return {
            "id": str(self.order_id),
            "clientId": None if self.client_id == NO_CLIENT_ID else self.client_id,
            "symbol": form.symbol,
            "side": _SIDES[self.side],
            "orderType": _TYPES[self.order_type],
            "status": _STATUSES[self.status],
            "timeInForce": _TIMES[self.time_in_force],
            "selfTradePrevention": _SELF_TRADES[self.self_trade],
            "postOnly": bool(flags & _POST_ONLY) if is_limit else None,
            "price": form.price[self.price_ticks] if is_limit else None,
            "quantity": quantity,
            "quoteQuantity": form.quote[self.amount_atoms] if by_quote else None,
            "executedQuantity": form.quantity[self.executed_lots],
            "executedQuoteQuantity": form.quote[self.executed_atoms],
            "createdAt": iso(self.created_ms),
            "displayQuantity": form.quantity[self.display_lots] if flags & _ICEBERG else None,
            "expiryReason": expiry_reason(self.reason) if self.status in _EXPIRED else None,
            "triggerPrice": form.price[self.trigger_ticks] if is_trigger else None,
            "triggerQuantity": quantity if is_trigger else None,
            "triggerBy": "LastPrice" if is_trigger else None,
            **_NEVER,
        }

    def live(self, forms: Forms) -> LiveOrder:
        """As the answer to its placement shows it."""
        shown = self.json(forms) | {"createdAt": self.created_ms}
        return LiveOrder(**{name: shown[name] for name in LiveOrder.__struct_fields__ if name in shown})


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
            "side": _SIDES[self.side],
            "price": form.price[self.price_ticks],
            "quantity": form.quantity[self.quantity_lots],
            "fee": (form.base if is_bid else form.quote)[self.fee_atoms],
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
            "price": form.price[self.price_ticks],
            "quantity": form.quantity[self.quantity_lots],
            "quoteQuantity": form.quote[self.price_ticks * self.quantity_lots * form.tick_atoms],
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


@dataclass(slots=True)
class CandleRow:
    start_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    quote_atoms: int
    trades: int

    def add(self, ticks: int, lots: int, atoms: int) -> None:
        self.high_ticks, self.low_ticks = max(self.high_ticks, ticks), min(self.low_ticks, ticks)
        self.close_ticks = ticks
        self.volume_lots += lots
        self.quote_atoms += atoms
        self.trades += 1

    def json(self, forms: Forms, market: int, interval: Interval) -> Json:
        form = forms[market]
        return {
            "start": plain(self.start_ms),
            "end": plain(interval.next(self.start_ms)),
            "open": form.price[self.open_ticks],
            "high": form.price[self.high_ticks],
            "low": form.price[self.low_ticks],
            "close": form.price[self.close_ticks],
            "volume": form.quantity[self.volume_lots],
            "quoteVolume": form.quote[self.quote_atoms],
            "trades": str(self.trades),
        }


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
    """(orders that began in these events, by id; what happened to older ones), as of the last event."""
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
    return [begun[order_id] for order_id in sorted(begun)], changed


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
        moved = int(command["asset"]), int(command["a"]), int(command["b"])
        words = int(command["c"]), int(command["d"])
        result.append((account, TransferRow(last_id + place, *moved, time_ms, other, words)))
    return result


def add_trades(candles: dict[int, CandleRow], trades: list[TradeRow], interval: Interval, tick_atoms: int) -> None:
    """Add trades, in order, to candles by their start."""
    starts = interval.starts(np.array([trade.time_ms for trade in trades], np.int64)).tolist()
    for start, trade in zip(starts, trades, strict=True):
        if start not in candles:
            candles[start] = CandleRow(start, *(4 * (trade.price_ticks,)), 0, 0, 0)
        atoms = trade.price_ticks * trade.quantity_lots * tick_atoms
        candles[start].add(trade.price_ticks, trade.quantity_lots, atoms)


def without_gaps(
    candles: dict[int, CandleRow],
    before: int | None,
    interval: Interval,
    span_ms: tuple[int, int],
    now_ms: int,
    limit: int,
) -> list[CandleRow]:
    """The candles of every bucket of a span; one without trades carries the close before it, if there is one.

    None of these begins after `now_ms`: that the price will stay is not known. One with trades is always among them,
    whatever clock the engine goes by.
    """
    first_ms, end_ms = span_ms
    starts = sorted(start for start in candles if first_ms <= start < end_ms)
    if before is None:
        if not starts:
            return []
        first_ms = starts[0]
    result: list[CandleRow] = []
    close, start = before, first_ms
    while start < min(end_ms, now_ms + 1) and len(result) < limit:
        candle = candles.get(start)
        if candle is None:
            assert close is not None, "the first bucket has a candle when there is no close before it"
            candle = CandleRow(start, *(4 * (close,)), 0, 0, 0)
        result.append(candle)
        close, start = candle.close_ticks, interval.next(start)
    return [*result, *(candles[later] for later in starts if later >= start)][:limit]
