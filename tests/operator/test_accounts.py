"""`exchange withdraw` in a venue of several shards, without one."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine_core.operator.change import accounts
from engine_core.operator.target.running import CommandError
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.layout import ADMIN_EVENT


@pytest.mark.parametrize("others", [[], ["shard 1"]])
def test_a_withdrawal_that_shard_0_cannot_pay_says_who_fetches_the_rest(
    monkeypatch: pytest.MonkeyPatch, others: list[str]
) -> None:
    refused = np.zeros(1, ADMIN_EVENT)
    refused["kind"], refused["reason"] = EventKind.REFUSED, Reason.INSUFFICIENT_FUNDS

    @contextmanager
    def session(_: Namespace) -> Iterator[tuple[Any, Any]]:
        home = SimpleNamespace(execute=lambda command: refused)
        yield SimpleNamespace(home=home, others=others), SimpleNamespace(assets={"USDC": {"asset": 1, "decimals": 6}})

    monkeypatch.setattr(accounts, "session", session)
    with pytest.raises(CommandError, match="INSUFFICIENT_FUNDS") as said:
        accounts.withdraw(Namespace(account=2, asset="USDC", amount="5", reference=None))
    assert ("POST /api/v1/admin/withdrawals fetches the rest" in str(said.value)) == bool(others)
