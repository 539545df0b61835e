"""The short form of `make chaos`."""

from pathlib import Path

from tests.end_to_end.chaos import ENOUGH, ROLES, survive


def test_every_process_is_killed_under_load_and_nothing_is_lost(tmp_path: Path) -> None:
    outcome = survive(tmp_path, rounds=1, seed=1)
    assert outcome.kills == dict.fromkeys(outcome.kills, 1) and set(outcome.kills) == set(ROLES)
    assert outcome.acknowledged > ENOUGH and outcome.blocks > ENOUGH
