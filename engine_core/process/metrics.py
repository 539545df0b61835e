"""What each process tells about itself: Prometheus metrics, /health and /ready.

They answer on a socket in the runtime folder, where `exchange top` looks, and on EXCHANGE_METRICS_PORT unless it is 0.

The hot paths keep plain integers that they need anyway; a role hands over one function that reads them, and it runs
only when somebody looks. Times are recorded in a `Histogram`, a list of counts. The answers come from a thread of their
own, so a process that hangs is seen to hang:

    GET /metrics   the samples, and prometheus-client's own of the process and its garbage collector
    GET /health    200 while the process beats (Monitor.beat, at least every HEALTHY_S), else 503: restart it
    GET /ready     200 while it can do its job, else 503 and why: send it no work
    GET /look      the samples once more, as JSON (look.py), for who draws them; in the runtime folder only
    GET /stages    when this process has done its part of a sample of orders (stages.py); in the runtime folder only
    POST /NAME     202 and one of the role's wishes is done (the engine's: /snapshot); in the runtime folder only, which
                   nobody else may enter

Non-goals: pushing, storing, alerting.
"""

import json
import logging
import os
import socketserver
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from engine_core.config.hosts import to_bind
from engine_core.process import look
from engine_core.process.names import role_name

logger = logging.getLogger(__name__)
PREFIX = "exchange_"
HEALTHY_S = 15.0
# Upper bounds of latencies in seconds: three a decade, from 10 microseconds to 10 seconds.
LATENCY_S = (*(round(mantissa * 10.0**power, 9) for power in range(-5, 1) for mantissa in (1, 2, 5)), 10.0)


class Sample(NamedTuple):
    """One number. A name that ends in _total is a counter, every other one a gauge."""

    name: str  # without the prefix, with its unit: matched_commands_total, feed_lag_seconds
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


class Histogram:
    """Counts of durations by bucket; `record` costs a few hundred nanoseconds."""

    def __init__(self, name: str, help: str, labels: tuple[tuple[str, str], ...] = ()) -> None:
        self.name, self.help, self.labels = name, help, labels
        self.counts = [0] * (len(LATENCY_S) + 1)
        self.sum_s = 0.0

    def record(self, seconds: float, times: int = 1) -> None:
        self.counts[bisect_left(LATENCY_S, seconds)] += times
        self.sum_s += seconds * times

    def buckets(self) -> list[tuple[str, float]]:
        total, cumulative = 0, []
        for bound, count in zip((*map(str, LATENCY_S), "+Inf"), self.counts, strict=True):
            total += count
            cumulative.append((bound, float(total)))
        return cumulative


def _nothing() -> Iterable[Sample]:
    return ()


def _ready() -> str:
    return ""


