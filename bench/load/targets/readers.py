"""Readers beside the load: WebSocket clients with subscriptions of all kinds, in a process of their own.

Of ten, one is slow (it does not read for most of each second) and one connects again and again; the others read as fast
as they can. Latency is from the engine's time in each frame to its arrival, so it needs one clock for both.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Any

import uvloop

from bench.load.job import Failed, Ready
from bench.load.targets.api import Address
from bench.websocket.client import FRAMES, TIMED, StreamClient, Totals

KINDS = (("depth",), ("trade", "bookTicker"), ("depth.200ms", "ticker"), ("trade", "kline.1m"), ("depth", "trade"))
OF_TEN, SLOW, AGAIN = 10, 8, 9
SLOW_SECONDS = 0.9  # of each second that a slow one does not read
AGAIN_SECONDS = 2.0  # that a connection lasts
TOGETHER = 50  # connections opened at once
OPEN_SECONDS = 15.0
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class ReadersJob:
    address: Address
    symbols: list[str]
    count: int


@dataclass
class _Reader:
    place: int
    subscribe: bytes
    totals: Totals
    client: StreamClient | None = None
    opened: int = 0

    @property
    def temper(self) -> int:
        return self.place % OF_TEN


def main(pipe: Pipe, job: ReadersJob) -> None:
    """Until the parent says anything after the start; then the report."""
    try:
        uvloop.run(_run(pipe, job))
    except (OSError, TimeoutError, AssertionError) as error:
        reason = str(error) or "nothing came in time"
        pipe.send(Failed(f"{job.address.url}: the readers could not connect: {reason}; is --ws right?"))
    except EOFError:
        pass  # the parent is gone


def in_words(report: dict[str, Any]) -> Iterator[str]:
    """What a person reads of their report; nothing of none."""
    if not report:
        return
    yield f"{report['clients']:,} clients, {report['frames_per_second']:,} frames/s, {report['cpu_cores']:.2f} cores"
    if report["p50_ms"] is not None:
        yield f"from the engine to who reads at once: {report['p50_ms']:.2f} ms p50, {report['p99_ms']:.2f} ms p99"
    lost = f"connections lost: {report['lost']:,}; slow ones dropped: {report['slow_dropped']:,}"
    yield f"{lost}; reconnections: {report['reconnections']:,}"


def _reader(job: ReadersJob, place: int, groups: "_Groups") -> _Reader:
    totals = {SLOW: groups.slow, AGAIN: groups.again}.get(place % OF_TEN, groups.steady)
    names = [f"{kind}.{job.symbols[place % len(job.symbols)]}" for kind in KINDS[place % len(KINDS)]]
    return _Reader(place, json.dumps({"method": "SUBSCRIBE", "params": names}).encode(), totals)


@dataclass(frozen=True)
class _Groups:
    steady: Totals
    slow: Totals
    again: Totals

    def all(self) -> tuple[Totals, Totals, Totals]:
        return self.steady, self.slow, self.again


async def _run(pipe: Pipe, job: ReadersJob) -> None:
    groups = _Groups(Totals(), Totals(), Totals())
    readers = [_reader(job, place, groups) for place in range(job.count)]
    for first in range(0, len(readers), TOGETHER):
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.gather(*(_open(job.address, reader) for reader in readers[first : first + TOGETHER]))
    pipe.send(Ready())
    await _said(pipe)
    for totals in groups.all():
        totals.clear()
        totals.lost = 0
    began, cpu = time.monotonic(), time.process_time()
    tasks = [asyncio.ensure_future(_live(job.address, reader)) for reader in readers]
    await _said(pipe)
    seconds = time.monotonic() - began
    report = {
        "clients": len(readers),
        "frames_per_second": round(sum(int(each.counts[FRAMES]) for each in groups.all()) / seconds),
        "p50_ms": groups.steady.latency_ms(0.5) if groups.steady.counts[TIMED] else None,
        "p99_ms": groups.steady.latency_ms(0.99) if groups.steady.counts[TIMED] else None,
        "lost": groups.steady.lost,
        "slow_dropped": groups.slow.lost,
        "reconnections": sum(reader.opened for reader in readers) - len(readers),
        "cpu_cores": round((time.process_time() - cpu) / seconds, 3),
    }
    pipe.send(report)
    for task in tasks:
        task.cancel()


async def _said(pipe: Pipe) -> None:
    """Until the parent says something."""
    while not pipe.poll():
        await asyncio.sleep(LOOK_SECONDS)
    pipe.recv()


async def _open(address: Address, reader: _Reader) -> None:
    loop = asyncio.get_running_loop()
    _, reader.client = await loop.create_connection(
        lambda: StreamClient(reader.totals, reader.subscribe, address.authority),
        address.host,
        address.port,
        ssl=address.tls,
    )
    await reader.client.opened
    reader.opened += 1


async def _live(address: Address, reader: _Reader) -> None:
    while True:
        client = reader.client
        assert client is not None and client.transport is not None
        if reader.temper == SLOW and not client.transport.is_closing():
            client.transport.pause_reading()
            await asyncio.sleep(SLOW_SECONDS)
            if not client.transport.is_closing():
                client.transport.resume_reading()
            await asyncio.sleep(1 - SLOW_SECONDS)
        elif reader.temper == AGAIN:
            await asyncio.sleep(AGAIN_SECONDS * (1 + reader.place % 7 / 7))
            client.transport.abort()
        else:
            await asyncio.sleep(0.25)
        if client.transport.is_closing():
            try:
                await _open(address, reader)
            except OSError:
                await asyncio.sleep(0.25)
