"""Plots as SVG and as the element `<tdl-curve>`, which is complete without JavaScript and comes alive with it."""

import html
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_tdl.site.points import Line, Plot

WIDTH, HEIGHT = 640, 360
_BOX = (56, 14, WIDTH - 14, HEIGHT - 44)  # left, top, right, bottom of the area of the curves
_TABLE_ROWS = 25


@dataclass(frozen=True)
class View:
    """The rectangle of x and y that is shown, and the box in pixels that it fills."""

    x: tuple[float, float]
    y: tuple[float, float]
    box: tuple[float, float, float, float] = _BOX

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point in pixels. What is far outside is held just outside, as no renderer can draw 1e38."""
        left, top, right, bottom = self.box
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = min(max((y - self.y[0]) / (self.y[1] - self.y[0]), -2.0), 3.0)
        return left + across * (right - left), bottom - up * (bottom - top)


def view_of(plot: Plot) -> View:
    """All of the values with the default arguments, and of derivatives, which may be steep, what is not far off."""
    if plot.bars:
        return View((-0.5, len(plot.x) - 0.5), (0.0, 1.0))
    ends: dict[str, list[float]] = {"value": [], "derivative": [], "parameter": []}
    for line, values in zip(plot.lines, plot.curves[plot.start], strict=True):
        ends[line.role] += [y for y in values if y is not None]
    low, high = min(ends["value"], default=0.0), max(ends["value"], default=1.0)
    room = 0.5 * (high - low)
    slopes = ends["derivative"] + ends["parameter"]
    low = min(low, max(min(slopes, default=low), low - room))
    high = max(high, min(max(slopes, default=high), high + room))
    margin = 0.06 * (high - low) or 1.0
    return View((plot.x[0], plot.x[-1]), (low - margin, high + margin))


def path(view: View, xs: Sequence[float], ys: Sequence[float | None], breaks: Sequence[int]) -> str:
    """The path of a line; the pen is lifted over what is not finite, and where the function jumps."""
    parts, pen_down = [], False
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if y is None:
            pen_down = False
            continue
        across, up = view.at(x, y)
        parts.append(f"{'L' if pen_down else 'M'}{across:.1f} {up:.1f}")
        pen_down = i not in breaks
    return "".join(parts)


def ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Round numbers between two ends."""
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def svg(plot: Plot, name: str, axes: bool = True) -> str:
    """The plot with its default arguments. `name` makes its identifiers unique in a page."""
    view = view_of(plot)
    left, top, right, bottom = view.box
    clip = f"{name}-box"
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(plot.title)}">',
        f'<clipPath id="{clip}"><rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/></clipPath>',
        *(_axes(plot, view) if axes else _zero_lines(view)),
        f'<g clip-path="url(#{clip})" class="tdl-lines">',
    ]
    curves = plot.curves[plot.start]
    if plot.bars:
        parts += [f'<rect class="tdl-bar" {_bar(view, i, value or 0.0)}/>' for i, value in enumerate(curves[0])]
    else:
        for line, ys, breaks in reversed(list(zip(plot.lines, curves, plot.breaks[plot.start], strict=True))):
            hidden = ' visibility="hidden"' if plot.choose and line.role != "value" else ""
            parts.append(f'<path class="{style(line)}" d="{path(view, plot.x, ys, breaks)}"{hidden}/>')
    return "".join([*parts, "</g></svg>"])


def style(line: Line) -> str:
    """The classes of a line: what it is, and its group."""
    return f"tdl-{line.role} tdl-group-{line.group}"


def _bar(view: View, place: int, value: float) -> str:
    left, top = view.at(place - 0.35, value)
    right, bottom = view.at(place + 0.35, 0.0)
    return f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'


