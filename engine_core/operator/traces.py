"""`exchange traces`: the way of each timed order as a trace of OpenTelemetry, to whatever collects them by OTLP.

What the processes show of an order on their sockets (process/stages.py) is joined here, beside them: tracing costs
them nothing. One trace for an order, with a span for each stage from the one before it; its number is the `trace` of
the log lines (process/log_lines.py). The SDK is an extra: pip install 'exchange[otel]'; what it reads from the
environment (OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS, OTEL_RESOURCE_ATTRIBUTES) counts here, too.
"""

import argparse
import importlib
import time
from contextlib import suppress
from itertools import repeat
from typing import Any

from engine_core import VERSION
from engine_core.operator.stages import LOOK_EVERY_S, pauses, timed
from engine_core.operator.target.running import CommandError
from engine_core.process.log_lines import trace_id
from engine_core.process.stages import BEFORE, Journey, Stage

_ROOT_SPAN, _SAMPLED = 1, 1


def traces(options: argparse.Namespace) -> int:
    """Until Ctrl-C, or for so many seconds."""
    journeys = timed(options.data)
    tracer, provider = _sdk(options.endpoint)
    sent = 0
    with suppress(KeyboardInterrupt):
        for pause in repeat(LOOK_EVERY_S) if options.seconds is None else pauses(options.seconds):
            time.sleep(pause)
            journeys.look()
            sent += sum(map(tracer, journeys.finished()))
    sent += sum(map(tracer, journeys.all()))
    provider.shutdown()
    print(f"{sent} orders traced")
    return 0


def _sdk(endpoint: str | None) -> Any:
    """What makes a trace of a journey, and the provider that sends them."""
    try:
        api = importlib.import_module("opentelemetry.trace")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as error:
        raise CommandError(f"{error}: pip install 'exchange[otel]'") from None
    resource = resources.Resource.create({"service.name": "exchange", "service.version": VERSION})
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=endpoint)))
    tracer = provider.get_tracer("exchange", VERSION)
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

    return trace, provider


_NAMES = ("exchange.gateway", "exchange.incarnation", "exchange.sequence")
