"""User names, password hashes, and what withdrawals were asked with: the rows of ours in the database.

Everything that decides about money and orders is in the log; a user is only a name for an account there. Passwords are
kept as argon2id hashes. Non-goals: sessions (sessions.py), and which accounts exist (the log).
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from engine_core.wire.destinations import words_of
from ingress.database import Database
from ingress.users.passwords import NOBODY, hash_password, matches

_AT_ONCE: Final = 2  # hashes, so that the other requests keep a core
_USER: Final = "select name, password, account, totp, totp_pending from users where log_id = %s and "


@dataclass(frozen=True, slots=True)
class User:
    name: str
    password: str  # its hash
    account: int | None
    totp: str = ""  # the secret of the second factor
    totp_pending: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    account: int
    asset: int
    reference: int
    address: str
    blockchain: str
    client_id: str | None

    @property
    def words(self) -> tuple[int, int]:
        """What the command carries of it."""
        return words_of(self.address, self.client_id)


class Users:
    def __init__(self, database_url: str) -> None:
        self._database = Database(database_url, writes=True)
        self._hashing = asyncio.Semaphore(_AT_ONCE)

    async def close(self) -> None:
        await self._database.close()

    async def create(self, log_id: int, name: str, password: str) -> bool:
        """Whether the name was free; it has no account yet."""
        hashed = await self.hashed(password)
        statement = "insert into users (log_id, name, password) values (%s, %s, %s) on conflict do nothing returning 1"
        return bool(await self._run(statement, log_id, name, hashed))

    async def forget(self, log_id: int, name: str) -> None:
        """Give a name back that has no account."""
        statement = "delete from users where log_id = %s and name = %s and account is null returning 1"
        await self._run(statement, log_id, name)

    async def find(self, log_id: int, name: str, password: str) -> User | None:
        """The user, if that is the password."""
        rows = await self._run(f"{_USER} name = %s", log_id, name)
        user = User(*rows[0]) if rows else None
        return user if await self.is_password(user, password) else None

    async def of_account(self, log_id: int, account: int) -> User | None:
        rows = await self._run(f"{_USER} account = %s", log_id, account)
        return User(*rows[0]) if rows else None

    async def is_password(self, user: User | None, password: str) -> bool:
        """It takes as long without a user, so that time tells nothing."""
        async with self._hashing:
            right = await asyncio.to_thread(matches, user.password if user else NOBODY, password)
        return right and user is not None

    async def hashed(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(hash_password, password)

    async def set_account(self, log_id: int, name: str, account: int) -> int:
        """The name's account from here on: this one, unless another request gave it one meanwhile."""
        statement = "update users set account = %s where log_id = %s and name = %s and account is null returning 1"
        await self._run(statement, account, log_id, name)
        rows = await self._run("select account from users where log_id = %s and name = %s", log_id, name)
        return int(rows[0][0]) if rows and rows[0][0] is not None else account

    async def has_withdrawal(self, log_id: int, request: WithdrawalRequest) -> bool:
        """Whether the very same was asked for before."""
        statement = """select 1 from withdrawal_requests where log_id = %s and account = %s and reference = %s
            and asset = %s and asked_address = %s and asked = %s"""
        key = (request.account, request.reference, request.asset, *request.words)
        return bool(await self._run(statement, log_id, *key))

    async def note_withdrawal(self, log_id: int, request: WithdrawalRequest) -> None:
        """Keep its text, for the one who pays it out. Never changed: the words of the log say which text counts."""
        statement = """insert into withdrawal_requests
            (log_id, account, reference, asset, asked_address, asked, address, blockchain, client_id)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning 1"""
        key = (request.account, request.reference, request.asset, *request.words)
        await self._run(statement, log_id, *key, request.address, request.blockchain, request.client_id)

    async def _run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        async with self._database.snapshot() as connection:
            cursor = await connection.execute(statement.encode(), values)
            return await cursor.fetchall()
