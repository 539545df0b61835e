"""What a frame of a client costs us grows with its bytes and names, not with their square; and it is charged before."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from egress.auth import Authenticator
from egress.config import ConnectionLimits
from egress.connections import Address, Allowance, Crowd
from egress.hub import Hub
from egress.session import Session
from egress.streams.private import PrivateStreams
from engine_core.config.addresses import TrustedProxies
from tests.egress.rig import SECRET, Rig, running
from tests.growth import assert_growth

ENDLESS = ConnectionLimits(burst=10**9, address_burst=10**9, streams=10**6, refused=10**9)


class Deaf:
    """A socket that counts what it is told."""

    def __init__(self) -> None:
        self.answers = 0
        self.dropped = ""

    def write(self, data: bytes) -> None:
        self.answers += 1

    def congested(self) -> bool:
        return False

    def drop(self, reason: str) -> None:
        self.dropped = reason


def frame(method: str, names: list[str]) -> bytes:
    return ('{{"method":"{}","params":["{}"]}}'.format(method, '","'.join(names))).encode()


def spellings(size: int) -> list[str]:
    """Many distinct good names: of markets that the rig has not, which cost as much as others."""
    return [f"account.orderUpdate.X{n}" for n in range(size)]


INPUTS: dict[str, Callable[[int], list[bytes]]] = {
    "junk names": lambda n: [frame("SUBSCRIBE", [f"x{i}" for i in range(n)])],
    "no names": lambda n: [frame("SUBSCRIBE", [""] * n)],
    "dots": lambda n: [frame("SUBSCRIBE", ["." * 60] * (n // 8))],
    "names of no market": lambda n: [frame("SUBSCRIBE", spellings(n))],
    "names to forget": lambda n: [frame("UNSUBSCRIBE", [f"x{i}" for i in range(n)])],
    "one long name": lambda n: [frame("SUBSCRIBE", ["x" * n * 10])],
    "nested ids": lambda n: [b'{"method":"SUBSCRIBE","id":' + b"[],".join([b"["] + [b""] * n) + b"0]}"],
    "escapes": lambda n: [b'{"method":"SUBSCRIBE","id":"' + b"\\u0041" * n * 4 + b'"}'],
    "many frames": lambda n: [b"{}"] * n,
    "names one by one": lambda n: [frame("SUBSCRIBE", [f"liquidation{i}", "liquidation"]) for i in range(n)],
}


def session_of(rig: Rig) -> Session:
    """Of a client that nobody limits."""
    hub = Hub()
    private = PrivateStreams(rig.data, hub, rig.engine.query)
    authenticator = Authenticator(rig.data.setup, SECRET)
    return Session(hub.connect(Deaf()), hub, private, authenticator, ENDLESS, Address(Allowance(10**9, 1)))


@pytest.mark.parametrize("name", INPUTS)
async def test_twice_the_input_takes_twice_the_time(name: str) -> None:
    async with running() as rig:

        def seconds(size: int) -> float:
            frames, session = INPUTS[name](size), session_of(rig)
            began = time.process_time()
            for one in frames:
                session.receive(one)
            return time.process_time() - began

        assert_growth(seconds, 2_000, 8_000, 8)  # the square would be 16


async def test_names_held_do_not_make_the_next_one_dearer() -> None:
    """One name a frame, as many clients subscribe: the audience is made once, with the next event."""
    async with running() as rig:

        def seconds(count: int) -> float:
            symbols = [f"S{n}_USDC" for n in range(count)]
            rig.data.setup.market_by_symbol.update(dict.fromkeys(symbols, rig.data.setup.market_by_symbol["SOL_USDC"]))
            session = session_of(rig)
            began = time.process_time()
            for symbol in symbols:
                session.receive(frame("SUBSCRIBE", [f"trade.{symbol}"]))
            return time.process_time() - began

        assert_growth(seconds, 500, 2_000, 8)


def test_work_is_charged_to_the_connection_and_to_its_address() -> None:
    moment = [0.0]
    bucket = Allowance(10, 2, lambda: moment[0])
    assert bucket.spend(10) and not bucket.spend(1)
    moment[0] = 1.0
    assert bucket.spend(2) and not bucket.spend(1) and not bucket.is_full
    moment[0] = 100.0
    assert bucket.is_full and bucket.spend(10) and not bucket.spend(1)


async def test_a_frame_beyond_the_allowance_is_not_looked_at() -> None:
    async with running() as rig:
        hub, socket = Hub(), Deaf()
        authenticator = Authenticator(rig.data.setup, SECRET)
        private = PrivateStreams(rig.data, hub, rig.engine.query)
        limits = ConnectionLimits(burst=100, per_second=0, refused=3)
        client = hub.connect(socket)
        session = Session(client, hub, private, authenticator, limits, Address(Allowance(10**9, 1)))
        session.receive(frame("SUBSCRIBE", ["trade.SOL_USDC", "x" * 40_000]))
        assert not client.names and socket.answers == 1
        session.receive(frame("SUBSCRIBE", ["trade.SOL_USDC"]))
        assert list(client.names) == ["trade.SOL_USDC"]
        poor = Session(
            hub.connect(socket), hub, private, authenticator, ConnectionLimits(refused=3), Address(Allowance(0, 0))
        )
        for _ in range(5):
            poor.receive(frame("SUBSCRIBE", ["trade.BTC_USDC"]))
        assert socket.dropped == "too many messages" and poor.is_idle


async def test_names_are_bounded_for_an_address() -> None:
    """Else two thousand connections with two thousand names each would take gigabytes."""
    async with running() as rig:
        hub, address, limits = Hub(), Address(Allowance(10**9, 1)), ConnectionLimits(streams_of_address=3)
        private, authenticator = PrivateStreams(rig.data, hub, rig.engine.query), Authenticator(rig.data.setup, SECRET)
        one, other = (Session(hub.connect(Deaf()), hub, private, authenticator, limits, address) for _ in range(2))
        one.receive(frame("SUBSCRIBE", ["trade.SOL_USDC", "trade@SOL_USDC"]))
        other.receive(frame("SUBSCRIBE", ["trade.SOL_USDC", "liquidation"]))
        assert address.names == 2 and other.is_idle, "not a part of what does not fit"
        other.receive(frame("SUBSCRIBE", ["liquidation"]))
        one.receive(frame("UNSUBSCRIBE", ["trade@SOL_USDC", "never held"]))
        assert address.names == 2
        one.close()
        one.close()
        other.close()
        assert address.names == 0


def test_an_address_is_forgotten_when_it_owes_nothing() -> None:
    crowd = Crowd(ConnectionLimits(of_one_address=2, connections=100), TrustedProxies(["10.0.0.0/8"]))
    assert all(crowd.enter("192.0.2.1") for _ in range(18)) and not crowd.enter("192.0.2.1")
    assert crowd.settle("192.0.2.1", "192.0.2.1").startswith("too many connections from")
    for _ in range(19):
        crowd.leave("192.0.2.1")
    assert all(crowd.enter("10.0.0.1") for _ in range(60))  # a proxy; its clients count
    assert [crowd.settle("10.0.0.1", "192.0.2.7")[:15] for _ in range(3)] == ["", "", "too many connec"]
    assert crowd.settle("10.0.0.1", "2001:db8::1") == crowd.settle("10.0.0.1", "2001:db8::2") == ""
    assert crowd.settle("10.0.0.1", "2001:db8::3") != ""  # one subscriber has a whole /64
    for address in ["192.0.2.7"] * 3 + ["2001:db8::1"] * 3 + ["10.0.0.1"] * 54:
        crowd.leave(address)
    crowd.forget()
    assert crowd.connections == 0


def test_who_is_refused_holds_no_place() -> None:
    crowd = Crowd(ConnectionLimits(of_one_address=2, connections=100), TrustedProxies([]))
    assert all(crowd.enter("192.0.2.1") for _ in range(3))
    assert crowd.settle("192.0.2.1", "192.0.2.1").startswith("too many connections from")
    crowd.turn_away("192.0.2.1")  # the third, who takes its time to read so
    crowd.leave("192.0.2.1")
    assert crowd.enter("192.0.2.1") and crowd.settle("192.0.2.1", "192.0.2.1") == ""
    for _ in range(15):
        assert crowd.enter("192.0.2.1")
        crowd.turn_away("192.0.2.1")
    assert not crowd.enter("192.0.2.1")  # there are only so many errors to be read at once
    crowd.turn_away("192.0.2.1")
    for turned_away in [True] * 17 + [False] * 2:
        crowd.leave("192.0.2.1", turned_away=turned_away)
    crowd.forget()
    assert crowd.connections == crowd.turned_away == 0


async def test_who_never_subscribes_is_ended() -> None:
    async with running() as rig, rig.listen() as idle, rig.listen() as busy:
        await busy.subscribe("liquidation")
        config = rig.server._config
        rig.server._config = replace(config, limits=replace(config.limits, idle_seconds=0.1))
        await idle.socket.wait_closed()
        assert idle.socket.close_code == 1013 and "no stream" in str(idle.socket.close_reason)
        assert await busy.silent()
