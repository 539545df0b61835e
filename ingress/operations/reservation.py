"""What an order locks of the balance when it is placed: as the engine reckons, on this process's replica of the book.

The book that a market order meets may be another one by then. Non-goals: whether the balance has that much.
"""

from typing import NamedTuple

from engine_core.replica.market_data import Book
from engine_core.replica.setup import Market
from engine_core.wire.codes import OrderFlag, OrderType, Side
from engine_core.wire.limits import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS, PPM
from ingress.requests.command_record import Command


class Walked(NamedTuple):
    """What a market order would find in the book, as far as the book shows."""

    lots: int
    cost_ticks: int  # sum of price times lots


def is_limit(command: Command) -> bool:
    return command.order_type == OrderType.LIMIT


def is_trigger(command: Command) -> bool:
    return bool(command.flags & OrderFlag.TRIGGER)


def locked_by(command: Command, market: Market, book: Book) -> int:
    """Atoms of what the order gives that it takes from the available balance."""
    units, buys, by_quote = market.units, command.side == Side.BID, command.flags & OrderFlag.BY_QUOTE
    if buys and by_quote:
        return command.amount_atoms
    if is_limit(command) or is_trigger(command):
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
    bid, ask = book.best()
    side, best = (Side.ASK, ask) if command.side == Side.BID else (Side.BID, bid)
    if best is None:
        return Walked(0, 0)
    furthest = _furthest(command, market, best[0])
    if command.flags & OrderFlag.BY_QUOTE:
        return Walked(*book.walk(side, furthest, MAX_QUANTITY_LOTS, command.amount_atoms // market.units.tick_atoms))
    return Walked(*book.walk(side, furthest, command.quantity_lots))


def _furthest(command: Command, market: Market, best_ticks: int) -> int:
    """How far a market order goes: to its bound, and to the market's from the best price."""
    bound, impact = command.price_ticks if command.flags & OrderFlag.HAS_BOUND else 0, market.impact_ppm
    if command.side == Side.BID:
        furthest = best_ticks * (PPM + impact) // PPM if impact else MAX_PRICE_TICKS
        return min(bound or MAX_PRICE_TICKS, furthest)
    furthest = -(-best_ticks * (PPM - impact) // PPM) if impact else 1
    return max(bound, furthest)
