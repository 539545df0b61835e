"""Depth streams of the real engine and egress under fast flow: a client's book is the engine's at every `u`.

The truth is made apart from every replica: each block of orders goes straight into the log, and its answer, the
engine's own events, says which level shows which quantity from which number on.
"""

import asyncio
import itertools
import json
import os
import threading
import zlib
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, QueryKind, Side
from engine_core.wire.layout import COMMAND
from engine_core.wire.units import format_decimal, parse_decimal
from tests.browser.flow import Flow
from tests.exchange import Exchange

MARKET, NUMBER, MIDDLE_TICKS, ACCOUNTS = "XRP_USDC", 4, 6_000, (2, 3)
PRICE_DECIMALS, QUANTITY_DECIMALS = 4, 1
CHANGES = 100_000
SINGLE_BLOCKS = int(os.environ.get("DEPTH_SINGLE_BLOCKS", "50"))  # sent order by order, so that little is merged
COMPARE_EVERY = 200  # blocks: so often the truth itself is held against what the engine says of its book
STREAMS = [f"depth.{MARKET}", f"depth@{MARKET}", *(f"depth.{window}ms.{MARKET}" for window in (200, 600, 1000))]
TOP = 10
APART = 3  # of the counts of two windows, at least: when the orders end, each window may still send one event
Levels = dict[Side, dict[int, int]]  # ticks: lots
SIDES = {"b": Side.BID, "a": Side.ASK}


class Book:
    """Levels and the number of the last change in them."""

    def __init__(self, levels: Levels, last_id: int) -> None:
        self.levels, self.last_id = levels, last_id

    @classmethod
    def of_engine(cls, gateway: Gateway) -> "Book":
        header, rows = gateway.query(QueryKind.BOOK, market=NUMBER)
        levels: Levels = {side: {} for side in Side}
        for side, ticks, lots in rows[["side", "price_ticks", "lots"]].tolist():
            levels[Side(side)][ticks] = lots
        return cls(levels, int(header["update_id"]))

    @classmethod
    def of_snapshot(cls, answer: dict[str, Any]) -> "Book":
        levels = {SIDES[name[0]]: dict(map(parsed, answer[name])) for name in ("bids", "asks")}
        return cls(levels, int(answer["lastUpdateId"]))

    def copy(self) -> "Book":
        return Book({side: dict(levels) for side, levels in self.levels.items()}, self.last_id)

    def set(self, side: Side, ticks: int, lots: int) -> None:
        if lots:
            self.levels[side][ticks] = lots
        else:
            self.levels[side].pop(ticks, None)

    def take(self, event: dict[str, Any]) -> None:
        """A depth event, with numbers as docs/api.md describes them."""
        assert event["U"] == self.last_id + 1 and event["u"] >= self.last_id, (event["U"], event["u"], self.last_id)
        assert event["u"] > self.last_id or not (event["b"] or event["a"]), "a heartbeat changes nothing"
        self.last_id = event["u"]
        for name, side in SIDES.items():
            for level in event[name]:
                self.set(side, *parsed(level))

    def checksum(self) -> int:
        bids = sorted(self.levels[Side.BID].items(), reverse=True)[:TOP]
        asks = sorted(self.levels[Side.ASK].items())[:TOP]
        texts = []
        for rank in range(TOP):
            for side in (bids, asks):
                for ticks, lots in side[rank : rank + 1]:
                    texts += [format_decimal(ticks, PRICE_DECIMALS), format_decimal(lots, QUANTITY_DECIMALS)]
        return zlib.crc32(":".join(texts).encode())


def parsed(level: list[str]) -> tuple[int, int]:
    price, quantity = level
    return parse_decimal(price, PRICE_DECIMALS), parse_decimal(quantity, QUANTITY_DECIMALS)


class Truth:
    """The engine's book at every number. Orders go on until `enough` is set by whoever looks at the streams: not for so
    long, nor are they so many, for how far the streams have come by then the machine decides."""

    def __init__(self, redis_url: str) -> None:
        self.enough = threading.Event()
        self._gateway = Gateway(redis_url)
        self.cancel_everything()
        self.start = Book.of_engine(self._gateway)
        self._now = self.start.copy()
        self.changes: list[tuple[int, Side, int, int]] = []

    def run(self, flow: Flow) -> None:
        blocks = 0
        while not self.enough.is_set() or len(self.changes) < CHANGES or blocks < SINGLE_BLOCKS:
            block = flow.block()
            for part in np.split(block, len(block)) if blocks < SINGLE_BLOCKS else [block]:
                self._note(self._gateway.execute(part))
            blocks += 1
            if blocks % COMPARE_EVERY == 0:
                self.compare()

    def _note(self, events: np.ndarray) -> None:
        own = events[(events["market"] == NUMBER) & (events["update_id"] > 0)]
        for number, side, ticks, lots in own[["update_id", "side", "price_ticks", "level_lots"]].tolist():
            assert number == self._now.last_id + 1, "every change of a level has the next number"
            self._now.last_id = number
            self._now.set(Side(side), ticks, lots)
            self.changes.append((number, Side(side), ticks, lots))

    def compare(self) -> None:
        engine = Book.of_engine(self._gateway)
        assert (engine.last_id, engine.levels) == (self._now.last_id, self._now.levels)

    def cancel_everything(self) -> None:
        cancels = np.zeros(len(ACCOUNTS), COMMAND)
        cancels["kind"], cancels["market"], cancels["account"] = CommandKind.CANCEL_ALL, NUMBER, ACCOUNTS
        self._gateway.execute(cancels)

    def close(self) -> None:
        self.cancel_everything()
        self._gateway.close()


