"""A slow, obvious twin of several shards' ledgers behind gateways: moves, withdrawals, and orders that lock funds.

It may die at any command: before it has executed it, or after, without a word.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine_core.transport.backlog import Logs
from engine_core.transport.gateway import OutcomeUnknown
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason
from engine_core.wire.layout import ADMIN, ADMIN_EVENT, COMMAND, EVENT, SLOT
from engine_core.wire.query_records import ANSWER_HEADER, BALANCE, LINK
from tests.ingress.fakes import event

SURE = "executed"
BEFORE, AFTER = "lost before it was executed", "lost after"


@dataclass
class Link:
    out_sequence: int = 0
    out_asset: int = 0
    out_atoms: int = 0
    out_reference: int = 0
    in_sequence: int = 0


@dataclass
class Ledger:
    """One shard, as a Gateway."""

    shard: int
    accounts: set[int] = field(default_factory=lambda: {2, 3})
    frozen: set[int] = field(default_factory=set)
    held: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))  # account, asset: available
    locked: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    links: dict[tuple[int, int], Link] = field(default_factory=lambda: defaultdict(Link))  # account, other shard
    fate: Callable[[CommandKind], str] = lambda kind: SURE
    references: set[tuple[int, int]] = field(default_factory=set)  # asset, reference: of withdrawals
    need: Callable[[np.void], tuple[int, int]] = lambda command: (1, 0)  # of an order: (asset, atoms)
    observers: list[Callable[[np.ndarray], Any]] = field(default_factory=list)
    commands: list[CommandKind] = field(default_factory=list)
    executed: int = 0
    failure: Exception | None = None
    pressure: str = ""
    healthy: bool = True
    logs: Logs | None = None

    def catch_up(self) -> None:
        return None

    def append(self, record: bytes, answer: Answer) -> None:
        kind = CommandKind(record[0])
        self.commands.append(kind)
        fate = self.fate(kind)
        if fate == BEFORE:
            answer.set_exception(OutcomeUnknown(fate))
            return
        events = self._execute(kind, record)
        if fate == AFTER:
            answer.set_exception(OutcomeUnknown(fate))
        else:
            answer.set_result(events)

    def _execute(self, kind: CommandKind, record: bytes) -> np.ndarray:
        if kind in (CommandKind.PLACE, CommandKind.REPLACE):
            return self._place(np.frombuffer(record, COMMAND)[0])
        command = np.frombuffer(record, ADMIN)[0]
        takes = {CommandKind.MOVE_OUT: self._move_out, CommandKind.MOVE_IN: self._move_in}
        reason = takes.get(kind, self._withdraw)(command)
        told = np.zeros(1, ADMIN_EVENT)
        told["kind"] = EventKind.REFUSED if reason else EventKind.APPLIED
        told["reason"], told["account"], told["command"] = reason, command["account"], command
        told["given_available"] = self.held[int(command["account"]), int(command["asset"])]
        events: np.ndarray = told.view(EVENT)
        self.executed += 1
        slots = np.zeros(1, SLOT)
        slots["event"], slots["entry_seq"] = events, self.executed
        for observe in self.observers:
            observe(slots)
        return events

    def _move_out(self, command: np.void) -> Reason:
        account, asset, atoms = (int(command[name]) for name in ("account", "asset", "amount_atoms"))
        link = self.links[account, int(command["code"])]
        if link.out_sequence and command["move_reference"] == link.out_reference:
            same = (asset, atoms) == (link.out_asset, link.out_atoms)
            return Reason.REPEATED if same else Reason.DUPLICATE_REFERENCE
        if command["sequence"] != link.out_sequence + 1:
            return Reason.BAD_SEQUENCE
        if account in self.frozen:
            return Reason.ACCOUNT_FROZEN
        if self.held[account, asset] < atoms:
            return Reason.INSUFFICIENT_FUNDS
        self.held[account, asset] -= atoms
        link.out_sequence, link.out_asset, link.out_atoms = int(command["sequence"]), asset, atoms
        link.out_reference = int(command["move_reference"])
        return Reason.NONE

    def _move_in(self, command: np.void) -> Reason:
        account = int(command["account"])
        if account not in self.accounts:
            return Reason.UNKNOWN_ACCOUNT
        link, sequence = self.links[account, int(command["code"])], int(command["sequence"])
        if sequence <= link.in_sequence:
            return Reason.REPEATED
        if sequence > link.in_sequence + 1:
            return Reason.BAD_SEQUENCE
        link.in_sequence = sequence
        self.held[account, int(command["asset"])] += int(command["amount_atoms"])
        return Reason.NONE

    def _withdraw(self, command: np.void) -> Reason:
        assert command["kind"] == CommandKind.WITHDRAW
        account, asset, atoms, reference = (int(command[name]) for name in ("account", "asset", "a", "b"))
        if self.held[account, asset] < atoms:
            return Reason.INSUFFICIENT_FUNDS
        if (asset, reference) in self.references:
            return Reason.DUPLICATE_REFERENCE
        self.references.add((asset, reference))
        self.held[account, asset] -= atoms
        return Reason.NONE

    def _place(self, command: np.void) -> np.ndarray:
        account, (asset, atoms) = int(command["account"]), self.need(command)
        if self.held[account, asset] < atoms:
            return event(EventKind.REJECTED, reason=Reason.INSUFFICIENT_FUNDS, account=account)
        self.held[account, asset] -= atoms
        self.locked[account, asset] += atoms
        return event(EventKind.ACCEPTED, account=account, market=int(command["market"]))

    async def query(self, kind: QueryKind, *, account: int = 0, **_: object) -> tuple[np.void, np.ndarray]:
        header = np.zeros(1, ANSWER_HEADER)[0]
        if kind is QueryKind.ORDERS:
            return header, np.zeros(0, EVENT)
        return header, self._links(account) if kind is QueryKind.LINKS else self._balances(account)

    def _links(self, account: int) -> np.ndarray:
        wanted = [(key, link) for key, link in self.links.items() if account in (0, key[0])]
        records = np.zeros(len(wanted), LINK)
        for record, ((of_account, other), link) in zip(records, wanted, strict=True):
            record["account"], record["shard"] = of_account, other
            for name, value in vars(link).items():
                record[name] = value
        return records

    def _balances(self, account: int) -> np.ndarray:
        assets = sorted({asset for of, asset in (*self.held, *self.locked) if of == account})
        records = np.zeros(len(assets), BALANCE)
        for record, asset in zip(records, assets, strict=True):
            record["asset"], record["available"] = asset, self.held[account, asset]
            record["locked"] = self.locked[account, asset]
        return records


def total(ledgers: list[Ledger], asset: int = 1) -> int:
    """Available, locked, and on its way: what there always has to be."""
    own = sum(
        atoms
        for ledger in ledgers
        for table in (ledger.held, ledger.locked)
        for (_, of), atoms in table.items()
        if of == asset
    )
    return own + in_flight(ledgers, asset)


def in_flight(ledgers: list[Ledger], asset: int = 1) -> int:
    return sum(
        link.out_atoms
        for ledger in ledgers
        for (account, other), link in ledger.links.items()
        if link.out_asset == asset and link.out_sequence > ledgers[other].links[account, ledger.shard].in_sequence
    )
