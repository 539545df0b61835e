"""What the engine would refuse an order with now: of `POST /api/v1/order/test`, which places nothing.

The checks of the engine that another process can make, in their order, on this process's replica and on the account's
balances as the engine gives them. The moment of a real order is another one, so its answer may differ. What is not
known here: client ids that are in use, own orders that would be met, capacities.
"""

from typing import NamedTuple

from engine_core.replica.market_data import Book
from engine_core.replica.setup import Market
from engine_core.wire.codes import MarketState, OrderFlag, OrderType, QueryKind, Reason, Side, TimeInForce
from engine_core.wire.limits import MAX_PRICE_TICKS, PPM
from ingress.errors import refusal
from ingress.replica import live_book, require_filled
from ingress.requests.command_record import Command
from ingress.requests.order_commands import Placement
from ingress.service import Service

_CLOSED = {
    MarketState.CLOSED: Reason.MARKET_CLOSED,
    MarketState.CANCEL_ONLY: Reason.MARKET_CANCEL_ONLY,
}


class Walked(NamedTuple):
    """What a market order would find in the book, as far as the book shows."""

    lots: int
    cost_ticks: int  # sum of price times lots


async def check(service: Service, placement: Placement) -> None:
    """ApiError with which the order would be refused."""
    command, market = placement
    book = live_book(service, market)
    require_filled(service)
    reason = _refused_by_rules(command, market, book, command.account in service.setup.frozen)
    if reason is None and market.max_open_orders and _could_stay(command):
        open_orders = await service.engine.orders(command.account, market.number)
        if len(open_orders) >= market.max_open_orders:
            reason = Reason.TOO_MANY_OPEN_ORDERS
    if reason is None and command.flags & OrderFlag.POST_ONLY and not _is_trigger(command) and _crosses(command, book):
        reason = Reason.POST_ONLY_WOULD_TAKE
    if reason is None:
        asset = market.quote if command.side == Side.BID else market.base
        records = await service.engine.query(QueryKind.BALANCES, account=command.account)
        available = int(records["available"][records["asset"] == asset.number].sum())
        if available < _locked(command, market, book):
            reason = Reason.INSUFFICIENT_FUNDS
    if reason is not None:
        raise refusal(reason)


def _refused_by_rules(command: Command, market: Market, book: Book, is_frozen: bool) -> Reason | None:
    if is_frozen:
        return Reason.ACCOUNT_FROZEN
    if market.state in _CLOSED:
        return _CLOSED[market.state]
    if market.state == MarketState.LIMIT_ONLY and not _is_limit(command):
        return Reason.MARKET_LIMIT_ONLY
    if market.state == MarketState.POST_ONLY and not command.flags & OrderFlag.POST_ONLY:
        return Reason.MARKET_POST_ONLY
    last = book.last_price
    if last and _is_limit(command):
        up, down = market.band_up_ppm, market.band_down_ppm
        above = up and command.price_ticks * PPM > last * (PPM + up)
        if above or (down and command.price_ticks * PPM < last * (PPM - down)):
            return Reason.PRICE_OUT_OF_BAND
    if _is_trigger(command):
        if not last:
            return Reason.NO_LAST_PRICE
        if last == command.trigger_ticks:
            return Reason.TRIGGER_EQUALS_LAST
    return None


def _is_limit(command: Command) -> bool:
    return command.order_type == OrderType.LIMIT


def _is_trigger(command: Command) -> bool:
    return bool(command.flags & OrderFlag.TRIGGER)


def _could_stay(command: Command) -> bool:
    return _is_trigger(command) or (_is_limit(command) and command.time_in_force == TimeInForce.GTC)


def _crosses(command: Command, book: Book) -> bool:
    bid, ask = book.best()
    if command.side == Side.BID:
        return ask is not None and command.price_ticks >= ask[0]
    return bid is not None and command.price_ticks <= bid[0]


def _locked(command: Command, market: Market, book: Book) -> int:
    """Atoms of what the order gives that it takes from the available balance."""
    units, buys, by_quote = market.units, command.side == Side.BID, command.flags & OrderFlag.BY_QUOTE
    if buys and by_quote:
        return command.amount_atoms
    if _is_limit(command) or _is_trigger(command):
        if buys:
            return command.price_ticks * command.quantity_lots * units.tick_atoms
        lots = command.quantity_lots
        if by_quote:
            lots = -(-command.amount_atoms // (command.price_ticks * units.tick_atoms))
        return lots * units.lot_atoms
    walked = _walk(command, market, book)
    if buys:
        return walked.cost_ticks * units.tick_atoms
    return (walked.lots if by_quote else command.quantity_lots) * units.lot_atoms


def _walk(command: Command, market: Market, book: Book) -> Walked:
    bids, asks, _ = book.snapshot()
    levels = asks if command.side == Side.BID else bids[::-1]
    lots = cost = 0
    for ticks, displayed in levels:
        if not _accepts(command, market, levels[0][0], ticks):
            break
        taken = displayed
        if command.flags & OrderFlag.BY_QUOTE:
            taken = min(taken, (command.amount_atoms // market.units.tick_atoms - cost) // ticks)
        else:
            taken = min(taken, command.quantity_lots - lots)
        lots, cost = lots + taken, cost + taken * ticks
        if taken < displayed:
            break
    return Walked(lots, cost)


def _accepts(command: Command, market: Market, best_ticks: int, ticks: int) -> bool:
    """Whether a market order goes so far: to its bound, and to the market's from the best price."""
    bound, impact = command.price_ticks if command.flags & OrderFlag.HAS_BOUND else 0, market.impact_ppm
    if command.side == Side.BID:
        furthest = best_ticks * (PPM + impact) // PPM if impact else MAX_PRICE_TICKS
        return ticks <= min(bound or MAX_PRICE_TICKS, furthest)
    furthest = -(-best_ticks * (PPM - impact) // PPM) if impact else 1
    return ticks >= max(bound, furthest)
