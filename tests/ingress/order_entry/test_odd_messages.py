"""Whatever a client says, each message has one answer, and what follows it in the same piece is executed."""

import json
from itertools import product
from typing import Any

import pytest

from engine_core.wire.codes import EventKind, Reason
from ingress.order_entry.session import LOGON, METHODS
from ingress.order_entry.socket import PIECE
from tests.ingress.fakes import TRADER, Exchange, event
from tests.ingress.fast_path.test_websocket_orders import frame
from tests.ingress.order_entry.test_pieces import cancel, message, script
from tests.ingress.order_entry.test_socket import AMEND, Peer, connected, settle, stranger
from tests.ingress.sessions import logon

ODD: list[Any] = [None, True, 5, -1, 1.5, 10**30, "", "x", "é", "\x00", "x" * 200, [], [1], {}, {"a": [1]}, [[]]]
MEMBERS = (
    *("symbol", "side", "orderType", "price", "quantity", "clientId", "orderId", "timeInForce", "postOnly"),
    *("selfTradePrevention", "triggerPrice", "triggerBy", "displayQuantity", "slippageToleranceType", "quoteQuantity"),
    *("apiKey", "signature", "timestamp", "window", "cancelOnDisconnect"),
)
ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Market", "quantity": "1", "orderId": "7"}


async def answers(peer: Peer, texts: list[str]) -> list[dict[str, Any]]:
    """Each text in a frame of its own, all in one piece."""
    peer.answers.clear()
    peer.socket.data_received(b"".join(frame(text.encode()) for text in texts))
    await settle(10 + len(texts) // 4)
    peer.hear()
    return peer.answers


@pytest.mark.parametrize("method", [[], {}, [1], {"a": 1}, None, True, 5, "", "order.placed"])
async def test_a_stranger_s_method_may_be_anything(exchange: Exchange, method: Any) -> None:
    async with stranger(exchange) as peer:
        found = await answers(peer, [json.dumps({"id": 1, "method": method, "params": {}}), '{"id":2,"method":"x"}'])
        assert [(each["id"], each["status"]) for each in found] == [(1, 400), (2, 400)]
        assert "`method`" in found[0]["error"]["message"]


async def test_what_stands_behind_an_odd_method_is_executed(exchange: Exchange) -> None:
    """In one piece, read in several turns of the loop."""
    odd = frame(b'{"id":1,"method":["order.place"],"params":{}}' + b" " * PIECE)
    async with connected(exchange) as peer:
        script(exchange, 1, 1)
        peer.socket.data_received(frame(message(0)) + odd + frame(cancel(2)) + odd + frame(b"{}"))
        await settle(60)
        peer.hear()
        assert [(each["id"], each["status"]) for each in peer.answers] == [
            *((0, 200), (1, 400), (2, 404), (1, 400), (None, 400))
        ]


@pytest.mark.parametrize("leased", [False, True])
@pytest.mark.parametrize("method", [LOGON, *METHODS])
async def test_members_may_be_anything(exchange: Exchange, method: str, leased: bool) -> None:
    """None of it is a fault of our own, and each message has its answer."""
    exchange.gateway.answers.append(event(EventKind.APPLIED))
    given = logon(TRADER) if method == LOGON else ORDER
    odd = [given | {name: value} for name, value in product(MEMBERS, ODD)] + ODD
    async with connected(exchange, cancelOnDisconnect=leased) as peer:
        texts = [json.dumps({"id": number, "method": method, "params": params}) for number, params in enumerate(odd)]
        exchange.gateway.answers.extend([event(EventKind.REJECTED, reason=Reason.ORDER_NOT_FOUND)] * len(odd))
        found = await answers(peer, texts)
        assert sorted(each["id"] for each in found) == list(range(len(odd)))
        assert {each["status"] for each in found} <= {200, 400, 401, 403, 404, 501}
        exchange.gateway.answers.clear()
        exchange.gateway.answers.append(event(EventKind.APPLIED))  # the end of the lease


async def test_a_fault_of_our_own_is_answered_and_logged(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On either way; what is sent behind it is executed."""

    def broken(*_: object) -> None:
        raise KeyError("nobody has foreseen this")

    async with connected(exchange) as peer:
        append = exchange.gateway.append
        monkeypatch.setattr(exchange.gateway, "append", broken)
        peer.socket.data_received(frame(message(1)) + frame(cancel(2)) + frame(message(3, "order.modify", AMEND)))
        await settle()
        monkeypatch.setattr(exchange.gateway, "append", append)
        script(exchange, 1, 0)
        peer.socket.data_received(frame(message(4)))
        await settle()
        peer.hear()
        assert [(each["id"], each["status"]) for each in peer.answers] == [(1, 500), (2, 500), (3, 500), (4, 200)]
        assert {each["error"]["code"] for each in peer.answers[:3]} == {"SERVER_ERROR"}
        assert [record.name for record in caplog.records] == ["ingress.order_entry.session"] * 3
        assert peer.socket._session is not None and peer.socket._session.in_flight == 0
