"""The slow twin's matching: trades, self-trade prevention, what becomes of a remainder, and triggers."""

from typing import NamedTuple

from engine_core.wire.codes import EventKind, OrderFlag, OrderStatus, OrderType, Reason, SelfTrade, Side, TimeInForce
from engine_core.wire.limits import PPM
from tests.model.book import MAX_PRICE, Market, Order, Trial, attempt, other
from tests.model.ledger import FEE_ACCOUNT, Ledger, Refused


class Plan(NamedTuple):
    locked: int  # atoms
    lots: int  # to trade at most
    stop: Reason  # why a remainder ends; NONE: it rests


def fee_of(atoms: int, ppm: int) -> int:
    return -(-atoms * ppm // PPM)


class Matcher(Ledger):
    def __init__(self, slots: int, remembered: int, remembered_per_account: int) -> None:
        super().__init__(slots, remembered, remembered_per_account)
        self.fired: list[Order] = []

    def finish(self, order: Order, kind: EventKind, status: OrderStatus, reason: Reason) -> None:
        """End an open order: resting, waiting for its trigger, or fired but not yet looked at."""
        market = self.markets[order.market]
        self.lock(order, -self.needs(order))
        resting = order.status != OrderStatus.TRIGGER_PENDING
        order.status = status
        if resting:
            market.unqueue(order)
            self.tell(kind, order, reason, **self.level_change(order))
        else:
            (self.fired if order in self.fired else market.triggers).remove(order)
            self.tell(kind, order, reason)
        self.forget(order)

    def shrink(self, order: Order, lots: int, reason: Reason) -> None:
        before = self.needs(order)
        order.quantity -= lots
        order.shown = min(order.shown, order.leaves)
        self.lock(order, self.needs(order) - before)
        self.tell(EventKind.AMENDED, order, reason, **self.level_change(order))

    def limit_of(self, order: Order) -> int:
        """The worst price that the order trades at."""
        market = self.markets[order.market]
        if order.order_type == OrderType.LIMIT:
            return order.price
        bid = order.side == Side.BID
        limits = [order.price] if order.has(OrderFlag.HAS_BOUND) else []
        best = market.best(other(order.side))
        if market.impact and best is not None:
            limits.append(best * (PPM + market.impact) // PPM if bid else -(-best * (PPM - market.impact) // PPM))
        return min([*limits, MAX_PRICE]) if bid else max([*limits, 0])

    def plan(self, order: Order, held: int = 0) -> Plan:
        """What the order would do now, or Refused. Changes nothing but `order.left`."""
        order.left = order.leaves
        available = self.balance(order.account, self.assets_of(order)[0])[0] + held
        is_limit = order.order_type == OrderType.LIMIT
        plan = self._plan_limit(order) if is_limit else self._plan_market(order, available)
        if plan.locked > available:
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        return plan

    def _plan_limit(self, order: Order) -> Plan:
        market = self.markets[order.market]
        if order.has(OrderFlag.POST_ONLY) and market.reachable(order.side, order.price):
            raise Refused(Reason.POST_ONLY_WOULD_TAKE)
        if order.time_in_force == TimeInForce.GTC:
            return Plan(self.needs(order), order.leaves, Reason.NONE)
        if order.time_in_force == TimeInForce.FOK and attempt(market, order, order.price).filled < order.leaves:
            return Plan(self.needs(order), 0, Reason.FILL_OR_KILL)
        return Plan(self.needs(order), order.leaves, Reason.IMMEDIATE_OR_CANCEL)

    def _plan_market(self, order: Order, available: int) -> Plan:
        market = self.markets[order.market]
        trial = attempt(market, order, self.limit_of(order))
        complete = trial.filled == order.leaves
        locked = trial.cost if order.side == Side.BID else order.leaves * market.lot_atoms
        if order.has(OrderFlag.BY_QUOTE):
            if order.side == Side.BID and available < order.amount:
                raise Refused(Reason.INSUFFICIENT_FUNDS)
            complete = trial.amount_used_up and not trial.met_own
            if complete and trial.filled < market.min_lots:
                raise Refused(Reason.QUANTITY_TOO_SMALL)
            if trial.filled > market.limit_lots:
                raise Refused(Reason.QUANTITY_TOO_LARGE)
            order.left = trial.taken if trial.amount_used_up else trial.taken + 1
            if order.side == Side.ASK:
                locked = trial.filled * market.lot_atoms
        if order.time_in_force == TimeInForce.FOK and not complete:
            return Plan(0, 0, Reason.FILL_OR_KILL)
        lots = trial.taken
        if trial.met_own:
            lots = min(trial.taken + 1, order.left)  # one more lot, to meet the own order
        elif trial.ended:
            lots = order.left  # own orders behind the last trade are met, too
        return Plan(locked, lots, self._why_it_ends(trial))

    def _why_it_ends(self, trial: Trial) -> Reason:
        if trial.met_own:
            return Reason.SELF_TRADE
        if trial.ended == "limit":
            return Reason.PRICE_IMPACT
        if trial.ended == "book":
            return Reason.IMMEDIATE_OR_CANCEL if trial.taken else Reason.INSUFFICIENT_LIQUIDITY
        return Reason.NONE

    def start(self, order: Order, plan: Plan, kind: EventKind, held: int = 0) -> None:
        """Lock, tell, match, then rest or expire."""
        market = self.markets[order.market]
        self.lock(order, plan.locked - held)
        order.locked = plan.locked
        crosses = market.reachable(order.side, self.limit_of(order))
        if plan.stop == Reason.NONE and not crosses and kind == EventKind.ACCEPTED:
            self.open(order)
            market.queue(order)
            self.tell(kind, order, **self.level_change(order))
            return
        self.tell(kind, order)
        why = self._sweep(market, order, plan.lots)
        if why == Reason.NONE and plan.lots and order.left == 0:
            assert order.locked == 0
            self.forget(order)
            return
        why = why or plan.stop
        if why == Reason.NONE:
            self.open(order)
            market.queue(order)
            self.tell(EventKind.RESTED, order, **self.level_change(order))
            return
        self.lock(order, -order.locked)
        order.status = OrderStatus.EXPIRED
        self.tell(EventKind.EXPIRED, order, why)
        self.forget(order)

    def _sweep(self, market: Market, taker: Order, lots: int) -> Reason:
        """Trade up to `lots`. Returns why it stopped early, if it met an own order."""
        limit = self.limit_of(taker)  # of the book as it is now, whatever the trades make of it
        while lots and market.reachable(taker.side, limit):
            price = market.best(other(taker.side))
            assert price is not None
            maker = market.levels[other(taker.side)][price][0]
            if maker.account != taker.account:
                traded = min(lots, maker.shown)
                self._trade(market, maker, taker, price, traded)
                lots -= traded
            elif taker.self_trade == SelfTrade.DECREMENT:
                lots -= self._decrement(market, maker, taker, lots)
                if lots == 0:
                    return Reason.SELF_TRADE
            else:
                if taker.self_trade != SelfTrade.REJECT_TAKER:
                    self.finish(maker, EventKind.EXPIRED, OrderStatus.EXPIRED, Reason.SELF_TRADE)
                if taker.self_trade != SelfTrade.REJECT_MAKER:
                    return Reason.SELF_TRADE
        return Reason.NONE

    def _decrement(self, market: Market, maker: Order, taker: Order, lots: int) -> int:
        """Both lose the smaller quantity; who has none left expires."""
        lots = min(maker.leaves, lots)
        if lots == maker.leaves:
            self.finish(maker, EventKind.EXPIRED, OrderStatus.EXPIRED, Reason.SELF_TRADE)
        else:
            self.shrink(maker, lots, Reason.SELF_TRADE)
        taker.left -= lots
        if not taker.has(OrderFlag.BY_QUOTE):
            taker.quantity -= lots
            freed = 0  # a market Bid has locked what its trades cost, no more
            if taker.side == Side.ASK:
                freed = lots * market.lot_atoms
            elif taker.order_type == OrderType.LIMIT:
                freed = lots * taker.price * market.tick_atoms
            self.lock(taker, -freed)
            taker.locked -= freed
        return lots

    def _trade(self, market: Market, maker: Order, taker: Order, price: int, lots: int) -> None:
        atoms = lots * price * market.tick_atoms
        market.trades += 1
        market.last = price
        market.touched.append(price)
        maker.shown -= lots
        if maker.shown == 0:
            market.unqueue(maker)
        maker.status = OrderStatus.FILLED if maker.leaves == lots else OrderStatus.PARTIALLY_FILLED
        fee = self._settle(market, maker, atoms, lots, price, False)
        self._tell_fill(market, maker, taker, price, lots, fee, **self.level_change(maker))
        taker.left -= lots
        taker.status = OrderStatus.FILLED if taker.left == 0 else OrderStatus.PARTIALLY_FILLED
        fee = self._settle(market, taker, atoms, lots, price, True)
        flags = taker.flags | OrderFlag.TAKER
        self._tell_fill(market, taker, maker, price, lots, fee, flags=flags, limit_ticks=taker.price)
        if maker.leaves == 0:
            self.forget(maker)
        elif maker.shown == 0:
            market.queue(maker)
            self.tell(EventKind.REPLENISHED, maker, **self.level_change(maker))

    def _settle(self, market: Market, order: Order, atoms: int, lots: int, price: int, is_taker: bool) -> int:
        """Move one side's funds. Returns the fee."""
        given, received = self.assets_of(order)
        base_atoms = lots * market.lot_atoms
        spent, gained, unlocked = base_atoms, atoms, base_atoms
        if order.side == Side.BID:
            at = order.price if order.order_type == OrderType.LIMIT else price
            spent, gained, unlocked = atoms, base_atoms, lots * at * market.tick_atoms
        order.executed += lots
        order.executed_atoms += atoms
        order.locked -= unlocked
        fee = fee_of(gained, market.fee_ppm(self.accounts[order.account].tier, is_taker))
        giving = self.balance(order.account, given)
        giving[1] -= unlocked
        giving[0] += unlocked - spent
        self.balance(order.account, received)[0] += gained - fee
        self.balance(FEE_ACCOUNT, received)[0] += fee
        return fee

    def _tell_fill(
        self, market: Market, order: Order, counter: Order, price: int, lots: int, fee: int, **more: int
    ) -> None:
        fill = {"price_ticks": price, "counter_order_id": counter.order_id, "trade_id": market.trades}
        self.tell(EventKind.FILL, order, **fill, fill_lots=lots, fee_atoms=fee, **more)

    def collect_fired(self, market: Market) -> None:
        """Queue the triggers that trades have reached: those above upwards, then those below downwards."""
        if not market.touched:
            return
        low, high = min(market.touched), max(market.touched)
        market.touched.clear()
        above = [order for order in market.triggers if order.has(OrderFlag.TRIGGER_ABOVE) and order.trigger <= high]
        below = [order for order in market.triggers if not order.has(OrderFlag.TRIGGER_ABOVE) and order.trigger >= low]
        above.sort(key=lambda order: order.trigger)
        below.sort(key=lambda order: -order.trigger)
        for order in above + below:
            market.triggers.remove(order)
            self.fired.append(order)

    def run_fired(self) -> None:
        while self.fired:
            order = self.fired.pop(0)
            self.lock(order, -self.needs(order))
            market = self.markets[order.market]
            try:
                self.check_fired(market, order)
                plan = self.plan(order)
            except Refused as refused:
                order.status = OrderStatus.TRIGGER_FAILED
                self.tell(EventKind.TRIGGER_FAILED, order, refused.reason)
                self.forget(order)
                continue
            order.status = OrderStatus.NEW
            self.tell(EventKind.TRIGGERED, order)
            self.start(order, plan, EventKind.ACCEPTED)
            self.collect_fired(market)

    def check_fired(self, market: Market, order: Order) -> None:
        raise NotImplementedError  # by the class that knows the rules of placement