class Stream:
    """What one name has told, in order."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    @property
    def last_id(self) -> int:
        return int(self.events[-1]["u"]) if self.events else 0

    def after(self, number: int) -> int:
        """How many events go beyond this number."""
        return len(self.events) - bisect_right(self.events, number, key=lambda event: event["u"])

    def check(self, snapshot: Book, truth: Truth) -> int:
        """Rebuild from the snapshot, equal to the truth at each event; how many events were applied."""
        book, known = snapshot.copy(), truth.start.copy()
        changes, applied = iter(truth.changes), 0
        for event in self.events:
            if event["u"] <= snapshot.last_id:
                continue
            if not applied:
                assert event["U"] <= snapshot.last_id + 1 <= event["u"], "the stream joins the snapshot"
                event = {**event, "U": snapshot.last_id + 1}
            book.take(event)
            while known.last_id < book.last_id:
                number, side, ticks, lots = next(changes)
                known.last_id = number
                known.set(side, ticks, lots)
            assert book.levels == known.levels, f"at {book.last_id}"
            assert event["cs"] == book.checksum()
            applied += 1
        return applied


@asynccontextmanager
async def subscribed(url: str) -> AsyncIterator[ClientConnection]:
    async with connect(url, max_queue=None, max_size=None, open_timeout=60) as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": STREAMS, "id": 1}))
        assert json.loads(await socket.recv()) == {"id": 1, "result": None}
        yield socket


async def snapshot_after(exchange: Exchange, number: int) -> Book:
    """Of REST, while orders go on: taken again while it is older than the stream's beginning."""
    async with httpx.AsyncClient(base_url=exchange.run["http"], timeout=60) as client, asyncio.timeout(60):
        while True:
            answer = (await client.get("/api/v1/depth", params={"symbol": MARKET})).json()
            if int(answer["lastUpdateId"]) >= number:
                return Book.of_snapshot(answer)


def is_enough(streams: dict[str, Stream], snapshot: Book, truth: Truth) -> bool:
    """Whether the streams have told, after the snapshot, all that the test is about."""
    plain, _, *windows = (stream.after(snapshot.last_id) for stream in streams.values())
    are_apart = all(longer + APART < shorter for shorter, longer in itertools.pairwise([plain, *windows, 0]))
    return are_apart and plain > 10 * SINGLE_BLOCKS and truth.changes[-1][0] - snapshot.last_id > CHANGES / 2


@pytest.mark.timeout(240 + SINGLE_BLOCKS)
async def test_snapshot_and_stream_are_the_engines_book_at_every_number(exchange: Exchange) -> None:
    truth = await asyncio.to_thread(Truth, exchange.run["redis"])
    streams = {name: Stream() for name in STREAMS}
    async with subscribed(exchange.run["ws"]) as socket:
        flowing = asyncio.create_task(asyncio.to_thread(truth.run, Flow(NUMBER, MIDDLE_TICKS, 7, ACCOUNTS)))
        snapshot: Book | None = None
        try:
            while not flowing.done() or any(stream.last_id < truth.changes[-1][0] for stream in streams.values()):
                message = json.loads(await asyncio.wait_for(socket.recv(), 60))
                streams[message["stream"]].events.append(message["data"])
                if snapshot is None and all(stream.last_id > truth.start.last_id for stream in streams.values()):
                    first = max(stream.events[0]["U"] for stream in streams.values())
                    snapshot = await snapshot_after(exchange, first - 1)
                if snapshot is not None and is_enough(streams, snapshot, truth):
                    truth.enough.set()
        finally:
            truth.enough.set()
        await flowing
    assert snapshot is not None
    await asyncio.to_thread(truth.compare)
    applied = {name: stream.check(snapshot, truth) for name, stream in streams.items()}
    plain, windows = applied[f"depth.{MARKET}"], [applied[name] for name in STREAMS[2:]]
    assert plain == applied[f"depth@{MARKET}"] > 10 * SINGLE_BLOCKS, "both spellings, each event once under each"
    assert plain > windows[0] > windows[1] > windows[2] > 0, "the longer a window, the fewer events"
    assert len(truth.changes) - snapshot.last_id + truth.start.last_id > CHANGES / 2
    await asyncio.to_thread(truth.close)
    print(f"{len(truth.changes)} changes; events applied: {applied}")
