"""What arrives, as messages: orders that rest, that take, that are refused, and changes of orders.

Each function does to the generator's own book what its message will do to the engine's, and writes that message. The
codes of an order are drawn here, its price is relative to the book as it stands.
"""

from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, draw_exponential, real
from bench.flow.kernels.drawing import draw_account, draw_class, draw_from, draw_open_class, draw_whole
from bench.flow.kernels.regime import cancel_factor
from bench.flow.kernels.trading import (
    best_price,
    fire,
    hold,
    match,
    new_slot,
    own_book,
    remove,
    rest,
    shrink,
    within,
)
from bench.flow.kernels.world import (
    AMEND_PRICE,
    BANDS,
    CAPACITY,
    CLASSES,
    CLOCK_ASK,
    CLOCK_REFERENCE,
    CLOCK_WORDS,
    DISTANCE,
    FIRST_CLASS,
    FOK,
    FOREVER_NS,
    ICEBERG,
    IOC,
    LIFETIME,
    MARKET,
    MODEL,
    NOW,
    NS,
    OPENED,
    ORDERS,
    PARTS,
    POST_ONLY,
    QUOTE_LIFETIME,
    QUOTE_SIZE,
    QUOTES,
    SCHEDULED,
    SELF_TRADE,
    SIZE,
    SPREAD,
    STOP,
    STOP_DISTANCE,
    TAKE_SIZE,
    TAKE_THROUGH,
    WITHDRAWN,
    ZERO_INTELLIGENCE,
    World,
)
from bench.flow.messages import MessageRow
from engine_core.book.ladder.levels import key_of
from engine_core.book.ladder.queue import leave
from engine_core.book.memory import records
from engine_core.book.memory.state import FREE_ORDERS, TRIGGERS_DUE, State
from engine_core.book.orders.planning import FILLED, NO_AMOUNT, TAKEN, Wanted, walk_book
from engine_core.book.orders.planning import STOP as WHY_ENDED
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner, wide
from engine_core.jit.rows import clear
from engine_core.wire.codes import CommandKind, OrderType, Reason, SelfTrade, Side, TimeInForce
from engine_core.wire.limits import MAX_PRICE_TICKS

TRIES = 8  # for an account without own orders in its way, or for an order to amend
TAKER_EVENTS = 3_000  # that the fills of one order may cost, so that one command is enough for it
SLIP = 20  # ticks that a stop order may trade beyond its trigger


@hot
def begin(message: MessageRow, world: World, kind: int, number: int, market: int, side: int, account: int) -> None:
    clear(message)
    message.time_ns = world.numbers[NOW]
    message.kind = kind
    message.order = number
    message.market = market
    message.side = side
    message.account = account


@hot
def new_number(world: World) -> int:
    number = world.numbers[ORDERS] + 1
    world.numbers[ORDERS] = number
    return number


@hot
def as_order(message: MessageRow, price: int, lots: int, order_type: int, time_in_force: int) -> None:
    message.price_ticks = price
    message.lots = lots
    message.order_type = order_type
    message.time_in_force = time_in_force
    message.self_trade = SelfTrade.REJECT_TAKER


@hot
def withdraw(state: State, world: World, message: MessageRow, slot: int) -> None:
    """CANCEL an order that rests or waits."""
    order, info = state.orders[slot], state.info[slot]
    begin(message, world, CommandKind.CANCEL, order.order_id, info.market, info.side, order.account)
    world.numbers[WITHDRAWN] += 1
    remove(state, world, slot)


@hot
def is_order(state: State, world: World, who: int) -> bool:
    """Whether that is an order on the agenda: not a market, and not a probe that will be tried again."""
    return who <= world.numbers[CAPACITY] and state.orders[who].order_id != 0


@inner
def make_room(state: State, world: World, message: MessageRow) -> None:
    """No more orders can be live: the one that is due next goes early."""
    noinline()
    at = 1
    while not is_order(state, world, world.who[at]):
        at += 1
    withdraw(state, world, message, world.who[at])


@hot
def _behind(state: State, world: World, market: int, side: int, distance: int) -> int:
    """The price so far behind the best of its own side, or behind the makers' reference if there is one, and never one
    that would trade."""
    own = own_book(market, side)
    best, opposite = best_price(state, own), best_price(state, own ^ 1)
    sign = 3 - 2 * side  # +1: a bid
    if world.numbers[QUOTES] > 0:
        best = world.clocks[market * CLOCK_WORDS + CLOCK_ASK] - (2 - side)
        distance = max(distance, 0)  # inside a spread that has opened they quote anew, as far as the reference
    elif best == 0:
        best = opposite - sign * world.numbers[SPREAD] if opposite != 0 else _reference(world, market)
    price = best - sign * distance
    if opposite != 0 and (price - opposite) * sign >= 0:
        price = opposite - sign
    return within(price)


@hot
def _reference(world: World, market: int) -> int:
    return world.clocks[market * CLOCK_WORDS + CLOCK_REFERENCE]


