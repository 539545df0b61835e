"""The API keys that a user makes for bots: a session makes them, with the password again; a key can make no keys.

One that may withdraw may do so only after the delay that the operator sets, so a session taken over for a moment is
not enough. Non-goals: administrators' keys (operations/administrator.py), and keys of the command line.
"""

import base64
import time

from msgspec import UNSET
from nacl.signing import SigningKey

from engine_core.edge import signing
from engine_core.edge.key_names import KEY_NAME_RULE, is_key_name
from engine_core.edge.refusals import Code
from engine_core.edge.spelling import PERMISSIONS, PermissionWord
from engine_core.wire.codes import KeyPermission, Reason
from engine_core.wire.limits import KEYS_OF_ONE_ACCOUNT
from ingress.access.authenticator import Caller
from ingress.database import HistoryUnavailable
from ingress.engine import CommandRefused
from ingress.errors import ApiError, bad_request, not_found
from ingress.messages import Reply, json_reply
from ingress.operations.admin_commands import create_key, revoke_key
from ingress.requests import fields
from ingress.requests.signed_json import Member
from ingress.schemas import bodies
from ingress.schemas.account_answers import ApiKey, NewApiKey
from ingress.service import Request, Service
from ingress.users.guard_rows import KeyNote
from ingress.users.guards import no_users, prove


async def list_keys(service: Service, request: Request) -> Reply:
    """The account's keys that are valid; a secret is never stored."""
    return json_reply(await keys_of(service, request.caller.account))


async def make_key(service: Service, request: Request) -> Reply:
    """Register the given public key, or make a pair, whose secret is in this answer and nowhere else."""
    account = request.caller.account
    fields.check_members(request.fields, bodies.MakeKey)
    permissions = permissions_of(request.fields.get("permissions"))
    if account in service.setup.frozen:
        raise ApiError(Code.ACCOUNT_DEACTIVATED, "Account is frozen: it can make no keys")
    if sum(key.account == account for key in service.setup.keys.values()) >= KEYS_OF_ONE_ACCOUNT:
        raise bad_request(f"An account has at most {KEYS_OF_ONE_ACCOUNT} API keys: revoke one first")
    given, secret = fields.text(request.fields, "publicKey"), None
    if given is None:
        pair = SigningKey.generate()
        public, secret = bytes(pair.verify_key), _text(bytes(pair))
    else:
        public = new_public_key(given, "publicKey")
    name = key_name(request.fields)
    withdraws_from = None
    try:
        await prove(service, request)
        await name_new_key(service, public, name)
        if permissions & KeyPermission.WITHDRAW and service.config.withdraw_delay_ms:
            withdraws_from = time.time_ns() // 1_000_000 + service.config.withdraw_delay_ms
            await service.users.delay_key(service.setup.log_id, public, withdraws_from)  # before it is a key
    except HistoryUnavailable as error:
        raise no_users(error) from None
    await create_key(service, account, public, permissions)
    made = NewApiKey(_text(public), _names(permissions), name, secret=secret, withdrawsFrom=withdraws_from)
    return json_reply(made)


async def check_may_withdraw(service: Service, caller: Caller) -> None:
    """Refuse a key whose delay has not passed; HistoryUnavailable if that cannot be known."""
    from_ms = await service.users.withdraws_from(service.setup.log_id, caller.public_key) if caller.public_key else 0
    left_ms = from_ms - time.time_ns() // 1_000_000
    if left_ms > 0:
        raise ApiError(Code.FORBIDDEN, f"This API key may withdraw in {-(-left_ms // 60_000)} minutes: it is new")


async def delete_key(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.DeleteKey)
    public = public_key(fields.required_text(request.fields, "apiKey"), "apiKey")
    key = service.setup.keys.get(public)
    if key is None or key.account != request.caller.account:
        raise not_found()
    await revoke_key(service, key.account, public)
    return json_reply(ApiKey(_text(public), []))


async def keys_of(service: Service, account: int) -> list[ApiKey]:
    """Which keys there are says the log; what is noted of them may be out of reach, and they can be revoked all the
    same."""
    keys = {public: key.permissions for public, key in service.setup.keys.items() if key.account == account}
    try:
        notes = await service.users.key_notes(service.setup.log_id, list(keys)) if keys else {}
    except HistoryUnavailable:
        return [key_of(public, permissions) for public, permissions in keys.items()]
    shown = []
    for public, permissions in keys.items():
        note = notes.get(public, KeyNote())
        shown.append(ApiKey(_text(public), _names(permissions), note.name, note.created_ms, note.used_ms))
    return shown


async def name_new_key(service: Service, public: bytes, name: str) -> None:
    """Before it is a key; one that exists is not touched, whoever asks: it may be somebody else's."""
    if public in service.setup.keys:
        raise CommandRefused(Reason.ALREADY_EXISTS)
    await service.users.name_key(service.setup.log_id, public, name)


def key_name(given: fields.Fields) -> str:
    """The name that a request gives a key; empty: none."""
    name = fields.text(given, "name")
    if name is not None and not is_key_name(name):
        raise bad_request(f"name must be {KEY_NAME_RULE}")
    return name or ""


def permissions_of(value: Member) -> KeyPermission:
    """The permissions that a list names; at least one."""
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise bad_request(f"permissions must be a list of some of {', '.join(PERMISSIONS)}")
    permissions = KeyPermission(0)
    for name in value:
        if name not in PERMISSIONS:
            raise bad_request(f"Invalid permission {name[:20]!r}: must be one of {', '.join(PERMISSIONS)}")
        permissions |= PERMISSIONS[name]
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
        raise bad_request(f"{name} is not an ED25519 key for which only its owner can sign")
    return public


def key_of(public: bytes, permissions: KeyPermission, name: str = "") -> ApiKey:
    """One of whose times nothing is asked."""
    return ApiKey(_text(public), _names(permissions), name or UNSET)


def _names(permissions: KeyPermission) -> list[PermissionWord]:
    return [name for name, permission in PERMISSIONS.items() if permission in permissions]


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()
