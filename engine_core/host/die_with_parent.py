"""Runs a server that is not ours (Valkey, PostgreSQL) so that it cannot outlive the supervisor.

    python -I -S die_with_parent.py [--namespace | --nobody] SIGNAL PARENT_PID PARENT_FD COMMAND ARGUMENT ...

On Linux this process becomes the server: it asks the kernel to send SIGNAL when the parent dies, then executes COMMAND.
Elsewhere it stays, as the server's parent, and sends SIGNAL when the pipe PARENT_FD ends; SIGTERM and SIGINT go on
to it.

PostgreSQL refuses to run as root. `--namespace` enters a user namespace in which root is number 65534, without any
change of what files it may open; where that is forbidden, `--nobody` really becomes user 65534, who needs files of its
own. Standard library only, and quick to start.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x1000_0000
NOBODY = 65_534


def enter_user_namespace() -> None:
    """Become user and group 65534 of a new user namespace (outside of it nothing changes); OSError where forbidden."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "a user namespace is not allowed here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def become(command: list[str], death_signal: int, parent: int) -> None:
    """Linux: turn into the server. The death signal survives the exec, because the command is not set-user-ID."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked
    os.execv(command[0], command)


def guard(command: list[str], death_signal: int, pipe: int) -> int:
    """Elsewhere: run the server as a child and end it when the pipe ends."""
    server = subprocess.Popen(command)

    def watch() -> None:
        while os.read(pipe, 64):
            pass
        server.send_signal(death_signal)

    def forward(number: int, frame: FrameType | None) -> None:
        server.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    threading.Thread(target=watch, daemon=True).start()
    return server.wait()


def main(arguments: list[str]) -> int:
    change_user = {"--namespace": enter_user_namespace, "--nobody": become_nobody}.get(arguments[0])
    if change_user:
        change_user()
        arguments = arguments[1:]
    death_signal, parent, pipe, command = int(arguments[0]), int(arguments[1]), int(arguments[2]), arguments[3:]
    if sys.platform == "linux":
        os.closerange(pipe, pipe + 1)
        become(command, death_signal, parent)
    return guard(command, death_signal, pipe)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
