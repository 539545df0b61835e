"""What a signed-in user does about its own security: password, second factor, sessions; and the proof that it is there.

A session alone makes no keys and changes nothing here: anyone who finds a browser open would have the account. Each of
these asks for the password again and, where there is one, a code of the second factor. Non-goals: the first log-in.
"""

import time
from contextlib import suppress
from typing import Final

from engine_core.config.addresses import network
from engine_core.edge import session_tokens
from engine_core.edge.expiring_set import Full
from engine_core.edge.refusals import Code
from ingress.access.authenticator import cookie_of
from ingress.access.rate_limits import Cost
from ingress.access.used_signatures import busy
from ingress.database import HistoryUnavailable
from ingress.engine import RETRY_LATER
from ingress.errors import ApiError, bad_request, not_found
from ingress.messages import Call, Reply, json_reply
from ingress.requests import fields
from ingress.schemas import bodies
from ingress.schemas.account_answers import SecondFactor, SessionInfo
from ingress.service import Request, Service
from ingress.users.guard_rows import OpenSession
from ingress.users.passwords import MAX_PASSWORD, new_secret, problem_of, step_of, uri_of
from ingress.users.sessions import SESSION_SECONDS
from ingress.users.user_rows import User

MAX_SESSIONS: Final = 50  # of one account: a new one ends the oldest
MAX_AGENT: Final = 200
WRONG_PASSWORD: Final = "Wrong password"


def no_users(error: HistoryUnavailable) -> ApiError:
    return ApiError(Code.MAINTENANCE, f"Users are not available: {error}"[:200], RETRY_LATER)


async def prove(service: Service, request: Request) -> User | None:
    """The user of this session, who has just shown that it is there; None for a demo account, which nobody owns."""
    account = request.caller.account
    user = await service.users.of_account(service.setup.log_id, account)
    if user is None or not user.password:
        return None
    password = fields.text(request.fields, "password")
    if password is None:
        raise ApiError(Code.UNAUTHORIZED, "The password is required again: password")
    if service.limits is not None:
        request.call.allowance = service.limits.prove(account, request.call.peer)
    if len(password) > MAX_PASSWORD or not await service.users.is_password(user, password):
        raise ApiError(Code.UNAUTHORIZED, WRONG_PASSWORD)
    await check_code(service, request.call, user, fields.text(request.fields, "code"))
    return user


async def check_code(service: Service, call: Call, user: User, code: str | None) -> None:
    """Refuse unless `code` is one of the user's second factor, if it has one; each is good once.

    Wrong codes count for the account, or many addresses could guess one. They do not count against an address from
    which the account has a session: there its owner gets in, whoever guesses elsewhere.
    """
    if not user.totp:
        return
    if code is None:
        raise ApiError(Code.SECOND_FACTOR_REQUIRED, "A code of the second factor is required: code")
    limits = service.limits
    if not user.account or limits is None or await _is_known(service, user.account, call.peer):
        limits = None
    else:
        limits.charge(Cost.CODES, user.account, "")
    step = step_of(user.totp, code)
    if step is None or not await service.users.use_step(service.setup.log_id, user.name, step):
        raise ApiError(Code.UNAUTHORIZED, "Wrong code, or one that was used")
    if limits is not None and user.account:
        limits.code_was_right(user.account)


async def _is_known(service: Service, account: int, peer: str) -> bool:
    """Whether the account has a session from this address, whose attempts are bounded all the same (log_in, prove)."""
    found = await service.users.sessions(service.setup.log_id, account)
    return any(network(each.address) == network(peer) for each in found)


async def change_password(service: Service, request: Request) -> Reply:
    """A new password; every other session ends."""
    fields.check_members(request.fields, bodies.ChangePassword)
    new = fields.required_text(request.fields, "newPassword")
    try:
        user = await _user(service, request)
        if problem := problem_of(new, user.name):
            raise bad_request(f"newPassword: {problem}")
        await service.users.set_password(service.setup.log_id, user.name, new)
        await _end(service, request, None)
    except HistoryUnavailable as error:
        raise no_users(error) from None
    return json_reply({})


async def begin_totp(service: Service, request: Request) -> Reply:
    """A secret for an authenticator. It counts once a code of it has been confirmed."""
    fields.check_members(request.fields, bodies.Proof)
    try:
        user = await _user(service, request)
        secret = new_secret()
        await service.users.set_totp(service.setup.log_id, user.name, user.totp, secret)
    except HistoryUnavailable as error:
        raise no_users(error) from None
    return json_reply(SecondFactor(secret, uri_of(secret, user.name)), ((b"Cache-Control", b"no-store"),))


