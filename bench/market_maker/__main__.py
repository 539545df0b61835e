"""The demo's market maker: quotes every market around a reference price that jumps, and lets takers come in bursts.

A client like any other: it knows the exchange by its public REST and WebSocket API and by two keys in the data folder,
`market-maker-key.json` and `taker-key.json` (two accounts, because one account's orders never trade with each other).
Any process of the exchange may die: it waits, reads its open orders and balances again, and goes on. Stopped, it
cancels all its orders; killed, the exchange does so after `dead_man_ms`.

    python -m bench.market_maker      EXCHANGE_API_URL, EXCHANGE_WS_URL: where, if not on this machine

Non-goals: profit, and load (bench/http/, bench/pipeline.py).
"""

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import uvloop
from websockets.exceptions import WebSocketException

from bench.market_maker.api import ApiClient, ApiError, Credentials, Json, Unreachable, private_stream
from bench.market_maker.market import Balances, Quoter, Taker
from engine_core.config.exchange_toml import ConfigError, MarketDef
from engine_core.config.hosts import reachable
from engine_core.config.settings import Settings
from engine_core.process import lifecycle, metrics
from engine_core.process.metrics import Monitor, Sample
from engine_core.process.tasks import ended

MAKER_KEY, TAKER_KEY = "market-maker-key.json", "taker-key.json"
STOP_S = 2.5  # the supervisor gives three seconds
BACKOFF_S = (0.25, 5.0)
BEAT_S = 1.0
RECONCILE_S = (30.0, 2.0)  # between two looks at what the exchange says is open: with the private stream, without it

log = logging.getLogger("market_maker")


