"""The market maker's wishes: where the reference goes, where the orders should rest, how large they are."""

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.market_maker.pace import Pace
from bench.market_maker.quotes import EMPTY, LARGEST, Ladder, Walk, lean, size_factor, size_lots, step_ticks
from engine_core.config import market_maker
from engine_core.config.toml_section import ConfigError, Section


def parameters(**values: object) -> market_maker.MarketMaker:
    return market_maker.read(Section("test.toml", "market_maker", values))


def walk(maker: market_maker.MarketMaker, seed: int, anchor: int, start: int) -> Walk:
    source = random.Random(seed)
    return Walk(maker, anchor, start, source, Pace(source))


def test_the_walk_is_seeded_and_stays_near_its_anchor() -> None:
    maker = parameters(volatility_ppm=1_000, reversion_s=600)
    paths = []
    for _ in range(2):
        taken = walk(maker, 5, 100_000, 100_000)
        paths.append([taken.step(0.5) for _ in range(20_000)])
    assert paths[0] == paths[1]
    deviations = [math.log(price / 100_000) for price in paths[0]]
    stationary = 0.001 * math.sqrt(600 / 60 / 2)  # of an Ornstein-Uhlenbeck process
    assert 0.3 * stationary < statistics.pstdev(deviations) < 3 * stationary
    assert max(map(abs, deviations)) < 12 * stationary


def test_the_walk_moves_as_much_as_configured() -> None:
    maker = parameters(volatility_ppm=1_000, reversion_s=30 * 86_400)
    found = []
    for seed in range(3):
        taken = walk(maker, seed, 100_000, 100_000)
        prices = [taken.step(60.0) for _ in range(5_000)]
        found.append(statistics.pstdev(math.log(now / before) for before, now in itertools.pairwise(prices)))
    assert statistics.mean(found) == pytest.approx(0.001, rel=0.15)


def test_the_walk_goes_home() -> None:
    maker = parameters(volatility_ppm=0, reversion_s=10)
    taken = walk(maker, 1, 1_000, 2_000)
    assert taken.step(10) == pytest.approx(1_000 * 2 ** math.exp(-1))
    for _ in range(20):
        price = taken.step(10)
    assert price == pytest.approx(1_000)


def test_takers_move_the_price_their_way_and_large_ones_less_than_in_proportion() -> None:
    maker = parameters(volatility_ppm=0)
    moves = []
    for size in (1.0, 4.0, -4.0):
        taken = walk(maker, 1, 100_000, 100_000)
        taken.push(size)
        moves.append(math.log(taken.price / 100_000))
    assert moves == pytest.approx([moves[0], 2 * moves[0], -2 * moves[0]]) and moves[0] > 0


@given(
    st.integers(1, 12), st.integers(1, 500), st.lists(st.floats(1, 1e6), min_size=1, max_size=30), st.integers(0, 99)
)
def test_a_ladder_is_complete_and_never_crossed(levels: int, step: int, references: list[float], seed: int) -> None:
    ladder = Ladder(levels, step, random.Random(seed))
    for reference in references:
        wanted = ladder.around(reference)
        assert len(wanted.asks) == levels and len(wanted.bids) == min(levels, int(reference))
        assert all(0 < price <= reference for price in wanted.bids)
        assert all(price > reference for price in wanted.asks)
        for prices in (wanted.bids, wanted.asks):
            assert len(set(prices)) == len(prices)
        assert list(wanted.bids) == sorted(wanted.bids, reverse=True)
        assert list(wanted.asks) == sorted(wanted.asks)


def test_most_orders_stay_where_they_are_and_those_in_the_way_go() -> None:
    ladder = Ladder(20, 10, random.Random(2))
    before = ladder.around(10_005.0)
    after = ladder.around(10_020.0)
    assert set(before.asks) & set(range(10_006, 10_021)), "some stood in the way"
    kept = len(set(before.bids) & set(after.bids)) + len(
        {price for price in before.asks if price > 10_020} & {*after.asks}
    )
    assert kept > 25
    assert 10_020 - after.bids[0] <= EMPTY * 10 + 1, "the side that was left behind follows"


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
    assert 95 < statistics.mean(sizes) < 105 and 60 < statistics.median(sizes) < 75
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
