"""Time and words tell nobody whether a name exists."""

from typing import Any

import pytest

from ingress.users import user_rows as module
from ingress.users.passwords import hash_password
from ingress.users.user_rows import Users


@pytest.mark.parametrize("known", [True, False])
async def test_an_unknown_name_costs_what_a_wrong_password_does(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One comparison with a hash of the same cost, whoever is asked for: counted, because a clock would be noisy."""
    rows = [("alice", hash_password("nine green bottles"), 7, "", "")] if known else []
    compared: list[str] = []

    def matches(hashed: str, password: str) -> bool:
        compared.append(hashed)
        return False

    async def run(self: Users, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return rows

    monkeypatch.setattr(module, "matches", matches)
    monkeypatch.setattr(Users, "_run", run)
    assert await Users("").find(1, "alice", "a wrong one") is None
    (hashed,) = compared
    assert hashed.split("$")[1:4] == hash_password("x").split("$")[1:4], "the same parameters, so the same time"
