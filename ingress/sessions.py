"""The page's demo session: a cookie for this origin, and the tokens that go with it. Loopback and demo profile only.

A page of another origin must not get one, also not by pointing a name of its own at this machine: the Host and Origin
headers have to be of this machine. Non-goals: users (sign_in.py).
"""

from urllib.parse import urlsplit

from engine_core.wire import session
from engine_core.wire.addresses import is_loopback
from engine_core.wire.session import Purpose
from ingress.auth import COOKIE
from ingress.call import Call, Reply, json_reply
from ingress.config import DEMO_ACCOUNT
from ingress.errors import ApiError, Code
from ingress.schemas import DemoSession, SessionConfig
from ingress.service import Request, Service

SESSION_SECONDS = 12 * 3600


async def config(service: Service, request: Request) -> Reply:
    """What the page has to know before it has a session: where the streams are, and whether it may ask for one."""
    demo = _demo_host(service, request.call) is not None
    signed_in = service.auth.session_of(request.call) is not None
    answer = SessionConfig(streams(service, host_name(request.call)), demo, signed_in)
    return json_reply(answer, ((b"Cache-Control", b"no-store"),))


async def demo(service: Service, request: Request) -> Reply:
    """A session of the demo account for the page that this process serves."""
    host = _demo_host(service, request.call)
    if host is None:
        raise ApiError(Code.FORBIDDEN, "Demo sessions exist only in the demo profile, on this machine")
    if service.setup.accounts < DEMO_ACCOUNT:
        raise ApiError(Code.MAINTENANCE, "The demo account does not exist yet")
    secret = service.config.session_secret
    token = session.issue(DEMO_ACCOUNT, secret, SESSION_SECONDS, Purpose.COOKIE)
    answer = DemoSession(
        account=DEMO_ACCOUNT,
        csrfToken=session.csrf_token(token, secret),
        streamToken=session.stream_token(token, secret),
        wsUrl=streams(service, host),
    )
    cookie = cookie_header(request.call, token, SESSION_SECONDS)
    return json_reply(answer, ((b"Set-Cookie", cookie), (b"Cache-Control", b"no-store")))


def cookie_header(call: Call, token: str, seconds: int) -> bytes:
    """The cookie of a session. Off this machine, browsers keep and send it only over TLS."""
    secure = "" if is_loopback(host_name(call)) else "; Secure"
    return f"{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}".encode()


def streams(service: Service, host: str) -> str:
    return f"ws://{host}:{service.config.ws_port}/ws"


def _demo_host(service: Service, call: Call) -> str | None:
    """The host name by which the client knows us, if it may have a demo session."""
    return _local_host(call) if service.config.demo_session and is_loopback(call.peer) else None


def _local_host(call: Call) -> str | None:
    """The host name by which the client knows us, if that name and the page's origin are of this machine."""
    host = host_name(call)
    return host if is_own_page(call) and is_loopback(host) else None


def is_own_page(call: Call) -> bool:
    """Whether the page that asks, if a page does, came from us."""
    origin = call.headers.get(b"origin")
    return origin is None or urlsplit(origin.decode("latin-1")).netloc == _text(call, b"host")


def host_name(call: Call) -> str:
    """The host of the Host header without its port; an IPv6 address keeps its brackets. Empty if malformed."""
    try:
        name = urlsplit(f"//{_text(call, b'host')}").hostname or ""
    except ValueError:
        return ""
    return f"[{name}]" if ":" in name else name


def _text(call: Call, header: bytes) -> str:
    return call.headers.get(header, b"").decode("latin-1")
