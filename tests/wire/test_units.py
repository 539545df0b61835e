"""Decimal text to integers: exact, bounded, and back again."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_core.wire.limits import MAX_INT64, MAX_PRICE_TICKS
from engine_core.wire.units import MarketUnits, UnitError, format_decimal, market_units, parse_decimal

WRONG = [
    "",
    ".",
    ".5",
    "5.",
    "-1",
    "+1",
    "1e3",
    "1E400",
    "NaN",
    "Infinity",
    "0x10",
    "1_000",
    " 1",
    "1 ",
    "1,5",
    "1.2.3",
    "٣",
    "²",
]
SOL_USDC = MarketUnits(lot_atoms=10**7, tick_atoms=100, base_decimals=9, quote_decimals=6)


@pytest.mark.parametrize(
    ("text", "decimals", "value"),
    [("0", 0, 0), ("1", 6, 10**6), ("1.5", 1, 15), ("1.500", 1, 15), ("0.000001", 6, 1), ("007.10", 2, 710)],
)
def test_plain_decimals_are_read(text: str, decimals: int, value: int) -> None:
    assert parse_decimal(text, decimals) == value


@pytest.mark.parametrize(
    "text",
    [*WRONG, "9" * 60, "1." + "0" * 60, str(MAX_INT64 + 1), "0.0000001"],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        parse_decimal(text, 6)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
def test_text_says_exactly_the_value(value: int, decimals: int) -> None:
    text = format_decimal(value, decimals)
    assert Decimal(text) == Decimal(value).scaleb(-decimals)
    assert "E" not in text and not (decimals and "." in text and text.endswith("0"))
    if value >= 0:
        assert parse_decimal(text, decimals) == value


def test_a_market_says_its_steps() -> None:
    assert (SOL_USDC.tick_size, SOL_USDC.lot_size) == ("0.01", "0.01")
    assert SOL_USDC.price(15_025) == "150.25" and SOL_USDC.quantity(150) == "1.5"
    assert SOL_USDC.quote(1_234_567) == "1.234567" and SOL_USDC.base(10**9) == "1"


@pytest.mark.parametrize("lot_atoms", [1, 5, 10**3, 25 * 10**4, 10**9])
@pytest.mark.parametrize("tick_atoms", [1, 7, 100, 10**6])
@given(ticks=st.integers(1, MAX_PRICE_TICKS), lots=st.integers(1, 2**40))
def test_every_price_and_quantity_survives_the_way_there_and_back(
    lot_atoms: int, tick_atoms: int, ticks: int, lots: int
) -> None:
    units = MarketUnits(lot_atoms, tick_atoms, 9, 6)
    assert units.ticks(units.price(ticks)) == ticks
    assert units.lots(units.quantity(lots)) == lots
    notional = Decimal(units.price(ticks)) * Decimal(units.quantity(lots))
    assert notional == Decimal(units.quote(ticks * lots * tick_atoms))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0", "greater than zero"),
        ("0.00", "greater than zero"),
        ("100.001", "tick size 0.01"),
        ("21474836.48", "largest one"),
        ("1e2", "plain decimal"),
    ],
)
def test_a_price_off_the_grid_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(UnitError, match=problem):
        SOL_USDC.ticks(text)


def test_a_step_that_is_no_power_of_ten() -> None:
    units = market_units("0.25", "5", 0, 2)
    assert units.ticks("100.75") == 403 and units.price(403) == "100.75"
    assert units.lots("15") == 3
    with pytest.raises(UnitError, match=r"not a multiple of the tick size 0\.25"):
        units.ticks("100.3")
    with pytest.raises(UnitError, match="not a multiple of the step size 5"):
        units.lots("7")


def test_one_lot_at_one_tick_must_be_whole_atoms() -> None:
    with pytest.raises(UnitError, match=r"0\.0000001 of the quote asset, which has only 6 decimals"):
        market_units("0.01", "0.00001", 8, 6)
