"""A writer in a process of its own: `python ring_writer.py RUNTIME CAPACITY BLOCKS`; says `ready`, waits for a line."""

import sys
from pathlib import Path

from engine_core.transport.ring import RingWriter, Stamp
from engine_core.wire.streams import ORIGIN, EntryId
from tests.transport.rig import numbered


def main() -> None:
    runtime, capacity, blocks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    writer = RingWriter(runtime, 0, capacity, 1, 1, ORIGIN)
    print("ready", flush=True)
    sys.stdin.readline()
    first = 1
    for number in range(1, blocks + 1):
        count = 1 + number * 7 % 13
        writer.write(numbered(first, count), Stamp(EntryId(number, 0), 1 + number % 3, 5, number, number))
        writer.ring()
        first += count
    print(first - 1, flush=True)
    sys.stdin.readline()
    writer.close()


if __name__ == "__main__":
    main()
