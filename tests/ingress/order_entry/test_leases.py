"""Cancel-on-disconnect in a venue of several shards: a lease counts in each of them by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from engine_core.administration.client import admin
from engine_core.transport.gateway import OutcomeUnknown
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import AccountOption, CommandKind, EventKind, LeaseAction, MarketState, Reason
from engine_core.wire.layout import ADMIN
from ingress.errors import ApiError
from ingress.order_entry import leases
from ingress.shards.funding import Funding, _Found
from ingress.shards.presence import MISSES, Present
from tests.ingress.fakes import TRADER_ACCOUNT, Exchange, FakeGateway, default_records, event, open_exchange
from tests.ingress.order_entry.test_socket import Peer, connected
from tests.markets import BTC, SOL

LIMIT = {"side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}
SOL_ORDER, BTC_ORDER = {"symbol": "SOL_USDC", **LIMIT}, {"symbol": "BTC_USDC", **LIMIT}
AMEND = {"orderId": "7001", "quantity": "1"}
PATIENCE_SECONDS = 0.3  # of a gateway
ENOUGH_SECONDS = 20.0
HELD_SECONDS = 2.0  # a lease, of a clock that stands still until the test moves it


@dataclass
class Shard(FakeGateway):
    """Takes leases, and makes an order of everything else; of one that is away nothing is heard."""

    is_away: bool = False
    refuses: bool = False  # leases
    leases: int = 0  # that it took
    last_ms: int = 0  # of the last one it was asked for
    given_up: int = 0
    refusals: list[Reason] = field(default_factory=list)  # of its next orders
    log: list[str] = field(default_factory=list)  # orders that it made, and ends of leases

    def append(self, record: bytes, answer: Answer) -> None:
        if record[0] == CommandKind.LEASE:
            lease = np.frombuffer(record, ADMIN)[0]
            self.last_ms = int(lease["ttl_ms"])
            self.log += ["end"] * (self.last_ms == 1)
            self.given_up += int(lease["code"] == LeaseAction.GIVE_UP)
        else:
            self.commands.append(record[0])  # type: ignore[arg-type]
            self.log += ["order"] * (not self.refusals)
        if self.is_away:
            asyncio.get_running_loop().call_later(PATIENCE_SECONDS, _give_up, answer)
            return
        if record[0] != CommandKind.LEASE and self.refusals:
            refusal = event(EventKind.REJECTED, reason=self.refusals.pop())
            asyncio.get_running_loop().call_later(0.02, answer.set_result, refusal)
        elif record[0] != CommandKind.LEASE:
            answer.set_result(event(EventKind.ACCEPTED, quantity_lots=100))
        elif self.refuses:
            answer.set_result(event(EventKind.REFUSED, reason=Reason.TIMERS_SHARE))
        else:
            self.leases += 1
            answer.set_result(event(EventKind.APPLIED))


def _give_up(answer: Answer) -> None:
    if not answer.done():
        answer.set_exception(OutcomeUnknown("nobody answers"))


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Venue:
    """SOL_USDC trades in shard 0, BTC_USDC in shard 1."""

    def __init__(self, exchange: Exchange, shards: list[Shard], clock: "Clock") -> None:
        self.exchange, self.shards, self.clock = exchange, shards, clock
        assert exchange.service.several is not None
        self.present: list[Present] = exchange.service.several.shards.present
        for shard, state in ((0, MarketState.ELSEWHERE), (1, MarketState.OPEN)):
            exchange.service.setup.apply(admin(CommandKind.MARKET_STATE, market=BTC, code=state), shard)

    def lose(self, shard: int, is_known: bool = True) -> None:
        self.shards[shard].is_away = True
        self.present[shard]._missed = MISSES * is_known

    def find(self, shard: int) -> None:
        self.shards[shard].is_away = False
        self.present[shard]._missed = 0

    async def run_out(self, shard: int) -> None:
        """The lease there runs out, while the other shard's is renewed."""
        assert self.shards[shard].is_away
        for _ in range(4):
            self.clock.now += HELD_SECONDS / 4
            taken = self.shards[1 - shard].leases
            # The answers to two: the first may have been asked for before the clock was moved.
            await until(lambda now=taken: self.shards[1 - shard].leases > now + 1)


@pytest_asyncio.fixture
async def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Venue]:
    monkeypatch.setattr(leases, "LEASE_SECONDS", HELD_SECONDS)
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    clock = Clock()
    monkeypatch.setattr(leases, "time", clock)
    monkeypatch.setattr(leases, "LATE_SECONDS", 0.0)
    shards = [Shard(records=default_records()) for _ in range(2)]
    opened = await open_exchange(tmp_path / "dist", shards)
    yield Venue(opened, shards, clock)
    await opened.close()


async def until(is_so: Callable[[], Any]) -> None:
    async with asyncio.timeout(ENOUGH_SECONDS):
        while not is_so():
            await asyncio.sleep(0.005)


async def said(peer: Peer, method: str, params: Any) -> tuple[int, str]:
    """Status, and the message of a refusal."""
    peer.send((method, params))

    def heard() -> bool:
        peer.hear()
        return bool(peer.answers)

    await until(heard)
    answer = peer.answers.pop()
    return answer["status"], answer.get("error", {}).get("message", "")


def is_open(peer: Peer) -> bool:
    peer.hear()
    return peer.protocol.close_rcvd is None


