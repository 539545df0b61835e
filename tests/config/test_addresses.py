"""Whose word counts on where a request comes from, and how much of it."""

import time

import pytest

from engine_core.config.addresses import MOST_HOPS, Origin, TrustedProxies, is_loopback

PROXIES = TrustedProxies(("10.0.0.0/8", "fd00::/8", "127.0.0.1"))
PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("9.9.9.9", ["1.2.3.4"], "9.9.9.9"),  # of nobody else
        (PEER, ["1.2.3.4"], "1.2.3.4"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        (PEER, ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),  # what the client itself sent stands on the left
        (PEER, ["127.0.0.1, 1.2.3.4"], "1.2.3.4"),
        (PEER, ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),  # sent as a header of its own
        (PEER, ["6.6.6.6, 1.2.3.4, 10.1.1.1", "10.2.2.2"], "1.2.3.4"),  # three proxies
        (PEER, ["10.3.3.3, 10.1.1.1"], "10.3.3.3"),
        (PEER, ["1.2.3.4:5678"], "1.2.3.4"),
        (PEER, ["[2001:db8::7]:5678"], "2001:db8::7"),
        (PEER, ["::ffff:1.2.3.4"], "1.2.3.4"),
        (PEER, [], PEER),
        (PEER, [""], PEER),
        (PEER, ["unknown"], PEER),
        (PEER, ["1.2.3.4, unknown, 10.1.1.1"], "10.1.1.1"),  # as far as it can be read
        (PEER, ["1.2.3.4,"], PEER),
        ("", ["1.2.3.4"], ""),
    ],
)
def test_the_address_is_read_from_the_right(peer: str, forwarded_for: list[str], address: str) -> None:
    assert PROXIES.origin(peer, forwarded_for, []).address == address


@pytest.mark.parametrize(
    ("forwarded_for", "proto", "secure"),
    [
        (["1.2.3.4"], ["https"], True),
        (["1.2.3.4"], ["HTTPS"], True),
        (["1.2.3.4"], ["http"], False),
        (["1.2.3.4"], [], False),
        (["1.2.3.4"], ["https, http"], False),  # the first one is the client's own word
        (["1.2.3.4"], ["http", "https"], True),
        (["1.2.3.4, 10.1.1.1"], ["https, http"], True),  # TLS ends at the first of two proxies
        (["1.2.3.4, 10.1.1.1"], ["https"], True),
        ([], ["https"], True),
    ],
)
def test_the_scheme_is_that_of_the_first_proxy(forwarded_for: list[str], proto: list[str], secure: bool) -> None:
    assert PROXIES.origin(PEER, forwarded_for, proto).is_secure is secure


def test_nobody_is_trusted_by_default_and_an_untrusted_peer_says_nothing() -> None:
    assert TrustedProxies().origin("127.0.0.1", ["1.2.3.4"], ["https"]) == Origin("127.0.0.1")
    assert PROXIES.origin("1.1.1.1", ["1.2.3.4"], ["https"]) == Origin("1.1.1.1")


def test_a_long_list_is_read_in_bounded_time() -> None:
    longest = ",".join(["10.0.0.9"] * 3_000)
    began = time.monotonic()
    for _ in range(1_000):
        assert PROXIES.origin(PEER, [longest], [longest]).address == "10.0.0.9"
    assert time.monotonic() - began < 1_000 * MOST_HOPS * 0.001
    assert PROXIES.origin(PEER, ["1.2.3.4," + ",".join(["10.0.0.9"] * MOST_HOPS)], []).address == "10.0.0.9"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"])
def test_what_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "localhost.example.com", "::", "0.0.0.0", "128.0.0.1"])
def test_what_is_not(host: str) -> None:
    assert not is_loopback(host)
