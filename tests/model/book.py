"""The slow twin's book: plain lists and dictionaries, written to be read. One market's orders, levels and trades."""

from dataclasses import dataclass, field, replace

from engine_core.wire.codes import MarketState, OrderFlag, OrderType, SelfTrade, Side, TimeInForce

MAX_PRICE = 2**31 - 1


@dataclass
class Order:
    order_id: int
    slot: int
    account: int
    market: int
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    self_trade: SelfTrade
    flags: int
    client_id: int
    price: int
    quantity: int
    trigger: int
    amount: int  # quote amount, or the shown part of an iceberg
    created: int
    economics: tuple[int, ...]
    status: int = 0
    executed: int = 0
    executed_atoms: int = 0
    shown: int = 0  # what is visible on its level
    left: int = 0  # while it is matched: lots until it is filled
    locked: int = 0  # while it is matched: atoms that it holds
    listed: bool = False  # open: on its account's list

    @property
    def leaves(self) -> int:
        return self.quantity - self.executed

    def has(self, flag: OrderFlag) -> bool:
        return bool(self.flags & flag)


@dataclass
class Market:
    number: int
    base: int
    quote: int
    state: int
    lot_atoms: int
    tick_atoms: int
    min_lots: int
    max_lots: int
    band_up: int = 0
    band_down: int = 0
    impact: int = 0
    max_open: int = 0
    last: int = 0
    trades: int = 0
    updates: int = 0
    moves: int = 0  # from shard to shard
    goes_to: int = 0  # the shard that it has left for, + 1
    fees: dict[int, tuple[int, int]] = field(default_factory=dict)  # by tier: (maker, taker) ppm
    levels: dict[Side, dict[int, list[Order]]] = field(default_factory=lambda: {Side.BID: {}, Side.ASK: {}})
    triggers: list[Order] = field(default_factory=list)  # waiting, in the order of placement
    touched: list[int] = field(default_factory=list)  # prices of trades since triggers were looked at

    @property
    def limit_lots(self) -> int:
        most = 2**62 // self.lot_atoms
        return min(most, self.max_lots) if self.max_lots else most

    def fee_ppm(self, tier: int, taker: bool) -> int:
        return self.fees.get(tier, self.fees.get(0, (0, 0)))[taker]

    def best(self, side: Side) -> int | None:
        prices = self.levels[side]
        if not prices:
            return None
        return max(prices) if side == Side.BID else min(prices)

    def shown_at(self, side: Side, price: int) -> int:
        return sum(order.shown for order in self.levels[side].get(price, []))

    def queue(self, order: Order) -> None:
        """Behind all others of its price."""
        display = order.amount if order.has(OrderFlag.ICEBERG) else order.leaves
        order.shown = min(display, order.leaves)
        self.levels[order.side].setdefault(order.price, []).append(order)

    def unqueue(self, order: Order) -> None:
        level = self.levels[order.side][order.price]
        level.remove(order)
        if not level:
            del self.levels[order.side][order.price]

    def reachable(self, side: Side, limit: int) -> bool:
        """Whether an order of `side` with this worst price would meet anything."""
        best = self.best(other(side))
        return best is not None and (best <= limit if side == Side.BID else best >= limit)

    def accepts(self, order_type: OrderType, flags: int) -> bool:
        if self.state == MarketState.LIMIT_ONLY:
            return order_type == OrderType.LIMIT
        if self.state == MarketState.POST_ONLY:
            return bool(flags & OrderFlag.POST_ONLY)
        return self.state == MarketState.OPEN


def other(side: Side) -> Side:
    return Side.ASK if side == Side.BID else Side.BID


def copy_of(market: Market) -> Market:
    """The market with its own queues and orders, to try something out on."""
    copies: dict[Side, dict[int, list[Order]]] = {
        side: {price: [replace(order) for order in queue] for price, queue in levels.items()}
        for side, levels in market.levels.items()
    }
    return replace(market, levels=copies)


@dataclass
class Trial:
    """What a market or all-or-none order would get: lots, their cost, and whether it ran into an own order."""

    taken: int = 0  # lots wanted less lots left, own lots decremented included
    filled: int = 0
    cost: int = 0  # of the lots filled
    used: int = 0  # of the amount
    met_own: bool = False
    amount_used_up: bool = False
    ended: str = ""  # "book": nothing left; "limit": the rest is too dear; "": satisfied


def attempt(market: Market, order: Order, limit: int) -> Trial:
    """Trade on a copy of the book, without funds, until satisfied or stopped."""
    book = copy_of(market)
    trial = Trial()
    amount = order.amount if order.has(OrderFlag.BY_QUOTE) else None
    wanted = order.leaves if amount is None else 2**62
    while not trial.amount_used_up and trial.taken < wanted:
        if not book.reachable(order.side, limit):
            trial.ended = "limit" if book.levels[other(order.side)] else "book"
            return trial
        price = book.best(other(order.side))
        assert price is not None
        maker = book.levels[other(order.side)][price][0]
        own = maker.account == order.account
        if own and order.self_trade in (SelfTrade.REJECT_TAKER, SelfTrade.REJECT_BOTH):
            trial.met_own = True
            return trial
        if own and order.self_trade == SelfTrade.REJECT_MAKER:
            book.unqueue(maker)
            continue
        unit = price * market.tick_atoms
        lots = min(maker.leaves if own else maker.shown, wanted - trial.taken)
        if amount is not None:
            affordable = (amount - trial.used) // unit
            lots = min(lots, affordable)
            trial.amount_used_up = lots == affordable
            trial.used += lots * unit
        trial.taken += lots
        if not own:
            trial.filled += lots
            trial.cost += lots * unit
        if own and (trial.taken == wanted or trial.amount_used_up):
            trial.met_own = True
        _reduce(book, maker, lots, own)
    return trial


def _reduce(book: Market, maker: Order, lots: int, own: bool) -> None:
    if own:
        maker.quantity -= lots
        maker.shown = min(maker.shown, maker.leaves)
    else:
        maker.executed += lots
        maker.shown -= lots
    if maker.leaves == 0:
        book.unqueue(maker)
    elif maker.shown == 0:
        book.unqueue(maker)
        book.queue(maker)
