"""Runs the exchange: starts its processes in order, restarts what dies, stops all in the reverse of the data's way.

    phase 1  valkey, postgres          (unless the operator brings servers of their own)
    phase 2  engine, standbys, writer (of each shard); reconcile (compares exchange.toml with the logs, appends the
             difference, and ends); ingress, egress   (they import while the engines replay, and wait for them)
    phase 3  market_maker              (profile demo)
    then     the second and further processes of a role: they add speed, and would only delay the first order

The processes are started as programs, never imported, and none that was not started here is ever signalled. If this
process is killed, the kernel (or the watched pipe) ends the children, and the lock on the data folder, which the
children hold too, is free only when the last one is gone.

Non-goals: what the processes do, and command line options (operator/).
"""

import errno
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine_core.config.hosts import reachable, to_bind
from engine_core.config.settings import URLS_FILE, Settings, has_password, without_password, write_private
from engine_core.host.children import Child, Program, in_words, rotate
from engine_core.host.growth import Growth, More
from engine_core.process.names import role_name

SAY_SOMETHING_EVERY_S = 5.0  # while something takes long
ROTATE_EVERY_S = 30.0
LOOK_EVERY_S = 0.5  # at what a program wants to have looked at
STAGE_TIMEOUT_S = 4.0  # for one stage of the stop
GIVE_UP_AFTER_STARTS = 3  # of a process that never became ready while the exchange starts
LOCK_TIMEOUT_S = 10.0

STOP_ORDER = (("market_maker",), ("ingress",), ("egress", "engine", "standby"), ("writer",), ("postgres", "valkey"))


class StartError(RuntimeError):
    """The exchange cannot be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What `exchange up` decided: the settings, and the programs by phase."""

    settings: Settings
    phases: tuple[tuple[Program, ...], ...]
    banner: Callable[[], str]  # said once everything is ready
    check: Callable[[], None] = lambda: None  # between the servers and the roles; StartError: no role is started
    more: Callable[[Settings], More | None] = lambda settings: None  # on SIGUSR2; None: what runs is all there is


