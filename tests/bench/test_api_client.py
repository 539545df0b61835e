"""The market maker's HTTP client, against a server that misbehaves as servers do."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from bench.market_maker.api import ApiClient, ApiError, Credentials, Unreachable
from engine_core.edge.signing import batch_signing_text, signing_text, verify

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return head[0], headers, await reader.readexactly(int(headers.get("content-length", "0")))


def answer(status: str, content: object) -> bytes:
    body = json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    key = SigningKey(bytes(range(32)))
    path = tmp_path / "key.json"
    api_key = base64.b64encode(bytes(key.verify_key)).decode()
    path.write_text(json.dumps({"apiKey": api_key, "secret": base64.b64encode(bytes(key)).decode()}))
    return Credentials.load(path)


async def test_requests_are_signed_over_what_is_sent(credentials: Credentials) -> None:
    verified = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            line, headers, body = await read_request(reader)
            key, signature = base64.b64decode(headers["x-api-key"]), base64.b64decode(headers["x-signature"])
            stamp, window = headers["x-timestamp"], headers["x-window"]
            if line.startswith("GET"):
                text = signing_text("orderQueryAll", [("symbol", "SOL_USDC")], stamp, window)
            elif line.startswith("DELETE"):
                text = signing_text("orderCancel", list(json.loads(body).items()), stamp, window)
            else:
                items = [[(k, "true" if v is True else str(v)) for k, v in item.items()] for item in json.loads(body)]
                text = batch_signing_text("orderExecute", items, stamp, window)
            verified.append(verify(key, text, signature))
            writer.write(answer("200 OK", [line]))
        writer.close()

    async with served(handler) as url:
        client = ApiClient(url, credentials)
        first = await client.get("/api/v1/orders", {"symbol": "SOL_USDC"}, instruction="orderQueryAll")
        assert first == ["GET /api/v1/orders?symbol=SOL_USDC HTTP/1.1"]
        await client.send("DELETE", "/api/v1/order", {"symbol": "SOL_USDC", "orderId": "4"}, "orderCancel")
        items = [{"symbol": "SOL_USDC", "quantity": "1", "postOnly": True}, {"symbol": "BTC_USDC", "clientId": 3}]
        await client.send_batch("/api/v1/orders", items, "orderExecute")
        await client.close()
    assert verified == [True, True, True]


async def test_a_refusal_is_an_error_with_its_code() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer("400 Bad Request", {"code": "INVALID_PRICE", "message": "off tick"}))
        await read_request(reader)
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops")
        writer.close()

    async with served(handler) as url:
        client = ApiClient(url, None)
        with pytest.raises(ApiError, match="INVALID_PRICE: off tick") as raised:
            await client.get("/x")
        assert raised.value.status == 400
        with pytest.raises(ApiError, match="502"):
            await client.get("/x")
        await client.close()


async def test_a_stale_connection_is_retried_only_where_repeating_is_harmless(credentials: Credentials) -> None:
    seen: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, _ = await read_request(reader)  # one answer a connection, then it is closed without a word
        seen.append(line.split()[0])
        writer.write(answer("200 OK", {}))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with served(handler) as url:
        client = ApiClient(url, credentials)
        await client.get("/a")
        await asyncio.wait_for(client._reader.read(), 60)  # type: ignore[union-attr]  # until its end has arrived
        await client.get("/a")
        await asyncio.wait_for(client._reader.read(), 60)  # type: ignore[union-attr]
        with pytest.raises(Unreachable):
            await client.send("POST", "/b", {}, "orderExecute")
        await client.send("POST", "/b", {}, "orderExecute")
        await client.close()
    assert seen == ["GET", "GET", "POST"]


async def test_nobody_there_is_unreachable() -> None:
    client = ApiClient("http://127.0.0.1:9", None)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9"):
        await client.get("/x")
