"""What an account holds: of one shard's ledger, or of all and where it is."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from engine_core.replica.setup import HOME
from engine_core.wire.codes import AccountOption, QueryKind
from engine_core.wire.units import format_decimal
from ingress.schemas.account_answers import Balance, ShardBalance
from ingress.service import Service
from ingress.shards.router import summed


async def balances(service: Service, account: int) -> dict[str, Balance]:
    """By asset."""
    if service.several is None:
        return _balances(service, await service.engine.query(QueryKind.BALANCES, account=account))
    ask = service.several.shards.of_each
    parts, links = await asyncio.gather(ask(QueryKind.BALANCES, account), ask(QueryKind.LINKS, account))
    answer = _balances(service, summed(parts))
    on_their_way = in_flight(links)
    for number, asset in service.setup.assets.items():
        if (balance := answer.get(asset.symbol)) is not None:
            balance.inFlight = format_decimal(on_their_way[number], asset.decimals)
            balance.shards = _where(parts, number, asset.decimals)
    return answer


def _balances(service: Service, records: np.ndarray) -> dict[str, Balance]:
    assets = service.setup.assets
    answer = {}
    for number, available, locked in records[["asset", "available", "locked"]].tolist():
        asset = assets[number]
        answer[asset.symbol] = Balance(
            format_decimal(available, asset.decimals), format_decimal(locked, asset.decimals)
        )
    return answer


def _where(parts: Sequence[np.ndarray], asset: int, decimals: int) -> list[ShardBalance]:
    """The shards that have any of it."""
    found = []
    for shard, records in enumerate(parts):
        for available, locked in records[records["asset"] == asset][["available", "locked"]].tolist():
            if available or locked:
                texts = (format_decimal(atoms, decimals) for atoms in (available, locked))
                found.append(ShardBalance(shard, *texts))
    return found


def in_flight(links: Sequence[np.ndarray]) -> dict[int, int]:
    """Atoms by asset that have left one shard and not arrived in another; of the LINK records of each."""
    arrived = {
        (source, target): sequence
        for target, records in enumerate(links)
        for source, sequence in records[["shard", "in_sequence"]].tolist()
    }
    atoms: dict[int, int] = defaultdict(int)
    for source, records in enumerate(links):
        for target, sequence, asset, moved in records[["shard", "out_sequence", "out_asset", "out_atoms"]].tolist():
            if sequence > arrived.get((source, target), 0):
                atoms[asset] += moved
    return atoms


async def available(service: Service, account: int, asset: int) -> int:
    """Atoms of all shards."""
    return _of(await service.engine.query(QueryKind.BALANCES, account=account), asset)


async def spendable(service: Service, account: int, asset: int, market: int) -> int:
    """Atoms that an order of this market can be paid with: of its shard, or of all if placing brings them there."""
    several, options = service.several, service.setup.options.get(account, 0)
    if several is None or options & AccountOption.AUTO_TRANSFER:
        return await available(service, account, asset)
    shard = several.shards.engines[several.shards.of(market)]
    return _of(await shard.query(QueryKind.BALANCES, account=account), asset)


def _of(records: np.ndarray, asset: int) -> int:
    return int(records["available"][records["asset"] == asset].sum())


async def bring_home(service: Service, account: int, asset: int, atoms: int) -> None:
    """Let home have so many, where money leaves the exchange; nothing moves if all shards together have less."""
    if service.several is None:
        return
    shards, mover, _ = service.several
    held = [_of(records, asset) for records in await shards.of_each(QueryKind.BALANCES, account)]
    if sum(held) >= atoms:
        await mover.bring(account, asset, atoms - held[HOME], HOME, held)
