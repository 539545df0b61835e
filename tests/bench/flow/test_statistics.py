"""What the models give, against what is known of them. The flows are seeded: a test passes always or never."""

from dataclasses import replace

import numpy as np
import pytest

from bench.flow.generator import Generator, generate
from bench.flow.kernels.popularity import alias_table, zipf
from bench.flow.laws import Law
from bench.flow.parameters import DEFAULT, Flow, OrderClass, Pace, Population, Step
from bench.flow.regimes import REGIMES
from engine_core.book.ladder.levels import ASKS
from engine_core.book.memory.state import BOOKS
from engine_core.wire.codes import CommandKind, OrderFlag, Side
from tests.bench.flow.simple import CANCEL_BID, PLACE_BID, PROBE_BID, hawkes, one_queue, plain, poisson

CRITICAL = 1.95  # of sqrt(n) times the Kolmogorov-Smirnov distance: exceeded once in a thousand


def _times(flow: Flow, model: str, seconds: float, flag: int = 0) -> np.ndarray:
    """Seconds at which orders arrive, those of the start left out."""
    messages = generate(flow, model, 1, seconds=seconds)
    places = (messages["kind"] == CommandKind.PLACE) & (messages["time_ns"] > 0)
    return messages["time_ns"][places & (messages["flags"] & flag == flag)] / 1e9


def _is_exponential(waits: np.ndarray, mean: float = 1.0) -> bool:
    shares = 1 - np.exp(-np.sort(waits) / mean)
    steps = np.arange(len(waits) + 1) / len(waits)
    distance = max(np.abs(shares - steps[1:]).max(), np.abs(shares - steps[:-1]).max())
    return bool(distance * len(waits) ** 0.5 < CRITICAL)


def test_zero_intelligence_arrives_as_a_poisson_process() -> None:
    times = _times(poisson(plain(), probe_bid=50.0, place_ask=150.0), "zero-intelligence", 100)
    assert len(times) == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert _is_exponential(np.diff(times), 1 / 200)


def test_orders_are_withdrawn_at_a_rate_that_depends_on_their_distance() -> None:
    near, far = Law("atom", 0.5, 0), Law("atom", 0.5, 10)
    flow = replace(plain(), orders=(OrderClass(distance=(near, far), size=(Law("atom", 1, 1),)),))
    flow = poisson(flow, cancel_per_s=((1, 20.0), (1e6, 2.0)), place_bid=100.0)
    messages = generate(flow, "zero-intelligence", 1, seconds=100)
    born = messages[(messages["kind"] == CommandKind.PLACE) & (messages["time_ns"] > 0)]
    ends = messages[messages["kind"] == CommandKind.CANCEL]
    _, first, second = np.intersect1d(born["order"], ends["order"], return_indices=True)
    lifetimes = (ends["time_ns"][second] - born["time_ns"][first]) / 1e9
    at_best = born["price_ticks"][first] == born["price_ticks"].max()
    assert 0.4 < at_best.mean() < 0.6
    early = born["time_ns"][first] < 90e9  # the others had no time to end
    assert _is_exponential(lifetimes[at_best & early], 1 / 20)
    assert _is_exponential(lifetimes[~at_best & early], 1 / 2)


def test_a_hawkes_process_has_its_mean_rate() -> None:
    """mu / (1 - n)"""
    flow = hawkes(
        plain(), (50.0, 1.0), {(0, PROBE_BID, PROBE_BID): 0.4, (1, PROBE_BID, PROBE_BID): 0.2}, probe_bid=40.0
    )
    assert flow.hawkes.branching_ratio() == pytest.approx(0.6)
    count, mean = len(_times(flow, "hawkes", 1_000)), 1_000 * 40 / (1 - 0.6)
    assert count == pytest.approx(mean, abs=4 * mean**0.5 / (1 - 0.6))


def test_a_hawkes_process_is_exact() -> None:
    """By the random time change, the compensator between two events is exponential with mean 1."""
    decays, children = np.array([50.0, 1.0]), np.array([0.4, 0.2])
    excitation = {(0, PROBE_BID, PROBE_BID): 0.4, (1, PROBE_BID, PROBE_BID): 0.2}
    times = _times(hawkes(plain(), (50.0, 1.0), excitation, probe_bid=40.0), "hawkes", 100)
    excited, last, residuals = np.zeros(2), 0.0, []
    for time in times.tolist():
        left = np.exp(-decays * (time - last))
        residuals.append(40.0 * (time - last) + float((excited * (1 - left) / decays).sum()))
        excited, last = excited * left + children * decays, time
    assert len(residuals) > 5_000
    assert _is_exponential(np.array(residuals))