async def confirm_totp(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.ConfirmCode)
    code = fields.required_text(request.fields, "code")
    account = request.caller.account
    try:
        user = await service.users.of_account(service.setup.log_id, account)
        if user is None or not user.totp_pending:
            raise bad_request("There is no second factor to confirm: begin with POST")
        if service.limits is not None:
            request.call.allowance = service.limits.prove(account, request.call.peer)
        step = step_of(user.totp_pending, code)
        if step is None or not await service.users.use_step(service.setup.log_id, user.name, step):
            raise ApiError(Code.UNAUTHORIZED, "Wrong code, or one that was used")
        await service.users.set_totp(service.setup.log_id, user.name, user.totp_pending)
    except HistoryUnavailable as error:
        raise no_users(error) from None
    return json_reply({})


async def remove_totp(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.Proof)
    try:
        user = await _user(service, request)
        await service.users.set_totp(service.setup.log_id, user.name, "")
    except HistoryUnavailable as error:
        raise no_users(error) from None
    return json_reply({})


async def list_sessions(service: Service, request: Request) -> Reply:
    own = _own_name(request.call)
    try:
        found = await service.users.sessions(service.setup.log_id, request.caller.account)
    except HistoryUnavailable as error:
        raise no_users(error) from None
    now_ms = time.time_ns() // 1_000_000
    return json_reply(
        [
            SessionInfo(each.name.hex(), each.created_ms, each.expires_ms, each.address, each.agent, each.name == own)
            for each in found
            if not service.auth.ended.has(each.name, now_ms)
        ]
    )


async def end_sessions(service: Service, request: Request) -> Reply:
    """The one that `id` names, or all but this one."""
    fields.check_members(request.fields, bodies.EndSessions)
    try:
        await _end(service, request, fields.text(request.fields, "id"))
    except HistoryUnavailable as error:
        raise no_users(error) from None
    return json_reply({})


async def begun(service: Service, call: Call, account: int, token: str) -> None:
    """Note a session, so that its user can see and end it; past the bound the oldest one ends."""
    now_ms = time.time_ns() // 1_000_000
    agent = call.headers.get(b"user-agent", b"").decode("latin-1")[:MAX_AGENT]
    agent = "".join(character if character.isprintable() else "?" for character in agent)
    name, log_id = session_tokens.name_of(token), service.setup.log_id
    opened = OpenSession(name, account, now_ms, now_ms + SESSION_SECONDS * 1000, call.peer, agent)
    await service.users.add_session(log_id, opened)
    for old in (await service.users.sessions(log_id, account))[MAX_SESSIONS:]:
        await _end_one(service, old)


async def ended(service: Service, token: str) -> None:
    """A log-out."""
    now_ms = time.time_ns() // 1_000_000
    _forget(service, session_tokens.name_of(token), now_ms + SESSION_SECONDS * 1000)
    with suppress(HistoryUnavailable):  # it is ended all the same; only the row stays until it expires
        await service.users.forget_session(service.setup.log_id, session_tokens.name_of(token))


async def _user(service: Service, request: Request) -> User:
    user = await prove(service, request)
    if user is None:
        raise ApiError(Code.FORBIDDEN, "A demo account has no password")
    return user


async def _end(service: Service, request: Request, wanted: str | None) -> None:
    own = _own_name(request.call)
    found = await service.users.sessions(service.setup.log_id, request.caller.account)
    chosen = [each for each in found if (each.name != own if wanted is None else each.name.hex() == wanted)]
    if wanted is not None and not chosen:
        raise not_found()
    for each in chosen:
        await _end_one(service, each)


async def _end_one(service: Service, each: OpenSession) -> None:
    _forget(service, each.name, each.expires_ms)
    await service.users.forget_session(service.setup.log_id, each.name)


def _forget(service: Service, name: bytes, until_ms: int) -> None:
    try:
        service.auth.ended.add(name, until_ms, time.time_ns() // 1_000_000)
    except Full:
        raise busy() from None


def _own_name(call: Call) -> bytes:
    token = cookie_of(call)
    assert token is not None, "a session has a cookie"
    return session_tokens.name_of(token)
