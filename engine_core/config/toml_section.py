"""Typed reading of the tables of a TOML file, with errors that name the key and say what to write instead.

Every table is read to the end: a key that nobody asked for is an error, because a misspelt limit would silently be
none.
"""

from collections.abc import Iterator
from typing import Any


class ConfigError(ValueError):
    """Something in the configuration that its author has to change; the message names file and key."""


NAME_ANOTHER = "name another with EXCHANGE_CONFIG=FILE (`exchange up` and `exchange apply` have --config FILE, too)"
_REQUIRED = object()
_MAX_SHOWN = 80


def _quoted(value: Any) -> str:
    """A value of the file, fit for a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return "a number of thousands of digits"
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


class Section:
    """One table of the file; `path` is the dotted key that leads to it."""

    def __init__(self, file: str, path: str, values: Any) -> None:
        self.file = file
        self._path = path
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: {path}: must be a table, is {_quoted(values)}")
        self._values: dict[str, Any] = dict(values)

    def error(self, key: str, problem: str) -> ConfigError:
        name = f"{self._path}.{key}" if self._path and key else key or self._path
        return ConfigError(f"{self.file}: {name}: {problem}")

    def _pop(self, key: str, default: Any) -> Any:
        value = self._values.pop(key, default)
        if value is _REQUIRED:
            raise self.error(key, "is missing")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        value = self._pop(key, default)
        if not isinstance(value, str):
            raise self.error(key, f'must be text in quotes, for example "0.01", is {_quoted(value)}')
        return value

    def integer(self, key: str, low: int, high: int, default: Any = _REQUIRED) -> int:
        value = self._pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, f"must be a whole number, is {_quoted(value)}")
        if not low <= value <= high:
            raise self.error(key, f"must be from {low} to {high}, is {_quoted(value)}")
        return value

    def flag(self, key: str, default: Any = _REQUIRED) -> bool:
        value = self._pop(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"must be true or false, is {_quoted(value)}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: Any = _REQUIRED) -> str:
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(key, f"must be one of {', '.join(allowed)}, is {_quoted(value)}")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty if absent."""
        values = self._pop(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(key, f'must be a list of texts in quotes, for example ["a", "b"], is {_quoted(values)}')
        return tuple(values)

    def section(self, key: str) -> "Section":
        """The table `key`; an absent one is an empty one, so that its defaults hold."""
        return type(self)(self.file, f"{self._path}.{key}" if self._path else key, self._values.pop(key, {}))

    def sections(self) -> Iterator[tuple[str, "Section"]]:
        """All remaining keys, each of which must be a table."""
        for key in list(self._values):
            yield key, self.section(key)

    def done(self) -> None:
        if self._values:
            raise self.error(next(iter(self._values)), "is not a known key")
