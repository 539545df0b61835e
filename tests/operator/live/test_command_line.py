"""No command shows a traceback for what a person typed: the whole command line is walked, every option of every command
gets what nobody should type, without an exchange and with one that runs.

A refusal is a status other than 0 and a message; a value that is taken is as good. Anything else that leaves the
command is an error of ours, and fails here with its traceback.
"""

import argparse
import base64
import importlib
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_core import cli
from engine_core.operator.target.benchmarks import benchmarks
from tests.exchange import Exchange

TEXTS = (
    *("", " ", "-", "--", "abc", "-1", "-0", "0x10", "1.5", "1e3", "1e999", "nan", "-inf", "٣", "²", "½", "+1", "1_0"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809", "4294967296", "9" * 30, "9" * 5_000),
    *("0." + "0" * 60 + "1", ".", "1.", ".5", "1,5", "1 000", "\t1\n"),
    *("ü€\U0001f600", "\udcff\udc80", "a\0b", "\u202eabc", "%s%n{0}{x!r}", "$(exit)", "'\"", "*", "[", "?" * 300),
    *("/", "/dev/null", "/dev/zero", "/proc/self/mem", "../../etc/passwd", "a" * 300, "x/" * 3_000, "~", "a/\x01b"),
    *("5-", "-5", "1-2-3", "18446744073709551616-0", "99999999999999999999-1", "1-18446744073709551615"),
)
GOOD = {
    **{"account": "2", "asset": "USDC", "amount": "1", "symbol": "SOL_USDC", "state": "open", "tier": "1", "to": "0"},
    **{"key": base64.b64encode(bytes(32)).decode(), "entry": "none", "maker_ppm": "200", "taker_ppm": "500"},
}
ENOUGH = {
    "top": ["--once", "--interval", "0.1"],
    "stages": ["--seconds", "0.1"],
    "traces": ["--seconds", "0.1"],
    "up": ["--http", "0", "--ws", "0"],
    "warm": [],
    "snapshot": [],
}
FINE_ALONE = ("config", "env", "reset", "warm")  # what an exchange would begin with, and what names it
DELEGATED = ("replay", *(f"bench {name}" for name in benchmarks()))

Case = tuple[str, argparse.Action]


def leaves(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Case]:
    """Every argument that takes a value, with the command that it belongs to."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from leaves(child, f"{path} {name}".strip())
        elif action.nargs != 0:
            yield path, action


CASES = list(leaves(cli._parser()))


def test_the_walk_finds_what_there_is() -> None:
    found = {(path, action.dest) for path, action in CASES}
    assert {("up", "host"), ("deposit", "amount"), ("accounts tier", "tier"), ("fees", "maker_ppm")} <= found
    assert len({path for path, _ in CASES}) > 20


def junk(folder: Path) -> list[str]:
    """The texts, and files and folders of the wrong kind."""
    (folder / "binary").write_bytes(os.urandom(4096))
    (folder / "text").write_text("no = [\n")
    (folder / "empty").touch()
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "unreadable").write_text("x")
    (folder / "unreadable").chmod(0)
    (folder / "closed").mkdir()
    (folder / "closed").chmod(0)
    os.mkfifo(folder / "pipe")
    return [
        *TEXTS,
        *(str(path) for path in folder.iterdir()),
        str(folder),
        f"{folder}/text/below",
        f"{folder}/closed/x",
    ]


def line(path: str, wrong: argparse.Action, value: str, parser: argparse.ArgumentParser) -> list[str]:
    """A command whose other required arguments are as they should be."""
    for name in path.split():
        (subparsers,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        parser = subparsers.choices[name]
    arguments = [*path.split(), *ENOUGH.get(path, [])]
    last: list[str] = []
    for action in parser._actions:
        given = value if action is wrong or action.dest == wrong.dest else GOOD.get(action.dest, "")
        if action.option_strings and (action.required or action.dest == wrong.dest):
            arguments += [f"{action.option_strings[-1]}={given}"]
        elif (not action.option_strings and action.nargs != "?") or (
            not action.option_strings and action.dest == wrong.dest
        ):
            last.append(given)
    return [*arguments, *(["--", *last] if last else [])]


def outcome(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """How the command ends; whatever is not an end of ours comes through."""
    monkeypatch.setattr(sys, "argv", ["exchange", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return end.code
    raise AssertionError("main() returned")


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Nothing is started: Redis is a server that is not there, programs are not executed, and this folder is empty."""
    monkeypatch.setenv("EXCHANGE_DATA", str(tmp_path / "none"))
    monkeypatch.setattr(os, "execv", lambda *arguments: sys.exit(0))
    monkeypatch.chdir(tmp_path)
    parser = cli._parser()  # most of the time that a command takes; each test tries hundreds
    monkeypatch.setattr(cli, "_parser", lambda: parser)
    return monkeypatch


@pytest.mark.parametrize("path", sorted({path for path, _ in CASES}))
def test_without_an_exchange(path: str, quiet: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quiet.setenv("REDIS_URL", "unix:///nowhere.sock")
    quiet.setenv("EXCHANGE_API_URL", "http://127.0.0.1:9")
    values = junk(tmp_path)
    parser = cli._parser()
    for number, (_, action) in enumerate(case for case in CASES if case[0] == path):
        for count, value in enumerate(values):
            arguments = line(path, action, value, parser)
            if action.dest != "data":
                arguments.insert(len(path.split()), f"--data={tmp_path}/data-{number}-{count}")
            assert outcome(arguments, quiet) != 0 or path in FINE_ALONE, arguments


@pytest.mark.parametrize("command", ("accounts create", "apply --yes", "inspect", "skip 1-0", "trail", "verify"))
def test_a_redis_that_is_not_there_is_said(command: str, quiet: pytest.MonkeyPatch) -> None:
    quiet.setenv("REDIS_URL", "redis://:hidden@127.0.0.1:9/0")
    message = outcome(command.split(), quiet)
    assert "no Redis answers at redis://:…@127.0.0.1:9/0" in message


@pytest.mark.parametrize("path", sorted({path for path, _ in CASES} - {"up", "reset", "warm", "accept-loss"}))
def test_with_an_exchange_that_runs(
    path: str, quiet: pytest.MonkeyPatch, tmp_path: Path, odd_exchange: Exchange
) -> None:
    if path in ("top", "stages", "traces"):  # a thousand seconds between two looks are as good as one
        quiet.setattr(time, "sleep", lambda seconds: None)
    values = junk(tmp_path)
    parser = cli._parser()
    for _, action in (case for case in CASES if case[0] == path and case[1].dest != "data"):
        for value in values:
            arguments = line(path, action, value, parser)
            arguments.insert(len(path.split()), f"--data={odd_exchange.data}")
            outcome(arguments, quiet)
    odd_exchange.until_healthy()


def program_of(name: str) -> str:
    package = importlib.util.find_spec(f"bench.{name}")
    return f"bench.{name}.__main__" if package and package.submodule_search_locations else f"bench.{name}"


class _Parser(Exception):
    pass


@pytest.mark.parametrize("command", DELEGATED)
def test_programs_of_their_own(command: str, quiet: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Benchmarks and the replay: each value is refused by its parser, or one that can be used."""
    module = importlib.import_module(program_of(command.split()[-1]))
    real = argparse.ArgumentParser.parse_args

    def caught(self: argparse.ArgumentParser, *_: Any) -> None:
        raise _Parser(self)

    quiet.setattr(argparse.ArgumentParser, "parse_args", caught)
    with pytest.raises(_Parser) as found:
        module.main([])
    parser = found.value.args[0]
    for action in (action for action in parser._actions if action.nargs != 0):
        for value in junk_once(tmp_path):
            option = [f"{action.option_strings[0]}={value}"] if action.option_strings else ["--", value]
            try:
                parsed = getattr(real(parser, option), action.dest)
            except SystemExit as end:
                assert end.code == 2, option
                continue
            for one in parsed if isinstance(parsed, list) else [parsed]:
                assert not isinstance(one, int | float) or 0 <= one < 2**63, option


def junk_once(folder: Path) -> list[str]:
    return [text for text in TEXTS if "\0" not in text] if (folder / "binary").exists() else junk(folder)


def test_roles_alone(quiet: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for role in cli.ALONE:
        for value in junk_once(tmp_path):
            outcome([role, f"--data={value}"], quiet)
    for arguments in (["bench"], ["bench", "\udcff"], ["bench", "a\0b"], ["\udcff"], [""], ["accounts"], ["keys", "ü"]):
        assert outcome(arguments, quiet) not in (None,), arguments
