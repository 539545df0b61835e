"""What a page must know before it has a session, and the cookie and the streams that belong to one.

A page of another origin must not get a demo session, also not by pointing a name of its own at this machine: the Host
and Origin headers have to be of this machine. Non-goals: users (sign_in.py), demo accounts (visitors.py).
"""

import re
from urllib.parse import urlsplit

from engine_core.config.addresses import is_loopback
from ingress.access.authenticator import cookie_name, is_own_page
from ingress.messages import Call, Reply, json_reply
from ingress.schemas.account_answers import SessionConfig
from ingress.service import Request, Service

SESSION_SECONDS = 12 * 3600
_FORWARDING = frozenset((b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via"))
_HOST = re.compile(r"[A-Za-z0-9.\-]+|\[[0-9a-fA-F:.]+\]")


async def config(service: Service, request: Request) -> Reply:
    """What the page has to know before it has a session: where the streams are, and whether it may ask for one."""
    demo = may_have_demo(service, request.call)
    signed_in = service.auth.session_of(request.call) is not None
    answer = SessionConfig(stream_url(service, request.call), demo, signed_in)
    return json_reply(answer, ((b"Cache-Control", b"no-store"),))


def cookie_header(call: Call, token: str, seconds: int) -> bytes:
    """The cookie of a session. Over TLS, and off this machine, browsers keep and send it only over TLS."""
    secure = "; Secure" if call.origin.is_secure or not is_loopback(host_name(call)) else ""
    return f"{cookie_name(call)}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}".encode()


def streams(call: Call, ws_port: int) -> str:
    """Where the streams are for a client that reached us by this Host: a trusted proxy serves them at its address."""
    host = host_name(call)
    if not _HOST.fullmatch(host):
        return ""
    if not call.origin.is_forwarded:
        return f"ws://{host}:{ws_port}"
    port = _port_of(call)
    return f"{'wss' if call.origin.is_secure else 'ws'}://{host}{f':{port}' if port else ''}"


def stream_url(service: Service, call: Call) -> str:
    door = streams(call, service.config.ws_port)
    return f"{door}/ws" if door else ""  # the Host is malformed


def may_have_demo(service: Service, call: Call) -> bool:
    """Whether this client may have a demo session: on this machine, or where the operator lets everybody."""
    if not service.config.demo_session or not is_own_page(call):
        return False
    return service.config.demo_visitors or is_local(call)


def is_local(call: Call) -> bool:
    """Whether the client is on this machine, and knows us by a name of it. Behind a proxy, only whom a trusted one
    names; of another one's clients nobody is, whatever it says."""
    is_direct = not call.origin.is_forwarded and _FORWARDING.isdisjoint(call.headers)
    return is_loopback(call.peer) and is_loopback(host_name(call)) and (is_direct or call.origin.hops > 0)


def host_name(call: Call) -> str:
    """The host of the Host header without its port; an IPv6 address keeps its brackets. Empty if malformed."""
    try:
        name = urlsplit(f"//{_text(call, b'host')}").hostname or ""
    except ValueError:
        return ""
    return f"[{name}]" if ":" in name else name


def _port_of(call: Call) -> int | None:
    try:
        return urlsplit(f"//{_text(call, b'host')}").port
    except ValueError:
        return None


def _text(call: Call, header: bytes) -> str:
    return call.headers.get(header, b"").decode("latin-1")
