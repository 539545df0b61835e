"""A venue of several shards as one gateway: each command goes where it belongs, and what several say is one answer.

    an order, a market's state     the shard where the logs say that the market trades; once more if it has just moved
    one with a clientId            first where its market traded until lately: it may be there already, by that name;
                                   refused at once while that shard is known to be away
    of all markets                 every shard: done when all have done it, refused if one refuses
    setup                          home, and once it is applied there every other shard (mirror.py: what one lacks)
    money in, out, to others       home
    a question                     about a market: its shard; about an account: every shard, and the answers together;
                                   a shard that is known to be away refuses it at once (presence.py)

Whose order is refused for want of funds, and who has asked for it, gets them from other shards (funding.py). A
venue with one shard has none of this: its gateway is that shard's own, and so is everything on the way of an order.

Non-goals: moving money (mover.py), leases, of which each shard has its own (order_entry/leases.py), and what the
commands mean.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Unpack

import numpy as np

from engine_core.replica.setup import HOME, Setup
from engine_core.transport.backlog import Logs
from engine_core.transport.gateway import OutcomeUnknown, Overloaded
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, QueryKind, Reason
from engine_core.wire.events import pick
from engine_core.wire.layout import ADMIN, COMMAND, EVENT, join
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.queries import About
from engine_core.wire.query_records import BALANCE
from ingress.engine import FAILURES, Engine, Gateway
from ingress.shards.presence import Present

logger = logging.getLogger(__name__)

Answered = tuple[np.void, np.ndarray]

FORMER_SECONDS: Final = 3_600.0  # since a market has moved, a repeat may be of an order that its former shard made
ANSWER_SECONDS: Final = 1.0  # for a shard, where the others can be told without it
FOLLOW_SECONDS: Final = 1.0  # a market that moves is looked for so long,
LOOK_SECONDS: Final = 0.02  # and so often
MIRROR_SECONDS: Final = 1.0  # that the answer to an administrative command waits for the other shards

_FIRST_ADMIN: Final = CommandKind.GENESIS.value
_MONEY: Final = frozenset((CommandKind.DEPOSIT.value, CommandKind.WITHDRAW.value, CommandKind.TRANSFER.value))
_MARKET_STATE: Final = CommandKind.MARKET_STATE.value
_REFUSALS: Final = (EventKind.REJECTED.value, EventKind.REFUSED.value, EventKind.BLOCK_REFUSED.value)
_APPLIED: Final = EventKind.APPLIED.value
_KIND_AT, _REASON_AT = 0, 7  # bytes of an EVENT
_PLACE, _HAS_CLIENT_ID, _FLAGS_AT = CommandKind.PLACE.value, OrderFlag.HAS_CLIENT_ID.value, 5

assert COMMAND.fields is not None and ADMIN.fields is not None and EVENT.fields is not None
assert COMMAND.fields["flags"][1] == _FLAGS_AT
_OF_ORDER, _OF_ADMIN = COMMAND.fields["market"][1], ADMIN.fields["market"][1]
assert EVENT.fields["kind"][1] == _KIND_AT and EVENT.fields["reason"][1] == _REASON_AT


def refused_for(events: np.ndarray) -> Reason | None:
    """Why a command was not executed, by its last event; None if it was."""
    last = events[-1:].tobytes()
    return Reason(last[_REASON_AT]) if last[_KIND_AT] in _REFUSALS else None


class Shards:
    """The gateways of all shards, as one of them (ingress.engine.Gateway)."""

    def __init__(self, gateways: Sequence[Gateway], setup: Setup) -> None:
        self.gateways = gateways
        self.present = [Present(gateway, shard) for shard, gateway in enumerate(gateways)]
        self.engines = [Engine(gateway) for gateway in self.present]
        self.on_poor: Callable[[Routed, np.ndarray], bool] = lambda order, events: False  # whether it sees to the rest
        self.on_lack: Callable[[int], object] = lambda shard: None  # a shard did not take a part of the setup
        self._setup = setup
        self._moved_at: dict[tuple[int, int], float] = {}  # when a market was first seen to have left a shard

    @property
    def failure(self) -> Exception | None:
        return next((gateway.failure for gateway in self.gateways if gateway.failure is not None), None)

    @property
    def pressure(self) -> str:
        """Of the first shard that has any; a shard refuses orders by its own alone."""
        reasons = (f"shard {shard}: {gateway.pressure}" for shard, gateway in self._all() if gateway.pressure)
        return next(reasons, "")

    @property
    def healthy(self) -> bool:
        """Of home, without which nobody can be told what exists; whatever another one waits for, the rest trades."""
        return self.gateways[HOME].healthy

    @property
    def logs(self) -> Logs | None:
        """Of home."""
        return self.gateways[HOME].logs

    def of(self, market: int) -> int:
        """The shard where a market trades; of one that does not exist, home, which says so."""
        return self._setup.shards.get(market, HOME)

    def is_away(self, shard: int) -> bool:
        return self.present[shard].is_away

    def symbols(self) -> list[list[str]]:
        """Of the markets of each shard."""
        found: list[list[str]] = [[] for _ in self.gateways]
        for number, market in self._setup.markets.items():
            found[self.of(number)].append(market.symbol)
        return found

    def lately(self, market: int) -> list[int]:
        """The shards that it has left lately, as far as this process knows."""
        former = self._setup.former.get(market)
        if not former:
            return []
        now = asyncio.get_running_loop().time()
        return [each for each in former if now - self._moved_at.setdefault((market, each), now) < FORMER_SECONDS]

    def catch_up(self) -> None:
        for gateway in self.gateways:
            gateway.catch_up()

    def append(self, record: bytes, answer: Answer) -> None:
        kind = record[0]
        if kind >= _FIRST_ADMIN:
            self._append_admin(kind, record, answer)
            return
        market = int.from_bytes(record[_OF_ORDER : _OF_ORDER + 4], "little")
        if market == ALL_MARKETS:
            self._append_to_all(record, answer)
        else:
            Routed(self, record, market, answer).send()

    def _append_admin(self, kind: int, record: bytes, answer: Answer) -> None:
        if kind in _MONEY:
            self.gateways[HOME].append(record, answer)
        elif kind == _MARKET_STATE:
            Routed(self, record, int.from_bytes(record[_OF_ADMIN : _OF_ADMIN + 4], "little"), answer).send()
        else:
            self.gateways[HOME].append(record, _Mirrored(self, record, answer))

    def _append_to_all(self, record: bytes, answer: Answer) -> None:
        together = _Together(answer, len(self.gateways))
        for gateway in self.gateways:
            try:
                gateway.append(record, _Part(together))
            except FAILURES as error:
                together.put_error(error)

    async def query(self, kind: QueryKind, **about: Unpack[About]) -> Answered:
        """(ANSWER_HEADER, records); the header of home where several shards have answered."""
        market = about.get("market", 0)
        if kind is QueryKind.BALANCES:
            header, parts = await self._ask_all(kind, about)
            return header, summed(parts)
        if kind is QueryKind.ORDERS and market == ALL_MARKETS:
            header, parts = await self._ask_all(kind, about)
            return header, _by_age(parts)
        return await self.present[self.of(market)].query(kind, **about)

    async def of_each(self, kind: QueryKind, account: int) -> list[np.ndarray]:
        """The records of an account as each shard has them; ApiError if one does not answer."""
        return await asyncio.gather(*(engine.query(kind, account=account) for engine in self.engines))

    async def reachable(self, kind: QueryKind, account: int, seconds: float | None = None) -> list[np.ndarray | None]:
        """The same of those that answer in time; None of the others."""
        tasks = [asyncio.ensure_future(engine.query(kind, account=account)) for engine in self.engines]
        await asyncio.wait(tasks, timeout=ANSWER_SECONDS if seconds is None else seconds)
        for task in tasks:
            task.cancel()  # no effect on what is done
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        return [None if isinstance(answer, BaseException) else answer for answer in answers]

    async def _ask_all(self, kind: QueryKind, about: About) -> tuple[np.void, list[np.ndarray]]:
        answers = await asyncio.gather(*(gateway.query(kind, **about) for gateway in self.present))
        return answers[HOME][0], [records for _, records in answers]

    def _all(self) -> Iterable[tuple[int, Gateway]]:
        return enumerate(self.gateways)


class Routed:
    """A command about a market on its way to the shard that trades it. `inner`: who waits for its events. `is_funded`:
    whether funds are fetched for it."""

    __slots__ = ("_former", "_is_funded", "_market", "_shards", "_since", "inner", "record")

    def __init__(self, shards: Shards, record: bytes, market: int, inner: Answer, is_funded: bool = True) -> None:
        self.record, self.inner, self._is_funded = record, inner, is_funded
        self._shards, self._market = shards, market
        self._since = 0.0  # when the market was first found to be elsewhere
        named = record[0] == _PLACE and record[_FLAGS_AT] & _HAS_CLIENT_ID
        self._former = shards.lately(market) if named else []  # where it has still to be asked for

    @property
    def shard(self) -> int:
        """Where it belongs now."""
        return self._shards.of(self._market)

    def send(self) -> None:
        if not self._former:
            self._shards.gateways[self.shard].append(self.record, self)
        elif self._shards.is_away(self._former[-1]):
            raise self._of_former(ConnectionError("it does not answer at present"))
        else:
            try:
                self._shards.gateways[self._former[-1]].append(self.record, self)
            except FAILURES as error:
                raise self._of_former(error) from None

    def done(self) -> bool:
        return self.inner.done()

    def set_result(self, events: np.ndarray, /) -> None:
        reason = refused_for(events)
        if self._former and reason not in (None, Reason.DUPLICATE_CLIENT_ID):
            self._former.pop()  # it is not known there
            asyncio.get_running_loop().call_soon(self._follow)
        elif reason is Reason.MARKET_ELSEWHERE and self._may_follow():
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._follow)
        elif not (self._is_funded and reason is Reason.INSUFFICIENT_FUNDS and self._shards.on_poor(self, events)):
            give(self.inner, events)

    def set_exception(self, error: Exception, /) -> None:
        give(self.inner, self._of_former(error))

    def _of_former(self, error: Exception) -> Exception:
        """A refusal, with the shard that is waited for: the order's own one may be well. Whether the order is a repeat,
        nobody else knows, however old the name is; so it is not placed past that shard."""
        if not self._former or not isinstance(error, Overloaded | ConnectionError):
            return error  # what is unknown is so of any shard
        where = f"shard {self._former[-1]}, where this market traded before and which may know the clientId"
        kind = Overloaded if isinstance(error, Overloaded) else ConnectionError
        return kind(f"{where}: {error}; the order was not placed")

    def _may_follow(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._since = self._since or now
        return now - self._since < FOLLOW_SECONDS

    def _follow(self) -> None:
        """Send it on: what the logs say by now is in the setup. No gateway knows of it here, so nobody else would tell
        that it failed, whatever did."""
        try:
            self._shards.catch_up()
            self.send()
        except Exception as error:
            give(self.inner, error)


class _Together:
    """One command in every shard. The answer has all of its events, those of a shard that refused it last."""

    def __init__(self, inner: Answer, parts: int) -> None:
        self.inner = inner
        self._left = parts
        self._events: list[np.ndarray] = []
        self._error: Exception | None = None

    def put(self, events: np.ndarray) -> None:
        self._events.append(events)
        self._count()

    def put_error(self, error: Exception) -> None:
        self._error = self._error or error
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left or self.inner.done():
            return
        if self._error is not None:
            self.inner.set_exception(self._error)
        else:
            self.inner.set_result(join(sorted(self._events, key=lambda events: refused_for(events) is not None)))


class _Part:
    def __init__(self, together: _Together) -> None:
        self._together = together

    @property
    def inner(self) -> Answer:
        return self._together.inner

    def done(self) -> bool:
        return False  # that of every shard is wanted

    def set_result(self, events: np.ndarray, /) -> None:
        self._together.put(events)

    def set_exception(self, error: Exception, /) -> None:
        self._together.put_error(error)


class _Mirrored:
    """A command of the setup on its way to home, and from there to the other shards; its answer is home's."""

    def __init__(self, shards: Shards, record: bytes, inner: Answer) -> None:
        self.inner = inner
        self._shards, self._record = shards, record
        self._left = len(shards.gateways) - 1
        self._events: np.ndarray | None = None  # of home, until it is answered

    def done(self) -> bool:
        return False  # whoever waits: what home has, all get

    def set_result(self, events: np.ndarray, /) -> None:
        self._events = events
        if refused_for(events) is not None:
            self._answer()
            return
        asyncio.get_running_loop().call_later(MIRROR_SECONDS, self._answer)
        for shard, gateway in enumerate(self._shards.gateways):
            if shard != HOME:
                try:
                    gateway.append(self._record, _Copy(self, shard))
                except FAILURES:
                    self.copied(shard, False)

    def set_exception(self, error: Exception, /) -> None:
        if not self.inner.done():
            self.inner.set_exception(error)

    def copied(self, shard: int, is_there: bool) -> None:
        if not is_there:
            self._shards.on_lack(shard)
        self._left -= 1
        if not self._left:
            self._answer()

    def _answer(self) -> None:
        events, self._events = self._events, None
        if events is not None and not self.inner.done():
            self.inner.set_result(events)


