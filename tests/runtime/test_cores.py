"""To which core the engine of a shard is pinned."""

import os

import pytest

from engine_core.runtime.config import _core


@pytest.mark.parametrize(
    ("wanted", "cores", "expected"),
    [
        (-1, 1, [None]),
        (-1, 2, [1]),
        (-1, 4, [3]),
        (2, 4, [2]),
        (9, 4, [3]),
        (-1, 2, [None, None]),
        (-1, 3, [2, 1]),
        (-1, 8, [7, 6, 5]),
        (1, 4, [1, 2]),
        (3, 4, [3, 2]),
        (0, 2, [0, 1]),
    ],
)
def test_each_engine_has_a_core_or_none_has(
    wanted: int, cores: int, expected: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    found = [_core(wanted, shard, len(expected)) for shard in range(len(expected))]
    assert found == expected and (None in found or len(set(found)) == len(found))
