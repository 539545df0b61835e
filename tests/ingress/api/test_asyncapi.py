"""The AsyncAPI document: whole, served, and true of the frames that egress really sends."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from egress.config import ConnectionLimits
from egress.names import MAX_NAME
from engine_core import VERSION
from engine_core.edge import session_tokens
from engine_core.wire.codes import EventKind, OrderFlag, OrderStatus, Reason, Side
from engine_core.wire.intervals import INTERVALS
from ingress.api import bounds
from ingress.order_entry.session import LOGON, MAX_ID, METHODS
from ingress.order_entry.socket import MAX_IN_FLIGHT, MAX_MESSAGE
from ingress.schemas.streams import EVENTS, StreamAnswer
from tests.egress.rig import SECRET, Listener, running
from tests.egress.test_private_streams import order
from tests.ingress.fakes import Exchange


async def test_both_documents_have_the_version_of_the_exchange(exchange: Exchange) -> None:
    for path in ("/openapi.json", "/asyncapi.json"):
        document = (await exchange.client.get(path)).json()
        assert document["info"]["version"] == VERSION, path


async def test_it_is_served_and_every_reference_leads_somewhere(exchange: Exchange) -> None:
    response = await exchange.client.get("/asyncapi.json")
    assert response.status_code == 200
    document = response.json()
    assert document["asyncapi"] == "3.0.0"
    references: list[str] = re.findall(r'"\$ref":"([^"]+)"', response.text)
    assert len(references) > 50
    for reference in references:
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in target, reference
            target = target[part]
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {*EVENTS, "/ws", "/ws/orders"}
    for channel in document["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", {}))


async def test_it_has_every_method_of_order_entry(exchange: Exchange) -> None:
    document = (await exchange.client.get("/asyncapi.json")).json()
    texts = re.findall(r'"(session\.\w+|order\.[a-z]\w+)"', json.dumps(document["components"]))
    assert set(texts) == {LOGON, *METHODS}


async def test_it_is_valid_by_the_official_schema(exchange: Exchange) -> None:
    """The schema comes with the page's development packages."""
    path = Path(__file__).parents[3] / "frontend/node_modules/@asyncapi/specs/schemas/3.0.0.json"
    if not path.is_file() and not os.environ.get("CI"):
        pytest.skip("the page's packages are not installed (make setup)")
    validator = jsonschema_rs.validator_for(json.loads(path.read_text()))
    document = (await exchange.client.get("/asyncapi.json")).json()
    assert [error.message for error in validator.iter_errors(document)] == []
    document["channels"]["orders"]["messages"] = []
    assert not validator.is_valid(document)


def kind_of(stream: str) -> Any:
    """The type that the document has for a stream of this name."""
    for name, kind in EVENTS.items():
        if re.fullmatch(re.sub(r"{\w+}", "[^.]+", name.replace(".", "[.]")), stream.replace("@", ".")):
            return kind
    raise AssertionError(f"{stream} is not in the document")


async def heard(client: Listener, wanted: set[tuple[str, str]]) -> None:
    """Read until each (stream, kind of event) has come; every frame must be of its documented type."""
    missing = set(wanted)
    async with asyncio.timeout(60):
        while missing:
            event = await client.event()
            assert event.keys() == {"stream", "data"}
            msgspec.convert(event["data"], kind_of(event["stream"]), strict=True)
            missing.discard((event["stream"], event["data"]["e"]))


async def test_public_frames_are_as_documented() -> None:
    async with running() as rig, rig.listen() as client:
        klines = [f"kline.{interval}.SOL_USDC" for interval in INTERVALS]
        names = {"trade.SOL_USDC": "trade", "depth@SOL_USDC": "depth", "depth.200ms.SOL_USDC": "depth"}
        names |= {"bookTicker.SOL_USDC": "bookTicker", "ticker.SOL_USDC": "ticker", "order@SOL_USDC": "order"}
        names |= dict.fromkeys(klines, "kline")
        await client.subscribe(*names)
        rig.flow.level(Side.ASK, 10_100, 5)
        rig.flow.trade(Side.BID, 10_000, 100, 1)
        rig.feed()
        await heard(client, set(names.items()))


