"""What an account holds in all shards at one moment, what is between them included.

Shards are asked one by one, and what moves meanwhile would be counted twice or not at all. So the account's links are
read before and after its balances: if they are the same, nothing moved, and together they are what there is.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from engine_core.edge.refusals import Code
from engine_core.wire.codes import QueryKind
from ingress.engine import RETRY_LATER
from ingress.errors import ApiError
from ingress.shards.router import ANSWER_SECONDS, Shards

READINGS: Final = 20  # of an account whose money moves all the time
_READ: Final = (QueryKind.LINKS, QueryKind.BALANCES, QueryKind.LINKS)


class Holding(NamedTuple):
    balances: list[np.ndarray]  # BALANCE records, by shard
    links: list[np.ndarray]  # LINK records, by shard
    is_one_moment: bool  # False: of an account whose money moves all the time, and perhaps not what there is


async def holding(shards: Shards, account: int, seconds: float = ANSWER_SECONDS) -> Holding:
    """ApiError if a shard does not answer in so many seconds, since nobody knows what is there."""
    for _ in range(READINGS):
        before, balances, links = [await answers(shards, kind, account, seconds) for kind in _READ]
        if is_one_moment := all(map(np.array_equal, before, links)):
            break
    return Holding(balances, links, is_one_moment)


async def answers(shards: Shards, kind: QueryKind, account: int, seconds: float = ANSWER_SECONDS) -> list[np.ndarray]:
    """The records of an account, by shard; ApiError if one does not answer in so many seconds."""
    parts = []
    for shard, records in enumerate(await shards.reachable(kind, account, seconds)):
        if records is None:
            message = f"Shard {shard} does not answer: what the account has there is not known"
            raise ApiError(Code.MAINTENANCE, message, RETRY_LATER)
        parts.append(records)
    return parts


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
