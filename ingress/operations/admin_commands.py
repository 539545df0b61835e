"""The ADMIN commands of the operations, executed and judged by their outcome."""

from engine_core.wire.codes import CommandKind, KeyPermission, Reason
from engine_core.wire.events import Event
from ingress.engine import CommandRefused
from ingress.requests.admin_record import Admin
from ingress.service import Service


async def apply(service: Service, command: Admin) -> Event:
    """The APPLIED event of a command, or CommandRefused."""
    return await service.engine.apply(command)


async def create_account(service: Service, code: int = 0) -> int:
    """The next account (`code`: an AccountOrigin, or 0 of an administrator's).

    Somebody else may take its number at the same moment; then the one after it is tried.
    """
    number = service.setup.accounts
    while True:
        number += 1
        try:
            await apply(service, Admin(CommandKind.ACCOUNT, code=code, account=number))
            return number
        except CommandRefused as error:
            if error.reason is not Reason.ALREADY_EXISTS:
                raise


async def create_key(service: Service, account: int, public_key: bytes, permissions: KeyPermission) -> None:
    await apply(service, Admin(CommandKind.KEY, code=permissions, account=account, payload=public_key))


async def revoke_key(service: Service, account: int, public_key: bytes) -> None:
    await apply(service, Admin(CommandKind.KEY_REVOKE, account=account, payload=public_key))
