"""A machine that stands still, as one that is suspended, for longer than an answer is waited for: what was on its way
is answered all the same. Ingress goes on first here, and has no answer yet when it looks how long it has waited.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import redis

from engine_core.wire.streams import keys
from tests.exchange import Exchange, eventually, stopped

STILL_S = 5.5
FIRST_S = 1.0  # that ingress goes on before the engine does
SYMBOL = "BTC/USDC"


def test_what_was_on_its_way_is_answered(exchange: Exchange) -> None:
    buyer, reader = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, reader):
        trader.load_markets()
    with redis.Redis.from_url(exchange.run["redis"]) as log, ThreadPoolExecutor() as clients:
        before = log.xlen(keys(0).orders)
        with stopped(*exchange.pids("engine")):
            asked = clients.submit(reader.fetch_open_orders, SYMBOL)
            placed = clients.submit(buyer.create_order, SYMBOL, "limit", "buy", 0.01, 10_000)
            eventually(lambda: log.xlen(keys(0).orders), lambda entries: entries > before, "the order in the log")
            with stopped(*exchange.pids("ingress")):
                time.sleep(STILL_S)
            time.sleep(FIRST_S)
        assert placed.result()["status"] == "open" and asked.result() == []
