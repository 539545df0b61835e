"""Sign-up, log-in and log-out of the page, and the API keys that a user makes for bots.

A user is a name and a password for one account of the log. What the browser holds is an HttpOnly cookie and, in memory,
a token that every changing request has to repeat (X-CSRF-Token). Non-goals: password reset by mail (there is no mail),
and what a session may do (auth.py).
"""

import base64
import re
import time
from typing import Final

from nacl.signing import SigningKey

from engine_core.wire import session, signing
from engine_core.wire.codes import KeyPermission
from engine_core.wire.remembered import Full
from engine_core.wire.session import Purpose
from ingress import fields
from ingress.admin_commands import SIGN_UP, Refused, create_account, create_key, revoke_key
from ingress.auth import cookie_of
from ingress.call import Call, Headers, Reply, json_reply
from ingress.demo import grant, grant_if_empty, is_settled
from ingress.errors import ApiError, Code, bad_request, not_found
from ingress.history_database import HistoryUnavailable
from ingress.members import Member
from ingress.replays import busy
from ingress.schemas import ApiKey, NewApiKey, PermissionName, UserSession
from ingress.service import Request, Service
from ingress.sessions import SESSION_SECONDS, cookie_header, host_name, is_own_page, streams
from ingress.users import User

MAX_KEYS: Final = 50  # of one account
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
_MIN_PASSWORD, _MAX_PASSWORD = 8, 256
_CREDENTIALS = frozenset(("name", "password"))
_KEY_MEMBERS = frozenset(("publicKey", "permissions"))
_PERMISSIONS: Final[dict[PermissionName, KeyPermission]] = {
    "read": KeyPermission.READ,
    "trade": KeyPermission.TRADE,
    "withdraw": KeyPermission.WITHDRAW,
}
_WRONG = "Wrong name or password"


async def sign_up(service: Service, request: Request) -> Reply:
    """A new user with a new account, logged in."""
    name, password = _credentials(service, request)
    if not _NAME.fullmatch(name):
        raise bad_request("name must have 3 to 32 characters: letters, digits, and . _ - after the first one")
    if not _MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise bad_request(f"password must have {_MIN_PASSWORD} to {_MAX_PASSWORD} characters")
    if not is_settled(service):
        raise ApiError(Code.MAINTENANCE, "The exchange is being set up; try again in a moment")
    try:
        if not await service.users.create(service.setup.log_id, name, password):
            await _check_unfinished(service, name, password)
        account = await _new_account(service, name)
    except HistoryUnavailable as error:
        raise _no_users(error) from None
    return _granted(service, request.call, account, name)


async def log_in(service: Service, request: Request) -> Reply:
    name, password = _credentials(service, request)
    if len(password) > _MAX_PASSWORD:
        raise ApiError(Code.UNAUTHORIZED, _WRONG)
    try:
        user = await service.users.find(service.setup.log_id, name, password)
        if user is None:
            raise ApiError(Code.UNAUTHORIZED, _WRONG)
        account = await _account_of(service, user)
        if service.config.demo:
            await grant_if_empty(service, account)
    except HistoryUnavailable as error:
        raise _no_users(error) from None
    return _granted(service, request.call, account, name)


async def current(service: Service, request: Request) -> Reply:
    """The session that the cookie stands for: what the page asks when it is loaded."""
    account = request.caller.account
    try:
        name = await service.users.name_of(service.setup.log_id, account)
    except HistoryUnavailable:
        name = None
    token = cookie_of(request.call)
    assert token is not None, "a session has a cookie"
    return json_reply(_session(service, request.call, account, name, token))


async def log_out(service: Service, request: Request) -> Reply:
    """End the session in every worker: its tokens are worth nothing from now on, wherever a copy may be."""
    token = cookie_of(request.call)
    assert token is not None, "a session has a cookie"
    now_ms = time.time_ns() // 1_000_000
    try:
        service.auth.ended.add(session.name_of(token), now_ms + SESSION_SECONDS * 1000, now_ms)
    except Full:
        raise busy() from None
    return json_reply({}, ((b"Set-Cookie", cookie_header(request.call, "", 0)),))


async def list_keys(service: Service, request: Request) -> Reply:
    """The account's keys that are valid; a secret is never stored."""
    account = request.caller.account
    keys = [(public, key) for public, key in service.setup.keys.items() if key.account == account]
    return json_reply([ApiKey(_text(public), _names(key.permissions)) for public, key in keys])


