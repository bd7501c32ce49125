"""Times that can be compared: peers side by side in one process, a round after another, as ratios with their spread."""

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The function measured against itself: what comes out besides 1 is noise.
NULL = "null"


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Args:
        seconds: Time for all rounds together.
        rounds: The least number of rounds.
        least: Seconds that one measurement lasts at least; quicker functions are called several times in it.
    """

    seconds: float
    rounds: int = 5
    least: float = 0.002


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, between neighbours in proportion."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Sequence[float]) -> list[float]:
    """Median, 10th and 90th percentile, to four digits, since a ratio to the floor may be far below 1."""
    return [float(f"{quantile(values, share):.4g}") for share in (0.5, 0.1, 0.9)]


def order(names: Sequence[str], number: int) -> list[str]:
    """The order of a round: it starts with another name each time, and every second one goes backwards.

    So no function always finds the caches as the same neighbour left them.
    """
    start = number % len(names)
    rotated = [*names[start:], *names[:start]]
    return rotated if number % 2 == 0 else rotated[::-1]


def interleaved(
    runs: Mapping[str, Callable[[], Any]], effort: Effort, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds a call of every function in every round.

    Each function is called twice before: the first call may compile, the second says how many calls last long enough.
    """
    calls = {}
    for name, run in runs.items():
        run()
        start = clock()
        run()
        calls[name] = max(1, math.ceil(effort.least / max(clock() - start, 1e-9)))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    try:
        begin = clock()
        number = 0
        while number < effort.rounds or clock() - begin < effort.seconds:
            for name in order(list(runs), number):
                run = runs[name]
                start = clock()
                for _ in range(calls[name]):
                    run()
                seconds[name].append((clock() - start) / calls[name])
            number += 1
    finally:
        gc.enable()
    return seconds


def compared(seconds: Mapping[str, Sequence[float]], ours: str = "ours") -> dict[str, Any]:
    """What is kept of the rounds: their number, median milliseconds, and ours to each peer as medians of ratios."""
    return {
        "rounds": len(seconds[ours]),
        "milliseconds": {
            name: float(f"{1000 * quantile(times, 0.5):.4g}") for name, times in seconds.items() if name != NULL
        },
        "ratio": {
            name: spread([own / other for own, other in zip(seconds[ours], times, strict=True)])
            for name, times in seconds.items()
            if name != ours
        },
    }
