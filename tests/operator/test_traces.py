"""`exchange traces`: where a collector is, and what is said of one that takes nothing."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from engine_core.operator.look.traces import _sdk, endpoint_of
from engine_core.operator.target.running import CommandError
from engine_core.process.stages import WAY, Journey, Sender
from tests.serving import serving

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")


class Deaf(BaseHTTPRequestHandler):
    """Takes nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def deaf() -> Iterator[str]:
    with serving(Deaf) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("url", ["http://collector:4318", "http://collector:4318/"])
def test_an_address_without_a_path_is_that_of_the_collector(url: str) -> None:
    assert endpoint_of(url) == "http://collector:4318/v1/traces"
    assert endpoint_of("https://collector/own/way?key=1") == "https://collector/own/way?key=1"


@pytest.mark.parametrize("url", ["collector:4318", "http://", "ftp://collector", "http://[::1", "http://host:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match=r"--endpoint .*: must be http://HOST:PORT"):
        endpoint_of(url)


def test_what_the_collector_does_not_take_is_an_error(deaf: str) -> None:
    trace, send = _sdk(endpoint_of(deaf))
    send()  # nothing
    assert trace(Journey(Sender(1, 2, 3), since=0.0, at={stage: float(at) for at, stage in enumerate(WAY)}))
    with pytest.raises(CommandError, match=rf"does not take traces at {deaf}/v1/traces .*: \d spans are lost"):
        send()
