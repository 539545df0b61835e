"""The report: one page that needs nothing but itself."""

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from bench.report.__main__ import main
from bench.report.page import DARK, LIGHT, page
from engine_core.operator.look.stages import COLUMNS
from tests.bench.report.form import document
from tests.browser.conftest import FLAGS, chromium

__all__ = ["chromium"]  # a fixture
TOKENS = Path(__file__).parents[3] / "frontend/src/ui/tokens.css"
HOSTILE = "</script><script>alert(1)</script>&\"'"
CURVES = [
    {
        **{"title": "rate against latency", "x_label": "orders/s", "y_label": "ms", "x_scale": "log", "y_scale": "log"},
        "series": [["p50", [0.0, 1.0, 10.0], [1.0, 2.0, 3.0]], ["none", [], []]],
    },
    {
        **{"title": HOSTILE, "x_label": "s", "y_label": "cores", "x_scale": "linear", "y_scale": "linear"},
        "series": [["engine", [float(each) for each in range(5_000)], [0.5] * 5_000]],
    },
    {**{"title": "empty", "x_label": "x", "y_label": "y", "x_scale": "linear", "y_scale": "linear"}, "series": []},
]


def measured() -> dict[str, Any]:
    rate = {"name": "rate", "value": 4.0, "unit": "orders/s", "better": "higher", "samples": list(range(1, 31))}
    name = {"name": HOSTILE, "value": 5.0, "unit": "ms", "better": "", "samples": []}
    checks = [{"name": "sum", "passed": True, "text": ""}, {"name": "answers", "passed": False, "text": HOSTILE}]
    stage = {"stage": HOSTILE, "orders": 3} | dict.fromkeys(COLUMNS, 4321.0)
    return document(rate, name, curves=CURVES, checks=checks, stages=[stage], label="one", seed=7)


def test_the_page_opens_without_a_network_and_without_an_error(chromium: str, tmp_path: Path) -> None:
    source, out = tmp_path / "all.json", tmp_path / "all.html"
    source.write_text(json.dumps(document(name="all", runs=[measured(), document()])))
    assert main([str(source), "-o", str(out)]) == 0
    assert out.stat().st_size < 2_000_000
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            tab = browser.new_page()
            requests, errors = list[str](), list[str]()
            tab.on("request", lambda request: requests.append(request.url))
            tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            tab.on("pageerror", lambda error: errors.append(str(error)))
            tab.goto(out.as_uri())
            tab.locator("canvas").nth(3).wait_for(state="attached")  # three curves, a histogram
            assert tab.locator("td", has_text="4,321").count() == len(COLUMNS)
            assert tab.locator("td", has_text=HOSTILE).first.is_visible() and tab.locator("h2").count() == 2
            for scheme, colours in (("dark", DARK), ("light", LIGHT)):
                tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                shown = tab.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--bg').trim()")
                assert shown == colours["bg"]
            tab.locator("#save[href^=blob]").wait_for()
            with tab.expect_download() as download:
                tab.locator("#save").click()
            assert json.loads(download.value.path().read_text()) == json.loads(source.read_text())
        finally:
            browser.close()
    local = [url for url in requests if not url.startswith(("blob:", "data:"))]
    assert local == [out.as_uri()] and errors == []


def test_its_colours_are_those_of_the_trading_page() -> None:
    rules = dict(re.findall(r"^(:root\S*) {(.*?)^}", TOKENS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    for colours, rule in ((DARK, rules[":root"]), (LIGHT, rules[':root[data-colours="light"]'])):
        assert {name: re.findall(rf"--{name}: (#\w+);", rule)[0] for name in colours} == colours


def test_a_benchmark_without_plots_needs_no_library() -> None:
    assert len(page(document())) < 20_000


def test_it_says_what_the_text_says_beside_the_figures() -> None:
    """Under the caveats nobody who gets the page should read the figures without; whichever benchmark has them."""
    members = {
        **{"warnings": ["the generator fell behind", HOSTILE], "problems": ["one order is missing"]},
        **{"scheduled": 13_600, "max_ms": 18.7, "p9999_ms": None, "interrupted": False, "limit": "engine"},
        **{"refusals": {"TOO_MANY_REQUESTS: Over the limit": 7_511}, "accounts": {"known": 42, HOSTILE: 1}},
        **{"notes": {"turned away": 8}, "shares": {"parts": {"engine": {"cores": 0.68}}}, "rounds": [1.0, 2.0]},
    }
    html = page(document(**members))
    for caveat in ("the generator fell behind", escape(HOSTILE), "one order is missing"):
        assert f'<p class="missed">⚠ {caveat}</p>' in html
    rows = re.findall(r'<tr><td>([^<]*)</td><td class="number">([^<]*)</td></tr>', html)
    assert dict(rows) == {
        **{"scheduled": "13,600", "max_ms": "18.7", "interrupted": "no", "limit": "engine"},
        **{"refusals: TOO_MANY_REQUESTS: Over the limit": "7,511", "notes: turned away": "8"},
        **{"accounts: known": "42", f"accounts: {escape(HOSTILE)}": "1", "shares: parts: engine: cores": "0.68"},
    }
    assert HOSTILE not in html


def test_it_does_not_replace_what_it_is_made_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source := tmp_path / "any.json").write_text(text := json.dumps(document()))
    (tmp_path / "link.html").symlink_to(source)
    for out in ("any.json", "link.html"):
        with pytest.raises(SystemExit):
            main([str(source), "-o", str(tmp_path / out)])
        assert "name another file" in capsys.readouterr().err
    assert source.read_text() == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("nothing", "is not JSON"),
        (json.dumps(document(curves=[{**CURVES[0], "series": [["a", [1.0], []]]}])), "another number of x than of y"),
        (json.dumps(document(curves=[{"title": 5}])), "Expected `str`, got `int` - at `$.curves[0].title`"),
        (json.dumps(document(runs=[{"name": "one"}])), "at `$.runs[0]`"),
    ],
)
def test_another_file_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    source = tmp_path / "any.json"
    source.write_text(content)
    assert main([str(source)]) == 2
    assert words in capsys.readouterr().err and not source.with_suffix(".html").exists()
