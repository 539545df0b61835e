"""The way of a move: out of one shard, into another, done once whatever dies between.

    ask both sides' LINKs ─▶ one that is half done? finish it ─▶ MOVE_OUT n + 1 ─ applied ─▶ MOVE_IN n + 1
            ▲                                                        │
            └──────────────────── BAD_SEQUENCE: another came first ──┘

Of an account at most one move is on its way from A to B, and B takes each sequence once. So whoever finds one half done
may finish it, at the same time as others: every ingress process does, with what stays so for SECONDS, for each shard
that answers. It learns of them from the logs of all shards, and asks for all of them when it starts.

Non-goals: which money should be where (funding.py, operations/moves.py), and what became of it (history).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from engine_core.edge.references import new_reference
from engine_core.edge.refusals import Code
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.query_records import LINK
from ingress.engine import FAILURES, RETRY_LATER, UNKNOWN_OUTCOME, CommandRefused, Engine
from ingress.errors import ApiError
from ingress.requests.admin_record import Admin, numbers

SECONDS: Final = 2.0  # that a move may be half done, until somebody else finishes it
LOOK_SECONDS: Final = 0.25
ATTEMPTS: Final = 20  # of a move that others come before
AHEAD: Final = (
    "Funds cannot leave this shard for that one: the other one knows of later transfers, since entries of a log were "
    "lost. `exchange verify` lists it"
)
logger = logging.getLogger(__name__)


class Path(NamedTuple):
    """From where to where whose money moves."""

    account: int
    source: int
    target: int


class Half(NamedTuple):
    """A move that has left its source."""

    sequence: int
    asset: int
    atoms: int
    reference: int


_NONE: Final = Half(0, 0, 0, 0)


class Link(NamedTuple):
    """What both sides know of a path."""

    last: Half  # _NONE: there never was one
    arrived: int  # the last sequence that the target has taken

    @property
    def is_open(self) -> bool:
        return self.last.sequence > self.arrived


class Mover:
    """`complete`: appends what a shard lacks of the setup (mirror.py). `is_away`: whether it does not answer, and is
    sent nothing to finish until it does (presence.py)."""

    def __init__(
        self,
        engines: Sequence[Engine],
        complete: Callable[[int], Awaitable[None]],
        is_away: Callable[[int], bool] = lambda shard: False,
    ) -> None:
        self._engines = engines
        self._complete, self._is_away = complete, is_away
        self._open: dict[Path, tuple[Half, float]] = {}  # and since when it is known

    async def move(
        self,
        path: Path,
        asset: int,
        atoms: int,
        reference: int,
        is_done: Callable[[], Awaitable[bool]] | None = None,
    ) -> int:
        """Move it, or CommandRefused; its sequence. A repeat of the last one on this path, with its reference, moves
        nothing and has that one's.

        `is_done`: whether it was done earlier than that; 0 is the sequence then. What is executed after it was asked
        takes the sequence.
        """
        for _ in range(ATTEMPTS):
            link = await self.link(path)
            if link.is_open:
                await self.finish(path, link.last)
            if is_done is not None and await is_done():
                return 0
            if link.arrived > link.last.sequence:  # it would be taken for an old one there, and be gone
                raise ApiError(Code.MAINTENANCE, AHEAD)
            half = Half(link.last.sequence + 1, asset, atoms, reference)
            try:
                await self._engines[path.source].apply(_command(CommandKind.MOVE_OUT, path, half))
            except CommandRefused as error:
                if error.reason is Reason.BAD_SEQUENCE:
                    continue
                if error.reason is not Reason.REPEATED:
                    raise
                half = (await self.link(path)).last
                if half.reference != reference:  # others have come behind it: which sequence it had, the history knows
                    if is_done is not None and await is_done():
                        return 0
                    raise ApiError(Code.TIMEOUT, UNKNOWN_OUTCOME) from None
            await self.finish(path, half)
            return half.sequence
        raise ApiError(Code.MAINTENANCE, "Too many transfers of this account at once: try again", RETRY_LATER)

    async def bring(self, account: int, asset: int, atoms: int, shard: int, held: Sequence[int]) -> None:
        """Move so many to a shard, from the others that hold so much each: from the one that has most first."""
        for other in sorted((each for each in range(len(held)) if each != shard), key=lambda each: -held[each]):
            if (moved := min(atoms, held[other])) > 0:
                await self.move(Path(account, other, shard), asset, moved, new_reference())
                atoms -= moved

    async def finish(self, path: Path, half: Half) -> None:
        """Let it arrive, if it has not yet."""
        command = _command(CommandKind.MOVE_IN, path, half)
        try:
            await self._engines[path.target].apply(command)
        except CommandRefused as error:
            if error.reason in (Reason.UNKNOWN_ACCOUNT, Reason.UNKNOWN_ASSET):
                await self._complete(path.target)
                await self._engines[path.target].apply(command)
            elif error.reason is not Reason.REPEATED:
                raise

    async def link(self, path: Path) -> Link:
        """As of now. The target is asked first: what it has by then, the source has sent."""
        arrived = (await self._links(path.target, path.account)).get(path.source)
        sent = (await self._links(path.source, path.account)).get(path.target)
        last = _NONE if sent is None else _half_of(sent)
        return Link(last, 0 if arrived is None else int(arrived["in_sequence"]))

    async def _links(self, shard: int, account: int) -> dict[int, np.void]:
        """By the other shard."""
        records = await self._engines[shard].query(QueryKind.LINKS, account=account)
        return {int(record["shard"]): record for record in records}

    # What others have left half done

    def observe(self, slots: np.ndarray, shard: int) -> None:
        """A batch of a shard's feed."""
        kinds = slots["event"]["kind"]
        places = np.flatnonzero(kinds == EventKind.APPLIED)
        if not len(places):
            return
        commands = slots["event"].view(ADMIN_EVENT)["command"]
        for place in places:
            command = commands[place]
            if command["kind"] == CommandKind.MOVE_OUT:
                path = Path(int(command["account"]), shard, int(command["code"]))
                self._left(path, _half_of_command(command))
            elif command["kind"] == CommandKind.MOVE_IN:
                self._arrived(Path(int(command["account"]), int(command["code"]), shard), int(command["sequence"]))

    def _left(self, path: Path, half: Half) -> None:
        known = self._open.get(path)
        if known is None or known[0].sequence < half.sequence:
            self._open[path] = half, time.monotonic()

    def _arrived(self, path: Path, sequence: int) -> None:
        known = self._open.get(path)
        if known is not None and known[0].sequence <= sequence:
            del self._open[path]

    async def keep_finishing(self) -> None:
        """For as long as the process lives. Shards do not wait for each other: one may say nothing for long."""
        found: dict[int, np.ndarray] = {}
        async with asyncio.TaskGroup() as tasks:
            for shard in range(len(self._engines)):
                tasks.create_task(self._find(shard, found))
                tasks.create_task(self._keep_finishing_to(shard))

    async def _keep_finishing_to(self, target: int) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            before = time.monotonic() - SECONDS
            for path, (half, since) in list(self._open.items()):
                if self._is_away(target):  # also noticed between two; what was sent would be executed all the same
                    break
                if path.target == target and since < before:
                    await self._finish_left(path, half)

    async def _find(self, shard: int, found: dict[int, np.ndarray]) -> None:
        """What is half done when this process begins, between this shard and those that have been asked before.

        What such an answer is too old for is finished once more, which does nothing.
        """
        while True:
            try:
                found[shard] = await self._engines[shard].query(QueryKind.LINKS)
                break
            except ApiError as error:
                logger.warning("transfers of shard %d that are not finished are asked for again: %s", shard, error)
                await asyncio.sleep(SECONDS)
        for other in found:
            if other != shard:
                self._compare(found, shard, other)
                self._compare(found, other, shard)

    def _compare(self, found: dict[int, np.ndarray], source: int, target: int) -> None:
        there, sent = found[target], found[source]
        there, sent = there[there["shard"] == source], sent[sent["shard"] == target]
        arrived: dict[int, int] = dict(there[["account", "in_sequence"]].tolist())
        for place, (account, sequence) in enumerate(sent[["account", "out_sequence"]].tolist()):
            if sequence > arrived.get(account, 0):
                self._left(Path(account, source, target), _half_of(sent[place]))

    async def _finish_left(self, path: Path, half: Half) -> None:
        try:
            await self.finish(path, half)
            self._arrived(path, half.sequence)
            logger.info("transfer %d of account %d from shard %d to %d was finished", half.sequence, *path)
        except (ApiError, *FAILURES) as error:
            self._open[path] = half, time.monotonic()  # not again at once
            logger.warning("transfer %d of account %d is not finished yet: %s", half.sequence, path.account, error)


def _command(kind: CommandKind, path: Path, half: Half) -> Admin:
    other = path.target if kind is CommandKind.MOVE_OUT else path.source
    payload = numbers(half.atoms, half.sequence, half.reference)
    return Admin(kind, code=other, account=path.account, asset=half.asset, payload=payload)


def _half_of(link: np.void) -> Half:
    return Half(*(int(link[f"out_{name}"]) for name in Half._fields))


def _half_of_command(command: np.void) -> Half:
    names = ("sequence", "asset", "amount_atoms", "move_reference")
    return Half(*(int(command[name]) for name in names))


assert LINK.names is not None and {f"out_{name}" for name in Half._fields} <= set(LINK.names)
