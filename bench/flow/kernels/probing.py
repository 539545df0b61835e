"""Post-only orders that would trade: the exchange refuses them, and their senders may try again.

A try to come is on the agenda as an order would be, in a slot of its own, but has no number: it is not in the book.
"""

from bench.flow.kernels.agenda import schedule
from bench.flow.kernels.arithmetic import draw, real
from bench.flow.kernels.drawing import draw_account, draw_from, draw_whole
from bench.flow.kernels.placing import as_order, begin, new_number, place
from bench.flow.kernels.trading import best_price, forget, new_slot, own_book, within
from bench.flow.kernels.world import NOW, NS, PROBE_AGAIN, PROBE_DELAY, PROBE_SIZE, PROBE_THROUGH, World
from bench.flow.messages import MessageRow
from engine_core.book.memory import records
from engine_core.book.memory.state import FREE_ORDERS, State
from engine_core.jit.kernel import inner
from engine_core.wire.codes import CommandKind, OrderType, TimeInForce


@inner
def probe(state: State, world: World, message: MessageRow, market: int, side: int) -> int:
    """A post-only order that would trade: the exchange refuses it. Returns its lots."""
    opposite = best_price(state, own_book(market, side) ^ 1)
    if opposite == 0:
        return place(state, world, message, market, side, 0)
    lots = max(draw_whole(world, PROBE_SIZE), 1)
    _probe_with(state, world, message, market, side, draw_account(world), lots)
    if real(world.shares, PROBE_AGAIN) > 0 and state.scalars[FREE_ORDERS] > 0:
        _plan_again(world, new_slot(state, 0, message.account, market, side, 0, lots))
    return lots


@inner
def _probe_with(
    state: State, world: World, message: MessageRow, market: int, side: int, account: int, lots: int
) -> None:
    opposite = best_price(state, own_book(market, side) ^ 1)
    price = within(opposite + (3 - 2 * side) * max(draw_whole(world, PROBE_THROUGH), 0))
    begin(message, world, CommandKind.PLACE, new_number(world), market, side, account)
    as_order(message, price, lots, OrderType.LIMIT, TimeInForce.GTC)
    message.flags = records.POST_ONLY


@inner
def probe_again(state: State, world: World, message: MessageRow, slot: int) -> int:
    """Whoever was refused tries again, or has given up. Returns how many messages it wrote."""
    order, info = state.orders[slot], state.info[slot]
    has_opposite = best_price(state, own_book(info.market, info.side) ^ 1) != 0
    if not has_opposite or draw(world.random) >= real(world.shares, PROBE_AGAIN):
        forget(state, world, slot)
        return 0
    _probe_with(state, world, message, info.market, info.side, order.account, info.quantity_lots)
    _plan_again(world, slot)
    return 1


@inner
def _plan_again(world: World, slot: int) -> None:
    schedule(world, slot, world.numbers[NOW] + 1 + int(draw_from(world, PROBE_DELAY) * NS))
