"""The market maker's wishes: where the reference goes, where the orders should rest, how large they are."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.market_maker.quotes import LARGEST, Ladder, Walk, lean, size_factor, size_lots, step_ticks
from engine_core.config import market_maker
from engine_core.config.toml_section import ConfigError, Section


def parameters(**values: object) -> market_maker.MarketMaker:
    return market_maker.read(Section("test.toml", "market_maker", values))


def test_the_walk_is_seeded_and_stays_near_its_anchor() -> None:
    maker = parameters(volatility_ppm=1_000, reversion_s=600)
    paths = []
    for _ in range(2):
        walk = Walk(maker, 100_000, 100_000, random.Random(5))
        paths.append([walk.step(0.5) for _ in range(20_000)])
    assert paths[0] == paths[1]
    deviations = [math.log(price / 100_000) for price in paths[0]]
    stationary = 0.001 * math.sqrt(600 / 60 / 2)  # of an Ornstein-Uhlenbeck process
    assert 0.3 * stationary < statistics.pstdev(deviations) < 3 * stationary
    assert max(map(abs, deviations)) < 8 * stationary


def test_the_walk_goes_home() -> None:
    maker = parameters(volatility_ppm=0, reversion_s=10)
    walk = Walk(maker, 1_000, 2_000, random.Random(1))
    assert walk.step(10) == pytest.approx(1_000 * 2 ** math.exp(-1))
    for _ in range(20):
        price = walk.step(10)
    assert price == pytest.approx(1_000)


@given(st.integers(1, 12), st.integers(1, 500), st.lists(st.floats(1, 1e6), min_size=1, max_size=30))
def test_a_ladder_is_never_crossed_and_moves_by_its_ends(levels: int, step: int, references: list[float]) -> None:
    ladder = Ladder(levels, step)
    for reference in references:
        wanted = ladder.around(reference)
        assert len(wanted.asks) == levels
        assert all(price > 0 for price in wanted.bids)
        assert list(wanted.bids) == sorted(wanted.bids, reverse=True)
        assert list(wanted.asks) == sorted(wanted.asks)
        if wanted.bids:
            assert wanted.asks[0] - wanted.bids[0] == step


def test_a_small_move_replaces_one_order_at_each_end() -> None:
    ladder = Ladder(5, 10)
    before, after = ladder.around(1_005.0), ladder.around(1_013.0)
    assert set(before.bids) - set(after.bids) == {960}
    assert set(after.bids) - set(before.bids) == {1_010}
    assert set(before.asks) - set(after.asks) == {1_010}
    assert set(after.asks) - set(before.asks) == {1_060}
    assert ladder.around(1_010.5) == after  # a shiver does not move it back


def test_inventory_leans_the_quotes() -> None:
    assert lean(1_000.0, 50.0, 50.0, 2_000) == 1_000.0
    assert lean(1_000.0, 100.0, 0.0, 2_000) == pytest.approx(998.0)  # all base: sell
    assert lean(1_000.0, 0.0, 100.0, 2_000) == pytest.approx(1_002.0)
    assert lean(1_000.0, 0.0, 0.0, 2_000) == 1_000.0


def test_orders_grow_away_from_the_market() -> None:
    assert size_factor(1_000, 1_000.0, 10, 100_000) == 1.0
    assert size_factor(900, 1_000.0, 10, 100_000) == size_factor(1_100, 1_000.0, 10, 100_000) == pytest.approx(2.0)
    assert size_factor(900, 1_000.0, 10, 0) == 1.0


def test_sizes_are_whole_and_never_below_the_minimum() -> None:
    source = random.Random(3)
    sizes = [size_lots(100.0, 1, source) for _ in range(5_000)]
    assert all(isinstance(size, int) and 1 <= size <= LARGEST * 100 for size in sizes)
    assert 97 < statistics.mean(sizes) < 103 and 78 < statistics.median(sizes) < 88
    assert sum(size > 250 for size in sizes) > 50, "a heavy tail"
    assert size_lots(0.001, 7, source) == 7
    assert step_ticks(parameters(spacing_ppm=1), 10) == 1


@pytest.mark.parametrize("key", ["order_value", "taker_value"])
@pytest.mark.parametrize("text", ["0", "-1", "1e3", "abc", "0.00"])
def test_a_bad_value_names_its_key(key: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"market_maker\.{key}"):
        parameters(**{key: text})


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"market_maker\.lvels"):
        parameters(lvels=3)
