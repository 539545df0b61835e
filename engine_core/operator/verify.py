"""`exchange verify`: replays the log through the real book, beside the exchange or while it is stopped, and audits it.

Replayed is the whole log; what was trimmed, or executed by code of an earlier behaviour version, is taken from the
oldest snapshot of this one, or from any that is named. Checked are: that every entry of the command log gives the very
bytes that stand in the event log; that every snapshot on the way is the very state that replay comes to; every
invariant of the resulting state; and for each asset that what all accounts have available or locked, the fees on the
fee account among it, is exactly what was deposited minus what was withdrawn to somewhere outside. What was withdrawn to
an account of this exchange that did not get it is lost, and said to be. Equal digests mean equal states.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import redis

from engine_core.book import audit, queries
from engine_core.book.memory.state import ACCOUNTS, State, capacities_of
from engine_core.config.settings import Settings
from engine_core.operator.target.log_access import open_log
from engine_core.operator.target.running import CommandError, settings_of
from engine_core.runtime.config import capacities
from engine_core.runtime.machine import Machine, Mirror
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import OldSnapshot, SnapshotError
from engine_core.transport.behaviour import begun_by
from engine_core.transport.redis_connection import describe
from engine_core.wire import destinations
from engine_core.wire.codes import CommandKind, EventKind, Reason
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, EVENT
from engine_core.wire.limits import FEE_ACCOUNT
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, BlockError, EntryId, Keys, decode_block, keys
from engine_core.wire.units import format_decimal

CHUNK = 256  # entries read at once
MIRROR_TIMEOUT_S = 10.0  # for the engine to have published what was appended just before

Rows = list[tuple[bytes, dict[bytes, bytes]]]


class Lost(NamedTuple):
    """A withdrawal to an address of this exchange that credited nobody."""

    account: int
    asset: int
    atoms: int
    to_account: int


@dataclass(slots=True)
class Findings:
    began: str = "the beginning of the log"
    snapshots: int = 0  # met on the way, and found equal
    entries: int = 0
    commands: int = 0
    events: int = 0
    problems: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


def verify(options: argparse.Namespace) -> int:
    settings = settings_of(options.data)
    began = time.monotonic()
    machine, findings = Machine(capacities(settings.config.capacity)), Findings()
    try:
        with open_log(options) as client:
            names = keys(settings.shard)
            known = _snapshots(settings, findings)
            _begin(client, names, machine, known, findings, options.snapshot)
            _replay(client, names, machine, findings, known, options.json)
    except (redis.RedisError, LogError) as error:
        raise CommandError(f"the log cannot be replayed: {error}") from None
    try:
        audit.audit(machine.state)
    except AssertionError as error:
        findings.problems.append(f"an invariant of the book does not hold: {error}")
    answer = _answer(machine, findings, time.monotonic() - began)
    print(json.dumps(answer, indent=2) if options.json else _text(answer))
    return 0 if answer["ok"] else 1


def _snapshots(settings: Settings, findings: Findings) -> dict[EntryId, Path]:
    """The whole snapshots by their place; a damaged one is a finding."""
    known = {}
    for path in snapshot.found(settings.data, settings.shard):
        try:
            known[snapshot.describe(path).place.entry] = path
        except OldSnapshot:
            continue  # for the code that wrote it to prove
        except SnapshotError as error:
            findings.problems.append(str(error))
    return known


def _begin(
    client: redis.Redis,
    names: Keys,
    machine: Machine,
    known: dict[EntryId, Path],
    findings: Findings,
    wanted: Path | None,
) -> None:
    """Go to where the replay starts: nowhere if the log is whole, else a snapshot."""
    orders = describe(client, names.orders)
    behaviour = begun_by(client, names)
    is_old = behaviour not in (0, BEHAVIOUR_VERSION)
    path = wanted
    if path is None and (is_old or not orders.is_complete):
        if not known:
            why = f"begun by code of behaviour version {behaviour}" if is_old else "trimmed"
            raise CommandError(
                f"{names.orders} was {why}, and there is no snapshot of behaviour version {BEHAVIOUR_VERSION} to start "
                "from; if the exchange is of an earlier one: verify it with that code, or `exchange upgrade` it first"
            )
        path = known[min(known)]
    if path is None:
        return
    try:
        found, state = snapshot.read(path)
    except SnapshotError as error:
        raise CommandError(str(error)) from None
    log_id = describe(client, names.events).log_id
    if found.place.log_id != log_id:
        raise CommandError(f"{path} is of log {found.place.log_id}, Redis holds log {log_id}")
    try:
        orders.check(found.place.entry)
    except LogError as error:
        raise CommandError(str(error)) from None
    machine.adopt(state, found.place.entry, found.place.epoch)
    findings.began = path.name
    if is_old:
        findings.began += (
            f" (everything before it was executed by behaviour version {behaviour}, whose code can prove it)"
        )


def _compare(machine: Machine, path: Path, findings: Findings) -> None:
    """A snapshot must be the state that replay has come to."""
    try:
        found, state = snapshot.read(path)
    except SnapshotError as error:
        if path.exists():  # else the engine, which keeps only a few, has deleted it meanwhile
            findings.problems.append(str(error))
        return
    if found.capacities != capacities_of(machine.state):
        return  # taken before [capacity] was changed
    if audit.digest(state) != audit.digest(machine.state):
        findings.problems.append(f"{path} differs from the state that the log gives up to {found.place.entry}")
        return
    findings.snapshots += 1


def _replay(
    client: redis.Redis, names: Keys, machine: Machine, findings: Findings, known: dict[EntryId, Path], quiet: bool
) -> None:
    """Execute everything that the command log holds now, and compare with the event log entry by entry."""
    top = _top(client, names.orders)
    if top is None:
        findings.problems.append(f"{names.orders} is empty")
        return
    said_at, inside = time.monotonic(), Inside()
    for entry, block, published in _entries(client, names, machine.position, top):
        mirror = _execute(machine, entry, block, published)
        findings.entries += 1
        findings.commands += mirror.commands
        findings.events += len(mirror.events)
        findings.lost += _lost(machine.state, mirror.events, inside)
        if published is None:
            findings.problems.append(f"entry {entry} of {names.orders} has no mirror in {names.events}")
        elif machine.encode(mirror) != published:
            findings.problems.append(f"entry {entry} gives other events than those in {names.events}")
        if entry in known:
            _compare(machine, known[entry], findings)
        if len(findings.problems) > 10:
            findings.problems.append("and perhaps more: stopped here")
            return
        if not quiet and time.monotonic() - said_at > 2.0:
            said_at = time.monotonic()
            print(f"  replayed {findings.commands} commands, up to entry {entry} of {top}", flush=True)


class Inside:
    """The addresses of the exchange's own accounts, by the word that the log has of each."""

    def __init__(self) -> None:
        self._accounts: dict[int, int] = {}

    def account_of(self, word: int, accounts: int) -> int:
        """0 for any other address."""
        for account in range(len(self._accounts) + 1, accounts + 1):
            self._accounts[destinations.word_of(destinations.of_account(account))] = account
        return self._accounts.get(word, 0)


