"""Podman with a store of its own: nothing of the machine's other containers is seen or touched, and all of it can go.

Real namespaces and cgroups (runc, without systemd), images of local origin only. Every call has a deadline. Non-goals:
what is run (stack.py), and which images there are (bases.py).
"""

import contextlib
import json
import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROGRAMS = ("podman", "buildah", "runc", "conmon", "mmdebstrap", "catatonit", "iptables")
_OPEN_FILES, PROCESSES = 16_384, 4_096


class PodmanError(RuntimeError):
    """A call that failed or took too long; the message has the end of what it said."""


def missing() -> list[str]:
    """What is not installed of what this needs."""
    found = os.pathsep.join(
        [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/libexec/podman", "/usr/lib/podman"]
    )
    network = () if shutil.which("netavark", path=found) else ("netavark",)
    return [name for name in PROGRAMS if not shutil.which(name, path=found)] + list(network)


class Podman:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "networks").mkdir(exist_ok=True)
        self._environment = {**os.environ, "CONTAINERS_CONF": str(self._configuration()), "DISABLE_HC_SYSTEMD": "true"}
        self._driver = "overlay"
        if "overlay" not in Path("/proc/filesystems").read_text():
            self._driver = "vfs"  # slow: every container is a copy

    def _configuration(self) -> Path:
        """What this machine's containers need, and no compose file says: limits that may be set without more rights."""
        files = min(_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        path = self.folder / "containers.conf"
        path.write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc={PROCESSES}:{PROCESSES}"]\n'
            'log_driver = "k8s-file"\n[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{self.folder / "networks"}"\n'
        )
        return path

    def command(self, *arguments: str) -> list[str]:
        places = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        return ["podman", *places, "--tmpdir", str(self.folder / "tmp"), "--storage-driver", self._driver, *arguments]

    def try_(self, *arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                env=self._environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PodmanError(f"podman {' '.join(arguments)[:200]}: not done after {timeout:.0f} s") from None

    def __call__(self, *arguments: str, timeout: float = 60.0) -> str:
        done = self.try_(*arguments, timeout=timeout)
        if done.returncode != 0:
            said = "\n".join(f"    {line}" for line in (done.stdout + done.stderr).splitlines()[-25:])
            raise PodmanError(f"podman {' '.join(arguments)[:200]}: status {done.returncode}\n{said}")
        return done.stdout.strip()

    def attached(self, *arguments: str) -> int:
        """On the standard streams of this process; its status."""
        return subprocess.run(self.command(*arguments), env=self._environment, check=False).returncode

    def inspect(self, kind: str, name: str) -> Any:
        return json.loads(self(kind, "inspect", name))[0]

    def has_image(self, name: str) -> bool:
        return self.try_("image", "exists", name).returncode == 0

    def clear(self) -> None:
        """End and remove every container, volume and network of this store."""
        self.try_("rm", "--all", "--force", "--time", "2", timeout=120)
        self.try_("volume", "rm", "--all", "--force", timeout=120)
        self.try_("network", "prune", "--force", timeout=60)

    def remove_store(self) -> None:
        self.try_("rmi", "--all", "--force", timeout=120)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((one for one in mounts if one.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True, timeout=30)
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)
