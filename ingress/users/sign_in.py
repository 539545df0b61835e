"""Sign-up, log-in and log-out of the page.

A user is a name and a password for one account of the log. What the browser holds is an HttpOnly cookie and, in memory,
a token that every changing request has to repeat (X-CSRF-Token). Non-goals: password reset by mail (there is no mail),
what a session may do (access/authenticator.py), and what its user does about passwords and keys (guards.py, keys.py).
"""

import re

from engine_core.edge import session_tokens
from engine_core.edge.refusals import Code
from engine_core.edge.session_tokens import Purpose
from engine_core.wire.codes import AccountOrigin
from ingress.access.authenticator import cookie_of, is_own_page
from ingress.database import HistoryUnavailable
from ingress.engine import CommandRefused
from ingress.errors import ApiError, bad_request
from ingress.messages import Call, Headers, Reply, json_reply
from ingress.operations.admin_commands import create_account
from ingress.requests import fields
from ingress.schemas import bodies
from ingress.schemas.account_answers import UserSession
from ingress.service import Request, Service
from ingress.users import guards
from ingress.users.demo import grant, grant_if_empty, is_settled
from ingress.users.guards import no_users
from ingress.users.passwords import MAX_PASSWORD, problem_of
from ingress.users.sessions import SESSION_SECONDS, cookie_header, stream_url
from ingress.users.user_rows import User

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
_WRONG = "Wrong name or password"


async def sign_up(service: Service, request: Request) -> Reply:
    """A new user with a new account, logged in."""
    name, password = _credentials(service, request)
    if not _NAME.fullmatch(name):
        raise bad_request("name must have 3 to 32 characters: letters, digits, and . _ - after the first one")
    if problem := problem_of(password, name):
        raise bad_request(problem)
    if not is_settled(service):
        raise ApiError(Code.MAINTENANCE, "The exchange is being set up; try again in a moment")
    try:
        if not await service.users.create(service.setup.log_id, name, password):
            await _check_unfinished(service, name, password)
        account = await new_account(service, name)
        return await _granted(service, request.call, account)
    except HistoryUnavailable as error:
        raise no_users(error) from None


async def log_in(service: Service, request: Request) -> Reply:
    name, password = _credentials(service, request)
    if len(password) > MAX_PASSWORD:
        raise ApiError(Code.UNAUTHORIZED, _WRONG)
    try:
        user = await service.users.find(service.setup.log_id, name, password)
        if user is None:
            raise ApiError(Code.UNAUTHORIZED, _WRONG)
        await guards.check_code(service, request.call, user, fields.text(request.fields, "code"))
        if service.limits is not None:
            service.limits.logged_in(request.call.peer)
        account = await _account_of(service, user)
        if service.config.demo:
            await grant_if_empty(service, account)
        return await _granted(service, request.call, account)
    except HistoryUnavailable as error:
        raise no_users(error) from None


async def current(service: Service, request: Request) -> Reply:
    """The session that the cookie stands for: what the page asks when it is loaded."""
    token = cookie_of(request.call)
    assert token is not None, "a session has a cookie"
    return json_reply(await _session(service, request.call, request.caller.account, token))


async def log_out(service: Service, request: Request) -> Reply:
    """End the session in every worker: its tokens are worth nothing from now on, wherever a copy may be."""
    token = cookie_of(request.call)
    assert token is not None, "a session has a cookie"
    await guards.ended(service, token)
    return json_reply({}, ((b"Set-Cookie", cookie_header(request.call, "", 0)),))


def _credentials(service: Service, request: Request) -> tuple[str, str]:
    """(name, password) of a page of ours, counted as an attempt."""
    if not is_own_page(request.call):
        raise ApiError(Code.FORBIDDEN, "Only the exchange's own page can do this: Origin and Host differ")
    fields.check_members(request.fields, bodies.LogIn)
    name = fields.required_text(request.fields, "name").lower()
    password = fields.required_text(request.fields, "password")
    if service.limits is not None:
        request.call.allowance = service.limits.log_in(name[:64], request.call.peer)
    if "\0" in name:
        raise bad_request("name has a character that no name can have")
    return name, password


async def _check_unfinished(service: Service, name: str, password: str) -> None:
    """A name that is taken is free for the one who began to sign up with it and has no account yet: he knows its
    password."""
    user = await service.users.find(service.setup.log_id, name, password)
    if user is None or user.account is not None:
        raise bad_request("This name is taken")


async def _account_of(service: Service, user: User) -> int:
    """The user's account; one whose sign-up was interrupted gets it now."""
    return await new_account(service, user.name) if user.account is None else user.account


async def new_account(service: Service, name: str) -> int:
    try:
        account = await create_account(service, AccountOrigin.SIGN_UP)
    except CommandRefused:
        await service.users.forget(service.setup.log_id, name)  # there is no account, so the name stays nobody's
        raise
    account = await service.users.set_account(service.setup.log_id, name, account)
    if service.config.demo:
        await grant(service, account)
    return account


async def _granted(service: Service, call: Call, account: int) -> Reply:
    token = session_tokens.issue(account, service.config.session_secret, SESSION_SECONDS, Purpose.COOKIE)
    await guards.begun(service, call, account, token)
    headers: Headers = ((b"Set-Cookie", cookie_header(call, token, SESSION_SECONDS)), (b"Cache-Control", b"no-store"))
    return json_reply(await _session(service, call, account, token), headers)


async def _session(service: Service, call: Call, account: int, token: str) -> UserSession:
    try:
        user = await service.users.of_account(service.setup.log_id, account)
    except HistoryUnavailable:
        user = None
    secret = service.config.session_secret
    return UserSession(
        account=account,
        csrfToken=session_tokens.csrf_token(token, secret),
        streamToken=session_tokens.stream_token(token, secret),
        wsUrl=stream_url(service, call),
        name=user.name if user and user.password else None,
        secondFactor=bool(user and user.totp),
    )
