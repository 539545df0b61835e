"""What a client sends comes in any pieces: kernels take whole texts and the library the rest, and both see the same."""

import json
import random
from typing import Any

import pytest

from engine_core.wire.codes import EventKind, OrderFlag, Reason
from ingress.order_entry.socket import PIECE, frame_size
from tests.ingress.fakes import Exchange, event
from tests.ingress.fast_path.test_websocket_orders import frame
from tests.ingress.order_entry.test_socket import Peer, connected, settle

ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1.5"}


def message(number: int, method: str = "order.place", params: Any = None) -> bytes:
    return json.dumps({"id": number, "method": method, "params": params or ORDER | {"clientId": number}}).encode()


def cancel(number: int) -> bytes:
    return message(number, "order.cancel", {"symbol": "SOL_USDC", "orderId": "7"})


def script(exchange: Exchange, orders: int, cancels: int) -> None:
    """What the engine will say: the one or the other, whatever comes first."""
    placed = [event(EventKind.ACCEPTED, flags=OrderFlag.HAS_CLIENT_ID, price_ticks=10_000, quantity_lots=150)] * orders
    exchange.gateway.answers.extend(placed + [event(EventKind.REJECTED, reason=Reason.ORDER_NOT_FOUND)] * cancels)


def in_parts(text: bytes) -> bytes:
    """One message in three frames, with a ping in between."""
    third = len(text) // 3
    first, second, last = text[:third], text[third : 2 * third], text[2 * third :]
    return frame(first, 0x01) + frame(second, 0x00) + frame(b"?", 0x89) + frame(last, 0x80)


def stream() -> tuple[bytes, list[int]]:
    """Frames of every kind, and the ids of the orders in them, in their order."""
    large = message(5)[:-2] + b" " * (2 * PIECE) + b"}}"  # a frame that never comes in one piece
    parts = [
        *(frame(message(number)) for number in range(1, 4)),
        frame(b"hello", 0x89),
        in_parts(message(4)),
        frame(large),
        *(frame(message(number)) for number in range(6, 90)),  # more than are taken at once
        frame(b"", 0x8A),
        frame(message(90)),
    ]
    return b"".join(parts), list(range(1, 91))


async def heard(exchange: Exchange, pieces: list[bytes]) -> tuple[list[int], list[int]]:
    """The client ids that reached the log, and the ids that were answered."""
    script(exchange, 200, 0)
    exchange.gateway.commands.clear()
    async with connected(exchange) as peer:
        for piece in pieces:
            peer.socket.data_received(piece)
            await settle(3)
        await settle(60)
        peer.hear()
    exchange.gateway.answers.clear()
    return [int(each["client_id"]) for each in exchange.gateway.commands], [each["id"] for each in peer.answers]


def cut(data: bytes, rng: random.Random, most: int) -> list[bytes]:
    pieces = []
    while data:
        size = rng.randint(1, most)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("most", [3, 40, 700, 5000, 100_000])
async def test_orders_are_the_same_in_any_pieces(exchange: Exchange, most: int) -> None:
    data, ids = stream()
    if most == 3:
        data = data[: len(data) // 40]  # a part of them
    reached, answered = await heard(exchange, cut(data, random.Random(most), most))
    assert reached == answered == ids[: len(reached)]
    assert len(reached) == len(ids) if most > 3 else len(reached) >= 1


async def test_messages_of_all_kinds_keep_their_order(exchange: Exchange) -> None:
    """Plain orders, cancels and what is no message at all, in one piece; each has its answer."""
    async with connected(exchange) as peer:
        for kind in "opcopcc":
            script(exchange, kind in "op", kind == "c")
        texts = [
            message(0),
            message(1, params=ORDER | {"postOnly": True}),
            cancel(2),
            message(3),
            message(4),
            cancel(5),
        ]
        texts += [b"no JSON", cancel(6), b""]
        peer.socket.data_received(b"".join(map(frame, texts)))
        await settle(60)
        peer.hear()
        assert [each["id"] for each in peer.answers] == [0, 1, 2, 3, 4, 5, None, 6, None]
        assert [each["status"] for each in peer.answers] == [200, 200, 404, 200, 200, 404, 400, 404, 400]
        assert [int(each["kind"]) for each in exchange.gateway.commands] == [1, 1, 2, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (frame(b"{}", 0x82), 1003),  # binary
        (b"\x81\x02{}", 1002),  # not masked
        (frame(b"{}", 0xC1), 1002),  # a bit that nobody has agreed on
        (frame(b"a", 0x01) + frame(b"b", 0x81), 1002),  # a new message within another
        (frame((1000).to_bytes(2, "big"), 0x88), 1000),  # it leaves
        (b"\x81\xff" + (1 << 40).to_bytes(8, "big") + bytes(4), 1009),  # too large
    ],
)
async def test_nothing_is_executed_behind_the_end(exchange: Exchange, last: bytes, code: int) -> None:
    script(exchange, 4, 0)
    exchange.gateway.commands.clear()
    async with connected(exchange) as peer:
        peer.socket.data_received(frame(message(1)) + last + frame(message(2)))
        peer.socket.data_received(frame(message(3)))
        await settle(20)
        assert [int(each["client_id"]) for each in exchange.gateway.commands] == [1]
        assert _close_code(peer) == code
    exchange.gateway.answers.clear()


def _close_code(peer: Peer) -> int:
    peer.hear()
    assert peer.protocol.close_rcvd is not None
    return int(peer.protocol.close_rcvd.code)


async def test_pings_are_answered_beside_orders(exchange: Exchange) -> None:
    script(exchange, 2, 0)
    async with connected(exchange) as peer:
        peer.transport.written.clear()
        peer.socket.data_received(frame(message(1)) + frame(b"are you there", 0x89) + frame(message(2)))
        await settle()
        written = bytes(peer.transport.written)
        assert written.index(b'{"id":1,') < written.index(b"\x8a\x0dare you there") < written.index(b'{"id":2,')


def test_the_size_of_a_frame() -> None:
    for size in (0, 1, 125, 126, 65_535):
        whole = frame(bytes(size))
        assert frame_size(whole) == frame_size(whole[:4]) == len(whole)
    assert frame_size(b"\x81\xff" + (1 << 20).to_bytes(8, "big")) == 14 + (1 << 20)
    assert [frame_size(part) for part in (b"", b"\x81", b"\x81\xfe\x01", b"\x81\xff" + bytes(7))] == [0] * 4
