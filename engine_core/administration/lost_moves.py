"""Moves of money of which one shard has lost its half: appended there again, from what the other shard's log says.

    out in A  … 5 6 7 8        nothing to do, or 8 is on its way: ingress ends that
    in  in B  … 5 6 7 (8)
    out in A  … 5              A lost its last entries: 6, 7 and 8 are debited again, or the money would be there twice
    in  in B  … 5 6 7 8
    out in A  … 5 6 7 8        B lost them: 6, 7 and 8 are credited again, or no later move could arrive
    in  in B  … 5

That can only be after `exchange accept-loss`. Shards are asked one after the other, and money moves meanwhile. So all
of them are asked twice: what one has at first, the other has after that, or has lost it. Both halves of a move have the
same account, asset, amount, sequence and reference, so one says what the other was. Non-goals: moves that are under way
(ingress/shards), and whose money was spent meanwhile: it is named.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple, cast

import numpy as np
import redis

from engine_core.administration.client import admin, describe
from engine_core.administration.venue import Venue
from engine_core.transport.primary import redis_of
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason
from engine_core.wire.events import pick
from engine_core.wire.layout import ADMIN_EVENT, EVENT
from engine_core.wire.streams import FIELD, StreamEntries, decode_block, keys

CHUNK = 512  # entries read at once
_SAME = ("account", "asset", "amount_atoms", "sequence", "move_reference")  # of both halves


class _Half(NamedTuple):
    """Of a move: what is missing in one shard, and stands in the log of the other."""

    account: int
    kind: CommandKind  # of what is missing
    shard: int  # where
    witness: int
    sequence: int


class _Sequences(NamedTuple):
    """The last one of each way (account, from, to), as its two ends say."""

    sent: dict[tuple[int, int, int], int]
    arrived: dict[tuple[int, int, int], int]

    @classmethod
    def read(cls, venue: Venue) -> "_Sequences":
        sequences = cls({}, {})
        for shard, gateway in enumerate(venue.gateways):
            links = gateway.query(QueryKind.LINKS)[1]
            for account, other, out, came in links[["account", "shard", "out_sequence", "in_sequence"]].tolist():
                sequences.sent[account, shard, other] = out
                sequences.arrived[account, other, shard] = came
        return sequences


def mend(venue: Venue, urls: list[str], say: Callable[[str], None]) -> int:
    """How many halves were appended. `urls`: of the Redis of each shard."""
    before, after = (_Sequences.read(venue) for _ in range(2))
    missing = list(_lost(before, after))
    found: dict[_Half, np.ndarray] = {}
    for witness in {half.witness for lost in missing for half in lost}:
        found |= _halves(urls[witness], witness, {half for lost in missing for half in lost})
    return sum(_append_lost(venue, lost, found, say) for lost in missing)


def _append_lost(venue: Venue, lost: list[_Half], found: dict[_Half, np.ndarray], say: Callable[[str], None]) -> int:
    """Until one cannot be: a later one would be refused for its sequence."""
    done = 0
    for half in lost:
        command = found.get(half)
        if command is None:
            say(f"warning: {_words(half)} is in no log any more: correct the account's balance by hand")
            return done
        (event,) = venue.gateways[half.shard].execute(command)
        reason = Reason(int(event["reason"]))
        if event["kind"] == EventKind.APPLIED:
            say(f"{_words(half)} was appended again: {describe(command)}")
            done += 1
        elif reason != Reason.REPEATED:  # as it is where ingress was faster with the last one
            say(f"warning: {_words(half)} was refused ({reason.name}): {describe(command)}")
            return done
    return done


def _words(half: _Half) -> str:
    return f"shard {half.shard} had lost {half.kind.name} {half.sequence} of account {half.account}, which"


def _lost(before: _Sequences, after: _Sequences) -> Iterator[list[_Half]]:
    """Of each way of an account, in their order; from two readings, one behind the other."""
    for way in sorted(before.sent.keys() | before.arrived.keys()):
        account, start, end = way
        came, still_out = before.arrived.get(way, 0), after.sent.get(way, 0)
        out, still_came = before.sent.get(way, 0), after.arrived.get(way, 0)
        if came > still_out:
            yield [_Half(account, CommandKind.MOVE_OUT, start, end, lost) for lost in range(still_out + 1, came + 1)]
        elif out > still_came + 1:
            yield [_Half(account, CommandKind.MOVE_IN, end, start, lost) for lost in range(still_came + 1, out + 1)]


def _halves(url: str, witness: int, wanted: set[_Half]) -> dict[_Half, np.ndarray]:
    """The commands that are missing, from their other halves in the witness's log, which is read once."""
    missing = {CommandKind.MOVE_IN.value: CommandKind.MOVE_OUT, CommandKind.MOVE_OUT.value: CommandKind.MOVE_IN}
    found: dict[_Half, np.ndarray] = {}
    with closing(redis_of(url, protocol=2)) as client:
        for command in _applied(client, keys(witness).events):
            kind = missing.get(int(command["kind"]))
            if kind is None:
                continue
            fields = {name: int(command[name]) for name in _SAME}
            half = _Half(fields["account"], kind, int(command["code"]), witness, fields["sequence"])
            if half in wanted:
                found[half] = admin(kind, code=witness, **fields)
    return found


def _applied(client: redis.Redis, stream: str) -> Iterator[np.void]:
    """Every ADMIN command that a log's events say was applied."""
    after = "-"
    while rows := cast(StreamEntries, client.xrange(stream, after, "+", count=CHUNK)):
        for _, fields in rows:
            events = decode_block(fields[FIELD], EVENT)[1]
            places = np.flatnonzero(events["kind"] == EventKind.APPLIED)
            yield from pick(events, places).view(ADMIN_EVENT)["command"]
        after = f"({rows[-1][0].decode()}"
