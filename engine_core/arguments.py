"""Types of command line arguments: each says in words what it wants, and nothing passes that would end in a traceback.

For argparse: `type=whole(1, 100)`. Standard library only: every command imports it.
"""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path

from engine_core.wire.limits import MAX_ACCOUNT

MAX_SHOWN = 40  # characters of what was typed
MAX_REFERENCE = 2**63 - 1


def quoted(text: str) -> str:
    """What was typed, fit for a message."""
    return repr(text) if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]!r}… ({len(text)} characters)"


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`; 1_000 is a thousand."""

    def parse(text: str) -> int:
        digits = text.removeprefix("-").replace("_", "")
        if len(digits) > 20 or not (digits.isascii() and digits.isdecimal()):
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, is {quoted(text)}")
        value = int(digits) * (-1 if text.startswith("-") else 1)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low} to {high}, is {value}")
        return value

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    """A number of seconds, with decimals or without."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:  # neither is true of nan
            raise argparse.ArgumentTypeError(f"must be a number from {low:g} to {high:g}, is {quoted(text)}")
        return value

    return parse


port = whole(0, 65_535)
account = whole(1, MAX_ACCOUNT)
reference = whole(1, MAX_REFERENCE)


def host(text: str) -> str:
    """A name or an address; whether it is one of this machine turns out when a process binds to it."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must name a host, is empty: 0.0.0.0 are all addresses of this machine")
    return text


def folder(text: str) -> Path:
    """A folder, there already or not yet."""
    if not text:
        raise argparse.ArgumentTypeError("must name a folder, is empty")
    if os.path.exists(text) and not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is a file, and a folder is wanted")
    return Path(text)


def file(text: str) -> Path:
    """A file that can be read."""
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is a folder, and a file is wanted")
    if not os.path.exists(text):
        raise argparse.ArgumentTypeError(f"{quoted(text)}: no such file")
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"{quoted(text)}: is a device or a pipe, and a file is wanted")
    if not os.access(text, os.R_OK):
        raise argparse.ArgumentTypeError(f"{quoted(text)}: may not be read")
    return Path(text)


def new_file(text: str) -> Path:
    """A file that is going to be written."""
    place = os.path.dirname(text) or "."
    if not text or os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not a writable file")
    if not os.path.isdir(place) or not os.access(text if os.path.exists(text) else place, os.W_OK):
        raise argparse.ArgumentTypeError(f"{quoted(text)}: cannot be written: its folder is missing or not ours")
    return Path(text)
