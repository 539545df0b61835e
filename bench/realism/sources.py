"""Where a tape is read from: the installed capture, a capture's folder, a LOBSTER message file, a flow file."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.flow.files import FlowFileError
from bench.lobster import reading
from bench.lobster.files import LobsterError
from bench.realism.tape import Tape, TapeError, of_capture, of_flow_file
from bench.replay import capture as captures
from bench.replay.capture import CaptureError
from engine_core.config.toml_section import ConfigError

PROBLEMS = (CaptureError, FlowFileError, TapeError, LobsterError, ConfigError, OSError)  # what a caller says in words

ABOUT = (
    "a capture's folder, a LOBSTER message file (its order book beside it), or a flow file (.npy); "
    "default: the capture that `exchange replay --install` installs"
)


@contextmanager
def _no_collection() -> Iterator[None]:
    """A million small objects that all stay: looking for garbage among them doubles the time of reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read(path: Path | None, market: int = 1) -> Tape:
    with _no_collection():
        if path is None:
            return of_capture(captures.locate())
        if path.suffix == ".npy":
            return of_flow_file(path, market)
        if path.is_file() and "_message_" in path.name:
            return reading.tape_of(path)
        return of_capture(path)
