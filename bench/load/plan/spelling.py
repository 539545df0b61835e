"""The bytes of orders, made before the clock starts: signed HTTP requests for REST, text frames for `/ws/orders`.

A request is signed with the time at which it is scheduled; a window of a minute covers what the start is early or late.
"""

import json
from collections.abc import Iterator

import numpy as np

from bench.load.plan.markets import Market
from bench.load.plan.orders import Orders
from bench.load.targets.api import Account, Address
from engine_core.edge.spelling import ORDER_TYPE_WORDS, SIDE_WORDS, TIME_IN_FORCE_WORDS
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType

# How REST and order entry ask for each kind: method of HTTP, its instruction, method of the WebSocket.
ASKED = {
    int(CommandKind.PLACE): ("POST", "orderExecute", "order.place"),
    int(CommandKind.CANCEL): ("DELETE", "orderCancel", "order.cancel"),
    int(CommandKind.AMEND): ("PATCH", "orderModify", "order.modify"),
}
_LIMIT, _PLACE, _AMEND = int(OrderType.LIMIT), int(CommandKind.PLACE), int(CommandKind.AMEND)
_POST_ONLY, _TRIGGER, _ICEBERG = int(OrderFlag.POST_ONLY), int(OrderFlag.TRIGGER), int(OrderFlag.ICEBERG)

TEXT_FRAME = 0x81

Body = dict[str, str | int | bool]


def body(command: np.void, market: Market) -> Body:
    """The members of a request."""
    kind = int(command["kind"])
    members: Body = {"symbol": market.symbol, "clientId": int(command["client_id"])}
    price, lots = int(command["price_ticks"]), int(command["quantity_lots"])
    if kind == _PLACE:
        flags, is_limit = int(command["flags"]), int(command["order_type"]) == _LIMIT
        members |= {"side": SIDE_WORDS[int(command["side"])], "orderType": ORDER_TYPE_WORDS[int(command["order_type"])]}
        members["triggerQuantity" if flags & _TRIGGER else "quantity"] = market.quantity(lots)
        if is_limit:
            members["price"] = market.price(price)
            members["timeInForce"] = TIME_IN_FORCE_WORDS[int(command["time_in_force"])]
        if flags & _POST_ONLY:
            members["postOnly"] = True
        if flags & _TRIGGER:
            members["triggerPrice"] = market.price(int(command["trigger_ticks"]))
        if flags & _ICEBERG:
            members["displayQuantity"] = market.quantity(int(command["display_lots"]))
    elif kind == _AMEND:
        members |= {"price": market.price(price)} if price else {}
        members |= {"quantity": market.quantity(lots)} if lots else {}
    return members


def requests(
    orders: Orders, accounts: list[Account], markets: list[Market], address: Address, start_ms: int
) -> Iterator[bytes]:
    """A signed request for each order. `start_ms`: when the run is going to begin."""
    for command, at_ns in zip(orders.commands, orders.at_ns.tolist(), strict=True):
        method, instruction, _ = ASKED[int(command["kind"])]
        members = body(command, markets[int(command["market"])])
        yield request(
            accounts[int(command["account"])], (method, instruction), members, address, start_ms + at_ns // 1_000_000
        )


def request(account: Account, asked: tuple[str, str], members: Body, address: Address, stamp_ms: int) -> bytes:
    signed = account.headers(asked[1], _texts(members), stamp_ms)
    return _http(f"{asked[0]} {address.path}/api/v1/order", address, signed, json.dumps(members).encode())


def batch(account: Account, placements: list[Body], address: Address, stamp_ms: int) -> bytes:
    """One request for several placements."""
    signed = account.headers_of("orderExecute", [_texts(members) for members in placements], stamp_ms)
    return _http(f"POST {address.path}/api/v1/orders", address, signed, json.dumps(placements).encode())


def _texts(members: Body) -> dict[str, str]:
    """As they are signed."""
    return {name: str(value).lower() if value is True else str(value) for name, value in members.items()}


def _http(asked: str, address: Address, signed: dict[str, str], content: bytes) -> bytes:
    headers = {
        "Host": address.authority,
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **signed,
    }
    lines = [
        f"{asked} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def messages(orders: Orders, markets: list[Market]) -> Iterator[bytes]:
    """A frame for each order, whose id is its place."""
    for place, command in enumerate(orders.commands):
        members = body(command, markets[int(command["market"])])
        method = ASKED[int(command["kind"])][2]
        yield frame(json.dumps({"id": place, "method": method, "params": members}).encode())


def logon(account: Account, stamp_ms: int) -> str:
    """The params of `session.logon`, as JSON."""
    headers = account.headers("sessionLogon", {}, stamp_ms)
    names = {"apiKey": "X-API-Key", "timestamp": "X-Timestamp", "window": "X-Window", "signature": "X-Signature"}
    return json.dumps({name: headers[header] for name, header in names.items()})


def frame(payload: bytes, opening: int = TEXT_FRAME) -> bytes:
    """A masked frame. A key of zeros is legal, and leaves the payload as it is."""
    length = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes((opening,)) + length + bytes(4) + payload
