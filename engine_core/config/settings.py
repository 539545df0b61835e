"""Where one run of the exchange lives: folders, URLs, ports, secrets; read once per process from the environment.

`exchange up` sets all of the variables for its children. Run by hand, a role finds a running exchange by the same
defaults: data in ./data, sockets in the runtime folder that belongs to that data folder, the
database's address in run.json.
"""

import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from engine_core.config.edge_limits import read_http
from engine_core.config.exchange_toml import PROFILES, Config, load
from engine_core.config.redis_url import check_redis_url, of_shard, to_shard
from engine_core.config.shards import VARIABLE as SHARDS
from engine_core.config.shards import check_markets, shards_of
from engine_core.config.toml_section import NAME_ANOTHER, ConfigError, Section
from engine_core.config.whole_numbers import whole_number
from engine_core.wire.limits import MOST_SHARDS

MAX_PORT = 65_535
MAX_SOCKET_PATH = 100  # bytes; the kernel allows 107, file names of ours need a few more
_USER_INFO = re.compile(r"(?<=://)([^:/?#@]*):(.*)@", re.DOTALL)
_PARAMETER = re.compile(r"((?:^|[?&\s])(?:ssl|sentinel_)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^&\s]*)", re.IGNORECASE)
VALKEY_SOCKET = "valkey.sock"
CONFIG_NAME = "exchange.toml"
_IN_A_WHEEL = ("engine_core", "config", CONFIG_NAME)
CONFIGURATION_FILE = "configuration"  # in the data folder: where the exchange.toml is that it was last started with
URLS_FILE = "server-urls.json"  # in the data folder, while it runs: URLs with a password
SECRET_FILE = "session-secret"
KEYS_FILE = "demo-keys.json"  # in the data folder: API keys of the two demo accounts


