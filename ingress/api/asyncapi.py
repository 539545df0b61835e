"""The AsyncAPI 3 document of both WebSockets: the streams of egress and the order entry of ingress."""

from typing import Any

from engine_core import VERSION
from engine_core.wire.intervals import INTERVALS
from ingress.api import bounds, json_schema
from ingress.config import IngressConfig
from ingress.messages import Call
from ingress.order_entry.session import PATH
from ingress.schemas import streams as schemas
from ingress.users.sessions import streams

DOCUMENT_PATH = "/asyncapi.json"
_REF = "#/components/schemas/{name}"
_PARAMETERS = {
    "symbol": {"description": "A market", "examples": ["SOL_USDC"]},
    "window": {"description": "Changes within it are merged", "enum": ["200ms", "600ms", "1000ms"]},
    "interval": {"enum": list(INTERVALS)},
}
_SENT = {  # by clients, on the streams and on order entry
    "streams": (schemas.Subscription,),
    "orders": (
        *(schemas.LogonMessage, schemas.PlaceMessage, schemas.CancelMessage, schemas.ModifyMessage),
        schemas.CancelAllMessage,
    ),
}
_ANSWERED = {"streams": (schemas.StreamAnswer,), "orders": (schemas.LogonAnswer, schemas.OrderAnswer)}
_BOUNDS = {"streams": bounds.STREAMS, "orders": bounds.ORDERS}
_SESSION = {"streams": "SUBSCRIBE and UNSUBSCRIBE, and their answers", "orders": "Order entry, signed once a session"}


def _types() -> list[Any]:
    plain = [kind for group in (_SENT, _ANSWERED) for kinds in group.values() for kind in kinds]
    return list(dict.fromkeys([*plain, *schemas.EVENTS.values()]))


def document(config: IngressConfig, call: Call) -> dict[str, Any]:
    """Everything that is said, with the schema of each message; addresses are those by which the client knows us."""
    types = _types()
    found, components = json_schema.components(types, _REF)
    messages = {kind.__name__: _message(kind, schema) for kind, schema in zip(types, found, strict=True)}
    for name, kind in schemas.EVENTS.items():
        messages[_channel_of(name)] = _event_message(name, kind)
    channels = {name: _plain_channel(name) for name in _SENT} | {_channel_of(n): _channel(n) for n in schemas.EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Exchange streams and order entry", "version": VERSION, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": _servers(config, call),
        "channels": channels,
        "operations": _operations(),
        "components": {"schemas": components, "messages": messages},
    }


def _servers(config: IngressConfig, call: Call) -> dict[str, Any]:
    """Where the request itself went to, whatever address is bound; the streams have another port, or a proxy's door."""
    door = streams(call, config.ws_port)
    asked = call.headers[b"host"].decode("latin-1") if door else ""
    if not door:  # the Host is malformed
        host = f"[{config.host}]" if ":" in config.host else config.host
        door, asked = f"ws://{host}:{config.ws_port}", f"{host}:{config.http_port}"
    protocol, _, host = door.partition("://")
    return {
        "streams": {"host": host, "pathname": "/ws", "protocol": protocol, "description": bounds.STREAMS},
        "orders": {"host": asked, "pathname": PATH, "protocol": protocol, "description": bounds.ORDERS},
    }


_DESCRIPTION = (
    "Subscribe to streams by name; `.` and `@` are equal separators, and each event repeats the name as subscribed. "
    "Depth and single orders share one sequence of numbers a market: U(next) = u(previous) + 1. "
    "A signature is good once: that of a logon for one session, that of a SUBSCRIBE for one connection."
)


def _channel_of(name: str) -> str:
    return name.replace("{", "").replace("}", "").replace(".", "_")


def _message(kind: Any, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": kind.__name__, "summary": (kind.__doc__ or kind.__name__).split("\n", 1)[0], "payload": schema}


def _event_message(name: str, kind: Any) -> dict[str, Any]:
    data = {"$ref": _REF.format(name=kind.__name__)}
    members = {"stream": {"type": "string", "description": f"{name}, as subscribed"}, "data": data}
    payload = {"type": "object", "required": ["stream", "data"], "properties": members}
    return {"name": name, "summary": (kind.__doc__ or name).split("\n", 1)[0], "payload": payload}


def _plain_channel(name: str) -> dict[str, Any]:
    kinds = [*_SENT[name], *_ANSWERED[name]]
    return {
        "address": PATH if name == "orders" else "/ws",
        "description": f"{_SESSION[name]}. {_BOUNDS[name]}",
        "servers": [{"$ref": f"#/servers/{name}"}],
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds},
    }


def _channel(name: str) -> dict[str, Any]:
    key = _channel_of(name)
    parameters = {parameter: value for parameter, value in _PARAMETERS.items() if f"{{{parameter}}}" in name}
    channel = {
        "address": name,
        "servers": [{"$ref": "#/servers/streams"}],
        "messages": {key: {"$ref": f"#/components/messages/{key}"}},
    }
    return channel | ({"parameters": parameters} if parameters else {})


def _operations() -> dict[str, Any]:
    """From the application's side: it receives what clients send."""
    operations: dict[str, Any] = {}
    for name in _SENT:
        channel = {"$ref": f"#/channels/{name}"}
        for action, group in (("receive", _SENT), ("send", _ANSWERED)):
            references = [{"$ref": f"#/channels/{name}/messages/{kind.__name__}"} for kind in group[name]]
            operations[f"{action}_{name}"] = {"action": action, "channel": channel, "messages": references}
    for name in schemas.EVENTS:
        key = _channel_of(name)
        operations[f"send_{key}"] = {"action": "send", "channel": {"$ref": f"#/channels/{key}"}}
    return operations
