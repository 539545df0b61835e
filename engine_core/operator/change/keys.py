"""`exchange keys`: made and revoked in the log, which says what they may; the database has their names and times."""

import argparse
import base64
import json
import sys
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg

from engine_core.administration.client import LogSetup, admin
from engine_core.administration.demo import key_command, new_key
from engine_core.edge.key_names import KEY_NAME_RULE, KEY_NOTES, NAME_KEY, is_key_name
from engine_core.edge.spelling import PERMISSIONS
from engine_core.operator.target.running import CommandError, Run, require
from engine_core.operator.target.session import session
from engine_core.wire.codes import CommandKind, KeyPermission

_COLUMNS = "{:>8}  {:<44}  {:<19}  {:<20}  {:<20}  {}"


def list_keys(options: argparse.Namespace) -> int:
    """All, or those of one account. Without its database an exchange knows neither names nor times."""
    with session(options) as (_, setup):
        keys = {key: allowed for key, allowed in setup.keys.items() if options.account in (None, key[0])}
    notes = _notes(require(options.data).database, setup, [public for _, public in keys]) if keys else {}
    rows = [
        {
            "account": account,
            "apiKey": base64.b64encode(public).decode(),
            "permissions": [name for name, permission in PERMISSIONS.items() if allowed & permission],
            **dict(zip(("name", "createdAt", "lastUsedAt"), notes.get(public, ("", None, None)), strict=True)),
        }
        for (account, public), allowed in sorted(keys.items())
    ]
    if options.json:
        print("\n".join(map(json.dumps, rows)))
    elif rows:
        print(_COLUMNS.format("account", "apiKey", "permissions", "created", "last used", "name"))
        for row in rows:
            made, used = (_moment(row[name]) for name in ("createdAt", "lastUsedAt"))
            print(_COLUMNS.format(row["account"], row["apiKey"], ",".join(row["permissions"]), made, used, row["name"]))
    else:
        print("no keys")
    return 0


def _notes(database: str, setup: LogSetup, keys: list[bytes]) -> dict[bytes, tuple[Any, ...]]:
    """Name, time of making and of last use in Unix ms."""
    try:
        with psycopg.connect(database, connect_timeout=5, prepare_threshold=None) as connection:
            rows = connection.execute(KEY_NOTES, (keys, setup.log_id, keys)).fetchall()
    except psycopg.Error as error:
        print(f"warning: without names and times, which the database has: {str(error).strip()}", file=sys.stderr)
        return {}
    return {bytes(key): tuple(note) for key, *note in rows}


def _moment(ms: int | None) -> str:
    return "-" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def create_key(options: argparse.Namespace) -> int:
    """A new ED25519 key for an account. Its secret is printed once and kept nowhere."""
    permissions = KeyPermission(0)
    for name in options.permissions.split(","):
        if name not in PERMISSIONS:
            raise CommandError(f"--permissions: {name!r} is none of {', '.join(PERMISSIONS)}")
        permissions |= PERMISSIONS[name]
    if options.name is not None and not is_key_name(options.name):
        raise CommandError(f"--name: {KEY_NAME_RULE}")
    with session(options) as (venue, setup):
        if options.account not in setup.accounts:
            raise CommandError(f"there is no account {options.account}; `exchange accounts create` makes the next one")
        key = new_key()
        public_key = base64.b64decode(key["apiKey"])
        if options.name is not None:
            _name_key(require(options.data), setup.log_id, public_key, options.name)
        venue.execute([key_command(options.account, public_key, permissions)])
    print(json.dumps({"account": options.account, **key}, indent=2))
    return 0


def _name_key(run: Run, log_id: int, public_key: bytes, name: str) -> None:
    """A name is no command: it stands in the database alone, so that it needs."""
    try:
        with psycopg.connect(run.database, connect_timeout=5, prepare_threshold=None) as connection:
            connection.execute(NAME_KEY, (log_id, public_key, name))
    except psycopg.Error as error:
        raise CommandError(f"the name cannot be stored, and no key was made: {str(error).strip()}") from None


def revoke_key(options: argparse.Namespace) -> int:
    try:
        public_key = base64.b64decode(options.key, validate=True)
    except ValueError:
        public_key = b""
    if len(public_key) != 32:
        raise CommandError("an API key is the base64 text of 32 bytes, as `keys create` printed it")
    with session(options) as (venue, _):
        command = admin(CommandKind.KEY_REVOKE, account=options.account)
        command["public_key"] = np.frombuffer(public_key, np.uint8)
        venue.execute([command])
    print("revoked")
    return 0
