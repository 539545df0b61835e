"""Which benchmarks there are: the programs of `bench` whose head says that they are called so.

Heads are read, not imported: a benchmark may need packages that are not installed, and `exchange --help` is quick.
"""

import importlib.util
import re
from pathlib import Path

HEAD_LINES = 3


def benchmarks() -> dict[str, str]:
    """Name and first sentence of each, by name."""
    heads = {name: _head(path) for name, path in _programs().items()}
    return {name: _sentence(head) for name, head in sorted(heads.items()) if _is_benchmark(name, head)}


def _programs() -> dict[str, Path]:
    package = importlib.util.find_spec("bench")
    folders = [Path(folder) for folder in (package.submodule_search_locations if package else None) or ()]
    files = {path.stem: path for folder in folders for path in folder.glob("[a-z]*.py")}
    return files | {path.parent.name: path for folder in folders for path in folder.glob("*/__main__.py")}


def _head(path: Path) -> str:
    quotes, text = '"' * 3, path.read_text(encoding="utf-8")
    return text[len(quotes) :].partition(quotes)[0] if text.startswith(quotes) else ""


def _is_benchmark(name: str, head: str) -> bool:
    lines = "\n".join(head.splitlines()[:HEAD_LINES])
    return bool(re.search(rf"(?m)^ +exchange bench {name}\b|python -m bench\.{name}\b", lines))


def _sentence(head: str) -> str:
    """The first sentence on one line, without the command that may end it."""
    paragraph = " ".join(head.split("\n\n", 1)[0].split())
    return re.sub(r": python -m .*", ".", re.split(r"(?<=\.) ", paragraph, maxsplit=1)[0])
