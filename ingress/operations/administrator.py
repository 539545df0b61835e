"""What an administrator does: accounts, their keys, fee tiers and freezes; deposits and withdrawals; market states.

An administrator is who has a key of account 1, the exchange's own (`exchange keys create --account 1`). Each change is
a command in the log, so it reaches every process at once and is replayed like any other. Non-goals: assets and markets
themselves and the fees of tier 0, which exchange.toml says (`exchange apply`).
"""

import base64
import json
import logging
from typing import Final

from engine_core.edge.references import new_reference
from engine_core.edge.refusals import Code
from engine_core.edge.spelling import MARKET_STATE_CODES
from engine_core.replica.setup import Asset
from engine_core.wire.codes import AccountState, CommandKind, MarketState, Reason
from engine_core.wire.limits import FEE_ACCOUNT, LAST_TIER, MAX_ACCOUNT, MAX_FEE_PPM, MAX_INT64
from engine_core.wire.units import format_decimal
from ingress.database import HistoryUnavailable
from ingress.dispatch import Operation
from ingress.engine import CommandRefused, unreadable
from ingress.errors import ApiError, bad_request, not_found
from ingress.messages import Reply, json_reply
from ingress.operations import funds
from ingress.operations.account import asset_of
from ingress.operations.admin_commands import apply, create_account, create_key, revoke_key
from ingress.operations.market_data import market_body
from ingress.operations.transfers import quantity_of
from ingress.requests import fields, order_commands
from ingress.requests.admin_record import Admin, numbers
from ingress.schemas import bodies
from ingress.schemas.account_answers import AdminAccount, AdminFees, AdminTransfer
from ingress.service import Request, Service
from ingress.users.guards import no_users
from ingress.users.keys import key_name, key_of, keys_of, name_new_key, new_public_key, permissions_of, public_key

ADMINISTRATOR: Final = FEE_ACCOUNT
MAX_LOGGED: Final = 500
logger = logging.getLogger(__name__)


def only(operation: Operation) -> Operation:
    """The operation for administrators, and for nobody else."""

    async def guarded(service: Service, request: Request) -> Reply:
        if request.caller.account != ADMINISTRATOR:
            raise ApiError(Code.FORBIDDEN, f"Only keys of account {ADMINISTRATOR}, the exchange's own, may do this")
        if request.call.method != "GET":  # the log has what was done; this line, who signed it, and where
            key = base64.b64encode(request.caller.public_key).decode()
            said = json.dumps(request.fields, default=str)[:MAX_LOGGED]
            logger.info(
                "administrator %s at %s: %s %s %s", key, request.call.peer, request.call.method, request.call.path, said
            )
        return await operation(service, request)

    return guarded


async def status(service: Service, request: Request) -> Reply:
    """What the processes show of themselves."""
    return json_reply(await service.processes.status(service.config.runtime))


async def new_account(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.Nothing)
    return await _answer(service, await create_account(service))


async def account(service: Service, request: Request) -> Reply:
    return await _answer(service, _account(service, request))


async def change_account(service: Service, request: Request) -> Reply:
    """Freeze or unfreeze, set the fee tier; what is not named stays."""
    fields.check_members(request.fields, bodies.AdminChangeAccount)
    number = _account(service, request)
    tier = fields.integer(request.fields, "feeTier", 0, LAST_TIER)
    is_frozen = fields.flag(request.fields, "frozen")
    if tier is not None:
        await apply(service, Admin(CommandKind.FEE_TIER, code=tier, account=number))
    if not fields.absent(request.fields.get("frozen")):
        await apply(
            service,
            Admin(
                CommandKind.ACCOUNT_STATE, code=AccountState.FROZEN if is_frozen else AccountState.OK, account=number
            ),
        )
    return await _answer(service, number)


async def deposit(service: Service, request: Request) -> Reply:
    return await _move(service, request, CommandKind.DEPOSIT)


async def withdraw(service: Service, request: Request) -> Reply:
    return await _move(service, request, CommandKind.WITHDRAW)


