"""A result file as one HTML page that needs nothing but itself: tables, plots that can be zoomed, and the raw JSON.

It may be sent to anyone and opened without a network. Its colours are the trading page's, dark or light as the reader's
system has it. Non-goals: judging the figures (compare/).
"""

import base64
import gzip
import json
from collections.abc import Iterator
from html import escape
from typing import Any

from bench.report.plots import Plots
from bench.report.reading import FORM_MEMBERS, runs_of
from engine_core.operator.look.stages import COLUMNS, shown

DARK = {
    **{"bg": "#0a0d12", "panel": "#10141b", "line": "#1e2530", "text": "#e4e8ef", "muted": "#8e98aa"},
    **{"up": "#2fbf8a", "down": "#f7667c", "accent": "#6ea0ff"},
}
LIGHT = {
    **{"bg": "#e9ecf1", "panel": "#ffffff", "line": "#e1e5ec", "text": "#171c26", "muted": "#566070"},
    **{"up": "#08744b", "down": "#c01f3a", "accent": "#1b56c4"},
}
STYLE = """
body { margin: 0 auto; max-width: 1100px; padding: 20px; background: var(--bg); color: var(--text);
  font: 13px/1.5 system-ui, sans-serif; }
section, header { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 14px 20px;
  margin-bottom: 10px; overflow-x: auto; }
h1 { font-size: 20px; margin: 0; } h2 { font-size: 16px; margin: 0; } h3 { font-size: 13px; margin: 16px 0 4px; }
p { margin: 4px 0; } .muted { color: var(--muted); } a { color: var(--accent); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: 8px; }
th { text-align: left; font-weight: normal; color: var(--muted); }
th, td { padding: 2px 16px 2px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; } .passed { color: var(--up); } .missed { color: var(--down); }
"""
CAVEATS = ("warnings", "problems")  # members of a document that are lists of texts
SAVE = """
const packed = Uint8Array.from(atob(document.getElementById("raw").textContent), (each) => each.charCodeAt(0));
const raw = new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
raw.blob().then((blob) => { document.getElementById("save").href = URL.createObjectURL(blob); });
"""


def page(document: dict[str, Any]) -> str:
    plots = Plots()
    sections = [_section(run, plots) for run in runs_of(document)]
    summary = _checks(document) if "runs" in document else ""
    html = "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(_title(document))}</title>",
            f"<style>{_colours()}{STYLE}</style>",
            plots.library() if plots else "",
            "</head>\n<body>",
            _header(document, summary),
            *sections,
            f'<script type="application/gzip" id="raw">{_raw(document)}</script>',
            f"<script>{SAVE}</script>",
            "</body>\n</html>\n",
        ]
    )
    return plots.fill(html) if plots else html


def _colours() -> str:
    dark, light = ("".join(f"--{name}: {value}; " for name, value in each.items()) for each in (DARK, LIGHT))
    return (
        f"\n:root {{ color-scheme: dark; {dark}}}\n"
        f"@media (prefers-color-scheme: light) {{ :root {{ color-scheme: light; {light}}} }}"
    )


def _raw(document: dict[str, Any]) -> str:
    """Packed, because it has every sample: a page that can be sent is the smaller for it."""
    return base64.b64encode(gzip.compress(json.dumps(document).encode(), mtime=0)).decode()


def _title(document: dict[str, Any]) -> str:
    return f"exchange bench {document['name']}, {document['started']}"


def _header(document: dict[str, Any], summary: str) -> str:
    rows = {
        "machine": _words(document["machine"]),
        "exchange": f"version {document['version']}, commit {document['commit'] or 'unknown'}",
        "packages": _words(document["packages"]),
        "parameters": _words(document["parameters"]),
        "started": f"{document['started']}, took {document['seconds']:,.0f} s",
        "load before, after": "; ".join(_numbers(load) for load in document["load"].values()),
    }
    return (
        f"<header><h1>{escape(_title(document))}</h1>"
        f"<table>{''.join(f'<tr><th>{name}</th><td>{escape(text)}</td></tr>' for name, text in rows.items())}</table>"
        f'{summary}<p><a id="save" href="#" download="{escape(document["name"])}.json">the raw JSON</a></p></header>'
    )


