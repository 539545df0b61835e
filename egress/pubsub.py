"""Market data on Redis pub/sub: channels `trade@SYMBOL`, `depth@SYMBOL`, `ticker@SYMBOL`, `order@SYMBOL`.
The messages are the WebSocket's JSON texts.

One egress process publishes, of all shards: the one that holds the lease at home's Redis. Once a second it looks which
channels somebody subscribes to (a pattern matches all) and publishes only those. Pub/sub promises nothing: if Redis is
gone for long, the oldest events are dropped; subscribers see the gap in the depth numbers. Nobody waits for it: not the
hub, which only queues, nor for a subscriber who reads slowly, whom Redis drops. Non-goals: the log, and private events.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from egress.hub import Hub
from egress.names import Kind, Stream
from engine_core.process.tasks import background, ended
from engine_core.replica.setup import HOME, Setup
from engine_core.transport.primary import async_redis_of
from engine_core.wire.streams import keys

LEASE_MS = 3_000
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 5.0  # a Redis that says nothing for so long is asked on a new connection
QUEUE_BYTES = 8 * 2**20
KINDS = (Kind.TRADE, Kind.DEPTH, Kind.TICKER, Kind.ORDER)

# Take the lease if it is free, prolong it if it is ours: 1 if we hold it now.
_TAKE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_GIVE_UP = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0"

logger = logging.getLogger(__name__)


class Publisher:
    def __init__(self, redis_url: str, setup: Setup, hub: Hub) -> None:
        self._redis: Redis = async_redis_of(
            redis_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )
        self._lease = keys(HOME).leases + "market-data"
        self._token = secrets.token_hex(8)
        self._setup, self._hub = setup, hub
        self._published: dict[str, Stream] = {}
        self._queue: deque[tuple[str, bytes]] = deque()
        self._queued = 0
        self._filled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._holds_until = 0.0  # of time.monotonic: what is published later might come beside another process
        self.dropped = 0

    @property
    def channels(self) -> int:
        return len(self._published)

    async def start(self) -> None:
        look, publish = self._look(), self._publish()
        self._tasks = [background("watch of channels", look), background("publishing on Redis", publish)]

    async def stop(self) -> None:
        await ended(*self._tasks)
        self._listen({})
        try:
            async with asyncio.timeout(0.5):
                await self._redis.eval(_GIVE_UP, 1, self._lease, self._token)
        except (RedisError, OSError, TimeoutError):
            pass  # it runs out by itself
        await self._redis.aclose()

    def put(self, name: str, payload: bytes) -> None:
        """Queue one event; called by the hub within a tick."""
        self._queue.append((name, payload))
        self._queued += len(payload)
        while self._queued > QUEUE_BYTES:
            self._queued -= len(self._queue.popleft()[1])
            self.dropped += 1
        self._filled.set()

    async def _look(self) -> None:
        """Every second: hold the lease, and listen on the hub to what somebody subscribes to on Redis."""
        while True:
            began = time.monotonic()
            try:
                holds = await self._redis.eval(_TAKE, 1, self._lease, self._token, str(LEASE_MS))
                self._holds_until = began + LEASE_MS / 1000 if holds else 0.0
                self._listen(await self._subscribed_channels() if holds else {})
            except (RedisError, OSError) as error:
                logger.warning("Redis does not answer, nothing is published: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def _subscribed_channels(self) -> dict[str, Stream]:
        channels = {
            f"{kind.value}@{symbol}": Stream(kind, symbol) for symbol in self._setup.market_by_symbol for kind in KINDS
        }
        if not channels or await self._redis.pubsub_numpat():
            return channels
        counts = cast(list[tuple[bytes, int]], await self._redis.pubsub_numsub(*channels))
        return {name.decode(): channels[name.decode()] for name, count in counts if count}

    def _listen(self, wanted: dict[str, Stream]) -> None:
        for name in self._published.keys() - wanted.keys():
            self._hub.untap(name, self._published[name])
        for name in wanted.keys() - self._published.keys():
            self._hub.tap(name, wanted[name], self)
        self._published = wanted

    async def _publish(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            events, self._queued = list(self._queue), 0
            self._queue.clear()
            if time.monotonic() >= self._holds_until:
                self.dropped += len(events)
                continue
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for name, payload in events:
                        pipeline.publish(name, payload)
                    await pipeline.execute()
            except (RedisError, OSError) as error:
                self.dropped += len(events)
                logger.warning("%d events were not published: %s", len(events), error)
