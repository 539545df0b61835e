"""What a client may say and what it is answered: errors, acknowledgements, bounds, authentication, the last words."""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from egress import hub
from egress.names import Kind, Stream, parse
from engine_core.administration.client import admin
from engine_core.edge import session_tokens
from engine_core.wire.codes import AccountState, CommandKind, Side
from tests.egress.rig import KEYS, READ_NOTHING, SECRET, running, signature

SYMBOLS = {"SOL_USDC": None, "BTC_USDC": None}


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        ("trade.SOL_USDC", Stream(Kind.TRADE, "SOL_USDC")),
        ("ticker@BTC_USDC", Stream(Kind.TICKER, "BTC_USDC")),
        ("depth.600ms@SOL_USDC", Stream(Kind.DEPTH, "SOL_USDC", window_ms=600)),
        ("kline@1month.SOL_USDC", Stream(Kind.KLINE, "SOL_USDC", interval="1month")),
        ("account.orderUpdate", Stream(Kind.ORDER_UPDATE, private=True)),
        ("account@orderUpdate@SOL_USDC", Stream(Kind.ORDER_UPDATE, "SOL_USDC", private=True)),
        ("account.balanceUpdate", Stream(Kind.BALANCE_UPDATE, private=True)),
        ("account.rfqUpdate.SOL_USDC", Stream(Kind.SILENT, "SOL_USDC", private=True)),
        ("account.positionUpdate", Stream(Kind.SILENT, private=True)),
        ("liquidation", Stream(Kind.SILENT)),
        ("markPrice.SOL_USDC", Stream(Kind.SILENT, "SOL_USDC")),
    ],
)
def test_names_of_the_grammar(name: str, stream: Stream) -> None:
    assert parse(name, SYMBOLS) == stream


@pytest.mark.parametrize(
    "name",
    [
        "",
        "trade",
        "trade.",
        "trade.sol_usdc",
        "trade.XXX_USDC",
        "trade.SOL_USDC.",
        "trade:SOL_USDC",
        "SOL_USDC@trade",
        "depth.100ms.SOL_USDC",
        "depth.200ms",
        "kline.SOL_USDC",
        "kline.2m.SOL_USDC",
        "kline.1M.SOL_USDC",
        "account",
        "account.balanceUpdate.SOL_USDC",
        "account.orderUpdate.XXX",
        "account.fills",
        "x" * 100,
        "markPrice",
        "..",
    ],
)
def test_names_outside_the_grammar(name: str) -> None:
    assert parse(name, SYMBOLS) is None


async def test_a_bad_name_is_refused_and_the_others_count() -> None:
    async with running() as rig, rig.listen() as client:
        await client.say(method="SUBSCRIBE", params=["nonsense", "trade.SOL_USDC", "trade.NO_SUCH"], id="a")
        error = await client.answer()
        assert (error["id"], error["error"]["code"]) == ("a", 4006)
        assert error["error"]["message"] == "Invalid streams: nonsense, trade.NO_SUCH"
        rig.flow.trade(Side.BID, 10, 1, 1)
        rig.feed()
        assert (await client.event())["stream"] == "trade.SOL_USDC"
        await client.say(method="SUBSCRIBE", params=["nonsense"])
        assert (await client.answer())["id"] is None


async def test_all_bad_names_are_told_as_far_as_there_is_room() -> None:
    async with running() as rig, rig.listen() as client:
        await client.say(method="SUBSCRIBE", params=[f"bad{n}" for n in range(40)] + ["x" * 100_000], id=1)
        message = (await client.answer())["error"]["message"]
        assert message.startswith("Invalid streams: bad0, bad1,") and message.endswith("bad31 and 9 more")
        await client.say(method="SUBSCRIBE", params=["x" * 100_000, "account.orderUpdate"], id=2)
        answer = (await client.answer())["error"]
        assert answer["message"].startswith(f"Invalid stream: {'x' * 64}…; Not authorised") and answer["code"] == 4006