@dataclass(frozen=True, slots=True)
class Settings:
    config: Config
    data: Path
    runtime: Path
    redis_url: str
    database_url: str
    profile: str
    shard: int  # this process's own: of engine, standby and writer
    shards: int  # of the venue: 0 to shards - 1
    host: str
    http_port: int
    ws_port: int
    worker: int
    session_secret: bytes  # empty where none is given: code that signs or reads sessions calls secret()
    metrics_port: int  # 0: no metrics endpoint

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables that environment.py names, an empty one as if it were not set: Compose passes on
        `${NAME:-}`. ConfigError names one that is wrong."""
        profile = environment.get("EXCHANGE_PROFILE") or "demo"
        if profile not in PROFILES:
            raise ConfigError(f"EXCHANGE_PROFILE: must be one of {', '.join(PROFILES)}, is {profile!r}")
        is_supervised = bool(environment.get("EXCHANGE_PARENT_PID"))  # then it has been given what it needs
        running = {} if is_supervised else _running(Path(environment.get("EXCHANGE_DATA") or "data"))
        data = Path(environment.get("EXCHANGE_DATA") or "data").absolute()
        config = read_config(environment.get("EXCHANGE_CONFIG") or own_config(data), profile, environment)
        runtime = Path(environment["EXCHANGE_RUNTIME"]) if environment.get("EXCHANGE_RUNTIME") else runtime_path(data)
        if os.path.exists(runtime) and not os.path.isdir(runtime):
            raise ConfigError(f"EXCHANGE_RUNTIME: {runtime} is not a folder")
        shards = shards_of(environment, data, config.shards)
        check_markets(config.path, config.markets, shards)
        shard = _own_shard(environment, shards)
        given = environment.get("REDIS_URL", "")
        return cls(
            config=config,
            data=data,
            runtime=runtime,
            redis_url=(given and of_shard(check_redis_url(given), shard))
            or running.get("redis")
            or f"unix://{quote(os.fsencode(runtime / VALKEY_SOCKET))}",
            database_url=environment.get("DATABASE_URL") or running.get("database", ""),
            profile=profile,
            shard=shard,
            shards=shards,
            host=environment.get("EXCHANGE_HOST") or config.server.host,
            http_port=whole_number(environment, "EXCHANGE_HTTP_PORT", config.server.http_port, MAX_PORT),
            ws_port=whole_number(environment, "EXCHANGE_WS_PORT", config.server.ws_port, MAX_PORT),
            worker=whole_number(environment, "EXCHANGE_WORKER", 0, 1023),
            session_secret=_secret(environment.get("EXCHANGE_SESSION_SECRET", ""), "EXCHANGE_SESSION_SECRET"),
            metrics_port=whole_number(environment, "EXCHANGE_METRICS_PORT", 0, MAX_PORT),
        )

    @classmethod
    def of_role(cls) -> "Settings":
        """The same for a process of the exchange, with sockets in the runtime folder: made, unless one is given."""
        settings = cls.from_environment()
        if not os.environ.get("EXCHANGE_RUNTIME"):
            runtime_folder(settings.data)
        return settings

    def redis_of(self, shard: int) -> str:
        """The URL of the Redis that has the logs of that shard: of a cluster, its node."""
        return self.redis_url if shard == self.shard else to_shard(self.redis_url, shard)

    @property
    def redis_urls(self) -> list[str]:
        """Of all shards, from 0 on."""
        return [self.redis_of(shard) for shard in range(self.shards)]

    def secret(self) -> bytes:
        """What signs browser sessions: given, or kept in the data folder so that all workers agree."""
        return self.session_secret or session_secret(self.data)

    def environment(self) -> dict[str, str]:
        """The variables that give these settings again in a child process."""
        return {
            "EXCHANGE_CONFIG": str(Path(self.config.path).absolute()),
            "EXCHANGE_DATA": str(self.data),
            "EXCHANGE_RUNTIME": str(self.runtime),
            "REDIS_URL": self.redis_url,
            "DATABASE_URL": self.database_url,
            "EXCHANGE_PROFILE": self.profile,
            "EXCHANGE_SHARD": str(self.shard),
            SHARDS: str(self.shards),
            "EXCHANGE_HOST": self.host,
            "EXCHANGE_HTTP_PORT": str(self.http_port),
            "EXCHANGE_WS_PORT": str(self.ws_port),
            "EXCHANGE_WORKER": str(self.worker),
            "EXCHANGE_SESSION_SECRET": self.session_secret.hex(),
            "EXCHANGE_METRICS_PORT": str(self.metrics_port),
        }


def read_config(path: Path | str, profile: str, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration as a profile has it; what depends on where the exchange stands, the environment may say."""
    config = load(path).for_profile(profile)
    if proxies := environment.get("EXCHANGE_TRUSTED_PROXIES"):
        networks = [network.strip() for network in proxies.split(",") if network.strip()]
        named = read_http(Section("environment", "EXCHANGE", {"trusted_proxies": networks}))
        config = replace(config, http=replace(config.http, trusted_proxies=named.trusted_proxies))
    return config


def is_config(path: Path) -> bool:
    """An empty file is none: for `exchange config > exchange.toml` the shell makes one before anything runs."""
    return path.is_file() and path.stat().st_size > 0


def shipped_config() -> Path:
    """The one that a wheel brought, else that of the checkout that this code belongs to."""
    brought = Path(__file__).resolve().with_name(CONFIG_NAME)
    return brought if brought.exists() else brought.parents[2] / CONFIG_NAME


def default_config() -> Path:
    """./exchange.toml, else the shipped one."""
    here = Path(CONFIG_NAME)
    return here if is_config(here) else shipped_config()


def own_config(data: Path) -> Path:
    """The configuration that the exchange on `data` was last started with; default_config() if it never was, or with
    the one that is shipped, of this installation or another."""
    try:
        text = os.fsdecode((data / CONFIGURATION_FILE).read_bytes()).strip()
    except FileNotFoundError:
        return default_config().absolute()
    except OSError as error:
        raise ConfigError(f"{data / CONFIGURATION_FILE}: cannot be read: {error}") from None
    path = Path(os.path.normpath(data / text))
    if path.parts[-3:] == _IN_A_WHEEL:
        return default_config().absolute()
    if not is_config(path):
        how = "empty" if path.is_file() else "gone"
        raise ConfigError(
            f"{path}: is {how}, and it is the configuration of the exchange on {data}: restore it, or {NAME_ANOTHER}"
        )
    return path