@dataclass(eq=False)
class Monitor:
    """What one process shows. `samples` and `not_ready` run in the thread that answers: they only read."""

    role: str
    worker: int = 0
    samples: Callable[[], Iterable[Sample]] = _nothing
    not_ready: Callable[[], str] = _ready  # why no work should come here; empty: it may
    histograms: list[Histogram] = field(default_factory=list)
    wishes: dict[str, Callable[[], None]] = field(default_factory=dict)  # what may be asked of it, by path
    refresh: Callable[[], object] = _nothing  # done before the numbers are read, by the same thread
    shard: int | None = None  # which it belongs to; None: it serves all
    stamps: Callable[[int], bytes] | None = None  # Stamps.after, of a process that takes part in an order's way
    _beat: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """The process has come round its loop."""
        self._beat = time.monotonic()

    def histogram(self, name: str, help: str, **labels: str) -> Histogram:
        made = Histogram(name, help, tuple(sorted(labels.items())))
        self.histograms.append(made)
        return made

    def silent_s(self) -> float:
        return time.monotonic() - self._beat

    def collect(self) -> Iterator[Metric]:
        """The families that Prometheus reads (prometheus-client's collector interface)."""
        self.refresh()
        of_shard = () if self.shard is None else (("shard", str(self.shard)),)
        own = (("role", self.role), ("worker", str(self.worker)), *of_shard)
        plain: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for sample in self.samples():
            labels = (*own, *sample.labels)
            if sample.name not in plain:
                kind = CounterMetricFamily if sample.name.endswith("_total") else GaugeMetricFamily
                plain[sample.name] = kind(PREFIX + sample.name, sample.help, labels=[name for name, _ in labels])
            plain[sample.name].add_metric([value for _, value in labels], sample.value)
        yield from plain.values()
        timed: dict[str, HistogramMetricFamily] = {}
        for recorded in self.histograms:
            labels = (*own, *recorded.labels)
            if recorded.name not in timed:
                names = [name for name, _ in labels]
                timed[recorded.name] = HistogramMetricFamily(PREFIX + recorded.name, recorded.help, labels=names)
            timed[recorded.name].add_metric([value for _, value in labels], recorded.buckets(), recorded.sum_s)
        yield from timed.values()

    def look(self) -> look.Look:
        self.refresh()
        cpu = os.times()
        return look.Look(
            role=self.role,
            worker=self.worker,
            shard=self.shard,
            at_ms=time.monotonic_ns() // 1_000_000,
            cpu_ms=int((cpu.user + cpu.system) * 1_000),
            memory_bytes=psutil.Process().memory_info().rss,
            not_ready=self.not_ready(),
            numbers=[look.Number.of(sample.name, sample.value, dict(sample.labels)) for sample in self.samples()],
            times=[look.Times(times.name, times.counts, dict(times.labels)) for times in self.histograms],
        )


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    monitor: Monitor
    registry: CollectorRegistry

    def do_GET(self) -> None:
        try:
            self._look(*self.path.partition("?")[::2])
        except Exception as error:  # a fault of ours is reported: an empty answer would look like a network's
            logger.exception("%s cannot be answered", self.path)
            self._answer(500, "text/plain", f"{type(error).__name__}: {error}\n".encode())

    do_HEAD = do_GET  # without the body: some load balancers ask so

    def _look(self, path: str, query: str) -> None:
        is_inside = isinstance(self.server, _UnixServer)
        stamps = self.monitor.stamps if is_inside else None
        if path == look.PATH and is_inside:
            self._answer(200, "application/json", msgspec.json.encode(self.monitor.look()))
        elif path == "/stages" and stamps is not None:
            seen = query.removeprefix("after=")
            self._answer(200, "application/json", stamps(int(seen) if seen.isdecimal() else 0))
        elif path == "/metrics":
            self._answer(200, CONTENT_TYPE_LATEST, generate_latest(self.registry))
        elif path == "/health":
            silent = self.monitor.silent_s()
            why = f"silent for {silent:.0f} s" if silent > HEALTHY_S else ""
            self._status(why)
        elif path == "/ready":
            self._status(self.monitor.not_ready())
        else:
            self._answer(404, "text/plain", b"/metrics, /health, /ready\n")

    def do_POST(self) -> None:
        wish = self.monitor.wishes.get(self.path) if isinstance(self.server, _UnixServer) else None
        if wish is None:
            self._answer(404, "text/plain", b"unknown request\n")
            return
        wish()
        self._answer(202, "text/plain", b"")

    def _status(self, why: str) -> None:
        content = {"role": self.monitor.role, "worker": self.monitor.worker, "ok": not why, "reason": why}
        self._answer(503 if why else 200, "application/json", json.dumps(content).encode())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        try:
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except ConnectionError:  # the one that asked did not wait for the answer
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line in the log."""


class _TcpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, handler: type[_Answers]) -> None:
        self.address_family, address = to_bind(host, port)
        super().__init__(address[:2], handler)


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


Server = _TcpServer | _UnixServer


def socket_path(runtime: Path, role: str, worker: int, shard: int | None = None) -> Path:
    return runtime / f"{role_name(role, shard or 0)}.{worker}.metrics"


def serve(monitor: Monitor, runtime: Path | None = None, port: int = 0, host: str = "127.0.0.1") -> list[Server]:
    """Answer from daemon threads: on a socket in `runtime` (for `exchange top`), and on `port` unless it is 0."""
    registry = CollectorRegistry()
    registry.register(monitor)
    for common in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(common)
    handler = type("Answers", (_Answers,), {"monitor": monitor, "registry": registry})
    servers: list[Server] = []
    if runtime is not None:
        path = socket_path(runtime, monitor.role, monitor.worker, monitor.shard)
        path.unlink(missing_ok=True)  # of the process that was this one before
        servers.append(_UnixServer(str(path), handler))
    if port:
        servers.append(_TcpServer(host, port, handler))
    for server in servers:
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return servers