async def test_without_an_id_nothing_is_acknowledged_and_extra_members_are_tolerated() -> None:
    async with running() as rig, rig.listen() as client:
        await client.say(method="SUBSCRIBE", params=["trade.SOL_USDC"], whatever={"a": [1]})
        await client.say(method="SUBSCRIBE", params=[], id={"any": "thing"})
        assert await client.answer() == {"id": {"any": "thing"}, "result": None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"params":[]}',
        '{"method":"SUBSCRIBE","params":"trade.SOL_USDC"}',
        '{"method":7}',
        '{"method":"SUBSCRIBE","params":[1]}',
        '{"method":"GET","params":[]}',
        "\x00",
        '{"method":"subscribe"}',
    ],
)
async def test_malformed_frames_are_told_so_and_the_connection_lives(text: str) -> None:
    async with running() as rig, rig.listen() as client:
        await client.socket.send(text)
        assert (await client.answer())["error"]["code"] == 4000
        await client.subscribe("trade.SOL_USDC")


@pytest.mark.parametrize(
    "members",
    [
        {"method": "SUBSCRIBE", "params": "trade.SOL_USDC"},
        {"method": "SUBSCRIBE", "params": [1, None]},
        {"params": ["trade.SOL_USDC"]},
        {"method": 7},
    ],
)
async def test_what_cannot_be_taken_is_answered_by_its_id(members: dict[str, Any]) -> None:
    async with running() as rig, rig.listen() as client:
        for number in (9, "nine"):
            await client.say(**members, id=number)
            answer = await client.answer()
            assert (answer["id"], answer["error"]["code"]) == (number, 4000)
        await client.say(**members, id=[9])
        assert (await client.answer())["id"] is None


