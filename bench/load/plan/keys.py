"""The keys with which a load is sent: read from a file, or made by signing up at an exchange.

    {"accounts": [{"account": 7, "apiKey": "…", "secret": "…"}, …]}      the account's number may be missing

`exchange up` writes such a file for its two demo accounts (DIR/demo-keys.json). Funds come from the exchange (profile
demo) or are moved, in equal parts, from accounts whose keys may withdraw (`--fund-from`).
"""

import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from bench.load.plan.amounts import ONE, exact, text_of
from bench.load.targets.api import Account, Api, BenchError
from engine_core.config.settings import write_private

FUND_PART = 2  # half of what the funding accounts have is handed out
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


def write(path: Path, accounts: list[Account]) -> None:
    entries = [
        {"account": each.number, "apiKey": each.api_key, "secret": base64.b64encode(each.seed).decode()}
        for each in accounts
    ]
    write_private(path, json.dumps({"accounts": entries}, indent=1) + "\n")


def make(api: Api, count: int, funders: list[Account], say: Callable[[int], None]) -> list[Account]:
    """Sign up `count` users, each with a key and with funds; `say` gets how many there are. The exchange's limit of
    sign-ups in a minute is waited for."""
    made: list[Account] = []
    for _ in range(count):
        made.append(_sign_up(api))
        say(len(made))
    if funders:
        _fund(api, funders, made)
    empty = [each.number for each in made if not _balances(api, each)]
    if empty:
        raise BenchError(
            f"account {empty[0]} has no funds: only the profile demo gives any at sign-up; elsewhere name keys of "
            "accounts that have funds and may withdraw with --fund-from (profile bare: DIR/demo-keys.json)"
        )
    return made


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