def test_what_is_withdrawn_excites() -> None:
    """Every order is withdrawn soon, and each cancel brings 0.4 orders: the rate is mu / (1 - 0.4)."""
    flow = plain(lifetime=Law("exponential", 1, 0.02))
    flow = hawkes(
        flow, (100.0, 4.0), {(0, PLACE_BID, CANCEL_BID): 0.1, (1, PLACE_BID, CANCEL_BID): 0.3}, place_bid=60.0
    )
    assert flow.hawkes.branching_ratio() == pytest.approx(0.4**0.5)  # two generations: the order, then its cancel
    count, mean = len(_times(flow, "hawkes", 500)), 500 * 60 / (1 - 0.4)
    assert count == pytest.approx(mean, abs=4 * mean**0.5 / (1 - 0.4))


def test_larger_orders_excite_more_in_the_mean_as_much() -> None:
    flow = hawkes(plain(), (20.0,), {(0, PROBE_BID, PROBE_BID): 0.5}, probe_bid=50.0)
    sizes = (Law("atom", 0.5, 1), Law("lognormal", 0.5, 1_000, 1.0))
    flow = replace(flow, takers=replace(flow.takers, probe_size=sizes))
    marked = replace(flow, hawkes=replace(flow.hawkes, mark_power=0.3))
    mean = 500 * 50 / (1 - 0.5)
    counts = [len(_times(one, "hawkes", 500)) for one in (flow, marked)]
    assert counts == [pytest.approx(mean, rel=0.05)] * 2
    assert counts[0] != counts[1]


def test_a_queue_has_its_stationary_size() -> None:
    """Arrivals at a fixed rate, departures in proportion to the size: a Poisson law."""
    place, cancel_each, most = 200.0, 20.0, 60
    messages = generate(one_queue(plain(orders=10), place, cancel_each, most), "queue-reactive", 1, seconds=200)
    mine = messages[(messages["side"] == Side.BID) & (messages["time_ns"] > 0)]
    steps = np.where(mine["kind"] == CommandKind.PLACE, 1, -1)
    sizes, stays = 10 + np.cumsum(steps)[:-1], np.diff(mine["time_ns"])
    mean = float((sizes * stays).sum() / stays.sum())
    variance = float((sizes**2 * stays).sum() / stays.sum()) - mean**2
    assert mean == pytest.approx(place / cancel_each, rel=0.05)
    assert variance == pytest.approx(place / cancel_each, rel=0.15)


def test_markets_and_accounts_follow_zipfs_law() -> None:
    population = Population(markets=4, accounts=50, market_exponent=1.0, account_exponent=0.7)
    flow = replace(poisson(plain(), probe_bid=100.0), population=population)
    messages = generate(flow, "zero-intelligence", 1, seconds=100)
    messages = messages[messages["time_ns"] > 0]
    for field, count, exponent in (("market", 4, 1.0), ("account", 50, 0.7)):
        shares = np.arange(1, count + 1) ** -exponent
        shares /= shares.sum()
        assert zipf(count, exponent) == pytest.approx(shares, rel=1e-9)
        found = np.bincount(messages[field], minlength=count + 1)[1:] / len(messages)
        assert found == pytest.approx(shares, abs=4 * (shares.max() / len(messages)) ** 0.5)
    assert len(messages) == pytest.approx(4 * 100 * 100, abs=4 * 200)


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.5], [0.9, 0.05, 0.05], [0.001, 0.499, 0.25, 0.25]])
def test_an_alias_table_gives_the_shares(shares: list[float]) -> None:
    rows = alias_table(np.array(shares)).reshape(-1, 2)
    found, stays = np.zeros(len(shares)), rows[:, 0].copy().view(np.float64)
    for row, (stay, other) in enumerate(zip(stays, rows[:, 1], strict=True)):
        found[row] += stay / len(shares)
        found[other] += (1 - stay) / len(shares)
    assert found == pytest.approx(shares, abs=1e-12)


def test_a_regime_multiplies_the_rates() -> None:
    flow = poisson(plain(), probe_bid=100.0)
    busy = replace(flow, regime=(Step(seconds=1.0, rate=1.0), Step(seconds=0.5, rate=5.0)))
    times = _times(busy, "zero-intelligence", 150) % 1.5
    first, second = int((times < 1).sum()), int((times >= 1).sum())
    assert first == pytest.approx(100 * 100, abs=4 * 100)
    assert second == pytest.approx(100 * 250, abs=4 * 158)


