"""Cancels several orders of a market by their ids, each for itself."""

import asyncio
from typing import Final

from engine_core.wire.codes import EventKind
from ingress.errors import ApiError, bad_request, refusal
from ingress.messages import Reply, json_reply
from ingress.operations.live_orders import live_order
from ingress.requests import fields, order_commands
from ingress.requests.signed_json import Member
from ingress.schemas.answers import BatchError, BatchOrder, LiveOrder
from ingress.service import Request, Service

MAX_BATCH: Final = 100
_ID_NAMES = {"orderIds": "orderId", "clientIds": "clientId"}
LISTS: Final = tuple(_ID_NAMES)


async def cancel_batch(service: Service, request: Request) -> Reply:
    """The answers are those of the order ids, then those of the client ids, in the order given."""
    fields.check_names(request.fields, frozenset((*LISTS, "symbol")))
    symbol = order_commands.market_of(service.setup, request.fields).symbol
    wanted = [
        {"symbol": symbol, name: value}
        for names, name in _ID_NAMES.items()
        for value in _ids(request.fields.get(names), names)
    ]
    if not wanted:
        raise bad_request(f"orderIds and clientIds together name 1 to {MAX_BATCH} orders, not 0")
    return json_reply(await asyncio.gather(*(_cancel(service, request.caller.account, each) for each in wanted)))


def _ids(value: Member, name: str) -> list[Member]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_request(f"{name} must be a list")
    return value


async def _cancel(service: Service, account: int, members: fields.Fields) -> LiveOrder | BatchError:
    try:
        command, market = order_commands.cancel(service.setup, account, members)
        last = (await service.engine.execute(command))[-1]
        if last.kind == EventKind.REJECTED:
            raise refusal(last.reason)
        return live_order(market, last, last, BatchOrder)
    except ApiError as error:
        return BatchError(error.code.value, error.message)
