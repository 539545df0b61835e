"""Names that processes share: each is taken once, whoever else wants it at the same moment, and forgotten in time."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine_core.edge.expiring_set import Full, Remembered
from engine_core.edge.shared_files import NAME_BYTES, SET_WORDS, WAYS

NOW_MS = 1_000_000
RACERS, NAMES, ENDS_MS = 3, 20_000, 2 * NOW_MS
# Each begins when the file says so, and goes through the same names.
RACER = f"""
import random, sys
from pathlib import Path
from engine_core.edge.expiring_set import Remembered
names = Remembered(Path(sys.argv[1]), 8192)
draw = random.Random(7)
every = [draw.randbytes(16) for _ in range({NAMES})]
print("ready", flush=True)
sys.stdin.readline()
print(bytes(names.add(name, {ENDS_MS}, {NOW_MS}) for name in every).hex())
"""


@pytest.fixture
def names(tmp_path: Path) -> Iterator[Remembered]:
    with closing(Remembered(tmp_path / "names", 4)) as made:
        yield made


def test_a_name_is_there_until_its_time_has_passed(names: Remembered) -> None:
    name = b"\xff" * NAME_BYTES
    assert not names.has(name, NOW_MS)
    assert names.add(name, NOW_MS + 10, NOW_MS)
    assert not names.add(name, NOW_MS + 10, NOW_MS + 10) and names.has(name, NOW_MS + 10)
    assert not names.has(name, NOW_MS + 11)
    assert names.add(name, NOW_MS + 20, NOW_MS + 11)


def test_a_name_goes_into_the_emptier_of_its_sets_and_is_refused_where_both_are_full(names: Remembered) -> None:
    def name(number: int) -> bytes:  # all of the sets 0 and 1
        return (4 * number).to_bytes(8, "little") + (4 * number + 1).to_bytes(8, "little")

    for number in range(1, 2 * WAYS + 1):
        assert names.add(name(number), NOW_MS + number, NOW_MS)
    assert all(names.has(name(number), NOW_MS) for number in range(1, 2 * WAYS + 1))
    with pytest.raises(Full):
        names.add(name(99), NOW_MS + 50, NOW_MS)
    assert names.add(name(99), NOW_MS + 50, NOW_MS + 2), "the first one's time has passed"


def test_what_was_remembered_before_the_places_were_claimed_is_still_there(tmp_path: Path) -> None:
    """The file of the code before has words that say until when, and names: the same."""
    path, name = tmp_path / "names", bytes(range(NAME_BYTES))
    one, two = (int.from_bytes(name[at : at + 8], "little", signed=True) for at in (0, 8))
    header = np.zeros(8, np.int64)
    header[:3] = 0x5344524F57485358, 4 * SET_WORDS, 2
    words = np.zeros(4 * SET_WORDS, np.int64)
    first = two % 4 * SET_WORDS
    words[first + 3], words[first + WAYS + 6 : first + WAYS + 8] = NOW_MS, (one, two)
    path.write_bytes(header.tobytes() + words.tobytes())
    with closing(Remembered(path, 4)) as names:
        assert names.has(name, NOW_MS) and not names.add(name, NOW_MS + 1, NOW_MS)


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACER, tmp_path / "names"]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(RACERS)
    ]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = np.array([list(bytes.fromhex(racer.communicate(timeout=200)[0])) for racer in racers])
    assert told.shape == (RACERS, NAMES) and (told.sum(axis=0) == 1).all()
    draw = random.Random(7)
    with closing(Remembered(tmp_path / "names", 8192)) as names:
        assert all(names.has(draw.randbytes(16), NOW_MS) for _ in range(NAMES))


def test_whoever_goes_on_after_each_step_and_whoever_dies(tmp_path: Path) -> None:
    """Drawn schedules of plain Python: see interleavings.py."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.edge.interleavings", "--schedules", "500"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
