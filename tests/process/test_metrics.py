"""The answers about a process: to one that does not wait for them, and about faults of ours."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_core.process.metrics import Monitor, Sample, serve, socket_path
from engine_core.process.sockets import ask


def connected(folder: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(socket_path(folder, "engine", 0)))
    client.settimeout(60)
    client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return client


def answering() -> bool:
    return any("process_request_thread" in thread.name for thread in threading.enumerate())


def test_one_that_does_not_wait_for_the_answer_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, gone = threading.Event(), threading.Event()

    def samples() -> Iterator[Sample]:
        asked.set()
        assert gone.wait(60)
        yield Sample("entries_total", "entries", 1)

    monitor = Monitor("engine")
    (server,) = serve(monitor, tmp_path)
    monitor.samples = samples  # not while the registry looks at it for the first time
    try:
        client = connected(tmp_path)
        assert asked.wait(60)
        client.close()
        gone.set()
        deadline = time.monotonic() + 60
        while answering() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not answering()
    finally:
        server.shutdown()
        server.server_close()
    assert not caplog.records and "Traceback" not in capsys.readouterr().err


def test_a_connection_that_breaks_while_the_numbers_are_read_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[Sample]:
        raise ConnectionResetError("of the process's own")
        yield

    monitor = Monitor("engine")
    (server,) = serve(monitor, tmp_path)
    monitor.samples = broken
    try:
        with connected(tmp_path) as client:
            assert client.makefile("rb").readline() == b"HTTP/1.1 500 Internal Server Error\r\n"
    finally:
        server.shutdown()
        server.server_close()
    assert [record.getMessage() for record in caplog.records] == ["/metrics cannot be answered"]


def test_whoever_asks_for_the_head_alone_gets_it(tmp_path: Path) -> None:
    (server,) = serve(Monitor("engine"), tmp_path)
    try:
        status, text = ask(socket_path(tmp_path, "engine", 0), "/health", "HEAD") or (0, "")
        assert (status, text) == (200, "")
    finally:
        server.shutdown()
        server.server_close()
