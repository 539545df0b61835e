"""Withdrawals that a user asks for, and the address for deposits.

What happens to the money stands in the log, in one command: WITHDRAW to an address outside, TRANSFER to one that the
exchange gave out itself, each with a hash of what it was asked with. The text of that is kept in the database, for
paying it out, and counts only if it fits the hash; nothing there decides. The reference in the log is made from
the account and the clientId: a repeat of the same withdraws nothing twice and is answered with what was done, another
one with the same clientId is refused. (What is an address: engine_core/wire/destinations.py.)
Non-goals: chains. There is one, this exchange's own ledger, and an administrator credits what comes in.
"""

from typing import Final, NamedTuple

from engine_core.edge.references import new_reference, reference_of
from engine_core.edge.refusals import Code
from engine_core.replica.setup import Asset
from engine_core.wire import destinations
from engine_core.wire.codes import CommandKind, Reason
from engine_core.wire.limits import MAX_SUPPLY_ATOMS
from engine_core.wire.units import UnitError, format_decimal, parse_decimal
from ingress.database import HistoryUnavailable
from ingress.engine import CommandRefused, unreadable
from ingress.errors import ApiError, bad_request, refusal
from ingress.history.forms import Json
from ingress.messages import Reply, json_reply
from ingress.operations import funds
from ingress.operations.account import asset_of
from ingress.operations.admin_commands import apply
from ingress.requests import fields
from ingress.requests.admin_record import Admin, numbers
from ingress.requests.fields import CHAIN
from ingress.schemas import bodies
from ingress.schemas.account_answers import DepositAddress, MaxWithdrawal
from ingress.service import Request, Service
from ingress.users.keys import check_may_withdraw
from ingress.users.user_rows import WithdrawalRequest

_OTHER: Final = "Duplicate client ID: it names another withdrawal"


class _Asked(NamedTuple):
    request: WithdrawalRequest
    atoms: int
    to_account: int  # 0: outside

    @property
    def command(self) -> Admin:
        request = self.request
        return Admin(
            CommandKind.TRANSFER if self.to_account else CommandKind.WITHDRAW,
            account=request.account,
            asset=request.asset,
            payload=numbers(self.atoms, request.reference, *request.words),
            to_account=self.to_account,
        )


async def withdraw(service: Service, request: Request) -> Reply:
    asked = _asked(service, request.caller.account, request.fields)
    if asked.request.client_id is None:
        service.auth.once(request.caller)
    try:
        await check_may_withdraw(service, request.caller)
        known = await _known(service, asked)
        if known is None:
            await _check_funds(service, asked)
        # The text comes before the money moves, so that it is there for whatever the log will say.
        await service.users.note_withdrawal(service.setup.log_id, asked.request)
        if known is None:
            await _execute(service, asked)
        known = await _known(service, asked)
    except HistoryUnavailable as error:
        raise unreadable("Withdrawals are", error) from None
    assert known is not None, "what the engine has executed is in the history"
    return json_reply(known)


async def _known(service: Service, asked: _Asked) -> Json | None:
    """The withdrawal with this clientId, if it was executed before; a refusal if it is another one."""
    request = asked.request
    found = await service.history.withdrawal(request.account, request.reference)
    if found is None:
        return None
    row, withdrawal = found
    same = (row.asset, row.amount_atoms) == (request.asset, asked.atoms)
    if row.words == (0, 0):  # of behaviour version 1: its text is all there is
        same = same and withdrawal["toAddress"] == request.address
    else:
        same = same and row.words == request.words
    if not same:
        raise bad_request(_OTHER)
    return withdrawal


async def _check_funds(service: Service, asked: _Asked) -> None:
    """Nothing is noted of what cannot be paid. (The engine decides; this is what it would say by now.)"""
    if asked.request.account in service.setup.frozen:
        raise ApiError(Code.ACCOUNT_DEACTIVATED, "Account is frozen: nothing can be withdrawn")
    if await funds.has(service, asked.request.account, asked.request.asset, asked.atoms):
        return
    if not await service.users.has_withdrawal(service.setup.log_id, asked.request):  # else perhaps it was paid just now
        raise refusal(Reason.INSUFFICIENT_FUNDS)


async def _execute(service: Service, asked: _Asked) -> None:
    try:
        await funds.bring_home(service, asked.request.account, asked.request.asset, asked.atoms)
        await apply(service, asked.command)
    except CommandRefused as error:
        if error.reason is Reason.DUPLICATE_REFERENCE:
            raise bad_request(_OTHER) from None
        if error.reason is not Reason.REPEATED:
            raise


def _asked(service: Service, account: int, members: fields.Fields) -> _Asked:
    fields.check_members(members, bodies.Withdraw)
    for name in ("autoBorrow", "autoLendRedeem"):
        if fields.flag(members, name):
            raise bad_request(f"{name} is not possible on a spot exchange")
    asset = asset_of(service, members)
    check_chain(members)
    address = fields.required_text(members, "address")
    to_account = _receiver(service, account, address)
    client_id = fields.transfer_client_id(members)
    reference = withdrawal_reference(account, client_id)
    request = WithdrawalRequest(account, asset.number, reference, address, CHAIN, client_id)
    return _Asked(request, quantity_of(asset, members), to_account)


def _receiver(service: Service, account: int, address: str) -> int:
    """The account of an address inside, 0 for one outside."""
    number = destinations.account_of(address)
    if number is None:
        if not destinations.is_outside(address):
            raise bad_request(f"Invalid address: {destinations.RULE}")
        return 0
    if number > service.setup.accounts:
        raise bad_request(f"Invalid address: there is no account {number}")
    if number == account:
        raise bad_request("Invalid address: it is the account's own")
    return number


def withdrawal_reference(account: int, client_id: str | None) -> int:
    return new_reference() if client_id is None else reference_of(account, client_id)


def quantity_of(asset: Asset, members: fields.Fields) -> int:
    """`quantity` in atoms, above zero."""
    text = fields.decimal(members, "quantity")
    if text is None:
        raise bad_request("quantity is required")
    try:
        atoms = parse_decimal(text, asset.decimals)
    except UnitError as error:
        raise ApiError(Code.INVALID_QUANTITY, f"Invalid quantity: {error}") from None
    if atoms > MAX_SUPPLY_ATOMS:  # of any asset there can be no more
        raise ApiError(Code.INVALID_QUANTITY, f"Invalid quantity: {text!r} is too large")
    if atoms <= 0:
        raise ApiError(Code.INVALID_QUANTITY, "quantity must be above zero")
    return atoms


def check_chain(members: fields.Fields) -> None:
    if fields.required_text(members, "blockchain") != fields.CHAIN:
        raise bad_request(f"Invalid blockchain: assets live on {fields.CHAIN!r} only")


async def deposit_address(service: Service, request: Request) -> Reply:
    """Where to send: in the exchange's own ledger, the account itself."""
    check_chain(request.fields)
    return json_reply(DepositAddress(destinations.of_account(request.caller.account)))


async def max_withdrawal(service: Service, request: Request) -> Reply:
    asset = asset_of(service, request.fields)
    atoms = 0
    if request.caller.account not in service.setup.frozen:
        atoms = await funds.available(service, request.caller.account, asset.number)
    return json_reply(MaxWithdrawal(asset.symbol, format_decimal(atoms, asset.decimals)))
