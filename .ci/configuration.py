"""Writes docs/configuration.md: every key of exchange.toml, option of `exchange up` and variable of the environment.

Nothing is described here. Kinds, ranges and defaults are what the code asks the file for; what a key means, the comment
beside it in exchange.toml says; options are the parser's; variables are those of engine_core/config/environment.py.
"""

import argparse
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from engine_core.config import exchange_toml
from engine_core.config.environment import VARIABLES
from engine_core.config.toml_section import Section
from engine_core.operator.target.roles import add_up_options

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "configuration.md"
_HEAD = """# Configuration

Written by `make docs` from the code and from the comments of [exchange.toml](../exchange.toml); edit those.

An exchange has one configuration file, which `exchange up --config FILE` names once and its data folder remembers
(`--data DIR`, which every command takes). A key that is unknown, missing or out of range is refused by its name. Assets
and markets are compared with the log: `exchange apply` shows the difference and appends it. Everything else holds from
the next start of the process that it is about. What to change when is in [tuning.md](tuning.md).
"""
_EMPTY = "An empty variable is as one that is not set.\n\n"
_HEADER = re.compile(r"\[([^\]]+)\]\s*(?:#\s*(.*))?$")
_KEY = re.compile(r'(\w+) = ("[^"]*"|\[.*?\]|[^#]*?)\s*(?:#\s*(.*))?$')


class Key(NamedTuple):
    table: str
    name: str
    values: str
    default: str


class Recording(Section):
    """Remembers what was asked for."""

    keys: ClassVar[list[Key]] = []
    _missing = object()

    def _note(self, name: str, values: str, default: Any) -> None:
        text = "required" if default is self._missing else f"`{_toml(default)}`"
        if values == "text" and "." in self._path and default:  # it follows from other keys: the comment says how
            text = "optional" if default is not self._missing else text
        self.keys.append(Key(self._path, name, values, text))

    def text(self, key: str, default: Any = _missing) -> str:
        self._note(key, "text", default)
        return super().text(key) if default is self._missing else super().text(key, default)

    def integer(self, key: str, low: int, high: int, default: Any = _missing) -> int:
        self._note(key, f"{low:,} to {high:,}", default)
        return super().integer(key, low, high) if default is self._missing else super().integer(key, low, high, default)

    def flag(self, key: str, default: Any = _missing) -> bool:
        self._note(key, "true or false", default)
        return super().flag(key, default)

    def choice(self, key: str, allowed: tuple[str, ...], default: Any = _missing) -> str:
        self._note(key, " or ".join(f"`{_toml(value)}`" for value in allowed), default)
        return super().text(key, default)

    def texts(self, key: str) -> tuple[str, ...]:
        self._note(key, "list of texts", [])
        return super().texts(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}".replace(",", "_")
    return f'"{value}"' if isinstance(value, str) else str(value)


def comments(text: str) -> dict[str, str]:
    """The comment of each table and of each key, as `table` and `table.key`: beside it, below it, or right above it."""
    found: dict[str, str] = {}
    above: list[str] = []
    table = last = ""
    for line in text.partition("\n\n")[2].splitlines():  # after the head of the file
        if header := _HEADER.match(line):
            table = last = header[1]
            found[table] = f"{_sentence(' '.join(above))}{_sentence(header[2] or '')}"
            above = []
        elif key := _KEY.match(line):
            last = f"{table}.{key[1]}"
            found[last] = " ".join([*above, key[3] or ""]).strip()
            above = []
        elif line.startswith("#"):
            above.append(line.lstrip("# "))
        elif line.lstrip().startswith("#"):
            found[last] += f" {line.strip().lstrip('# ')}"
    return found


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [" | ".join(row).replace("\n", " ") for row in [head, ("---",) * len(head), *rows]]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _of_file() -> list[str]:
    """One section for each table, in the file's order; of assets and of markets the first one stands for all."""
    text = (ROOT / "exchange.toml").read_text(encoding="utf-8")
    said, values = comments(text), tomllib.loads(text)
    Recording.keys.clear()
    exchange_toml.read(Recording("exchange.toml", "", values))
    titles = {table: table for table in said if any(key.table == table for key in Recording.keys)}
    for family, name in (("assets", "SYMBOL"), ("markets", "BASE_QUOTE")):
        first, *others = [table for table in titles if table.startswith(f"{family}.")]
        titles[first] = f"{family}.{name}"
        for table in others:
            del titles[table]
    return [
        f"## [{title}]\n\n{said[table]}{_rows(table, said, {} if '.' in table else values[table])}"
        for table, title in titles.items()
    ]


def _rows(table: str, said: dict[str, str], shipped: dict[str, Any]) -> str:
    rows = []
    for key in (key for key in Recording.keys if key.table == table):
        meaning = said.get(f"{table}.{key.name}")
        if not meaning:
            raise SystemExit(f"exchange.toml: {table}.{key.name} has no comment")
        value = f"`{_toml(shipped[key.name])}`" if key.name in shipped else key.default
        default = key.default if value == key.default else f"{key.default}, as shipped {value}"
        rows.append((f"`{key.name}`", key.values, default, meaning.replace("|", "\\|")))
    return _table(("key", "values", "default", ""), rows)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}.\n\n" if text else ""


def _of_command() -> str:
    parser = argparse.ArgumentParser(add_help=False)
    add_up_options(parser)
    rows = []
    for action in parser._actions:
        wanted = "|".join(action.choices or ()) or ("" if action.nargs == 0 else action.metavar or action.dest.upper())
        rows.append((f"`{f'{action.option_strings[0]} {wanted}'.strip()}`".replace("|", "\\|"), str(action.help)))
    return "## exchange up\n\n" + _table(("option", ""), rows)


def document() -> str:
    variables = _table(("variable", ""), [(f"`{name}`", text) for name, text in VARIABLES.items()])
    return "\n".join([_HEAD, *_of_file(), _of_command(), f"## Environment\n\n{_EMPTY}{variables}"])


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
