"""Prints each kernel as it is compiled, for a program that shows the progress."""

from typing import Any

from numba.core import event as compilation


class _Announcer(compilation.Listener):  # type: ignore[misc]
    def on_start(self, event: Any) -> None:
        print(f"compile {event.data['dispatcher'].py_func.__qualname__}", flush=True)

    def on_end(self, event: Any) -> None:
        return None


def announce_compilation() -> None:
    """From now on this process prints `compile NAME` as the turn of each kernel comes."""
    compilation.register("numba:compile", _Announcer())