async def test_private_frames_are_as_documented() -> None:
    async with running() as rig, rig.listen() as client:
        names = ("account.orderUpdate", "account.orderUpdate.SOL_USDC", "account.balanceUpdate")
        await client.subscribe(*names, session=session_tokens.issue(2, SECRET, 60))
        wanted = {
            EventKind.ACCEPTED: ("orderAccepted", {"client_id": 7, "flags": OrderFlag.HAS_CLIENT_ID}),
            EventKind.FILL: ("orderFill", {"trade_id": 1, "fill_lots": 3, "fee_atoms": 1}),
            EventKind.CANCELLED: ("orderCancelled", {"status": OrderStatus.CANCELLED}),
            EventKind.EXPIRED: ("orderExpired", {"status": OrderStatus.EXPIRED, "reason": Reason.FILL_OR_KILL}),
            EventKind.AMENDED: ("orderModified", {}),
            EventKind.TRIGGER_PLACED: (
                "triggerPlaced",
                {"flags": OrderFlag.TRIGGER, "trigger_ticks": 9, "status": OrderStatus.TRIGGER_PENDING},
            ),
            EventKind.TRIGGER_FAILED: ("triggerFailed", {"status": OrderStatus.TRIGGER_FAILED}),
        }
        for number, (kind, (_, fields)) in enumerate(wanted.items(), 1):
            order(rig, kind, given_available=number * 10**6, **fields)
        rig.feed()
        kinds = {name for name, _ in wanted.values()}
        streams = {(stream, kind) for stream in names[:2] for kind in kinds}
        await heard(client, streams | {("account.balanceUpdate", "balanceUpdate")})


@pytest.mark.parametrize("frame", [{"method": "SUBSCRIBE", "params": ["nothing"]}, {"method": "x"}])
async def test_errors_are_as_documented(frame: dict[str, Any]) -> None:
    async with running() as rig, rig.listen() as client:
        await client.say(**frame)
        answer = msgspec.convert(await client.answer(), StreamAnswer, strict=True)
        assert answer.error


@pytest.mark.parametrize("host", ["exchange.example:8443", "127.0.0.1:8080", "[::1]:8080", "localhost"])
async def test_it_names_the_address_that_was_asked_for(exchange: Exchange, host: str) -> None:
    """Not the one that is bound, which is every address of a machine, or none that a client can reach."""
    response = await exchange.client.get("/asyncapi.json", headers={"Host": host})
    servers = response.json()["servers"]
    assert servers["orders"]["host"] == host
    name = host if "]" not in host and ":" not in host else host.rpartition(":")[0]
    assert servers["streams"]["host"] == f"{name}:8081"
    assert "0.0.0.0" not in response.text


async def test_it_states_the_bounds_that_are_kept(exchange: Exchange) -> None:
    limits, document = ConnectionLimits(), (await exchange.client.get("/asyncapi.json")).json()
    assert {name: getattr(limits, name) for name in bounds.STREAM_BOUNDS} == bounds.STREAM_BOUNDS
    assert MAX_NAME == bounds.MAX_STREAM_NAME
    streams, orders = document["channels"]["streams"]["description"], document["channels"]["orders"]["description"]
    for stated in (limits.message_bytes, limits.streams, MAX_NAME, limits.per_second):
        assert f"{stated:,}" in streams
    for stated in (MAX_MESSAGE, MAX_IN_FLIGHT, MAX_ID):
        assert f"{stated:,}" in orders
    params = document["components"]["schemas"]["Subscription"]["properties"]["params"]
    assert (params["maxItems"], params["items"]["maxLength"]) == (limits.streams, MAX_NAME)