def _section(run: dict[str, Any], plots: Plots) -> str:
    name = run.get("label") or run["name"]
    seed = "" if run["seed"] is None else f", seed {run['seed']}"
    about = f"{_words(run['parameters'])}{seed}; took {run['seconds']:,.0f} s"
    return "\n".join(
        [
            f'<section id="{escape(name)}"><h2>{escape(name)}</h2><p class="muted">{escape(about)}</p>',
            _caveats(run),
            _figures(run["results"]),
            _checks(run),
            _stages(run.get("stages", [])),
            _own(run),
            *plots.of(run),
            "</section>",
        ]
    )


def _figures(figures: list[dict[str, Any]]) -> str:
    if not figures:
        return ""
    head = "".join(
        f"<th>{name}</th>" for name in ("figure", "value", "unit", "better", "measured", "lowest", "highest")
    )
    return f"<table><tr>{head}</tr>{''.join(map(_row, figures))}</table>"


def _row(figure: dict[str, Any]) -> str:
    samples = figure["samples"]
    spread = (f"{len(samples)}", _number(min(samples)), _number(max(samples))) if samples else ("", "", "")
    numbers = "".join(f'<td class="number">{each}</td>' for each in spread)
    return (
        f'<tr><td>{escape(figure["name"])}</td><td class="number">{_number(figure["value"])}</td>'
        f"<td>{escape(figure['unit'])}</td><td>{escape(figure['better'])}</td>{numbers}</tr>"
    )


def _caveats(run: dict[str, Any]) -> str:
    """Above the figures, which nobody should read without them."""
    texts = [str(text) for name in CAVEATS for text in run.get(name) or ()]
    return "".join(f'<p class="missed">⚠ {escape(text)}</p>' for text in texts)


def _own(run: dict[str, Any]) -> str:
    """What a benchmark counts and says beside its figures, under the names that the JSON has for it."""
    own = {name: value for name, value in run.items() if name not in FORM_MEMBERS}
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{escape(text)}</td></tr>' for name, text in _flat(own)
    )
    return f"<table><tr><th>also counted and said</th><th></th></tr>{rows}</table>" if rows else ""


def _flat(members: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each single value; lists are measurements, whose figures stand above."""
    for name, value in members.items():
        if isinstance(value, dict):
            yield from ((f"{name}: {inner}", text) for inner, text in _flat(value))
        elif isinstance(value, bool):
            yield name, "yes" if value else "no"
        elif isinstance(value, int | float):
            yield name, _number(value)
        elif isinstance(value, str) and value:
            yield name, value


def _stages(stages: list[dict[str, Any]]) -> str:
    """Where the time of orders went."""
    if not stages:
        return ""
    head = "".join(f"<th>{name}</th>" for name in ("stage of an order", "orders", "mean, µs", "p50", "p99", "max"))
    rows = "".join(
        f"<tr><td>{escape(row['stage'])}</td>"
        + "".join(f'<td class="number">{shown(row[name])}</td>' for name in ("orders", *COLUMNS))
        + "</tr>"
        for row in stages
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _checks(run: dict[str, Any]) -> str:
    return "".join(_check(check) for check in run["checks"])


def _check(check: dict[str, Any]) -> str:
    kind, mark = ("passed", "✓") if check["passed"] else ("missed", "✗")
    text = f": {check['text']}" if check["text"] else ""
    return f'<p><span class="{kind}">{mark}</span> {escape(check["name"] + text)}</p>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _words(members: dict[str, Any]) -> str:
    return ", ".join(_pairs(members)) or "none"


def _pairs(members: dict[str, Any]) -> Iterator[str]:
    for name, value in members.items():
        if value is not None and value != "":
            yield f"{name} {value}"
