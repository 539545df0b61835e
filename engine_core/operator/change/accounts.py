"""`exchange accounts`, `keys`, `deposit`, `withdraw` and `skip`: commands appended to the log, with their outcome."""

import argparse
import base64
import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import psycopg
import redis

from engine_core.administration.client import ApplyError, LogSetup, admin, read_setup
from engine_core.administration.demo import key_command, new_key
from engine_core.administration.venue import Venue
from engine_core.edge.key_names import KEY_NAME_RULE, NAME_KEY, is_key_name
from engine_core.edge.spelling import PERMISSIONS
from engine_core.operator.target.log_access import check_redis
from engine_core.operator.target.running import CommandError, Run, require
from engine_core.process.names import role_name
from engine_core.transport.gateway import GatewayError
from engine_core.transport.redis_connection import client_of, describe
from engine_core.wire.codes import AccountState, CommandKind, EventKind, KeyPermission, Reason
from engine_core.wire.limits import MAX_INT64, MAX_SUPPLY_ATOMS
from engine_core.wire.streams import EntryId, keys
from engine_core.wire.units import UnitError, format_decimal, parse_decimal

ANSWER_TIMEOUT_S = 10.0


@contextmanager
def session(options: argparse.Namespace) -> Iterator[tuple[Venue, LogSetup]]:
    """The running exchange of `options.data`, and what its log (that of home) says."""
    with reached(require(options.data)) as venue:
        yield venue, read_setup(venue.home, ANSWER_TIMEOUT_S)


@contextmanager
def reached(run: Run) -> Iterator[Venue]:
    """A way into the engines; what keeps one from answering is a message."""
    for url in dict.fromkeys(run.redis_urls):
        check_redis(url)
    try:
        with Venue(run.redis_urls) as venue:
            yield venue
        for shard in sorted(venue.behind):
            print(f"shard {shard} does not answer: it is told as soon as it does", file=sys.stderr)
    except ApplyError as error:
        raise CommandError(str(error)) from None
    except (GatewayError, TimeoutError, redis.RedisError) as error:
        raise CommandError(f"the engine could not be asked: {error}") from None


def create_account(options: argparse.Namespace) -> int:
    with session(options) as (venue, setup):
        number = max(setup.accounts, default=1) + 1
        venue.execute([admin(CommandKind.ACCOUNT, account=number)])
    print(number)
    return 0


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


def skip(options: argparse.Namespace) -> int:
    """Let the engine pass over an entry that crashes it. Its commands are then never executed: the last resort."""
    try:
        entry = EntryId.parse(options.entry)
        if max(entry) > MAX_INT64:
            raise ValueError
    except ValueError:
        raise CommandError(f"{options.entry!r} is not an entry ID, like 1790000000000-0") from None
    run = require(options.data)
    if options.shard >= run.shards:
        raise CommandError(f"--shard {options.shard}: this venue has {run.shards} (from 0 on)")
    with reached(run) as venue:
        _check_skippable(run.redis_of(options.shard), options.shard, entry)
        venue.gateways[options.shard].append(admin(CommandKind.SKIP, entry_ms=entry.ms, entry_seq=entry.seq))
    engine = role_name("engine", options.shard)
    print(f"SKIP of {entry} is in the log; `exchange logs {engine}` shows the engine going on")
    return 0


def _check_skippable(redis_url: str, shard: int, entry: EntryId) -> None:
    """CommandError unless the log has this entry and no engine has published what it gave."""
    names = keys(shard)
    with closing(client_of(redis_url, ANSWER_TIMEOUT_S)) as client:
        if not client.xrange(names.orders, str(entry), str(entry)):
            of_shard, engine = f" of shard {shard}" if shard else "", role_name("engine", shard)
            raise CommandError(
                f"the log{of_shard} has no entry {entry}: `exchange logs {engine}` names the one at which the engine "
                "halted"
            )
        executed = describe(client, names.events).top
    if entry <= executed:
        raise CommandError(f"entry {entry} is executed or skipped already (the engine is at {executed}): too late")


