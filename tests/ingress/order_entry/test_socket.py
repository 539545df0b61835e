"""The connection of order entry, without a network: when it reads on, and when its session ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from engine_core.administration.client import admin
from engine_core.config.edge_limits import RateLimits
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import AccountState, CommandKind, EventKind, Reason
from engine_core.wire.layout import ADMIN_EVENT, EVENT, SLOT
from ingress.access.rate_limits import RateLimiter
from ingress.metrics import Metrics
from ingress.order_entry import socket as order_socket
from ingress.order_entry.session import MOST_FRAMES, MOST_REFUSED
from ingress.order_entry.socket import MAX_IN_FLIGHT, OrderSocket, socket_class
from tests.ingress.fakes import TRADER, TRADER_ACCOUNT, Exchange, config, event
from tests.ingress.sessions import logon

AMEND = {"symbol": "SOL_USDC", "orderId": "1", "quantity": "1"}


class Transport(asyncio.Transport):
    """What the socket writes, and whether it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True

    def write(self, data: Any) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return False

    def can_write_eof(self) -> bool:
        return False

    def abort(self) -> None:
        return None

    def close(self) -> None:
        return None


@dataclass
class Peer:
    """A client, and the server's end of its connection."""

    socket: OrderSocket
    transport: Transport
    protocol: ClientProtocol
    answers: list[dict[str, Any]] = field(default_factory=list)

    def send(self, *messages: tuple[str, Any]) -> None:
        """All in one piece."""
        for number, (method, params) in enumerate(messages):
            self.protocol.send_text(json.dumps({"id": number, "method": method, "params": params}).encode())
        self.socket.data_received(b"".join(self.protocol.data_to_send()))

    def hear(self) -> None:
        """Take what the server has written so far."""
        self.protocol.receive_data(bytes(self.transport.written))
        self.transport.written.clear()
        for part in self.protocol.events_received():
            if isinstance(part, Frame) and part.opcode is Opcode.TEXT:
                self.answers.append(json.loads(bytes(part.data)))


@asynccontextmanager
async def connected(exchange: Exchange, **params: Any) -> AsyncIterator[Peer]:
    """A session that is logged on."""
    state = ServerState()
    bound = socket_class(exchange.service, Metrics(config(Path("/nowhere"))))
    peer = Peer(bound(cast(Config, None), state, {}), Transport(), ClientProtocol(parse_uri("ws://exchange/ws/orders")))
    peer.socket.connection_made(peer.transport)
    peer.protocol.send_request(peer.protocol.connect())
    peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
    peer.hear()
    assert peer.protocol.state is State.OPEN
    peer.send(("session.logon", logon(TRADER, **params)))
    await settle()
    peer.hear()
    assert peer.answers.pop()["status"] == 200
    try:
        yield peer
    finally:
        peer.socket.connection_lost(None)
        await asyncio.gather(*state.tasks)


async def settle(turns: int = 10) -> None:
    """Let everything that is ready run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_it_reads_on_when_a_full_house_is_answered_at_once(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer comes afterwards with which it could look again; so it would stay silent for ever."""
    waiting: list[Answer] = []

    def append(record: bytes, answer: Answer) -> None:
        waiting.append(answer)

    async with connected(exchange) as peer:
        monkeypatch.setattr(exchange.gateway, "append", append)
        peer.send(*[("order.modify", AMEND)] * (MAX_IN_FLIGHT + 100))
        await settle(100)
        assert MAX_IN_FLIGHT <= len(waiting) < MAX_IN_FLIGHT + 100 and not peer.transport.reading
        for answer in waiting:  # which grows, as the rest is read
            answer.set_result(event(EventKind.REJECTED, reason=Reason.ORDER_NOT_FOUND))
            await settle(3)
        await settle(100)
        peer.hear()
        assert len(peer.answers) == MAX_IN_FLIGHT + 100
        assert peer.transport.reading


def revocation(exchange: Exchange, key: bytes) -> np.ndarray:
    """The event of a revoked key, as the feed brings it."""
    command = admin(CommandKind.KEY_REVOKE, account=TRADER_ACCOUNT)
    command["public_key"] = np.frombuffer(key, np.uint8)
    return applied_now(exchange, command)


