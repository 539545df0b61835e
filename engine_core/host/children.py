"""One supervised process: how it is started, watched, restarted with a back-off, and stopped.

Non-goals: which processes there are and in which order (supervisor.py). Everything here is called by one thread, the
main one: the kernel ties a child's death signal to the thread that started it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine_core.process.names import OF_A_SHARD, process_name

MAX_LOG_BYTES = 16 * 2**20
KEPT_LOGS = 3
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
HEALTHY_AFTER_S = 30.0  # a child that lived this long has its back-off reset
PROBE_EVERY_S = 0.02
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "GLIBC_TUNABLES")
_PASSED_ON_PREFIXES = (
    *("LC_", "XDG_", "LD_", "DYLD_", "SSL_CERT_", "PYTHON", "NUMBA_", "OMP_", "OPENBLAS_", "MKL_", "MALLOC_"),
    "EXCHANGE_",
)


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `command` gets the descriptor of the watched pipe; without `probe`, readiness comes as a byte."""

    role: str
    command: Callable[[int], list[str]]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    probe: Callable[[], bool] | None = None
    prepare: Callable[[], None] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    look: Callable[[], None] | None = None  # called again and again while the exchange runs; must not wait
    once: bool = False  # ends by itself, with success, and is not started again

    @property
    def shard(self) -> int:
        """Which it belongs to; 0 as well for what serves all."""
        return int(self.environment.get("EXCHANGE_SHARD", "0")) if self.role in OF_A_SHARD else 0

    @property
    def name(self) -> str:
        return process_name(self.role, self.shard, int(self.environment.get("EXCHANGE_WORKER", "0")))

    @property
    def is_spare(self) -> bool:
        """Whether the exchange is complete without it: it is not the first process of its role and shard."""
        return self.environment.get("EXCHANGE_WORKER", "0") != "0"


class Child:
    """A Program and the process that runs it now, if any."""

    def __init__(self, program: Program, parent_pipe: int, inherited: tuple[int, ...] = ()) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self.ready_after_s = 0.0
        self.starts = 0
        self.restart_at: float | None = None
        self.status: int | None = None  # with which it ended last
        self._failures = 0
        self._parent_pipe = parent_pipe
        self._inherited = inherited
        self.ready_pipe: int | None = None
        self._started_at = 0.0
        self._log_start = 0  # of what the present process writes: the file goes on from run to run
        self._probed_at = 0.0

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def start(self) -> None:
        program = self.program
        if program.prepare:
            program.prepare()
        program.log.parent.mkdir(parents=True, exist_ok=True)
        ready_read, ready_write = os.pipe()
        os.set_blocking(ready_read, False)
        environment = {
            **passed_on(os.environ, "DATABASE_URL" in program.environment),
            **program.environment,
            "EXCHANGE_PARENT_PID": str(os.getpid()),
            "EXCHANGE_PARENT_FD": str(self._parent_pipe),
        }
        if program.probe is None:
            environment["EXCHANGE_READY_FD"] = str(ready_write)
        with program.log.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(
                program.command(self._parent_pipe),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=(self._parent_pipe, ready_write, *self._inherited),
                start_new_session=True,
            )
        os.close(ready_write)
        self._close_ready_pipe()
        self.ready_pipe = ready_read
        self._started_at = time.monotonic()
        self.ready, self.restart_at = False, None
        self.starts += 1

    def poll_ready(self) -> bool:
        """True at the one moment when the running process turned out to be healthy."""
        if self.ready or self.process is None or self.process.poll() is not None:
            return False
        if self.program.probe is not None:
            if time.monotonic() - self._probed_at < PROBE_EVERY_S:
                return False
            self._probed_at = time.monotonic()
            self.ready = self.program.probe()
        elif self.ready_pipe is not None:
            try:
                byte = os.read(self.ready_pipe, 1)
                self.ready = byte == b"1"
                if not byte:  # it closed the pipe without a word; its end will be noticed by itself
                    self._close_ready_pipe()
            except BlockingIOError:
                return False
        if self.ready:
            self.ready_after_s = time.monotonic() - self._started_at
            self._close_ready_pipe()
        return self.ready

    def reap(self) -> int | None:
        """The exit status if the process just ended; sets when to start it again."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.status = status
        lived_s = time.monotonic() - self._started_at
        self._failures = 0 if lived_s > HEALTHY_AFTER_S else self._failures + 1
        self.process, self.ready = None, False
        self._close_ready_pipe()
        if not self.program.once:
            pause = min(FIRST_PAUSE_S * 2 ** max(self._failures - 1, 0), LONGEST_PAUSE_S)
            self.restart_at = time.monotonic() + (pause if self._failures else 0)
        return status

    def running_for_s(self) -> float:
        return time.monotonic() - self._started_at if self.process else 0.0

    def signal_stop(self) -> None:
        self.restart_at = None
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.program.stop_signal)

    def renew(self, program: Program) -> None:
        """Go on as another program, of the same name, as soon as the present process has ended."""
        self.program, self.ready = program, False
        self._close_ready_pipe()
        if self.process and self.process.poll() is None:
            self.process.send_signal(program.stop_signal)

    def wait_stopped(self, deadline: float) -> bool:
        """Wait for the end; after the deadline the whole group is killed. False if it had to be."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
            return True
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return False
        finally:
            self.process, self.ready = None, False

    def log_tail(self, lines: int = 12) -> str:
        """The end of what its present process wrote, to be shown while it starts or when it does not."""
        try:
            with self.program.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                begin = self._log_start if self._log_start <= end else 0  # it was rotated meanwhile
                log.seek(max(begin, end - 8192))
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _close_ready_pipe(self) -> None:
        if self.ready_pipe is not None:
            os.close(self.ready_pipe)
            self.ready_pipe = None


def passed_on(environment: Mapping[str, str], with_libpq: bool) -> dict[str, str]:
    """What a child gets of the environment that the exchange was started in: how programs run here. A shell holds other
    people's secrets too; libpq's variables, a password among them, are for the roles that have a database."""
    prefixes = (*_PASSED_ON_PREFIXES, "PG") if with_libpq else _PASSED_ON_PREFIXES
    return {
        name: value
        for name, value in environment.items()
        if (name in _PASSED_ON or name.startswith(prefixes)) and name != "EXCHANGE_SESSION_SECRET"
    }


def in_words(status: int) -> str:
    """How a process ended, as subprocess gives it. Of the real-time signals only the first and the last have names."""
    if status >= 0:
        return f"ended with status {status}"
    known = {number.value: number.name for number in signal.Signals}
    return f"was killed by {known.get(-status, f'signal {-status}')}"


def rotate(log: Path) -> None:
    """Keep a log below its limit: what was written so far moves to .1, .2, .3, the open file is emptied.

    Children append (O_APPEND), so they go on at the new beginning; lines written during the copy may be lost.
    """
    try:
        if log.stat().st_size <= MAX_LOG_BYTES:
            return
    except FileNotFoundError:
        return
    for number in range(KEPT_LOGS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    with log.open("rb") as source, log.with_name(f"{log.name}.1").open("wb") as copy:
        while part := source.read(2**20):
            copy.write(part)
    os.truncate(log, 0)
