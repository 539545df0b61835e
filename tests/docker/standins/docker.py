"""Stands for `docker` and `kubectl` where docker/backup.sh and docker/restore.sh are tried without containers: what
they run in a service runs here, with the folders and servers of $DOCKER_STANDIN (test_backup.py writes it).

valkey-cli is no package of Python's; of it there is --rdb alone: what a replica of the old kind does.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path


def dump(path: str, into: str) -> None:
    """SYNC: Valkey saves its data set, and sends it with its length before it, and newlines while one waits."""
    with socket.socket(socket.AF_UNIX) as connection, open(into, "wb") as file:
        connection.connect(path)
        connection.sendall(b"SYNC\r\n")
        stream = connection.makefile("rb")
        while not (line := stream.readline().strip()):
            pass
        assert line.startswith(b"$") and line[1:].isdigit(), line
        rest = int(line[1:])
        while rest:
            part = stream.read(min(rest, 1 << 20))
            assert part, "the connection ended"
            file.write(part)
            rest -= len(part)


def in_service(here: dict[str, str], service: str, command: list[str]) -> int:
    if service.startswith("sentinel-1"):
        return 1  # none runs here
    program, *arguments = command
    environment = dict(os.environ)
    if service == "database":
        program = f"{here['programs']}/{program}"
        arguments = [argument.replace("--username=postgres", "--username=exchange") for argument in arguments]
        environment |= {"PGHOST": here["host"], "PGPASSFILE": here["passwords"]}
    elif program == "valkey-server":
        program = here["valkey_server"]
    elif program == "exchange":
        program, arguments = sys.executable, ["-m", "engine_core.cli", *arguments, "--data", here["data"]]
    else:
        folder = here["valkey"] if service == "valkey" else here["volume"]
        folder += "-of-the-other" if service == "engine-1" else ""
        Path(folder).mkdir(parents=True, exist_ok=True)
        arguments = [argument.replace("/data", folder) for argument in arguments]
    return subprocess.run([program, *arguments], env=environment, check=False).returncode


def kubectl(here: dict[str, str], arguments: list[str]) -> int:
    namespace, name, command, *rest = arguments
    assert (namespace, name) == ("--namespace", "exchange")
    if command == "get":
        assert rest == ["pods", "--selector", "app in (valkey, engine, writer, edge)", "--output", "name"]
        print(here["running"])
        return 0
    end = rest.index("--")
    assert command == "exec"
    pod = next(part for part in rest[:end] if part != "--stdin")
    service = pod.removeprefix("restore-") if pod.startswith("restore-") else pod.removesuffix("-0")
    return in_service(here, service, rest[end + 1 :])


def main() -> int:
    here = json.loads(Path(os.environ["DOCKER_STANDIN"]).read_text(encoding="utf-8"))
    if sys.argv[1] == "valkey-cli":
        rdb, file = sys.argv[2:]
        assert rdb == "--rdb"
        dump(here["valkey_socket"], file)
        return 0
    if sys.argv[1] == "kubectl":
        return kubectl(here, sys.argv[2:])
    compose, _, _, command, *arguments = sys.argv[1:]
    assert compose == "compose"
    if command == "ps":
        print(here["running"])
        return 0
    if command == "up":
        assert arguments == ["--detach", "--wait", "database"]
        return 0
    assert command in ("exec", "run"), command
    rest = [argument for argument in arguments if argument not in ("--rm", "-T", "--no-deps")]
    return in_service(here, rest[0], rest[1:])


if __name__ == "__main__":
    sys.exit(main())
