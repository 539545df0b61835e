"""Decimal text to integers and back: the only place of the exchange where a decimal exists.

    text  "100.25"  --ticks()-->  10025 ticks      text "1.5" --lots()-->  150 lots       atoms: the log's money
          "100.25"  <--price()--  10025 ticks           "1.5" <--quantity()-- 150 lots

Everything is exact: a price that is no multiple of the tick, or a number that is not a plain decimal, is a UnitError
with a message for the client. No float, no rounding, no exponent notation in either direction. Trailing zeros mean
nothing.

Non-goals: min/max and bands (the engine's rules), fees, and what a price means.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from engine_core.wire.limits import MAX_INT64, MAX_PRICE_TICKS, MAX_QUANTITY_LOTS, MAX_TICK_DECIMALS

MAX_TEXT = 48  # characters of a number; int64 has 19 digits, so this leaves room for zeros and bounds the work
_POWERS: tuple[int, ...] = tuple(10**n for n in range(MAX_TEXT + 1))


class UnitError(ValueError):
    """A number that a client or an operator has to change; the message says how."""


def parse_decimal(text: str, decimals: int) -> int:
    """`text` as a count of 10^-decimals. Plain decimals only: digits, at most one point, no sign, no exponent."""
    whole, point, fraction = text.partition(".")
    if not (whole.isdigit() and whole.isascii() and (not point or (fraction.isdigit() and fraction.isascii()))):
        raise UnitError(f"{text[:MAX_TEXT]!r} is not a plain decimal number (digits and at most one point)")
    if len(text) > MAX_TEXT:
        raise UnitError(f"a number of {len(text)} characters is too long (at most {MAX_TEXT})")
    if len(fraction) > decimals:
        fraction = fraction.rstrip("0")
        if len(fraction) > decimals:
            raise UnitError(f"{text!r} has more than {decimals} decimals")
    value = int(whole) * _POWERS[decimals]
    if fraction:
        value += int(fraction) * _POWERS[decimals - len(fraction)]
    if value > MAX_INT64:
        raise UnitError(f"{text!r} is too large")
    return value


def format_decimal(value: int, decimals: int) -> str:
    """`value` counts of 10^-decimals as plain text without exponent and without trailing zeros."""
    if decimals == 0:
        return str(value)
    if value < 0:
        return "-" + format_decimal(-value, decimals)
    whole, part = divmod(value, _POWERS[decimals])
    return f"{whole}.{str(part).zfill(decimals).rstrip('0')}" if part else str(whole)


def _scaled(value: Fraction, what: str) -> tuple[int, int]:
    """`value` as (count, decimals) with the fewest decimals: count / 10^decimals."""
    for decimals in range(MAX_TEXT - 19):
        scaled = value * _POWERS[decimals]
        if scaled.denominator == 1:
            return scaled.numerator, decimals
    raise UnitError(f"the {what} {value} has no finite decimal form")


@dataclass(frozen=True, slots=True)
class MarketUnits:
    """The conversions of one market.

    `lot_atoms`: base atoms of one lot. `tick_atoms`: quote atoms of one lot at one tick. The price of one tick in whole
    units follows: (tick_atoms / 10^quote_decimals) / (lot_atoms / 10^base_decimals).
    """

    lot_atoms: int
    tick_atoms: int
    base_decimals: int
    quote_decimals: int
    price_decimals: int = field(init=False)
    quantity_decimals: int = field(init=False)
    tick_size: str = field(init=False)
    lot_size: str = field(init=False)
    tick_step: int = field(init=False, repr=False)  # one tick, in 10^-price_decimals
    lot_step: int = field(init=False, repr=False)  # one lot, in 10^-quantity_decimals

    def __post_init__(self) -> None:
        if self.lot_atoms < 1 or self.tick_atoms < 1:
            raise UnitError(f"lot_atoms {self.lot_atoms} and tick_atoms {self.tick_atoms} must be at least 1")
        lot = Fraction(self.lot_atoms, _POWERS[self.base_decimals])
        tick = Fraction(self.tick_atoms, _POWERS[self.quote_decimals]) / lot
        tick_step, price_decimals = _scaled(tick, "tick size")
        lot_step, quantity_decimals = _scaled(lot, "lot size")
        values = {
            "tick_step": tick_step,
            "lot_step": lot_step,
            "price_decimals": price_decimals,
            "quantity_decimals": quantity_decimals,
            "tick_size": format_decimal(tick_step, price_decimals),
            "lot_size": format_decimal(lot_step, quantity_decimals),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def ticks(self, text: str) -> int:
        """A price as ticks, from 1 to MAX_PRICE_TICKS."""
        ticks = self._multiples(text, self.price_decimals, self.tick_step, "price", "tick size", self.tick_size)
        if ticks > MAX_PRICE_TICKS:
            raise UnitError(f"price {text} is above the largest one, {self.price(MAX_PRICE_TICKS)}")
        return ticks

    def lots(self, text: str) -> int:
        """A quantity as lots, at least 1."""
        lots = self._multiples(text, self.quantity_decimals, self.lot_step, "quantity", "step size", self.lot_size)
        if lots > MAX_QUANTITY_LOTS:
            raise UnitError(f"quantity {text} is too large")
        return lots

    def price(self, ticks: int) -> str:
        return format_decimal(ticks * self.tick_step, self.price_decimals)

    def quantity(self, lots: int) -> str:
        return format_decimal(lots * self.lot_step, self.quantity_decimals)

    def quote(self, atoms: int) -> str:
        return format_decimal(atoms, self.quote_decimals)

    def base(self, atoms: int) -> str:
        return format_decimal(atoms, self.base_decimals)

    @staticmethod
    def _multiples(text: str, decimals: int, step: int, what: str, step_name: str, step_text: str) -> int:
        try:
            count, rest = divmod(parse_decimal(text, decimals), step)
        except UnitError as error:
            raise UnitError(f"{what}: {error} ({step_name} {step_text})") from None
        if rest:
            raise UnitError(f"{what} {text} is not a multiple of the {step_name} {step_text}")
        if count == 0:
            raise UnitError(f"{what} must be greater than zero")
        return count


def market_units(tick_size: str, lot_size: str, base_decimals: int, quote_decimals: int) -> MarketUnits:
    """The units of a market given by texts, or UnitError: one lot at one tick must be a whole number of quote atoms."""
    lot_atoms = parse_decimal(lot_size, base_decimals)
    tick, lot = (
        Fraction(parse_decimal(tick_size, MAX_TICK_DECIMALS), _POWERS[MAX_TICK_DECIMALS]),
        Fraction(lot_atoms, _POWERS[base_decimals]),
    )
    if lot_atoms == 0 or tick == 0:
        raise UnitError("tick size and lot size must be greater than zero")
    tick_atoms = tick * lot * _POWERS[quote_decimals]
    if tick_atoms.denominator != 1:
        raise UnitError(
            f"one lot ({lot_size}) at one tick ({tick_size}) is worth {format_decimal(*_scaled(tick * lot, 'value'))} "
            f"of the quote asset, which has only {quote_decimals} decimals: make the tick or the lot larger"
        )
    return MarketUnits(lot_atoms, tick_atoms.numerator, base_decimals, quote_decimals)
