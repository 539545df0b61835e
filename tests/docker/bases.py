"""The base images of Dockerfile and compose file, made from Debian's packages under the names that those files say.

There may be no registry where this runs, but Debian's archive and PyPI: one root file system by mmdebstrap, and for
each image a target of standins/Dockerfile. What is tested is ours, in real containers; what the makers of the images
put into theirs is not (TimescaleDB is a plain PostgreSQL here, and Grafana, which Debian does not have, is left out).

Packages come from where the machine's pip and npm get them: their settings are mounted while something is built, and
are part of no image.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from engine_core.config.settings import write_private
from engine_core.host.embedded import valkey_binary
from tests.docker.compose import DOCKER, ROOT, compose
from tests.docker.podman import Podman, PodmanError

DEBIAN = "localhost/exchange-debian"
STANDINS = Path(__file__).with_name("standins")
_PACKAGES = "python3,python3-venv,ca-certificates,postgresql,redis-tools,nginx-light,prometheus,wget"
_KINDS = {
    "python": "python",
    "node": "node",
    "valkey/valkey": "valkey",
    "timescale/timescaledb": "database",
    "nginxinc/nginx-unprivileged": "nginx",
    "prom/prometheus": "prometheus",
}
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
BOOTSTRAP_S = 600.0
LEFT_OUT = {"grafana/grafana": "Debian has no Grafana"}


def wanted() -> dict[str, str]:
    """The target of standins/Dockerfile for each image that our files name."""
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    names = re.findall(r"^ARG \w+_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    names += [service["image"] for service in compose()["services"].values() if "build" not in service]
    return {name: _KINDS[name.partition(":")[0]] for name in names if name.partition(":")[0] not in LEFT_OUT}


def make_bases(podman: Podman, say: Callable[[str], None]) -> None:
    if not podman.has_image(DEBIAN):
        say("a root file system of Debian's packages, by mmdebstrap")
        _bootstrap(podman)
    context = podman.folder / "standins"
    shutil.copytree(STANDINS, context, dirs_exist_ok=True)
    shutil.copy(valkey_binary(), context / "valkey-server")
    for name, target in wanted().items():
        if not podman.has_image(f"localhost/{name}"):
            say(f"{name}, from it")
            build(podman, context / "Dockerfile", context, f"localhost/{name}", "--target", target)


def _bootstrap(podman: Podman) -> None:
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    suite = re.search(r"^VERSION_CODENAME=(\w+)$", release, re.MULTILINE)
    if suite is None or "ID=debian" not in release.splitlines():
        raise PodmanError("mmdebstrap: this machine is not a Debian, so its archive is unknown")
    archive = podman.folder / "debian.tar"
    no_cluster = 'mkdir -p "$1/etc/postgresql-common" && echo create_main_cluster=false > '
    command = [
        *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "--dpkgopt=force-unsafe-io"),
        f'--essential-hook={no_cluster}"$1/etc/postgresql-common/createcluster.conf"',
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
        *(suite[1], str(archive)),
    ]
    shared = Path("/dev/shm")  # memory, if there is enough: thousands of small files
    roomy = shared.is_dir() and shutil.disk_usage(shared).free > 4 * 2**30
    environment = {**os.environ, "TMPDIR": str(shared)} if roomy else None
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOOTSTRAP_S, env=environment
        )
    except subprocess.TimeoutExpired:
        raise PodmanError(f"mmdebstrap: not done after {BOOTSTRAP_S:.0f} s") from None
    if done.returncode != 0:
        raise PodmanError(f"mmdebstrap: status {done.returncode}\n{done.stderr[-2000:]}")
    podman("import", "--quiet", str(archive), DEBIAN, timeout=180)
    archive.unlink()


def build(podman: Podman, dockerfile: Path, context: Path, tag: str, *options: str, timeout: float = 300.0) -> None:
    """An image, by buildah (podman build), with the machine's network and package sources."""
    ignored = dockerfile.with_name("Dockerfile.dockerignore")
    if ignored.exists():
        options = (*options, "--ignorefile", str(ignored))
    podman(
        *("build", "--isolation", "chroot", "--format", "docker", "--network", "host", "--pull=never", "--layers"),
        *_package_sources(podman.folder),
        *("--file", str(dockerfile), "--tag", tag, *options, str(context)),
        timeout=timeout,
    )


def _package_sources(folder: Path) -> Iterator[str]:
    """Mounts that let pip and npm inside a build find packages where those of this machine do."""
    settings = dict(_pip_settings())
    path = folder / "pip.conf"
    write_private(path, "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    mounted = {str(path): "/etc/pip.conf"}
    for word in " ".join(settings.values()).split():
        place = word.removeprefix("file://").removesuffix("/simple")  # an index's files lie beside it
        if place.startswith("/") and Path(place).exists():
            mounted[place] = place
    certificates = settings.get("cert", "")
    if Path(certificates).is_file():
        mounted[certificates] = _CERTIFICATES
    npm = Path(os.environ.get("NPM_CONFIG_USERCONFIG") or Path.home() / ".npmrc")
    lines = npm.read_text(encoding="utf-8") if npm.is_file() else ""
    write_private(folder / "npmrc", f"{lines}\ncafile={_CERTIFICATES}\n")
    mounted[str(folder / "npmrc")] = "/root/.npmrc"
    for source, target in mounted.items():
        yield from ("--volume", f"{source}:{target}:ro")


def _pip_settings() -> Iterator[tuple[str, str]]:
    """What `pip config list` says, later sources over earlier ones, as lines of one file."""
    listed = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, timeout=60)
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        source, _, key = name.rpartition(".")
        if source in ("global", "install", ":env:") and key:
            text = value.strip("'\"").replace("\\n", "\n")
            yield key, "\n    ".join(text.split())


__all__ = ["LEFT_OUT", "ROOT", "build", "make_bases", "wanted"]
