"""Standard output that cannot be written, above all for a full disk, as all commands treat it: one line says so.

Non-goal: a reader that has left, as in `exchange logs | head`. Nobody waits for the rest then, and the program ends.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class Unwritten(OSError):
    """What a program said did not get into standard output."""


class _Output:
    """What is printed by the program into `stream`, and what came of it."""

    def __init__(self, stream: TextIO, goes_on: bool) -> None:
        self._stream, self._goes_on = stream, goes_on
        self._failed: Unwritten | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def leave(self) -> None:
        self._goes_on = True
        with suppress(BrokenPipeError):
            self.flush()

    def end(self) -> None:
        self._goes_on = False
        self.flush()
        if self._failed is not None:
            raise self._failed

    def _fail(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise error
        self._failed = Unwritten(error.errno, error.strerror or str(error), "standard output")
        # Or what is left in the buffer fails again, and where the interpreter ends it does so with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        if not self._goes_on:
            raise self._failed from None


@contextmanager
def guarded(goes_on: bool = False) -> Iterator[None]:
    """Unwritten, if something could not be written: at once, or with `goes_on` not before all else is done, such as a
    file with the results of an hour. What is still in the buffer counts too."""
    stream = sys.stdout
    if stream is None:  # of a program that was started without one
        yield
        return
    output = _Output(stream, goes_on)
    sys.stdout = cast(TextIO, output)
    try:
        try:
            yield
        except SystemExit:
            output.end()
            raise
        except BaseException:  # that is said, and what is still in the buffer ends nothing
            output.leave()
            raise
        output.end()
    finally:
        sys.stdout = stream
