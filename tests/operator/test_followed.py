"""One order is followed through all processes: by one grep over their logs, and as a trace of OpenTelemetry with the
number that the log lines name."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from websockets.sync.client import connect

from engine_core.process.stages import WAY
from tests.exchange import Exchange, configured, eventually, told
from tests.serving import serving

collector_of = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
SYMBOL = "SOL/USDC"
PROCESSES = ("ingress", "engine", "egress", "writer")


class Collector(BaseHTTPRequestHandler):
    """Keeps the spans that are sent to it."""

    spans: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = collector_of.ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.spans.clear()
    with serving(Collector) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    changes = {"stages_every = 16": "stages_every = 1", "ingress_workers = 2": "ingress_workers = 1"}
    made = Exchange(tmp_path / "data", "--profile", "bare", "--config", str(configured(tmp_path, changes)))
    made.variables = {"EXCHANGE_LOG_FORMAT": "json", "EXCHANGE_LOG_ORDERS": "1"}
    made.start()
    yield made
    made.end()


def lines_of(exchange: Exchange, process: str) -> list[dict[str, Any]]:
    """Each line is an object; what is still being written is none."""
    text = (exchange.data / "logs" / f"{process}.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def grep(exchange: Exchange, process: str, order: str) -> list[dict[str, Any]]:
    return [line for line in lines_of(exchange, process) if order in line.get("orders", ())]


def test_an_order_is_followed_by_logs_and_by_a_trace(exchange: Exchange, collector: str) -> None:
    trader = exchange.trader(0)
    told(trader.load_markets)
    with connect(f"{exchange.run['ws']}/", open_timeout=60) as stream:
        stream.send(json.dumps({"method": "SUBSCRIBE", "params": ["depth.SOL_USDC"]}))
        command = [*exchange.program, "traces", "--data", str(exchange.data), "--endpoint", collector]
        tracing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        order = str(trader.create_order(SYMBOL, "limit", "buy", 1, 100)["id"])
        placed = [order]

        def another() -> list[str]:
            """The orders that are traced: those that come after its first look."""
            placed.append(str(trader.create_order(SYMBOL, "limit", "buy", 1, 100)["id"]))
            time.sleep(0.5)  # an account may have only so many
            return [span.name for span in Collector.spans if span.name == "order"]

        try:
            eventually(another, bool, "an order that is traced")
            tracing.send_signal(signal.SIGINT)
            said, _ = tracing.communicate(timeout=120)
        finally:
            tracing.kill()
    assert tracing.returncode == 0 and "orders traced" in said, said
    for process in PROCESSES:
        eventually(lambda process=process: grep(exchange, process, order), bool, f"the order in the log of {process}")
    followed = [grep(exchange, process, order)[0] for process in PROCESSES]
    assert len({line["trace"] for line in followed}) == 1
    assert {line["process"] for line in followed} == {*PROCESSES}
    assert all(line["level"] == "INFO" and line["time"].endswith("Z") for line in followed)
    done = {what: when for line in followed for what, when in line["at"].items()}
    assert [done[stage] for stage in WAY] == sorted(done[stage] for stage in WAY)

    spans = {}
    for span in Collector.spans:
        attributes = {one.key: one.value.string_value for one in span.attributes}
        if span.name == "order":
            spans[attributes["exchange.order"]] = span
    traced = next(number for number in placed if number in spans)
    (line,) = {line["trace"] for line in grep(exchange, "ingress", traced)}
    root = spans[traced]
    assert root.trace_id.hex() == line
    parts = {span.name: span for span in Collector.spans if span.parent_span_id == root.span_id}
    assert {"authenticated", "matched", "answered", "stored"} <= {*parts}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in parts.values())
    assert parts["authenticated"].start_time_unix_nano == root.start_time_unix_nano


def test_a_wrong_format_is_named(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data")
    exchange.variables = {"EXCHANGE_LOG_FORMAT": "yaml"}
    with pytest.raises(AssertionError, match="EXCHANGE_LOG_FORMAT: must be one of text, json, is 'yaml'"):
        exchange.start()
    exchange.wait()
    exchange.end()
