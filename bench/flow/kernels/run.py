"""The loop: what is due next happens, and writes one message."""

import numpy as np

from bench.flow.kernels import hawkes, queues
from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, draw_exponential, power, real
from bench.flow.kernels.placing import amend, open_order, place, take, withdraw
from bench.flow.kernels.probing import probe, probe_again
from bench.flow.kernels.reference import reference_event, start_reference, watch_reference
from bench.flow.kernels.regime import base_total, base_type, due_at, enter_state, factor, next_stretch, stretch_end
from bench.flow.kernels.trading import best_price, own_book, within
from bench.flow.kernels.world import (
    CANCELS_EXCITE,
    CAPACITY,
    CLOCK_REFERENCE,
    CLOCK_WORDS,
    HAWKES,
    LEVELS,
    MARK_PLACE,
    MARK_POWER,
    MARK_PROBE,
    MARK_TAKE,
    MARKED,
    MARKETS,
    MODEL,
    NOW,
    OPENED,
    OPENING,
    QUEUE_REACTIVE,
    QUOTES,
    REACTION_NS,
    TOGETHER,
    TOGETHER_NS,
    World,
)
from bench.flow.messages import MessageRow
from bench.flow.parameters import TYPES
from engine_core.book.ladder.levels import find_level, key_of
from engine_core.book.memory.state import BOOKS, State
from engine_core.jit.by_reference import by_reference
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import entry, inner
from engine_core.jit.rows import Rows, rows
from engine_core.wire.codes import Side

DEEPEST = 8  # orders from the end of a queue, of which one is withdrawn


@inner
def _arrive(state: State, world: World, message: MessageRow, market: int, kind: int) -> int:
    """An arrival of one of EVENT_TYPES. Returns the lots that count for what it excites."""
    noinline()
    side, what = Side.BID + (kind & 1), kind >> 1
    if what == 0:
        return place(state, world, message, market, side, 0)
    if what == 1:
        return take(state, world, message, market, side)
    if what == 2:
        return probe(state, world, message, market, side)
    return amend(state, world, message, market, side)


@inner
def _mark(world: World, kind: int, lots: int) -> float:
    """How much more than others an event of this size excites."""
    if world.numbers[MARKED] == 0 or lots == 0 or kind >= TYPES - 2:
        return 1.0
    what = kind >> 1
    mean = MARK_PLACE if what == 0 else MARK_TAKE if what == 1 else MARK_PROBE
    return power(float(lots), real(world.shares, MARK_POWER)) / real(world.shares, mean)


@inner
def _queue_event(state: State, world: World, message: MessageRow, market: int) -> None:
    """An order for one of the queues, or one that leaves it; a taker; or what no queue causes."""
    noinline()
    event, kind = queues.chosen_event(world, market)
    of_queues = queues.QUEUE_EVENTS * 2 * world.numbers[LEVELS]
    if event == queues.OTHERS:
        _arrive(state, world, message, market, kind)
        return
    if event >= of_queues:
        _arrive(state, world, message, market, 2 + event - of_queues)
        return
    queue, what = event // queues.QUEUE_EVENTS, event % queues.QUEUE_EVENTS
    side = Side.BID + queue // world.numbers[LEVELS]
    price = queues.queue_price(world, market, side - Side.BID, queue % world.numbers[LEVELS])
    book = own_book(market, side)
    if what == 0:
        opposite, sign = best_price(state, book ^ 1), 3 - 2 * side
        if opposite != 0 and (price - opposite) * sign >= 0:
            price = opposite - sign
        place(state, world, message, market, side, within(price))
        return
    slot = state.levels[find_level(state, book, key_of(book, price))].tail
    for _ in range(int(draw(world.random) * DEEPEST)):
        before = state.orders[slot].prev
        slot = before if before != 0 else slot
    withdraw(state, world, message, slot)


@inner
def _plan(state: State, world: World, market: int) -> None:
    """Put the market's next arrival on the agenda, or the end of the stretch if that comes before it."""
    model = world.numbers[MODEL]
    if model == HAWKES:
        due = hawkes.next_arrival(world, market)
    elif model == QUEUE_REACTIVE:
        queues.move_reference(state, world, market)
        due = due_at(world, queues.total_rate(state, world, market))
    else:
        due = due_at(world, base_total(world, market))
    schedule(world, world.numbers[CAPACITY] + market, min(due, stretch_end(world, market)))


