"""ccxt in its three forms, written once: a client whose methods are called by name, and which remembers which were.

Only URLs are overridden, and patience; `load_markets` runs with its default options.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro

from tests.exchange import PATIENT, Exchange

FORMS = {"sync": ccxt, "async": ccxt.async_support, "pro": ccxt.pro}
REST_ROWS = {
    "load_markets",
    "fetch_status",
    "fetch_time",
    "fetch_ticker",
    "fetch_tickers",
    "fetch_order_book",
    "fetch_trades",
    "fetch_ohlcv",
    "fetch_balance",
    "create_order",
    "create_orders",
    "cancel_order",
    "cancel_all_orders",
    "fetch_open_order",
    "fetch_open_orders",
    "fetch_order",
    "fetch_orders",
    "fetch_my_trades",
    "fetch_deposits",
    "fetch_withdrawals",
    "withdraw",
    "fetch_deposit_address",
}
WATCH_ROWS = {
    "watch_ticker",
    "watch_tickers",
    "watch_bids_asks",
    "watch_trades",
    "watch_order_book",
    "watch_ohlcv",
    "watch_orders",
    "watch_balance",
    "watch_positions",
}
PATIENCE_SECONDS = 60.0


class Client:
    """One account's client; every call is awaited, whether ccxt's method is a coroutine or not."""

    def __init__(self, exchange: Exchange, form: str, number: int) -> None:
        run = exchange.run
        urls = {"public": run["http"], "private": run["http"], "ws": {"public": run["ws"], "private": run["ws"]}}
        own = {**exchange.keys()[number], **PATIENT, "urls": {"api": urls}, "enableRateLimit": False}
        self.raw = FORMS[form].backpack(own)
        self.used: set[str] = set()

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            self.used.add(method)
            answer = getattr(self.raw, method)(*arguments, **named)
            return await answer if inspect.isawaitable(answer) else answer

        return call

    def watch(self, method: str, fits: Callable[[Any], bool], *arguments: Any) -> "asyncio.Task[Any]":
        """Watch until a result fits; the task's result."""

        async def until_it_fits() -> Any:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    result = await getattr(self, method)(*arguments)
                    if fits(result):
                        return result

        return asyncio.get_running_loop().create_task(until_it_fits())


@asynccontextmanager
async def clients(exchange: Exchange, form: str) -> AsyncIterator[tuple[Client, Client]]:
    """Of the two demo accounts, with their markets loaded and no order open before and after."""
    pair = Client(exchange, form, 0), Client(exchange, form, 1)
    try:
        for client in pair:
            await client.load_markets()
            await cancel_everything(client)
        yield pair
        for client in pair:
            await cancel_everything(client)
    finally:
        for client in pair:
            if form != "sync":
                await client.close()


async def cancel_everything(client: Client) -> None:
    for symbol in {order["symbol"] for order in await client.fetch_open_orders()}:
        await client.cancel_all_orders(symbol)
    assert await client.fetch_open_orders() == []
