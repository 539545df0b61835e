"""What an engine says in its log before something is used up."""

import logging

import pytest

from engine_core.book.memory.state import ORDERS_MADE, SHARD, new_state
from engine_core.runtime.fullness import Fullness
from engine_core.wire.limits import ORDERS_OF_A_SHARD
from tests.model.pair import SMALL


@pytest.mark.parametrize("shard", [0, 3])
def test_order_ids_that_run_out_are_named_once(shard: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    state, times = new_state(SMALL), iter(range(10, 100, 10))
    state.scalars[SHARD] = shard
    fullness = Fullness(lambda: float(next(times)))
    for given, said in ((5, 0), (ORDERS_OF_A_SHARD * 3 // 4, 0), (ORDERS_OF_A_SHARD * 5 // 6, 1), (2**35 - 1, 1)):
        state.scalars[ORDERS_MADE] = shard * ORDERS_OF_A_SHARD + given
        fullness.look(state)
        assert len(caplog.messages) == said, given
    assert "of this shard's 34359738367 order ids are given" in caplog.text