def _zero_lines(view: View) -> Iterator[str]:
    left, top, right, bottom = view.box
    if view.y[0] < 0 < view.y[1]:
        up = view.at(0, 0)[1]
        yield f'<path class="tdl-zero" d="M{left} {up:.1f}H{right}"/>'
    if view.x[0] < 0 < view.x[1]:
        across = view.at(0, 0)[0]
        yield f'<path class="tdl-zero" d="M{across:.1f} {top}V{bottom}"/>'


def _axes(plot: Plot, view: View) -> Iterator[str]:
    left, top, right, bottom = view.box
    for y in ticks(*view.y):
        up = view.at(0, y)[1]
        yield f'<path class="tdl-grid" d="M{left} {up:.1f}H{right}"/>'
        yield f'<text class="tdl-tick" x="{left - 8}" y="{up + 4:.1f}" text-anchor="end">{number(y)}</text>'
    places = list(enumerate(plot.x)) if plot.bars else [(x, number(x)) for x in ticks(*view.x, most=10)]
    for x, label in places:
        across = view.at(x, 0)[0]
        if not plot.bars:
            yield f'<path class="tdl-grid" d="M{across:.1f} {top}V{bottom}"/>'
        yield f'<text class="tdl-tick" x="{across:.1f}" y="{bottom + 18}" text-anchor="middle">{label}</text>'
    if not plot.bars:
        yield from _zero_lines(view)
    middle = (left + right) / 2
    name = html.escape(plot.x_name)
    yield f'<text class="tdl-axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{name}</text>'


def number(value: float | None) -> str:
    """A number as it is read out."""
    return "not finite" if value is None else f"{value:.5g}".replace("-", "\N{MINUS SIGN}")


def element(plot: Plot, name: str) -> str:
    """The element: picture, legend, table, and the points for the script."""
    view = view_of(plot)
    data = {
        "title": plot.title,
        "x_name": plot.x_name,
        "x": plot.x,
        "lines": [{"name": line.name, "style": style(line), "group": line.group} for line in plot.lines],
        "sliders": [{"name": s.name, "values": s.values, "start": s.start} for s in plot.sliders],
        "curves": plot.curves,
        "breaks": {key: value for key, value in plot.breaks.items() if any(value)},
        "view": {"x": view.x, "y": view.y, "box": view.box},
        "bars": plot.bars,
        "choose": plot.choose,
    }
    shown = [line for line in plot.lines if not plot.bars and (not plot.choose or line.role == "value")]
    legend = "".join(map(_legend, shown))
    return (
        f'<tdl-curve id="{name}" data-search-exclude><figure>{svg(plot, name)}'
        f"<figcaption>{html.escape(plot.title)}</figcaption>"
        + (f'<ul class="tdl-legend">{legend}</ul>' if legend else "")
        + f'</figure><details class="tdl-numbers"><summary>The numbers as a table</summary>{_table(plot)}</details>'
        f'<script type="application/json">{_json(data)}</script></tdl-curve>'
    )


def _legend(line: Line) -> str:
    swatch = f'<svg viewBox="0 0 34 8" aria-hidden="true"><path class="{style(line)}" d="M1 4H33"/></svg>'
    return f"<li>{swatch}{html.escape(line.name)}</li>"


def _table(plot: Plot) -> str:
    """Some of the points with the default arguments; the script shows all of them, and those of the sliders."""
    chosen = sorted({round(i) for i in np.linspace(0, len(plot.x) - 1, min(len(plot.x), _TABLE_ROWS))})
    curves = plot.curves[plot.start]
    head = "".join(f'<th scope="col">{html.escape(line.name)}</th>' for line in plot.lines)
    rows = "".join(
        f'<tr><th scope="row">{_x(plot, i)}</th>' + "".join(f"<td>{number(ys[i])}</td>" for ys in curves) + "</tr>"
        for i in chosen
    )
    return (
        f'<table><thead><tr><th scope="col">{html.escape(plot.x_name)}</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _x(plot: Plot, i: int) -> str:
    return str(plot.x[i]) if plot.bars else number(plot.x[i])


def _json(data: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
