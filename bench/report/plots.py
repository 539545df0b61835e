"""The plots of a report, by Bokeh: the curves that a benchmark gives, and a histogram of each figure with samples.

Their background is the page's, and what is drawn on it can be read on the dark and on the light one.
"""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any, Literal, TypeAlias

import numpy as np
from bokeh.embed import components
from bokeh.models import HoverTool
from bokeh.plotting import figure as new_plot
from bokeh.resources import Resources

Scale: TypeAlias = Literal["linear", "log"]
FEWEST_SAMPLES = 8  # that are worth a histogram
MOST_HISTOGRAMS = 3  # of one benchmark; the table has all
MOST_POINTS = 200  # of a series: no more can be seen
HEIGHT = 260
INK, GRID = "#808a9c", "#808a9c"
PALETTE = ("#5b8ff0", "#2ba97a", "#e0607a", "#d79a2f", "#9a7be0", "#3aa6b9", "#b08060", "#8a94a6", "#c46fb4")


class Plots:
    """Collects the plots of a page, which share one script."""

    def __init__(self) -> None:
        self._plots: dict[str, Any] = {}

    def __bool__(self) -> bool:
        return bool(self._plots)

    def of(self, run: dict[str, Any]) -> Iterator[str]:
        """HTML that holds the place of each plot of a run."""
        for curve in run["curves"]:
            yield self._place(curve["title"], _curve(curve))
        many = [each for each in run["results"] if len(each["samples"]) >= FEWEST_SAMPLES]
        for each in many[:MOST_HISTOGRAMS]:
            yield self._place(f"{each['name']}, {each['unit']}", _histogram(each))

    def _place(self, title: str, plot: Any) -> str:
        key = f"plot{len(self._plots)}"
        self._plots[key] = plot
        return f"<h3>{escape(title)}</h3><!--{key}-->"

    def library(self) -> str:
        return str(Resources(mode="inline", minified=True, components=["bokeh"]).render_js())

    def fill(self, html: str) -> str:
        """The page with each plot in its place, and the script that draws them at its end."""
        script, places = components(self._plots)
        for key, place in places.items():
            html = html.replace(f"<!--{key}-->", place)
        return html.replace("</body>", f"{script}</body>")


def _plot(x_label: str, y_label: str, x_scale: Scale, y_scale: Scale) -> Any:
    plot = new_plot(
        height=HEIGHT,
        sizing_mode="stretch_width",
        x_axis_type=x_scale,
        y_axis_type=y_scale,
        x_axis_label=x_label,
        y_axis_label=y_label,
        tools="pan,box_zoom,wheel_zoom,reset",
        active_scroll=None,
    )
    plot.toolbar.logo = None
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    for axis in plot.axis:
        axis.axis_label_text_color = axis.major_label_text_color = INK
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = INK
    for grid in plot.grid:
        grid.grid_line_color, grid.grid_line_alpha = GRID, 0.2
    return plot


def _curve(curve: dict[str, Any]) -> Any:
    plot = _plot(curve["x_label"], curve["y_label"], curve["x_scale"], curve["y_scale"])
    logarithmic = curve["x_scale"] == "log", curve["y_scale"] == "log"
    for number, (name, x, y) in enumerate(curve["series"]):
        points = [point for point in zip(x, y, strict=True) if _fits(point, logarithmic)]
        points = points[:: max(1, len(points) // MOST_POINTS)]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        colour = PALETTE[number % len(PALETTE)]
        line = plot.line(_drawn(xs), _drawn(ys), line_color=colour, line_width=2, legend_label=name, name=name)
        line.nonselection_glyph = line.muted_glyph = None  # they would be a third of the page
    if curve["series"]:
        tips = [("", "$name"), (curve["x_label"], "$x"), (curve["y_label"], "$y")]
        plot.add_tools(HoverTool(tooltips=tips, visible=False))
        plot.legend.background_fill_color = plot.legend.border_line_color = None
        plot.legend.label_text_color = INK
        plot.legend.click_policy = "hide"
        plot.add_layout(plot.legend[0], "right")
    return plot


def _drawn(values: Iterable[float]) -> list[float]:
    """To the digits that can be seen."""
    return [float(f"{value:.4g}") for value in values]


def _fits(point: tuple[float, float], logarithmic: tuple[bool, bool]) -> bool:
    return all(value > 0 or not scale for value, scale in zip(point, logarithmic, strict=True))


def _histogram(figure: dict[str, Any]) -> Any:
    counts, edges = np.histogram(np.asarray(figure["samples"], float), bins="auto")
    plot = _plot(figure["unit"], "samples", "linear", "linear")
    bars = plot.quad(
        top=counts.tolist(),
        bottom=0,
        left=edges[:-1].tolist(),
        right=edges[1:].tolist(),
        fill_color=PALETTE[0],
        fill_alpha=0.7,
        line_color=PALETTE[0],
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[(figure["unit"], "@left to @right"), ("samples", "@top")]))
    return plot
