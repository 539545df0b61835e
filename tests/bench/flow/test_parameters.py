"""flow.toml: what is written is read again, and what is wrong is said in words."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.flow.__main__ import main
from bench.flow.flow_toml import dump, load, parts_left_out
from bench.flow.generator import Generator
from bench.flow.laws import Law, moment, table
from bench.flow.parameters import DEFAULT, Flow, OrderClass, Pace, Step
from bench.flow.regimes import REGIMES
from engine_core.config.toml_section import ConfigError

WRONG = {
    "x = 1": "x: is not a known key",
    "[hawkes]\nrate = 1": "hawkes.rate: is not a known key",
    "market = 3": "market: must be a table, is 3",
    "[market]\nstart_ticks = 1": "market.start_ticks: must be from 1000 to",
    "[market]\nstart_ticks = 1.5": "market.start_ticks: must be a whole number",
    "[takers]\nioc = nan": "takers.ioc: must be from 0 to 1",
    '[takers]\nioc = "a"': "takers.ioc: must be a number from 0 to 1",
    "[takers]\nioc = 0.9": "takers: market, ioc and fok are shares of the same orders",
    "[zero_intelligence]\nper_s = [1, 2]": "zero_intelligence.per_s: must be a list of 8 numbers",
    "[zero_intelligence]\nper_s = [1, 2, 3, 4, 5, 6, 7, -1]": "zero_intelligence.per_s: must be from 0 to",
    "[zero_intelligence]\nper_s = [1, 2, 3, 4, 5, 6, 7, true]": "zero_intelligence.per_s: must be numbers",
    "orders = []": "orders: must be a list of 1 to",
    '[[orders]]\nsize = [{ law = "normal", mean = 1 }]': "orders[1].size[1].law: must be one of atom, uniform",
    '[[orders]]\nsize = [{ law = "pareto", least = 1 }]': "orders[1].size[1].alpha: must be a number",
    '[[orders]]\nsize = [{ law = "atom", value = 0 }]': "orders[1].size[1].value: must be from 1 to",
    '[[orders]]\n[[orders]]\nsize = [{ law = "atom", value = 1, mean = 2 }]': "orders[2].size[1].mean: is not a",
    '[[orders]]\nsize = [{ law = "uniform", low = 5, high = 5 }]': "orders[1].size[1].high: must be above low",
    "[hawkes]\ndecay_per_s = [1]": "hawkes.excitation: must have one matrix for each",
    "[queue_reactive]\ntake_per_s = [1, 2]": "queue_reactive.place_per_s: must have 5 rows of 2 numbers",
    "[[pace]]\nfollowing = [1, 2]": "pace[1].following: must be 1 weights",
    '[hawkes]\nmark_power = 1.0\n[takers]\nsize = [{ law = "pareto", least = 1, alpha = 0.9 }]': "hawkes.mark_power: ",
    "[": "cannot be read",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_in_words(text: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(WRONG[text])) as refused:
        load(path)
    assert str(refused.value).startswith(str(path))


def test_a_process_that_would_explode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flow.toml"
    row = "[" + ", ".join(["0.5"] * 10) + "]"
    path.write_text(f"[hawkes]\ndecay_per_s = [1]\nexcitation = [[{', '.join([row] * 8)}]]")
    with pytest.raises(ConfigError, match=r"branching ratio is 4\.\d+ and must be below 1"):
        load(path)


@pytest.mark.parametrize("model", ["zero-intelligence", "hawkes", "queue-reactive"])
def test_a_flow_in_which_nothing_arrives_is_refused(model: str) -> None:
    nothing = (0.0,) * 8
    flow = replace(
        DEFAULT,
        zero_intelligence=replace(DEFAULT.zero_intelligence, per_s=nothing),
        hawkes=replace(DEFAULT.hawkes, base_per_s=nothing),
        queue_reactive=replace(DEFAULT.queue_reactive, place_per_s=((0.0,) * 31,) * 5),
    )
    with pytest.raises(ConfigError, match="nothing ever arrives"):
        Generator(flow, model)
    with pytest.raises(ConfigError, match="nothing ever arrives"):
        Generator(DEFAULT, model, regime=(Step(rate=0),))
    with pytest.raises(ConfigError, match="nothing ever arrives"):
        Generator(replace(DEFAULT, pace=(Pace(rate=0),)), model)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "flow.toml"
    own = replace(
        DEFAULT,
        orders=(OrderClass(weight=1e-7, size=(Law("weibull", 1 / 3, 12.5, 0.7),)), *DEFAULT.orders),
        pace=(Pace(following=(1, 2)), Pace(rate=3, following=(0.5, 0))),
        regime=REGIMES["flash-crash"],
    )
    for flow in (DEFAULT, own):
        dump(flow, path)
        assert load(path) == flow
    assert parts_left_out(path) == []
    path.write_text("\ufeff[takers]\nioc = 0.1\n")  # with the mark that some editors put first
    assert load(path).takers.ioc == 0.1 and {"hawkes", "orders"} < {*parts_left_out(path)}
    path.write_text("")
    assert load(path) == Flow()


@pytest.mark.parametrize("model", ["zero-intelligence", "queue-reactive"])
def test_the_command_takes_a_file(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, results = tmp_path / "flow.toml", tmp_path / "flow.json"
    assert main(["--write-params", str(path)]) == 0
    dump(replace(load(path), regime=(Step(rate=2.0),)), path)
    assert main(["--params", str(path), "--model", model, "--span", "2", "--json", str(results)]) == 0
    out = capsys.readouterr().out
    assert "digest" in out
    assert "engine           accepts 100.00%" in out
    assert "built-in" not in out
    path.write_text("[takers]\nioc = 0.5")
    assert main(["--params", str(path), "--messages", "1000"]) == 0
    assert f"built-in values  of what {path} does not have: market, " in capsys.readouterr().out
    path.write_text("[takers]\nioc = 2")
    assert main(["--params", str(path)]) == 1
    assert "takers.ioc: must be from 0 to 1, is 2" in capsys.readouterr().err


def test_moments_of_the_laws() -> None:
    mixture = (Law("atom", 1, 4), Law("uniform", 1, 0, 2), Law("exponential", 2, 3))
    assert moment(mixture, 1) == pytest.approx((4 + 1 + 2 * 3) / 4)
    assert moment((Law("pareto", 1, 2, 3),), 1) == pytest.approx(3)
    assert moment((Law("pareto", 1, 2, 3),), 3) == float("inf")
    assert moment((Law("weibull", 1, 2, 1),), 2) == pytest.approx(8)
    assert moment((Law("lognormal", 1, 5, 0.5),), 2) == pytest.approx(25 * 2.718281828**0.5)
    assert table(mixture)[:, 0].tolist() == [0.25, 0.5, 1.0]
