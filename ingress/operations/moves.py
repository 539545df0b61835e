"""Moves of an account's own money between shards, as the account asks for them; and those that there were.

A clientId makes a repeat harmless: the reference in the logs is made of it. The last move between two shards is known
to their engines, all others to the history, which is looked at once the next sequence of the path is known: whatever
comes between the two makes that sequence wrong, and then both are looked at again. Non-goals: how it is done (shards/).
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from engine_core.edge.references import new_reference, reference_of
from engine_core.edge.shared_files import NAME_BYTES
from engine_core.wire.codes import Reason
from engine_core.wire.units import format_decimal
from ingress.database import HistoryUnavailable
from ingress.engine import CommandRefused, unreadable
from ingress.errors import bad_request
from ingress.history.forms import iso
from ingress.history.moves import Key, MoveRow
from ingress.messages import Pagination, Reply, json_reply
from ingress.operations.account import asset_of
from ingress.operations.history import page_of, read, span_of
from ingress.operations.transfers import quantity_of
from ingress.requests import fields
from ingress.schemas import bodies
from ingress.schemas.account_answers import Moved, ShardTransfer
from ingress.service import Request, Service
from ingress.shards.mover import Path

ONE_SHARD: Final = "This venue has one shard: all funds are where every market is"
CLAIM_MS: Final = 3_000  # that one request has a clientId for itself
LOOK_SECONDS: Final = 0.02
_OTHER: Final = "Duplicate client ID: it names another transfer"


async def move(service: Service, request: Request) -> Reply:
    fields.check_members(request.fields, bodies.Move)
    if service.several is None:
        raise bad_request(ONE_SHARD)
    account, asset = request.caller.account, asset_of(service, request.fields)
    atoms, client_id = quantity_of(asset, request.fields), fields.transfer_client_id(request.fields)
    path = Path(account, *(_shard(service, request.fields, name) for name in ("from", "to")))
    if path.source == path.target:
        raise bad_request("from and to are the same shard")
    if client_id is None:
        service.auth.once(request.caller)
    reference = new_reference() if client_id is None else move_reference(account, client_id)
    known: list[MoveRow] = []

    async def is_done() -> bool:
        """Whether it was done before, as `known`; a refusal, if that was another one."""
        if client_id is None:
            return False
        try:
            found, _ = await service.history.moves(account, reference=reference, limit=1)
        except HistoryUnavailable as error:
            raise unreadable("Transfers with a clientId are", error) from None
        if found and found[0].content != (path.source, path.target, asset.number, atoms):
            raise bad_request(_OTHER)
        known[:] = found
        return bool(found)

    await _alone(service, reference, is_done)
    try:
        sequence = await service.several.mover.move(path, asset.number, atoms, reference, is_done)
    except CommandRefused as error:
        if error.reason is Reason.DUPLICATE_REFERENCE:
            raise bad_request(_OTHER) from None
        raise
    key = Key(path.source, path.target, sequence) if sequence else known[0].key
    quantity = format_decimal(atoms, asset.decimals)
    return json_reply(Moved(str(key), asset.symbol, quantity, path.source, path.target, client_id))


async def _alone(service: Service, reference: int, is_done: Callable[[], Awaitable[bool]]) -> None:
    """Wait for another request with this reference that came just before, to whichever process of this host: what it
    did is in the history then."""
    name = hashlib.blake2b(reference.to_bytes(8, "little"), digest_size=NAME_BYTES, person=b"transfer").digest()
    while True:
        now_ms = time.time_ns() // 1_000_000
        if service.auth.used.is_first(name, now_ms + CLAIM_MS, now_ms) or await is_done():
            return
        await asyncio.sleep(LOOK_SECONDS)


def _shard(service: Service, members: fields.Fields, name: str) -> int:
    assert service.several is not None
    shard = fields.integer(members, name, 0, len(service.several.shards.gateways) - 1)
    if shard is None:
        raise bad_request(f"{name} is required: the number of a shard")
    return shard


def move_reference(account: int, client_id: str) -> int:
    return reference_of(account, client_id, b"move")


async def moves(service: Service, request: Request) -> Reply:
    """Newest first, those included that orders have asked for."""
    page, (from_ms, to_ms) = page_of(request.fields), span_of(request.fields)
    account, client_id = request.caller.account, fields.transfer_client_id(request.fields)
    if service.several is None:
        return json_reply([], Pagination(page.limit, page.offset).headers())
    reference = None if client_id is None else move_reference(account, client_id)
    found, total = await read(
        service.history.moves(
            account, reference=reference, from_ms=from_ms, to_ms=to_ms, limit=page.limit, offset=page.offset
        )
    )
    rows = [_shown(service, row, msgspec.UNSET if client_id is None else client_id) for row in found]
    return json_reply(rows, Pagination(page.limit, page.offset, total).headers())


def _shown(service: Service, row: MoveRow, client_id: str | msgspec.UnsetType) -> ShardTransfer:
    asset = service.setup.assets[row.asset]
    return ShardTransfer(
        id=str(row.key),
        symbol=asset.symbol,
        quantity=format_decimal(row.amount_atoms, asset.decimals),
        source=row.key.source,
        target=row.key.target,
        clientId=client_id,
        status="inFlight" if row.arrived_ms is None else "complete",
        createdAt=iso(row.sent_ms),
        arrivedAt=None if row.arrived_ms is None else iso(row.arrived_ms),
    )
