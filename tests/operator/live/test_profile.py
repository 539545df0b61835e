"""A flame graph of roles that work, and in words what stands in the way of one."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from engine_core import cli
from engine_core.operator.look import profile
from engine_core.operator.target.running import CommandError
from tests.exchange import CLI, Exchange


@pytest.mark.parametrize(
    "role, file", (("engine", "engine_core/runtime/loop.py"), ("ingress.1", "ingress/__main__.py"))
)
def test_a_role_that_works(role: str, file: str, odd_exchange: Exchange, tmp_path: Path) -> None:
    graph = tmp_path / "ü graph.svg"
    command = [*CLI, "profile", role, "--seconds", "1", "-o", str(graph), "--data", str(odd_exchange.data)]

    def trade(trader: Any) -> None:
        while looking.poll() is None:  # however long it takes, nothing rests: an account may have so many open orders
            trader.create_order("SOL/USDC", "limit", "buy", 1, 20, {"timeInForce": "IOC"})
            odd_exchange.get("depth?symbol=SOL_USDC")  # a new connection: any worker's

    with (
        ThreadPoolExecutor() as traders,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as looking,
    ):
        list(traders.map(trade, [odd_exchange.trader(number % 2) for number in range(4)]))
        said, error = looking.communicate()
    if "may not look into the process" in error:
        pytest.skip(f"this machine does not let anybody look into processes: {error}")
    assert looking.returncode == 0, error
    assert str(graph) in said and f"process {odd_exchange.pids(role.partition('.')[0])[-1]})" in said
    text = graph.read_text(encoding="utf-8")
    assert re.search(rf"<title>[^<]*{re.escape(file)}:\d+", text) and "<svg" in text
    odd_exchange.until_healthy()


def test_only_a_role_of_ours_that_runs(odd_exchange: Exchange) -> None:
    for name in ("valkey", "ingress.7", "ingress.0", "egress.x", ""):
        done = odd_exchange.command("profile", name)
        assert done.returncode == 1 and "there are egress, engine, ingress, ingress.1, writer" in done.stderr


def test_a_missing_py_spy_is_said_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(CommandError, match=r"py-spy is not installed.*\.whl\[bench\]"):
        profile._py_spy()


@pytest.mark.parametrize(
    "said, scope, words",
    (
        ("Error: Permission Denied: Try running again\nwith elevated permissions", "1\n", "ptrace_scope is 1"),
        ("Error: Operation not permitted (os error 1)", None, "needs the capability SYS_PTRACE"),
        ("Error: No stack counts found", None, "nothing to do"),
        ("Error: No such process", None, "No such process"),
        (
            "Error: No space left\n\nStack backtrace:\n  0: <unknown>",
            None,
            "could not be profiled: Error: No space left$",
        ),
        ("", None, "said nothing"),
    ),
)
def test_what_stands_in_the_way(
    said: str, scope: str | None, words: str, odd_exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in says what py-spy says where it may not look."""
    program = tmp_path / "py-spy"
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(profile, "_py_spy", lambda: str(program))
    monkeypatch.setattr(profile, "PTRACE_SCOPE", tmp_path / "ptrace_scope")
    if scope is not None:
        (tmp_path / "ptrace_scope").write_text(scope)
    options = cli._parser().parse_args(["profile", "engine", "--data", str(odd_exchange.data)])
    with pytest.raises(CommandError, match=words):
        profile.profile(options)


@pytest.mark.parametrize("status, output, words", ((1, "g.svg", "nothing to do"), (0, "/dev/full", "No space left")))
def test_a_graph_that_fails_leaves_the_file_as_it_was(
    status: int, output: str, words: str, odd_exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "py-spy"
    program.write_text(
        f'#!/bin/sh\nfor each; do :; done; echo "<svg/>" > "$each"; echo No stack counts found >&2; exit {status}\n'
    )
    program.chmod(0o700)
    monkeypatch.setattr(profile, "_py_spy", lambda: str(program))
    (graph := tmp_path / output).write_text("")
    options = cli._parser().parse_args(["profile", "engine", "-o", str(graph), "--data", str(odd_exchange.data)])
    with pytest.raises(CommandError, match=words):
        profile.profile(options)
    assert not graph.is_file() or graph.read_text() == ""
