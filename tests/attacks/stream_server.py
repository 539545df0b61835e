"""`python -m tests.attacks.stream_server [descriptors]`: egress, with its bounds, and a busy market."""

import resource
import sys

import uvloop

from bench.websocket.server import run
from egress.config import own_limits
from engine_core.process import lifecycle


def main() -> None:
    if len(sys.argv) > 1:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[1])))
    lifecycle.start("egress")
    uvloop.run(run(500, 100, 1, own_limits(2_000)))


if __name__ == "__main__":
    main()