def lock_data(data: Path) -> int:
    """Take the data folder for this process; StartError if another exchange has it."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(f"--data {data}: cannot be used as the data folder: {error.strerror}") from None
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip()
            if _alive(holder):
                raise StartError(
                    f"{data} is in use by the exchange with pid {holder}: stop that one (Ctrl-C there, or kill "
                    f"{holder}), or choose another folder with --data DIR"
                ) from None
            if time.monotonic() > deadline:  # its supervisor is gone, the children should be too
                raise StartError(f"{data}: processes of a former exchange (pid {holder}) still hold it") from None
            time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def holder_of(data: Path) -> int:
    """The pid of the supervisor that runs on `data`, 0 if none does."""
    try:
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return 0
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).strip()
        return int(holder) if holder.isdigit() else 0
    finally:
        os.close(descriptor)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def check_host(host: str) -> None:
    """StartError unless `host` is an address, or a name that has one."""
    try:
        to_bind(host, 0)
    except OSError as error:
        raise _no_host(host, error) from None


def check_ports(host: str, ports: Iterable[tuple[str, str, int]], taken: Iterable[int] = ()) -> None:
    """StartError, before anything is started, if one of (what, option, port) cannot be had, or is wanted twice."""
    users = dict.fromkeys(taken, "something else of this exchange")
    for what, option, port in ports:
        if port in users:
            raise StartError(f"port {port} is wanted for {what} and for {users[port]}: change {option}")
        users[port] = what
        check_port(host, port, what, option)


def check_port(host: str, port: int, what: str, option: str) -> None:
    """StartError if `host` is not of this machine, or somebody listens there."""
    try:
        family, address = to_bind(host, port)
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno in (None, errno.EADDRNOTAVAIL):
            raise _no_host(host, error) from None
        advice = "stop what uses it, or choose another one"
        if error.errno == errno.EACCES:
            advice = "ports below 1024 need rights; choose another one"
        raise StartError(
            f"port {port} on {host} cannot be used for {what} ({error.strerror}): {advice} with {option} PORT"
        ) from None


def _no_host(host: str, error: OSError) -> StartError:
    return StartError(
        f"--host {host!r}: is not a name or an address of this machine ({error.strerror or error}): 127.0.0.1 is for "
        "this machine alone, 0.0.0.0 are all its addresses"
    )


def free_port(host: str, kept: ExitStack) -> int:
    """One that no other program gets until `kept` is closed, unless by name: Linux gives a port that is bound, and at
    which nobody listens, to whoever names it (SO_REUSEADDR), and to nobody who takes any."""
    with ExitStack() as own:
        try:
            family, address = to_bind(host, 0)
            holder = own.enter_context(socket.socket(family))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(address)
        except OSError as error:
            raise _no_host(host, error) from None
        if sys.platform == "linux":
            kept.push(own.pop_all())
        return int(holder.getsockname()[1])


class Supervisor:
    """One run. `say` prints a line for the person who started it."""

    def __init__(self, plan: Plan, lock: int, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._heard_by = say
        self._settings = plan.settings
        self._data = plan.settings.data
        self._children: list[Child] = []
        self._stopping = 0
        self._wants_more = False
        self._growth: Growth | None = None
        # Nobody writes into this pipe; its end-of-file is our death.
        parent_pipe, self._held_end = os.pipe()
        self._parent_pipe, self._lock = parent_pipe, lock
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._rotate_at = 0.0

    def _tell(self, line: str) -> None:
        """Who started the exchange may hear nothing any more, or have no room for it: the exchange goes on."""
        with suppress(OSError):
            self._heard_by(line)

    def run(self) -> int:
        """Until a signal asks to stop. Returns the exit status."""
        with self._signals():
            try:
                for number, phase in enumerate(self._plan.phases):
                    if number == 1:
                        self._plan.check()
                    self._start_phase(tuple(program for program in phase if not program.is_spare))
                if not self._stopping:
                    self._tell(self._plan.banner())
                for program in (program for phase in self._plan.phases for program in phase if program.is_spare):
                    self._start(self._child(program))
                while not self._stopping:
                    self._wait(self._next_wake())
                    self._watch()
                    self._grow()
                return 0
            except _Stopped:
                return 0
            finally:
                self._stop()

    def _start_phase(self, phase: tuple[Program, ...]) -> None:
        started = []
        for program in phase:
            started.append(child := self._child(program))
            self._start(child)
        said_at = time.monotonic()
        while waiting := [child for child in started if not self._settled(child)]:
            self._wait(0.01 if any(child.program.probe for child in waiting) else 0.5)
            if self._stopping:
                raise _Stopped
            self._watch(starting=True)
            if time.monotonic() - said_at > SAY_SOMETHING_EVERY_S:
                said_at = time.monotonic()
                for child in waiting:
                    if not self._settled(child):
                        last = child.log_tail(1)
                        self._tell(f"  waiting for {child.program.name} ({child.running_for_s():.0f} s)… {last[-160:]}")

    def _child(self, program: Program) -> Child:
        child = Child(program, self._parent_pipe, (self._lock,))
        self._children.append(child)
        return child

    @staticmethod
    def _settled(child: Child) -> bool:
        return child.ready if not child.program.once else child.process is None

    def _start(self, child: Child) -> None:
        if child.program.prepare and child.starts == 0:
            self._tell(f"  {child.program.name}: preparing")
        child.start()
        self._write_run()

    def _watch(self, starting: bool = False) -> None:
        """Note who became ready, who ended, and whose pause before a restart is over."""
        for child in self._children:
            if child.poll_ready():
                self._tell(f"  {child.program.name} is ready after {child.ready_after_s:.1f} s (pid {child.pid})")
            status = child.reap()
            if status is not None:
                self._ended(child, status, starting)
            if child.program.look is not None:
                child.program.look()
            if child.restart_at is not None and time.monotonic() >= child.restart_at:
                self._start(child)
        if time.monotonic() >= self._rotate_at:
            self._rotate_at = time.monotonic() + ROTATE_EVERY_S
            for child in self._children:
                rotate(child.program.log)

    def _ended(self, child: Child, status: int, starting: bool) -> None:
        how = in_words(status)
        self._write_run()
        if child.program.once:
            if status != 0:
                why = f"{child.program.name} failed:\n{_indented(child.log_tail())}"
                if starting:
                    raise StartError(why)
                self._tell(f"  {why}")
            return
        if starting and child.starts >= GIVE_UP_AFTER_STARTS and not child.ready:
            raise StartError(
                f"{child.program.name} {how}, {child.starts} times; its log {child.program.log} ends:\n"
                + _indented(child.log_tail())
            )
        pause = max(0.0, (child.restart_at or 0.0) - time.monotonic())
        self._tell(f"  {child.program.name} {how}; starting it again in {pause:.1f} s (log: {child.program.log})")

    def _grow(self) -> None:
        """More shards, if somebody asked for them; one step at a time, beside everything else."""
        if self._growth is None and self._wants_more:
            self._wants_more = False
            more = self._plan.more(self._settings)
            if more is not None:
                self._tell(f"  {more.settings.shards} shards from here on")
                self._growth = Growth(more, self._children, self._child, self._start)
        if self._growth is not None and self._growth.step():
            self._settings, self._growth = self._growth.settings, None
            self._write_run()
            self._tell(f"  there are {self._settings.shards} shards now")

    def _next_wake(self) -> float:
        now = time.monotonic()
        moments = [self._rotate_at - now, *([LOOK_EVERY_S] if self._growth else [])]
        for child in self._children:
            if child.program.look is not None:
                moments.append(LOOK_EVERY_S)
            if child.restart_at is not None:
                moments.append(child.restart_at - now)
            elif child.process and not child.ready:
                moments.append(0.05)
        return max(0.0, min(moments))

    def _wait(self, timeout: float) -> None:
        """Sleep until a signal (a child's end, a wish to stop), or a child's readiness, or the timeout."""
        readable = [self._wake_read, *(child.ready_pipe for child in self._children if child.ready_pipe is not None)]
        select.select(readable, [], [], timeout)
        with suppress(BlockingIOError):
            while os.read(self._wake_read, 512):
                pass

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals only set a flag and wake the loop; a second wish to stop is a hurry."""

        def stop(number: int, frame: object) -> None:
            self._stopping += 1

        def grow(number: int, frame: object) -> None:
            self._wants_more = True

        wishes = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        former = {number: signal.signal(number, stop) for number in wishes}
        former[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, grow)
        former[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # children begin so, deaf to `snapshot`
        former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        wake = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wake)
            for number, handler in former.items():
                signal.signal(number, handler)

    def _stop(self) -> None:
        running = [child for child in self._children if child.process]
        if running:
            self._tell("stopping")
        began = time.monotonic()
        for stage in STOP_ORDER:
            children = [child for child in running if child.program.role in stage]
            for child in children:
                child.signal_stop()
            deadline = time.monotonic() + (STAGE_TIMEOUT_S if self._stopping < 2 else 0.5)
            for child in children:
                if not child.wait_stopped(deadline):
                    self._tell(f"  {child.program.name} did not stop in time and was killed")
        for child in running:  # a role that the stop order does not know, or one that runs once
            if child.process:
                child.signal_stop()
                child.wait_stopped(time.monotonic() + STAGE_TIMEOUT_S)
        for name in ("run.json", URLS_FILE):
            (self._data / name).unlink(missing_ok=True)
        if running:
            self._tell(f"stopped after {time.monotonic() - began:.1f} s; the data is in {self._data}")

    def _write_run(self) -> None:
        """DIR/run.json: what runs now and how to reach it. Passwords stand in a file of their own."""
        settings = self._settings
        processes: dict[str, list[int]] = {}
        for child in self._children:
            if not child.program.once:
                name = role_name(child.program.role, child.program.shard)
                processes.setdefault(name, []).extend([child.pid] if child.pid else [])
        urls = {"redis": settings.redis_url, "database": settings.database_url}
        if private := {name: url for name, url in urls.items() if has_password(url)}:
            write_private(self._data / URLS_FILE, json.dumps(private) + "\n")
        run = {
            "supervisor": os.getpid(),
            "processes": processes,
            "http": f"http://{reachable(settings.host)}:{settings.http_port}",
            "ws": f"ws://{reachable(settings.host)}:{settings.ws_port}",
            **{name: without_password(url) for name, url in urls.items()},
            "logs": str(self._data / "logs"),
            "profile": settings.profile,
            "shards": settings.shards,
            "config": str(Path(settings.config.path).absolute()),
            "runtime": str(settings.runtime),
        }
        write_private(self._data / "run.json", json.dumps(run, indent=2) + "\n")


class _Stopped(Exception):
    """Somebody asked to stop while the exchange was starting."""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
