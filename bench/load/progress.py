"""What a load shows while it runs: rate, percentiles so far, time left. Nothing but
warnings where nobody looks (no terminal)."""

from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bench.load.outcome.histograms import Histogram


class Screen:
    """On standard error, so that what is printed can be kept."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(None),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(
            *columns, console=console, disable=not console.is_terminal, transient=True, expand=True
        )
        self._task: TaskID | None = None
        self._seen = Histogram()

    def __enter__(self) -> "Screen":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Before the result is printed."""
        self._progress.stop()

    def warn(self, what: str) -> None:
        """A line that stays, also where nobody looks at the rest."""
        self._progress.console.print(what, soft_wrap=True, markup=False, highlight=False)

    def phase(self, what: str, total: float | None = None) -> None:
        """Something else is being done from now on; `total` of it, if that is known."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total, said="")
        self._seen = Histogram()

    def advance(self, done: float, said: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=done, said=said)

    def load(self, seconds: float, per_second: float, refused: int, fresh_ns: list[int]) -> None:
        """Of a run, so far."""
        if self._progress.disable:
            return
        if fresh_ns:
            self._seen.record(np.array(fresh_ns))
        p50, p99 = self._seen.at_ms(50.0), self._seen.at_ms(99.0)
        self.advance(seconds, f"{per_second:,.0f}/s  p50 {p50:.2f}  p99 {p99:.2f} ms  refused {refused:,}")