class MarketMaker:
    """All markets of one exchange: two clients, the private stream, and a task for each thing that goes on."""

    def __init__(self, settings: Settings, api_url: str, ws_url: str) -> None:
        config = settings.config
        self._parameters = config.market_maker
        self._ws_url = ws_url
        self._credentials = Credentials.load(settings.data / MAKER_KEY)
        self._maker = ApiClient(api_url, self._credentials)
        self._taker = ApiClient(api_url, Credentials.load(settings.data / TAKER_KEY))
        self._balances, self._taker_balances = Balances(), Balances()
        source = random.Random(self._parameters.seed)
        self.quoters: dict[str, Quoter] = {}
        self._takers: list[Taker] = []
        unit = config.assets[0]
        for market in config.markets:
            if market.start_price:
                rates = self._rate_of(market, unit.symbol)
                quoter = Quoter(market, config, self._maker, self._balances, random.Random(source.random()), rates)
                self.quoters[market.symbol] = quoter
                own = random.Random(source.random())
                self._takers.append(Taker(quoter, self._parameters, self._taker, self._taker_balances, own))
        self._in_step = asyncio.Event()  # our picture of orders and balances is the exchange's
        self._lost_step = asyncio.Event()
        self._streaming = False
        self.monitor = Monitor("market_maker", settings.worker, self._samples, self._not_ready)

    def _rate_of(self, market: MarketDef, unit: str) -> Callable[[], float]:
        """A function that gives the worth of one quote asset in `unit`, by the market that trades them."""
        bridge = f"{market.quote}_{unit}"
        return lambda: self.quoters[bridge].price() if bridge in self.quoters else 1.0

    async def run(self, stopped: asyncio.Event) -> None:
        tasks = [
            asyncio.create_task(self._keep_going("stream", self._follow_stream)),
            asyncio.create_task(self._keep_going("reconcile", self._reconcile_often)),
            asyncio.create_task(self._keep_going("dead-man timer", self._hold_dead_man)),
            asyncio.create_task(self._beat()),
        ]
        for quoter in self.quoters.values():
            tasks.append(asyncio.create_task(self._keep_going(quoter.symbol, partial(self._quote, quoter))))
        for taker in self._takers:
            tasks.append(asyncio.create_task(self._keep_going(f"{taker.symbol} taker", partial(self._take, taker))))
        waiting = asyncio.create_task(stopped.wait())
        done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await ended(waiting, *tasks)
        await self._leave()
        for task in done - {waiting}:
            task.result()  # a task that ended by itself ended by a bug: say which

    async def _keep_going(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat `work` for ever; when the exchange does not answer or refuses, wait a little longer each time."""
        pause, said = BACKOFF_S[0], ""
        while True:
            began = time.monotonic()
            try:
                await work()
            except (Unreachable, ApiError, WebSocketException, OSError, TimeoutError) as error:
                if isinstance(error, Unreachable):
                    self._out_of_step()
                log.log(logging.DEBUG if str(error) == said else logging.WARNING, "%s: %s", what, error)
                said = str(error)
                pause = BACKOFF_S[0] if time.monotonic() - began > BACKOFF_S[1] else min(pause * 2, BACKOFF_S[1])
                await asyncio.sleep(pause)

    async def _follow_stream(self) -> None:
        """The private stream tells at once what ended; its loss means that something may have been missed."""
        try:
            async for data in private_stream(self._ws_url, self._credentials):
                if data is None:
                    self._streaming = True
                    self._out_of_step()
                elif data["e"] == "balanceUpdate":
                    self._balances.update(data["a"], data["A"], data["L"])
                elif (quoter := self.quoters.get(data["s"])) is not None:
                    quoter.on_update(data)
        finally:
            self._streaming = False
            self._out_of_step()
        raise Unreachable("the private stream was closed")

    def _out_of_step(self) -> None:
        self._in_step.clear()
        self._lost_step.set()

    async def _reconcile_often(self) -> None:
        while True:
            self._lost_step.clear()
            await self._reconcile()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECONCILE_S[0 if self._streaming else 1]):
                    await self._lost_step.wait()

    async def _reconcile(self) -> None:
        """Open orders and balances as the exchange has them."""
        orders: Json = await self._maker.get("/api/v1/orders", instruction="orderQueryAll")
        for symbol, quoter in self.quoters.items():
            quoter.adopt([order for order in orders if order["symbol"] == symbol])
        self._balances.replace(await self._maker.get("/api/v1/capital", instruction="balanceQuery"))
        self._taker_balances.replace(await self._taker.get("/api/v1/capital", instruction="balanceQuery"))
        if not self._in_step.is_set():
            log.info("in step with the exchange: %d open orders", len(orders))
            self._in_step.set()
            lifecycle.ready()

    async def _quote(self, quoter: Quoter) -> None:
        await quoter.start()
        while True:
            await self._in_step.wait()
            await quoter.look()
            await asyncio.sleep(self._parameters.interval_ms / 1000 * quoter.source.uniform(0.8, 1.2))

    async def _take(self, taker: Taker) -> None:
        while True:
            await asyncio.sleep(taker.pause_s())
            await self._in_step.wait()
            await taker.take()

    async def _hold_dead_man(self) -> None:
        """Tell the exchange again and again that we live."""
        timeout_ms = self._parameters.dead_man_ms
        while timeout_ms:
            await self._arm(timeout_ms)
            await asyncio.sleep(timeout_ms / 3000)
        await asyncio.Event().wait()

    async def _arm(self, timeout_ms: int) -> None:
        body = {"timeoutMs": timeout_ms}
        await self._maker.send("POST", "/api/v1/orders/cancelAfter", body, "orderCancelAllAfter")

    async def _leave(self) -> None:
        """Cancel everything: best effort within the time that a stop may take; the dead-man timer is the safety net."""

        async def cancel(symbol: str) -> None:
            await self._maker.send("DELETE", "/api/v1/orders", {"symbol": symbol}, "orderCancelAll")

        try:
            async with asyncio.timeout(STOP_S):
                ended = await asyncio.gather(*(cancel(symbol) for symbol in self.quoters), return_exceptions=True)
                failed = [str(error) for error in ended if error is not None]
                if not failed and self._parameters.dead_man_ms:
                    await self._arm(0)
        except (TimeoutError, ApiError, Unreachable) as error:
            failed = [str(error) or "no answer in time"]
        if failed:
            log.warning("orders may still rest until the dead-man timer fires: %s", failed[0])
        else:
            log.info("all orders cancelled")
        await self._maker.close()
        await self._taker.close()

    async def _beat(self) -> None:
        while True:
            self.monitor.beat()
            await asyncio.sleep(BEAT_S)

    def _samples(self) -> Iterator[Sample]:
        placed = sum(quoter.placed for quoter in self.quoters.values())
        cancelled = sum(quoter.cancelled for quoter in self.quoters.values())
        yield Sample("quotes_placed_total", "Orders placed by the market maker", placed)
        yield Sample("quotes_cancelled_total", "Orders cancelled by the market maker", cancelled)
        yield Sample("takers_total", "Market orders of the takers", sum(taker.taken for taker in self._takers))
        requests = self._maker.requests + self._taker.requests
        yield Sample("api_requests_total", "Requests to the public API", requests)

    def _not_ready(self) -> str:
        return "" if self._in_step.is_set() else "waiting for the exchange"


async def _main(settings: Settings) -> None:
    host = reachable(settings.host)
    api_url = os.environ.get("EXCHANGE_API_URL") or f"http://{host}:{settings.http_port}"
    ws_url = os.environ.get("EXCHANGE_WS_URL") or f"ws://{host}:{settings.ws_port}/"
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    maker = MarketMaker(settings, api_url, ws_url)
    metrics.serve(maker.monitor, settings.runtime, settings.metrics_port, settings.host)
    await maker.run(stopped)


def main() -> None:
    lifecycle.start("market_maker")
    try:
        settings = Settings.of_role()
        for name in (MAKER_KEY, TAKER_KEY):
            if not (settings.data / name).is_file():
                raise ConfigError(f"{settings.data / name} is missing: `exchange up --profile demo` writes it")
    except ConfigError as error:
        sys.exit(f"market_maker: {error}")
    uvloop.run(_main(settings))


if __name__ == "__main__":
    main()
