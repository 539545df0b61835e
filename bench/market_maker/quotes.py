"""What the market maker wants: a reference price that jumps and returns, prices around it, the size of each order.

The laws are those of the bench's flows (bench/flow/parameters.py), in so small that no kernel is needed: a reference
that jumps, often several times at once and mostly the same way, at a rate which rises and falls; orders that are dense
near the best price and rare far away; sizes with a heavy tail. Pure and seeded: no clock, no I/O. Floats only choose a
price or a size; both are whole ticks and lots before they leave this file, and money is never computed here.
"""

import math
import random
from bisect import insort
from dataclasses import dataclass

from bench.market_maker.pace import Pace
from engine_core.config.market_maker import MarketMaker
from engine_core.wire.limits import PPM

# How the reference jumps, as `exchange bench calibrate` finds it in the captured half hour ([reference] of its flow).
WAITS = ((0.51, 0.26), (0.30, 3.5), (0.19, 40.0))  # shares, mean seconds until the next jump
SIZES = (34, 18, 16, 11, 6, 7)  # how many of 101 jumps have 1, 2, 3, … units
LARGE, LARGE_SIGMA = 13.0, 0.63  # the others are lognormal, with this median
AGAIN, AGAIN_S = 0.8, 10.0  # share of jumps that go the way of the one before, if that was not longer ago
VARIANCE_PER_S = 7.6  # in squared units, of all that (a test measures it)
IMPACT = 0.3  # of a level's spacing, by which a taker of mean size moves the reference its way
CHURN = 0.03  # chance that a look takes an order away that is well where it is, and wants another one instead
NEAR, MIDDLE = 0.2, 0.7  # shares of the prices that are within a level's spacing of the reference, and farther away
FAR_ALPHA = 1.2  # of the others' distances, which have a Pareto tail
EMPTY = 1.5  # spacings: a best price farther from the reference than that gets a nearer one before it
SIZE_SIGMA = 0.9  # of the logarithm of a size: most orders are smaller than the mean
LARGEST = 8  # times the mean
ROUND = 0.3  # share of the sizes that people chose: one digit and noughts


class Walk:
    """A price in ticks whose logarithm jumps, and is pulled back to `anchor_ticks`."""

    def __init__(
        self, maker: MarketMaker, anchor_ticks: int, start_ticks: int, source: random.Random, pace: Pace
    ) -> None:
        self._reversion_s = maker.reversion_s
        self._anchor_ticks = anchor_ticks
        self._deviation = math.log(start_ticks / anchor_ticks)
        self._source = source
        self._pace = pace
        self._unit = maker.volatility_ppm / PPM / math.sqrt(60 * VARIANCE_PER_S)
        self._impact = maker.spacing_ppm / PPM * IMPACT
        self._way, self._jumped_s = 1, AGAIN_S  # of the last jump, and how long ago it was
        self._left_s = self._wait_s()

    def step(self, seconds: float) -> float:
        """The reference after `seconds`, in ticks."""
        self._deviation *= math.exp(-seconds / self._reversion_s)
        self._left_s -= seconds * self._pace.step(seconds)  # a lively market has more of its time in the same seconds
        self._jumped_s += seconds
        while self._left_s <= 0:
            self._jump()
            self._left_s += self._wait_s()
        return self.price

    @property
    def price(self) -> float:
        return max(self._anchor_ticks * math.exp(self._deviation), 1.0)

    def push(self, size: float) -> None:
        """A taker of so many times the mean size traded; below 0: it sold. Impact grows with the root of the size."""
        self._deviation += math.copysign(self._impact * math.sqrt(abs(size)), size)

    def _wait_s(self) -> float:
        shares, means = zip(*WAITS, strict=True)
        return self._source.expovariate(1 / self._source.choices(means, shares)[0])

    def _jump(self) -> None:
        is_again = self._source.random() < (AGAIN if self._jumped_s < AGAIN_S else 0.5)
        self._way = self._way if is_again else -self._way
        self._jumped_s = 0.0
        drawn = self._source.random() * 101
        units = 1
        while units <= len(SIZES) and drawn >= sum(SIZES[:units]):
            units += 1
        size = units if units <= len(SIZES) else self._source.lognormvariate(math.log(LARGE), LARGE_SIGMA)
        self._deviation += self._way * size * self._unit


