"""A ccxt.pro client whose connection is lost while the book changes: what README advises gives the true book.

ccxt.pro keeps its book across connections and does not look at `U`, so levels that went meanwhile stay in it for ever.
No close code and no frame of the protocol makes it begin anew (it forgets a book only when its own snapshot fails), so
the client has to; the first test says that this is still so.
"""

import asyncio
from typing import Any

import ccxt
import ccxt.pro
import pytest

from tests.exchange import Exchange

SYMBOL = "SOL/USDC"
pytestmark = pytest.mark.timeout(300)


def watcher(exchange: Exchange) -> Any:
    run = exchange.run
    urls = {"public": run["http"], "private": run["http"], "ws": {"public": run["ws"], "private": run["ws"]}}
    options = {"watchOrderBook": {"snapshotDelay": 0}}
    return ccxt.pro.backpack({"urls": {"api": urls}, "options": options, "enableRateLimit": False})


async def watch(client: Any, forgets: bool) -> list[list[float]]:
    """The bids of the next book; connections that are lost are opened again, as README shows it."""
    while True:
        try:
            async with asyncio.timeout(30):
                book = await client.watch_order_book(SYMBOL)
            return [level[:2] for level in book["bids"]]
        except ccxt.NetworkError:
            if forgets:
                client.orderbooks.pop(SYMBOL, None)
            await asyncio.sleep(0.2)


async def test_a_book_that_is_forgotten_with_its_connection_has_no_ghosts(own_exchange: Exchange) -> None:
    own_exchange.start()
    trader = own_exchange.trader()
    goes = trader.create_order(SYMBOL, "limit", "buy", 3, 90)
    stays = trader.create_order(SYMBOL, "limit", "buy", 2, 80)
    clients = {forgets: watcher(own_exchange) for forgets in (False, True)}
    try:
        for forgets, client in clients.items():
            async with asyncio.timeout(60):
                while await watch(client, forgets) != [[90, 3], [80, 2]]:
                    pass
        own_exchange.kill("egress")
        trader.cancel_order(goes["id"], SYMBOL)
        trader.create_order(SYMBOL, "limit", "buy", 1, 70)
        async with asyncio.timeout(60):
            while (await watch(clients[True], True))[-1:] != [[70, 1]]:
                pass
            assert await watch(clients[True], True) == [[80, 2], [70, 1]]
            await watch(clients[False], False)  # connected again
            trader.create_order(SYMBOL, "limit", "buy", 1, 60)
            while (bids := await watch(clients[False], False))[-1:] != [[60, 1]]:
                pass
        assert [90, 3] in bids, "ccxt.pro has learned to begin anew: README need not advise it any more"
    finally:
        for client in clients.values():
            await client.close()
    assert stays["id"]
