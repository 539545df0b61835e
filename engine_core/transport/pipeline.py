"""A gateway's connections to Redis: blocks and questions go out in order, confirmations and answers come back.

Two of them: one for appends and questions, pipelined; one that receives answers. What is lost with a connection is
appended again with the next, for the outbox knows what is unanswered. Non-goals: how long somebody waits for an
outcome, and events (async_gateway.py).
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from engine_core.process.tasks import ended
from engine_core.transport.feed import Feed, describe
from engine_core.transport.gateway import OutcomeUnknown, Overloaded
from engine_core.transport.outbox import Answer, Block, Outbox
from engine_core.transport.primary import UNREACHABLE, is_elsewhere, refuse_replica
from engine_core.transport.questions import Question, Questions
from engine_core.transport.replicated import mark_of, run_id_of
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.log import RESTORE_SECONDS, LogBehind
from engine_core.wire.queries import ASK_SCRIPT, Asker, decode_answer
from engine_core.wire.streams import FIELD, EntryId, Keys, pack

MAX_APPENDS = 4  # not yet confirmed by Redis; what comes meanwhile goes into the next, larger block
ANSWER_SECONDS = 5.0
RETRY_SECONDS = 0.1
STILL_SECONDS = 2.0  # a Redis that confirms nothing for so long may have been replaced: look who is primary

logger = logging.getLogger(__name__)


class NotCompared(RedisConnectionError):
    """The Redis is another one, or was started again, and an engine may be about to give back what it has lost."""


class _Waiting(NamedTuple):
    """A command that is not part of a block yet."""

    record: bytes
    answer: Answer
    since: float


class Pipeline:
    """`asker`: who asks, as for Questions. `catch_up`: called before an answer is handed to who asked."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        names: Keys,
        number: int,
        feed: Feed,
        asker: Callable[[], Asker],
        catch_up: Callable[[], None],
    ) -> None:
        self.outbox = Outbox(number, feed.log_id, feed.epoch)
        self.on_block: Callable[[Block], None] = lambda block: None  # a new one, about to go to the log
        self.connected = False
        self.is_replicated = False  # only that counts which replicas have
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # the first connection
        self._redis, self._keys, self._number, self._feed, self._catch_up = client, names, number, feed, catch_up
        self._orders = names.orders.encode()
        self._waiting: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self.questions = Questions(asker, self._work.set)
        self._repeat = False  # append all unanswered blocks again
        self._replies: deque[Block | Question] = deque()  # what Redis has still to confirm, in order
        self._appends = 0  # of these, blocks
        self._heard_at = 0.0  # when Redis confirmed something, or began to owe it
        self._doubt = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Commands that are not part of a block yet."""
        return len(self._waiting)

    @property
    def silent_seconds(self) -> float:
        """For so long Redis has confirmed nothing of what it was sent."""
        return time.monotonic() - self._heard_at if self._replies else 0.0

    def append(self, record: bytes, answer: Answer) -> None:
        self._waiting.append(_Waiting(record, answer, time.monotonic()))
        self._work.set()

    def append_again(self) -> None:
        """All that is unanswered."""
        self._repeat = True
        self._work.set()

    def doubt(self) -> None:
        """Redis has not confirmed for long what it was sent: connect again, to whoever is primary."""
        self._doubt.set()

    def stood_still(self, seconds: float) -> None:
        """This process did, or its whole machine: no answer could come meanwhile, so nothing was waited for."""
        now = time.monotonic()
        self._heard_at = min(self._heard_at + seconds, now)
        self._waiting = deque(each._replace(since=min(each.since + seconds, now)) for each in self._waiting)
        for block in self.outbox.blocks:
            block.created = min(block.created + seconds, now)

    def fail_late(self) -> None:
        """What Redis took nothing of for too long, whether it cannot be reached or stands still."""
        error = ConnectionError("Redis takes no commands at present; the command was not executed")
        self.fail_waiting(error, time.monotonic() - ANSWER_SECONDS)

    def fail_waiting(self, error: Exception, before: float = math.inf) -> None:
        """Of what is not part of a block yet, what came `before` that moment."""
        while self._waiting and self._waiting[0].since <= before:
            answer = self._waiting.popleft().answer
            if not answer.done():
                answer.set_exception(error)

    async def serve(self) -> None:
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
            except NotCompared as error:
                self.connected, behind_since = False, None
                logger.info("waiting: %s", error)
            except UNREACHABLE as error:
                self.connected, behind_since = False, None
                logger.warning("Redis cannot be reached, trying again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _connect_and_run(self) -> None:
        pool: Any = self._redis.connection_pool
        commands, hearing = await pool.get_connection(), await pool.get_connection()
        tasks: list[asyncio.Task[None]] = []
        try:
            await commands.send_command("ROLE")
            refuse_replica(await commands.read_response(), at_start=not self.ready.done())
            self.is_replicated = await self._is_compared(commands)
            await hearing.send_command("SUBSCRIBE", f"{self._keys.answers}{self._number}")
            await hearing.read_response()
            await commands.send_command("SCRIPT", "LOAD", ASK_SCRIPT)
            script = await commands.read_response()
            await self._check_log(commands)
            self._begin_connection()
            if not self.ready.done():
                self.ready.set_result(None)
            self._doubt.clear()
            work = (self._send(commands, script), self._confirm(commands), self._hear(hearing), self._doubted())
            tasks = [asyncio.create_task(each) for each in work]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await ended(*tasks)
            for connection in (commands, hearing):
                await connection.disconnect(nowait=True)
                await pool.release(connection)

    async def _is_compared(self, connection: Any) -> bool:
        """Whether only that counts which replicas have. NotCompared while no engine has looked at this Redis."""
        await connection.send_command("XREVRANGE", self._keys.replicated, "+", "-", "COUNT", "1")
        mark = mark_of(await connection.read_response())
        if mark is not None:
            await self._require_compared(connection, mark.server)
        return mark is not None

    async def _require_compared(self, connection: Any, compared: bytes | None) -> None:
        await connection.send_command("INFO", "server")
        if compared != run_id_of(await connection.read_response()):
            raise NotCompared("the engine has not compared its log yet: is it running?")

    async def _check_log(self, connection: Any) -> None:
        """A Redis that lost what was answered is another log: nothing of ours may go into it.

        It may lose what it had only confirmed. An engine that has executed that gives it back before all else; what is
        not there then was executed by nobody, and is appended again.
        """
        events, orders = [await describe(self._redis, name) for name in (self._keys.events, self._keys.orders)]
        events.check(min(self._feed.position, events.top), self._feed.log_id)
        orders.check(self._feed.position)
        lost = [block for block in self.outbox.blocks if block.entry is not None and not await self._has(block)]
        if lost and not self.is_replicated:
            await connection.send_command("GET", self._keys.compared)
            await self._require_compared(connection, await connection.read_response())
            lost = [block for block in lost if not await self._has(block)]
        for block in lost:
            block.entry = None

    async def _has(self, block: Block) -> bool:
        """Whether the log has this block where Redis had confirmed it."""
        name = str(block.entry)
        rows: Any = await self._redis.xrange(self._keys.orders, name, name)
        return any(self.outbox.is_of(block, fields[FIELD]) for _, fields in rows)

    def _begin_connection(self) -> None:
        self._replies.clear()
        self._heard_at = time.monotonic()
        self._appends = 0
        self.connected = True
        self._repeat = bool(self.outbox.blocks)
        self._work.set()

    def _give_up_late(self) -> None:
        """Before all is appended again: where one that is not known to be in the log is too late, nothing may be.

        Its waiters got "outcome unknown", so it must not be executed from now on; nor can the later ones, in an engine
        that counts. The earlier ones are in the log, and older, so nobody waits for them either: there they stay what
        they are, in the life that ends here. Whether any other had reached the log, the feed will tell nobody.
        """
        unconfirmed = next((block for block in self.outbox.blocks if block.entry is None), None)
        if unconfirmed is None or not expired(unconfirmed):
            return
        for block in self.outbox.blocks:
            self.outbox.drop(block, OutcomeUnknown("not confirmed in time; the command may have been executed"))
        self.outbox.begin_incarnation()

    async def _doubted(self) -> None:
        await self._doubt.wait()
        raise RedisConnectionError("it stands still: another one may be the primary by now")

    async def _send(self, connection: Any, script: bytes) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            if not self._replies:
                self._heard_at = time.monotonic()
            commands: list[bytes] = []
            if self._repeat:
                self._repeat = False
                self._give_up_late()
                for block in self.outbox.blocks:
                    commands.append(self._append(block))
            while self._waiting and self._appends < MAX_APPENDS:
                commands.append(self._append(self._next_block()))
            for question in self.questions.unsent():
                arguments = (script, 2, self._keys.orders, self._keys.queries, question.script)
                commands += connection.pack_command("EVALSHA", *arguments)
                question.script = b""
                self._replies.append(question)
            if commands:
                await connection.send_packed_command(commands, check_health=False)

    def _next_block(self) -> Block:
        count = min(len(self._waiting), MAX_BLOCK_COMMANDS)
        waiting = [self._waiting.popleft() for _ in range(count)]
        block = self.outbox.add([each.record for each in waiting], [each.answer for each in waiting])
        self.on_block(block)
        return block

    def _append(self, block: Block) -> bytes:
        self._replies.append(block)
        self._appends += 1
        return pack(b"XADD", self._orders, b"*", FIELD, self.outbox.encode(block))

    async def _confirm(self, connection: Any) -> None:
        while True:
            error: ResponseError | None = None
            reply = b""
            try:
                reply = await connection.read_response(timeout=math.inf, disconnect_on_error=False)
            except ResponseError as refusal:
                error = refusal
            asked = self._replies.popleft()
            self._heard_at = time.monotonic()
            if isinstance(asked, Block):
                self._confirm_block(asked, reply, error)
            elif error is not None and not asked.answer.done():
                asked.answer.set_exception(Overloaded(f"Redis does not take questions: {error}"))
            if is_elsewhere(error):
                raise RedisConnectionError(f"another Redis may be the primary by now: {error}")

    def _confirm_block(self, block: Block, reply: bytes, error: ResponseError | None) -> None:
        self._appends -= 1
        if error is None:
            block.entry = EntryId.parse(reply)
        elif block.copies > 1:  # the first copy may be in the log: only there stands what became of it
            raise RedisConnectionError(f"Redis does not take a block for the second time: {error}")
        elif not isinstance(error, ReadOnlyError):  # else it is appended again, where the primary is
            self.outbox.drop(block, Overloaded(f"Redis does not take commands: {error}"))
        if self._waiting:
            self._work.set()

    async def _hear(self, connection: Any) -> None:
        while True:
            message = await connection.read_response(timeout=math.inf)
            if message[0] != b"message":
                continue
            header, records = decode_answer(message[2])
            question = self.questions.find(header)
            if question is not None:
                self._catch_up()
                if not question.answer.done():
                    question.answer.set_result((header, records))


def expired(block: Block) -> bool:
    return time.monotonic() - block.created > ANSWER_SECONDS