@hot
def _lifetime(world: World, market: int, side: int, mixture: int, distance: int) -> int:
    """ns"""
    seconds = 0.0
    if world.numbers[MODEL] == ZERO_INTELLIGENCE and mixture < FIRST_CLASS + 3 * world.numbers[CLASSES]:
        band = 0
        while band + 2 < 2 * world.numbers[BANDS] and distance > real(world.decays, band):
            band += 2
        rate = real(world.decays, band + 1)
        seconds = draw_exponential(world.random) / rate if rate > 0 else FOREVER_NS / NS
    else:
        seconds = draw_from(world, mixture)
    return int(min(seconds / cancel_factor(world, market, side) * NS, FOREVER_NS)) + 1


@inner
def _enter_book(state: State, world: World, message: MessageRow, lifetime_ns: int) -> int:
    """The order of this message, live until then. Returns its slot."""
    lots, price = message.lots, message.price_ticks
    slot = new_slot(state, message.order, message.account, message.market, message.side, price, lots)
    schedule(world, slot, world.numbers[NOW] + lifetime_ns)
    return slot


@inner
def open_order(state: State, world: World, message: MessageRow, market: int, side: int, is_first: bool) -> None:
    """One that rests when the flow begins. The first of a side stands at the best price."""
    mixture = draw_open_class(world)
    distance = 0 if is_first else draw_whole(world, mixture + DISTANCE)
    middle, spread = _reference(world, market), world.numbers[SPREAD]
    price = middle - spread // 2 - distance if side == Side.BID else middle - spread // 2 + spread + distance
    begin(message, world, CommandKind.PLACE, new_number(world), market, side, draw_account(world))
    as_order(message, within(price), max(draw_whole(world, mixture + SIZE), 1), OrderType.LIMIT, TimeInForce.GTC)
    rest(state, _enter_book(state, world, message, _lifetime(world, market, side, mixture + LIFETIME, distance)))
    world.numbers[OPENED] += 1


@inner
def place(state: State, world: World, message: MessageRow, market: int, side: int, price: int) -> int:
    """An order that rests, at a price of its own (0) or at this one. Returns its lots."""
    if state.scalars[FREE_ORDERS] == 0:
        make_room(state, world, message)
        return 0
    mixture = draw_class(world)
    lifetime_ns = int(FOREVER_NS)
    if price == 0:
        distance = draw_whole(world, mixture + DISTANCE)
        price = _behind(state, world, market, side, distance)
        lifetime_ns = _lifetime(world, market, side, mixture + LIFETIME, distance)
    lots = max(draw_whole(world, mixture + SIZE), 1)
    begin(message, world, CommandKind.PLACE, new_number(world), market, side, draw_account(world))
    as_order(message, price, lots, OrderType.LIMIT, TimeInForce.GTC)
    u = draw(world.random)
    if u >= real(world.shares, STOP):
        rest(state, _enter_book(state, world, message, lifetime_ns))
        return lots
    _place_unusual(state, world, message, lifetime_ns, u)
    return lots


@inner
def place_at(state: State, world: World, message: MessageRow, market: int, side: int, price: int) -> None:
    """A quote of a maker, that rests at this price, or as near to it as does not trade."""
    if state.scalars[FREE_ORDERS] == 0:
        make_room(state, world, message)
        return
    opposite, sign = best_price(state, own_book(market, side) ^ 1), 3 - 2 * side
    if opposite != 0 and (price - opposite) * sign >= 0:
        price = opposite - sign
    begin(message, world, CommandKind.PLACE, new_number(world), market, side, draw_account(world))
    lots = max(draw_whole(world, QUOTE_SIZE), 1)
    as_order(message, within(price), lots, OrderType.LIMIT, TimeInForce.GTC)
    rest(state, _enter_book(state, world, message, _lifetime(world, market, side, QUOTE_LIFETIME, 0)))


@inner
def _place_unusual(state: State, world: World, message: MessageRow, lifetime_ns: int, u: float) -> None:
    noinline()
    if u >= real(world.shares, ICEBERG) and _becomes_stop(state, world, message):
        hold(state, _enter_book(state, world, message, lifetime_ns), message.trigger_ticks)
        return
    slot = _enter_book(state, world, message, lifetime_ns)
    if u < real(world.shares, POST_ONLY):
        message.flags = records.POST_ONLY
    elif u < real(world.shares, ICEBERG):
        parts = world.numbers[PARTS]
        message.flags = records.ICEBERG
        message.display_lots = (message.lots + parts - 1) // parts
        state.info[slot].flags = records.ICEBERG
        state.terms[slot].display_lots = message.display_lots
    rest(state, slot)


@hot
def _becomes_stop(state: State, world: World, message: MessageRow) -> bool:
    """A stop order beyond the best opposite price; not before the market has a last price to compare with."""
    market, side = message.market, message.side
    last, sign = state.markets[market].last_ticks, 3 - 2 * side
    best = best_price(state, own_book(market, side) ^ 1)
    trigger = within(best + sign * max(draw_whole(world, STOP_DISTANCE), 1))
    if last == 0 or best == 0 or trigger == last:
        return False
    message.flags = records.TRIGGER
    message.trigger_ticks = trigger
    message.price_ticks = within(trigger + sign * SLIP)
    message.time_in_force = TimeInForce.IOC
    return True


