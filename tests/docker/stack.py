"""docker/compose.yaml run by Podman: every key of it that a service has, translated into an argument.

A key that is not known here is an error, never ignored: the compose file is what is tested. Health checks are run as
Docker runs them, by a program inside the container, at the file's or the image's interval. Non-goals: logging drivers.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.docker.compose import DOCKER
from tests.docker.podman import PROCESSES, Podman, PodmanError

Service = dict[str, Any]
_IGNORED = {"build", "depends_on", "profiles", "logging", "healthcheck"}  # done by other means, or not here


class Stack:
    def __init__(
        self, podman: Podman, file: dict[str, Any], left_out: dict[str, str], say: Callable[[str], None]
    ) -> None:
        self._podman, self._say = podman, say
        self._project, self._file = file["name"], file
        self.services: dict[str, Service] = {
            name: service
            for name, service in file["services"].items()
            if service["image"].partition(":")[0] not in left_out
        }
        self.running: list[str] = []  # containers, by the name of their service, and a number if it has several
        self.of: dict[str, str] = {}  # the service of each

    def container(self, name: str) -> str:
        return f"{self._project}-{name}"

    def prepare(self) -> None:
        """Networks and volumes."""
        for name, network in self._file["networks"].items():
            options = ["--internal"] if (network or {}).get("internal") else []
            for config in (network or {}).get("ipam", {}).get("config", []):
                options += [part for key in config for part in (f"--{key.replace('_', '-')}", config[key])]
            self._podman("network", "create", *options, self.container(name))
        for name, volume in self._file["volumes"].items():
            given = dict((volume or {}).get("driver_opts", {}))
            if "o" in given:  # Podman 4 takes a size for a disk quota, even of memory
                given["o"] = ",".join(part for part in given["o"].split(",") if not part.startswith("size="))
            options = [part for key, value in given.items() for part in ("--opt", f"{key}={value}")]
            self._podman("volume", "create", *options, self.container(name))

    def up(self, profiles: Sequence[str], copies: Mapping[str, int] | None = None) -> None:
        """Start what these profiles have, each service when what it depends on is as it should be; of those in `copies`
        so many."""
        wanted = [
            name
            for name, service in self.services.items()
            if name not in self.running and (not service.get("profiles") or {*service["profiles"]} & {*profiles})
        ]
        while wanted:
            name = next(one for one in wanted if not {*self.services[one].get("depends_on", {})} & {*wanted})
            wanted.remove(name)
            self._await_dependencies(name)
            for number in range((copies or {}).get(name, 1)):
                self._start(name, f"{name}-{number + 1}" if number else name)

    def _start(self, service: str, name: str) -> None:
        self._podman("run", "--detach", "--name", self.container(name), *self._arguments(service), timeout=120)
        self.running.append(name)
        self.of[name] = service
        if self._check_of(service) is None:
            self._say(f"{name} started")
        else:
            self.wait_healthy(name)

    def run(self, service: str, *command: str, timeout: float = 120.0) -> str:
        """As `docker compose run --rm` does."""
        arguments = self._arguments(service, command, lasting=False)
        return self._podman("run", "--rm", "--name", f"{self.container(service)}-run", *arguments, timeout=timeout)

    def compose(self, command: str, *arguments: str) -> int:
        """What docker/backup.sh and docker/restore.sh ask of `docker compose`, on our standard streams; the status."""
        rest = [argument for argument in arguments if argument not in ("--rm", "-T", "--no-deps", "--quiet")]
        if command == "ps":
            return self._podman.attached("ps", "--quiet")
        if command == "up":
            assert rest == ["--detach", "--wait", "database"], rest
            self._start("database", "database")
            return 0
        service, *program = rest
        if command == "exec":
            return self._podman.attached("exec", "--interactive", self.container(service), *program)
        assert command == "run", command
        return self._podman.attached("run", "--rm", "--interactive", *self._arguments(service, program, lasting=False))

    def down(self) -> None:
        """Stop what runs, in the reverse of how it was started; whoever does not end by itself in time is an error."""
        for name in reversed(self.running):
            grace = int(str(self.services[self.of[name]].get("stop_grace_period", "10s")).rstrip("s"))
            began = time.monotonic()
            self._podman("stop", "--time", str(grace), self.container(name), timeout=grace + 60)
            status = self._podman.inspect("container", self.container(name))["State"]["ExitCode"]
            if status != 0:
                raise PodmanError(f"{name} ended with status {status}:\n{self.log(name)}")
            self._say(f"{name} stopped after {time.monotonic() - began:.1f} s")
        self.running.clear()

    def log(self, name: str, lines: int = 15) -> str:
        done = self._podman.try_("logs", "--tail", str(lines), self.container(name))
        return "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines())

    def state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._podman.inspect("container", self.container(name))
        return found

    def wait_healthy(self, name: str) -> None:
        check = self._check_of(self.of[name])
        assert check is not None, f"{name} has no health check"
        command, interval, deadline_s = check
        began = time.monotonic()
        while (done := self._podman.try_("exec", self.container(name), *command)).returncode != 0:
            if time.monotonic() - began > deadline_s:
                said = (done.stdout + done.stderr).strip()
                raise PodmanError(
                    f"{name} is not healthy after {deadline_s:.0f} s ({said}); it says:\n{self.log(name)}"
                )
            time.sleep(min(interval, 2.0))
        self._say(f"{name} is healthy after {time.monotonic() - began:.1f} s")

    def _await_dependencies(self, name: str) -> None:
        needs = self.services[name].get("depends_on", {})
        for need, how in ((one, needs[one]) for one in needs) if isinstance(needs, dict) else ():
            if how["condition"] == "service_completed_successfully":
                status = self._podman("wait", self.container(need), timeout=120)
                if status != "0":
                    raise PodmanError(f"{need} ended with status {status}:\n{self.log(need)}")

    def _check_of(self, name: str) -> tuple[list[str], float, float] | None:
        """Command, interval and patience of a health check: the service's, or its image's."""
        check = self.services[name].get("healthcheck")
        if check is not None:
            if check.get("disable"):
                return None
            interval = float(str(check["interval"]).rstrip("s"))
            return check["test"][1:], interval, max(60.0, interval * check["retries"])
        own = self._podman.inspect("image", self._image(name)).get("Healthcheck")
        if own is None:
            return None
        return own["Test"][1:], own["Interval"] / 1e9, own["StartPeriod"] / 1e9 + own["Retries"] * own["Interval"] / 1e9

    def _image(self, name: str) -> str:
        return f"localhost/{self.services[name]['image']}"

    def _arguments(self, name: str, command: Sequence[str] = (), *, lasting: bool = True) -> list[str]:
        service = self.services[name]
        options = ["--hostname", name, "--no-healthcheck", "--pull", "never"]
        for key, value in service.items():
            if key not in _IGNORED and key not in ("image", "command") and (lasting or key not in ("ports", "restart")):
                options += _OPTIONS[key](self, name, value)
        return [*options, self._image(name), *(command or service.get("command", ()))]

    def _networks(self, name: str, networks: Sequence[str] | dict[str, dict[str, str]]) -> Iterator[str]:
        for network in networks:
            address = networks[network]["ipv4_address"] if isinstance(networks, dict) else ""
            yield from ("--network", f"{self.container(network)}:alias={name}{address and f',ip={address}'}")

    def _configs(self, _: str, configs: Sequence[dict[str, str]]) -> Iterator[str]:
        for one in configs:
            path = (DOCKER / self._file["configs"][one["source"]]["file"]).resolve()
            yield from ("--volume", f"{path}:{one['target']}:ro")

    def _mounts(self, _: str, volumes: Sequence[str]) -> Iterator[str]:
        for volume in volumes:
            source, _colon, rest = volume.partition(":")
            place = str((DOCKER / source).resolve()) if source.startswith((".", "/")) else self.container(source)
            yield from ("--volume", f"{place}:{rest}")


def _each(option: str) -> Callable[[Stack, str, Sequence[Any]], list[str]]:
    return lambda stack, name, values: [part for value in values for part in (option, str(value))]


def _one(option: str) -> Callable[[Stack, str, Any], list[str]]:
    return lambda stack, name, value: [option, str(value)]


def _flag(option: str) -> Callable[[Stack, str, Any], list[str]]:
    return lambda stack, name, value: [option] if value else []


def _environment(stack: Stack, name: str, values: dict[str, Any]) -> list[str]:
    return [part for key, value in values.items() for part in ("--env", f"{key}={value}")]


def _hosts(stack: Stack, name: str, addresses: dict[str, str]) -> list[str]:
    return [part for host, address in addresses.items() for part in ("--add-host", f"{host}:{address}")]


def _ulimits(stack: Stack, name: str, values: dict[str, int]) -> list[str]:
    """And the one of podman.py, which Podman forgets where any is given."""
    limits = {"nproc": f"{PROCESSES}:{PROCESSES}", **values}
    return [part for key, value in limits.items() for part in ("--ulimit", f"{key}={value}")]


def _security(stack: Stack, name: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in ("--security-opt", value.replace(":true", ""))]


_OPTIONS: dict[str, Callable[[Stack, str, Any], Any]] = {
    "environment": _environment,
    "networks": Stack._networks,
    "extra_hosts": _hosts,
    "volumes": Stack._mounts,
    "configs": Stack._configs,
    "security_opt": _security,
    "cap_drop": _each("--cap-drop"),
    "tmpfs": _each("--tmpfs"),
    "ports": _each("--publish"),
    "user": _one("--user"),
    "restart": _one("--restart"),
    "ulimits": _ulimits,
    "pids_limit": _one("--pids-limit"),
    "mem_limit": _one("--memory"),
    "shm_size": _one("--shm-size"),
    "cpuset": _one("--cpuset-cpus"),
    "stop_signal": _one("--stop-signal"),
    "stop_grace_period": lambda stack, name, value: ["--stop-timeout", str(value).rstrip("s")],
    "init": _flag("--init"),
    "read_only": _flag("--read-only"),
}
