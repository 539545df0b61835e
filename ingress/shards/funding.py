"""Funds for an order that was refused for want of them, where the account has asked for that (`autoTransfer`).

An order goes to its shard first, whatever the account holds there, so one that can be paid there costs nothing more. If
it is refused, what it lacks is moved from the other shards, from the one that has most first, and it is sent again. If
they do not have enough, nothing is moved, and it is refused as it was. Orders of one account wait for each other here,
or one would take what was moved for the other; those of another process may, and then this one is tried again for a
while. What is in flight, or in a shard that does not answer, is no reason to say that there is not enough.

Non-goals: how money moves (mover.py), and amendments.
"""

import asyncio
import logging
from collections import Counter
from enum import Enum
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

import numpy as np

from engine_core.replica.market_data import MarketData
from engine_core.transport.gateway import Overloaded
from engine_core.wire.codes import AccountOption, CommandKind, QueryKind, Reason, Side
from ingress.engine import CommandRefused
from ingress.errors import ApiError
from ingress.operations.reservation import locked_by
from ingress.requests.command_record import Command
from ingress.shards.holding import holding, in_flight
from ingress.shards.mover import Mover
from ingress.shards.router import Routed, Shards, give, refused_for

ATTEMPTS: Final = 3  # of an order that has all it seems to need: the book that it meets is another one
PATIENCE_SECONDS: Final = 2.0  # for money that is on its way, or taken by another order and free again
LOOK_SECONDS: Final = 0.02
AWAY: Final = "what this order needs is on its way between shards, or in one that does not answer; it was not placed"
MOST_WAITING: Final = 2_000  # orders of all accounts
MOST_OF_ONE: Final = 100  # so that no account takes the place of all others
FULL: Final = "too many orders wait for funds from other shards; it was not placed"
_PLACE, _REPLACE = CommandKind.PLACE.value, CommandKind.REPLACE.value
_AUTO: Final = AccountOption.AUTO_TRANSFER
logger = logging.getLogger(__name__)


class _Found(Enum):
    """Of what an order lacks."""

    THERE = 1  # nothing: the shard has it
    BROUGHT = 2
    LATER = 3  # not now, perhaps soon
    TOO_LITTLE = 4


class Funding:
    def __init__(self, shards: Shards, data: MarketData, mover: Mover) -> None:
        self._shards, self._data, self._mover = shards, data, mover
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: Counter[int] = Counter()  # orders, by account

    def take(self, order: Routed, events: np.ndarray) -> bool:
        """Whether this sees to an order that was refused for want of funds, and to its answer."""
        if order.record[0] not in (_PLACE, _REPLACE):
            return False
        command = Command.unpack(order.record)
        if not self._data.setup.options.get(command.account, 0) & _AUTO:
            return False
        if len(self._tasks) >= MOST_WAITING or self._waiting[command.account] >= MOST_OF_ONE:
            give(order.inner, Overloaded(FULL))
            return True
        self._waiting[command.account] += 1
        task = asyncio.get_running_loop().create_task(self._fund(order, command, events))
        self._tasks.add(task)
        task.add_done_callback(partial(self._leave, command.account))
        return True

    def _leave(self, account: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._waiting[account] -= 1
        if not self._waiting[account]:
            del self._waiting[account]

    async def _fund(self, order: Routed, command: Command, events: np.ndarray) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS  # its turn is waited for in that time, too
        lock = self._locks.setdefault(command.account, asyncio.Lock())
        outcome: np.ndarray | Exception
        try:
            async with lock:
                outcome = await self._paid(order, command, events, deadline)
        except Exception as error:  # no gateway knows of the order here: nobody else would tell that it failed
            outcome = error
        give(order.inner, outcome)

    async def _paid(self, order: Routed, command: Command, events: np.ndarray, deadline: float) -> np.ndarray:
        """Its events in the end; Overloaded if the money is there, and does not come in time."""
        loop, in_vain = asyncio.get_running_loop(), 0
        if loop.time() > deadline:
            raise Overloaded(AWAY)
        while in_vain < ATTEMPTS:
            found = await self._bring(command, order.shard)
            if found is _Found.TOO_LITTLE:
                break
            if found is _Found.LATER:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                events = await self._placed(order, command.market)
                if refused_for(events) is not Reason.INSUFFICIENT_FUNDS:
                    break
                in_vain += found is _Found.THERE
            if loop.time() > deadline:
                raise Overloaded(AWAY)
        return events

    async def _placed(self, order: Routed, market: int) -> np.ndarray:
        """Its events, sent once more, behind its market if that moves."""
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        Routed(self._shards, order.record, market, answer, is_funded=False).send()
        return await answer

    async def _bring(self, command: Command, shard: int) -> _Found:
        market, book = self._data.setup.markets[command.market], self._data.book(command.market)
        if not book.live:
            return _Found.LATER
        asset = (market.quote if command.side == Side.BID else market.base).number
        parts = await self._shards.reachable(QueryKind.BALANCES, command.account)
        if parts[shard] is None:
            return _Found.LATER
        held = [0 if part is None else int(part["available"][part["asset"] == asset].sum()) for part in parts]
        need = locked_by(command, market, book)
        lack = need - held[shard]
        if lack <= 0:
            return _Found.THERE
        there = sum(held) - held[shard]
        if lack > there and (command.kind == _PLACE or not there):  # what a REPLACE frees is not reckoned
            return await self._elsewhere(command.account, asset, need)
        try:
            await self._mover.bring(command.account, asset, lack, shard, held)
        except CommandRefused as error:  # another order was faster, unless the account may move nothing
            return _Found.LATER if error.reason is Reason.INSUFFICIENT_FUNDS else _Found.TOO_LITTLE
        except ApiError as error:
            logger.warning("an order of account %d waits for its funds: %s", command.account, error)
            return _Found.LATER
        return _Found.BROUGHT

    async def _elsewhere(self, account: int, asset: int, atoms: int) -> _Found:
        """Whether an account may have so many: what arrived while shards were asked, or is on its way, or with one that
        does not answer."""
        try:
            found = await holding(self._shards, account)
        except ApiError:
            return _Found.LATER
        there = sum(int(part["available"][part["asset"] == asset].sum()) for part in found.balances)
        is_enough = atoms <= there + in_flight(found.links)[asset]
        return _Found.LATER if is_enough or not found.is_one_moment else _Found.TOO_LITTLE