def test_a_regime_withdraws_the_orders_of_one_side() -> None:
    """Lifetimes of ten seconds; from the first second on, bids go twenty times as fast, those placed before too."""
    flow = poisson(plain(), cancel_per_s=((1e6, 0.1),), place_bid=100.0, place_ask=100.0)
    flow = replace(flow, regime=(Step(seconds=1), Step(seconds=100, bid_cancels=20)))
    messages = generate(flow, "zero-intelligence", 1, seconds=3)
    ends = messages[messages["kind"] == CommandKind.CANCEL]
    late = ends["time_ns"] > 2_000_000_000
    bids, asks = (int(np.count_nonzero(late & (ends["side"] == side))) for side in (Side.BID, Side.ASK))
    assert bids == pytest.approx(100, abs=4 * 10)  # as many as are placed
    assert asks == pytest.approx(0.1 * 100 * 2.2, abs=4 * 5)  # of those that rest, a tenth


def test_a_flash_crash_recovers() -> None:
    quiet, *crash = REGIMES["flash-crash"]
    generator = Generator(DEFAULT, "hawkes", 1, regime=(replace(quiet, seconds=60), *crash))
    asks, prices = generator.book.books[BOOKS + ASKS : BOOKS + ASKS + 1], []  # of market 1
    for second in (60, 80, 140):
        assert sum(len(part) for part in generator.chunks(until_s=second)) > 1_000
        prices.append(int(asks["best_key"][0]))
    before, bottom, after = prices
    assert bottom < before - 50
    assert after > bottom + (before - bottom) * 0.8


def test_what_a_regime_holds_back_excites_nothing() -> None:
    """Of each arrival half is left, of those that follow too: the rate is f mu / (1 - f n)."""
    flow = hawkes(plain(), (20.0,), {(0, PLACE_BID, PLACE_BID): 0.6}, place_bid=40.0)
    flow = replace(flow, regime=(Step(seconds=1_000, bids=0.5),))
    mean = 500 * 0.5 * 40 / (1 - 0.5 * 0.6)
    assert len(_times(flow, "hawkes", 500)) == pytest.approx(mean, abs=4 * mean**0.5 / (1 - 0.3))


def test_the_pace_makes_counts_vary_more_than_a_poisson_process() -> None:
    flow = poisson(plain(), probe_bid=100.0)
    lively = replace(
        flow,
        pace=(Pace(rate=0.5, seconds=5, following=(0, 1)), Pace(rate=2.0, seconds=2.5, following=(1, 0))),
    )
    counts = np.bincount(_times(lively, "zero-intelligence", 2_000).astype(int), minlength=2_000)
    assert counts.mean() == pytest.approx(100 * (0.5 * 2 + 2.0) / 3, rel=0.06)
    assert counts.var() / counts.mean() > 20


def test_sizes_distances_and_kinds_are_those_of_the_parameters() -> None:
    sizes = (Law("atom", 0.25, 70), Law("lognormal", 0.5, 1_000, 0.8), Law("pareto", 0.25, 2_000, 1.5))
    flow = replace(plain(), orders=(OrderClass(distance=(Law("uniform", 1, -0.5, 9.5),), size=sizes),))
    flow = replace(poisson(flow, place_bid=100.0), options=replace(flow.options, post_only=0.4, iceberg=0.1))
    messages = generate(flow, "zero-intelligence", 1, seconds=200)
    messages = messages[messages["time_ns"] > 0]
    count, lots = len(messages), messages["lots"]
    assert (lots == 70).mean() == pytest.approx(0.25, abs=4 * (0.25 / count) ** 0.5)
    above = 0.25 * (2_000 / 20_000) ** 1.5  # of the power law; of the lognormal one in ten thousand
    assert (lots > 20_000).mean() == pytest.approx(above, rel=0.2)
    assert np.quantile(lots, 0.5) == pytest.approx(1_000, rel=0.1)
    assert np.bincount(messages["price_ticks"].max() - messages["price_ticks"]) == pytest.approx(count / 10, rel=0.1)
    for flag, share in ((OrderFlag.POST_ONLY, 0.4), (OrderFlag.ICEBERG, 0.1)):
        assert (messages["flags"] & flag != 0).mean() == pytest.approx(share, abs=4 * (share / count) ** 0.5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sizes_differ_little_from_seed_to_seed(seed: int) -> None:
    """Of 400 orders a tenth is large, give or take three; of independent draws the deviation alone is six."""
    flow = replace(plain(orders=200), opening=(OrderClass(size=(Law("lognormal", 1, 1_000, 1.5),)),))
    flow = poisson(flow, probe_bid=1.0)
    lots = generate(flow, "zero-intelligence", seed, messages=400)["lots"]
    assert (lots > 1_000 * np.exp(1.5 * 1.2816)).sum() == pytest.approx(40, abs=3)


def test_memory_is_fixed_and_a_full_book_withdraws_early() -> None:
    flow = poisson(plain(), place_bid=1_000.0)
    generator = Generator(flow, "zero-intelligence", 1, capacity=64)
    live = 0
    for part in generator.chunks(5_000):
        live += int((part["kind"] == CommandKind.PLACE).sum()) - int((part["kind"] == CommandKind.CANCEL).sum())
    assert live == 64