def _lost(state: State, events: np.ndarray, inside: Inside) -> list[Lost]:
    applied = events[events["kind"] == EventKind.APPLIED].view(ADMIN_EVENT)["command"]
    found = []
    for command in applied[(applied["kind"] == CommandKind.WITHDRAW) & (applied["asked_address"] != 0)]:
        account = inside.account_of(int(command["asked_address"]), int(state.scalars[ACCOUNTS]))
        if account:
            found.append(Lost(int(command["account"]), int(command["asset"]), int(command["amount_atoms"]), account))
    return found


def _execute(machine: Machine, entry: EntryId, block: bytes, published: bytes | None) -> Mirror:
    """As the engine did: an entry that an operator had skipped is not executed."""
    if published is not None:
        try:
            first = decode_block(published, EVENT)[1][0]
            if first["kind"] == EventKind.BLOCK_REFUSED and first["reason"] == Reason.SKIPPED:
                return machine.skip(entry, block)
        except (BlockError, IndexError):
            pass  # damaged: the comparison will tell
    return machine.execute(entry, block)


def _top(client: redis.Redis, stream: str) -> EntryId | None:
    rows = cast(Rows, client.xrevrange(stream, count=1))
    return EntryId.parse(rows[0][0]) if rows else None


def _entries(
    client: redis.Redis, names: Keys, after: EntryId, top: EntryId
) -> Iterator[tuple[EntryId, bytes, bytes | None]]:
    """Each entry of the command log with its mirror."""
    position = f"({after}"
    while rows := cast(Rows, client.xrange(names.orders, position, str(top), count=CHUNK)):
        last = rows[-1][0].decode()
        mirrors = dict(cast(Rows, client.xrange(names.events, rows[0][0].decode(), last, count=2 * CHUNK)))
        for name, fields in rows:
            entry = EntryId.parse(name)
            mirror = mirrors[name].get(FIELD, b"") if name in mirrors else _mirror(client, names.events, entry)
            yield entry, fields.get(FIELD, b""), mirror
        position = f"({last}"


