"""The demo's accounts: two with API keys for anyone who tries the exchange, one for the page, two for the market maker
(one that quotes, and one for its takers, because orders of one account never trade with each other).

Accounts and keys are created only where the log lacks them. The deposits are appended at each start with the same
reference per account, so the engine refuses the repeats by itself (DUPLICATE_REFERENCE): nothing is paid twice.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from nacl.signing import SigningKey

from engine_core.administration.client import LogSetup, admin, execute
from engine_core.config.settings import KEYS_FILE, Settings, write_private
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import AccountOption, CommandKind, KeyPermission, Reason

TRADERS = (2, 3)
MARKET_MAKER = 4
PAGE = 5  # the trading page's demo session; it has no key
TAKER = 6
MARKET_MAKER_FILE, TAKER_FILE = "market-maker-key.json", "taker-key.json"
FIRST_REFERENCE = 1_000_000  # of demo deposits; the account's number is added
QUOTE_UNITS, BASE_UNITS = 10_000_000, 100_000  # whole units for each trader and the page
MARKET_MAKER_FACTOR = 10


def fund(gateway: Gateway, settings: Settings, setup: LogSetup, say: Callable[[str], None]) -> int:
    """Create what is missing of the demo, and write its key files; the number of commands applied."""
    missing = [number for number in range(2, TAKER + 1) if number not in setup.accounts]
    applied = execute(gateway, (admin(CommandKind.ACCOUNT, account=number) for number in missing))
    traders = _load(settings.data / KEYS_FILE, "accounts", len(TRADERS))
    maker = _load(settings.data / MARKET_MAKER_FILE, "accounts", 1)
    taker = _load(settings.data / TAKER_FILE, "accounts", 1)
    wanted = [*zip(TRADERS, traders, strict=True), (MARKET_MAKER, maker[0]), (TAKER, taker[0])]
    commands = []
    for account, key in wanted:
        public_key = base64.b64decode(key["apiKey"])
        if (account, public_key) not in setup.keys:
            permissions = KeyPermission.READ | KeyPermission.TRADE | KeyPermission.WITHDRAW
            commands.append(key_command(account, public_key, permissions))
    if settings.shards > 1:  # they trade everywhere, and their money comes in at home
        everybody = (*TRADERS, MARKET_MAKER, PAGE, TAKER)
        auto = AccountOption.AUTO_TRANSFER
        commands += [
            admin(CommandKind.ACCOUNT_OPTIONS, account=account, code=auto)
            for account in everybody
            if setup.options.get(account, 0) != auto
        ]
    applied += execute(gateway, commands)
    # The files come last: with them one can trade.
    _save(settings.data / KEYS_FILE, traders)
    _save(settings.data / MARKET_MAKER_FILE, maker)
    _save(settings.data / TAKER_FILE, taker)
    applied += execute(gateway, _deposits(settings), allowed=(Reason.DUPLICATE_REFERENCE,))
    if applied:
        say(f"demo accounts {', '.join(map(str, range(2, TAKER + 1)))} are ready; keys in {settings.data / KEYS_FILE}")
    return applied


def key_command(account: int, public_key: bytes, permissions: KeyPermission) -> np.ndarray:
    command = admin(CommandKind.KEY, account=account, code=permissions)
    command["public_key"] = np.frombuffer(public_key, np.uint8)
    return command


def new_key() -> dict[str, str]:
    """A fresh ED25519 key in the form that clients use."""
    seed = SigningKey.generate()
    return {
        "apiKey": base64.b64encode(bytes(seed.verify_key)).decode(),
        "secret": base64.b64encode(bytes(seed)).decode(),
    }


def _deposits(settings: Settings) -> list[np.ndarray]:
    quotes = {market.quote_asset for market in settings.config.markets}
    bases = {market.base_asset for market in settings.config.markets}
    commands = []
    for account in (*TRADERS, MARKET_MAKER, PAGE, TAKER):
        factor = MARKET_MAKER_FACTOR if account in (MARKET_MAKER, TAKER) else 1
        for asset in settings.config.assets:
            units = BASE_UNITS if asset.number in bases or asset.number not in quotes else QUOTE_UNITS
            amount = units * factor * 10**asset.decimals
            commands.append(
                admin(
                    CommandKind.DEPOSIT,
                    account=account,
                    asset=asset.number,
                    amount_atoms=amount,
                    reference=FIRST_REFERENCE + account,
                )
            )
    return commands


def _load(path: Path, member: str, count: int) -> list[dict[str, str]]:
    """The keys of the file, or new ones where there is none."""
    if path.exists():
        keys: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))[member]
        return keys
    return [new_key() for _ in range(count)]


def _save(path: Path, keys: list[dict[str, str]]) -> None:
    text = json.dumps({**keys[0], "accounts": keys}, indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_private(path, text)
