"""Files with results: what cannot be written is said with its name, and the half of it is not left behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Around all that writes `path`. If that fails, the program ends in words, wherever it is: nothing can follow."""
    try:
        yield
    except OSError as error:
        if path.is_file():  # and no device
            path.unlink()
        why = error.strerror or str(error)
        raise SystemExit(f"error: {path} cannot be written: {why}: make room there, or name a file elsewhere") from None
