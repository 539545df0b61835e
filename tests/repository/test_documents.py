"""The documents: a link that leads nowhere is found, every command in them exists, and what is generated is current."""

import importlib.util
import re
import shlex
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_core import cli
from engine_core.config.environment import INTERNAL, VARIABLES
from engine_core.operator.target.benchmarks import benchmarks

ROOT = Path(__file__).parents[2]


def _program(name: str) -> Any:
    """A module of .ci, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


documents, configuration = _program("documents"), _program("configuration")


def test_links_lead_somewhere_and_the_readme_is_short() -> None:
    assert documents.problems() == []


@pytest.mark.parametrize("link", ["missing.md", "#no-such-heading", "../README.md#a-comment-in-code"])
def test_a_link_that_leads_nowhere_is_found(link: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Title\n```sh\n# a comment in code\n```\n", encoding="utf-8")
    (tmp_path / "docs").mkdir()
    document = tmp_path / "docs" / "page.md"
    document.write_text(
        f"# Page\n[good](../README.md#title) [bad]({link}) [web](https://example.com)\n", encoding="utf-8"
    )
    assert documents.broken_links(document) == [link]


def test_a_drawing_that_stands_in_two_documents_is_found(tmp_path: Path) -> None:
    drawing, command = "```\n ingress\n    │\n    ▼\n engine\n```\n", "```sh\nmake run\n```\n"
    first, other = tmp_path / "first.md", tmp_path / "other.md"
    first.write_text(drawing + command, encoding="utf-8")
    other.write_text(command, encoding="utf-8")
    assert documents.repeated_blocks([first, other]) == []
    other.write_text(command + drawing, encoding="utf-8")
    assert documents.repeated_blocks([first, other]) == ["other.md: repeats ' ingress' of first.md: link to it"]


def test_a_file_that_is_not_there_is_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "`engine_core/book`, `engine_core/book/nowhere.py`, `tests/wire/` and `ingress/*.py`\n", encoding="utf-8"
    )
    assert documents.missing_files(document) == ["engine_core/book/nowhere.py"]


def test_the_configuration_is_documented_as_it_is() -> None:
    assert configuration.DOCUMENT.read_text(encoding="utf-8") == configuration.document(), "run: make docs"


def test_every_variable_that_the_code_reads_is_documented() -> None:
    read = re.compile(r'"(EXCHANGE_[A-Z_]+)"')
    packages = ("engine_core", "ingress", "egress", "persistence", "bench")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py") if path.name != "environment.py"]
    found = {name for path in files for name in read.findall(path.read_text(encoding="utf-8"))}
    assert {name for name in VARIABLES if name.startswith("EXCHANGE_")} | set(INTERNAL) == found


CODE = re.compile(r"^```(?:sh)?\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\.venv/bin/|[A-Z_]+=\S+ )*(exchange|make|python -m) +(\S.*)$")


def commands_in(text: str) -> Iterator[tuple[str, str]]:
    """What a document tells its reader to type: of code blocks and of `code`, as (program, the rest)."""
    for block, inline in CODE.findall(text):
        for line in (block or inline).splitlines():
            found = COMMAND.match(line.split("  #")[0].strip().removeprefix("$ "))
            if found:
                yield found[1], found[2]


CASES = sorted(
    {
        (str(document.relative_to(ROOT)), program, rest)
        for document in documents.DOCUMENTS
        for program, rest in commands_in(document.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize(("document", "program", "rest"), CASES, ids=lambda value: str(value)[:60])
def test_a_command_in_a_document_exists(document: str, program: str, rest: str) -> None:
    words = shlex.split(rest.replace("…", " "))
    assert {"exchange": is_exchange_command, "make": is_make_target, "python -m": is_module}[program](words), rest


def test_the_walk_finds_what_does_not_exist() -> None:
    assert len(CASES) > 40
    text = "`exchange bench histories`\n```sh\nmake nothing UP=1   # really\n.venv/bin/python -m bench.none --x\n```\n"
    found = list(commands_in(text))
    assert found == [("exchange", "bench histories"), ("make", "nothing UP=1"), ("python -m", "bench.none --x")]
    assert not is_exchange_command(["bench", "histories"]) and not is_exchange_command(["up", "--no-such-option"])
    assert not is_make_target(["nothing", "UP=1"]) and not is_module(["bench.none", "--x"])


def is_exchange_command(words: list[str]) -> bool:
    """The parser knows the command and the options; placeholders of arguments are not its business."""
    parser: ArgumentParser = cli._parser()
    while words and (children := _children(parser)) is not None:
        if words[0] in ("--help", "--version"):
            return True
        if words[0] not in children:
            return words[0].isupper()  # exchange COMMAND --help
        parser, name, words = children[words[0]], words[0], words[1:]
        if name == "bench":
            return not words or words[0].isupper() or words[0] in benchmarks()
        if not parser.add_help:  # a program of its own, with options of its own
            return True
    known = {option for action in parser._actions for option in action.option_strings}
    return all(word.split("=")[0].strip("[]|") in known for word in words if word.strip("[").startswith("-"))


def _children(parser: ArgumentParser) -> dict[str, ArgumentParser] | None:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            return dict(action.choices)
    return None


def is_make_target(words: list[str]) -> bool:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE))
    known = all(word.split("=")[0] in variables for word in words if "=" in word)
    return known and all(word in targets for word in words if "=" not in word and not word.startswith("-"))


def is_module(words: list[str]) -> bool:
    """One of ours is there; of other packages, the venv and pip."""
    path = ROOT.joinpath(*words[0].split("."))
    return words[0] in ("venv", "pip") or path.with_suffix(".py").exists() or (path / "__main__.py").exists()
