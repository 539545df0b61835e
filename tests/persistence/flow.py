"""An event log made by hand: a small exchange drawn from a seed that writes the events which the engine would write.

It keeps its own balances, so that money is conserved, but trades at will (any two orders of opposite sides match at the
maker's price): the writer must not care why something happened. Blocks are appended to a stream exactly as the engine
does it.
"""

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketState,
    OrderFlag,
    OrderStatus,
    OrderType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import ADMIN_EVENT, EVENT
from engine_core.wire.streams import EntryId
from tests.persistence.blocks import LOG_ID, Block, joined

USDC, SOL, BTC = 1, 2, 3
ASSETS = {USDC: ("USDC", 6), SOL: ("SOL", 9), BTC: ("BTC", 8)}
# base, quote, lot_atoms, tick_atoms: SOL_USDC with tick 0.01 and lot 0.01, BTC_USDC with tick 0.1 and lot 0.00001
MARKETS = {1: (SOL, USDC, 10_000_000, 100), 2: (BTC, USDC, 1_000, 1)}
START_MS = 1_790_000_000_000
FIRST_TRADER, TRADERS = 2, 5
ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.TRIGGER_FAILED)


@dataclass
class Order:
    order_id: int
    account: int
    market: int
    side: int
    price_ticks: int
    quantity_lots: int
    created_ms: int
    flags: int = 0
    client_id: int = 0
    order_type: int = OrderType.LIMIT
    time_in_force: int = TimeInForce.GTC
    trigger_ticks: int = 0
    amount_atoms: int = 0
    status: int = OrderStatus.NEW
    executed_lots: int = 0
    executed_atoms: int = 0


