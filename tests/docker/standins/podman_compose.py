"""Stands for `docker` under `make containers`: Podman does what docker/backup.sh and docker/restore.sh want.

$PODMAN_COMPOSE names a file with the store's folder and the variables of the compose file (venue.py writes it).
"""

import json
import os
import sys
from pathlib import Path

from tests.docker.bases import LEFT_OUT
from tests.docker.compose import read
from tests.docker.podman import Podman
from tests.docker.stack import Stack


def main() -> int:
    here = json.loads(Path(os.environ["PODMAN_COMPOSE"]).read_text(encoding="utf-8"))
    compose, _, _, command, *arguments = sys.argv[1:]
    assert compose == "compose"
    stack = Stack(Podman(Path(here["folder"])), read(here["values"]), LEFT_OUT, lambda text: None)
    return stack.compose(command, *arguments)


if __name__ == "__main__":
    sys.exit(main())
