"""Amounts of any exchange as integers, exactly: decimals as counts of 10^-18, products of two as counts of 10^-36."""

from bench.load.targets.api import BenchError
from engine_core.wire.units import format_decimal

DECIMALS = 18
ONE = 10**DECIMALS


def exact(text: str) -> int:
    """A plain decimal, which may be negative (a rebate), as a count of 10^-18."""
    digits = text.removeprefix("-")
    whole, _, fraction = digits.partition(".")
    if not (whole + fraction).isdecimal() or len(fraction) > DECIMALS:
        raise BenchError(f"the exchange sent {text[:60]!r} where a decimal with at most {DECIMALS} places belongs")
    value = int(whole + fraction.ljust(DECIMALS, "0"))
    return -value if text.startswith("-") else value


def text_of(amount: int) -> str:
    return format_decimal(amount, DECIMALS)
