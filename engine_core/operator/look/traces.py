"""`exchange traces`: the way of each timed order as a trace of OpenTelemetry, to whatever collects them by OTLP.

What the processes show of an order on their sockets (process/stages.py) is joined here, beside them: tracing costs
them nothing. One trace for an order, with a span for each stage from the one before it; its number is the `trace` of
the log lines (process/log_lines.py). The SDK is the extra `otel`; what it reads from the environment
(OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS, OTEL_RESOURCE_ATTRIBUTES) counts here, too. A collector that does not take
what it is sent ends the command: no order is said to be traced that is not there.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import repeat
from typing import Any
from urllib.parse import urlsplit

from engine_core import VERSION
from engine_core.operator.look.stages import LOOK_EVERY_S, pauses, timed
from engine_core.operator.target.extras import how_to_install
from engine_core.operator.target.running import CommandError
from engine_core.process.log_lines import trace_id
from engine_core.process.stages import BEFORE, Journey, Stage

_ROOT_SPAN, _SAMPLED = 1, 1
_SPANS = 512  # in one message
_NAMES = ("exchange.gateway", "exchange.incarnation", "exchange.sequence")


def traces(options: argparse.Namespace) -> int:
    """Until Ctrl-C, or for so many seconds."""
    endpoint = options.endpoint and endpoint_of(options.endpoint)
    journeys = timed(options.data)
    trace, send = _sdk(endpoint)
    sent = 0
    with suppress(KeyboardInterrupt):
        for pause in repeat(LOOK_EVERY_S) if options.seconds is None else pauses(options.seconds):
            time.sleep(pause)
            journeys.look()
            sent += sum(map(trace, journeys.finished()))
            send()
    sent += sum(map(trace, journeys.all()))
    send()
    print(f"{sent} orders traced")
    return 0


def endpoint_of(url: str) -> str:
    """A collector's address as OTEL_EXPORTER_OTLP_ENDPOINT names it, or one with a path; CommandError."""
    try:
        parts = urlsplit(url)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine:
        raise CommandError(f"--endpoint {url[:200]!r}: must be http://HOST:PORT or https://HOST:PORT")
    return url if parts.path.strip("/") else parts._replace(path="/v1/traces").geturl()


def _sdk(endpoint: str | None) -> tuple[Callable[[Journey], bool], Callable[[], None]]:
    """What makes a trace of a journey, and what sends the traces that were made."""
    try:
        api = importlib.import_module("opentelemetry.trace")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        memory = importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as error:
        raise CommandError(f"{error}: it comes with the extra `otel` ({how_to_install('otel')})") from None
    resource = resources.Resource.create({"service.name": "exchange", "service.version": VERSION})
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
    made = memory.InMemorySpanExporter()
    provider.add_span_processor(export.SimpleSpanProcessor(made))
    exporter = otlp.OTLPSpanExporter(endpoint=endpoint)
    tracer = _tracer(api, provider.get_tracer("exchange", VERSION))

    def send() -> None:
        """CommandError if the collector does not take all of it; the exporter says why, in its log."""
        spans = made.get_finished_spans()
        made.clear()
        for first in range(0, len(spans), _SPANS):
            if exporter.export(spans[first : first + _SPANS]) is not export.SpanExportResult.SUCCESS:
                where = endpoint or "the address in OTEL_EXPORTER_OTLP_ENDPOINT, or http://localhost:4318"
                raise CommandError(
                    f"the collector does not take traces at {where} (see above): {len(spans) - first} spans are lost; "
                    "--endpoint names another one"
                )

    return tracer, send


def _tracer(api: Any, tracer: Any) -> Callable[[Journey], bool]:
    offset = time.time_ns() - time.perf_counter_ns()

    def ns(seconds: float) -> int:
        return offset + int(seconds * 1e9)

    def trace(journey: Journey) -> bool:
        """Whether it was one: an order of which beginning and answer are known."""
        at = journey.at
        if journey.answered_s() is None:
            return False
        context = api.SpanContext(
            trace_id=int(trace_id(*journey.sender), 16),
            span_id=_ROOT_SPAN,
            is_remote=True,
            trace_flags=api.TraceFlags(_SAMPLED),
        )
        parent = api.set_span_in_context(api.NonRecordingSpan(context))
        attributes = {"exchange.order": str(journey.order_id), **dict(zip(_NAMES, journey.sender, strict=True))}
        order = tracer.start_span("order", parent, start_time=ns(at[Stage.RECEIVED]), attributes=attributes)
        inside = api.set_span_in_context(order)
        for stage, before in BEFORE.items():
            if {stage, before} <= at.keys():
                tracer.start_span(stage.value, inside, start_time=ns(at[before])).end(ns(at[stage]))
        order.end(ns(max(at.values())))
        return True

    return trace
