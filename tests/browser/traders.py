"""The two accounts that trade with that of the page, by the public API: nobody else is in a quiet market."""

from collections.abc import Sequence

from tests.exchange import Exchange

PAIR = "SOL/USDC"  # the quiet market, as ccxt names it
FULLY = {"timeInForce": "FOK"}


class Traders:
    """One rests in the book, the other takes. Neither meets orders of its own."""

    def __init__(self, exchange: Exchange) -> None:
        self._resting, self._taking = exchange.trader(0), exchange.trader(1)
        self._resting.load_markets()
        self._taking.load_markets()

    def quote(self, bids: Sequence[str], asks: Sequence[str], amount: str) -> None:
        for side, prices in (("buy", bids), ("sell", asks)):
            for price in prices:
                self._resting.create_order(PAIR, "limit", side, amount, price)

    def sell(self, amount: str, price: str) -> None:
        """To the best bids there are, all at once."""
        self._taking.create_order(PAIR, "limit", "sell", amount, price, FULLY)

    def trade(self, price: str, amount: str = "1") -> None:
        """With each other: from here on it is the last price."""
        self._resting.create_order(PAIR, "limit", "buy", amount, price)
        self.sell(amount, price)

    def leave(self) -> None:
        for trader in (self._resting, self._taking):
            trader.cancel_all_orders(PAIR)
