"""A server's way into the engine: commands of one event-loop tick go out as one block, answers come by the feed.

Three connections: the two of pipeline.py, and the feed's own.
Nothing here polls; a patrol runs only while something is unanswered, and looks up in the event log what the feed has
not brought.

    unanswered, Redis has confirmed the block     looked up in the event log; OutcomeUnknown after ANSWER_SECONDS
    unanswered, connection lost                   appended again as soon as Redis is back, while somebody still waits;
                                                  OutcomeUnknown after ANSWER_SECONDS, and then never appended again
    not part of a block yet                       ConnectionError after ANSWER_SECONDS: certainly not executed
    refused by Redis (out of memory, disk full)   Overloaded: certainly not executed

Non-goals: what commands mean, and who may send them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from engine_core.config.redis_url import is_watched
from engine_core.process.tasks import ended
from engine_core.transport.backlog import Backlog, Logs, Pressure
from engine_core.transport.feed import Feed, describe, slots_of
from engine_core.transport.gateway import GatewayError, OutcomeUnknown, Overloaded
from engine_core.transport.outbox import Answer, Block, Outbox
from engine_core.transport.pipeline import ANSWER_SECONDS, STILL_SECONDS, Pipeline, expired
from engine_core.transport.primary import UNREACHABLE, async_redis_of
from engine_core.transport.questions import Answered
from engine_core.transport.replicated import end_of_async
from engine_core.wire.codes import CommandKind, EventKind, QueryKind
from engine_core.wire.layout import EVENT
from engine_core.wire.queries import About, Asker
from engine_core.wire.streams import FIELD, EntryId, StreamEntries, decode_block, keys

COMPLETE_SECONDS, COMPLETE_POLL_SECONDS = 2.0, 0.002  # for a feed without the ring to come up to the log's top
LOOKUP_SECONDS = 1.0  # unanswered so long: look into the event log
PATROL_SECONDS = 0.25
_GROWING = frozenset({CommandKind.PLACE, CommandKind.AMEND, CommandKind.REPLACE})  # refused under pressure

EventHandler = Callable[[np.ndarray], object]
BlockHandler = Callable[[Outbox, Block], None]
logger = logging.getLogger(__name__)


class AsyncGateway:
    def __init__(self, redis_url: str, shard: int, number: int, feed: Feed, backlog: Backlog) -> None:
        self.number = number
        self.on_events: list[EventHandler] = []
        self.failure: Exception | None = None  # why this gateway is of no use any more; restart the process
        self._backlog = backlog
        self._keys = keys(shard)
        # No retries inside the client: appending twice must be decided here.
        self._redis = async_redis_of(redis_url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=None)
        self._is_watched = is_watched(redis_url)
        self._pressure = Pressure(self._redis, self._keys, backlog)
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._pipeline = Pipeline(self._redis, self._keys, number, feed, self._asker, self.catch_up)
        self._outbox = self._pipeline.outbox
        self._tasks: list[asyncio.Task[None]] = []
        self._patrol: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        redis_url: str,
        runtime: Path | None,
        shard: int,
        number: int,
        *,
        after: EntryId | None = None,
        only_own: bool = False,
        backlog: Backlog | None = None,
        on_events: Iterable[EventHandler] = (),
    ) -> "AsyncGateway":
        """Connect, and feed on events from `after` on. `only_own`: events of others may come up to 50 ms late.

        Without a `backlog`, who sends no orders, nothing is measured.
        """
        assert 1 <= number < 1 << 31, "gateway numbers of servers are below those that tools draw"
        feed = await Feed.open(redis_url, runtime, shard, after, gateway=number if only_own else 0)
        self = cls(redis_url, shard, number, feed, backlog or Backlog())
        self.on_events.extend(on_events)
        self._tasks = [self._loop.create_task(self._guard(work)) for work in (self._follow(), self._pipeline.serve())]
        if backlog is not None:
            self._tasks.append(self._loop.create_task(self._guard(self._pressure.watch())))
        try:
            await self._pipeline.ready
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def healthy(self) -> bool:
        return self._pipeline.connected and self.failure is None

    @property
    def pressure(self) -> str:
        """Why new orders are refused, if they are. From any thread."""
        return self._pressure.reason

    @property
    def logs(self) -> Logs | None:
        """Both logs as of a second ago at most; None: not seen yet. From any thread."""
        return self._pressure.logs

    @property
    def position(self) -> EntryId:
        """The last entry of which every event was handed to `on_events`."""
        return self._feed.position

    def watch_blocks(self, handler: BlockHandler) -> None:
        """Call `handler` with each new block when it is about to go to the log."""
        self._pipeline.on_block = partial(handler, self._outbox)

    def submit(self, record: bytes) -> asyncio.Future[np.ndarray]:
        """Append one 64-byte command; its events, or Overloaded, OutcomeUnknown, GatewayError."""
        answer: asyncio.Future[np.ndarray] = self._loop.create_future()
        self.append(record, answer)
        return answer

    def append(self, record: bytes, answer: Answer) -> None:
        """The same without a future: `answer` is called at once, from within the feed."""
        if self.failure is not None:
            raise GatewayError(str(self.failure)) from self.failure
        if record[0] in _GROWING:
            self._refuse_under_pressure()
        self._pipeline.append(record, answer)
        if self._patrol is None or self._patrol.done():
            self._patrol = self._loop.create_task(self._guard(self._watch()))

    async def query(self, kind: QueryKind, **about: Unpack[About]) -> Answered:
        """(ANSWER_HEADER, records) of the state after everything submitted and confirmed before. TimeoutError.

        On a host with a ring, `on_events` has seen all events up to the answer's entry when this returns.
        """
        return await self._pipeline.questions.ask(kind, **about)

    def _asker(self) -> Asker:
        if self.failure is not None:
            raise GatewayError(str(self.failure)) from self.failure
        return Asker(self.number, self._outbox.incarnation)

    async def close(self) -> None:
        """Everything that still waits gets OutcomeUnknown."""
        await ended(*self._tasks, self._patrol)
        await self._feed.close()
        self._fail(OutcomeUnknown("this process is stopping"))
        await self._redis.aclose()

    # Events

    async def _follow(self) -> None:
        async for slots in self._feed:
            self._deliver(slots)

    def _deliver(self, slots: np.ndarray) -> None:
        for handler in self.on_events:
            handler(slots)
        if self._outbox.settle(slots):
            self._pipeline.append_again()

    def catch_up(self) -> None:
        """Hand on at once what the ring holds: then nothing that any process was answered before is missing here."""
        try:
            while len(slots := self._feed.poll()):
                self._deliver(slots)
        except Exception as error:
            self._stop(error)
            raise

    async def complete(self) -> bool:
        """Wait for all that was executed before this call to be handed on, also when it does not come by the ring.

        False: it takes too long. The commands' top is waited for, because the ring is ahead of the event stream.
        """
        self.catch_up()
        if self._feed.polls_all:
            return True
        deadline = time.monotonic() + COMPLETE_SECONDS
        try:
            async with asyncio.timeout(COMPLETE_SECONDS):
                top = (await describe(self._redis, self._keys.orders)).top
        except UNREACHABLE:
            return False
        while self._feed.position < top:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(COMPLETE_POLL_SECONDS)
            self.catch_up()
        return True

    # Watching over what is unanswered

    async def _watch(self) -> None:
        """Runs while commands are unanswered."""
        while self._outbox.oldest is not None or self._pipeline.waiting:
            began = time.monotonic()
            await asyncio.sleep(PATROL_SECONDS)
            self._pipeline.stood_still(max(0.0, time.monotonic() - began - PATROL_SECONDS))
            self._pipeline.fail_late()
            oldest = self._outbox.oldest
            if oldest is None or time.monotonic() - oldest.created < LOOKUP_SECONDS:
                continue
            if self._is_watched and self._pipeline.silent_seconds > STILL_SECONDS:
                self._pipeline.doubt()
            elif self._pipeline.connected:
                try:
                    async with asyncio.timeout(LOOKUP_SECONDS):  # it may stand still with its connection open
                        await self._look_up(oldest)
                except (*UNREACHABLE, ResponseError) as error:
                    logger.warning("the outcome of a block cannot be looked up: %s", str(error) or "no answer")
            for block in self._outbox.blocks:
                if expired(block):
                    why = f": {self.pressure}" if self.pressure else ""
                    block.fail(OutcomeUnknown(f"the engine did not answer within {ANSWER_SECONDS:g} s{why}"))
                    if self._is_watched and self._pipeline.is_replicated:  # where it is not, the log has the block
                        self._pipeline.doubt()

    async def _look_up(self, block: Block) -> None:
        """Resolve a confirmed block from the event log, should the feed be behind. Refusals are left to the feed."""
        if block.entry is None:
            return
        end = await end_of_async(self._redis, self._keys)
        if end is not None and end < block.entry:
            return  # not on replicas yet
        name = str(block.entry)
        rows = cast(StreamEntries, await self._redis.xrange(self._keys.events, name, name))
        for _, fields in rows:
            header, events = decode_block(fields[FIELD], EVENT)
            if events[0]["kind"] != EventKind.BLOCK_REFUSED:
                self._outbox.settle(slots_of(block.entry, header, events))

    def _refuse_under_pressure(self) -> None:
        waiting = self._outbox.commands + self._pipeline.waiting
        if waiting >= self._backlog.commands:
            raise Overloaded(f"{waiting} commands are not answered yet")
        if pressure := self.pressure:
            raise Overloaded(pressure)

    def _fail(self, error: Exception) -> None:
        if not self._pipeline.ready.done():
            self._pipeline.ready.set_exception(error)
        self._pipeline.fail_waiting(error)
        for block in self._outbox.blocks:
            self._outbox.drop(block, error)
        self._pipeline.questions.fail(error)

    async def _guard(self, work: Any) -> None:
        """Run a task; what ends it ends the gateway, and everything that waits gets its error."""
        try:
            await work
        except Exception as error:
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        logger.error("gateway %d stops: %s", self.number, error)
        self.failure = self.failure or error
        self._pipeline.connected = False
        self._fail(GatewayError(str(error)))
