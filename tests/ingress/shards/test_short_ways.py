"""The kernels' ways of an order, where there are several shards: the same routes, and the same funds."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from engine_core.administration.client import admin
from engine_core.wire.codes import AccountOption, CommandKind, MarketState
from ingress.fast_path import warm
from ingress.fast_path.http_orders import PlainOrders
from tests.ingress.fakes import TRADER_ACCOUNT, Exchange, open_exchange
from tests.ingress.fast_path.test_http_batches import signed as signed_batch
from tests.ingress.fast_path.test_http_orders import LIMIT, Client, signed
from tests.ingress.shards.ledgers import Ledger
from tests.markets import BTC

SOL_ORDER, BTC_ORDER = LIMIT, LIMIT | {"symbol": "BTC_USDC"}
USDC, NEED = 1, 1_000
PLACE, IN = CommandKind.PLACE, CommandKind.MOVE_IN


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    """SOL_USDC trades in shard 0, BTC_USDC in shard 1; all funds are in shard 0."""
    warm.load()  # compiling takes longer than a signature holds
    opened = await open_exchange(tmp_path / "dist", [Ledger(shard) for shard in range(2)])
    for shard, state in ((0, MarketState.ELSEWHERE), (1, MarketState.OPEN)):
        opened.service.setup.apply(admin(CommandKind.MARKET_STATE, market=BTC, code=state), shard)
    opened.service.setup.options[TRADER_ACCOUNT] = AccountOption.AUTO_TRANSFER
    ledgers(opened)[0].held[TRADER_ACCOUNT, USDC] = 10**12
    for ledger in ledgers(opened):
        ledger.need = lambda command: (USDC, NEED)
    yield opened
    await opened.close()


def ledgers(exchange: Exchange) -> list[Ledger]:
    assert exchange.service.several is not None
    return exchange.service.several.shards.gateways  # type: ignore[return-value]


async def answered(client: Client) -> int:
    async with asyncio.timeout(20):
        while not client.replies:
            await asyncio.sleep(0)
    return client.replies[0].status


async def test_a_plain_order_goes_to_its_shard_and_brings_its_funds(exchange: Exchange) -> None:
    orders = PlainOrders(exchange.service)
    for members, commands in (
        (SOL_ORDER, [[PLACE], []]),
        (BTC_ORDER, [[PLACE, CommandKind.MOVE_OUT], [PLACE, IN, PLACE]]),
    ):
        client = Client()
        assert orders.begin(signed(members), client), "it is plain"
        assert await answered(client) == 200
        assert [ledger.commands for ledger in ledgers(exchange)] == commands


async def test_a_plain_batch_over_both_shards(exchange: Exchange) -> None:
    client = Client()
    assert PlainOrders(exchange.service).begin(signed_batch([BTC_ORDER, SOL_ORDER, BTC_ORDER]), client)
    assert await answered(client) == 200
    placed = json.loads(client.replies[0].body)
    assert [order["operation"] for order in placed] == ["Ok"] * 3
    assert [order["symbol"] for order in placed] == ["BTC_USDC", "SOL_USDC", "BTC_USDC"]
    assert [ledger.locked[TRADER_ACCOUNT, USDC] for ledger in ledgers(exchange)] == [NEED, 2 * NEED]
