"""What a connection to PostgreSQL must be like, how a pooler is known that does not keep sessions, and which errors say
that the database cannot do it now.

Behind PgBouncer in transaction mode every transaction may run in another session. The reads of ingress can do with
that: their settings are the transaction's, and nothing is prepared. The writer cannot: its temporary tables and its
advisory lock are the session's. Non-goals: poolers that keep sessions, which are as good as none.
"""

import secrets

import psycopg

POOLED = (
    "a pooler gives each transaction another session (PgBouncer with pool_mode = transaction or statement), but the "
    "writer needs its own: name the server itself, or a pool with pool_mode = session. History reads may use the pooler"
)
_WAIT_S = 5
_NAME = "exchange.session"
_NEVER_OFF = ("fsync", "full_page_writes", "synchronous_commit")
# By SQLSTATE, or by its class, which are its first two characters. Whatever is not here is a mistake of who asked.
_NO_CONNECTION = "no connection to the database: {}"
_CANNOT = "the database cannot do it now: {}"
_TOOK_TOO_LONG = "the database took too long"
_NOT_PREPARED = "the database is not prepared yet: the writer does that when it starts"  # or not for this version
_NOT_NOW = {
    "08": _NO_CONNECTION,
    "25006": "the database is read-only",
    "25P03": _NO_CONNECTION,  # it ended a session that was quiet inside a transaction
    "25P04": _TOOK_TOO_LONG,
    "28": _NO_CONNECTION,  # it does not let this user in
    "3D": _NO_CONNECTION,  # there is no such database, until somebody makes it
    "3F": _NOT_PREPARED,
    "40": _CANNOT,  # others were at the same rows, or a standby had to go on
    "42501": "the database does not let this exchange do it",
    "42703": _NOT_PREPARED,
    "42P01": _NOT_PREPARED,
    "53": _CANNOT,
    "53100": "the disk of the database is full",
    "53300": "the database has too many connections",
    "55006": _CANNOT,
    "55P03": _TOOK_TOO_LONG,
    "57": _NO_CONNECTION,
    "57014": _TOOK_TOO_LONG,
    "58": _CANNOT,
}


def why_not_now(error: psycopg.Error) -> str:
    """Why the database cannot do now what it could before or later, for people; "": the mistake is our own."""
    state = error.sqlstate
    if state is None:  # it is not the server that says so; only psycopg knows of the connection
        words = _NO_CONNECTION if isinstance(error, psycopg.OperationalError) else ""
    else:
        words = _NOT_NOW.get(state) or _NOT_NOW.get(state[:2], "")
    lines = str(error).strip().splitlines()
    return words.format(lines[0] if lines else type(error).__name__)


class UnfitDatabase(Exception):
    """The writer's promise cannot be kept on this server; the message says why and what to change."""


def check_for_writing(url: str) -> None:
    """UnfitDatabase unless what the writer commits there stays, and each connection is one session. psycopg.Error."""
    with psycopg.connect(url, autocommit=True, connect_timeout=_WAIT_S, prepare_threshold=None) as connection:
        if connection.execute("select pg_is_in_recovery()").fetchone() == (True,):
            raise UnfitDatabase("is a replica, which stores nothing: name its primary instead")
        for setting in _NEVER_OFF:
            if connection.execute("select current_setting(%s)", (setting,)).fetchone() == ("off",):
                raise UnfitDatabase(
                    f"{setting} is off, so what is reported as stored may be lost after the log has been trimmed: "
                    f"ALTER SYSTEM SET {setting} = on; SELECT pg_reload_conf()"
                )
        if not _keeps_session(url, connection):
            raise UnfitDatabase(POOLED)


def _keeps_session(url: str, connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    """Whether what a connection sets is still set while others are inside transactions."""
    token = secrets.token_hex(8)
    connection.execute("select set_config(%s, %s, false)", (_NAME, token))
    with psycopg.connect(url, connect_timeout=_WAIT_S, prepare_threshold=None) as other:
        other.execute("select 1")  # its transaction stays open, in the session that was used last if there is a pool
        try:
            connection.execute(f"set statement_timeout = {_WAIT_S * 1000}".encode())
            row = connection.execute("select current_setting(%s, true)", (_NAME,)).fetchone()
        except psycopg.OperationalError:  # a pool of one
            return False
        return row == (token,)
