"""One market of the market maker: the orders that rest there, and the requests that bring them to what is wanted."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.market_maker.api import ApiClient, ApiError, Json, Unreachable
from bench.market_maker.bursts import Bursts, taken_lots
from bench.market_maker.pace import Pace
from bench.market_maker.quotes import Ladder, Walk, Wanted, lean, size_factor, size_lots, step_ticks
from engine_core.config.exchange_toml import Config, MarketDef
from engine_core.config.market_maker import MarketMaker

BATCH = 20  # orders in one request
ENDED = frozenset({"Filled", "Cancelled", "Expired", "TriggerFailed"})
REMEMBERED = 512  # ended orders whose placement may not have been answered yet
CROWD = 4  # from so many orders on, one request that cancels all of the market is cheaper than one for each

log = logging.getLogger("market_maker")


class Balances:
    """What an account owns, available and locked together, by asset; only used to choose sides, hence floats."""

    def __init__(self) -> None:
        self._owned: dict[str, float] = {}

    def update(self, asset: str, available: str, locked: str) -> None:
        self._owned[asset] = float(available) + float(locked)

    def replace(self, capital: Json) -> None:
        self._owned = {asset: float(row["available"]) + float(row["locked"]) for asset, row in capital.items()}

    def of(self, asset: str) -> float:
        return self._owned.get(asset, 0.0)


@dataclass(frozen=True, slots=True)
class Resting:
    side: str
    price_ticks: int


class Quoter:
    """Keeps the orders of one market where they are wanted."""

    def __init__(
        self,
        market: MarketDef,
        config: Config,
        client: ApiClient,
        balances: Balances,
        source: random.Random,
        quote_worth: Callable[[], float],
    ) -> None:
        self.symbol = market.symbol
        self.source = source
        self.placed = self.cancelled = 0
        self._market = market
        self._parameters: MarketMaker = config.market_maker
        self._client = client
        self._balances = balances
        self._quote_worth = quote_worth
        decimals = {asset.symbol: asset.decimals for asset in config.assets}
        self._tick_price = market.tick_atoms / float(10 ** decimals[market.quote])  # quote units of a lot at one tick
        self._lot_size = market.lot_atoms / float(10 ** decimals[market.base])
        self._anchor_ticks = market.units.ticks(market.start_price)
        self._ladder = Ladder(self._parameters.levels, step_ticks(self._parameters, self._anchor_ticks), source)
        self.pace = Pace(source)
        self._walk: Walk | None = None
        self._reference_ticks = float(self._anchor_ticks)
        self._looked = time.monotonic()
        self._orders: dict[str, Resting] = {}
        self._ended: dict[str, None] = {}  # in order of their end

    async def start(self) -> None:
        """Begin at the last traded price, so that a restart is not seen on the chart."""
        if self._walk is None:
            ticker = await self._client.get("/api/v1/ticker", {"symbol": self.symbol})
            last = str(ticker["lastPrice"])
            start = self._market.units.ticks(last) if float(last) > 0 else self._anchor_ticks
            self._walk = Walk(self._parameters, self._anchor_ticks, start, self.source, self.pace)
            self._reference_ticks = float(start)

    def price(self) -> float:
        """The reference price in quote units."""
        return self._reference_ticks * self._tick_price / self._lot_size

    def push(self, size: float) -> None:
        """A taker of so many times the mean size traded; below 0: it sold."""
        if self._walk is not None:
            self._walk.push(size)

    def lots_worth(self, value: float) -> float:
        """Lots that are worth `value` of the configuration's first asset."""
        return value / (self._reference_ticks * self._tick_price * self._quote_worth())

    def base_share(self, balances: Balances) -> float:
        """How much of an account's inventory of this market is base, from 0 to 1."""
        base, quote = balances.of(self._market.base) * self.price(), balances.of(self._market.quote)
        return base / (base + quote) if base + quote > 0 else 0.5

    def order_text(self, lots: int) -> str:
        return self._market.units.quantity(min(max(lots, self._market.min_lots), self._market.max_lots))

    def adopt(self, orders: Iterable[Json]) -> None:
        """Take the exchange's word for what is open."""
        self._orders = {
            order["id"]: Resting(order["side"], self._market.units.ticks(order["price"]))
            for order in orders
            if order["price"]
        }

    def on_update(self, data: Json) -> None:
        """An order update of the private stream: forget what ended, also if its placement is not answered yet."""
        if data["X"] in ENDED:
            self._forget(data["i"])

    def _forget(self, order_id: str) -> None:
        self._orders.pop(order_id, None)
        self._ended[order_id] = None
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]

    async def look(self) -> None:
        """One step: move the reference, take away what is out of place, place what is missing."""
        assert self._walk is not None, "started first"
        now = time.monotonic()
        self._reference_ticks = self._walk.step(now - self._looked)
        self._looked = now
        base, quote = self._balances.of(self._market.base) * self.price(), self._balances.of(self._market.quote)
        wanted = self._ladder.around(lean(self._reference_ticks, base, quote, self._parameters.inventory_ppm))
        await self._cancel(self._out_of_place(wanted))
        await self._place(self._missing(wanted))

    def _out_of_place(self, wanted: Wanted) -> list[str]:
        keep = {Resting("Bid", price) for price in wanted.bids} | {Resting("Ask", price) for price in wanted.asks}
        stale = []
        for order_id, resting in self._orders.items():
            if resting in keep:
                keep.discard(resting)  # a second order at the same price is one too many
            else:
                stale.append(order_id)
        return stale

    def _missing(self, wanted: Wanted) -> list[Resting]:
        there = set(self._orders.values())
        pairs = zip(wanted.bids, wanted.asks, strict=False)  # best first, both sides in turn
        ladder = [order for bid, ask in pairs for order in (Resting("Bid", bid), Resting("Ask", ask))]
        return [order for order in ladder if order not in there]

    async def _cancel(self, order_ids: list[str]) -> None:
        if len(order_ids) >= CROWD and len(order_ids) * 2 >= len(self._orders):
            gone = await self._client.send("DELETE", "/api/v1/orders", {"symbol": self.symbol}, "orderCancelAll")
            self.cancelled += len(gone)
            self._orders.clear()
            return
        for order_id in order_ids:
            try:
                body = {"orderId": order_id, "symbol": self.symbol}
                await self._client.send("DELETE", "/api/v1/order", body, "orderCancel")
                self.cancelled += 1
            except ApiError as error:
                if error.status != 404:
                    raise
            self._forget(order_id)  # cancelled, or filled a moment before

    async def _place(self, orders: list[Resting]) -> None:
        mean = self.lots_worth(float(self._parameters.order_value))
        for start in range(0, len(orders), BATCH):
            batch = orders[start : start + BATCH]
            items = [self._item(order, mean) for order in batch]
            answers = await self._client.send_batch("/api/v1/orders", items, "orderExecute")
            refused = ""
            for order, answer in zip(batch, answers, strict=True):
                if answer["operation"] == "Err":
                    refused = f"{answer['code']}: {answer['message']}"
                    continue
                self.placed += 1
                if answer["status"] not in ENDED and answer["id"] not in self._ended:
                    self._orders[answer["id"]] = order
            if refused:
                log.debug("%s: refused: %s", self.symbol, refused)

    def _item(self, order: Resting, mean_lots: float) -> Json:
        step, growth_ppm = self._ladder.step_ticks, self._parameters.growth_ppm
        mean_lots *= size_factor(order.price_ticks, self._reference_ticks, step, growth_ppm)
        return {
            "symbol": self.symbol,
            "side": order.side,
            "orderType": "Limit",
            "price": self._market.units.price(order.price_ticks),
            "quantity": self.order_text(size_lots(mean_lots, self._market.min_lots, self.source)),
        }


