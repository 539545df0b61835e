"""What a process shows of itself: the text that Prometheus reads, and health and readiness."""

import json
import socket
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine_core.process.metrics import HEALTHY_S, LATENCY_S, Monitor, Sample, serve, socket_path
from tests.processes import free_port


class Role:
    def __init__(self) -> None:
        self.why = ""
        self.commands = 7
        self.monitor = Monitor("engine", 1, self.samples, lambda: self.why)

    def samples(self) -> Iterator[Sample]:
        yield Sample("commands_total", "Commands matched", self.commands)
        for kind, used in (("orders", 3), ("accounts", 9)):
            yield Sample("capacity_used", "In use", used, (("of", kind),))


@pytest.fixture
def role() -> Iterator[tuple[Role, HTTPConnection]]:
    role = Role()
    port = free_port()
    (server,) = serve(role.monitor, port=port)
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    yield role, connection
    connection.close()
    server.shutdown()
    server.server_close()


def get(connection: HTTPConnection, path: str) -> tuple[int, str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_metrics_are_read_when_asked_for(role: tuple[Role, HTTPConnection]) -> None:
    state, connection = role
    timer = state.monitor.histogram("stage_seconds", "Time of a stage", stage="match")
    timer.record(0.00004, times=3)
    timer.record(99.0)
    state.commands = 8
    status, text = get(connection, "/metrics")
    assert status == 200
    families = {family.name: family for family in text_string_to_metric_families(text)}
    commands = families["exchange_commands"].samples
    assert [(sample.name, sample.labels, sample.value) for sample in commands] == [
        ("exchange_commands_total", {"role": "engine", "worker": "1"}, 8.0)
    ]
    assert {sample.labels["of"]: sample.value for sample in families["exchange_capacity_used"].samples} == {
        "orders": 3,
        "accounts": 9,
    }
    buckets = {
        s.labels["le"]: s.value for s in families["exchange_stage_seconds"].samples if s.name.endswith("_bucket")
    }
    assert (buckets["2e-05"], buckets["5e-05"], buckets["10.0"], buckets["+Inf"]) == (0, 3, 3, 4)
    assert "process_resident_memory_bytes" in families


def test_readiness_says_why_not(role: tuple[Role, HTTPConnection]) -> None:
    state, connection = role
    assert get(connection, "/ready")[0] == 200
    state.why = "the log is not available"
    status, text = get(connection, "/ready")
    assert status == 503
    assert json.loads(text)["reason"] == "the log is not available"
    assert get(connection, "/nothing")[0] == 404


def test_a_silent_process_is_not_healthy(role: tuple[Role, HTTPConnection], monkeypatch: pytest.MonkeyPatch) -> None:
    state, connection = role
    assert get(connection, "/health")[0] == 200
    now = time.monotonic()
    monkeypatch.setattr("engine_core.process.metrics.time.monotonic", lambda: now + HEALTHY_S + 1)
    assert get(connection, "/health")[0] == 503
    state.monitor.beat()
    assert get(connection, "/health")[0] == 200


def test_the_socket_in_the_runtime_folder_answers_too(runtime: Path) -> None:
    path = socket_path(runtime, "engine", 1)
    path.write_text("left by a process that was killed")
    (server,) = serve(Role().monitor, runtime)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")
        text = b"".join(iter(lambda: client.recv(65_536), b""))
    assert b'exchange_commands_total{role="engine",worker="1"} 7.0' in text
    server.shutdown()
    server.server_close()


def test_without_port_and_folder_nothing_is_served() -> None:
    assert serve(Monitor("engine")) == []
    assert list(LATENCY_S) == sorted(LATENCY_S)