class _Copy:
    """Of a command of the setup, in another shard than home."""

    def __init__(self, mirrored: _Mirrored, shard: int) -> None:
        self._mirrored, self._shard = mirrored, shard

    def done(self) -> bool:
        return False

    def set_result(self, events: np.ndarray, /) -> None:
        self._mirrored.copied(self._shard, refused_for(events) in (None, Reason.ALREADY_EXISTS))

    def set_exception(self, error: Exception, /) -> None:
        self._mirrored.copied(self._shard, False)


def give(answer: Answer, outcome: np.ndarray | Exception) -> None:
    """What became of a command, to who has waited for it in the meantime, or has gone. An error that no gateway tells
    is one of this process, and says nothing of the command."""
    if answer.done():
        return
    if not isinstance(outcome, Exception):
        answer.set_result(outcome)
    elif isinstance(outcome, FAILURES):
        answer.set_exception(outcome)
    else:
        logger.error("the outcome of a command is not told", exc_info=outcome)
        answer.set_exception(OutcomeUnknown("an internal error"))


def inner_of(answer: Answer) -> Answer:
    """Who waits in the end."""
    return getattr(answer, "inner", answer)


def summed(parts: Sequence[np.ndarray]) -> np.ndarray:
    """BALANCE records of several shards, by asset."""
    total: dict[int, tuple[int, int]] = {}
    for part in parts:
        for asset, available, locked in part[["asset", "available", "locked"]].tolist():
            before = total.get(asset, (0, 0))
            total[asset] = before[0] + available, before[1] + locked
    records = np.zeros(len(total), BALANCE)
    for record, asset in zip(records, sorted(total), strict=True):
        record["asset"], (record["available"], record["locked"]) = asset, total[asset]
    return records


def _by_age(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Orders of several shards, oldest first, as one shard tells them."""
    orders = join(parts)
    return pick(orders, orders["created_ms"].argsort(kind="stable"))