class Taker:
    """Takes small amounts from the quotes in one market."""

    def __init__(
        self, quoter: Quoter, parameters: MarketMaker, client: ApiClient, balances: Balances, source: random.Random
    ) -> None:
        self.symbol = quoter.symbol
        self.taken = 0
        self._quoter = quoter
        self._parameters = parameters
        self._client = client
        self._balances = balances
        self._source = source
        self._bursts = Bursts(parameters.taker_interval_ms / 1000, source, lambda: quoter.pace.rate)

    def pause_s(self) -> float:
        return self._bursts.wait_s()

    async def take(self) -> None:
        """One market order; the side leans to what this account has more of, so that it can go on for ever."""
        sells = self._bursts.sells(0.25 + self._quoter.base_share(self._balances) / 2)
        mean = self._quoter.lots_worth(float(self._parameters.taker_value))
        lots = taken_lots(mean, self._source)
        body = {
            "symbol": self.symbol,
            "side": "Ask" if sells else "Bid",
            "orderType": "Market",
            "quantity": self._quoter.order_text(lots),
        }
        try:
            await self._client.send("POST", "/api/v1/order", body, "orderExecute")
            self.taken += 1
            self._quoter.push(-lots / mean if sells else lots / mean)
        except ApiError as error:
            if error.status in (429, 503):
                raise
            log.debug("%s: taker refused: %s", self.symbol, error)
        except Unreachable:
            await asyncio.sleep(self.pause_s())
            raise
