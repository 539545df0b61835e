"""The documents: what they link to and name exists, no drawing stands in two, README.md is short. Prints what is wrong.

`make lint` runs it, and so do the tests. Addresses on the web are not asked. Standard library only.
"""

import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "docker", ROOT / "docs")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *(path for folder in FOLDERS for path in sorted(folder.rglob("*.md")))]
MOST_LINES = 150  # of README.md
MOST_REPEATED = 5  # lines of a code block: a short command may stand wherever it helps
_PATH = re.compile(r"`((?:engine_core|ingress|egress|persistence|frontend|bench|docker|tests|docs)/[\w./-]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@lru_cache
def _text(document: Path) -> str:
    """Without what stands in code blocks, where a # is a comment."""
    return _CODE.sub("", document.read_text(encoding="utf-8"))


@lru_cache
def anchors(document: Path) -> frozenset[str]:
    """The names of its headings, as the sites that show Markdown make them."""
    headings = _HEADING.findall(_text(document))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def broken_links(document: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(_text(document)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def missing_files(document: Path) -> list[str]:
    """Files and folders of the repository that it names as `code`. Of the past the changelog may speak."""
    named = _PATH.findall(document.read_text(encoding="utf-8")) if document.name != "CHANGELOG.md" else []
    return [path for path in named if not (ROOT / path).exists()]


def repeated_blocks(documents: Sequence[Path]) -> list[str]:
    """Drawings and examples that stand in two documents: one of them would grow old."""
    first: dict[str, Path] = {}
    found = []
    for document in documents:
        for block in _CODE.findall(document.read_text(encoding="utf-8")):
            if block.count("\n") >= MOST_REPEATED and first.setdefault(block, document) != document:
                found.append(f"{document.name}: repeats {block.splitlines()[1]!r} of {first[block].name}: link to it")
    return found


def problems() -> list[str]:
    found = repeated_blocks(DOCUMENTS)
    for document in DOCUMENTS:
        where = document.relative_to(ROOT)
        found += [f"{where}: {link} leads nowhere" for link in broken_links(document)]
        found += [f"{where}: there is no {path}" for path in missing_files(document)]
    lines = len((ROOT / "README.md").read_text(encoding="utf-8").splitlines())
    if lines > MOST_LINES:
        found.append(f"README.md: has {lines} lines, at most {MOST_LINES}: move something into docs/")
    return found


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or None)
