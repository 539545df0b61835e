"""What MARKET_BANDS sets of a market, declared once: configuration, log and replica take the fields from here.

Where they stand in the command is layout.py's, what they mean is the book's (orders/checks.py, orders/planning.py).
"""

from dataclasses import dataclass, field, fields
from typing import Any

from engine_core.wire.limits import PPM, SLOT_BITS


def _at_most(most: int) -> Any:
    """A limit, 0 for none; the configuration refuses more than `most`."""
    return field(default=0, metadata={"most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketLimits:
    band_up_ppm: int = _at_most(1000 * PPM)  # how far an order's price may be above the last one
    band_down_ppm: int = _at_most(PPM - 1)
    impact_ppm: int = _at_most(PPM - 1)  # how far one market order may move the price
    max_open_orders: int = _at_most(2**SLOT_BITS)  # of one account in this market


MOST: dict[str, int] = {limit.name: limit.metadata["most"] for limit in fields(MarketLimits)}
LIMITS = tuple(MOST)
NO_LIMITS: dict[str, Any] = dict.fromkeys(LIMITS, 0)


def limits_in(record: Any) -> dict[str, Any]:
    """Those of a record that has them under these names: of a command, or of the book's market."""
    return {name: int(record[name]) for name in LIMITS}


def limits_of(market: MarketLimits) -> dict[str, Any]:
    return {name: getattr(market, name) for name in LIMITS}
