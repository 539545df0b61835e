"""The keys with which a load is sent: read from a file, or made by signing up at an exchange.

    {"accounts": [{"account": 7, "apiKey": "…", "secret": "…"}, …]}      the account's number may be missing

`exchange up` writes such a file for its two demo accounts (DIR/demo-keys.json). Funds come from the exchange (profile
demo) or are moved, in equal parts, from accounts whose keys may withdraw (`--fund-from`).
"""

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from bench.load.plan.amounts import ONE, exact, text_of
from bench.load.targets.api import Account, Api, BenchError

FUND_PART = 2  # half of what the funding accounts have is handed out
ENTRY_BYTES = 200  # of one account in a file, at most
_END = b"\n]}\n"
_FORM = 'expected {"accounts": [{"apiKey": "…", "secret": "…"}, …]}'


def read(path: Path) -> list[Account]:
    """The accounts of a file, or BenchError with what is wrong in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path}: cannot be read as JSON: {error}; {_FORM}") from None
    entries = content.get("accounts", [content]) if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries:
        raise BenchError(f"{path}: has no keys: {_FORM}")
    return [_account(path, place, entry) for place, entry in enumerate(entries, 1)]


def _account(path: Path, place: int, entry: object) -> Account:
    try:
        assert isinstance(entry, dict)
        public, secret = (base64.b64decode(entry[name], validate=True) for name in ("apiKey", "secret"))
        number = int(entry.get("account", 0))
        assert len(public) == 32 and len(secret) in (32, 64)
    except (AssertionError, KeyError, TypeError, ValueError):
        raise BenchError(f"{path}: key {place} is not an ED25519 key in base64: {_FORM}") from None
    if bytes(SigningKey(secret[:32]).verify_key) != public:
        raise BenchError(f"{path}: key {place}: apiKey and secret do not belong together")
    return Account(entry["apiKey"], secret[:32], number)


class KeyFile:
    """A new file of keys, only for this user. It is whole after each key: whatever happens next, what was made is kept.

    Room for all is taken before the first account is made: a full disk must not cost the only copy of a secret.
    """

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count, self.accounts = path, count, list[Account]()
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise BenchError(f"{path} is there already, and its keys may be the only ones: name a new file") from None
        except OSError as error:
            raise BenchError(f"{path}: cannot be made: {error.strerror}") from None
        self._at = len(head := b'{"accounts": [')
        try:
            self._put(0, (head + _END).ljust(self._at + count * ENTRY_BYTES + len(_END)))
        except BenchError:
            self.close()
            raise

    def __enter__(self) -> "KeyFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __str__(self) -> str:
        """What is in it, for people."""
        kept = f"; their keys are in {self.path}" if self.accounts else ""
        return f"{len(self.accounts)} of {self.count} accounts were made{kept}"

    def add(self, account: Account) -> None:
        secret = base64.b64encode(account.seed).decode()
        entry = json.dumps({"account": account.number, "apiKey": account.api_key, "secret": secret}).encode()
        entry = (b",\n" if self.accounts else b"\n") + entry
        self._put(self._at, entry + _END)
        self._at += len(entry)
        self.accounts.append(account)

    def close(self) -> None:
        """Without a key it is no file."""
        if self.accounts:
            self._put(self._at, _END)  # over an entry that was interrupted
            os.ftruncate(self._descriptor, self._at + len(_END))
        else:
            self.path.unlink()
        os.close(self._descriptor)

    def _put(self, at: int, content: bytes) -> None:
        try:
            while content:
                written = os.pwrite(self._descriptor, content, at)
                at, content = at + written, content[written:]
            os.fsync(self._descriptor)
        except OSError as error:
            raise BenchError(f"{self.path}: cannot be written: {error.strerror}") from None


def make(api: Api, file: KeyFile, funders: list[Account], say: Callable[[int], None]) -> None:
    """Sign up as many users as the file has room for, each with a key and with funds; `say` gets how many there are.
    The exchange's limit of sign-ups in a minute is waited for."""
    while len(file.accounts) < file.count:
        account = _sign_up(api)
        if not file.accounts and not funders:
            _check_funds(api, account)  # before there are thousands
        file.add(account)
        say(len(file.accounts))
    if funders:
        _fund(api, funders, file.accounts)
    for account in file.accounts:
        _check_funds(api, account)


def _check_funds(api: Api, account: Account) -> None:
    if not _balances(api, account):
        raise BenchError(
            f"account {account.number} has no funds: only the profile demo gives any at sign-up; elsewhere name keys "
            "of accounts that have funds and may withdraw with --fund-from (profile bare: DIR/demo-keys.json)"
        )


def _sign_up(api: Api) -> Account:
    name, password = f"load-{secrets.token_hex(8)}", secrets.token_urlsafe(24)
    reply = api.post("/api/v1/session/signup", {"name": name, "password": password}, {})
    session = {
        "Cookie": reply.headers.get("set-cookie", "").partition(";")[0],
        "X-CSRF-Token": str(reply.content["csrfToken"]),
    }
    seed = SigningKey.generate()
    public = base64.b64encode(bytes(seed.verify_key)).decode()
    asked = {"permissions": ["read", "trade"], "publicKey": public, "password": password}
    api.post("/api/v1/keys", asked, session)
    return Account(public, bytes(seed), int(reply.content["account"]))


def _balances(api: Api, account: Account) -> dict[str, int]:
    """What is available, in 10^-18, where there is anything."""
    content = api.get("/api/v1/capital", None, account, "balanceQuery").content
    amounts = {symbol: exact(each["available"]) for symbol, each in content.items()}
    return {symbol: amount for symbol, amount in amounts.items() if amount}


def _fund(api: Api, funders: list[Account], accounts: list[Account]) -> None:
    for funder in funders:
        for symbol, available in _balances(api, funder).items():
            decimals = _decimals(api, symbol)
            part = available // FUND_PART // len(accounts)
            part -= part % (ONE // 10**decimals)
            for account in accounts if part else ():
                body = {
                    "address": f"account-{account.number}",
                    "blockchain": "Internal",
                    "quantity": text_of(part),
                    "symbol": symbol,
                }
                api.send("POST", "/wapi/v1/capital/withdrawals", body, funder, "withdraw")


def _decimals(api: Api, symbol: str) -> int:
    for asset in api.get("/api/v1/assets").content:
        if asset["symbol"] == symbol:
            return int(asset["tokens"][0]["nativeDecimals"])
    raise BenchError(f"the exchange lists no asset {symbol}, of which there is a balance")
