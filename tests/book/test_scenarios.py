"""Every scenario plays as written, and every reason that the book can give has one."""

import pytest

from engine_core.wire.codes import Reason
from tests.book.scenario import Player, Scenario, load

SCENARIOS = load()
BLOCK_REASONS = set(range(Reason.BAD_CRC, Reason.SKIPPED + 1))  # of the runtime, which reads blocks
_seen: set[Reason] = set()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_scenario(scenario: Scenario) -> None:
    player = Player(scenario)
    player.play()
    _seen.update(player.seen)


def test_every_reason_has_a_scenario() -> None:
    for scenario in SCENARIOS:
        player = Player(scenario)
        player.play()
        _seen.update(player.seen)
    missing = [reason.name for reason in Reason if reason not in _seen and reason not in BLOCK_REASONS]
    assert not missing
