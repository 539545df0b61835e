"""What is fuzzed: for each reader how inputs are made and what must be true of each of them.

A check raises whatever it finds wrong; refusals that a reader has for bad input are no finding.
"""

import asyncio
import contextlib
import io
import json
import math
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import numpy as np

from engine_core.administration.client import admin
from engine_core.book.audit import audit
from engine_core.cli import _parser
from engine_core.config import exchange_toml
from engine_core.config.settings import default_config
from engine_core.config.toml_section import ConfigError
from engine_core.runtime.machine import Machine
from engine_core.runtime.snapshots import snapshot
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION
from engine_core.wire.streams import BlockError, EntryId, decode_block, encode_block
from ingress.access.authenticator import cookie_of
from ingress.errors import ApiError
from ingress.messages import Call
from ingress.requests.signed_json import (
    Number,
    compact_json,
    parse_body,
    parse_object,
    parse_objects,
    parse_query,
    signed_pairs,
)
from tests.fuzz import behind_nginx, http_differential
from tests.fuzz.mutate import mutated, split
from tests.ingress.fakes import open_exchange
from tests.ingress.fast_path import test_http_batches, test_http_orders, test_websocket_orders
from tests.ingress.fast_path.test_http_orders import LIMIT, request
from tests.ingress.order_entry.test_socket import opened
from tests.runtime.rig import SMALL, block_of, flow, setup

