"""`exchange keys list`: which API keys there are, as the log says, with what the database notes of them."""

import argparse
import base64
import json
import sys
from datetime import UTC, datetime
from typing import Any

import psycopg

from engine_core.administration.client import LogSetup
from engine_core.edge.key_names import KEY_NOTES
from engine_core.edge.spelling import PERMISSIONS
from engine_core.operator.change.accounts import session
from engine_core.operator.target.running import require

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