async def refused(peer: Peer, params: Any) -> str:
    """Why an order is refused, once it is."""
    async with asyncio.timeout(ENOUGH_SECONDS):
        while True:
            peer.answers.clear()
            peer.send(("order.place", params))
            await asyncio.sleep(0.01)
            peer.hear()
            for answer in peer.answers:
                if answer["status"] == 503:
                    return str(answer["error"]["message"])


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_session_goes_on_with_the_shards_that_are_present(venue: Venue, lost: int) -> None:
    here, there = (SOL_ORDER, BTC_ORDER) if lost else (BTC_ORDER, SOL_ORDER)
    async with connected(venue.exchange, cancelOnDisconnect=True) as peer:
        assert [(await said(peer, "order.place", order))[0] for order in (here, there)] == [200, 200]
        venue.lose(lost)
        await venue.run_out(lost)
        assert there["symbol"] in await refused(peer, there)
        assert is_open(peer) and [shard.last_ms for shard in venue.shards] == [1000 * HELD_SECONDS] * 2
        assert (await said(peer, "order.place", here))[0] == 200
        venue.find(lost)
        taken = venue.shards[lost].leases
        await until(lambda: venue.shards[lost].leases > taken)
        assert (await said(peer, "order.place", there))[0] == 200
    assert [shard.last_ms for shard in venue.shards] == [1, 1]


async def test_nothing_that_needs_a_lease_goes_where_there_is_none(venue: Venue) -> None:
    """Cancels do not."""
    venue.lose(1)
    async with connected(venue.exchange, cancelOnDisconnect=True) as peer:
        market = {"symbol": "BTC_USDC"}
        for method, params in (
            ("order.place", BTC_ORDER),
            ("order.place", BTC_ORDER | {"postOnly": True, "clientId": 5}),
            ("order.modify", AMEND | market),
        ):
            status, message = await said(peer, method, params)
            assert status == 503 and "lease" in message and "BTC_USDC" in message
        assert venue.shards[1].commands == []
        peer.send(("order.cancel", market | {"orderId": "1"}), ("order.cancelAll", market))
        await until(lambda: len(venue.shards[1].commands) == 2)
    assert venue.shards[1].last_ms == 1, "the one that ends it"


async def test_a_logon_does_not_wait_for_a_shard_that_has_just_gone_away(venue: Venue) -> None:
    venue.lose(1, is_known=False)
    async with connected(venue.exchange, cancelOnDisconnect=True) as peer:
        assert (await said(peer, "order.place", SOL_ORDER))[0] == 200
        assert (await said(peer, "order.place", BTC_ORDER))[0] == 503
        venue.find(1)
        await until(lambda: venue.shards[1].leases)
        assert (await said(peer, "order.place", BTC_ORDER))[0] == 200


async def test_a_session_without_a_lease_in_any_shard_is_lost(venue: Venue) -> None:
    async with connected(venue.exchange, cancelOnDisconnect=True) as peer:
        for shard in range(2):
            venue.lose(shard)
        venue.clock.now += HELD_SECONDS
        await until(lambda: not is_open(peer))


async def test_a_lease_that_a_present_shard_refuses_is_no_logon(venue: Venue) -> None:
    """And it cancels nothing in the others either, where it was taken."""
    venue.shards[1].refuses = True
    with pytest.raises(AssertionError, match=r"503|429|400"):
        async with connected(venue.exchange, cancelOnDisconnect=True):
            pass
    assert venue.shards[0].leases == 2 and venue.shards[0].given_up == 1 and venue.shards[0].last_ms == 0


async def test_a_logon_that_nobody_answers_leaves_no_lease_behind(venue: Venue) -> None:
    for shard in range(2):
        venue.lose(shard, is_known=False)
    with pytest.raises(ApiError):
        await leases.Lease(venue.exchange.service, TRADER_ACCOUNT, lambda: None).acquire()
    assert [shard.given_up for shard in venue.shards] == [1, 1], "behind what they may still execute"


@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("why", [Reason.MARKET_ELSEWHERE, Reason.INSUFFICIENT_FUNDS, Reason.ORDER_NOT_FOUND])
async def test_the_lease_ends_behind_orders_that_are_sent_again(
    venue: Venue, monkeypatch: pytest.MonkeyPatch, why: Reason, is_plain: bool
) -> None:
    """Behind a market that moves, with funds from elsewhere, or where a repeat has been asked for first: else they
    would rest, and nobody would end them."""

    async def brought(*_: object) -> Any:
        await asyncio.sleep(0.05)
        return _Found.THERE

    monkeypatch.setattr(Funding, "_bring", brought)
    setup, asked = venue.exchange.service.setup, venue.shards[why is Reason.ORDER_NOT_FOUND]
    setup.options[TRADER_ACCOUNT] = AccountOption.AUTO_TRANSFER
    order = SOL_ORDER | ({} if is_plain else {"postOnly": True, "brokerId": 1})
    if why is Reason.ORDER_NOT_FOUND:
        setup.former[SOL] = {1}
        order |= {"clientId": 1}
    async with connected(venue.exchange, cancelOnDisconnect=True) as peer:
        asked.refusals.append(why)
        peer.send(("order.place", order))
        assert len(asked.commands) == 1
    await until(lambda: all("end" in shard.log for shard in venue.shards))
    assert venue.shards[0].log == ["order", "end"] and venue.shards[1].log == ["end"]


async def test_a_lease_is_not_renewed_while_the_last_orders_are_awaited(venue: Venue) -> None:
    """What rests elsewhere ends in the lease's own time, whatever a shard that is away makes of them."""
    async with connected(venue.exchange, cancelOnDisconnect=True) as peer:
        venue.lose(1)
        peer.send(("order.place", BTC_ORDER))
        assert venue.shards[1].commands
        taken = venue.shards[0].leases
    assert venue.shards[0].leases == taken + 1 and venue.shards[0].last_ms == 1
