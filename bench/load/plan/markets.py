"""The markets that a load trades in, as the exchange's API describes them: texts of prices and quantities."""

from dataclasses import dataclass

from bench.load.targets.api import Api, BenchError, HungUp, Refused
from engine_core.wire.units import UnitError, format_decimal, parse_decimal

FALLBACK_PRICE = "100"  # of a market without trades and orders


@dataclass(frozen=True)
class Market:
    symbol: str
    base: str
    quote: str
    price_decimals: int
    tick_step: int  # one tick, in 10^-price_decimals
    quantity_decimals: int
    lot_step: int  # one lot, in 10^-quantity_decimals
    min_lots: int
    middle_ticks: int  # between best bid and ask, when the load began

    def price(self, ticks: int) -> str:
        return format_decimal(ticks * self.tick_step, self.price_decimals)

    def quantity(self, lots: int) -> str:
        return format_decimal(lots * self.lot_step, self.quantity_decimals)


def look_up(api: Api, symbols: list[str], *, by_rest: bool = True) -> list[Market]:
    """These markets, in this order. `by_rest`: orders are going to be sent to this API, not elsewhere."""
    try:
        status = api.get("/api/v1/status").content
        if status["status"] != "Ok":
            raise BenchError(f"the exchange accepts no orders: {status['message']}")
        known = {each["symbol"]: each for each in api.get("/api/v1/markets").content}
    except Refused as error:
        if error.is_missing:
            if by_rest:
                _check_entry(api)
            return [_assumed(symbol) for symbol in symbols]
        raise
    except (KeyError, TypeError):
        raise BenchError(f"{api.address.url} describes no markets: is --url an exchange's?") from None
    for symbol in symbols:
        if symbol not in known:
            raise BenchError(f"the exchange has no market {symbol}: --markets takes {', '.join(sorted(known))}")
        if known[symbol]["orderBookState"] != "Open":
            raise BenchError(f"the market {symbol} is not open: {known[symbol]['orderBookState']}")
    return [_market(api, known[symbol]) for symbol in symbols]


def _check_entry(api: Api) -> None:
    """BenchError where orders have nowhere to go either: at the streams' address, above all."""
    try:
        api.post("/api/v1/order", {}, {})
    except (Refused, HungUp) as error:  # the streams' server ends the connection at a POST
        if isinstance(error, HungUp) or error.is_missing:
            raise BenchError(
                f"{api.address.url} takes no orders: --url is where the REST API is, and --ws where the streams are"
            ) from None


def _assumed(symbol: str) -> Market:
    """Of a server that has order entry and nothing else, such as a stub: hundredths of a price of 100."""
    base, _, quote = symbol.partition("_")
    return Market(symbol, base, quote, 2, 1, 2, 1, 1, 100 * 100)


def _market(api: Api, body: dict[str, object]) -> Market:
    symbol = str(body["symbol"])
    filters = body["filters"]
    assert isinstance(filters, dict)
    try:
        tick, price_decimals = _step(filters["price"]["tickSize"])
        lot, quantity_decimals = _step(filters["quantity"]["stepSize"])
        min_lots = -(-parse_decimal(filters["quantity"]["minQuantity"], quantity_decimals) // lot)
        middle = _middle(api, symbol, price_decimals) // tick
    except (UnitError, KeyError, ZeroDivisionError) as error:
        raise BenchError(
            f"{symbol}: the exchange describes its steps in a way that is not understood: {error}"
        ) from None
    names = str(body["baseSymbol"]), str(body["quoteSymbol"])
    return Market(symbol, *names, price_decimals, tick, quantity_decimals, lot, max(1, min_lots), max(1, middle))


def _step(text: str) -> tuple[int, int]:
    decimals = len(text.partition(".")[2])
    return parse_decimal(text, decimals), decimals


def _middle(api: Api, symbol: str, decimals: int) -> int:
    depth = api.get("/api/v1/depth", {"symbol": symbol, "limit": "5"}).content
    if depth["bids"] and depth["asks"]:
        best = depth["bids"][-1][0], depth["asks"][0][0]  # both sides ascend
        return sum(parse_decimal(text, decimals) for text in best) // 2
    last = str(api.get("/api/v1/ticker", {"symbol": symbol}).content["lastPrice"])
    return parse_decimal(last if last.strip("0.") else FALLBACK_PRICE, decimals)