def remember_config(data: Path, config: Path) -> None:
    """Say in the data folder which configuration it belongs to; one beside it moves along with the folder. Not the
    shipped one: with the next installation it is somewhere else."""
    path = config.resolve()
    if path == shipped_config().resolve() != Path(CONFIG_NAME).resolve():
        (data / CONFIGURATION_FILE).unlink(missing_ok=True)
        return
    beside = path.parent in (data.resolve(), data.resolve().parent)
    write_private(data / CONFIGURATION_FILE, f"{os.path.relpath(path, data.resolve()) if beside else path}\n")


def passed_over(config: Path) -> Path | None:
    """The configuration in this folder, if it is another one than the exchange's own."""
    here = Path(CONFIG_NAME).absolute()
    if not is_config(here) or here.resolve() == config.resolve() or here.read_bytes() == config.read_bytes():
        return None
    return here


def runtime_folder(data: Path) -> Path:
    """The short folder for sockets and the ring file of the exchange whose data is in `data`; created, ours, 0700."""
    return private_folder(runtime_path(data))


def runtime_path(data: Path) -> Path:
    """Where that folder is. It is on a tmpfs where there is one, so that the ring is never written to a disk."""
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:8]
    shared = Path("/dev/shm")
    base = shared if os.access(shared, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
    folder = base / f"exchange-{os.getuid()}-{digest}"
    if len(os.fsencode(folder)) > MAX_SOCKET_PATH - 20:
        folder = Path("/tmp") / folder.name
    return folder


def private_folder(folder: Path) -> Path:
    """Ours alone, made now or before; ConfigError if it cannot be, or is too deep for the sockets in it."""
    if len(os.fsencode(folder)) > MAX_SOCKET_PATH - 20:
        raise ConfigError(f"{folder}: is too long for sockets (at most {MAX_SOCKET_PATH - 20} bytes): EXCHANGE_RUNTIME")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}; set EXCHANGE_RUNTIME") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise ConfigError(f"{folder}: must be a folder of this user with mode 0700; remove it, or set EXCHANGE_RUNTIME")
    return folder


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file that only this user can read, atomically: a reader sees the old text or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def without_password(url: str) -> str:
    """A URL, or a connection string in words, fit for logs and error messages."""
    return _PARAMETER.sub(r"\1…", _USER_INFO.sub(r"\1:…@", url))


def has_password(url: str) -> bool:
    return without_password(url) != url


def _own_shard(environment: Mapping[str, str], shards: int) -> int:
    shard = whole_number(environment, "EXCHANGE_SHARD", 0, MOST_SHARDS - 1)
    if shard >= shards:
        raise ConfigError(
            f"EXCHANGE_SHARD: {shard} is no shard of this venue, which has {shards} (from 0 on): {SHARDS} says how many"
        )
    return shard


def _running(data: Path) -> dict[str, str]:
    """The URLs of the exchange that runs on `data`, as its run.json says; empty if none does."""
    try:
        run = json.loads((data / "run.json").read_text(encoding="utf-8"))
        return {name: str(run[name]) for name in ("redis", "database")} | private_urls(data)
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def private_urls(data: Path) -> dict[str, str]:
    """What run.json does not tell: the URLs of servers that want a password in them, by `redis` and `database`."""
    try:
        urls: dict[str, str] = json.loads((data / URLS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return urls


def _secret(text: str, where: str) -> bytes:
    """The bytes of a secret in hexadecimal digits; empty where there is none."""
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b"?"
    if secret and len(secret) < 16:
        raise ConfigError(f"{where}: must be at least 32 hexadecimal digits")
    return secret


def session_secret(data: Path) -> bytes:
    """The secret of the data folder, created by the first process that asks; all others get the same."""
    path = data / SECRET_FILE
    try:
        if not path.exists() and data.is_dir():
            _make_secret(path)
        secret = _secret(path.read_text(encoding="utf-8").strip(), str(path))
    except OSError as error:
        raise ConfigError(
            f"{path}: there is no secret for browser sessions ({error.strerror}): set EXCHANGE_SESSION_SECRET to 64 "
            "hexadecimal digits, the same for every ingress and egress"
        ) from None
    if not secret:
        raise ConfigError(f"{path}: is empty: delete it, and everybody has to log in again")
    return secret


def _make_secret(path: Path) -> None:
    made = path.with_name(f".{path.name}.{os.getpid()}.new")
    write_private(made, secrets.token_hex(32) + "\n")
    try:
        os.link(made, path)
    except FileExistsError:
        pass  # another process was faster
    finally:
        made.unlink()