def applied_now(exchange: Exchange, command: np.ndarray) -> np.ndarray:
    record = np.zeros(1, ADMIN_EVENT)
    record["kind"], record["command"] = EventKind.APPLIED, command
    slots = np.zeros(1, SLOT)
    slots["event"] = record.view(EVENT)
    slots["entry_ms"], slots["block_events"] = exchange.service.market_data.position.ms + 1, 1
    return slots


async def test_a_frozen_account_loses_its_sessions_and_gets_no_new_one(exchange: Exchange) -> None:
    data = exchange.service.market_data
    async with connected(exchange) as peer:
        data.apply(
            applied_now(
                exchange, admin(CommandKind.ACCOUNT_STATE, account=TRADER_ACCOUNT + 1, code=AccountState.FROZEN)
            )
        )
        await settle()
        peer.hear()
        assert peer.protocol.close_rcvd is None, "another account does not matter"
        data.apply(
            applied_now(exchange, admin(CommandKind.ACCOUNT_STATE, account=TRADER_ACCOUNT, code=AccountState.FROZEN))
        )
        await settle()
        peer.hear()
        assert peer.protocol.close_rcvd is not None and peer.protocol.close_rcvd.code == 1008
    with pytest.raises(AssertionError, match="403"):
        async with connected(exchange):
            pass


async def test_a_revoked_key_ends_its_session_at_once(exchange: Exchange) -> None:
    """And with it the lease, though the client says nothing, not even goodbye."""
    applied = event(EventKind.APPLIED)
    exchange.gateway.answers.extend([applied, applied])
    async with connected(exchange, cancelOnDisconnect=True) as peer:
        data = exchange.service.market_data
        data.apply(revocation(exchange, b"another" * 4 + b"keys"))
        await settle()
        assert len(exchange.gateway.commands) == 1, "the lease; another key does not matter"
        data.apply(revocation(exchange, bytes(TRADER.verify_key)))
        await settle()
        peer.send(("order.modify", AMEND))
        await settle()
        peer.hear()
        assert peer.protocol.close_rcvd is not None and peer.protocol.close_rcvd.code == 1008 and not peer.answers
        assert len(exchange.gateway.commands) == 2, "nothing more is executed"
        ended = np.frombuffer(exchange.gateway.commands[-1].tobytes(), admin(CommandKind.LEASE).dtype)
        assert ended["kind"] == CommandKind.LEASE and ended["b"] == 1


@asynccontextmanager
async def stranger(exchange: Exchange) -> AsyncIterator[Peer]:
    """A connection on which nobody has logged on."""
    async with connected(exchange) as peer:
        other = await opened(exchange)
        try:
            yield other
        finally:
            other.socket.connection_lost(None)
            peer.hear()


async def opened(exchange: Exchange) -> Peer:
    bound = socket_class(exchange.service, Metrics(config(Path("/nowhere"))))
    peer = Peer(
        bound(cast(Config, None), ServerState(), {}), Transport(), ClientProtocol(parse_uri("ws://exchange/ws/orders"))
    )
    peer.socket.connection_made(peer.transport)
    peer.protocol.send_request(peer.protocol.connect())
    peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
    peer.hear()
    return peer


async def test_one_turn_of_the_loop_reads_a_bounded_piece(exchange: Exchange) -> None:
    """However much a client sends at once, others get their turns between."""
    async with connected(exchange) as peer:
        for _ in range(5_000):
            peer.protocol.send_text(b"{}")
        peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
        await settle(3)
        peer.hear()
        assert 0 < len(peer.answers) < 2_500 and not peer.transport.reading
        await settle(100)
        peer.hear()
        assert len(peer.answers) == 5_000 and peer.transport.reading


async def test_who_does_not_log_on_is_sent_away_after_a_few_messages(exchange: Exchange) -> None:
    async with stranger(exchange) as peer:
        for _ in range(5_000):
            peer.protocol.send_text(b"{}")
        peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
        await settle(100)
        peer.hear()
        assert len(peer.answers) == MOST_REFUSED
        assert peer.protocol.close_rcvd is not None and peer.protocol.close_rcvd.code == 1008


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG, Opcode.CONT])
async def test_frames_that_are_no_messages_count_before_a_logon(exchange: Exchange, opcode: Opcode) -> None:
    """A ping is answered, and a part is kept: of these a stranger has a few."""
    async with stranger(exchange) as peer:
        flood = Frame(opcode, b"", fin=opcode is not Opcode.CONT).serialize(mask=True)
        begun = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True)
        peer.socket.data_received((begun if opcode is Opcode.CONT else b"") + flood * (MOST_FRAMES - 2))
        await settle(50)
        peer.hear()
        assert peer.protocol.close_rcvd is None
        peer.socket.data_received(flood * 2)
        await settle(50)
        peer.hear()
        assert peer.protocol.close_rcvd is not None and peer.protocol.close_rcvd.code == 1008


