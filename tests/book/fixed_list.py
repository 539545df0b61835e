"""Runs a fixed random command list and prints a digest of its events and of the state: python -m tests.book.fixed_list

For test_compiled.py, which runs it with the JIT on, off, and with bounds checking.
"""

import hashlib
from random import Random

from engine_core.book import queries
from engine_core.book.audit import audit, digest
from engine_core.wire.layout import EVENT
from tests.model.generator import Generator, setup
from tests.model.pair import Pair

COMMANDS, BLOCK = 240, 12


def fixed_digest() -> str:
    pair = Pair()
    result = hashlib.sha256(pair.run(setup()).tobytes())
    generator = Generator(Random(20261122), pair.twin)
    for block in range(COMMANDS // BLOCK):
        result.update(pair.run(generator.commands(BLOCK), 1_000 + 10 * block).tobytes())
    audit(pair.state)
    for account in pair.twin.accounts:
        result.update(queries.open_orders(pair.state, account).tobytes())
    result.update(digest(pair.state).encode())
    return result.hexdigest()


if __name__ == "__main__":
    assert EVENT.itemsize == 128
    print(fixed_digest())
