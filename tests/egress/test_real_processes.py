"""Engine and egress as processes of their own on a real log: what clients rebuild equals the engine's book."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from engine_core.administration.client import admin
from engine_core.replica.setup import Setup
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, OrderType, QueryKind, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND, join
from engine_core.wire.units import MarketUnits
from tests.egress.rig import KEYS, Listener, signature
from tests.processes import free_port, process
from tests.replica.flow import SOL_USDC, setup_records

FUNDS = 10**16
START_SECONDS = 240.0  # an empty kernel cache has to be filled


@contextmanager
def market(valkey: str) -> Iterator[Gateway]:
    """Assets, markets, and two accounts with keys and funds."""
    with Gateway(valkey, answer_seconds=START_SECONDS) as gateway:
        records = [record for record in setup_records()[1:]]
        for account, key in KEYS.items():
            record = admin(CommandKind.KEY, account=account, code=7)
            record["public_key"] = bytearray(bytes(key.verify_key))
            records.append(record)
            for asset in (1, 2):
                records.append(admin(CommandKind.DEPOSIT, account=account, asset=asset, a=FUNDS, b=account))
        gateway.execute(join([np.atleast_1d(record) for record in records]))
        yield gateway


def orders(flow: random.Random, count: int) -> np.ndarray:
    """Limit orders of both accounts around a price, so that some rest, some trade, some do both."""
    records = np.zeros(count, COMMAND)
    for record in records:
        side = flow.choice(list(Side))
        record["kind"], record["market"], record["account"] = CommandKind.PLACE, SOL_USDC, flow.choice([2, 3])
        record["side"], record["order_type"] = side, OrderType.LIMIT
        record["time_in_force"] = flow.choice([TimeInForce.GTC] * 5 + [TimeInForce.IOC])
        record["self_trade"] = flow.choice([SelfTrade.REJECT_MAKER, SelfTrade.REJECT_TAKER])
        away = flow.randrange(-3, 30)
        record["price_ticks"] = 10_000 - away if side == Side.BID else 10_000 + away
        record["quantity_lots"] = flow.randrange(1, 500)
    return records


class Replica:
    """A client as docs/api.md describes it: the book from depth events alone, since the market began."""

    def __init__(self) -> None:
        self.book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.last_id = 0
        self.trades: list[int] = []

    def take(self, data: dict[str, Any]) -> None:
        if data["e"] == "trade":
            self.trades.append(data["t"])
            return
        assert data["U"] == self.last_id + 1
        self.last_id = data["u"]
        for side in "ba":
            for price, quantity in data[side]:
                self.book[side].pop(price, None)
                if quantity != "0":
                    self.book[side][price] = quantity


def engine_book(gateway: Gateway, units: MarketUnits) -> tuple[dict[str, dict[str, str]], int]:
    header, levels = gateway.query(QueryKind.BOOK, market=SOL_USDC)
    book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for level in levels:
        side = "b" if level["side"] == Side.BID else "a"
        book[side][units.price(int(level["price_ticks"]))] = units.quantity(int(level["lots"]))
    return book, int(header["update_id"])


@asynccontextmanager
async def listen(port: int) -> AsyncIterator[Listener]:
    async with connect(f"ws://127.0.0.1:{port}/ws", max_queue=None, open_timeout=60) as socket:
        yield Listener(socket)


@pytest.mark.timeout(2 * START_SECONDS)
async def test_a_client_of_the_real_egress_sees_what_the_engine_does(
    valkey: str, runtime: Path, tmp_path: Path
) -> None:
    port = free_port()
    environment = {"REDIS_URL": valkey, "EXCHANGE_RUNTIME": str(runtime), "EXCHANGE_DATA": str(tmp_path)}
    environment |= {"EXCHANGE_WS_PORT": str(port), "EXCHANGE_PROFILE": "bare"}
    flow = random.Random(11)
    with process("engine_core.runtime", environment, tmp_path), market(valkey) as gateway:
        setup = Setup()
        setup.apply(gateway.query(QueryKind.SETUP)[1])
        units = setup.markets[SOL_USDC].units
        with process("egress", environment, tmp_path) as egress:
            async with listen(port) as client, listen(port) as owner:
                await client.subscribe("depth.SOL_USDC", "trade@SOL_USDC")
                names = ("account.orderUpdate", "account.balanceUpdate")
                await owner.subscribe(*names, signature=signature(2))
                replica = Replica()
                for size in (1, 3, 40, 200, 1):
                    await asyncio.to_thread(gateway.execute, orders(flow, size))
                    book, update_id = await asyncio.to_thread(engine_book, gateway, units)
                    while replica.last_id < update_id:
                        replica.take(await client.data())
                    assert replica.book == book
                assert replica.trades == list(range(1, len(replica.trades) + 1)) and len(replica.trades) > 10
                await check_private(owner, gateway, setup)
                egress.terminate()
                with pytest.raises(ConnectionClosed) as closed:
                    while True:
                        await client.event()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
                await asyncio.to_thread(egress.wait)  # a second signal would end it at once, and not with 0
        await asyncio.to_thread(gateway.execute, orders(flow, 50))
        with process("egress", environment, tmp_path):
            async with listen(port) as client:
                client.heartbeats = True  # of a market that is quiet now
                await client.subscribe("depth.SOL_USDC", "ticker.SOL_USDC")
                _, update_id = await asyncio.to_thread(engine_book, gateway, units)
                seen: dict[str, Any] = {}
                while len(seen) < 2:
                    event = await client.event()
                    seen[event["stream"]] = event["data"]
                assert seen["depth.SOL_USDC"]["u"] == update_id, "numbers go on after a restart"
                assert seen["ticker.SOL_USDC"]["n"] >= len(replica.trades), "statistics are rebuilt from the log"


async def check_private(owner: Listener, gateway: Gateway, setup: Setup) -> None:
    """The account's own events add up to what the engine says about it."""
    _, balances = await asyncio.to_thread(gateway.query, QueryKind.BALANCES, account=2)
    expected = {}
    for asset, available, locked in balances[["asset", "available", "locked"]].tolist():
        if available or locked:
            divisor = 10 ** setup.assets[asset].decimals
            expected[setup.assets[asset].symbol] = (available / divisor, locked / divisor)
    seen: dict[str, tuple[float, float]] = {}
    live: dict[str, str] = {}
    while seen != expected:
        data = await owner.data()
        if data["e"] == "balanceUpdate":
            seen[data["a"]] = float(data["A"]), float(data["L"])
        else:
            live[data["i"]] = data["X"]
    _, open_orders = await asyncio.to_thread(gateway.query, QueryKind.ORDERS, account=2, market=SOL_USDC)
    while not await owner.silent():
        for event in owner.kept:
            if event["data"]["e"] != "balanceUpdate":
                live[event["data"]["i"]] = event["data"]["X"]
        owner.kept.clear()
    still_open = {order for order, status in live.items() if status in ("New", "PartiallyFilled")}
    assert still_open == {str(order) for order in open_orders["order_id"].tolist()}