@inner
def _happen(state: State, world: World, message: MessageRow, market: int) -> int:
    """What is due in the market. Returns how many messages it wrote."""
    model, written = world.numbers[MODEL], 1
    if model == HAWKES:
        hawkes.advance(world, market)
    if world.numbers[NOW] >= stretch_end(world, market):
        next_stretch(state, world, market)
        written = 0
    elif model == HAWKES:
        kind = hawkes.arrived_type(world, market)
        left = factor(world, market, kind)
        if left < 1.0 and draw(world.random) >= left:  # the regime holds it back
            written = 0
        else:
            lots = _arrive(state, world, message, market, kind)
            hawkes.excite(world, market, kind, _mark(world, kind, lots))
    elif model == QUEUE_REACTIVE:
        _queue_event(state, world, message, market)
    else:
        kind = base_type(world, market, draw(world.random) * base_total(world, market))
        _arrive(state, world, message, market, kind)
    _plan(state, world, market)
    return written


@inner
def _leave(state: State, world: World, message: MessageRow, slot: int) -> int:
    """An order's time is over, which in some models changes what comes next; or a probe is tried again. Returns how
    many messages it wrote."""
    if state.orders[slot].order_id == 0:
        return probe_again(state, world, message, slot)
    market, side = state.info[slot].market, state.info[slot].side
    withdraw(state, world, message, slot)
    if world.numbers[CANCELS_EXCITE]:
        hawkes.excite_by_cancel(world, market, TYPES + side - Side.BID)
    elif world.numbers[MODEL] == QUEUE_REACTIVE:
        _plan(state, world, market)
    return 1


@inner
def _open(state: State, world: World, message: MessageRow) -> None:
    """One of the orders that rest at the start: market by market, a bid and an ask in turns."""
    noinline()
    opened, markets = world.numbers[OPENED], world.numbers[MARKETS]
    each = world.numbers[OPENING] // markets
    market, nth = 1 + opened // each, opened % each
    open_order(state, world, message, market, Side.BID + (nth & 1), nth < 2)


@inner
def _start(state: State, world: World) -> None:
    """Everything rests that is to rest at the start: put the first arrivals on the agenda."""
    noinline()
    for market in range(1, world.numbers[MARKETS] + 1):
        reference = world.clocks[market * CLOCK_WORDS + CLOCK_REFERENCE]
        bid = best_price(state, market * BOOKS)
        world.clocks[market * CLOCK_WORDS + CLOCK_REFERENCE] = bid if bid != 0 else reference
        enter_state(world, market, 0)
        _plan(state, world, market)
        if world.numbers[QUOTES] > 0:
            start_reference(state, world, market)
    world.numbers[OPENED] += 1


@inner
def _gather(state: State, world: World, market: int) -> None:
    """Who watches a market withdraws several orders together: one that is due soon goes with what has just happened."""
    who, due, now = world.who[1], world.due[1], world.numbers[NOW]
    if who > world.numbers[CAPACITY] or due >= now + world.numbers[TOGETHER_NS] or state.info[who].market != market:
        return
    reacts = now + int(draw_exponential(world.random) * REACTION_NS)
    if reacts < due and draw(world.random) < real(world.shares, TOGETHER):
        schedule(world, who, reacts)


@entry
def run(state: State, world: World, messages: np.ndarray, until_ns: int) -> int:
    """Fill in messages due before `until_ns`. Returns how many; fewer than there is room for: it is reached."""
    state, world = by_reference(state), by_reference(world)
    written: Rows[MessageRow] = rows(messages)
    n = 0
    while n < written.size:
        if world.numbers[OPENED] < world.numbers[OPENING]:
            _open(state, world, written[n])
            n += 1
            continue
        if world.numbers[OPENED] == world.numbers[OPENING]:
            _start(state, world)
        who, due = world.who[1], world.due[1]
        if due >= until_ns:
            return n
        world.numbers[NOW], before = due, n
        if who <= world.numbers[CAPACITY]:
            n += _leave(state, world, written[n], who)
        elif who <= world.numbers[CAPACITY] + world.numbers[MARKETS]:
            n += _happen(state, world, written[n], who - world.numbers[CAPACITY])
        else:
            n += reference_event(state, world, written[n], who - world.numbers[CAPACITY] - world.numbers[MARKETS])
        if n > before and world.numbers[TOGETHER_NS] > 0:
            _gather(state, world, written[before].market)
        if n > before and world.numbers[QUOTES] > 0:
            watch_reference(state, world, written[before].market)
    return n
