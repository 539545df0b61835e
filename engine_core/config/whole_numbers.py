"""Whole numbers that come as text: variables of the environment, and notes in the data folder.

What is checked is what is returned, and a text of thousands of digits, of which Python makes no number, is out of range
like any other. Non-goals: exchange.toml, whose numbers are none of ours to read (toml_section.py).
"""

from collections.abc import Mapping

from engine_core.config.toml_section import ConfigError

_MOST_DIGITS = 20  # of no number of ours are there more


def whole_number(environment: Mapping[str, str], name: str, default: int, high: int) -> int:
    """That of a variable, from 0 on. An empty one is as one that is not set."""
    return number_in(environment.get(name) or str(default), name, 0, high)


def number_in(text: str, where: str, low: int, high: int) -> int:
    """ConfigError says `where` the text stands."""
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS or not low <= int(text) <= high:
        raise ConfigError(f"{where}: must be a whole number from {low} to {high}, is {text[:40]!r}")
    return int(text)
