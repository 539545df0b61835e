"""A folder for what one benchmark writes, and a benchmark's end before its time: the folder goes with it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


@contextmanager
def own_folder(prefix: str = "exchange-bench-", place: str | None = None) -> Iterator[Path]:
    """Gone afterwards, and after Ctrl-C or SIGTERM. `place`: where paths are short enough for sockets."""
    with sigterm_as_interrupt():
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM (`timeout`, CI) raises KeyboardInterrupt once; `timeout` sends a second one amid the cleaning up."""

    def interrupt(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