def deposit(options: argparse.Namespace) -> int:
    return _move(options, CommandKind.DEPOSIT)


def withdraw(options: argparse.Namespace) -> int:
    return _move(options, CommandKind.WITHDRAW)


def _move(options: argparse.Namespace, kind: CommandKind) -> int:
    """Credit or debit an account. The reference makes a repeat harmless: the engine takes each one only once."""
    reference = options.reference if options.reference is not None else secrets.randbits(62) + 1
    with session(options) as (venue, setup):
        asset = setup.assets.get(options.asset)
        if asset is None:
            raise CommandError(f"there is no asset {options.asset}; there are {', '.join(setup.assets)}")
        decimals = int(asset["decimals"])
        try:
            amount = parse_decimal(options.amount, decimals)
        except UnitError as error:
            raise CommandError(f"the amount: {error}") from None
        if not 0 < amount <= MAX_SUPPLY_ATOMS:
            most = format_decimal(MAX_SUPPLY_ATOMS, decimals)
            raise CommandError(f"the amount must be more than 0 and at most {most} {options.asset}, its whole supply")
        fields = {"account": options.account, "asset": int(asset["asset"])}
        event = venue.home.execute(admin(kind, **fields, amount_atoms=amount, reference=reference))[0]
        if event["kind"] != EventKind.APPLIED:
            reason = Reason(int(event["reason"]))
            is_less = reason == Reason.INSUFFICIENT_FUNDS and venue.others
            counts = ": what the account has in shard 0 counts, and only its owner moves money there" if is_less else ""
            raise CommandError(
                f"the engine refused it: {reason.name.lower().replace('_', ' ')} ({reason.name}){counts}"
            )
        available = format_decimal(int(event["given_available"]), decimals)
    done = {"account": options.account, "asset": options.asset, "amount": format_decimal(amount, decimals)}
    print(json.dumps(done | {"reference": reference, "available": available}))
    return 0


def freeze(options: argparse.Namespace) -> int:
    return _account(
        options, admin(CommandKind.ACCOUNT_STATE, account=options.account, code=AccountState.FROZEN), "frozen"
    )


def unfreeze(options: argparse.Namespace) -> int:
    return _account(
        options, admin(CommandKind.ACCOUNT_STATE, account=options.account, code=AccountState.OK), "not frozen"
    )


def tier(options: argparse.Namespace) -> int:
    command = admin(CommandKind.FEE_TIER, account=options.account, code=options.tier)
    return _account(options, command, f"in fee tier {options.tier}")


def _account(options: argparse.Namespace, command: np.ndarray, now: str) -> int:
    with session(options) as (venue, setup):
        if options.account not in setup.accounts:
            raise CommandError(f"there is no account {options.account}; `exchange accounts create` makes the next one")
        venue.execute([command])
    print(f"account {options.account} is {now}")
    return 0


def fees(options: argparse.Namespace) -> int:
    """The fees of a tier on a market; those of tier 0 are said by exchange.toml."""
    with session(options) as (venue, setup):
        command = admin(CommandKind.FEES, market=market_number(setup, options.symbol), code=options.tier)
        command["maker_ppm"], command["taker_ppm"] = options.maker_ppm, options.taker_ppm
        venue.execute([command])
    print(f"{options.symbol}, tier {options.tier}: maker {options.maker_ppm} ppm, taker {options.taker_ppm} ppm")
    return 0


def symbols(setup: LogSetup) -> dict[str, int]:
    """The numbers of all markets, by symbol."""
    names = {int(record["asset"]): name for name, record in setup.assets.items()}
    return {
        f"{names[int(record['asset'])]}_{names[int(record['quote_asset'])]}": number
        for number, record in setup.markets.items()
    }


def market_number(setup: LogSetup, symbol: str) -> int:
    numbers = symbols(setup)
    if symbol not in numbers:
        raise CommandError(f"there is no market {symbol}; there are {', '.join(numbers)}")
    return numbers[symbol]
