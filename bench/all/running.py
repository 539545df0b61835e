"""Running one benchmark as a program of its own, and what came of it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.all.plan import Step
from bench.all.roles import RoleSampler
from bench.load.targets.api import BenchError
from bench.own_exchange import own_environment, own_exchange
from bench.report.reading import ReadError, read

END_SECONDS = 60.0  # for a benchmark that was interrupted, to stop what it has started
LAST_LINES = 6


class Failed(Exception):
    """The benchmark ended otherwise than with a result; says how, in its own words."""


class OutOfTime(Exception):
    """It was stopped."""


@dataclass(frozen=True)
class Place:
    """The sources that are measured, by the Python that has them installed, and a folder for what they write."""

    folder: Path
    python: str = sys.executable

    def run(self, step: Step, size: str, seconds: float | None = None) -> dict[str, Any]:
        """The document of one run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        out, log = self.folder / "result.json", self.folder / "output.log"
        out.unlink(missing_ok=True)
        with ExitStack() as stack:
            roots, extra = list[int](), ["--json", str(out)]
            if step.exchange:
                data = self.folder / "exchange"
                shutil.rmtree(data, ignore_errors=True)  # each run begins with an empty one
                try:
                    roots.append(stack.enter_context(own_exchange(data, self.python)))
                except (BenchError, OSError) as error:
                    raise Failed(str(error)) from None
                extra += ["--data", str(data)]
            *before, measuring = step.commands(size, self.folder.absolute())
            exchange = [self.python, "-P", "-m", "engine_core.cli"]
            for each in before:
                _run([*exchange, *each], log, roots, seconds)
            sampler = _run([*exchange, *measuring, *extra], log, roots, seconds)
        try:
            document = read(out)
        except (ReadError, OSError) as error:
            raise Failed(str(error)) from None
        document["label"] = step.name
        document["curves"] = [*document.get("curves", ()), *(asdict(curve) for curve in sampler.curves())]
        return document


def _run(command: Sequence[str], log: Path, roots: list[int], seconds: float | None) -> RoleSampler:
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=own_environment(), start_new_session=True
        )
    with RoleSampler(process.pid, *roots) as sampler:
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise OutOfTime from None
        finally:
            _end(process)
    if status:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise Failed("\n".join(lines[-LAST_LINES:]) or f"exit status {status}")
    return sampler


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupted, it stops its servers itself; what is left of its session then is ended with it."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
