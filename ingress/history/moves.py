"""Moves of an account's money between shards: those that the writers have stored, and halves that they have not yet.

Each half is stored by the writer of its own shard, so either may be there first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from psycopg import AsyncConnection

from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN_EVENT
from ingress.history.queries import fetch, milliseconds, span
from ingress.history.unstored import moves_of

_COLUMNS = f"""select from_shard, to_shard, sequence, asset, amount_atoms, reference, {milliseconds("sent")},
    {milliseconds("arrived")} from moves"""


class Key(NamedTuple):
    """Of an account, what names a move."""

    source: int
    target: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.source}-{self.target}-{self.sequence}"


@dataclass(slots=True)
class MoveRow:
    key: Key
    asset: int
    amount_atoms: int
    reference: int
    sent_ms: int
    arrived_ms: int | None  # None: in flight

    @property
    def content(self) -> tuple[int, int, int, int]:
        return self.key.source, self.key.target, self.asset, self.amount_atoms


def fresh_moves(tails: Sequence[np.ndarray], account: int) -> dict[Key, MoveRow]:
    """What events say that are not stored; of a move of which only the arrival is there, its time is that of both."""
    found: dict[Key, MoveRow] = {}
    for shard, tail in enumerate(tails):
        slots = moves_of(tail, account)
        commands = np.frombuffer(slots["event"].tobytes(), ADMIN_EVENT)["command"]
        for command, time_ms in zip(commands, slots["time_ms"].tolist(), strict=True):
            is_out, other = command["kind"] == CommandKind.MOVE_OUT, int(command["code"])
            ends = (shard, other) if is_out else (other, shard)
            key = Key(*ends, int(command["sequence"]))
            asset, atoms, reference = (int(command[name]) for name in ("asset", "amount_atoms", "move_reference"))
            move = found.setdefault(key, MoveRow(key, asset, atoms, reference, time_ms, None))
            if is_out:
                move.sent_ms = time_ms
            else:
                move.arrived_ms = time_ms
    return found


@dataclass(frozen=True, slots=True)
class MoveFilter:
    """Of an account: that left in a span, and perhaps only those of one reference."""

    account: int
    reference: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None

    where = """account = %s and sent >= to_timestamp(%s / 1000.0) and sent < to_timestamp(%s / 1000.0)
        and (%s::bigint is null or reference = %s)"""

    @property
    def values(self) -> tuple[int | None, ...]:
        return (self.account, *span(self.from_ms, self.to_ms), self.reference, self.reference)

    def admits(self, row: MoveRow) -> bool:
        first_ms, end_ms = span(self.from_ms, self.to_ms)
        return first_ms <= row.sent_ms < end_ms and self.reference in (None, row.reference)


async def page(
    connection: AsyncConnection, tails: Sequence[np.ndarray], wanted: MoveFilter, limit: int, offset: int
) -> tuple[list[MoveRow], int]:
    """(newest first, how many there are)."""
    fresh = fresh_moves(tails, wanted.account)
    [(stored,)] = await fetch(connection, f"select count(*) from moves where {wanted.where}", wanted.values)
    known = await _stored_of(connection, wanted.account, list(fresh))
    new = [move for key, move in fresh.items() if key not in known and wanted.admits(move)]
    # A writer may lag behind another, so a new one may be older than what is stored: they are merged from as far before
    # the page as new ones could push stored ones back.
    first = max(0, offset - len(new))
    order = "order by sent desc, from_shard desc, to_shard desc, sequence desc offset %s limit %s"
    place = (first, offset + limit - first)
    rows = list(new)
    for *key, asset, atoms, its_reference, sent_ms, arrived_ms in await fetch(
        connection, f"{_COLUMNS} where {wanted.where} {order}", (*wanted.values, *place)
    ):
        row = MoveRow(Key(*key), asset, atoms, its_reference, sent_ms, arrived_ms)
        if row.arrived_ms is None and row.key in fresh:
            row.arrived_ms = fresh[row.key].arrived_ms
        rows.append(row)
    rows.sort(key=lambda move: (move.sent_ms, move.key), reverse=True)
    rows = rows[offset - first : offset - first + limit]
    return rows, stored + len(new)


async def _stored_of(connection: AsyncConnection, account: int, keys: list[Key]) -> set[Key]:
    if not keys:
        return set()
    statement = """select from_shard, to_shard, sequence from moves where account = %s and
        (from_shard, to_shard, sequence) in (select * from unnest(%s::integer[], %s::integer[], %s::bigint[]))"""
    columns = [list(column) for column in zip(*keys, strict=True)]
    return {Key(*row) for row in await fetch(connection, statement, (account, *columns))}