async def test_a_fault_of_our_own_is_answered_and_takes_no_frame_along(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("nobody has foreseen this")

    async with running() as rig, rig.listen() as client, rig.listen() as other:
        monkeypatch.setattr(rig.server.hub, "add_names", broken)
        for number in (1, 2):
            await client.say(method="SUBSCRIBE", params=["trade.SOL_USDC"], id=number)
            answer = await client.answer()
            assert (answer["id"], answer["error"]["code"]) == (number, 5000)
        monkeypatch.undo()
        await client.subscribe("trade.SOL_USDC")
        await other.subscribe("trade.SOL_USDC")
    assert [record.name for record in caplog.records] == ["egress.session"] * 2


async def test_frames_of_bytes_not_of_utf8_and_nested_too_deeply() -> None:
    async with running() as rig, rig.listen() as client:
        await client.socket.send('{"method":"SUBSCRIBE","id":' + "[" * 60_000)
        assert (await client.answer())["error"]["code"] == 4000
        await client.socket.send(b'{"method":"SUBSCRIBE","params":[],"id":1}')
        assert await client.answer() == {"id": 1, "result": None}
        await client.socket.send(b'{"method":"\xff"}')
        assert (await client.answer())["error"]["code"] == 4000


async def test_too_many_messages_and_streams() -> None:
    async with running(burst=5, per_second=0, refused=3, streams=3) as rig, rig.listen() as client:
        names = ["trade.SOL_USDC", "depth.SOL_USDC", "trade.BTC_USDC", "liquidation"]
        await client.say(method="SUBSCRIBE", params=names, id=1)
        assert (await client.answer())["error"]["code"] == 4029
        await client.subscribe(*names[:3])
        for _ in range(9):
            await client.say(method="UNSUBSCRIBE", params=[])
        assert (await client.answer())["error"]["code"] == 4029
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await client.answer()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1013


async def test_only_its_paths_exist_and_connections_are_bounded() -> None:
    async with running(connections=1) as rig, rig.listen("/ws"):
        for path, status, code in (("/other", 404, "RESOURCE_NOT_FOUND"), ("/", 503, "MAINTENANCE")):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://127.0.0.1:{rig.server.port}{path}"):
                    pass
            response = refused.value.response
            assert response.status_code == status and response.headers["Content-Type"] == "application/json"
            body = json.loads(response.body)
            assert body.keys() == {"code", "message"} and body["code"] == code
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        writer.close()
    async with running() as rig:
        async with httpx.AsyncClient() as client:
            plain = await client.get(f"http://127.0.0.1:{rig.server.port}/ws")  # asked by no WebSocket
        assert plain.status_code == 426 and plain.headers["Upgrade"] == "websocket"
        assert plain.json()["code"] == "UPGRADE_REQUIRED" and "WebSocket" in plain.json()["message"]


async def test_a_client_that_offers_compression_is_served_without() -> None:
    async with running() as rig, rig.listen(compression="deflate") as client:
        assert client.socket.protocol.extensions == []
        await client.subscribe("trade.SOL_USDC")


async def test_an_open_connection_keeps_little() -> None:
    """Ten thousand of them may be idle: no headers, and no dictionary of attributes to itself (of more than 30)."""
    async with running() as rig, rig.listen(additional_headers={"X-Long": "x" * 4_000}) as listener:
        await listener.subscribe("trade.SOL_USDC")
        (client,) = rig.hub.clients
        connection: Any = client.socket
        assert list(connection.request.headers) == list(connection.response.headers) == []
        assert len(vars(connection)) <= 30


async def test_private_streams_need_a_signature() -> None:
    bad = [
        None,
        [],
        ["a", "b", "c", "d"],
        signature(2)[:3],
        signature(2, age_ms=6_000, window=5_000),
        signature(2, window=60_001),
    ]
    tampered = signature(2)
    tampered[1] = signature(3)[1]
    readless = signature(2, key=READ_NOTHING)
    async with running() as rig, rig.listen() as client:
        for given in [*bad, tampered, readless, {"a": 1}]:
            await client.say(method="SUBSCRIBE", params=["account.orderUpdate"], signature=given, id=3)
            assert (await client.answer())["error"]["code"] == 4005
        for token in (
            "",
            "nonsense",
            session_tokens.issue(2, b"another secret", 60),
            session_tokens.issue(2, SECRET, -1),
            7,
        ):
            await client.say(method="SUBSCRIBE", params=["account.orderUpdate"], session=token, id=4)
            assert (await client.answer())["error"]["code"] == 4005
        rig.flow.level(Side.BID, 10, 1)
        rig.feed()
        assert await client.silent()


async def test_public_and_private_names_in_one_frame() -> None:
    async with running() as rig, rig.listen() as client:
        names = ["account.orderUpdate", "account.rfqUpdate", "trade.SOL_USDC"]
        await client.say(method="SUBSCRIBE", params=names)
        assert (await client.answer())["error"]["code"] == 4005
        rig.flow.trade(Side.BID, 10, 1, 1)
        rig.feed()
        assert (await client.event())["stream"] == "trade.SOL_USDC"
        await client.subscribe(*names, signature=signature(2))
        rig.flow.level(Side.BID, 10, 1)
        rig.feed()
        assert (await client.event())["stream"] == "account.orderUpdate"


async def test_a_revoked_key_loses_its_private_streams_at_once() -> None:
    async with running() as rig, rig.listen() as revoked, rig.listen() as other:
        await revoked.subscribe("account.orderUpdate", signature=signature(2))
        await other.subscribe("account.orderUpdate", signature=signature(3))
        record = admin(CommandKind.KEY_REVOKE, account=2)
        record["public_key"] = bytearray(bytes(KEYS[2].verify_key))
        rig.flow.admin(record)
        rig.flow.level(Side.BID, 10, 1)
        rig.feed()
        with pytest.raises(ConnectionClosed) as closed:
            await revoked.event()
        assert closed.value.rcvd is not None and "revoked" in closed.value.rcvd.reason
        assert closed.value.rcvd.code == 1008, "trying again is of no use"
        assert await other.silent()


async def test_a_frozen_account_loses_its_private_streams_at_once_and_gets_none() -> None:
    token = session_tokens.issue(2, SECRET, 60)
    async with running() as rig, rig.listen() as of_key, rig.listen() as of_page, rig.listen() as other:
        await of_key.subscribe("account.orderUpdate", signature=signature(2))
        await of_page.subscribe("account.balanceUpdate", session=token)
        await other.subscribe("account.orderUpdate", signature=signature(3))
        rig.flow.admin(admin(CommandKind.ACCOUNT_STATE, account=2, code=AccountState.FROZEN))
        rig.flow.level(Side.BID, 10, 1)
        rig.feed()
        for ended in (of_key, of_page):
            with pytest.raises(ConnectionClosed) as closed:
                await ended.event()
            assert closed.value.rcvd is not None and "frozen" in closed.value.rcvd.reason
        for proof in ({"signature": signature(2)}, {"session": token}):
            await other.say(method="SUBSCRIBE", params=["account.balanceUpdate"], id=1, **proof)
            assert (await other.answer())["error"]["message"] == "Not authorised: the account is frozen"


async def test_a_session_that_runs_out_ends_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as rig, rig.listen() as short, rig.listen() as long:
        await short.subscribe("account.orderUpdate", session=session_tokens.issue(2, SECRET, 60))
        await long.subscribe("account.orderUpdate", session=session_tokens.issue(2, SECRET, 3_600))
        monkeypatch.setattr("egress.auth.time", SimpleNamespace(time_ns=lambda: time.time_ns() + 120 * 10**9))
        with pytest.raises(ConnectionClosed) as closed:
            await short.event()
        assert closed.value.rcvd is not None and "session ended" in closed.value.rcvd.reason
        assert await long.silent()


async def test_a_client_that_does_not_read_is_closed_and_others_are_not_delayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "BACKLOG_BYTES", 64 * 1024)
    async with running(transport_bytes=4096) as rig, rig.listen() as good, rig.listen_narrowly(max_queue=1) as listener:
        slow = listener.socket
        slow.transport.pause_reading()
        await listener.say(method="SUBSCRIBE", params=["trade.SOL_USDC"])
        await good.subscribe("trade.SOL_USDC")
        sent = 0
        while not rig.hub.dropped:
            for _ in range(100):
                rig.flow.trade(Side.BID, 10, 1, 1)
            rig.feed()
            sent += 100
            for _ in range(100):
                await good.data("trade.SOL_USDC")
            assert sent < 20_000, "the slow client was never dropped"
        assert len(rig.hub.clients) == 1
        slow.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await listener.event()
        assert closed.value.rcvd is None or closed.value.rcvd.code == 1013


