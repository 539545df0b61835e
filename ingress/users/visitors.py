"""The page's demo sessions, in the demo profile only: on this machine one account; elsewhere, if the operator lets them
in, each visitor gets an account of its own.

An account is charged to the visitor's address, which has few of them and gets the same again: one that nobody is signed
in to or, when somebody is to all, any. Non-goals: users (sign_in.py).
"""

import secrets
from typing import Final

from engine_core.config.addresses import network
from engine_core.edge import session_tokens
from engine_core.edge.refusals import Code
from engine_core.edge.session_tokens import Purpose
from ingress.config import DEMO_ACCOUNT
from ingress.database import HistoryUnavailable
from ingress.errors import ApiError
from ingress.messages import Call, Reply, json_reply
from ingress.schemas.account_answers import DemoSession
from ingress.service import Request, Service
from ingress.users import guards
from ingress.users.demo import is_settled
from ingress.users.guards import no_users
from ingress.users.sessions import SESSION_SECONDS, cookie_header, is_local, may_have_demo, stream_url
from ingress.users.sign_in import new_account

MOST_OF_ADDRESS: Final = 4
_PREFIX: Final = "demo/"  # no user's name has a slash, and these have no password


async def demo(service: Service, request: Request) -> Reply:
    """A session of a demo account for the page that this process serves."""
    call = request.call
    if not may_have_demo(service, call):
        raise ApiError(Code.FORBIDDEN, "Demo sessions exist only in the demo profile, on this machine")
    if service.setup.accounts < DEMO_ACCOUNT or not (is_local(call) or is_settled(service)):
        raise ApiError(Code.MAINTENANCE, "The demo account does not exist yet")
    secret = service.config.session_secret
    try:
        account = DEMO_ACCOUNT if is_local(call) else await _account_of(service, call)
        token = session_tokens.issue(account, secret, SESSION_SECONDS, Purpose.COOKIE)
        if not is_local(call):
            await guards.begun(service, call, account, token)
    except HistoryUnavailable as error:
        raise no_users(error) from None
    answer = DemoSession(
        account=account,
        csrfToken=session_tokens.csrf_token(token, secret),
        streamToken=session_tokens.stream_token(token, secret),
        wsUrl=stream_url(service, call),
    )
    cookie = cookie_header(call, token, SESSION_SECONDS)
    return json_reply(answer, ((b"Set-Cookie", cookie), (b"Cache-Control", b"no-store")))


async def _account_of(service: Service, call: Call) -> int:
    """The visitor's account: that of its session, else a free one of its address, else a new one of it."""
    log_id, users = service.setup.log_id, service.users
    if found := service.auth.session_of(call):
        user = await users.of_account(log_id, found[1])
        if user is not None and user.name.startswith(_PREFIX):
            return found[1]
    names = [f"{_PREFIX}{network(call.peer)}/{number}" for number in range(MOST_OF_ADDRESS)]
    accounts = []
    for name in names:
        account = await users.account_of(log_id, name)
        if account is None:
            return await _new_one(service, call, name)
        if not await users.sessions(log_id, account):
            return account
        accounts.append(account)
    return secrets.choice(accounts)


async def _new_one(service: Service, call: Call, name: str) -> int:
    if service.limits is not None:
        call.allowance = service.limits.log_in(name, call.peer)
    await service.users.create_demo(service.setup.log_id, name)
    return await new_account(service, name)
