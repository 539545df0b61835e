"""The public market data of a venue, kept by a reading process: setup, books, trades, statistics, candles.

    data = await MarketData.bootstrap(gateway.query, gateway.on_events)         # a source for each shard, home first
    data.listeners.append(...)            # called with the Changes of each batch
    data.setup.market_by_symbol["SOL_USDC"]; data.book(1).snapshot(20); data.recent_trades(1, 100)

It asks the engine for the setup and every book once, while events that arrive meanwhile wait. Depth numbers say what an
answer already contains, so an event is never taken twice. A gap in a market's numbers halts that market alone: its
book is asked again, and listeners get the difference as one change that keeps their sequence whole. Several shards feed
one replica: a market trades in one of them, and its numbers go on when it moves. Home is waited for; another one that
does not answer joins when it does, and until then its markets are as halted.

Statistics start empty; backfill.py fills in what happened before, and until it has (`filled`) nobody may be shown what
trades, tickers and candles add up to. Non-goals: private data, and texts of any kind.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from engine_core.process.tasks import background, ended
from engine_core.replica.candles import INTERVAL_INDEX, KEPT, Candle
from engine_core.replica.depth import ADMIN_EVENT_MET, DONE, GAP, Depth
from engine_core.replica.records import FLAT, LEVEL_CHANGE, SPAN, TRADE, flat
from engine_core.replica.setup import HOME, Setup
from engine_core.replica.ticker import Ticker
from engine_core.replica.trades import Trade, Trades
from engine_core.replica.waiting import Waiting
from engine_core.wire.codes import QueryKind, Side
from engine_core.wire.intervals import DAY_MS
from engine_core.wire.layout import ADMIN_EVENT, SLOT
from engine_core.wire.streams import ORIGIN, EntryId

HELD_BYTES = 64 * 2**20  # events that wait for a book; beyond, they are dropped and the book is asked once more
RETRY_SECONDS = 0.5
JOIN_SECONDS = 3.0  # for a shard other than home to answer while this process starts
AT_ONCE_MS = KEPT // 4 * 1_000  # of engine time in one piece, so that listeners see each candle before it is forgotten

Level = tuple[int, int]  # ticks, lots
EventHandler = Callable[[np.ndarray], object]
logger = logging.getLogger(__name__)


class Query(Protocol):
    """AsyncGateway.query."""

    async def __call__(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]: ...


class Source(NamedTuple):
    """One shard: whom to ask, the handlers of its events (AsyncGateway's list), and after which entry these begin."""

    query: Query
    on_events: list[EventHandler]
    position: EntryId = ORIGIN


@dataclass(frozen=True, slots=True)
class Changes:
    """What one batch of events changed, or a book that was read again. The arrays are views that hold only until the
    next batch.
    """

    slots: np.ndarray  # SLOT: the events themselves, for private streams
    levels: np.ndarray  # LEVEL_CHANGE: each changed level once, with its last value
    trades: np.ndarray  # TRADE, in log order
    spans: np.ndarray  # SPAN: the depth numbers covered, one row for each changed market
    setup: bool  # something of the setup changed
    time_ms: int  # engine time of this shard. Where there are slots, all its trades before that have come
    shard: int  # where it happened: shards have times of their own


NOTHING = Changes(np.empty(0, SLOT), np.empty(0, LEVEL_CHANGE), np.empty(0, TRADE), np.empty(0, SPAN), False, 0, HOME)


@dataclass(frozen=True, slots=True)
class Book:
    """One market's levels, as of now."""

    market: int
    _data: "MarketData"

    @property
    def live(self) -> bool:
        """False while the book is being asked again: what it shows may be old, so do not serve it."""
        return bool(self._data.depth.markets[self.market]["live"])

    @property
    def update_id(self) -> int:
        return int(self._data.depth.markets[self.market]["update_id"])

    @property
    def last_price(self) -> int | None:
        return self._data.trades.last_price(self.market)

    def snapshot(self, limit: int | None = None) -> tuple[list[Level], list[Level], int]:
        """(bids, asks, update_id): the best `limit` of each side, both ascending by price."""
        bids, asks = (self._data.depth.side(self.market, side, limit) for side in (Side.BID, Side.ASK))
        return bids, asks, self.update_id

    def walk(self, side: Side, furthest_ticks: int, lots: int, ticks: int | None = None) -> tuple[int, int]:
        """See Depth.walk."""
        return self._data.depth.walk(self.market, side, furthest_ticks, lots, ticks)

    def best(self) -> tuple[Level | None, Level | None]:
        best = self._data.depth.best
        return best(self.market, Side.BID), best(self.market, Side.ASK)


class MarketData:
    def __init__(self, *queries: Query) -> None:
        """One for each shard."""
        self.setup = Setup()
        self.trades = Trades()
        self.depth = Depth()
        self.listeners: list[Callable[[Changes], None]] = []
        self.positions = [ORIGIN] * len(queries)  # of each shard: the last entry of which events were taken
        self.times_ms = [0] * len(queries)  # of each shard: engine time of the latest event
        self.filled = False  # statistics hold what happened before this process began
        self.begins_midway = False  # and still there were entries before those that they are made from
        self.gaps = 0  # times that a market had to be asked again
        self._queries = queries
        self._setup_positions = [ORIGIN] * len(queries)
        self._starting: list[tuple[int, np.ndarray]] | None = []
        self._resyncs: dict[int, asyncio.Task[None]] = {}
        self._joins: list[asyncio.Task[None]] = []
        self._held = Waiting(HELD_BYTES // SLOT.itemsize)
        self._since_history: list[np.ndarray] | None = None  # trades while older ones are read

    @classmethod
    async def bootstrap(cls, query: Query, on_events: list[EventHandler], *others: Source) -> "MarketData":
        """A replica of the present state, fed from `on_events` from here on (AsyncGateway's list of handlers).

        `others`: shards 1, 2, ...
        """
        data = cls(query, *(source.query for source in others))
        on_events.append(data.apply)
        for shard, source in enumerate(others, start=1):
            data.positions[shard] = source.position
            source.on_events.append(partial(data.apply, shard=shard))
        await data._start()
        return data

    @property
    def position(self) -> EntryId:
        """Of home."""
        return self.positions[HOME]

    @property
    def time_ms(self) -> int:
        """Engine time of the latest event of all shards."""
        return max(self.times_ms)

    def time_of(self, market: int) -> int:
        """The same of the shard where it trades."""
        return self.times_ms[self.shard_of(market)]

    def shard_of(self, market: int) -> int:
        return self.setup.shards.get(market, HOME)

    async def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        """About a market, of the shard where it trades."""
        return await self.query_of(self.shard_of(market))(kind, market=market, account=account)

    def query_of(self, shard: int) -> Query:
        return self._queries[shard]

    def apply(self, slots: np.ndarray, shard: int = HOME) -> Changes:
        """Take a batch of SLOT records, in the order of a shard's log; listeners are called before it returns.

        An engine that was away makes up for minutes in one batch: it is taken in pieces, and what the last one changed
        is returned.
        """
        if self._starting is not None:
            self._starting.append((shard, slots.copy()))
            return NOTHING
        if self._resyncs:
            self._held.add(shard, slots)
        changes = NOTHING
        for piece in _pieces(slots):
            changes = self._apply(piece, shard)
        return changes

    async def close(self) -> None:
        await ended(*self._joins, *self._resyncs.values())

    def book(self, market: int) -> Book:
        return Book(market, self)

    def ticker(self, market: int, window_ms: int = DAY_MS) -> Ticker:
        now_ms = max(time.time_ns() // 1_000_000, self.time_ms)
        return self.trades.ticker(market, window_ms, now_ms)

    def recent_trades(self, market: int, limit: int) -> list[Trade]:
        """Newest first."""
        return self.trades.recent(market, limit)

    def candles(self, market: int, interval: str) -> list[Candle]:
        """The last few candles that have trades, newest first; `interval` as in the API (`1m`, `1month`)."""
        return self.trades.candle_rows(market, INTERVAL_INDEX[interval])

    def begin_history(self) -> tuple[list[EntryId], Trades]:
        """(positions, empty statistics): fill them with the trades of each shard up to there, then end_history()."""
        self._since_history = []
        history = Trades()
        history.reserve(len(self.depth.markets) - 1)
        return list(self.positions), history

    def end_history(self, history: Trades) -> None:
        """Put rebuilt statistics in the place of those that began with this process."""
        history.reserve(len(self.depth.markets) - 1)
        for trades in self._since_history or []:
            history.add(trades)
        self.trades = history
        self._since_history = None
        self.filled = True

    def drop_history(self) -> None:
        self._since_history = None

    async def _start(self) -> None:
        await self._take_setup(HOME)
        late = await self._late() if len(self._queries) > 1 else []
        for market in self.setup.markets:
            self._add_market(market, live=False)
        if late:
            self.setup.presume(late[0])
        for market in self.setup.markets:
            if self.setup.shards[market] not in late:
                header, levels = await _first(self.query, QueryKind.BOOK, market)
                self.depth.load(market, levels, int(header["update_id"]))
        waiting, self._starting = self._starting or [], None
        for shard, slots in waiting:
            self.apply(slots, shard)
        self._joins = [background(f"joining of shard {shard}", self._join(shard)) for shard in late]

    async def _take_setup(self, shard: int) -> None:
        header, records = await _first(self._queries[shard], QueryKind.SETUP)
        self.positions[shard] = self._setup_positions[shard] = _entry_of(header)
        self._heard(shard, header)
        self.setup.apply(records, shard)

    def _heard(self, shard: int, header: np.void) -> int:
        """The engine time of an answer of that shard."""
        time_ms = int(header["time_ms"])
        self.times_ms[shard] = max(self.times_ms[shard], time_ms)
        return time_ms

    async def _late(self) -> list[int]:
        """The shards that have not said in time what is set up there; home was waited for however long it took."""
        late = []

        async def ask(shard: int) -> None:
            try:
                await asyncio.wait_for(self._take_setup(shard), JOIN_SECONDS)
            except TimeoutError:
                logger.warning("shard %d does not answer: going on without it, and its markets wait", shard)
                late.append(shard)

        await asyncio.gather(*map(ask, range(HOME + 1, len(self._queries))))
        return sorted(late)

    async def _join(self, shard: int) -> None:
        """Ask a shard that was late until it answers, then for the books of its markets. Its events came all the time:
        only levels were not taken from them."""
        header, records = await _until_answered(self._queries[shard], QueryKind.SETUP, f"shard {shard}")
        self._setup_positions[shard] = _entry_of(header)
        time_ms = self._heard(shard, header)
        self.setup.apply(records, shard)
        for market in self.setup.markets.keys() - range(len(self.depth.markets)):
            self._add_market(market, live=False)
        for market, trades_in in self.setup.shards.items():
            if trades_in == shard and not self.book(market).live:
                self._ask_again(market)
        logger.info("shard %d answers: its markets are read", shard)
        self._tell(replace(NOTHING, setup=True, time_ms=time_ms, shard=shard))

    def _add_market(self, market: int, *, live: bool) -> None:
        self.depth.add_market(market, live=live)
        self.trades.reserve(market)

    def _apply(self, slots: np.ndarray, shard: int, *, replayed: bool = False) -> Changes:
        """Apply a batch and tell listeners. A replayed one was taken before, all but the levels of halted markets."""
        rows = flat(slots)
        self.depth.begin(len(rows))
        first, setup = 0, False
        while (stop := self.depth.apply(rows, first)).reason != DONE:
            first = stop.at
            if stop.reason == ADMIN_EVENT_MET:
                first += 1
                setup |= not replayed and self._apply_admin(rows[stop.at], slots[stop.at], shard)
            else:
                assert stop.reason == GAP, f"an event of market {stop.subject}, which does not exist"
                self._halt(stop.subject, slots, shard)
        batch = self.depth.batch()
        if len(batch.trades):
            self.trades.add(batch.trades)
            if self._since_history is not None:
                self._since_history.append(batch.trades.copy())
        last = rows[-1]
        time_ms = int(last["time_ms"])
        if not replayed:
            self.positions[shard] = EntryId(int(last["entry_ms"]), int(last["entry_seq"]))
            self.times_ms[shard] = max(self.times_ms[shard], time_ms)
        changes = Changes(NOTHING.slots if replayed else slots, *batch, setup, time_ms, shard)
        self._tell(changes)
        return changes

    def _tell(self, changes: Changes) -> None:
        for listener in self.listeners:
            listener(changes)

    def _apply_admin(self, row: np.void, slot: np.void, shard: int) -> bool:
        if EntryId(int(row["entry_ms"]), int(row["entry_seq"])) <= self._setup_positions[shard]:
            return False
        self.setup.apply_events(np.frombuffer(slot.tobytes(), ADMIN_EVENT, 1), shard)
        for market in self.setup.markets.keys() - range(len(self.depth.markets)):
            self._add_market(market, live=True)
        return True

    def _halt(self, market: int, slots: np.ndarray, shard: int) -> None:
        logger.warning("depth sequence of market %d has a gap after %d", market, self.book(market).update_id)
        self.depth.halt(market)
        if market not in self._resyncs:
            self.gaps += 1
            if not self._resyncs:
                self._held.add(shard, slots)
            self._ask_again(market)

    def _ask_again(self, market: int) -> None:
        if market not in self._resyncs:
            self._resyncs[market] = background(f"book of market {market}", self._resynchronise(market))

    async def _resynchronise(self, market: int) -> None:
        header, levels = await _until_answered(self.query, QueryKind.BOOK, f"book of market {market}", market)
        changes = self._reload(market, levels, header)
        del self._resyncs[market]
        held = self._held.all() if self._resyncs else self._held.take()
        self._tell(changes)
        for shard, slots in held:
            self._apply(slots, shard, replayed=True)

    def _reload(self, market: int, levels: np.ndarray, header: np.void) -> Changes:
        """Load a book over the old one; the difference is one change that covers all numbers in between."""
        book, update_id, shard = self.book(market), int(header["update_id"]), self.shard_of(market)
        *before, last_id = book.snapshot()
        self.depth.load(market, levels, update_id)
        *after, _ = book.snapshot()
        rows = []
        for side, old, new in zip((Side.BID, Side.ASK), before, after, strict=True):
            now = dict(new)
            rows += [(market, side, ticks, lots) for ticks, lots in set(new) - set(old)]
            rows += [(market, side, ticks, 0) for ticks, _ in old if ticks not in now]
        spans = np.array([(market, last_id + 1, update_id)][: update_id > last_id], SPAN)
        changed = np.array(rows, LEVEL_CHANGE)
        return replace(NOTHING, levels=changed, spans=spans, time_ms=self._heard(shard, header), shard=shard)


def _pieces(slots: np.ndarray) -> list[np.ndarray]:
    """Of at most AT_ONCE_MS each; nearly always it is one, since engine time never goes back."""
    times = slots["time_ms"]
    if int(times[0]) // AT_ONCE_MS == int(times[-1]) // AT_ONCE_MS:
        return [slots]
    return np.split(slots, np.flatnonzero(np.diff(times // AT_ONCE_MS)) + 1)


def _entry_of(header: np.void) -> EntryId:
    return EntryId(int(header["entry_ms"]), int(header["entry_seq"]))


async def _first(query: Query, kind: QueryKind, market: int = 0) -> tuple[np.void, np.ndarray]:
    """Without these there is nothing to begin with, so a slow engine is waited for."""
    while True:
        try:
            return await query(kind, market=market)
        except TimeoutError as error:
            logger.warning("waiting: %s", error)


async def _until_answered(query: Query, kind: QueryKind, what: str, market: int = 0) -> tuple[np.void, np.ndarray]:
    while True:
        try:
            return await query(kind, market=market)
        except (OSError, TimeoutError, RuntimeError) as error:
            logger.warning("%s is not available, asking again: %s", what, error)
            await asyncio.sleep(RETRY_SECONDS)


assert FLAT.itemsize == SLOT.itemsize
