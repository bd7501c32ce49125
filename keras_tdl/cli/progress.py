"""How far the backends are, while they run: bars in a terminal, lines elsewhere; on stderr."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from keras_tdl.testing.workers import Event


@contextmanager
def progress() -> Iterator[Callable[[Event], None]]:
    """A function that shows each event it is given."""
    console = Console(stderr=True, markup=False, highlight=False)
    if not console.is_terminal:
        yield _print_line
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[failed]} failed", markup=False),
        TextColumn("{task.fields[now]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    """A bar for each backend."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[str, TaskID] = {}
        self.failed = Counter[str]()
        self.now: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        if event.backend not in self.tasks:
            self.tasks[event.backend] = self.bars.add_task(event.backend, total=None, failed=0, now="")
            self.now[event.backend] = "starts"
        task = self.tasks[event.backend]
        self.failed[event.backend] += event.failed
        if event.kind in ("started", "done"):
            self.now[event.backend] = f"{event.case} · {event.check}" if event.kind == "started" else "done"
        self.bars.update(
            task,
            total=event.expected or None,
            advance=int(event.kind == "finished"),
            failed=self.failed[event.backend],
            now=self.now[event.backend],
        )


def _print_line(event: Event) -> None:
    if event.kind == "listed":
        click.echo(f"{event.backend}: {event.expected} checks", err=True)
    elif event.failed:
        click.echo(f"{event.backend}: failed: {event.case} · {event.check}", err=True)
    elif event.kind == "done":
        click.echo(f"{event.backend}: done", err=True)