async def test_frames_are_charged_to_the_address(exchange: Exchange, tmp_path: Path) -> None:
    """Of somebody who has logged on, too: what is left in the bucket are a few refusals, then the connection ends."""
    made = replace(RateLimits.none(), requests_per_second=1, requests_burst=500)
    async with connected(exchange) as peer:
        limits = RateLimiter(tmp_path / "limits", made)
        object.__setattr__(exchange.service, "limits", limits)  # after the logon
        ping = Frame(Opcode.PING, b"").serialize(mask=True)
        peer.socket.data_received(ping * 450)
        await settle(50)
        peer.hear()
        assert peer.protocol.close_rcvd is None
        assert int(dict(limits.allowance(""))[b"X-RateLimit-Remaining"]) <= 100
        peer.socket.data_received(ping * 1_000)
        await settle(50)
        peer.hear()
        object.__setattr__(exchange.service, "limits", None)
        limits.close()
        assert peer.protocol.close_rcvd is not None and "Too many" in peer.protocol.close_rcvd.reason


@pytest.mark.parametrize("more", [{}, {"postOnly": True, "clientId": 1}])
async def test_orders_are_charged_to_the_address(exchange: Exchange, tmp_path: Path, more: dict[str, Any]) -> None:
    """However short their way is, and however many come in one piece: as many as the bucket has, and no other."""
    made = replace(RateLimits.none(), requests_per_second=1, requests_burst=20)
    async with connected(exchange) as peer:
        limits = RateLimiter(tmp_path / "limits", made)
        object.__setattr__(exchange.service, "limits", limits)  # after the logon
        exchange.gateway.answers.extend([event(EventKind.ACCEPTED, price_ticks=10_000, quantity_lots=100)] * 25)
        peer.send(*[("order.place", ORDER | more)] * 5)
        assert dict(limits.allowance(""))[b"X-RateLimit-Remaining"] == b"15"
        peer.send(*[("order.place", ORDER | more)] * 20)
        await settle(50)
        peer.hear()
        object.__setattr__(exchange.service, "limits", None)
        limits.close()
        statuses = [answer["status"] for answer in peer.answers]
        assert statuses[:20] == [200] * 20 and statuses.count(429) >= 4 and len(statuses) == 25


async def test_who_says_nothing_is_sent_away_after_a_time(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_socket, "PING_SECONDS", 0.05)
    monkeypatch.setattr(order_socket, "LOGON_SECONDS", 0.04)  # over at the first look, so nobody can miss a ping
    async with stranger(exchange) as peer:
        while peer.protocol.close_rcvd is None:
            peer.protocol.send_ping(b"alive")
            peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
            await asyncio.sleep(0.02)
            peer.hear()
        assert peer.protocol.close_rcvd.code == 1008


async def test_a_message_has_so_many_fragments(exchange: Exchange) -> None:
    async with connected(exchange) as peer:
        peer.protocol.send_text(b"{", fin=False)
        for _ in range(order_socket.MAX_FRAGMENTS + 1):
            peer.protocol.send_continuation(b"", fin=False)
        peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
        await settle(100)
        peer.hear()
        assert peer.protocol.close_rcvd is not None and peer.protocol.close_rcvd.code == 1008


ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}


@pytest.mark.parametrize("given", ["", '"id":null,', '"id":1.5,', '"id":1e400,', '"id":true,', '"id":[],'])
async def test_no_order_is_executed_whose_answer_could_not_be_found(exchange: Exchange, given: str) -> None:
    async with connected(exchange) as peer:
        before, params = len(exchange.gateway.commands), json.dumps(ORDER)
        peer.protocol.send_text(f'{{{given}"method":"order.place","params":{params}}}'.encode())
        peer.socket.data_received(b"".join(peer.protocol.data_to_send()))
        await settle()
        peer.hear()
        (answer,) = peer.answers[-1:]
        assert (answer["id"], answer["status"]) == (None, 400) and "`id`" in answer["error"]["message"]
        assert len(exchange.gateway.commands) == before
