"""A server's way into the engine: commands of one event-loop tick go out as one block, answers come by the feed.

Three connections: one for appends and questions, pipelined and in order; one that receives answers; the feed's own.
Nothing here polls; a patrol runs only while something is unanswered, and looks up in the event log what the feed has
not brought.

    unanswered, Redis has confirmed the block     looked up in the event log; OutcomeUnknown after ANSWER_SECONDS
    unanswered, connection lost                   appended again as soon as Redis is back, while somebody still waits;
                                                  OutcomeUnknown after ANSWER_SECONDS, and then never appended again
    refused by Redis (out of memory, disk full)   Overloaded: certainly not executed

Non-goals: what commands mean, and who may send them.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from engine_core.process.tasks import ended
from engine_core.transport.backlog import Backlog, Pressure
from engine_core.transport.feed import UNREACHABLE, Feed, describe, slots_of
from engine_core.transport.gateway_errors import GatewayError, OutcomeUnknown, Overloaded
from engine_core.transport.outbox import Answer, Block, Outbox
from engine_core.transport.questions import Answered, Question, Questions
from engine_core.wire.codes import CommandKind, EventKind, QueryKind
from engine_core.wire.layout import EVENT
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.log import RESTORE_SECONDS, LogBehind
from engine_core.wire.queries import ASK_SCRIPT, Asker, decode_answer
from engine_core.wire.streams import FIELD, EntryId, decode_block, keys, pack

MAX_APPENDS = 4  # not yet confirmed by Redis; what comes meanwhile goes into the next, larger block
ANSWER_SECONDS = 5.0
COMPLETE_SECONDS, COMPLETE_POLL_SECONDS = 2.0, 0.002  # for a feed without the ring to come up to the log's top
LOOKUP_SECONDS = 1.0  # unanswered so long: look into the event log
PATROL_SECONDS = 0.25
RETRY_SECONDS = 0.1
_GROWING = frozenset({CommandKind.PLACE, CommandKind.AMEND, CommandKind.REPLACE})  # refused under pressure

EventHandler = Callable[[np.ndarray], object]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A command that is not part of a block yet."""

    record: bytes
    answer: Answer
    since: float


