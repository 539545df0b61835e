"""The operations on orders: validate, let the engine decide, and show the order as it is afterwards (answers.py)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import msgspec

from engine_core.edge.refusals import Code
from engine_core.edge.signing import MAX_WINDOW_MS
from engine_core.replica.setup import Market
from engine_core.wire.codes import QueryKind, Side
from engine_core.wire.events import event_of
from engine_core.wire.limits import ALL_MARKETS
from ingress.access.used_signatures import duplicate
from ingress.database import HistoryUnavailable
from ingress.engine import RETRY_LATER
from ingress.errors import ApiError, bad_request, not_found, wrong_number
from ingress.messages import Reply, json_reply
from ingress.operations import answers, trial
from ingress.replica import live_book
from ingress.requests import fields, order_commands
from ingress.requests.order_commands import OrderRef, Placement
from ingress.requests.signed_json import Member, Members
from ingress.schemas import bodies
from ingress.schemas.answers import CancelAfter
from ingress.schemas.order_answers import BatchError, BatchOrder, LiveOrder
from ingress.service import Request, Service

MAX_CANCEL_BATCH: Final = 100
_ID_NAMES = {"orderIds": "orderId", "clientIds": "clientId"}
CANCEL_LISTS: Final = tuple(_ID_NAMES)


async def place(service: Service, request: Request) -> Reply:
    placement = placement_of(service, request.caller.account, request.fields)
    if not service.auth.is_first(request.caller):
        if fields.absent(request.fields.get("clientId")) or service.auth.is_test(request.caller):
            raise duplicate()
        if existing := await _existing(service, placement, request.caller.valid_until_ms - 2 * MAX_WINDOW_MS):
            return json_reply(existing)
    return json_reply(await _placed(service, placement, LiveOrder))


async def _existing(service: Service, placement: Placement, since_ms: int) -> LiveOrder | None:
    """The order of a request that comes again. None: it was not placed, or ended so lately that the engine will say so.

    The history knows all orders, the engine the open ones and an account's last ended ones. So without the history only
    an open one is known, and anything else is refused: placing it might be the second time.
    """
    command, market = placement
    try:
        return await service.history.order_of_client(command.account, command.market, command.client_id, since_ms)
    except HistoryUnavailable as error:
        ref = OrderRef(0, command.client_id, by_client=True)
        if found := await _open_order(service, command.account, market, ref):
            return found
        message = (
            "This request was received before, and what became of it cannot be read now. Nothing was placed this time: "
            f"send it again in a moment, or look the order up ({error})"
        )
        raise ApiError(Code.MAINTENANCE, message[:300], RETRY_LATER) from None


async def test_place(service: Service, request: Request) -> Reply:
    """Everything that can be said about an order without placing it, its funds included."""
    service.auth.tested(request.caller)
    await trial.check(service, placement_of(service, request.caller.account, request.fields))
    return json_reply({})


async def place_batch(service: Service, request: Request) -> Reply:
    """Places the items independently, in their order; each answers for itself."""
    account, since_ms = request.caller.account, request.caller.valid_until_ms - 2 * MAX_WINDOW_MS
    # Each is read once: what cannot be placed when the existing orders are looked for is not placed behind that either.
    items = [_item(service, account, members) for members in request.items]
    existing: list[LiveOrder | None] = [None] * len(items)
    if not service.auth.is_first(request.caller):
        if service.auth.is_test(request.caller) or any(fields.absent(each.get("clientId")) for each in request.items):
            raise duplicate()  # the whole of it, before any of them is placed
        existing = await asyncio.gather(*(_existing_item(service, item, since_ms) for item in items))
    placing = [_place_item(service, *each) for each in zip(items, existing, strict=True)]
    return json_reply(await asyncio.gather(*placing))


def _item(service: Service, account: int, members: Members) -> Placement | BatchError:
    try:
        return placement_of(service, account, members)
    except ApiError as error:
        return BatchError(error.code.value, error.message)


async def _existing_item(service: Service, item: Placement | BatchError, since_ms: int) -> LiveOrder | None:
    return None if isinstance(item, BatchError) else await _existing(service, item, since_ms)


async def _place_item(
    service: Service, item: Placement | BatchError, existing: LiveOrder | None
) -> LiveOrder | BatchError:
    if isinstance(item, BatchError):
        return item
    if existing:
        return BatchOrder(**msgspec.structs.asdict(existing))
    try:
        return await _placed(service, item, BatchOrder)
    except ApiError as error:
        return BatchError(error.code.value, error.message)


def placement_of(service: Service, account: int, members: fields.Fields) -> Placement:
    return order_commands.place(service.setup, account, members, partial(_best_opposite, service))


def _best_opposite(service: Service, market: Market, side: int) -> int | None:
    bid, ask = live_book(service, market).best()
    level = ask if side == Side.BID else bid
    return level[0] if level else None


async def _placed(service: Service, placement: Placement, kind: type[LiveOrder]) -> LiveOrder:
    command, market = placement
    return answers.placed(market, command.account, await service.engine.execute(command), kind)


async def cancel(service: Service, request: Request) -> Reply:
    return json_reply(await _cancelled(service, request.caller.account, request.fields, LiveOrder))


async def _cancelled(service: Service, account: int, members: fields.Fields, kind: type[LiveOrder]) -> LiveOrder:
    command, market = order_commands.cancel(service.setup, account, members)
    return answers.cancelled(market, account, await service.engine.execute(command), kind)


async def cancel_batch(service: Service, request: Request) -> Reply:
    """The answers are those of the order ids, then those of the client ids, in the order given."""
    fields.check_members(request.fields, bodies.CancelBatch)
    symbol = order_commands.market_of(service.setup, request.fields).symbol
    wanted = [
        {"symbol": symbol, name: value}
        for names, name in _ID_NAMES.items()
        for value in _ids(request.fields.get(names), names)
    ]
    if not wanted:
        raise wrong_number(MAX_CANCEL_BATCH, 0)
    return json_reply(await asyncio.gather(*(_cancel_item(service, request.caller.account, each) for each in wanted)))


def _ids(value: Member, name: str) -> list[Member]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_request(f"{name} must be a list")
    return value


async def _cancel_item(service: Service, account: int, members: fields.Fields) -> LiveOrder | BatchError:
    try:
        return await _cancelled(service, account, members, BatchOrder)
    except ApiError as error:
        return BatchError(error.code.value, error.message)


async def cancel_all(service: Service, request: Request) -> Reply:
    account = request.caller.account
    command, market = order_commands.cancel_all(service.setup, account, request.fields)
    cancelled: list[LiveOrder] = []
    is_done = False
    while not is_done:  # one command cancels a bounded number of orders
        ended, is_done = answers.all_cancelled(market, account, await service.engine.execute(command))
        cancelled += ended
    return json_reply(cancelled)


async def amend(service: Service, request: Request) -> Reply:
    account = request.caller.account
    command, market = order_commands.amend(service.setup, account, request.fields)
    return json_reply(answers.amended(market, account, await service.engine.execute(command)))


@contextmanager
def _telling_of(replaced: int | None) -> Iterator[None]:
    """A refused replace says what became of the old order, which ends only when the new one can be placed as asked."""
    try:
        yield
    except ApiError as error:
        if replaced is None or error.code is Code.RESOURCE_NOT_FOUND:
            raise
        still = f"{error.message}; order {replaced} was not replaced and stays as it was"
        raise ApiError(error.code, still, error.headers) from None


async def replace(service: Service, request: Request) -> Reply:
    best, replaced = partial(_best_opposite, service), fields.order_id(request.fields, "cancelOrderId")
    with _telling_of(replaced):
        placement = order_commands.replace(service.setup, request.caller.account, request.fields, best)
    events = await service.engine.execute(placement.command)
    with _telling_of(replaced):
        return json_reply(answers.replaced(placement.market, request.caller.account, events, replaced))


async def cancel_after(service: Service, request: Request) -> Reply:
    command = order_commands.cancel_after(service.setup, request.caller.account, request.fields)
    answers.accepted(command.kind, command.account, await service.engine.execute(command))
    return json_reply(CancelAfter(command.amount_atoms))


async def find(service: Service, request: Request) -> Reply:
    """One open order by either of its ids."""
    market = order_commands.market_of(service.setup, request.fields)
    ref = order_commands.order_ref(request.fields)
    found = await _open_order(service, request.caller.account, market, ref)
    if found is None:
        raise not_found()
    return json_reply(found)


async def _open_order(service: Service, account: int, market: Market, ref: OrderRef) -> LiveOrder | None:
    records = await service.engine.query(
        QueryKind.ORDER,
        account=account,
        market=market.number,
        order_id=ref.order_id,
        client_id=ref.client_id if ref.by_client else None,
    )
    return answers.state_of(market, event_of(records[0])) if len(records) else None


async def find_all(service: Service, request: Request) -> Reply:
    """All open orders, of one market or of every one."""
    number = ALL_MARKETS
    if not fields.absent(request.fields.get("symbol")):
        number = order_commands.market_of(service.setup, request.fields).number
    if not fields.spot_wanted(request.fields):
        return json_reply([])
    orders = await service.engine.orders(request.caller.account, number)
    return json_reply([answers.state_of(service.setup.markets[order.market], order) for order in orders])
