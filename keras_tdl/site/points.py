"""Evaluated curves: points of the real function and of the backend's own derivative, and where they jump."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Role = Literal["value", "derivative", "parameter"]
#: Values of a function and of its derivatives: one array for each line.
Evaluation = Callable[[np.ndarray, Mapping[str, Any]], list[np.ndarray]]

_BISECTIONS = 5


@dataclass(frozen=True)
class Line:
    """One line of a plot. Lines of one `group` belong together: they have one colour."""

    name: str
    role: Role
    group: int = 0


@dataclass(frozen=True)
class Slider:
    """The values of a parameter that a reader can step through; `start` is the place of the default."""

    name: str
    values: tuple[Any, ...]
    start: int


@dataclass(frozen=True)
class Plot:
    """Evaluated curves.

    Args:
        title: What is drawn, in words.
        x_name: What x is.
        x: The inputs, or the names of the bars.
        lines: The lines.
        sliders: The parameters to slide.
        curves: The places of the sliders, as in `"12"` or `"3,0"` -> for each line, y at each x; `None` where it is
            not finite. Not every combination need be there.
        breaks: The same places -> for each line, the indices of the points after which it jumps.
        bars: Whether the values are bars, not curves over x.
        choose: The names of the groups of lines, where a reader may show and hide them.
    """

    title: str
    x_name: str
    x: tuple[Any, ...]
    lines: tuple[Line, ...]
    sliders: tuple[Slider, ...]
    curves: Mapping[str, list[list[float | None]]]
    breaks: Mapping[str, list[list[int]]]
    bars: bool = False
    choose: tuple[str, ...] = ()

    @property
    def start(self) -> str:
        """The key of the curves with the default arguments."""
        return key_of(slider.start for slider in self.sliders)


@dataclass(frozen=True)
class Drawing:
    """What is to be evaluated for a plot; `evaluate` it for the points.

    `combined` says whether each combination of the sliders has a curve; if not, one parameter moves at a time.
    """

    title: str
    x_name: str
    x: np.ndarray
    lines: tuple[Line, ...]
    sliders: tuple[Slider, ...]
    evaluation: Evaluation
    combined: bool = True

    def settings(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and arguments of each curve: of all combinations, or of each parameter alone."""
        start = [slider.start for slider in self.sliders]
        counts = [len(slider.values) for slider in self.sliders]
        places = itertools.product(*map(range, counts))
        if not self.combined:
            moved = (
                (*start[:i], place, *start[i + 1 :])
                for i, slider in enumerate(self.sliders)
                for place in range(len(slider.values))
            )
            places = iter(dict.fromkeys([tuple(start), *moved]))
        for place in places:
            yield key_of(place), {s.name: s.values[i] for s, i in zip(self.sliders, place, strict=True)}

    def evaluate(self) -> Plot:
        """All the points."""
        curves, breaks = {}, {}
        for key, arguments in self.settings():
            values = self.evaluation(self.x, arguments)
            curves[key] = [[rounded(y) for y in line] for line in values]
            breaks[key] = jumps(lambda x, given=arguments: self.evaluation(x, given), self.x, values)
        return Plot(self.title, self.x_name, tuple(map(rounded, self.x)), self.lines, self.sliders, curves, breaks)


def key_of(places: Any) -> str:
    """The key of a combination of slider places."""
    return ",".join(map(str, places))


def rounded(value: Any) -> float | None:
    """Five significant digits, which is finer than a screen; `None` where the value is not finite."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


def jumps(
    function: Callable[[np.ndarray], list[np.ndarray]], x: np.ndarray, lines: list[np.ndarray]
) -> list[list[int]]:
    """Of each line, the points after which it jumps: halving a step does not make the difference smaller there."""
    steps = np.abs(np.diff(lines))
    spans = [np.ptp(y[np.isfinite(y)]) if np.isfinite(y).any() else 0.0 for y in lines]
    line, point = np.nonzero(steps > 0.1 * np.array(spans)[:, None])
    low, high = x[point], x[point + 1]
    change = steps[line, point]
    for _ in range(_BISECTIONS if len(point) else 0):
        middle = (low + high) / 2
        at = np.array(function(np.concatenate([low, middle, high]))).reshape(len(lines), 3, -1)
        at_low, at_middle, at_high = at[line, :, np.arange(len(line))].T
        left = np.abs(at_middle - at_low) > np.abs(at_high - at_middle)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
        change = np.maximum(np.abs(at_middle - at_low), np.abs(at_high - at_middle))
    jumping = change > 0.5 * steps[line, point]
    return [point[jumping & (line == number)].tolist() for number in range(len(lines))]