def _mirror(client: redis.Redis, stream: str, entry: EntryId) -> bytes | None:
    """What the event log has at `entry`; waits a little, because the engine may just be at it."""
    deadline = time.monotonic() + MIRROR_TIMEOUT_S
    while True:
        rows = cast(Rows, client.xrange(stream, str(entry), str(entry)))
        if rows:
            return rows[0][1].get(FIELD, b"")
        top = _top(client, stream)
        if (top is not None and top > entry) or time.monotonic() > deadline:
            return None
        time.sleep(0.02)


def _answer(machine: Machine, findings: Findings, seconds: float) -> dict[str, Any]:
    assets = {}
    setup = {
        int(record["asset"]): record for record in queries.setup(machine.state) if record["kind"] == CommandKind.ASSET
    }
    units = {number: (one["symbol"].decode(), int(one["decimals"])) for number, one in setup.items()}
    for number, (supplied, held) in audit.conservation(machine.state).items():
        symbol, decimals = units[number]
        if supplied != held:
            findings.problems.append(f"{symbol}: {supplied} atoms were deposited, {held} are there")
        asset = machine.state.assets[number]
        amounts = {
            "deposited": int(asset["deposited"]),
            "withdrawnOutside": int(asset["withdrawn"]),
            "depositsMinusWithdrawals": supplied,
            "availableLockedAndFees": held,
            "feeAccount": int(queries.balances(machine.state, FEE_ACCOUNT)["available"][number - 1]),
        }
        assets[symbol] = {name: format_decimal(atoms, decimals) for name, atoms in amounts.items()}
    for lost in findings.lost:
        symbol, decimals = units[lost.asset]
        findings.problems.append(
            f"{format_decimal(lost.atoms, decimals)} {symbol} are lost: account {lost.account} withdrew them to "
            f"{destinations.of_account(lost.to_account)}, an account of this exchange, which was not credited"
        )
    return {
        "ok": not findings.problems,
        "problems": findings.problems,
        "from": findings.began,
        "snapshots": findings.snapshots,
        "entries": findings.entries,
        "commands": findings.commands,
        "events": findings.events,
        "assets": assets,
        "digest": audit.digest(machine.state),
        "logId": str(machine.log_id),
        "position": str(machine.position),
        "seconds": round(seconds, 3),
    }


def _text(answer: dict[str, Any]) -> str:
    lines = [
        f"{answer['entries']} entries, {answer['commands']} commands, {answer['events']} events replayed "
        f"in {answer['seconds']:.1f} s, from {answer['from']} up to {answer['position']}; {answer['snapshots']} "
        "snapshots are equal to it",
        f"{'asset':<8} {'deposited':>24} {'withdrawn outside':>24} {'available + locked + fees':>28}",
    ]
    for symbol, sums in answer["assets"].items():
        amounts = f"{sums['deposited']:>24} {sums['withdrawnOutside']:>24} {sums['availableLockedAndFees']:>28}"
        lines.append(f"{symbol:<8} {amounts}")
    lines.append(f"digest {answer['digest']}")
    lines += [f"PROBLEM: {problem}" for problem in answer["problems"]] or ["everything is accounted for"]
    return "\n".join(lines)
