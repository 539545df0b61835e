"""Fits find the parameters of flows that were made with known ones; what they cannot find they say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.calibrate import __main__ as calibrate
from bench.calibrate import hawkes, mixtures, orders, reference, tuning
from bench.calibrate.arrivals import arrivals_of
from bench.calibrate.mixtures import lognormals, with_atoms
from bench.calibrate.tuning import faster
from bench.flow import flow_toml
from bench.flow.generator import Generator, generate
from bench.flow.laws import Law, moment
from bench.flow.messages import MESSAGE
from bench.flow.parameters import SOURCES, TYPES, Flow, Hawkes, Market, Options, OrderClass, Reference
from bench.realism import __main__ as realism
from bench.realism import judging
from bench.realism.book_levels import ASKS, BIDS, changes_of, levels_after
from bench.realism.tape import Played, of_messages, play
from engine_core.wire.codes import CommandKind, OrderFlag

PLAIN = replace(Flow(), options=Options(post_only=0.0, iceberg=0.0, stop=0.0))


def levels_of(played: Played) -> np.ndarray:
    """The best bid after each change of the book."""
    changes = changes_of(played.events)
    return levels_after(changes, np.arange(len(changes.event)) + 1, 1).price_ticks[:, BIDS, 0]


def test_a_mixture_of_lognormals_is_found() -> None:
    random = np.random.default_rng(1)
    values = np.concatenate([np.exp(random.normal(2, 0.5, 6_000)), np.exp(random.normal(7, 1.0, 4_000))])
    first, second = sorted(lognormals(values, 2), key=lambda law: law.first)
    assert (first.weight, np.log(first.first), first.second) == pytest.approx((0.6, 2, 0.5), abs=0.05)
    assert (second.weight, np.log(second.first), second.second) == pytest.approx((0.4, 7, 1.0), abs=0.05)


def test_lives_that_were_cut_short_count_as_longer() -> None:
    random = np.random.default_rng(2)
    lives, ends = np.exp(random.normal(1, 1, 8_000)), np.exp(random.normal(1.5, 1, 8_000))
    (law,) = lognormals(np.minimum(lives, ends), 1, lives > ends)
    assert (np.log(law.first), law.second) == pytest.approx((1, 1), abs=0.06)
    (naive,) = lognormals(np.minimum(lives, ends), 1)
    assert np.log(naive.first) < 0.7


def test_common_sizes_become_atoms() -> None:
    random = np.random.default_rng(3)
    values = np.concatenate([np.full(500, 700), np.full(300, 1_500), random.integers(10_000, 10_000_000, 1_200)])
    laws = with_atoms(values, 0.05, 1)
    assert [(law.first, law.weight) for law in laws if law.law == "atom"] == [(700.0, 0.25), (1500.0, 0.15)]
    assert sum(law.weight for law in laws) == pytest.approx(1)


def test_sizes_have_the_mean_and_the_largest_that_was_seen() -> None:
    """Twenty orders of a heavy tail: what is fitted to them reaches far beyond the largest, and is not drawn."""
    lots = np.exp(np.random.default_rng(4).normal(7, 2.5, 20)).astype(np.int64)
    largest = float(lots.max())
    kind = OrderClass(size=orders.sizes(lots, largest), most_lots=largest)
    drawn = generate(replace(PLAIN, opening=(kind,), market=Market(orders=4_000)), "hawkes", 1, messages=8_000)["lots"]
    assert drawn.max() == largest
    assert drawn.mean() == pytest.approx(lots.mean(), rel=0.05)


def test_times_of_one_millisecond_keep_their_order_and_their_millisecond() -> None:
    told = np.array([0.001, 0.001, 0.001, 0.002, 0.007, 0.007])
    times = hawkes.spread_within_ms(told, np.random.default_rng(1))
    assert (np.diff(times) >= 0).all()
    assert np.array_equal(np.floor(times * 1_000), [1, 1, 1, 2, 7, 7])


@pytest.fixture(scope="module")
def played() -> Played:
    """Five minutes of a Hawkes process of known parameters: placements that excite themselves, through the engine."""
    excitation = np.zeros((1, TYPES, len(SOURCES)))
    excitation[0, 0, 0], excitation[0, 1, 0] = 0.3, 0.2
    rows = tuple(tuple(tuple(row) for row in scale) for scale in excitation.tolist())
    model = Hawkes((40.0, 40.0, 1.0, 1.0, 4.0, 4.0, 0.0, 0.0), (50.0,), rows)
    return play(of_messages(generate(replace(PLAIN, hawkes=model), "hawkes", 7, seconds=300.0)))


def test_the_likelihood_finds_the_excitation(played: Played) -> None:
    arrivals, _ = arrivals_of(played, 300 * 10**9)
    fit = hawkes.fit(arrivals, np.random.default_rng(1), (50.0,))
    found = np.array(fit.model.excitation)[0]
    assert fit.log_likelihood > fit.poisson_log_likelihood + 100
    assert (found[0, 0], found[1, 0]) == pytest.approx((0.3, 0.2), abs=0.05)
    assert found[0, 1] < 0.05 and found[4].sum() < 0.15
    assert fit.model.base_per_s[:2] == pytest.approx((40, 40), rel=0.1)
    expected = np.array(fit.model.base_per_s) + found @ arrivals.per_s()
    assert expected[:6] == pytest.approx(arrivals.per_s()[:6], rel=0.02)  # the mean rate is that of the data


def test_faster_keeps_the_mean_rate() -> None:
    excitation = np.zeros((2, TYPES, len(SOURCES)))
    excitation[0, 0, 0], excitation[1, 0, 0] = 0.1, 0.3
    rows = tuple(tuple(tuple(row) for row in scale) for scale in excitation.tolist())
    per_s = np.array([100.0] + [0.0] * (len(SOURCES) - 1))
    changed = faster(Hawkes((60.0,) + (0.0,) * (TYPES - 1), (500.0, 2.0), rows), 3.0, per_s)
    assert changed.excitation[0][0][0] == pytest.approx(0.3)
    assert changed.excitation[1][0][0] == pytest.approx(0.1)


def test_what_each_message_was(played: Played) -> None:
    arrivals, opening = arrivals_of(played, 300 * 10**9)
    commands = played.tape.commands[played.tape.opening :]
    cancels = int((commands["kind"] == CommandKind.CANCEL).sum())
    probes = int((commands["flags"] & OrderFlag.POST_ONLY != 0).sum())
    counts = np.bincount(arrivals.source // 2, minlength=5)
    assert abs(counts[4] - cancels) <= 2 and counts[2] == probes > 1_000
    assert counts.sum() + arrivals.short == len(commands)
    assert len(opening.away) == played.tape.opening > 300
    assert (arrivals.of(2).through >= 0).all()


def test_a_flow_is_fitted_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "ROUNDS", 2)  # enough to see that it runs
    monkeypatch.setattr(mixtures, "ROUNDS", 20)
    flow, fitted = tmp_path / "flow.npy", tmp_path / "flow.toml"
    np.save(flow, generate(PLAIN, "hawkes", 3, seconds=240.0))
    assert calibrate.main([str(flow), "-o", str(fitted), "--train", "0.5"]) == 0
    assert "not fitted:" in capsys.readouterr().out
    flow_toml.load(fitted)
    page, found = tmp_path / "page.html", tmp_path / "found.json"
    options = ["--train", "0.5", "--seconds", "60", "--model", "hawkes", "--html", str(page), "--json", str(found)]
    assert realism.main([str(flow), str(fitted), *options]) == 0
    printed = capsys.readouterr().out
    assert "hawkes meets" in printed and "lifetime, ms" in printed
    assert '"floor"' in found.read_text() and "lifetime" in page.read_text()


def test_too_little_to_fit_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow = tmp_path / "flow.npy"
    np.save(flow, generate(PLAIN, "hawkes", 3, seconds=2.0))
    assert calibrate.main([str(flow), "-o", str(tmp_path / "flow.toml")]) == 1
    assert "500 are needed for a fit" in capsys.readouterr().err
    assert calibrate.main([str(tmp_path / "nothing"), "-o", str(tmp_path / "flow.toml")]) == 1
    assert "is missing: a capture is a folder" in capsys.readouterr().err


@pytest.fixture(scope="module")
def following() -> Flow:
    """Makers follow a price that rises by seven ticks twice a second."""
    jumping = Reference(
        quotes=6, quotes_ahead=2, wait=(Law("exponential", 1, 0.5),), ticks=(Law("atom", 1, 7),), again=1.0,
        delay=(Law("atom", 1, 0.01),),
    )  # fmt: skip
    return replace(PLAIN, reference=jumping)


def test_a_reference_that_jumps_takes_the_book_with_it_in_chunks_of_any_size(following: Flow) -> None:
    flow, alone = (generate(each, "hawkes", 5, seconds=30.0) for each in (following, PLAIN))
    generator, parts = Generator(following, "hawkes", 5), []
    while sum(map(len, parts)) < len(flow):
        part = np.empty(7, MESSAGE)
        parts.append(part[: generator.fill(part)])
    assert np.concatenate(parts)[: len(flow)].tobytes() == flow.tobytes()
    moved, stayed = (abs(int(np.diff(levels_of(play(of_messages(each)))[[1_000, -1]])[0])) for each in (flow, alone))
    assert moved == pytest.approx(7 * 2 * 30, rel=0.4) and moved > 4 * stayed


def test_jumps_are_found(following: Flow) -> None:
    played = play(of_messages(generate(following, "hawkes", 5, seconds=120.0)))
    arrivals, _ = arrivals_of(played, 120 * 10**9)
    found = reference.fit(played, 120 * 10**9, arrivals, np.random.default_rng(1)).reference
    assert max(found.ticks, key=lambda law: law.weight).first == 7
    assert found.again > 0.5
    assert moment(found.wait, 1) == pytest.approx(0.5, rel=0.4)


def test_a_jump_is_followed_by_quotes_on_the_side_that_it_leaves_behind(following: Flow) -> None:
    """When the price rises those who buy come after it, and those who sell when it falls; the fit counts them."""
    calm = replace(following.hawkes, base_per_s=(2.0, 2.0, 0.05, 0.05, 1.0, 1.0, 0.0, 0.0))
    jumping = replace(following.reference, wait=(Law("atom", 1, 8.0),), delay=(Law("exponential", 1, 0.3),))
    flow = replace(following, hawkes=calm, reference=jumping)
    played = play(of_messages(generate(flow, "hawkes", 5, seconds=240.0)))
    arrivals, _ = arrivals_of(played, 240 * 10**9)
    found = reference.fit(played, 240 * 10**9, arrivals, np.random.default_rng(1))
    assert found.reference.quotes == pytest.approx(6, abs=2) and found.reference.quotes_ahead <= 3
    assert found.quotes.sum() == pytest.approx(6 * 30, rel=0.4)
    best = levels_of(played)
    assert set(arrivals.side[found.quotes].tolist()) == {BIDS if best[-1] > best[0] else ASKS}


def test_long_after_a_jump_the_next_goes_either_way(following: Flow) -> None:
    def moved(again_s: float) -> int:
        flow = replace(following, reference=replace(following.reference, again_s=again_s))
        best = levels_of(play(of_messages(generate(flow, "hawkes", 5, seconds=60.0))))
        return abs(int(best[-1] - best[1_000]))

    assert moved(10.0) > 3 * moved(0.0)


def test_probes_are_sent_again_after_a_round_trip_in_chunks_of_any_size() -> None:
    """Nine of ten refusals are followed by a further try: ten tries in the mean, 35 ms apart; the fit finds both."""
    trip = Law("lognormal", 1.0, 0.035, 0.05)
    flow = replace(PLAIN, takers=replace(PLAIN.takers, probe_again=0.9, probe_delay=(trip,)))
    messages = generate(flow, "hawkes", 5, seconds=60.0)
    generator, parts = Generator(flow, "hawkes", 5), []
    while sum(map(len, parts)) < 5_000:
        part = np.empty(7, MESSAGE)
        parts.append(part[: generator.fill(part)])
    assert np.concatenate(parts)[:5_000].tobytes() == messages[:5_000].tobytes()
    probes = messages["flags"] == OrderFlag.POST_ONLY
    alone = generate(PLAIN, "hawkes", 5, seconds=60.0)["flags"] == OrderFlag.POST_ONLY
    assert probes.sum() == pytest.approx(10 * alone.sum(), rel=0.2)
    arrivals, opening = arrivals_of(play(of_messages(messages)), 60 * 10**9)
    takers = orders.fit(arrivals, opening, PLAIN, np.random.default_rng(1)).flow.takers
    assert takers.probe_again == pytest.approx(0.9, abs=0.05)
    assert takers.probe_delay[0].first == pytest.approx(0.035, rel=0.1)


def test_a_flow_is_judged_without_self_trades_which_a_tape_does_not_know() -> None:
    flow = replace(PLAIN, population=replace(PLAIN.population, self_trades=0.5))
    seen, alone = (judging.synthetic(each, "hawkes", 3, 5) for each in (flow, PLAIN))
    assert flow.population.self_trades != PLAIN.population.self_trades
    for name, samples in seen.samples.items():
        assert np.array_equal(samples.values, alone.samples[name].values)


def test_orders_that_are_due_soon_are_withdrawn_together_in_chunks_of_any_size() -> None:
    together = replace(PLAIN, options=replace(PLAIN.options, together=0.8))
    flow, alone = (generate(each, "hawkes", 5, messages=6_000) for each in (together, PLAIN))
    generator, parts = Generator(together, "hawkes", 5), []
    while sum(map(len, parts)) < 6_000:
        part = np.empty(7, MESSAGE)
        parts.append(part[: generator.fill(part)])
    assert np.concatenate(parts)[:6_000].tobytes() == flow.tobytes()

    def within_2_ms(messages: np.ndarray) -> float:
        after = np.diff(messages["time_ns"])[messages["kind"][1:] == CommandKind.CANCEL]
        return float(np.mean(after <= 2_000_000))

    assert within_2_ms(flow) > within_2_ms(alone) + 0.2
