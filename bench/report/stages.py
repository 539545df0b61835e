"""Where the time of orders went while a load ran: the exchange's own stages of a sample of them (engine_core/process/
stages.py), as a table of its results. Non-goals: an exchange on another host, and one that times nothing.
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from engine_core.operator.look.stages import LOOK_EVERY_S, rows_of, table
from engine_core.process.stages import Journey, Journeys


class StageSampler:
    """Looks while a block runs, of which there may be several. `runtime`: of the exchange, None if it is not known."""

    def __init__(self, runtime: Path | None) -> None:
        self._journeys = Journeys(runtime) if runtime else None
        self._found: list[Journey] = []
        self._ended = threading.Event()
        self._thread = threading.Thread()

    def __enter__(self) -> "StageSampler":
        if self._journeys is not None:
            self._journeys.look()
            self._journeys.all()  # what was before
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, args=(self._journeys,), name="stages", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._journeys is not None:
            self._ended.set()
            self._thread.join()
            self._journeys.look()
            self._found += [each for each in self._journeys.all() if each.answered_s() is not None]

    def _run(self, journeys: Journeys) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            journeys.look()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """As those of `exchange stages --json`; none if no order was timed."""
        return rows_of(self._found) if self._found else []

    def report(self) -> None:
        """For people."""
        if self._found:
            print(f"stages of {len(self._found):,} orders:")
            print("\n".join(table(self.rows)))
