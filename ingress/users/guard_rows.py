"""What guards a user beside the password, as rows: the second factor, open sessions, and what is noted of keys.

Non-goals: what is done with it (sign_in.py, guards.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine_core.edge.key_names import KEY_NOTES, NAME_KEY
from ingress.users.user_rows import Users


@dataclass(frozen=True, slots=True)
class OpenSession:
    name: bytes
    account: int
    created_ms: int
    expires_ms: int
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class KeyNote:
    """What the database says of an API key. Times in Unix ms."""

    name: str = ""
    created_ms: int | None = None  # None: not stored yet, or made before keys were stored
    used_ms: int | None = None  # None: never


class GuardedUsers(Users):
    async def create_demo(self, log_id: int, name: str) -> bool:
        """Whether the name was free. It has no password, so that nobody logs in with it, and no account yet."""
        statement = "insert into users (log_id, name, password) values (%s, %s, '') on conflict do nothing returning 1"
        return bool(await self._run(statement, log_id, name))

    async def account_of(self, log_id: int, name: str) -> int | None:
        rows = await self._run("select account from users where log_id = %s and name = %s", log_id, name)
        return rows[0][0] if rows else None

    async def set_password(self, log_id: int, name: str, password: str) -> None:
        statement = "update users set password = %s where log_id = %s and name = %s returning 1"
        await self._run(statement, await self.hashed(password), log_id, name)

    async def set_totp(self, log_id: int, name: str, secret: str, pending: str = "") -> None:
        statement = "update users set totp = %s, totp_pending = %s where log_id = %s and name = %s returning 1"
        await self._run(statement, secret, pending, log_id, name)

    async def use_step(self, log_id: int, name: str, step: int) -> bool:
        """Whether no code of this time step or a later one was used before; it is now."""
        statement = "update users set totp_step = %s where log_id = %s and name = %s and totp_step < %s returning 1"
        return bool(await self._run(statement, step, log_id, name, step))

    async def add_session(self, log_id: int, session: OpenSession) -> None:
        statement = """with expired as
            (delete from user_sessions where log_id = %s and account = %s and expires < now())
            insert into user_sessions (log_id, session, account, expires, address, agent)
            values (%s, %s, %s, to_timestamp(%s / 1000.0), %s, %s) on conflict do nothing returning 1"""
        values = (session.name, session.account, session.expires_ms, session.address, session.agent)
        await self._run(statement, log_id, session.account, log_id, *values)

    async def sessions(self, log_id: int, account: int) -> list[OpenSession]:
        """Those that have not expired, the newest first."""
        statement = """select session, account, (extract(epoch from created) * 1000)::bigint,
            (extract(epoch from expires) * 1000)::bigint, address, agent from user_sessions
            where log_id = %s and account = %s and expires > now() order by created desc"""
        return [OpenSession(bytes(name), *rest) for name, *rest in await self._run(statement, log_id, account)]

    async def forget_session(self, log_id: int, name: bytes) -> None:
        await self._run("delete from user_sessions where log_id = %s and session = %s returning 1", log_id, name)

    async def delay_key(self, log_id: int, public_key: bytes, withdraws_from_ms: int) -> None:
        statement = """insert into key_delays values (%s, %s, to_timestamp(%s / 1000.0))
            on conflict (log_id, public_key) do update set withdraws_from = excluded.withdraws_from returning 1"""
        await self._run(statement, log_id, public_key, withdraws_from_ms)

    async def withdraws_from(self, log_id: int, public_key: bytes) -> int:
        """When a key may withdraw, in Unix ms; 0: at once."""
        statement = """select (extract(epoch from withdraws_from) * 1000)::bigint from key_delays
            where log_id = %s and public_key = %s"""
        rows = await self._run(statement, log_id, public_key)
        return int(rows[0][0]) if rows else 0

    async def name_key(self, log_id: int, public_key: bytes, name: str) -> None:
        await self._run(NAME_KEY, log_id, public_key, name)

    async def note_uses(self, log_id: int, uses: Mapping[bytes, int]) -> None:
        """When keys were used, in Unix ms. In the order of the keys, so that two workers never wait for each other."""
        statement = """insert into key_notes (log_id, public_key, last_used)
            select %s, public_key, to_timestamp(ms / 1000.0)
            from unnest(%s::bytea[], %s::bigint[]) as used (public_key, ms) order by public_key
            on conflict (log_id, public_key)
            do update set last_used = greatest(key_notes.last_used, excluded.last_used) returning 1"""
        await self._run(statement, log_id, list(uses), list(uses.values()))

    async def key_notes(self, log_id: int, public_keys: Sequence[bytes]) -> dict[bytes, KeyNote]:
        keys = list(public_keys)
        return {bytes(key): KeyNote(*note) for key, *note in await self._run(KEY_NOTES, keys, log_id, keys)}
