"""Moves of money of which one shard has lost its half: appended there again, from what the other shard's log says.

    out in A  … 5 6 7 8        nothing to do, or 8 is on its way: ingress ends that
    in  in B  … 5 6 7 (8)
    out in A  … 5              A lost its last entries: 6, 7 and 8 are debited again, or the money would be there twice
    in  in B  … 5 6 7 8
    out in A  … 5 6 7 8        B lost them: 6, 7 and 8 are credited again, or no later move could arrive
    in  in B  … 5

That can only be after `exchange accept-loss`. Both halves of a move have the same account, asset, amount, sequence and
reference, so one says what the other was. Non-goals: moves that are under way (ingress/moves), and whose money was
spent meanwhile: it is named.
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
from engine_core.wire.streams import FIELD, decode_block, keys

CHUNK = 512  # entries read at once

Rows = list[tuple[bytes, dict[bytes, bytes]]]


class _Lost(NamedTuple):
    """Halves of moves of an account that are missing in one shard, and stand in the log of the other."""

    account: int
    kind: CommandKind  # of what is missing
    shard: int  # where
    witness: int
    sequences: range


def mend(venue: Venue, urls: list[str], say: Callable[[str], None]) -> int:
    """How many halves were appended. `urls`: of the Redis of each shard."""
    done = 0
    for lost in _lost([gateway.query(QueryKind.LINKS)[1] for gateway in venue.gateways]):
        found = _halves(urls[lost.witness], lost)
        for sequence in lost.sequences:
            half = found.get(sequence)
            if half is None:
                say(f"warning: {_words(lost, sequence)} is in no log any more: correct the account's balance by hand")
                break
            (event,) = venue.gateways[lost.shard].execute(half)
            if event["kind"] != EventKind.APPLIED:
                reason = Reason(int(event["reason"])).name
                say(f"warning: {_words(lost, sequence)} was refused ({reason}): {describe(half)}")
                break
            say(f"{_words(lost, sequence)} was appended again: {describe(half)}")
            done += 1
    return done


def _words(lost: _Lost, sequence: int) -> str:
    return f"shard {lost.shard} had lost {lost.kind.name} {sequence} of account {lost.account}, which"


def _lost(links: list[np.ndarray]) -> Iterator[_Lost]:
    """From the LINKs of each shard."""
    sent = {
        (int(link["account"]), shard, int(link["shard"])): int(link["out_sequence"])
        for shard, found in enumerate(links)
        for link in found
    }
    arrived = {
        (int(link["account"]), int(link["shard"]), shard): int(link["in_sequence"])
        for shard, found in enumerate(links)
        for link in found
    }
    for way in sorted(sent.keys() | arrived.keys()):
        account, start, end = way
        out, came = sent.get(way, 0), arrived.get(way, 0)
        if came > out:
            yield _Lost(account, CommandKind.MOVE_OUT, start, end, range(out + 1, came + 1))
        elif out > came + 1:
            yield _Lost(account, CommandKind.MOVE_IN, end, start, range(came + 1, out + 1))


def _halves(url: str, lost: _Lost) -> dict[int, np.ndarray]:
    """The commands that are missing, by sequence, from the halves in the witness's log."""
    other = CommandKind.MOVE_IN if lost.kind == CommandKind.MOVE_OUT else CommandKind.MOVE_OUT
    found: dict[int, np.ndarray] = {}
    with closing(redis_of(url, protocol=2)) as client:
        for command in _applied(client, keys(lost.witness).events):
            is_its_half = command["kind"] == other and command["account"] == lost.account
            if is_its_half and command["code"] == lost.shard and int(command["sequence"]) in lost.sequences:
                same = ("account", "asset", "amount_atoms", "sequence", "move_reference")
                fields = {name: int(command[name]) for name in same}
                found[fields["sequence"]] = admin(lost.kind, code=lost.witness, **fields)
    return found


def _applied(client: redis.Redis, stream: str) -> Iterator[np.void]:
    """Every ADMIN command that a log's events say was applied."""
    after = "-"
    while rows := cast(Rows, client.xrange(stream, after, "+", count=CHUNK)):
        for _, fields in rows:
            events = decode_block(fields[FIELD], EVENT)[1]
            places = np.flatnonzero(events["kind"] == EventKind.APPLIED)
            yield from pick(events, places).view(ADMIN_EVENT)["command"]
        after = f"({rows[-1][0].decode()}"
