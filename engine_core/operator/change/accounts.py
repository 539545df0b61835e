"""`exchange accounts`, `deposit`, `withdraw` and `fees`: commands appended to the log, with their outcome."""

import argparse
import json

import numpy as np

from engine_core.administration.client import admin
from engine_core.edge.references import new_reference
from engine_core.operator.target.running import CommandError
from engine_core.operator.target.session import market_number, session
from engine_core.wire.codes import AccountState, CommandKind, EventKind, Reason
from engine_core.wire.limits import MAX_SUPPLY_ATOMS
from engine_core.wire.units import UnitError, format_decimal, parse_decimal

# Ingress moves money between shards, and finishes a move that is half done; this command talks to the engines alone.
_OF_SHARD_0 = (
    ": of what the account has, this command takes what is in shard 0; POST /api/v1/admin/withdrawals fetches the rest"
)


def create_account(options: argparse.Namespace) -> int:
    with session(options) as (venue, setup):
        number = max(setup.accounts, default=1) + 1
        venue.execute([admin(CommandKind.ACCOUNT, account=number)])
    print(number)
    return 0


def deposit(options: argparse.Namespace) -> int:
    return _move(options, CommandKind.DEPOSIT)


def withdraw(options: argparse.Namespace) -> int:
    return _move(options, CommandKind.WITHDRAW)


def _move(options: argparse.Namespace, kind: CommandKind) -> int:
    """Credit or debit an account. The reference makes a repeat harmless: the engine takes each one only once."""
    reference = options.reference if options.reference is not None else new_reference()
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
            rest = _OF_SHARD_0 if reason == Reason.INSUFFICIENT_FUNDS and venue.others else ""
            raise CommandError(f"the engine refused it: {reason.name.lower().replace('_', ' ')} ({reason.name}){rest}")
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