@dataclass
class Flow:
    """Call `block()` for the next entry of the log. `max_step_ms`: how far apart entries are.

    `shard`: whose log it is; `traded`: the markets that trade in it."""

    seed: int = 1
    max_step_ms: int = 40
    shard: int = 0
    traded: tuple[int, ...] = tuple(MARKETS)
    events: list[np.ndarray] = field(default_factory=list)
    balances: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # (account, asset): [available, locked]
    live: dict[int, Order] = field(default_factory=dict)
    trade_ids: dict[int, int] = field(default_factory=lambda: dict.fromkeys(MARKETS, 0))
    time_ms: int = START_MS
    entry_seq: int = 0
    last_order: int = 0
    references: int = 0
    keys: dict[int, bool] = field(default_factory=dict)  # whether each is valid

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.last_order = self.shard << 35

    # -- blocks --------------------------------------------------------------------------------------------------

    def genesis(self) -> Block:
        self.admin(kind=CommandKind.GENESIS, a=LOG_ID, market=self.shard)
        for number, (symbol, decimals) in ASSETS.items():
            self.admin(kind=CommandKind.ASSET, asset=number, symbol=symbol.encode(), decimals=decimals)
        for number, (base, quote, lot_atoms, tick_atoms) in MARKETS.items():
            self.admin(
                kind=CommandKind.MARKET, market=number, asset=base, quote_asset=quote,
                code=MarketState.OPEN if number in self.traded else MarketState.ELSEWHERE,
                a=lot_atoms, b=tick_atoms, c=1, d=10**9,
            )  # fmt: skip
            self.admin(kind=CommandKind.FEES, market=number, code=0, a=200, b=500)
        for account in range(FIRST_TRADER, FIRST_TRADER + TRADERS):
            self.admin(kind=CommandKind.ACCOUNT, account=account)
            for asset in ASSETS if self.shard == 0 else ():
                self.deposit(account, asset, 10**15)
        return self.close()

    def block(self, commands: int = 20) -> Block:
        for _ in range(commands):
            self.command()
        return self.close()

    def close(self) -> Block:
        """End the entry: what was recorded since the last one."""
        block = Block(EntryId(self.time_ms, self.entry_seq), self.time_ms, joined(self.events, EVENT), self.shard)
        self.events = []
        step = self.random.choice((0, 1, self.max_step_ms))
        self.time_ms += step
        self.entry_seq = self.entry_seq + 1 if step == 0 else 0
        return block

    # -- what happens --------------------------------------------------------------------------------------------

    def command(self) -> None:
        kind = self.random.choices(
            (
                "place",
                "trade",
                "cancel",
                "market",
                "amend",
                "trigger",
                "fire",
                "reject",
                "transfer",
                "state",
                "duplicate",
            ),
            (30, 30, 15, 8, 5, 5, 4, 4, 2, 1, 2),
        )[0]
        getattr(self, f"_{kind}")()

    def place(self, account: int, market: int, side: int, price_ticks: int, lots: int, **fields: Any) -> Order:
        self.last_order += 1
        order = Order(self.last_order << 24, account, market, side, price_ticks, lots, self.time_ms, **fields)
        self._hold(order, self._cost(order))
        if not order.flags & OrderFlag.TRIGGER:
            self.event(order, EventKind.ACCEPTED)
        self.live[order.order_id] = order
        return order

    def trade(self, maker: Order, taker: Order, lots: int) -> None:
        self.trade_ids[maker.market] += 1
        base, quote, lot_atoms, tick_atoms = MARKETS[maker.market]
        value = lots * maker.price_ticks * tick_atoms
        for order, other in ((maker, taker), (taker, maker)):
            given, received = (quote, base) if order.side == Side.BID else (base, quote)
            paid, got = (value, lots * lot_atoms) if order.side == Side.BID else (lots * lot_atoms, value)
            held = lots * order.price_ticks * tick_atoms if order.side == Side.BID else paid
            fee = -(-got * (200 if order is maker else 500) // 10**6)
            self._balance(order.account, given)[1] -= held
            self._balance(order.account, given)[0] += held - paid
            self._balance(order.account, received)[0] += got - fee
            self._balance(1, received)[0] += fee
            order.executed_lots += lots
            order.executed_atoms += value
            is_done = order.executed_lots == order.quantity_lots
            order.status = OrderStatus.FILLED if is_done else OrderStatus.PARTIALLY_FILLED
            self.event(
                order, EventKind.FILL, flags=order.flags | (OrderFlag.TAKER if order is taker else 0),
                price_ticks=maker.price_ticks, counter_order_id=other.order_id, trade_id=self.trade_ids[maker.market],
                fill_lots=lots, fee_atoms=fee,
            )  # fmt: skip
            if is_done:
                self.live.pop(order.order_id, None)

    def end(self, order: Order, status: int, kind: int, reason: int) -> None:
        left = order.quantity_lots - order.executed_lots
        self._hold(order, -left * self._lot_cost(order))
        order.status = status
        self.live.pop(order.order_id, None)
        self.event(order, kind, reason=reason)

    def deposit(self, account: int, asset: int, atoms: int, kind: int = CommandKind.DEPOSIT) -> None:
        self.references += 1
        balance = self._balance(account, asset)
        balance[0] += atoms if kind == CommandKind.DEPOSIT else -atoms
        self.admin(
            kind=kind, account=account, asset=asset, a=atoms, b=self.references, available=balance[0], locked=balance[1]
        )

    def move(self, kind: int, account: int, other: int, asset: int, atoms: int, sequence: int) -> None:
        balance = self._balance(account, asset)
        balance[0] += atoms if kind == CommandKind.MOVE_IN else -atoms
        self.admin(
            kind=kind, account=account, asset=asset, code=other, a=atoms, b=sequence, c=1_000 * account + sequence,
            available=balance[0], locked=balance[1],
        )  # fmt: skip

    def transfer(self, account: int, to: int, asset: int, atoms: int) -> None:
        self.references += 1
        for owner, change in ((account, -atoms), (to, atoms)):
            balance = self._balance(owner, asset)
            balance[0] += change
            self.admin(
                kind=CommandKind.TRANSFER, account=account, to_account=to, asset=asset, a=atoms, b=self.references,
                c=self.random.randrange(2**62), d=-7, available=balance[0], locked=balance[1], owner=owner,
            )  # fmt: skip

    # -- the drawn commands --------------------------------------------------------------------------------------

    def _draw(self) -> dict[str, Any]:
        has_client_id = self.random.random() < 0.5
        return {
            "account": self.random.randrange(FIRST_TRADER, FIRST_TRADER + TRADERS),
            "market": self.random.choice(self.traded),
            "side": self.random.choice((Side.BID, Side.ASK)),
            "price_ticks": self.random.randrange(9_000, 11_000),
            "lots": self.random.randrange(1, 500),
            "client_id": self.random.randrange(2**32) if has_client_id else 0,
            "flags": OrderFlag.HAS_CLIENT_ID if has_client_id else 0,
        }

    def _place(self) -> None:
        self.place(**self._draw())

    def _trade(self) -> None:
        makers = [order for order in self.live.values() if order.status != OrderStatus.TRIGGER_PENDING]
        if not makers:
            return self._place()
        maker = self.random.choice(makers)
        fields = self._draw() | {"market": maker.market, "side": 3 - maker.side, "price_ticks": maker.price_ticks}
        taker = self.place(**fields, time_in_force=self.random.choice((TimeInForce.GTC, TimeInForce.IOC)))
        open_lots = min(maker.quantity_lots - maker.executed_lots, taker.quantity_lots)
        self.trade(maker, taker, open_lots)
        if taker.status == OrderStatus.FILLED:
            return
        if taker.time_in_force == TimeInForce.IOC:
            self.end(taker, OrderStatus.EXPIRED, EventKind.EXPIRED, Reason.IMMEDIATE_OR_CANCEL)
        else:
            self.event(taker, EventKind.RESTED)

    def _cancel(self) -> None:
        if self.live:
            order = self.random.choice(list(self.live.values()))
            self.end(order, OrderStatus.CANCELLED, EventKind.CANCELLED, Reason.USER)

    def _market(self) -> None:
        fields = self._draw()
        flags = fields["flags"] | OrderFlag.BY_QUOTE
        order = self.place(**fields | {"price_ticks": 0, "lots": 0, "flags": flags},
                           order_type=OrderType.MARKET, amount_atoms=5_000_000)  # fmt: skip
        self.end(order, OrderStatus.EXPIRED, EventKind.EXPIRED, Reason.INSUFFICIENT_LIQUIDITY)

    def _amend(self) -> None:
        live = [order for order in self.live.values() if order.status == OrderStatus.NEW]
        if not live:
            return
        order = self.random.choice(live)
        self._hold(order, -self._cost(order))
        if self.random.random() < 0.5:
            self.event(order, EventKind.UNRESTED)
            order.price_ticks += self.random.choice((-5, 5))
        order.quantity_lots += self.random.randrange(0, 3)
        self._hold(order, self._cost(order))
        self.event(order, EventKind.AMENDED, reason=self.random.choice((Reason.NONE, Reason.SELF_TRADE)))

    def _trigger(self) -> None:
        fields = self._draw()
        fields["flags"] |= OrderFlag.TRIGGER
        order = self.place(**fields, trigger_ticks=10_500, status=OrderStatus.TRIGGER_PENDING)
        self.event(order, EventKind.TRIGGER_PLACED)

    def _fire(self) -> None:
        waiting = [order for order in self.live.values() if order.status == OrderStatus.TRIGGER_PENDING]
        if not waiting:
            return
        order = self.random.choice(waiting)
        if self.random.random() < 0.3:
            self.end(order, OrderStatus.TRIGGER_FAILED, EventKind.TRIGGER_FAILED, Reason.INSUFFICIENT_FUNDS)
            return
        order.status = OrderStatus.NEW
        self.event(order, EventKind.TRIGGERED)
        self.event(order, EventKind.ACCEPTED)

    def _reject(self) -> None:
        draw = self._draw()
        order = Order(0, draw["account"], draw["market"], draw["side"], draw["price_ticks"], draw["lots"], 0)
        self.event(order, EventKind.REJECTED, reason=Reason.INSUFFICIENT_FUNDS, status=0, balances=False)

    def _transfer(self) -> None:
        if self.shard:
            return
        kind = self.random.choice((CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER))
        account = self.random.choice((1, FIRST_TRADER, FIRST_TRADER + 1))
        asset = self.random.choice(list(ASSETS))
        if kind != CommandKind.DEPOSIT and self._balance(account, asset)[0] < 10:
            return
        if kind == CommandKind.TRANSFER:
            return self.transfer(account, FIRST_TRADER + 2, asset, self.random.randrange(1, 10))
        self.deposit(account, asset, self.random.randrange(1, 10), kind)

    def _state(self) -> None:
        state = self.random.choice([state for state in MarketState if state != MarketState.ELSEWHERE])
        self.admin(kind=CommandKind.MARKET_STATE, market=self.traded[0], code=state)
        self.admin(kind=CommandKind.ACCOUNT_STATE, account=FIRST_TRADER, code=self.random.choice((1, 2)))
        self.admin(kind=CommandKind.FEE_TIER, account=FIRST_TRADER, code=self.random.randrange(3))
        self._key()
        self.admin(kind=CommandKind.FEES, market=1, code=1, a=self.random.randrange(300), b=400)
        self.admin(kind=CommandKind.DEPOSIT, event=EventKind.REFUSED, account=2, asset=1, a=10**9, b=1)

    def _key(self) -> None:
        """A new key, an old one that is revoked, or one that was and comes again."""
        number = self.random.randrange(4)
        is_known = self.keys.get(number, False)
        kind = CommandKind.KEY_REVOKE if is_known else CommandKind.KEY
        self.keys[number] = not is_known
        public_key = np.full(32, number, np.uint8)
        self.admin(kind=kind, account=FIRST_TRADER + number % 2, code=3, public_key=public_key)

    def _duplicate(self) -> None:
        if self.live:
            order = self.random.choice(list(self.live.values()))
            self.event(order, EventKind.DUPLICATE, balances=False)

    # -- records -------------------------------------------------------------------------------------------------

    def event(self, order: Order, kind: int, *, balances: bool = True, **fields: Any) -> None:
        record = np.zeros(1, EVENT)
        values: dict[str, Any] = {
            name: getattr(order, name)
            for name in ("side", "order_type", "time_in_force", "flags", "status", "market", "account", "order_id",
                         "client_id", "price_ticks", "quantity_lots", "executed_lots", "executed_atoms",
                         "trigger_ticks", "amount_atoms", "created_ms")
        } | {"kind": kind, "self_trade": SelfTrade.REJECT_TAKER}  # fmt: skip
        if balances:
            base, quote, _, _ = MARKETS[order.market]
            given, received = (quote, base) if order.side == Side.BID else (base, quote)
            values["given_available"], values["given_locked"] = self._balance(order.account, given)
            values["received_available"] = self._balance(order.account, received)[0]
        for name, value in (values | fields).items():
            record[name] = value
        self.events.append(record)

    def admin(
        self,
        *,
        event: int = EventKind.APPLIED,
        available: int = 0,
        locked: int = 0,
        owner: int | None = None,
        **command: Any,
    ) -> None:
        """`owner`: whom the event is about, if not the account that the command names."""
        record = np.zeros(1, ADMIN_EVENT)
        record["kind"], record["given_available"], record["given_locked"] = event, available, locked
        record["account"] = command.get("account", 0) if owner is None else owner
        for name, value in command.items():
            record["command"][name] = value
        self.events.append(record.view(EVENT))

    def _balance(self, account: int, asset: int) -> list[int]:
        return self.balances.setdefault((account, asset), [0, 0])

    def _lot_cost(self, order: Order) -> int:
        _, _, lot_atoms, tick_atoms = MARKETS[order.market]
        return order.price_ticks * tick_atoms if order.side == Side.BID else lot_atoms

    def _cost(self, order: Order) -> int:
        return order.quantity_lots * self._lot_cost(order)

    def _hold(self, order: Order, atoms: int) -> None:
        base, quote, _, _ = MARKETS[order.market]
        balance = self._balance(order.account, quote if order.side == Side.BID else base)
        balance[0] -= atoms
        balance[1] += atoms