@inner
def take(state: State, world: World, message: MessageRow, market: int, side: int) -> int:
    """An order that trades at once. Returns its lots."""
    opposite = own_book(market, side) ^ 1
    best = best_price(state, opposite)
    if best == 0 or state.scalars[FREE_ORDERS] == 0:
        return place(state, world, message, market, side, 0)
    lots = max(draw_whole(world, TAKE_SIZE), 1)
    limit = within(best + (3 - 2 * side) * max(draw_whole(world, TAKE_THROUGH), 0))
    u = draw(world.random)
    order_type, time_in_force = OrderType.LIMIT, TimeInForce.GTC
    if u < real(world.shares, MARKET):
        order_type, time_in_force = OrderType.MARKET, TimeInForce.IOC
        limit = MAX_PRICE_TICKS if side == Side.BID else 1
    elif u < real(world.shares, FOK):
        time_in_force = TimeInForce.IOC if u < real(world.shares, IOC) else TimeInForce.FOK
    limit_key = key_of(opposite, limit)
    account, mode = _taker(state, world, opposite, limit_key, lots)
    if state.walked[WHY_ENDED] == Reason.EVENT_LIMIT:
        lots = max(state.walked[TAKEN], 1)
    filled = state.walked[FILLED]
    begin(message, world, CommandKind.PLACE, new_number(world), market, side, account)
    as_order(message, 0 if order_type == OrderType.MARKET else limit, lots, order_type, time_in_force)
    message.self_trade = mode
    if time_in_force == TimeInForce.FOK and filled < lots:
        return lots  # killed: nothing trades
    left, stop = match(state, world, account, opposite, limit_key, lots, mode)
    if time_in_force == TimeInForce.GTC and left > 0 and stop == Reason.NONE:
        _rest_remainder(state, world, message, lots - left)
    if state.scalars[TRIGGERS_DUE]:
        fire(state, world, market)
    return lots


@inner
def _rest_remainder(state: State, world: World, message: MessageRow, executed: int) -> None:
    noinline()
    mixture = draw_class(world) + LIFETIME
    slot = _enter_book(state, world, message, _lifetime(world, message.market, message.side, mixture, 0))
    state.info[slot].executed_lots = executed
    rest(state, slot)


@inner
def _taker(state: State, world: World, opposite: int, limit_key: int, lots: int) -> tuple[int, int]:
    """(account, self-trade mode) of a taker that meets an order of its own as often as the parameters say, and else
    none; state.walked is what it will find."""
    noinline()
    account, mode = draw_account(world), wide(SelfTrade.REJECT_TAKER)
    meets = draw(world.random) < real(world.shares, SELF_TRADE)
    if meets:
        account = state.orders[state.levels[state.books[opposite].best].head].account
        mode += int(draw(world.random) * 3)  # one of the three modes that cancel
    for _ in range(TRIES):
        walk_book(state, Wanted(account, mode, lots, NO_AMOUNT, TAKER_EVENTS), opposite, limit_key, 1)
        if meets or state.walked[WHY_ENDED] != Reason.SELF_TRADE:
            break
        account = draw_account(world)
    return account, mode


@hot
def _is_resting(state: State, world: World, slot: int, market: int, side: int) -> bool:
    if not is_order(state, world, slot):
        return False
    info = state.info[slot]
    return bool(info.market == market and info.side == side and info.flags & records.TRIGGER == 0)


@hot
def _any_resting(state: State, world: World, market: int, side: int) -> int:
    """The slot of a random order of that side; 0: there is none."""
    for _ in range(TRIES):
        slot = world.who[1 + int(draw(world.random) * world.numbers[SCHEDULED])]
        if _is_resting(state, world, slot, market, side):
            return slot
    best = state.books[own_book(market, side)].best
    return state.levels[best].head if best != 0 else 0


@inner
def amend(state: State, world: World, message: MessageRow, market: int, side: int) -> int:
    """Move an order that rests to another price, or reduce its quantity. Returns 0: its lots excite nothing."""
    slot = _any_resting(state, world, market, side)
    if slot == 0:
        return place(state, world, message, market, side, 0)
    order, info = state.orders[slot], state.info[slot]
    begin(message, world, CommandKind.AMEND, order.order_id, market, side, order.account)
    if draw(world.random) >= real(world.shares, AMEND_PRICE):
        left = info.quantity_lots - info.executed_lots
        message.lots = info.executed_lots + (left + 1) // 2
        shrink(state, slot, message.lots)
        return 0
    distance = draw_whole(world, draw_class(world) + DISTANCE)
    message.price_ticks = _behind(state, world, market, side, distance)
    if message.price_ticks != info.price_ticks:
        leave(state, slot)
        info.price_ticks = message.price_ticks
        rest(state, slot)
    return 0
