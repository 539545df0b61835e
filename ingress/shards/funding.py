"""Funds for an order that was refused for want of them, where the account has asked for that (`autoTransfer`).

An order goes to its shard first, whatever the account holds there, so one that can be paid there costs nothing more. If
it is refused, what it lacks is moved from the other shards, from the one that has most first, and it is sent again. If
they do not have enough, nothing is moved, and it is refused as it was. Orders of one account wait for each other here,
or one would take what was moved for the other.

Non-goals: how money moves (mover.py), and amendments.
"""

import asyncio
import logging
from typing import Final
from weakref import WeakValueDictionary

import numpy as np

from engine_core.replica.market_data import MarketData
from engine_core.wire.codes import AccountOption, CommandKind, QueryKind, Reason, Side
from ingress.engine import FAILURES
from ingress.errors import ApiError
from ingress.operations.reservation import locked_by
from ingress.requests.command_record import Command
from ingress.shards.mover import Mover
from ingress.shards.router import Routed, Shards, refused_for

ATTEMPTS: Final = 3  # of a market order, whose price moves meanwhile
MOST_WAITING: Final = 2_000  # orders of all accounts; beyond, they are refused as they were
_PLACE, _REPLACE = CommandKind.PLACE.value, CommandKind.REPLACE.value
_AUTO: Final = AccountOption.AUTO_TRANSFER
logger = logging.getLogger(__name__)


class Funding:
    def __init__(self, shards: Shards, data: MarketData, mover: Mover) -> None:
        self._shards, self._data, self._mover = shards, data, mover
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, order: Routed, events: np.ndarray) -> bool:
        """Whether this sees to an order that was refused for want of funds, and to its answer."""
        if order.record[0] not in (_PLACE, _REPLACE) or len(self._tasks) >= MOST_WAITING:
            return False
        command = Command.unpack(order.record)
        if not self._data.setup.options.get(command.account, 0) & _AUTO:
            return False
        task = asyncio.get_running_loop().create_task(self._fund(order, command, events))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _fund(self, order: Routed, command: Command, events: np.ndarray) -> None:
        lock = self._locks.setdefault(command.account, asyncio.Lock())
        try:
            async with lock:
                for _ in range(ATTEMPTS):
                    if not await self._bring(command, order.shard):
                        break
                    events = await self._placed(order)
                    if refused_for(events) is not Reason.INSUFFICIENT_FUNDS:
                        break
        except FAILURES as error:
            order.inner.set_exception(error)
        else:
            order.inner.set_result(events)

    async def _placed(self, order: Routed) -> np.ndarray:
        """Its events, sent once more."""
        answer: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        self._shards.gateways[order.shard].append(order.record, answer)
        return await answer

    async def _bring(self, command: Command, shard: int) -> bool:
        """Whether it is worth to send the order again: it has now, or had all the time, what it needs."""
        try:
            return await self._move_lacking(command, shard)
        except ApiError as error:  # then the order is refused as it was
            logger.warning("an order of account %d gets no funds: %s", command.account, error)
            return False

    async def _move_lacking(self, command: Command, shard: int) -> bool:
        market, book = self._data.setup.markets[command.market], self._data.book(command.market)
        if not book.live:
            return False
        asset = (market.quote if command.side == Side.BID else market.base).number
        parts = await self._shards.of_each(QueryKind.BALANCES, command.account)
        held = [int(part["available"][part["asset"] == asset].sum()) for part in parts]
        lack = locked_by(command, market, book) - held[shard]
        there = sum(held) - held[shard]
        if lack > there and (command.kind == _PLACE or not there):  # what a REPLACE frees is not reckoned
            return False
        await self._mover.bring(command.account, asset, lack, shard, held)
        return True
