"""`exchange profile ROLE`: a flame graph of one role of the running exchange, by py-spy, which looks in from outside.

Nothing has to be prepared in the role, and it pays little: it is held for about a millisecond a hundred times a second.
Compiled kernels are one frame each, the line that calls them; with --native what libraries do is shown below it.
Non-goals: what it costs a single order (`exchange stages`), and memory.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from engine_core.operator.target.extras import how_to_install
from engine_core.operator.target.roles import ROLES
from engine_core.operator.target.running import CommandError, Run, require

MISSING = f"py-spy is not installed: it comes with the extra `bench` ({how_to_install('bench')})"
PTRACE_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")


def profile(options: argparse.Namespace) -> int:
    program = _py_spy()
    run = require(options.data)
    pid = _pid(run, options.role)
    output: Path = options.output or Path(f"profile-{options.role}.svg")
    print(f"looking at {options.role} (process {pid}) for {options.seconds} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:  # of an idle role py-spy writes an empty graph, and fails
        graph = Path(folder) / "graph.svg"
        arguments = ["record", "--pid", str(pid), "--duration", str(options.seconds), "--output", str(graph)]
        done = subprocess.run(
            [program, *arguments, *(["--native"] if options.native else [])],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not graph.is_file():
            raise CommandError(f"{options.role} could not be profiled: {_why(done.stderr)}")
        try:
            shutil.copyfile(graph, output)
        except OSError as error:
            raise CommandError(f"{output}: cannot be written: {error.strerror or error}") from None
    print(f"{output}: open it in a browser; wide is slow, and a click zooms in")
    return 0


def _py_spy() -> str:
    """The program, beside this Python or anywhere else that programs are."""
    places = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = shutil.which("py-spy", path=places)
    if found is None:
        raise CommandError(MISSING)
    return found


def _pid(run: Run, name: str) -> int:
    """Of `engine`, or of one of several: `ingress.1`, as `exchange top` names them."""
    if not run.supervisor:
        raise CommandError(
            "the roles of this exchange were started one by one: where one runs (in its container), use "
            "`py-spy record --pid PID --output FILE.svg`"
        )
    pids = {
        role if number == 0 else f"{role}.{number}": pid
        for role, found in run.processes.items()
        if role.partition(".")[0] in ROLES
        for number, pid in enumerate(found)
    }
    if name not in pids:
        raise CommandError(f"no {name!r} runs here that could be profiled: there are {', '.join(sorted(pids))}")
    return pids[name]


def _why(message: str) -> str:
    """What py-spy said, and what to do if it was not allowed to look."""
    text = " ".join(message.partition("Stack backtrace:")[0].split()) or "py-spy said nothing"
    if "No stack counts found" in text:
        return "it had nothing to do; put it under load, or look for longer (--seconds)"
    if not any(word in text.lower() for word in ("permission", "permitted")):
        return text
    try:
        scope = PTRACE_SCOPE.read_text(encoding="ascii").strip()
    except OSError:
        scope = "0"
    setting = f" (kernel.yama.ptrace_scope is {scope})" if scope != "0" else ""
    return (
        f"this user may not look into the process{setting}: run the command as root, for example with `sudo -E`, or, "
        "while you measure, `sudo sysctl kernel.yama.ptrace_scope=0`; a container needs the capability SYS_PTRACE"
    )
