"""The `[market_maker]` table of exchange.toml: how the demo's market maker quotes, and how its takers take.

It stands here, beside the other tables, because the file is read whole and in one place; only `bench/market_maker/`
uses it.
"""

from dataclasses import dataclass

from engine_core.config.toml_section import Section
from engine_core.wire.limits import PPM
from engine_core.wire.units import UnitError, parse_decimal


@dataclass(frozen=True, slots=True)
class MarketMaker:
    seed: int
    interval_ms: int  # between two looks at one market
    levels: int  # on each side
    spacing_ppm: int  # scale of the distances of its orders from the reference
    order_value: str  # of an order at the best price, in the first asset of the configuration; sizes vary around it
    growth_ppm: int  # how much larger an order is than the one a level nearer
    volatility_ppm: int  # of the reference, as one standard deviation in a minute, in the mean of all times
    reversion_s: int  # time in which the reference forgets a deviation from start_price to 1/e
    inventory_ppm: int  # how far the quotes lean when the whole inventory is on one side
    taker_interval_ms: int  # mean time between two takers in one market
    taker_value: str  # of one taker order, as order_value
    dead_man_ms: int  # the exchange cancels everything when the market maker is silent for so long; 0: never


def read(table: Section) -> MarketMaker:
    maker = MarketMaker(
        seed=table.integer("seed", 0, 2**63 - 1, 1),
        interval_ms=table.integer("interval_ms", 50, 60_000, 1_000),
        levels=table.integer("levels", 1, 50, 20),
        spacing_ppm=table.integer("spacing_ppm", 1, PPM // 20, 300),
        order_value=_value(table, "order_value", "2500"),
        growth_ppm=table.integer("growth_ppm", 0, PPM, 100_000),
        volatility_ppm=table.integer("volatility_ppm", 0, PPM // 10, 1_000),
        reversion_s=table.integer("reversion_s", 1, 30 * 86_400, 3_600),
        inventory_ppm=table.integer("inventory_ppm", 0, PPM // 10, 2_000),
        taker_interval_ms=table.integer("taker_interval_ms", 50, 600_000, 2_500),
        taker_value=_value(table, "taker_value", "1000"),
        dead_man_ms=table.integer("dead_man_ms", 0, 600_000, 30_000),
    )
    table.done()
    return maker


def _value(table: Section, key: str, default: str) -> str:
    text = table.text(key, default)
    try:
        if parse_decimal(text, 2) > 0:
            return text
    except UnitError as error:
        raise table.error(key, str(error)) from None
    raise table.error(key, "must be above 0")
