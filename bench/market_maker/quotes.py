"""What the market maker wants: a reference price that wanders and returns, a ladder around it, the size of each order.

Pure and seeded: no clock, no I/O. Floats only choose a price or a size; both are whole ticks and lots before they leave
this file, and money is never computed here.
"""

import math
import random
from dataclasses import dataclass, field

from engine_core.config.market_maker import MarketMaker
from engine_core.wire.limits import PPM

RECENTRE = 0.75  # of a level's spacing: how far the reference may stray from the ladder's centre before it follows
SIZE_SIGMA = 0.6  # of the logarithm of a size: most orders are smaller than the mean, as in the flows of bench/flow
LARGEST = 5  # times the mean


class Walk:
    """A price in ticks whose logarithm is pulled back to `anchor_ticks` (an Ornstein-Uhlenbeck process)."""

    def __init__(self, maker: MarketMaker, anchor_ticks: int, start_ticks: int, source: random.Random) -> None:
        self._per_minute = maker.volatility_ppm / PPM
        self._reversion_s = maker.reversion_s
        self._anchor_ticks = anchor_ticks
        self._deviation = math.log(start_ticks / anchor_ticks)
        self._source = source

    def step(self, seconds: float) -> float:
        """The reference after `seconds`, in ticks."""
        keep = math.exp(-seconds / self._reversion_s)
        shake = self._per_minute * math.sqrt(seconds / 60) * self._source.gauss(0, 1)
        self._deviation = self._deviation * keep + shake
        return max(self._anchor_ticks * math.exp(self._deviation), 1.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The prices at which an order should rest, best first."""

    bids: tuple[int, ...]
    asks: tuple[int, ...]


@dataclass
class Ladder:
    """Prices on a fixed grid. It moves only when the reference has left its centre, and then by whole steps of the
    grid, so a move replaces the orders at its two ends and leaves the others in their place in the queue."""

    levels: int
    step_ticks: int
    centre: float | None = field(default=None)  # in steps, always an integer and a half

    def around(self, reference_ticks: float) -> Wanted:
        at = reference_ticks / self.step_ticks
        if self.centre is None or abs(at - self.centre) > RECENTRE:
            self.centre = math.floor(at) + 0.5
        below, above = int(self.centre - 0.5), int(self.centre + 0.5)
        bids = tuple(price for n in range(self.levels) if (price := (below - n) * self.step_ticks) > 0)
        return Wanted(bids, tuple((above + n) * self.step_ticks for n in range(self.levels)))


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
    """Lognormal, and of this mean but for what the bound cuts off."""
    size = mean_lots * math.exp(SIZE_SIGMA * source.gauss(0, 1) - SIZE_SIGMA**2 / 2)
    return max(round(min(size, LARGEST * mean_lots)), min_lots, 1)