async def test_a_client_that_reads_late_gets_merged_depth_and_every_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BACKLOG_SECONDS", 3600.0)  # else a slow machine's client is let go before it reads
    async with running(transport_bytes=4096) as rig, rig.listen_narrowly(max_queue=None) as late:
        await late.subscribe("trade.SOL_USDC", "depth.SOL_USDC")
        late.socket.transport.pause_reading()
        client = next(iter(rig.hub.clients))
        held = 0
        while held < 300:
            rig.flow.trade(Side.BID, 10 + rig.flow.entry % 50, 1, rig.flow.entry % 7)
            rig.feed()
            await asyncio.sleep(0)
            held += client.backlog is not None
            assert rig.hub.dropped == 0
        late.socket.transport.resume_reading()
        trades, last, merged = 0, 0, False
        while trades < rig.flow.trade_ids[1] or last < rig.flow.update_ids[1]:
            data = await late.data()
            if data["e"] == "trade":
                trades += 1
                assert data["t"] == trades
            else:
                assert data["U"] == last + 1
                last, merged = data["u"], merged or data["u"] > data["U"]
        assert merged and rig.hub.dropped == 0


async def test_shutdown_says_going_away() -> None:
    async with running() as rig, connect(f"ws://127.0.0.1:{rig.server.port}/") as client:
        stopping = asyncio.create_task(rig.server._server.wait_closed())  # type: ignore[union-attr]
        rig.server._server.close(code=1001)  # type: ignore[union-attr]
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        await stopping
