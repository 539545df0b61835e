"""What the engine would refuse an order with now: of `POST /api/v1/order/test`, which places nothing.

The checks of the engine that another process can make, in their order, on this process's replica and on the account's
balances as the engine gives them. The moment of a real order is another one, so its answer may differ. What is not
known here: client ids that are in use, own orders that would be met, capacities.
"""

from engine_core.replica.market_data import Book
from engine_core.replica.setup import Market
from engine_core.wire.codes import MarketState, OrderFlag, Reason, Side, TimeInForce
from engine_core.wire.limits import PPM
from ingress.errors import refusal
from ingress.operations import funds
from ingress.operations.reservation import is_limit, is_trigger, locked_by
from ingress.replica import live_book, require_filled
from ingress.requests.command_record import Command
from ingress.requests.order_commands import Placement
from ingress.service import Service

_CLOSED = {
    MarketState.CLOSED: Reason.MARKET_CLOSED,
    MarketState.ELSEWHERE: Reason.MARKET_ELSEWHERE,  # it moves
    MarketState.CANCEL_ONLY: Reason.MARKET_CANCEL_ONLY,
}


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
    if reason is None and command.flags & OrderFlag.POST_ONLY and not is_trigger(command) and _crosses(command, book):
        reason = Reason.POST_ONLY_WOULD_TAKE
    if reason is None:
        asset = market.quote if command.side == Side.BID else market.base
        available = await funds.spendable(service, command.account, asset.number, market.number)
        if available < locked_by(command, market, book):
            reason = Reason.INSUFFICIENT_FUNDS
    if reason is not None:
        raise refusal(reason)


def _refused_by_rules(command: Command, market: Market, book: Book, is_frozen: bool) -> Reason | None:
    if is_frozen:
        return Reason.ACCOUNT_FROZEN
    if market.state in _CLOSED:
        return _CLOSED[market.state]
    if market.state == MarketState.LIMIT_ONLY and not is_limit(command):
        return Reason.MARKET_LIMIT_ONLY
    if market.state == MarketState.POST_ONLY and not command.flags & OrderFlag.POST_ONLY:
        return Reason.MARKET_POST_ONLY
    last = book.last_price
    if last and is_limit(command):
        up, down = market.band_up_ppm, market.band_down_ppm
        above = up and command.price_ticks * PPM > last * (PPM + up)
        if above or (down and command.price_ticks * PPM < last * (PPM - down)):
            return Reason.PRICE_OUT_OF_BAND
    if is_trigger(command):
        if not last:
            return Reason.NO_LAST_PRICE
        if last == command.trigger_ticks:
            return Reason.TRIGGER_EQUALS_LAST
    return None


def _could_stay(command: Command) -> bool:
    return is_trigger(command) or (is_limit(command) and command.time_in_force == TimeInForce.GTC)


def _crosses(command: Command, book: Book) -> bool:
    bid, ask = book.best()
    if command.side == Side.BID:
        return ask is not None and command.price_ticks >= ask[0]
    return bid is not None and command.price_ticks <= bid[0]
