"""What the demo profile gives a new user to trade with. Other profiles give nothing: an administrator deposits."""

from typing import Final

from engine_core.wire.codes import AccountOption, CommandKind, QueryKind, Reason
from ingress.config import LAST_DEMO_ACCOUNT
from ingress.engine import CommandRefused
from ingress.operations.admin_commands import apply
from ingress.requests.admin_record import Admin, numbers
from ingress.service import Service

QUOTE_UNITS: Final = 100_000  # whole units of an asset that prices are in
BASE_UNITS: Final = 100  # of any other
_FIRST_REFERENCE: Final = 2_000_000_000  # of these deposits; the account's number is added, so each is paid once


def is_settled(service: Service) -> bool:
    """Whether the demo's own accounts exist, whose numbers no user may get."""
    return not service.config.demo or service.setup.accounts >= LAST_DEMO_ACCOUNT


async def grant(service: Service, account: int) -> None:
    quotes = {market.quote.number for market in service.setup.markets.values()}
    bases = {market.base.number for market in service.setup.markets.values()}
    for asset in list(service.setup.assets.values()):
        units = QUOTE_UNITS if asset.number in quotes - bases else BASE_UNITS
        payload = numbers(units * 10**asset.decimals, _FIRST_REFERENCE + account)
        try:
            await apply(service, Admin(CommandKind.DEPOSIT, account=account, asset=asset.number, payload=payload))
        except CommandRefused as error:
            if error.reason is not Reason.DUPLICATE_REFERENCE:
                raise
    if service.several is not None:  # what was given is at home, and there is more to try than what trades there
        await apply(service, Admin(CommandKind.ACCOUNT_OPTIONS, code=AccountOption.AUTO_TRANSFER, account=account))


async def grant_if_empty(service: Service, account: int) -> None:
    """What a sign-up that was interrupted did not get to; nothing is paid twice."""
    records = await service.engine.query(QueryKind.BALANCES, account=account)
    if not (records["available"].any() or records["locked"].any()):
        await grant(service, account)
