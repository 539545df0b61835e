"""Egress with its bounds, or with smaller ones, and a busy market.

python -m tests.attacks.stream_server descriptors=300 of_one_address=200 address_burst=1000
"""

import resource
import sys
from dataclasses import replace

import uvloop

from bench.websocket.server import run
from egress.config import own_limits
from engine_core.process import lifecycle


def main() -> None:
    bounds = {name: int(value) for name, _, value in (word.partition("=") for word in sys.argv[1:])}
    if descriptors := bounds.pop("descriptors", 0):
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, descriptors))
    lifecycle.start("egress")
    uvloop.run(run(500, 100, 1, replace(own_limits(2_000), **bounds)))


if __name__ == "__main__":
    main()
