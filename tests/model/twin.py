"""The slow, obvious twin of the book: the same commands in, the same event bytes out.

Plain integers, lists and dictionaries; nothing is shared with the kernels but the wire records and codes. It knows no
capacity except the number of slots and of remembered orders, and no limit on the events of one command: scenarios test
the others.
"""

import copy
from dataclasses import dataclass

import numpy as np

from engine_core.wire.codes import (
    CancelScope,
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
from engine_core.wire.limits import ALL_MARKETS, MAX_ICEBERG_PARTS, PPM
from tests.model.book import MAX_PRICE, Market, Order
from tests.model.ledger import Account, Refused
from tests.model.matcher import Matcher

MAX_SUPPLY = 2**62
DAY_MS = 24 * 3600 * 1000
ALLOWED = {
    OrderType.LIMIT: OrderFlag.POST_ONLY | OrderFlag.HAS_CLIENT_ID | OrderFlag.TRIGGER | OrderFlag.ICEBERG,
    OrderType.MARKET: OrderFlag.HAS_CLIENT_ID | OrderFlag.TRIGGER | OrderFlag.BY_QUOTE | OrderFlag.HAS_BOUND,
}


@dataclass
class Timer:
    due: int
    number: int
    kind: Reason  # DEAD_MAN or DISCONNECTED
    account: int
    gateway: int
    market: int  # or ALL_MARKETS


def require(condition: bool, reason: Reason) -> None:
    if not condition:
        raise Refused(reason)


class Twin(Matcher):
    def __init__(self, slots: int, remembered: int, remembered_per_account: int) -> None:
        super().__init__(slots, remembered, remembered_per_account)
        self.timers: list[Timer] = []
        self.timers_made = 0
        self.genesis = False
        self.shard = 0
        self.spent = False  # all order ids of the shard

    def begin_block(self, commands: int) -> None:
        """Each of its commands may make an order, whose number must be the shard's own."""
        if self.genesis and self.orders_made + commands >= (self.shard + 1) * 2**35:
            self.spent = True

    def execute(self, command: np.void, index: int, time_ms: int) -> list[np.ndarray]:
        """The events of one command of the ORDER shape."""
        self.events, self.index, self.time = [], index, max(self.time, time_ms)
        self.fire_timers()
        self.run_fired()
        try:
            require(self.genesis, Reason.NO_GENESIS)
            places = command["kind"] in (CommandKind.PLACE, CommandKind.REPLACE)
            require(not (self.spent and places), Reason.ORDER_IDS_SPENT)
            self._dispatch(command)
        except Refused as refused:
            self.reject(command, refused.reason)
        for market in self.markets.values():
            self.collect_fired(market)
        self.run_fired()
        return self.events

    def _dispatch(self, command: np.void) -> None:
        kind = int(command["kind"])
        actions = {
            CommandKind.PLACE: self.place,
            CommandKind.REPLACE: self.replace,
            CommandKind.CANCEL: self.cancel,
            CommandKind.AMEND: self.amend,
            CommandKind.CANCEL_ALL: self.cancel_all,
            CommandKind.CANCEL_AFTER: self.cancel_after,
            CommandKind.TICK: lambda command: None,
        }
        require(kind in list(actions), Reason.UNKNOWN_COMMAND)
        actions[CommandKind(kind)](command)

    # what commands name

    def sender(self, command: np.void) -> Market:
        require(int(command["market"]) in self.markets, Reason.UNKNOWN_MARKET)
        require(int(command["account"]) in self.accounts, Reason.UNKNOWN_ACCOUNT)
        return self.markets[int(command["market"])]

    def named(self, command: np.void, by_client: bool) -> Order:
        for order in self.accounts[int(command["account"])].orders:
            if order.market != command["market"]:
                continue
            if by_client:
                if order.has(OrderFlag.HAS_CLIENT_ID) and order.client_id == command["client_id"]:
                    return order
            elif order.order_id == command["order_id"]:
                return order
        require(self.markets[int(command["market"])].state != MarketState.ELSEWHERE, Reason.MARKET_ELSEWHERE)
        raise Refused(Reason.ORDER_NOT_FOUND)

    def known_retry(self, command: np.void) -> bool:
        """Answer a repeated client id with the order that has it."""
        if not command["flags"] & OrderFlag.HAS_CLIENT_ID:
            return False
        account = self.accounts[int(command["account"])]
        for order in account.orders + account.ended:
            if order.has(OrderFlag.HAS_CLIENT_ID) and order.client_id == command["client_id"]:
                require(order.economics == economics(command), Reason.DUPLICATE_CLIENT_ID)
                self.tell(EventKind.DUPLICATE, order)
                return True
        return False

    # PLACE

    def place(self, command: np.void) -> None:
        check_shape(command)
        self.sender(command)
        if not self.known_retry(command):
            self.place_new(command)

    def replace(self, command: np.void) -> None:
        check_shape(command)
        self.sender(command)
        if not self.known_retry(command):
            order = self.named(command, False)
            self._check_replace(command)
            self.finish(order, EventKind.CANCELLED, OrderStatus.CANCELLED, Reason.REPLACED)
            self.place_new(command)

    def _check_replace(self, command: np.void) -> None:
        """Try it on a copy: a new order that is refused, or ends at once, leaves the old one alone."""
        trial = copy.deepcopy(self)
        old = trial.named(command, False)
        trial.finish(old, EventKind.CANCELLED, OrderStatus.CANCELLED, Reason.REPLACED)
        told = len(trial.events)
        trial.place_new(command)
        story = [(event["kind"].item(), event["reason"].item()) for event in trial.events[told : told + 2]]
        if len(story) == 2 and (story[0][0], story[1][0]) == (EventKind.ACCEPTED, EventKind.EXPIRED):
            asked_for = story[1][1] == Reason.SELF_TRADE and command["self_trade"] != SelfTrade.REJECT_TAKER
            require(bool(asked_for), Reason(story[1][1]))

    def place_new(self, command: np.void) -> None:
        market = self.markets[int(command["market"])]
        account = self.accounts[int(command["account"])]
        require(not account.frozen, Reason.ACCOUNT_FROZEN)
        flags, order_type = OrderFlag(int(command["flags"])), OrderType(int(command["order_type"]))
        self.check_state(market, order_type, flags)
        self._check_order(market, command, flags, order_type)
        can_stay = bool(flags & OrderFlag.TRIGGER) or (
            order_type == OrderType.LIMIT and command["time_in_force"] == TimeInForce.GTC
        )
        if can_stay:
            here = sum(order.market == market.number for order in account.orders)
            require(not market.max_open or here < market.max_open, Reason.TOO_MANY_OPEN_ORDERS)
            require(bool(self.free), Reason.ORDERS_FULL)
            self.check_orders_share(market, account)
        order = self._order_of(command, self.free[-1] if can_stay else 0, market)
        if flags & OrderFlag.TRIGGER:
            given = self.balance(order.account, self.assets_of(order)[0])
            require(self.needs(order) <= given[0], Reason.INSUFFICIENT_FUNDS)
            self._take_number(can_stay)
            self.lock(order, self.needs(order))
            order.status = OrderStatus.TRIGGER_PENDING
            market.triggers.append(order)
            self.open(order)
            self.tell(EventKind.TRIGGER_PLACED, order)
            return
        plan = self.plan(order)
        self._take_number(can_stay)
        self.start(order, plan, EventKind.ACCEPTED)

    def check_orders_share(self, market: Market, account: Account) -> None:
        """Whether the account's and the market's share of open orders have room for one more."""

    def check_timers_share(self, account: int) -> None:
        """The same for timers."""

    def _take_number(self, can_stay: bool) -> None:
        self.orders_made += 1
        if can_stay:
            self.free.pop()

    def _order_of(self, command: np.void, slot: int, market: Market) -> Order:
        flags = int(command["flags"])
        if flags & OrderFlag.TRIGGER and command["trigger_ticks"] > market.last:
            flags |= OrderFlag.TRIGGER_ABOVE
        return Order(
            order_id=(self.orders_made + 1) * 2**24 + slot,
            slot=slot,
            account=int(command["account"]),
            market=market.number,
            side=Side(int(command["side"])),
            order_type=OrderType(int(command["order_type"])),
            time_in_force=TimeInForce(int(command["time_in_force"])),
            self_trade=SelfTrade(int(command["self_trade"])),
            flags=flags,
            client_id=int(command["client_id"]) if flags & OrderFlag.HAS_CLIENT_ID else 0,
            price=int(command["price_ticks"]),
            quantity=int(command["quantity_lots"]),
            trigger=int(command["trigger_ticks"]),
            amount=int(command["amount_atoms"]),
            created=self.time,
            economics=economics(command),
            status=OrderStatus.NEW,
        )

    # rules of placement

    def check_state(self, market: Market, order_type: OrderType, flags: int) -> None:
        require(market.state != MarketState.ELSEWHERE, Reason.MARKET_ELSEWHERE)
        require(market.state != MarketState.CLOSED, Reason.MARKET_CLOSED)
        require(market.state != MarketState.CANCEL_ONLY, Reason.MARKET_CANCEL_ONLY)
        if market.state == MarketState.LIMIT_ONLY:
            require(order_type == OrderType.LIMIT, Reason.MARKET_LIMIT_ONLY)
        if market.state == MarketState.POST_ONLY:
            require(bool(flags & OrderFlag.POST_ONLY), Reason.MARKET_POST_ONLY)

    def check_price(self, market: Market, price: int) -> None:
        require(1 <= price <= MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
        if market.last and market.band_up:
            require(price * PPM <= market.last * (PPM + market.band_up), Reason.PRICE_OUT_OF_BAND)
        if market.last and market.band_down:
            require(price * PPM >= market.last * (PPM - market.band_down), Reason.PRICE_OUT_OF_BAND)

    def check_quantity(self, market: Market, lots: int) -> None:
        require(lots >= market.min_lots, Reason.QUANTITY_TOO_SMALL)
        require(lots <= market.limit_lots, Reason.QUANTITY_TOO_LARGE)

    def _check_order(self, market: Market, command: np.void, flags: OrderFlag, order_type: OrderType) -> None:
        price, lots, amount = int(command["price_ticks"]), int(command["quantity_lots"]), int(command["amount_atoms"])
        by_quote, is_bid = bool(flags & OrderFlag.BY_QUOTE), command["side"] == Side.BID
        if order_type == OrderType.LIMIT:
            self.check_price(market, price)
        elif flags & OrderFlag.HAS_BOUND:
            require(1 <= price <= MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
        if not by_quote:
            self.check_quantity(market, lots)
        if flags & OrderFlag.ICEBERG:
            require(lots <= MAX_ICEBERG_PARTS * int(command["display_lots"]), Reason.QUANTITY_TOO_LARGE)
        if flags & OrderFlag.TRIGGER:
            require(1 <= command["trigger_ticks"] <= MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
            require(market.last != 0, Reason.NO_LAST_PRICE)
            require(market.last != command["trigger_ticks"], Reason.TRIGGER_EQUALS_LAST)
            needs_bound = order_type == OrderType.MARKET and is_bid != by_quote
            require(not needs_bound or bool(flags & OrderFlag.HAS_BOUND), Reason.BOUND_REQUIRED)
        if price and not by_quote:
            require(lots * price * market.tick_atoms <= MAX_SUPPLY, Reason.NOTIONAL_OVERFLOW)
        if price and by_quote and not is_bid:
            most = -(-amount // (price * market.tick_atoms))
            require(most <= market.limit_lots, Reason.QUANTITY_TOO_LARGE)

    def check_fired(self, market: Market, order: Order) -> None:
        require(not self.accounts[order.account].frozen, Reason.ACCOUNT_FROZEN)
        self.check_state(market, order.order_type, order.flags)
        if order.order_type == OrderType.LIMIT:
            self.check_price(market, order.price)

    # the other commands

    def cancel(self, command: np.void) -> None:
        self.sender(command)
        order = self.named(command, bool(command["flags"] & OrderFlag.HAS_CLIENT_ID))
        self.finish(order, EventKind.CANCELLED, OrderStatus.CANCELLED, Reason.USER)

    def amend(self, command: np.void) -> None:
        market = self.sender(command)
        order = self.named(command, bool(command["flags"] & OrderFlag.HAS_CLIENT_ID))
        require(command["price_ticks"] >= 0 and command["quantity_lots"] >= 0, Reason.BAD_FIELD)
        require(order.status != OrderStatus.TRIGGER_PENDING, Reason.NOT_AMENDABLE)
        price = int(command["price_ticks"]) or order.price
        quantity = int(command["quantity_lots"]) or order.quantity
        require(quantity > order.executed, Reason.QUANTITY_TOO_SMALL)
        if price == order.price and quantity <= order.quantity:
            self.check_quantity(market, quantity)
            self.shrink(order, order.quantity - quantity, Reason.NONE)
            return
        require(not self.accounts[order.account].frozen, Reason.ACCOUNT_FROZEN)
        self.check_state(market, order.order_type, order.flags)
        self.check_price(market, price)
        self.check_quantity(market, quantity)
        if order.has(OrderFlag.ICEBERG):
            require(quantity <= MAX_ICEBERG_PARTS * order.amount, Reason.QUANTITY_TOO_LARGE)
        require(quantity * price * market.tick_atoms <= MAX_SUPPLY, Reason.NOTIONAL_OVERFLOW)
        self._requeue(market, order, price, quantity)

    def _requeue(self, market: Market, order: Order, price: int, quantity: int) -> None:
        held, old = self.needs(order), (order.price, order.quantity)
        order.price, order.quantity = price, quantity
        try:
            plan = self.plan(order, held)
        finally:
            order.price, order.quantity = old
        market.unqueue(order)
        self.tell(EventKind.UNRESTED, order, **self.level_change(order))
        order.price, order.quantity = price, quantity
        self.start(order, plan, EventKind.AMENDED, held)

    def _scope(self, command: np.void) -> None:
        market = int(command["market"])
        require(market == ALL_MARKETS or market in self.markets, Reason.UNKNOWN_MARKET)
        require(int(command["account"]) in self.accounts, Reason.UNKNOWN_ACCOUNT)
        here = market == ALL_MARKETS or self.markets[market].state != MarketState.ELSEWHERE
        require(here, Reason.MARKET_ELSEWHERE)

    def cancel_matching(self, account: int, market: int, scope: int, reason: Reason) -> int:
        chosen = [
            order
            for order in self.accounts[account].orders
            if market in (ALL_MARKETS, order.market)
            and (not scope or (scope == CancelScope.CONDITIONAL) == (order.status == OrderStatus.TRIGGER_PENDING))
        ]
        for order in chosen:
            self.finish(order, EventKind.CANCELLED, OrderStatus.CANCELLED, reason)
        return len(chosen)

    def cancel_all(self, command: np.void) -> None:
        self._scope(command)
        require(command["order_type"] <= CancelScope.CONDITIONAL, Reason.BAD_FIELD)
        account, market = int(command["account"]), int(command["market"])
        count = self.cancel_matching(account, market, int(command["order_type"]), Reason.CANCEL_ALL)
        self.tell_account(EventKind.CANCEL_ALL_DONE, Reason.NONE, account, market, count, 0)

    def cancel_after(self, command: np.void) -> None:
        self._scope(command)
        delay, account, market = int(command["amount_atoms"]), int(command["account"]), int(command["market"])
        require(0 <= delay <= DAY_MS, Reason.BAD_FIELD)
        if not delay:
            self.disarm(Reason.DEAD_MAN, account, 0)
        else:
            self.arm(Reason.DEAD_MAN, account, 0, market, delay)
        self.tell_account(EventKind.TIMER_ARMED, Reason.NONE, account, market, 0, delay)

    # timers

    def disarm(self, kind: Reason, account: int, gateway: int) -> None:
        self.timers = [t for t in self.timers if (t.kind, t.account, t.gateway) != (kind, account, gateway)]

    def arm(self, kind: Reason, account: int, gateway: int, market: int, delay: int) -> None:
        if not any((t.kind, t.account, t.gateway) == (kind, account, gateway) for t in self.timers):
            self.check_timers_share(account)
        self.disarm(kind, account, gateway)
        self.timers_made += 1
        self.timers.append(Timer(self.time + delay, self.timers_made, kind, account, gateway, market))

    def fire_timers(self) -> None:
        for timer in sorted(self.timers, key=lambda timer: (timer.due, timer.number)):
            if timer.due <= self.time:
                self.timers.remove(timer)
                count = self.cancel_matching(timer.account, timer.market, 0, timer.kind)
                self.tell_account(EventKind.CANCEL_ALL_DONE, timer.kind, timer.account, timer.market, count, 0)


def economics(command: np.void) -> tuple[int, ...]:
    """What a retry must repeat."""
    names = ("side", "order_type", "time_in_force", "self_trade", "flags", "market")
    amounts = ("price_ticks", "quantity_lots", "trigger_ticks", "amount_atoms")
    return tuple(int(command[name]) for name in names + amounts)


def check_shape(command: np.void) -> None:
    """Codes that exist, in combinations that make sense."""
    for code, name in ((Side, "side"), (SelfTrade, "self_trade"), (TimeInForce, "time_in_force")):
        require(int(command[name]) in [member.value for member in code], Reason.BAD_FIELD)
    require(int(command["order_type"]) in list(ALLOWED), Reason.BAD_FIELD)
    order_type, flags = OrderType(int(command["order_type"])), int(command["flags"])
    good = flags & ~int(ALLOWED[order_type]) == 0
    good = good and (bool(flags & OrderFlag.TRIGGER) or command["trigger_ticks"] == 0)
    if order_type == OrderType.LIMIT:
        if flags & (OrderFlag.POST_ONLY | OrderFlag.ICEBERG):
            good = good and command["time_in_force"] == TimeInForce.GTC
        display = int(command["display_lots"])
        most = command["quantity_lots"] if flags & OrderFlag.ICEBERG else 0
        good = good and bool(flags & OrderFlag.ICEBERG) <= display <= most
    else:
        good = good and (bool(flags & OrderFlag.HAS_BOUND) or command["price_ticks"] == 0)
        if flags & OrderFlag.BY_QUOTE:
            good = good and command["quantity_lots"] == 0 and 1 <= command["amount_atoms"] <= MAX_SUPPLY
        else:
            good = good and command["amount_atoms"] == 0
    require(bool(good), Reason.BAD_FIELD)
