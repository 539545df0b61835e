"""Order messages in their common form: whatever the kernel accepts, the general way understands just so."""

import json
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingress.errors import ApiError
from ingress.fast_path.message_kernel import message_buffers, read_message
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
    if message[-1:] != b"}" or not read_message(message[:-1], *rules_of(MARKETS), *made):
        return None
    start, end, _ = made.found.tolist()
    return message[start:end], made.command.tobytes()


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
