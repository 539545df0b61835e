"""The demo on an IPv6 address: everything listens there, everything finds it, and every URL that is printed is one."""

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from engine_core.config.hosts import in_url, reachable, to_bind
from tests.exchange import Exchange, eventually


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_hosts_in_urls() -> None:
    assert [in_url(host) for host in ("::1", "[::1]", "127.0.0.1", "example.org")] == [
        *("[::1]", "[::1]", "127.0.0.1", "example.org")
    ]
    assert [reachable(host) for host in ("0.0.0.0", "::", "::1")] == ["127.0.0.1", "[::1]", "[::1]"]
    assert to_bind("localhost", 80)[1][1] == 80
    for nothing in ("no such host", "a" * 300, "ü" * 80, "x..y"):
        with pytest.raises(OSError):
            to_bind(nothing, 80)


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1")
@pytest.mark.timeout(240)
def test_a_demo_on_ipv6(tmp_path: Path) -> None:
    demo = Exchange(tmp_path / "data", "--profile", "demo", "--host", "::1", ingress_workers=1)
    try:
        demo.start()
        printed = [word for line in demo.output for word in line.split() if word.startswith(("http://", "ws://"))]
        assert len(printed) >= 3
        for url in (*printed, demo.run["http"], demo.run["ws"]):
            assert urlsplit(url).hostname == "::1" and urlsplit(url).port, url
        eventually(lambda: sum(int(ticker["trades"]) for ticker in demo.get("tickers")), bool, "trades", 90)
        assert httpx.get(f"{demo.run['http']}/", timeout=10).status_code in (200, 404)
    finally:
        demo.end()
