"""Events of the log to rows of the tables, vectorised: one call a batch, nothing per event in Python.

`make_rows(events, times_ms, setup, books)` is pure but for what it knows of assets and markets and for the counters in
`books` (running numbers, transfers, fee balances): both are read again from the database when a batch is not committed.

Non-goals: reading the log (source.py) and writing to the database (store.py).
"""

from dataclasses import dataclass

import numpy as np

from engine_core.wire.codes import ORDER_EVENTS, CommandKind, EventKind, OrderFlag, Side
from engine_core.wire.events import pick
from engine_core.wire.history import client_ids, counterparties, lives_of, order_flags, reasons
from engine_core.wire.layout import ADMIN_EVENT
from persistence.projection.balances import FeeBalances, balance_changes
from persistence.projection.candles import candle_changes
from persistence.projection.definitions import MarketColumns, Setup, Statement
from persistence.projection.moves import move_changes
from persistence.projection.numbering import Numbering
from persistence.tables import DEPOSITS, FILLS, ORDER_CHANGES, ORDERS, TRADES, WITHDRAWALS, timestamps

UNCHANGED = -1
_OF_ORDERS = np.zeros(256, bool)
_OF_ORDERS[[*ORDER_EVENTS]] = True


@dataclass
class Books:
    """What must go on from batch to batch, as of the last commit."""

    orders: Numbering
    fills: Numbering
    fee_balances: FeeBalances
    deposits: int
    withdrawals: int

    def forget(self, market: int) -> None:
        """The numbers of a market that comes from another shard: they are read again."""
        self.orders.forget(market)
        self.fills.forget(market)


@dataclass(frozen=True)
class Rows:
    """All that one batch changes in the database."""

    definitions: list[Statement]
    trades: np.ndarray
    fills: np.ndarray
    new_orders: np.ndarray
    order_changes: np.ndarray
    balance_changes: np.ndarray
    move_changes: np.ndarray
    candle_changes: np.ndarray
    deposits: np.ndarray
    withdrawals: np.ndarray


def make_rows(events: np.ndarray, times_ms: np.ndarray, setup: Setup, books: Books) -> Rows:
    """Rows of `events` (EVENT, whole entries in log order), each at its engine time."""
    kinds = events["kind"]
    admin_places = np.flatnonzero(kinds == EventKind.APPLIED)
    admin = pick(events, admin_places).view(ADMIN_EVENT)
    definitions = setup.apply(admin, times_ms[admin_places]) if len(admin) else []
    columns = setup.columns()
    done = admin["command"]["kind"]
    transfers, receives = done == CommandKind.TRANSFER, admin["account"] != admin["command"]["account"]
    deposit_places = admin_places[(done == CommandKind.DEPOSIT) | (transfers & receives)]
    withdrawal_places = admin_places[(done == CommandKind.WITHDRAW) | (transfers & ~receives)]
    move_places = admin_places[(done == CommandKind.MOVE_OUT) | (done == CommandKind.MOVE_IN)]
    of_orders = np.flatnonzero(_OF_ORDERS[kinds])
    fills = np.flatnonzero(kinds == EventKind.FILL)
    taken = fills[events["flags"][fills] & OrderFlag.TAKER != 0]
    trades = _trades(pick(events, taken), times_ms[taken], columns)
    # Side by side, an account's rows go into the same pages of each index: a quarter of what storing them costs.
    by_account = fills[np.argsort(events["account"][fills], kind="stable")]
    new_orders, order_changes = _orders(pick(events, of_orders), times_ms[of_orders], books)
    rows = Rows(
        definitions=definitions,
        trades=trades,
        fills=_fills(pick(events, by_account), times_ms[by_account], books),
        new_orders=new_orders,
        order_changes=order_changes,
        balance_changes=balance_changes(
            events,
            of_orders,
            np.concatenate((deposit_places, withdrawal_places, move_places)),
            columns,
            books.fee_balances,
        ),
        move_changes=move_changes(admin, times_ms[admin_places]),
        candle_changes=candle_changes(trades, times_ms[taken]),
        deposits=_transfers(DEPOSITS.rows(len(deposit_places)), events, times_ms, deposit_places, books.deposits),
        withdrawals=_transfers(
            WITHDRAWALS.rows(len(withdrawal_places)), events, times_ms, withdrawal_places, books.withdrawals
        ),
    )
    books.deposits += len(deposit_places)
    books.withdrawals += len(withdrawal_places)
    return rows


