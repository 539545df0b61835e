"""A shard whose engine is away: its markets wait, who asks it is told so at once, and the rest of the venue goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from engine_core.administration.client import admin
from engine_core.process.tasks import ended
from engine_core.wire.codes import CommandKind, MarketState, QueryKind
from engine_core.wire.layout import EVENT
from engine_core.wire.query_records import LINK, STATUS
from ingress.metrics import Metrics
from ingress.shards import mover, presence
from ingress.shards.mover import Half
from ingress.shards.mover import Path as Way
from ingress.shards.presence import MISSES, Present
from tests.ingress.fakes import TRADER_ACCOUNT, Exchange, FakeGateway, config, default_records, open_exchange
from tests.ingress.shards.test_router import balances
from tests.markets import BTC, SOL

AT_ONCE_SECONDS = 1.0  # of the three that a shard is waited for


class Venue:
    """SOL_USDC trades in shard 0, BTC_USDC in shard 1, and nothing in shard 2."""

    def __init__(self, exchange: Exchange, gateways: list[FakeGateway], patch: pytest.MonkeyPatch) -> None:
        self.exchange, self.gateways, self._patch = exchange, gateways, patch
        assert exchange.service.several is not None
        self.shards = exchange.service.several.shards
        for shard, state in ((0, MarketState.ELSEWHERE), (1, MarketState.OPEN)):
            exchange.service.setup.apply(admin(CommandKind.MARKET_STATE, market=BTC, code=state), shard)

    async def lose(self, *shards: int) -> None:
        """Their engines answer nothing any more, and that is known."""
        for shard in shards:
            self._patch.setattr(self.gateways[shard], "query", silent)
            for _ in range(MISSES):
                await self.shards.present[shard].look()

    async def status(self) -> tuple[str, str | None]:
        answer = await asyncio.wait_for(self.exchange.client.get("/api/v1/status"), AT_ONCE_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()["status"], answer.json()["message"]

    async def get(self, path: str, instruction: str, **query: str) -> tuple[int, Any]:
        asking = self.exchange.signed("GET", path, instruction, query)
        answer = await asyncio.wait_for(asking, AT_ONCE_SECONDS)
        return answer.status_code, answer.json()


async def silent(kind: QueryKind, **_: Any) -> Any:
    await asyncio.sleep(60)


@pytest_asyncio.fixture
async def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Venue]:
    monkeypatch.setattr(presence, "ANSWER_SECONDS", 0.01)
    gateways = [FakeGateway(records=default_records() | {QueryKind.LINKS: np.zeros(0, LINK)}) for _ in range(3)]
    for shard, gateway in enumerate(gateways):
        gateway.records[QueryKind.BALANCES] = balances((1, 1_000_000 * (shard + 1), 500_000))
    opened = await open_exchange(tmp_path / "dist", gateways)
    yield Venue(opened, gateways, monkeypatch)
    await opened.close()


async def test_an_engine_is_away_once_it_was_asked_in_vain_and_until_it_answers() -> None:
    gateway = FakeGateway(records={QueryKind.STATUS: TimeoutError("no engine"), QueryKind.ORDERS: np.zeros(0, EVENT)})
    shard = Present(gateway, 1)
    for _ in range(MISSES):
        assert not shard.is_away
        await shard.look()
    assert shard.is_away
    with pytest.raises(TimeoutError, match="shard 1 does not answer"):
        await shard.query(QueryKind.ORDERS, account=2)
    assert QueryKind.ORDERS not in [kind for kind, _ in gateway.queries]
    gateway.records[QueryKind.STATUS] = np.zeros(1, STATUS)
    await shard.look()
    assert not shard.is_away and len((await shard.query(QueryKind.ORDERS, account=2))[1]) == 0
    gateway.records[QueryKind.STATUS] = TimeoutError("once")
    await shard.look()
    assert not shard.is_away


@pytest.mark.parametrize(("error", "told"), [(TimeoutError(), "(no answer)"), (OSError("refused"), "(refused)")])
async def test_the_log_says_why_it_is_away(caplog: pytest.LogCaptureFixture, error: Exception, told: str) -> None:
    shard = Present(FakeGateway(records={QueryKind.STATUS: error}), 1)
    for _ in range(MISSES):
        await shard.look()
    assert told in caplog.text


async def test_it_is_asked_for_as_long_as_the_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(presence, name, 0.0)
    gateway = FakeGateway(records={QueryKind.STATUS: TimeoutError("no engine")})
    shard = Present(gateway, 1)
    asking = asyncio.create_task(shard.keep_asking())
    while not shard.is_away:
        await asyncio.sleep(0)
    gateway.records[QueryKind.STATUS] = np.zeros(1, STATUS)
    while shard.is_away:
        await asyncio.sleep(0)
    asking.cancel()


async def test_the_venue_is_well_while_a_shard_trades_and_says_which_markets_wait(venue: Venue) -> None:
    assert await venue.status() == ("Ok", None)
    for lost, told in (
        ((1,), "shard 1 (BTC_USDC): The engine does not answer"),
        ((2,), "shard 1 (BTC_USDC): The engine does not answer; shard 2 (no market): The engine does not answer"),
    ):
        await venue.lose(*lost)
        venue.exchange.service.health._checked_at = -1.0
        assert await venue.status() == ("Ok", f"Waiting: {told}")
    await venue.lose(0)
    venue.exchange.service.health._checked_at = -1.0
    status, message = await venue.status()
    assert status == "Maintenance" and "shard 0 (SOL_USDC): The engine does not answer" in str(message)


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ({"healthy": False}, "The order log or its event feed is not available"),
        ({"pressure": "the disk is full"}, "New orders are refused: the disk is full"),
    ],
)
@pytest.mark.parametrize(("shard", "symbol"), [(0, "SOL_USDC"), (1, "BTC_USDC")])
async def test_whatever_a_shard_waits_for_the_others_trade(
    venue: Venue, trouble: dict[str, Any], why: str, shard: int, symbol: str
) -> None:
    for name, value in trouble.items():
        setattr(venue.gateways[shard], name, value)
    assert await venue.status() == ("Ok", f"Waiting: shard {shard} ({symbol}): {why}")


async def test_home_alone_decides_whether_ingress_is_ready(venue: Venue, tmp_path: Path) -> None:
    """Load balancers send clients to whom is ready, and the markets of the others trade."""
    metrics = Metrics(config(tmp_path))
    metrics.gateway, metrics.listening = venue.shards, True
    venue.gateways[1].healthy, venue.gateways[1].pressure = False, "the disk is full"
    assert metrics._not_ready() == ""
    (refused,) = (one for one in metrics.monitor.look().numbers if one.name == "orders_refused")
    assert float(refused.value) == 1
    venue.gateways[0].pressure = "the disk is full"
    assert metrics._not_ready() == "the disk is full"
    venue.gateways[0].healthy = False
    assert "not available" in metrics._not_ready()


@pytest.mark.parametrize(
    ("path", "instruction"),
    [
        ("/api/v1/capital", "balanceQuery"),
        ("/api/v1/orders", "orderQueryAll"),
        ("/api/v1/account", "accountQuery"),
        ("/api/v1/account/limits/withdrawal", "maxWithdrawalQuantity"),
    ],
)
async def test_what_is_of_all_shards_is_refused_at_once(venue: Venue, path: str, instruction: str) -> None:
    query = {"symbol": "USDC"} if "limits" in path else {}
    assert (await venue.get(path, instruction, **query))[0] == 200
    await venue.lose(1)
    code, refusal = await venue.get(path, instruction, **query)
    assert (code, refusal["code"]) == (503, "MAINTENANCE") and "hard 1 does not answer" in refusal["message"]


async def test_what_is_of_one_shard_is_answered(venue: Venue) -> None:
    await venue.lose(1)
    assert await venue.get("/api/v1/orders", "orderQueryAll", symbol="SOL_USDC") == (200, [])
    assert (await venue.get("/api/v1/orders", "orderQueryAll", symbol="BTC_USDC"))[0] == 503
    order = {"symbol": "SOL_USDC", "orderId": "7"}
    assert (await venue.get("/api/v1/order", "orderQuery", **order))[0] == 404
    assert (await venue.get("/api/v1/order", "orderQuery", **(order | {"symbol": "BTC_USDC"})))[0] == 503
    known = {"USDC": {"available": "3", "locked": "0.5", "staked": "0"}}
    assert await venue.get("/api/v1/capital", "balanceQuery", shard="2") == (200, known)
    assert (await venue.get("/api/v1/capital", "balanceQuery", shard="1"))[0] == 503


async def test_balances_are_of_a_shard_that_there_is(venue: Venue, exchange: Exchange) -> None:
    for shard in ("3", "-1", "home"):
        code, refusal = await venue.get("/api/v1/capital", "balanceQuery", shard=shard)
        assert (code, refusal["code"]) == (400, "INVALID_CLIENT_REQUEST") and refusal["message"].startswith("shard ")
    one = [await exchange.signed("GET", "/api/v1/capital", "balanceQuery", query) for query in ({}, {"shard": "0"})]
    assert one[0].status_code == 200 and one[0].json() == one[1].json()
    refused = await exchange.signed("GET", "/api/v1/capital", "balanceQuery", {"shard": "1"})
    assert refused.status_code == 400


async def test_money_does_not_set_out_for_a_shard_that_is_away(venue: Venue) -> None:
    await venue.lose(1)
    asked = {"symbol": "USDC", "quantity": "1", "from": 0, "to": 1}
    moving = venue.exchange.signed("POST", "/api/v1/capital/transfer", "transfer", asked)
    answer = await asyncio.wait_for(moving, AT_ONCE_SECONDS)
    assert answer.status_code == 503 and not venue.gateways[0].commands


async def test_money_on_its_way_to_a_shard_that_is_away_is_not_sent_on(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mover, "SECONDS", 0.0)
    monkeypatch.setattr(mover, "LOOK_SECONDS", 0.005)
    await venue.lose(1)
    assert venue.exchange.service.several is not None
    finishing = venue.exchange.service.several.mover
    finishing._left(Way(TRADER_ACCOUNT, 0, 1), Half(1, 1, 5, 77))
    work = asyncio.create_task(finishing.keep_finishing())
    await asyncio.sleep(0.1)
    assert venue.gateways[1].commands == [] and len(finishing._open) == 1
    await ended(work)


async def test_orders_are_sent_to_a_shard_that_is_away_all_the_same(venue: Venue) -> None:
    """A standby may execute them, and what became of them is known to nobody else."""
    await venue.lose(1)
    venue.gateways[1].answers.append(TimeoutError("no engine"))
    order = {"symbol": "BTC_USDC", "side": "Bid", "orderType": "Limit", "price": "1", "quantity": "1"}
    answer = await venue.exchange.signed("POST", "/api/v1/order", "orderExecute", order)
    assert answer.status_code == 504 and len(venue.gateways[1].commands) == 1
    assert [int(command["market"]) for command in venue.gateways[1].commands] == [BTC] != [SOL]
    assert int(venue.gateways[1].commands[0]["account"]) == TRADER_ACCOUNT
