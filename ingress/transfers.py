"""Withdrawals that a user asks for, and the address for deposits (SPEC §5.13).

A withdrawal debits the account at once, in the log; with which address it was asked stands in the database, for whoever
pays it out. The reference in the log is made from the account and the clientId, so a repeat withdraws nothing twice.
Non-goals: chains. There is one, this exchange's own ledger, and an administrator credits what comes in.
"""

import hashlib
import secrets
from typing import Final

from engine_core.replica.setup import Asset
from engine_core.wire.codes import CommandKind, QueryKind, Reason
from engine_core.wire.units import UnitError, format_decimal, parse_decimal
from ingress import fields
from ingress.account import asset_of
from ingress.admin_commands import Admin, Refused, apply, numbers
from ingress.call import Reply, json_reply
from ingress.engine import RETRY_LATER
from ingress.errors import ApiError, Code, bad_request
from ingress.fields import CHAIN
from ingress.history_database import HistoryUnavailable
from ingress.schemas import DepositAddress, MaxWithdrawal
from ingress.service import Request, Service
from ingress.users import WithdrawalRequest

MAX_ADDRESS: Final = 200
MAX_CLIENT_ID: Final = 255
_MEMBERS = frozenset(
    ("address", "blockchain", "clientId", "quantity", "symbol", "twoFactorToken", "autoBorrow", "autoLendRedeem")
)


async def withdraw(service: Service, request: Request) -> Reply:
    account = request.caller.account
    if account in service.setup.frozen:
        raise ApiError(Code.ACCOUNT_DEACTIVATED, "Account is frozen: nothing can be withdrawn")
    asked, atoms = _asked(service, account, request.fields)
    if asked.client_id is None:
        service.auth.once(request.caller)
    try:
        is_first = await _note(service, asked)
        try:
            payload = numbers(atoms, asked.reference)
            await apply(service, Admin(CommandKind.WITHDRAW, account=account, asset=asked.asset, payload=payload))
        except Refused as error:
            if error.reason is Reason.DUPLICATE_REFERENCE:
                raise bad_request("Duplicate client ID") from None
            if is_first:
                await service.users.forget_withdrawal(service.setup.log_id, asked)
            raise
        found, _ = await service.history.withdrawals(account, references=[asked.reference])
    except HistoryUnavailable as error:
        raise ApiError(Code.MAINTENANCE, f"Withdrawals are not available: {error}"[:200], RETRY_LATER) from None
    return json_reply(found[0])


def _asked(service: Service, account: int, members: fields.Fields) -> tuple[WithdrawalRequest, int]:
    """(what is asked for, how many atoms)."""
    fields.check_names(members, _MEMBERS)
    for name in ("autoBorrow", "autoLendRedeem"):
        if fields.flag(members, name):
            raise bad_request(f"{name} is not possible on a spot exchange")
    asset = asset_of(service, members)
    check_chain(members)
    address = fields.required_text(members, "address")
    if len(address) > MAX_ADDRESS or not address.isprintable():
        raise bad_request(f"address must be printable text of at most {MAX_ADDRESS} characters")
    client_id = members.get("clientId")
    if not (client_id is None or (isinstance(client_id, str) and client_id.isprintable())):
        raise bad_request("clientId must be text")
    if client_id is not None and len(client_id) > MAX_CLIENT_ID:
        raise bad_request(f"clientId must have at most {MAX_CLIENT_ID} characters")
    client_id = str(client_id) if client_id else None
    reference = withdrawal_reference(account, client_id)
    return WithdrawalRequest(account, asset.number, reference, address, CHAIN, client_id), quantity_of(asset, members)


async def _note(service: Service, asked: WithdrawalRequest) -> bool:
    """Write down what is asked for; whether it is the first time. A retry has to name the same address."""
    if await service.users.request_withdrawal(service.setup.log_id, asked):
        return True
    before = await service.users.withdrawal_request(service.setup.log_id, asked)
    if before is not None and before.address != asked.address:
        raise bad_request("Duplicate client ID")
    return False


def withdrawal_reference(account: int, client_id: str | None) -> int:
    """What names it in the log, 62 bits above zero: the same for the same clientId of an account."""
    if client_id is None:
        return secrets.randbits(62) + 1
    digest = hashlib.blake2b(client_id.encode(), digest_size=8, key=account.to_bytes(4, "little")).digest()
    return (int.from_bytes(digest, "little") >> 2) + 1


def quantity_of(asset: Asset, members: fields.Fields) -> int:
    """`quantity` in atoms, above zero."""
    text = fields.decimal(members, "quantity")
    if text is None:
        raise bad_request("quantity is required")
    try:
        atoms = parse_decimal(text, asset.decimals)
    except UnitError as error:
        raise ApiError(Code.INVALID_QUANTITY, f"Invalid quantity: {error}") from None
    if atoms <= 0:
        raise ApiError(Code.INVALID_QUANTITY, "quantity must be above zero")
    return atoms


def check_chain(members: fields.Fields) -> None:
    if fields.required_text(members, "blockchain") != CHAIN:
        raise bad_request(f"Invalid blockchain: assets live on {CHAIN!r} only")


async def deposit_address(service: Service, request: Request) -> Reply:
    """Where to send: in the exchange's own ledger, the account itself."""
    check_chain(request.fields)
    return json_reply(DepositAddress(f"account-{request.caller.account}"))


async def max_withdrawal(service: Service, request: Request) -> Reply:
    asset = asset_of(service, request.fields)
    records = await service.engine.query(QueryKind.BALANCES, account=request.caller.account)
    atoms = 0
    if request.caller.account not in service.setup.frozen:
        atoms = int(records["available"][records["asset"] == asset.number].sum())
    return json_reply(MaxWithdrawal(asset.symbol, format_decimal(atoms, asset.decimals)))