def _trades(taken: np.ndarray, times_ms: np.ndarray, columns: MarketColumns) -> np.ndarray:
    """One row for each taker's FILL; the maker's tells nothing more of the trade."""
    rows = TRADES.rows(len(taken))
    is_bid = taken["side"] == Side.BID
    lots, ticks = taken["fill_lots"], taken["price_ticks"].astype(np.int64)
    rows["market"], rows["trade_id"], rows["time"] = taken["market"], taken["trade_id"], timestamps(times_ms)
    rows["price_ticks"], rows["quantity_lots"] = ticks, lots
    rows["quote_atoms"] = lots * ticks * columns.tick_atoms[taken["market"]]
    rows["buyer_is_maker"] = ~is_bid
    rows["bid_order_id"] = np.where(is_bid, taken["order_id"], taken["counter_order_id"])
    rows["ask_order_id"] = np.where(is_bid, taken["counter_order_id"], taken["order_id"])
    return rows


def _fills(fills: np.ndarray, times_ms: np.ndarray, books: Books) -> np.ndarray:
    rows = FILLS.rows(len(fills))
    for name in ("account", "market", "order_id", "trade_id", "side", "price_ticks", "fee_atoms"):
        rows[name] = fills[name]
    rows["client_id"] = client_ids(fills)
    rows["is_maker"] = fills["flags"] & OrderFlag.TAKER == 0
    rows["quantity_lots"], rows["time"] = fills["fill_lots"], timestamps(times_ms)
    rows["number"] = books.fills.next_numbers(fills["account"], np.zeros(len(fills), np.int64))
    rows["market_number"] = books.fills.next_numbers(fills["account"], fills["market"])
    return rows


def _orders(events: np.ndarray, times_ms: np.ndarray, books: Books) -> tuple[np.ndarray, np.ndarray]:
    """(rows of orders that began in this batch, changes of orders that are stored), both as of the batch's end."""
    lives = lives_of(events)
    first, last = lives.first, lives.last
    price_ticks = np.where(lives.priced >= 0, events["price_ticks"][lives.priced], UNCHANGED)
    new, old = np.flatnonzero(lives.is_begun), np.flatnonzero(~lives.is_begun)
    new = new[np.argsort(events["account"][first[new]], kind="stable")]  # side by side, as fills are
    rows, changes = ORDERS.rows(len(new)), ORDER_CHANGES.rows(len(old))
    for target, which in ((rows, new), (changes, old)):
        state = pick(events, last[which])
        for name in ("order_id", "status", "quantity_lots", "executed_lots", "executed_atoms"):
            target[name] = state[name]
        target["reason"], target["price_ticks"] = reasons(state), price_ticks[which]
        target["updated"] = timestamps(times_ms[last[which]])
    begun = pick(events, first[new])
    for name in ("account", "market", "side", "order_type", "time_in_force", "self_trade"):
        rows[name] = begun[name]
    for name in ("amount_atoms", "trigger_ticks", "display_lots"):
        rows[name] = begun[name]
    rows["client_id"], rows["flags"] = client_ids(begun), order_flags(begun)
    rows["created"] = timestamps(begun["created_ms"])
    rows["number"] = books.orders.next_numbers(begun["account"], np.zeros(len(begun), np.int64))
    rows["market_number"] = books.orders.next_numbers(begun["account"], begun["market"])
    return rows, changes


def _transfers(
    rows: np.ndarray, events: np.ndarray, times_ms: np.ndarray, places: np.ndarray, before: int
) -> np.ndarray:
    applied = pick(events, places).view(ADMIN_EVENT)
    commands = applied["command"]
    rows["id"] = before + 1 + np.arange(len(places))
    rows["account"], rows["asset"] = applied["account"], commands["asset"]
    rows["counterparty"] = counterparties(applied)
    rows["asked_address"], rows["asked"] = commands["asked_address"], commands["asked"]
    rows["amount_atoms"], rows["reference"] = commands["amount_atoms"], commands["reference"]
    rows["time"] = timestamps(times_ms[places])
    return rows
