"""Side by side with the matching engines that PyPI offers.

    exchange bench peers [PEER ...] [--json FILE] [--plot FILE]

Each peer is installed, when it is first wanted, into an environment of its own under build/peers, and plays the same
flow through its own best interface (adapters.py). Its trades are compared with ours one by one. A peer that
cannot be installed, fails, or trades otherwise is listed with the reason. Peers are not part of the exchange: nothing
of them is imported here.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.conformance.flow import SHARED, flow_path, read_flow, with_dense_ids
from bench.conformance.kernel import TRADE
from bench.conformance.passes import run
from bench.peers.adapters import PEERS
from bench.report.extras import need
from bench.report.result import Check, Figure, Run
from bench.report.saving import saving
from engine_core.arguments import folder, new_file, seconds, whole

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = Path(__file__).with_name("adapters.py")
INSTALL_S = 300.0
REQUIREMENTS = {"order-matching": "order-matching[polars]"}  # without the extra it cannot be imported


class Result(NamedTuple):
    name: str
    version: str
    messages: int
    messages_a_second: float  # 0: it did not play
    verdict: str  # "same trades", or what was wrong


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="exchange bench peers", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"peers to compare with (default: {', '.join(PEERS)})")
    parser.add_argument("--shared", type=folder, default=SHARED, help="folder of the flows (default: %(default)s)")
    parser.add_argument("--flow", default="normal", help="name of the flow (default: %(default)s)")
    parser.add_argument(
        "--messages", type=whole(1, 1_000_000_000), default=50_000, help="messages to play (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=seconds(0.1, 86_400), default=20.0, help="time limit of each peer (default: %(default)s)"
    )
    parser.add_argument("--folder", type=folder, default=ROOT / "build" / "peers", help="where peers are installed")
    parser.add_argument("--json", type=new_file, metavar="FILE")
    parser.add_argument("--plot", type=new_file, metavar="FILE", help="write a bar chart to FILE (needs matplotlib)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.peers if name not in PEERS]:
        parser.error(f"unknown peers {', '.join(unknown)}; known are {', '.join(PEERS)}")
    if options.plot:
        need(parser, "--plot", "matplotlib")
    return options


def _call(*command: str | Path, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def install(name: str, folder: Path) -> tuple[Path, str]:
    """(its Python, its version); RuntimeError if it cannot be installed."""
    home = folder / name
    python = home / "bin" / "python"
    if not python.exists():
        made = _call(sys.executable, "-m", "venv", home, seconds=INSTALL_S)
        if made.returncode != 0:
            raise RuntimeError(f"no environment: {_last_line(made.stderr or made.stdout)}")
    version = f"import importlib.metadata as m; print(m.version({name!r}))"
    found = _call(python, "-c", version, seconds=INSTALL_S)
    if found.returncode != 0:
        installed = _call(python, "-m", "pip", "install", "-q", REQUIREMENTS.get(name, name), seconds=INSTALL_S)
        if installed.returncode != 0:
            raise RuntimeError(f"cannot be installed: {_last_line(installed.stderr)}")
        found = _call(python, "-c", version, seconds=INSTALL_S)
    return python, found.stdout.strip()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and "notice" not in line]
    return lines[-1].strip()[:200] if lines else "no message"


def our_trades(messages: np.ndarray) -> tuple[list[list[int]], float]:
    """(trades as the adapters give them, seconds of the kernel)"""
    flow = with_dense_ids(messages.copy())
    reports, seconds = run(flow)
    rows = reports[reports["kind"] == TRADE]
    return [[int(row[n]) for n in ("price", "quantity", "maker_id", "order_id")] for row in rows], seconds


def compare(ours: list[list[int]], theirs: list[list[int]]) -> str:
    for at, (our, their) in enumerate(zip(ours, theirs, strict=False)):
        if our != their:
            return f"trade {at} differs: it has {their}, right is {our} (price, quantity, maker, taker)"
    if len(ours) != len(theirs):
        return f"{len(theirs)} trades, right are {len(ours)}"
    return "same trades"


def measure(name: str, messages: np.ndarray, options: argparse.Namespace) -> Result:
    version = "?"
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(messages.tobytes())
        file.flush()
        try:
            python, version = install(name, options.folder)
            command = (python, ADAPTERS, name, file.name, str(options.seconds))
            done = _call(*command, seconds=2 * options.seconds + 60)
        except (RuntimeError, subprocess.TimeoutExpired, OSError) as error:
            return Result(name, version, 0, 0.0, f"{error}"[:200])
    if done.returncode != 0 or not done.stdout.strip():
        return Result(name, version, 0, 0.0, f"died with status {done.returncode}: {_last_line(done.stderr)}")
    report = json.loads(done.stdout.splitlines()[-1])
    if "failure" in report:
        return Result(name, version, 0, 0.0, report["failure"][:200])
    played = int(report["messages"])
    verdict = compare(our_trades(messages[:played])[0], report["trades"])
    return Result(name, version, played, played / report["seconds"], verdict)


def show(result: Result) -> None:
    speed = f"{result.messages_a_second:,.0f}" if result.messages_a_second else "-"
    name = f"{result.name} {result.version}"
    print(f"{name:<30}{result.messages:>10,}{speed:>14}   {result.verdict}", flush=True)


def plot(results: list[Result], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [result for result in results if result.messages_a_second]
    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(shown) + 1.5), layout="constrained")
    names = [f"{r.name}{'' if r.verdict == 'same trades' else ' (other trades)'}" for r in shown]
    axes.barh(names, [result.messages_a_second for result in shown])
    axes.set_xscale("log")
    axes.set_xlabel("messages a second, same flow, same machine")
    axes.invert_yaxis()
    with saving(path):
        figure.savefig(path)
    pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    measured = Run("peers", options)
    try:
        messages = read_flow(flow_path(options.shared, options.flow)).messages[: options.messages]
    except Exception as error:
        print(f"bench.peers: {options.flow}: {error}; name the folder of the flows with --shared", file=sys.stderr)
        return 2
    our_trades(messages)  # compile, and touch the memory
    rates = [len(messages) / our_trades(messages)[1] for _ in range(5)]
    results = [Result("this exchange", "", len(messages), statistics.median(rates), "same trades")]
    print(f"{'':<30}{'messages':>10}{'a second':>14}")
    show(results[0])
    for name in options.peers or PEERS:
        results.append(measure(name, messages, options))
        show(results[-1])
    figures = [Figure(r.name, r.messages_a_second, "messages/s", "", []) for r in results[1:] if r.messages_a_second]
    figures.insert(0, Figure(results[0].name, results[0].messages_a_second, "messages/s", "higher", rates))
    checks = [Check(r.name, r.verdict == "same trades", r.verdict) for r in results]
    measured.write(options.json, figures, checks, own={"peers_compared": [result._asdict() for result in results]})
    if options.plot:
        plot(results, options.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
