"""What an account holds: of one shard's ledger, or of all and where it is."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from engine_core.replica.setup import HOME
from engine_core.wire.codes import AccountOption, QueryKind
from engine_core.wire.query_records import BALANCE
from engine_core.wire.units import format_decimal
from ingress.engine import Engine
from ingress.schemas.account_answers import Balance, ShardBalance
from ingress.service import Service, Several
from ingress.shards.holding import answers, holding, in_flight
from ingress.shards.router import summed

WAIT_SECONDS: Final = 3.0


async def balances(service: Service, account: int) -> dict[str, Balance]:
    """By asset, of all shards; ApiError while one does not answer, since nobody knows what is there."""
    if service.several is None:
        return await balances_in(service, service.engine, account)
    found = await holding(service.several.shards, account, WAIT_SECONDS)
    return _shown(service, found.balances, in_flight(found.links))


async def balances_in(service: Service, engine: Engine, account: int) -> dict[str, Balance]:
    """By asset, of one shard's ledger."""
    return _balances(service, await engine.query(QueryKind.BALANCES, account=account))


async def known_balances(service: Service, account: int) -> tuple[dict[str, Balance], list[int]]:
    """(those of the shards that answer, by asset; the shards that do not)."""
    if service.several is None:
        return await balances(service, account), []
    parts = await service.several.shards.reachable(QueryKind.BALANCES, account)
    missing = [shard for shard, records in enumerate(parts) if records is None]
    nothing = np.zeros(0, BALANCE)
    return _shown(service, [nothing if records is None else records for records in parts], {}), missing


def _shown(service: Service, parts: Sequence[np.ndarray], moving: dict[int, int]) -> dict[str, Balance]:
    answer = _balances(service, summed(parts))
    for number, asset in service.setup.assets.items():
        if (balance := answer.get(asset.symbol)) is not None:
            balance.inFlight = format_decimal(moving.get(number, 0), asset.decimals)
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


async def available(service: Service, account: int, asset: int) -> int:
    """Atoms of all shards."""
    return _of(await service.engine.query(QueryKind.BALANCES, account=account), asset)


async def spendable(service: Service, account: int, asset: int, market: int) -> int:
    """Atoms that an order of this market can be paid with: of its shard, or of all if placing brings them there."""
    several, options = service.several, service.setup.options.get(account, 0)
    if several is None:
        return await available(service, account, asset)
    if options & AccountOption.AUTO_TRANSFER:
        parts = await answers(several.shards, QueryKind.BALANCES, account, WAIT_SECONDS)
        return sum(_of(records, asset) for records in parts)
    shard = several.shards.engines[several.shards.of(market)]
    return _of(await shard.query(QueryKind.BALANCES, account=account), asset)


def _of(records: np.ndarray, asset: int) -> int:
    return int(records["available"][records["asset"] == asset].sum())


async def has(service: Service, account: int, asset: int, atoms: int) -> bool:
    """Whether it has so many, at home or together; the other shards are asked only if home has less."""
    several = service.several
    if several is not None and await _home_has(several, account, asset, atoms):
        return True
    return await available(service, account, asset) >= atoms


async def _home_has(several: Several, account: int, asset: int, atoms: int) -> bool:
    return _of(await several.shards.engines[HOME].query(QueryKind.BALANCES, account=account), asset) >= atoms


async def bring_home(service: Service, account: int, asset: int, atoms: int) -> None:
    """Let home have so many, where money leaves the exchange; nothing moves if all shards together have less."""
    if service.several is None or await _home_has(service.several, account, asset, atoms):
        return
    shards, mover, _ = service.several
    held = [_of(records, asset) for records in await shards.of_each(QueryKind.BALANCES, account)]
    if sum(held) >= atoms:
        await mover.bring(account, asset, atoms - held[HOME], HOME, held)
