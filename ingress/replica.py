"""What may be answered from this process's replica of the market: only what is complete now, else 503 for a moment."""

from engine_core.edge.refusals import Code
from engine_core.replica.market_data import Book
from engine_core.replica.setup import Market
from ingress.engine import RETRY_LATER
from ingress.errors import ApiError
from ingress.service import Service


def require_filled(service: Service) -> None:
    """Sums of trades are shown only when those before this process's start are included."""
    if not service.market_data.filled:
        raise ApiError(Code.MAINTENANCE, "Statistics are being read from the log; try in a moment", RETRY_LATER)


def live_book(service: Service, market: Market) -> Book:
    book = service.market_data.book(market.number)
    if not book.live:
        raise ApiError(Code.MAINTENANCE, "The order book is being read again; try in a moment", RETRY_LATER)
    return book
