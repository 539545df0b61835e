"""Uses of API keys: each is written once in a window, and none is lost to a database that is away for a while."""

import pytest

from ingress.access.key_uses import KeyUses
from ingress.database import HistoryUnavailable
from ingress.users.guard_rows import GuardedUsers
from tests.ingress.fakes import TRADER, Exchange
from tests.ingress.order_entry.test_socket import connected

KEY, OTHER = b"k" * 32, b"o" * 32


class Rows(GuardedUsers):
    """What is written, and whether it can be."""

    def __init__(self) -> None:
        self.written: list[set[bytes]] = []
        self.is_away = False

    async def note_uses(self, log_id: int, uses: object) -> None:
        assert isinstance(uses, dict)
        if self.is_away:
            raise HistoryUnavailable("away")
        self.written.append(set(uses))


async def test_a_key_that_is_used_all_the_time_is_written_once_in_a_window() -> None:
    uses, rows = KeyUses(), Rows()
    for key in (KEY, OTHER, KEY):
        uses.note(key)
    await uses.write(rows, 1)
    uses.note(KEY)
    await uses.write(rows, 1)
    assert rows.written == [{KEY, OTHER}]
    uses.next_window()
    uses.note(KEY)
    await uses.write(rows, 1)
    assert rows.written == [{KEY, OTHER}, {KEY}]


async def test_what_the_database_does_not_take_is_written_later() -> None:
    uses, rows = KeyUses(), Rows()
    rows.is_away = True
    uses.note(KEY)
    with pytest.raises(HistoryUnavailable):
        await uses.write(rows, 1)
    uses.note(OTHER)
    rows.is_away = False
    await uses.write(rows, 1)
    assert rows.written == [{KEY, OTHER}]


async def test_an_order_entry_session_is_in_use_as_long_as_it_speaks(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange.gateway, "append", lambda record, answer: None)
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
    public_key = bytes(TRADER.verify_key)

    async def noted() -> list[set[bytes]]:
        rows = Rows()
        await exchange.service.auth.uses.write(rows, 1)
        exchange.service.auth.uses.next_window()
        return rows.written

    async with connected(exchange) as peer:
        assert await noted() == [{public_key}]
        peer.send(("order.place", order))
        assert await noted() == [{public_key}]
        assert await noted() == []
        peer.send(("order.cancel", {"symbol": "SOL_USDC", "orderId": "1"}))
        assert await noted() == [{public_key}]