async def _move(service: Service, request: Request, kind: CommandKind) -> Reply:
    """Credit or debit. A `reference` makes a repeat harmless: the engine takes each one only once for an asset.

    What home lacks for a withdrawal is fetched once the engine has said so.
    """
    fields.check_members(request.fields, bodies.AdminMove)
    number, asset = _account(service, request), asset_of(service, request.fields)
    atoms = quantity_of(asset, request.fields)
    given = fields.integer(request.fields, "reference", 1, MAX_INT64)
    if given is None:
        service.auth.once(request.caller)
    reference = new_reference() if given is None else given
    command = Admin(kind, account=number, asset=asset.number, payload=numbers(atoms, reference))
    try:
        event = await apply(service, command)
    except CommandRefused as error:
        is_poor = kind is CommandKind.WITHDRAW and error.reason is Reason.INSUFFICIENT_FUNDS
        if not is_poor or service.several is None:
            raise
        if given is not None:
            await _check_is_no_repeat(service, number, asset, given)
        await funds.bring_home(service, number, asset.number, atoms)
        event = await apply(service, command)
    quantity, available = (format_decimal(value, asset.decimals) for value in (atoms, event.given_available))
    return json_reply(AdminTransfer(number, asset.symbol, quantity, str(reference), available))


async def _check_is_no_repeat(service: Service, account: int, asset: Asset, reference: int) -> None:
    """Or what is fetched would stay: of a withdrawal that cannot be paid the engine does not look at the reference."""
    try:
        found, _ = await service.history.withdrawals(account, references=[reference], limit=len(service.setup.assets))
    except HistoryUnavailable as error:
        raise unreadable("Withdrawals with a reference that other shards pay for are", error) from None
    if any(row["symbol"] == asset.symbol for row in found):
        raise CommandRefused(Reason.DUPLICATE_REFERENCE)


async def market_state(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.AdminMarket)
    market = order_commands.market_of(service.setup, request.fields)
    state = MarketState(fields.choice(request.fields, "state", MARKET_STATE_CODES, 0))
    await apply(service, Admin(CommandKind.MARKET_STATE, code=state, market=market.number))
    return json_reply(market_body(service, service.setup.markets[market.number]))


async def fees(service: Service, request: Request) -> Reply:
    """The fees of a tier on a market; those of tier 0 are the configuration's."""
    fields.check_members(request.fields, bodies.AdminSetFees)
    market = order_commands.market_of(service.setup, request.fields)
    tier = _required(request, "tier", 1, LAST_TIER)
    maker, taker = (_required(request, name, 0, MAX_FEE_PPM) for name in ("makerPpm", "takerPpm"))
    await apply(service, Admin(CommandKind.FEES, code=tier, market=market.number, payload=numbers(maker, taker)))
    return json_reply(AdminFees(market.symbol, tier, maker, taker))


async def add_key(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.AdminMakeKey)
    number, permissions = _account(service, request), permissions_of(request.fields.get("permissions"))
    public = new_public_key(fields.required_text(request.fields, "apiKey"), "apiKey")
    name = key_name(request.fields)
    if name:  # without one no database is needed
        try:
            await name_new_key(service, public, name)
        except HistoryUnavailable as error:
            raise no_users(error) from None
    await create_key(service, number, public, permissions)
    return json_reply(key_of(public, permissions, name))


async def delete_key(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.DeleteKey)
    public = public_key(fields.required_text(request.fields, "apiKey"), "apiKey")
    key = service.setup.keys.get(public)
    if key is None:
        raise not_found()
    await revoke_key(service, key.account, public)
    return await _answer(service, key.account)


async def _answer(service: Service, number: int) -> Reply:
    """An account as its administrator sees it."""
    setup = service.setup
    balances, missing = await funds.known_balances(service, number)  # what was done must be told, whoever is away
    keys = await keys_of(service, number)
    is_frozen, tier = number in setup.frozen, setup.tiers.get(number, 0)
    answer = AdminAccount(number, is_frozen, tier, keys, balances)
    if missing:
        answer.silentShards = missing
    return json_reply(answer)


def _account(service: Service, request: Request) -> int:
    number = _required(request, "account", 1, MAX_ACCOUNT)
    if number > service.setup.accounts:
        raise ApiError(Code.RESOURCE_NOT_FOUND, f"There is no account {number}")
    return number


def _required(request: Request, name: str, low: int, high: int) -> int:
    value = fields.integer(request.fields, name, low, high)
    if value is None:
        raise bad_request(f"{name} is required")
    return value