async def make_key(service: Service, request: Request) -> Reply:
    """Register the given public key, or make a pair, whose secret is in this answer and nowhere else."""
    account = request.caller.account
    fields.check_names(request.fields, _KEY_MEMBERS)
    permissions = permissions_of(request.fields.get("permissions"))
    if sum(key.account == account for key in service.setup.keys.values()) >= MAX_KEYS:
        raise bad_request(f"An account has at most {MAX_KEYS} API keys: revoke one first")
    given = fields.text(request.fields, "publicKey")
    secret = None
    if given is None:
        pair = SigningKey.generate()
        public, secret = bytes(pair.verify_key), _text(bytes(pair))
    else:
        public = new_public_key(given, "publicKey")
    await create_key(service, account, public, permissions)
    return json_reply(NewApiKey(_text(public), _names(permissions), secret))


async def delete_key(service: Service, request: Request) -> Reply:
    fields.check_names(request.fields, frozenset(("apiKey",)))
    public = public_key(fields.required_text(request.fields, "apiKey"), "apiKey")
    key = service.setup.keys.get(public)
    if key is None or key.account != request.caller.account:
        raise not_found()
    await revoke_key(service, key.account, public)
    return json_reply(ApiKey(_text(public), []))


def permissions_of(value: Member) -> KeyPermission:
    """The permissions that a list names; at least one."""
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise bad_request(f"permissions must be a list of some of {', '.join(_PERMISSIONS)}")
    permissions = KeyPermission(0)
    for name in value:
        if name not in _PERMISSIONS:
            raise bad_request(f"Invalid permission {name[:20]!r}: must be one of {', '.join(_PERMISSIONS)}")
        permissions |= _PERMISSIONS[name]
    return permissions


def public_key(text: str, name: str) -> bytes:
    """The 32 bytes that a key is named by."""
    public = signing.decode_base64(text.encode(), signing.PUBLIC_KEY_BYTES)
    if public is None:
        raise bad_request(f"{name} must be the base64 text of the {signing.PUBLIC_KEY_BYTES} bytes of an ED25519 key")
    return public


def new_public_key(text: str, name: str) -> bytes:
    public = public_key(text, name)
    if not signing.is_public_key(public):
        raise bad_request(f"{name} is no ED25519 key for which only its owner can sign")
    return public


def key_of(public: bytes, permissions: KeyPermission) -> ApiKey:
    return ApiKey(_text(public), _names(permissions))


def _credentials(service: Service, request: Request) -> tuple[str, str]:
    """(name, password) of a page of ours, counted as an attempt."""
    if not is_own_page(request.call):
        raise ApiError(Code.FORBIDDEN, "Only the exchange's own page can do this: Origin and Host differ")
    fields.check_names(request.fields, _CREDENTIALS)
    name = fields.required_text(request.fields, "name").lower()
    password = fields.required_text(request.fields, "password")
    if service.limits is not None:
        request.call.allowance = service.limits.log_in(name[:64], request.call.peer)
    if "\0" in name:
        raise bad_request("name has a character that no name can have")
    return name, password


async def _check_unfinished(service: Service, name: str, password: str) -> None:
    """A name that is taken is free for whoever began to sign up with it and has no account yet: he knows its
    password."""
    user = await service.users.find(service.setup.log_id, name, password)
    if user is None or user.account is not None:
        raise bad_request("This name is taken")


async def _account_of(service: Service, user: User) -> int:
    """The user's account; one whose sign-up was interrupted gets it now."""
    return await _new_account(service, user.name) if user.account is None else user.account


async def _new_account(service: Service, name: str) -> int:
    try:
        account = await create_account(service, SIGN_UP)
    except Refused:
        await service.users.forget(service.setup.log_id, name)  # there is no account, so the name stays nobody's
        raise
    account = await service.users.set_account(service.setup.log_id, name, account)
    if service.config.demo:
        await grant(service, account)
    return account


def _granted(service: Service, call: Call, account: int, name: str) -> Reply:
    token = session.issue(account, service.config.session_secret, SESSION_SECONDS, Purpose.COOKIE)
    headers: Headers = ((b"Set-Cookie", cookie_header(call, token, SESSION_SECONDS)), (b"Cache-Control", b"no-store"))
    return json_reply(_session(service, call, account, name, token), headers)


def _session(service: Service, call: Call, account: int, name: str | None, token: str) -> UserSession:
    secret = service.config.session_secret
    return UserSession(
        account=account,
        csrfToken=session.csrf_token(token, secret),
        streamToken=session.stream_token(token, secret),
        wsUrl=streams(service, host_name(call)),
        name=name,
    )


def _no_users(error: HistoryUnavailable) -> ApiError:
    return ApiError(Code.MAINTENANCE, f"Users are not available: {error}"[:200], ((b"Retry-After", b"1"),))


def _names(permissions: KeyPermission) -> list[PermissionName]:
    return [name for name, permission in _PERMISSIONS.items() if permission in permissions]


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