LOG_ID: Final = 99
ORDERS: Final = [
    request(LIMIT),
    request(LIMIT | {"clientId": 7, "postOnly": False}, b"X-Window: 5000", b"Content-Type: application/json"),
    request(json.dumps(LIMIT, indent=1).encode(), b"Connection: keep-alive", b"Accept: */*"),
]
ORDER_PIECES: Final = [
    *http_differential.PIECES,
    b'"price":"1",',
    b"Content-Encoding: gzip\r\n",
    b"Host: b\r\n",
    b"}",
    b"{",
    b'"',
]
BATCHES: Final = [
    json.dumps([LIMIT]).encode(),
    json.dumps([LIMIT, test_http_batches.ASK], separators=(",", ":")).encode(),
    json.dumps([LIMIT | {"clientId": 7}] * 3, indent=1).encode(),
]
BATCH_REQUESTS: Final = [
    test_http_batches.request(BATCHES[0]),
    test_http_batches.request(BATCHES[1], b"X-Window: 5000", b"Content-Type: application/json"),
    test_http_batches.request(BATCHES[2], b"Connection: keep-alive", b"Accept: */*"),
]
MESSAGES: Final = [
    json.dumps({"id": 1, "method": "order.place", "params": LIMIT}, separators=(",", ":")).encode(),
    json.dumps({"id": "a-1", "method": "order.place", "params": LIMIT | {"clientId": 7}}).encode(),
    b'{"id":2,"method":"session.logon","params":{"apiKey":"","timestamp":1,"signature":""}}',
]
JSON_PIECES: Final = [
    b'"',
    b"\\",
    b"\\u",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"1",
    b"-",
    b"e",
    b".",
    b"null",
]
JSON_SEEDS: Final = [
    *MESSAGES,
    b'{"a":[1,2.5e3,-0,true,null,"\\u00e4\\"x"],"b":{}}',
    b"[{},[[]],1]",
    '{"ä":"𝄞"}'.encode(),
]
TEXTS: Final = [
    b"a=b&c=%C3%A4+x",
    b"session=abc; other=1",
    b'session="a\\"b"; session=c',
    b"symbol=SOL_USDC&limit=10&limit=",
]
ARGUMENTS: Final = (
    *("up", "status", "keys", "create", "deposit", "withdraw", "accounts", "apply", "verify", "snapshot", "inspect"),
    *("reset", "logs", "top", "skip", "upgrade", "accept-loss", "bench", "replay", "warm", "env", "--data", "--yes"),
    *(
        "--http",
        "--json",
        "-n",
        "--config",
        "--profile",
        "--reference",
        "0",
        "-1",
        "1e9",
        "USDC",
        "9" * 30,
        "",
        "ü",
        "\x00",
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """`make` an input from a random source, and `check` it; the source also says how it is split."""

    make: Callable[[random.Random], bytes]
    check: Callable[[bytes, random.Random], None]


def _of(seeds: list[bytes], pieces: list[bytes], most: int = 8192) -> Callable[[random.Random], bytes]:
    return lambda draw: mutated(draw, seeds, pieces, most)


def check_order(data: bytes, draw: random.Random) -> None:
    test_http_orders.agree(data)


def make_batch(draw: random.Random) -> bytes:
    """Half of them with a body of the length that the head says, which a changed body seldom has."""
    if draw.random() < 0.5:
        return mutated(draw, BATCH_REQUESTS, ORDER_PIECES, 4096)
    pieces = [*JSON_PIECES, json.dumps(LIMIT).encode() + b",", b'"price":"1",', b"},{", b" "]
    return test_http_batches.request(mutated(draw, BATCHES, pieces, 3072))


def check_batch(data: bytes, draw: random.Random) -> None:
    test_http_batches.agree(data)


def check_message(data: bytes, draw: random.Random) -> None:
    test_websocket_orders.agree(data)


def check_members(data: bytes, draw: random.Random) -> None:
    """What is taken is what Python's own reader finds, number for number, and can be written and read again; so are an
    object's members, and those of the objects of a list, which can be signed or are refused."""
    with contextlib.suppress(ApiError):
        members = parse_object(data)
        assert list(dict(signed_pairs(members))) == list(members)
    with contextlib.suppress(ApiError):
        assert [dict(item) for item in parse_objects(data)] == parse_body(data)
    try:
        value = parse_body(data)
    except ApiError:
        return
    assert _plain(value) == _numbers(json.loads(data)), value
    assert parse_body(compact_json(value).encode()) == value


def _plain(value: Any) -> Any:
    if isinstance(value, Number):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) < 1e308 else math.copysign(math.inf, value)
    if isinstance(value, dict):
        return {name: _numbers(item) for name, item in value.items()}
    return [_numbers(item) for item in value] if isinstance(value, list) else value


def check_text(data: bytes, draw: random.Random) -> None:
    token = cookie_of(Call("GET", "/", b"", {b"cookie": data}, b""))
    assert token is None or token.encode("latin-1") in data
    with contextlib.suppress(ApiError):
        pairs = parse_query(data)
        assert pairs == parse_qsl(data.decode(), keep_blank_values=True, errors="strict")


def check_socket(data: bytes, draw: random.Random) -> None:
    """Frames on order entry before a logon, whatever they are: nothing is raised, and nothing reaches the log."""

    async def client() -> None:
        with tempfile.TemporaryDirectory() as folder:
            exchange = await open_exchange(Path(folder) / "dist")
            peer = await opened(exchange)
            for part in split(draw, data):
                peer.socket.data_received(part)
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not exchange.gateway.commands
            peer.socket.connection_lost(None)
            await asyncio.sleep(0)
            await exchange.close()

    asyncio.run(client())


def _frame(text: bytes, opcode: int = 0x81) -> bytes:
    """A masked frame; its mask is zero, so that a changed byte of the text stays one."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return bytes([opcode]) + length + bytes(4) + text


FRAMES: Final = [_frame(text) for text in MESSAGES] + [
    _frame(b"{}", 0x01) + _frame(b"", 0x80),
    _frame(b"", 0x89),
    _frame(b"\x03\xe8", 0x88),
]


@cache
def _block() -> bytes:
    return block_of(flow(6), log_id=LOG_ID, sequence=3)


def check_block(data: bytes, draw: random.Random) -> None:
    try:
        header, records = decode_block(data, COMMAND)
    except BlockError:
        return
    assert encode_block(header, records) == data


class _Engine:
    """A machine that goes on from one input to the next."""

    def __init__(self) -> None:
        self.machine, self.entry, self.sequence = Machine(SMALL), EntryId(1_000, 0), 0
        genesis = admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=LOG_ID, b=BEHAVIOUR_VERSION, c=7)
        for records in (genesis, setup()):
            self.add(records)

    def add(self, records: np.ndarray) -> None:
        self.sequence += 1
        self.entry = EntryId(self.entry.ms + 1, 0)
        self.machine.execute(self.entry, block_of(records, log_id=LOG_ID, sequence=self.sequence))


_engine = cache(_Engine)


def make_commands(draw: random.Random) -> bytes:
    return mutated(
        draw, [flow(4, draw.randint(0, 99)).tobytes()], [bytes([at]) * 4 for at in (0, 1, 127, 128, 255)], 1024
    )


def check_commands(data: bytes, draw: random.Random) -> None:
    """Any words as commands in a good block: each is answered, and the books stay whole."""
    whole = len(data) // COMMAND.itemsize * COMMAND.itemsize
    records = np.frombuffer(data[:whole], COMMAND)
    if len(records) and not (records["kind"] == CommandKind.GENESIS).any():
        _engine().add(records)
        audit(_engine().machine.state)


@cache
def _snapshot() -> tuple[Path, bytes]:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    engine = _Engine()
    path = snapshot.write(folder, 0, engine.machine.state, snapshot.Place(LOG_ID, 1, engine.entry, 0))
    return path, path.read_bytes()


def make_snapshot(draw: random.Random) -> bytes:
    """Damaged near its beginning, where its sizes stand, or anywhere."""
    data = bytearray(_snapshot()[1])
    for _ in range(draw.randint(1, 3)):
        data[draw.randrange(draw.choice((200, len(data))))] = draw.randint(0, 255)
    return bytes(data[: draw.choice((len(data), len(data), draw.randint(0, len(data))))])


def check_snapshot(data: bytes, draw: random.Random) -> None:
    path, whole = _snapshot()
    damaged = path.with_name("0-5-0.snapshot")
    damaged.write_bytes(data)
    try:
        snapshot.read(damaged)
    except snapshot.SnapshotError:
        return
    assert data == whole


def check_configuration(data: bytes, draw: random.Random) -> None:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        with contextlib.suppress(ConfigError):
            exchange_toml.load(file.name)


def make_arguments(draw: random.Random) -> bytes:
    return "\n".join(draw.choice(ARGUMENTS) for _ in range(draw.randint(0, 6))).encode()


def check_arguments(data: bytes, draw: random.Random) -> None:
    """Reading them only: usage errors end with status 2 and say something."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            _parser().parse_args(data.decode(errors="replace").split("\n"))
        except SystemExit as end:
            assert end.code in (0, 2) and said.getvalue()


def _configuration() -> list[bytes]:
    return [default_config().read_bytes()]


TARGETS: Final[dict[str, Target]] = {
    "http": Target(http_differential.make, http_differential.check),
    "http-behind-nginx": Target(http_differential.make, behind_nginx.check),
    "order-request": Target(_of(ORDERS, ORDER_PIECES, 2048), check_order),
    "batch-request": Target(make_batch, check_batch),
    "order-message": Target(_of(MESSAGES, JSON_PIECES, 2048), check_message),
    "json-members": Target(_of(JSON_SEEDS, JSON_PIECES), check_members),
    "query-and-cookie": Target(_of(TEXTS, [b"&", b"=", b";", b"%", b"%ff", b"+", b'"', b"\\", b" "]), check_text),
    "websocket": Target(
        _of(FRAMES, [bytes([at]) for at in (0x80, 0x81, 0x88, 0x7E, 0x7F, 0xFE, 0xFF, 0)]), check_socket
    ),
    "block": Target(lambda draw: mutated(draw, [_block()], [b"\x00", b"\xff" * 8]), check_block),
    "commands": Target(make_commands, check_commands),
    "snapshot": Target(make_snapshot, check_snapshot),
    "configuration": Target(
        _of(_configuration(), [b"=", b"[", b"]", b"-1", b"1e9", b'"', b"\n", b"true"], 65536), check_configuration
    ),
    "command-line": Target(make_arguments, check_arguments),
}
