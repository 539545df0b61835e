"""Money that comes, goes, and moves between accounts: DEPOSIT, WITHDRAW and TRANSFER, each one command and whole.

Two kinds of references. An operator's (c and d are 0) is unique per asset and direction and never forgotten. One of an
account itself, made from its clientId, is unique per account: a repeat that asks for the same (amount, asset, address)
is told REPEATED, another one DUPLICATE_REFERENCE, and nothing moves.
"""

from engine_core.book.ledger.balances import balance_of
from engine_core.book.ledger.references import find_reference, remember_operators, remember_withdrawal
from engine_core.book.memory.state import ASSETS, State
from engine_core.book.orders.checks import ACCOUNT_FROZEN, account_exists
from engine_core.jit.intrinsics import mixed
from engine_core.jit.kernel import inner
from engine_core.jit.rows import Row
from engine_core.wire.codes import CommandKind, Reason
from engine_core.wire.limits import MAX_SUPPLY_ATOMS

DEPOSITS, WITHDRAWALS, OWN_WITHDRAWALS = 1, 2, 3  # directions of a reference


@inner
def _content_of(command: Row) -> int:
    """A mark of everything that a repeat repeats."""
    record = command
    mark = mixed((record.kind << 40) ^ record.asset)
    mark = mixed(mark ^ record.to_account)
    mark = mixed(mark ^ record.a)
    mark = mixed(mark ^ record.c)
    return mixed(mark ^ record.d)


@inner
def _check_parties(state: State, command: Row) -> int:
    """Who, what and how much, before anything is looked up."""
    record = command
    if not account_exists(state, record.account):
        return Reason.UNKNOWN_ACCOUNT
    if record.kind == CommandKind.TRANSFER:
        if not account_exists(state, record.to_account):
            return Reason.UNKNOWN_ACCOUNT
        if record.to_account == record.account:
            return Reason.BAD_FIELD
    if record.asset < 1 or record.asset > state.counters[ASSETS]:
        return Reason.UNKNOWN_ASSET
    if record.a < 1:
        return Reason.BAD_FIELD
    if record.a > MAX_SUPPLY_ATOMS:
        return Reason.SUPPLY_LIMIT
    return Reason.NONE


@inner
def _known_withdrawal(state: State, command: Row) -> int:
    """REPEATED or DUPLICATE_REFERENCE of one that an account asks for itself; NONE if its reference is new."""
    record = command
    known = find_reference(state, record.account, OWN_WITHDRAWALS, record.b)
    if known != 0:
        repeated = state.references[known].content == _content_of(command)
        return Reason.REPEATED if repeated else Reason.DUPLICATE_REFERENCE
    if find_reference(state, record.asset, WITHDRAWALS, record.b) != 0:  # of behaviour version 1
        return Reason.DUPLICATE_REFERENCE
    return Reason.NONE


@inner
def _check_deposit(state: State, asset: int, atoms: int) -> int:
    """The supply of an asset is bounded, so that sums of balances cannot overflow."""
    record = state.assets[asset]
    if atoms > MAX_SUPPLY_ATOMS - (record.deposited - record.withdrawn):
        return Reason.SUPPLY_LIMIT
    if record.deposited > MAX_SUPPLY_ATOMS * 2 - 1 - atoms:  # the sum over all time must fit as well
        return Reason.SUPPLY_LIMIT
    return Reason.NONE


@inner
def _check_withdrawal(state: State, account: int, asset: int, atoms: int) -> int:
    if state.accounts[account].state == ACCOUNT_FROZEN:
        return Reason.ACCOUNT_FROZEN
    if state.balances[balance_of(state, account, asset)].available < atoms:
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


@inner
def _enter(state: State, command: Row, own: bool) -> int:
    """Remember the reference, or say why not. (One that an account asks for itself is known to be new.)"""
    record = command
    account, asset = record.account, record.asset
    if own:
        entered = remember_withdrawal(state, account, OWN_WITHDRAWALS, record.b, _content_of(command))
        return Reason.NONE if entered else Reason.REFERENCES_FULL
    direction = DEPOSITS if record.kind == CommandKind.DEPOSIT else WITHDRAWALS
    if find_reference(state, asset, direction, record.b) != 0:
        return Reason.DUPLICATE_REFERENCE
    if not remember_operators(state, asset, direction, record.b):
        return Reason.REFERENCES_FULL
    return Reason.NONE


@inner
def move_money(state: State, command: Row) -> int:
    """DEPOSIT, WITHDRAW or TRANSFER: all of it, or nothing and the reason."""
    record = command
    kind, account, asset, atoms = record.kind, record.account, record.asset, record.a
    own = kind == CommandKind.TRANSFER or record.c != 0 or record.d != 0
    reason = _check_parties(state, command)
    if reason == Reason.NONE and own and kind != CommandKind.DEPOSIT:
        reason = _known_withdrawal(state, command)
    if reason == Reason.NONE:
        if kind == CommandKind.DEPOSIT:
            reason = _check_deposit(state, asset, atoms)
        else:
            reason = _check_withdrawal(state, account, asset, atoms)
    if reason == Reason.NONE:
        reason = _enter(state, command, own and kind != CommandKind.DEPOSIT)
    if reason != Reason.NONE:
        return reason
    balance = state.balances[balance_of(state, account, asset)]
    if kind == CommandKind.DEPOSIT:
        state.assets[asset].deposited += atoms
        balance.available += atoms
    else:
        balance.available -= atoms
        if kind == CommandKind.WITHDRAW:
            state.assets[asset].withdrawn += atoms
        else:
            state.balances[balance_of(state, record.to_account, asset)].available += atoms
    return Reason.NONE
