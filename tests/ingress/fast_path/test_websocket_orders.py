"""Order messages in their common form: whatever the kernel accepts, the general way understands just so."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from ingress.errors import ApiError
from ingress.fast_path.message_kernel import MOST_BYTES, MOST_MESSAGES, message_buffers, read_messages, take_texts
from ingress.fast_path.order_kernel import rules_of
from ingress.order_entry.session import _id_of
from ingress.requests import order_commands
from ingress.requests.signed_json import parse_object
from tests.ingress.fast_path.test_http_orders import MEMBERS, SETUP

MARKETS = list(SETUP.markets.values())
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1.5", "clientId": 7}


def plain(message: bytes) -> tuple[bytes, bytes] | None:
    """(id, command) as the kernel reads it, None if it declines."""
    made = message_buffers()
    made.ends[0] = len(message)
    if not read_messages(message, 0, 1, rules_of(MARKETS), made):
        return None
    start, end, _ = made.found[0].tolist()
    return message[start:end], made.commands[:1].tobytes()


def general(message: bytes) -> tuple[bytes, bytes] | None:
    """The same by the general way; None if it refuses."""
    try:
        members = parse_object(message)
        params = members.get("params", {})
        if members.get("method") != "order.place" or not isinstance(params, dict):
            return None
        return _id_of(members), order_commands.place(SETUP, 0, params, lambda market, side: None).command.pack()
    except ApiError:
        return None


def agree(message: bytes) -> bool:
    read = plain(message)
    assert read is None or read == general(message)
    return read is not None


def test_common_messages_are_plain() -> None:
    for request_id in (1, 0, 123456789012345678, "a-1_B"):
        for encode in (json.dumps, lambda message: msgspec.json.encode(message).decode()):
            assert agree(encode({"id": request_id, "method": "order.place", "params": LIMIT}).encode())
    for message in (
        b'{"id":01,"method":"order.place","params":{}}',
        b'{"id":"a\\u0062","method":"order.place","params":{}}',
        json.dumps({"id": 1, "method": "order.place", "params": LIMIT, "more": 1}).encode(),
        json.dumps({"id": 1, "method": "order.place", "params": LIMIT}).encode() + b"}",
        json.dumps({"id": 1, "method": "order.cancel", "params": LIMIT}).encode(),
        json.dumps({"method": "order.place", "id": 1, "params": LIMIT}).encode(),
        *(b"", b"}", b"{}", b"{{}}", b'{"id":', b'{"id":1}', b'{"id":1,"method":"order.place","params":}'),
    ):
        assert not agree(message), message


IDS = st.one_of(st.integers(-1, 10**19), st.text('aZ09_- \\"é', max_size=40), st.none(), st.floats(0, 9))
METHODS = st.sampled_from(["order.place", "order.place", "order.placed", "order.cancel", ""])


@settings(max_examples=400, deadline=None)
@given(IDS, METHODS, MEMBERS, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]))
def test_what_is_plain_means_the_same(
    request_id: Any, method: str, params: dict[str, Any], indent: int | None, separators: tuple[str, str]
) -> None:
    message = {"id": request_id, "method": method, "params": params}
    agree(json.dumps(message, indent=indent, separators=separators).encode())


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=2), st.integers(0, 3))
@example(0, b"", 0)
def test_damaged_messages(at: int, put: bytes, cut: int) -> None:
    data = json.dumps({"id": 17, "method": "order.place", "params": LIMIT}).encode()
    agree(data[:at] + put + data[at + cut :])


def frame(text: bytes, first: int = 0x81, mask: bytes = b"\x01\x20\xff\x00") -> bytes:
    """As a client sends it."""
    size = len(text)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((first,)) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))


def taken(data: bytes) -> tuple[list[bytes], int]:
    """(texts, bytes of their frames)."""
    made = message_buffers()
    ends = made.ends[: take_texts(data, made.text, made.ends)].tolist()
    texts = [made.text[start:end].tobytes() for start, end in itertools.pairwise([0, *ends])]
    return texts, int(made.ends[MOST_MESSAGES])


TEXTS = st.lists(st.one_of(st.binary(max_size=130), st.integers(0, 300).map(lambda size: b"x" * size)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.binary(min_size=4, max_size=4), st.integers(0, 400))
def test_texts_are_taken_out_of_their_frames(texts: list[bytes], mask: bytes, missing: int) -> None:
    """As many as have come whole, whatever their masks are."""
    framed = [frame(text, mask=mask) for text in texts]
    data = b"".join(framed)
    data = data[: max(len(data) - missing, 0)]
    whole, used = 0, 0
    while whole < len(framed) and used + len(framed[whole]) <= len(data):
        used += len(framed[whole])
        whole += 1
    assert taken(data) == (texts[:whole], used)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.integers(0, 400), st.binary(max_size=3), st.integers(0, 3))
@example([b"x" * 125, b"{}"], 1, b"\xfe\x00\x7d", 1)
def test_damaged_frames_are_what_the_library_finds(texts: list[bytes], at: int, put: bytes, cut: int) -> None:
    """What is taken, the library takes for the same texts, and has no objection to."""
    data = b"".join(frame(text, mask=bytes(4)) for text in texts)
    damaged = data[:at] + put + data[at + cut :]
    found, used = taken(damaged)
    library = ServerProtocol(state=State.OPEN, max_size=MOST_BYTES)
    library.receive_data(damaged[:used])
    frames = library.events_received()
    assert [(each.opcode, each.fin, bytes(each.data)) for each in frames] == [
        (Opcode.TEXT, True, text) for text in found
    ]
    assert library.parser_exc is None and library.state is State.OPEN and not library.data_to_send()


@pytest.mark.parametrize("other", [0x01, 0x80, 0x82, 0x88, 0x89, 0xC1, 0x91])
def test_other_frames_are_the_library_s(other: int) -> None:
    """Parts of a message, binary ones, close, ping, and bits that nobody has agreed on."""
    assert taken(frame(b"{}") + frame(b"{}", other) + frame(b"{}")) == ([b"{}"], 8)


def test_frames_that_are_not_masked_or_longer_than_they_need_are_the_library_s() -> None:
    assert taken(b"\x81\x02{}") == ([], 0)
    assert taken(b"\x81\xfe\x00\x02" + bytes(4) + b"{}") == ([], 0)
    assert taken(b"\x81\xff" + bytes(7) + b"\x02" + bytes(4) + b"{}") == ([], 0)


def test_orders_of_one_piece_are_told_apart() -> None:
    """Up to the first that is not plain; a message does not go on in the next one."""
    made = message_buffers()
    order = json.dumps({"id": 17, "method": "order.place", "params": LIMIT}).encode()
    for parts, plain_ones in (
        ([order, order, b"{}", order], 2),
        ([order[:-1], b"}", order], 0),
        ([order, order[:-2], b"}}"], 1),
        ([order + b" ", order], 0),
        ([order, b" " + order], 1),
    ):
        made.ends[: len(parts)] = list(itertools.accumulate(map(len, parts)))
        assert read_messages(b"".join(parts), 0, len(parts), rules_of(MARKETS), made) == plain_ones, parts
    made.ends[:3] = [2, 2 + len(order), 2 + 2 * len(order)]
    assert read_messages(b"{}" + order + order, 1, 3, rules_of(MARKETS), made) == 2
    assert (2 + len(order)) < made.found[2][0] < made.found[2][1]
