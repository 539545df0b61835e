"""The slow twin's ledger: accounts, balances, open and remembered orders, and the events being written."""

from dataclasses import dataclass, field

import numpy as np

from engine_core.wire.codes import EventKind, OrderFlag, OrderType, Reason, Side
from engine_core.wire.layout import EVENT
from tests.model.book import MAX_PRICE, Market, Order

FEE_ACCOUNT = 1


@dataclass
class Account:
    frozen: bool = False
    tier: int = 0
    options: int = 0
    orders: list[Order] = field(default_factory=list)  # open, oldest first
    ended: list[Order] = field(default_factory=list)  # remembered for their client ids, oldest first
    withdrawals: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # (reference, content), oldest first


class Refused(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class Ledger:
    """Accounts, balances, and the events being written."""

    def __init__(self, slots: int, remembered: int, remembered_per_account: int) -> None:
        self.accounts: dict[int, Account] = {}
        self.balances: dict[tuple[int, int], list[int]] = {}  # [available, locked]
        self.markets: dict[int, Market] = {}
        self.free = list(range(slots, 0, -1))
        self.ended: list[Order] = []  # all accounts together, oldest first
        self.remembered, self.remembered_per_account = remembered, remembered_per_account
        self.orders_made = 0
        self.time = 0
        self.index = 0
        self.events: list[np.ndarray] = []

    def balance(self, account: int, asset: int) -> list[int]:
        return self.balances.setdefault((account, asset), [0, 0])

    def assets_of(self, order: Order) -> tuple[int, int]:
        """(given, received)"""
        market = self.markets[order.market]
        return (market.quote, market.base) if order.side == Side.BID else (market.base, market.quote)

    def lock(self, order: Order, atoms: int) -> None:
        balance = self.balance(order.account, self.assets_of(order)[0])
        balance[0] -= atoms
        balance[1] += atoms

    def needs(self, order: Order) -> int:
        """Atoms that an open order keeps locked."""
        market = self.markets[order.market]
        unit = order.price * market.tick_atoms
        if order.has(OrderFlag.BY_QUOTE):
            return order.amount if order.side == Side.BID else -(-order.amount // unit) * market.lot_atoms
        return order.leaves * (unit if order.side == Side.BID else market.lot_atoms)

    def tell(self, kind: EventKind, order: Order, reason: Reason = Reason.NONE, **more: int) -> None:
        event = np.zeros(1, EVENT)
        given, received = self.assets_of(order)
        is_market = order.order_type == OrderType.MARKET
        fields = {
            "kind": kind,
            "side": order.side,
            "order_type": order.order_type,
            "time_in_force": order.time_in_force,
            "self_trade": order.self_trade,
            "flags": order.flags,
            "status": order.status,
            "reason": reason,
            "market": order.market,
            "index": self.index,
            "account": order.account,
            "order_id": order.order_id,
            "client_id": order.client_id,
            "price_ticks": order.price,
            "given_available": self.balance(order.account, given)[0],
            "given_locked": self.balance(order.account, given)[1],
            "received_available": self.balance(order.account, received)[0],
            "quantity_lots": order.quantity,
            "executed_lots": order.executed,
            "executed_atoms": order.executed_atoms,
            "trigger_ticks": order.trigger,
            "amount_atoms": order.amount if is_market else 0,
            "display_lots": 0 if is_market else order.amount,
            "created_ms": order.created,
        }
        for name, value in (fields | more).items():
            event[name] = value
        self.events.append(event)

    def level_change(self, order: Order) -> dict[str, int]:
        market = self.markets[order.market]
        market.updates += 1
        return {"update_id": market.updates, "level_lots": market.shown_at(order.side, order.price)}

    def tell_account(self, kind: EventKind, reason: Reason, account: int, market: int, count: int, amount: int) -> None:
        event = np.zeros(1, EVENT)
        event["kind"], event["reason"], event["index"] = kind, reason, self.index
        event["account"], event["market"] = account, market & 0xFFFF
        event["executed_lots"], event["amount_atoms"], event["created_ms"] = count, amount, self.time
        self.events.append(event)

    def reject(self, command: np.void, reason: Reason) -> None:
        event = np.zeros(1, EVENT)
        for name in ("side", "order_type", "time_in_force", "self_trade", "flags", "account", "order_id"):
            event[name] = command[name]
        event["kind"], event["reason"], event["index"] = EventKind.REJECTED, reason, self.index
        event["market"] = int(command["market"]) & 0xFFFF
        event["client_id"] = command["client_id"] if command["flags"] & OrderFlag.HAS_CLIENT_ID else 0
        event["price_ticks"] = command["price_ticks"] if 0 <= command["price_ticks"] <= MAX_PRICE else 0
        event["quantity_lots"], event["trigger_ticks"] = command["quantity_lots"], command["trigger_ticks"]
        is_market = command["order_type"] == OrderType.MARKET
        event["amount_atoms" if is_market else "display_lots"] = command["amount_atoms"]
        event["created_ms"] = self.time
        self.events.append(event)

    def open(self, order: Order) -> None:
        if not order.listed:
            order.listed = True
            self.accounts[order.account].orders.append(order)

    def may_remember(self, account: Account) -> bool:
        """Whether the account's share has room for one more ended order."""
        return True

    def forget(self, order: Order) -> None:
        """The order has ended; its final status is set."""
        account = self.accounts[order.account]
        if order.listed:
            account.orders.remove(order)
        if order.slot:
            self.free.append(order.slot)
        if not order.has(OrderFlag.HAS_CLIENT_ID):
            return
        if len(account.ended) == self.remembered_per_account or (account.ended and not self.may_remember(account)):
            self._drop_ended(account.ended[0])
        if len(self.ended) == self.remembered:
            self._drop_ended(self.ended[0])
        account.ended.append(order)
        self.ended.append(order)

    def _drop_ended(self, order: Order) -> None:
        self.ended.remove(order)
        self.accounts[order.account].ended.remove(order)