@dataclass(frozen=True, slots=True)
class Wanted:
    """The prices at which an order should rest, best first."""

    bids: tuple[int, ...]
    asks: tuple[int, ...]


class Ladder:
    """Prices at distances that are drawn, none of them on a grid. Each stays where it is until the reference passes it
    or it is taken away; another one is drawn in its place. So orders keep their place in the queue, mostly."""

    def __init__(self, levels: int, step_ticks: int, source: random.Random) -> None:
        self.step_ticks = step_ticks
        self._levels = levels
        self._source = source
        self._bids: list[int] = []  # ascending, as the asks: the best one is the last
        self._asks: list[int] = []

    def around(self, reference_ticks: float) -> Wanted:
        middle = math.floor(reference_ticks)  # bids are at most that
        self._bids = self._filled([price for price in self._bids if price <= middle and self._stays()], middle, -1)
        self._asks = self._filled([price for price in self._asks if price > middle and self._stays()], middle + 1, 1)
        return Wanted(tuple(reversed(self._bids)), tuple(self._asks))

    def _stays(self) -> bool:
        return self._source.random() >= CHURN

    def _filled(self, prices: list[int], nearest: int, away: int) -> list[int]:
        """As many prices as there should be, from `nearest` on."""
        if prices and min(abs(price - nearest) for price in prices) > EMPTY * self.step_ticks:
            self._draw(prices, nearest, away, self._source.random())
        while len(prices) < self._levels and self._draw(prices, nearest, away, self._distance()):
            pass
        while len(prices) > self._levels:  # any but the best: were it the farthest, all would end near the best
            best = len(prices) - 1 if away < 0 else 0
            prices.pop(self._source.choice([place for place in range(len(prices)) if place != best]))
        return prices

    def _draw(self, prices: list[int], nearest: int, away: int, spacings: float) -> bool:
        """One more price at about this distance, the next free one; False if there is none above 0."""
        price = max(nearest + away * math.floor(spacings * self.step_ticks), 1)
        taken = set(prices)
        while price in taken:
            price += away
        if price < 1:
            price = next((other for other in range(nearest, 0, away) if other not in taken), 0)
        if price >= 1:
            insort(prices, price)
        return price >= 1

    def _distance(self) -> float:
        """From the reference, in spacings: dense near it, and with a heavy tail."""
        kind = self._source.random()
        if kind < NEAR:
            return self._source.random()
        if kind < NEAR + MIDDLE:
            return self._source.expovariate(3 / self._levels)
        return min(2 * self._source.paretovariate(FAR_ALPHA), 3.0 * self._levels)


def step_ticks(maker: MarketMaker, anchor_ticks: int) -> int:
    return max(anchor_ticks * maker.spacing_ppm // PPM, 1)


def lean(reference_ticks: float, base_value: float, quote_value: float, inventory_ppm: int) -> float:
    """The reference moved against the inventory: all base lowers it by `inventory_ppm` (to sell), all quote raises."""
    total = base_value + quote_value
    share = base_value / total if total > 0 else 0.5
    return reference_ticks * (1 + (0.5 - share) * 2 * inventory_ppm / PPM)


def size_factor(price_ticks: int, reference_ticks: float, step: int, growth_ppm: int) -> float:
    """How much larger than at the reference an order at this price is: interest gathers away from the market."""
    return 1 + abs(price_ticks - reference_ticks) / step * growth_ppm / PPM


def size_lots(mean_lots: float, min_lots: int, source: random.Random) -> int:
    """Lognormal, and of this mean but for what the bound cuts off; some are round."""
    size = mean_lots * math.exp(SIZE_SIGMA * source.gauss(0, 1) - SIZE_SIGMA**2 / 2)
    return max(chosen(min(size, LARGEST * mean_lots), source), min_lots, 1)


def chosen(lots: float, source: random.Random) -> int:
    """Whole lots; in some cases of a single digit, as people choose them."""
    whole = round(lots)
    if whole < 10 or source.random() >= ROUND:
        return whole
    unit: int = 10 ** (len(str(whole)) - 1)
    return round(whole / unit) * unit