class AsyncGateway:
    def __init__(self, redis_url: str, shard: int, number: int, feed: Feed, backlog: Backlog) -> None:
        self.number = number
        self.on_events: list[EventHandler] = []
        self.failure: Exception | None = None  # why this gateway is of no use any more; restart the process
        self._backlog = backlog
        self._keys = keys(shard)
        self._orders = self._keys.orders.encode()
        # No retries inside the client: appending twice must be decided here.
        self._redis = redis.asyncio.Redis.from_url(
            redis_url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=None
        )
        self._pressure = Pressure(self._redis, self._keys, backlog)
        self._feed = feed
        self._outbox = Outbox(number, feed.log_id, feed.epoch)
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._repeat = False  # append all unanswered blocks again
        self._replies: deque[Block | Question] = deque()  # what Redis has still to confirm, in order
        self._appends = 0  # of these, blocks
        self._questions = Questions(self._asker, self._work.set)
        self._connected = False
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
        self._tasks = [self._loop.create_task(self._guard(work)) for work in (self._follow(), self._serve())]
        if backlog is not None:
            self._tasks.append(self._loop.create_task(self._guard(self._pressure.watch())))
        try:
            await self._ready
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def healthy(self) -> bool:
        return self._connected and self.failure is None

    @property
    def pressure(self) -> str:
        """Why new orders are refused, if they are. From any thread."""
        return self._pressure.reason

    @property
    def position(self) -> EntryId:
        """The last entry of which every event was handed to `on_events`."""
        return self._feed.position

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
        self._waiting.append(_Waiting(record, answer, time.monotonic()))
        self._work.set()
        if self._patrol is None or self._patrol.done():
            self._patrol = self._loop.create_task(self._guard(self._watch()))

    async def query(
        self,
        kind: QueryKind,
        *,
        market: int = 0,
        account: int = 0,
        order_id: int = 0,
        client_id: int | None = None,
    ) -> Answered:
        """(ANSWER_HEADER, records) of the state after everything submitted and confirmed before. TimeoutError.

        On a host with a ring, `on_events` has seen all events up to the answer's entry when this returns.
        """
        return await self._questions.ask(kind, market, account, order_id, client_id)

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
            self._take(slots)

    def _take(self, slots: np.ndarray) -> None:
        for handler in self.on_events:
            handler(slots)
        if self._outbox.take(slots):
            self._repeat = True
            self._work.set()

    def catch_up(self) -> None:
        """Hand on at once what the ring holds: then nothing that any process was answered before is missing here."""
        try:
            while len(slots := self._feed.poll()):
                self._take(slots)
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
        try:
            top = (await describe(self._redis, self._keys.orders)).top
        except UNREACHABLE:
            return False
        deadline = time.monotonic() + COMPLETE_SECONDS
        while self._feed.position < top:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(COMPLETE_POLL_SECONDS)
            self.catch_up()
        return True

    # Appends and questions

    async def _serve(self) -> None:
        """Keep connections open: whatever is lost with one is appended again with the next."""
        behind_since: float | None = None
        while True:
            try:
                await self._connect_and_run()
            except LogBehind as error:  # an engine appends the lost end again; until then nothing may go in between
                behind_since = behind_since or time.monotonic()
                if time.monotonic() - behind_since > RESTORE_SECONDS:
                    raise
                logger.warning("waiting: %s", error)
            except UNREACHABLE as error:
                self._connected, behind_since = False, None
                logger.warning("Redis cannot be reached, trying again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _connect_and_run(self) -> None:
        pool: Any = self._redis.connection_pool
        commands, hearing = await pool.get_connection(), await pool.get_connection()
        tasks: list[asyncio.Task[None]] = []
        try:
            await hearing.send_command("SUBSCRIBE", f"{self._keys.answers}{self.number}")
            await hearing.read_response()
            await commands.send_command("SCRIPT", "LOAD", ASK_SCRIPT)
            script = await commands.read_response()
            await self._check_log()
            self._begin_connection()
            if not self._ready.done():
                self._ready.set_result(None)
            work = (self._send(commands, script), self._confirm(commands), self._hear(hearing))
            tasks = [self._loop.create_task(each) for each in work]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await ended(*tasks)
            for connection in (commands, hearing):
                await connection.disconnect(nowait=True)
                await pool.release(connection)

    async def _check_log(self) -> None:
        """A Redis that lost what it had confirmed is another log: nothing of ours may go into it."""
        events, orders = [await describe(self._redis, name) for name in (self._keys.events, self._keys.orders)]
        events.check(min(self._feed.position, events.top), self._feed.log_id)
        confirmed = [block.entry for block in self._outbox.blocks if block.entry is not None]
        orders.check(max([self._feed.position, *confirmed]))

    def _begin_connection(self) -> None:
        self._replies.clear()
        self._appends = 0
        self._connected = True
        oldest = self._outbox.oldest
        if oldest is not None and oldest.entry is None and _expired(oldest):
            # Its waiters got "outcome unknown", so it must not be executed from now on; nor can the
            # later ones, in an engine that counts. Whether any had reached the log, the feed will tell nobody.
            for block in self._outbox.blocks:
                self._outbox.drop(block, OutcomeUnknown("Redis was not reachable; the command may have been executed"))
            self._outbox.begin_incarnation()
        self._repeat = bool(self._outbox.blocks)
        self._work.set()

    async def _send(self, connection: Any, script: bytes) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            commands: list[bytes] = []
            if self._repeat:
                self._repeat = False
                for block in self._outbox.blocks:
                    commands.append(self._append(block))
            while self._waiting and self._appends < MAX_APPENDS:
                commands.append(self._append(self._next_block()))
            for question in self._questions.unsent():
                arguments = (script, 2, self._keys.orders, self._keys.queries, question.script)
                commands += connection.pack_command("EVALSHA", *arguments)
                question.script = b""
                self._replies.append(question)
            if commands:
                await connection.send_packed_command(commands, check_health=False)

    def _next_block(self) -> Block:
        count = min(len(self._waiting), MAX_BLOCK_COMMANDS)
        waiting = [self._waiting.popleft() for _ in range(count)]
        return self._outbox.add([each.record for each in waiting], [each.answer for each in waiting])

    def _append(self, block: Block) -> bytes:
        self._replies.append(block)
        self._appends += 1
        return pack(b"XADD", self._orders, b"*", FIELD, self._outbox.encode(block))

    async def _confirm(self, connection: Any) -> None:
        while True:
            error: ResponseError | None = None
            reply = b""
            try:
                reply = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except ResponseError as refusal:
                error = refusal
            asked = self._replies.popleft()
            if isinstance(asked, Block):
                self._appends -= 1
                if error is None:
                    asked.entry = EntryId.parse(reply)
                elif asked.copies > 1:  # the first copy may be in the log: only there stands what became of it
                    raise RedisConnectionError(f"Redis does not take a block for the second time: {error}")
                else:
                    self._outbox.drop(asked, Overloaded(f"Redis does not take commands: {error}"))
                if self._waiting:
                    self._work.set()
            elif error is not None and not asked.answer.done():
                asked.answer.set_exception(Overloaded(f"Redis does not take questions: {error}"))

    async def _hear(self, connection: Any) -> None:
        while True:
            message = await connection.read_response(timeout=math.inf)
            if message[0] != b"message":
                continue
            header, records = decode_answer(message[2])
            question = self._questions.find(header)
            if question is not None:
                self.catch_up()
                if not question.answer.done():
                    question.answer.set_result((header, records))

    # Watching over what is unanswered

    async def _watch(self) -> None:
        """Runs while commands are unanswered."""
        while self._outbox.oldest is not None or self._waiting:
            await asyncio.sleep(PATROL_SECONDS)
            if not self._connected:
                self._fail_waiting(
                    ConnectionError("Redis is not reachable; the command was not executed"), ANSWER_SECONDS
                )
            oldest = self._outbox.oldest
            if oldest is None or time.monotonic() - oldest.created < LOOKUP_SECONDS:
                continue
            if self._connected:
                try:
                    await self._look_up(oldest)
                except (*UNREACHABLE, ResponseError) as error:
                    logger.warning("the outcome of a block cannot be looked up: %s", error)
            for block in self._outbox.blocks:
                if _expired(block):
                    block.fail(OutcomeUnknown(f"the engine did not answer within {ANSWER_SECONDS:g} s"))

    async def _look_up(self, block: Block) -> None:
        """Resolve a confirmed block from the event log, should the feed be behind. Refusals are left to the feed."""
        if block.entry is None:
            return
        name = str(block.entry)
        rows = cast(list[tuple[bytes, dict[bytes, bytes]]], await self._redis.xrange(self._keys.events, name, name))
        for _, fields in rows:
            header, events = decode_block(fields[FIELD], EVENT)
            if events[0]["kind"] != EventKind.BLOCK_REFUSED:
                self._outbox.take(slots_of(block.entry, header, events))

    def _refuse_under_pressure(self) -> None:
        waiting = self._outbox.commands + len(self._waiting)
        if waiting >= self._backlog.commands:
            raise Overloaded(f"{waiting} commands are not answered yet")
        if pressure := self.pressure:
            raise Overloaded(pressure)

    def _fail_waiting(self, error: Exception, older_than: float = 0.0) -> None:
        before = time.monotonic() - older_than
        while self._waiting and self._waiting[0].since <= before:
            answer = self._waiting.popleft().answer
            if not answer.done():
                answer.set_exception(error)

    def _fail(self, error: Exception) -> None:
        if not self._ready.done():
            self._ready.set_exception(error)
        self._fail_waiting(error)
        for block in self._outbox.blocks:
            self._outbox.drop(block, error)
        self._questions.fail(error)

    async def _guard(self, work: Any) -> None:
        """Run a task; what ends it ends the gateway, and everything that waits gets its error."""
        try:
            await work
        except Exception as error:
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        logger.error("gateway %d stops: %s", self.number, error)
        self.failure = self.failure or error
        self._connected = False
        self._fail(GatewayError(str(error)))


def _expired(block: Block) -> bool:
    return time.monotonic() - block.created > ANSWER_SECONDS
