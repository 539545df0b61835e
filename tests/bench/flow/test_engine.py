"""The engine accepts what it should, and its book is the generator's, order by order."""

from dataclasses import replace

import numpy as np
import pytest

from bench.flow.agreement import hold_against_engine
from bench.flow.generator import generate
from bench.flow.laws import Law
from bench.flow.parameters import DEFAULT, MODELS, Options, Population, Takers
from bench.flow.regimes import REGIMES
from engine_core.wire.codes import SelfTrade, TimeInForce

MIXED = replace(
    DEFAULT,
    population=Population(markets=2, accounts=100, self_trades=0.05),
    options=Options(iceberg=0.1, stop=0.2, stop_distance=(Law("exponential", 1, 2),)),
    takers=replace(Takers(), fok=0.2, ioc=0.3),
)


@pytest.mark.parametrize("model", MODELS)
def test_both_books_are_the_same(model: str) -> None:
    agreement = hold_against_engine(MIXED, model, 4, 30_000, REGIMES["swing"])
    assert agreement.differing == 0, f"{agreement.differing} of {agreement.live} orders"
    assert agreement.refused == {}
    assert agreement.live > 100
    for event in ("FILL", "EXPIRED", "AMENDED", "UNRESTED", "TRIGGERED", "REPLENISHED"):
        assert agreement.events[event] > 15, f"too few {event} for this test to say anything: {agreement.events}"


def test_takers_meet_their_own_orders_as_often_as_they_should() -> None:
    share = 0.3
    only_ioc = Takers(market=0, ioc=1, fok=0)
    flow = replace(
        MIXED, population=replace(MIXED.population, self_trades=share), takers=only_ioc, options=Options(stop=0)
    )
    messages, seconds = 40_000, generate(flow, "zero-intelligence", 2, messages=40_000)
    agreement = hold_against_engine(flow, "zero-intelligence", 2, messages)
    takers = int(np.count_nonzero(seconds["time_in_force"] == TimeInForce.IOC))
    assert takers > 900
    assert agreement.self_trades / takers == pytest.approx(share, abs=4 * (share / takers) ** 0.5)


def test_each_way_to_prevent_a_self_trade_comes_up() -> None:
    modes = generate(MIXED, "hawkes", 1, messages=30_000)["self_trade"]
    for mode in (SelfTrade.REJECT_TAKER, SelfTrade.REJECT_MAKER, SelfTrade.REJECT_BOTH):
        assert (modes == mode).any()


@pytest.mark.parametrize("regime", [name for name in REGIMES if name != "normal"])
def test_every_regime_is_accepted(regime: str) -> None:
    assert hold_against_engine(DEFAULT, "hawkes", 9, 5_000, REGIMES[regime]).passed
