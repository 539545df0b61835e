"""Money that comes, goes, and changes accounts: DEPOSIT, WITHDRAW and TRANSFER, each one command and whole. In shard 0
alone: so one place knows all that there is, bounds it, and knows every reference. Between shards: moves.py.

Two kinds of references. An operator's (asked_address and asked are 0) is unique per asset and direction and never
forgotten. One of an account itself, made from its clientId, is unique per account: a repeat that asks for the same
(amount, asset, address) gets REPEATED, any other DUPLICATE_REFERENCE, and nothing moves.
"""

from engine_core.book.ledger.balances import balance_of
from engine_core.book.ledger.references import find_reference, remember_operators, remember_withdrawal
from engine_core.book.memory.state import ASSETS, SHARD, State
from engine_core.book.orders.checks import account_exists, is_frozen
from engine_core.jit.intrinsics import mixed
from engine_core.jit.kernel import inner
from engine_core.wire.codes import CommandKind, Reason
from engine_core.wire.layout import AdminRow
from engine_core.wire.limits import MAX_SUPPLY_ATOMS

DEPOSITS, WITHDRAWALS, OWN_WITHDRAWALS = 1, 2, 3  # directions of a reference


@inner
def _content_of(command: AdminRow) -> int:
    """A mark of everything that a repeat repeats."""
    mark = mixed((command.kind << 40) ^ command.asset)
    mark = mixed(mark ^ command.to_account)
    mark = mixed(mark ^ command.amount_atoms)
    mark = mixed(mark ^ command.asked_address)
    return mixed(mark ^ command.asked)


@inner
def _check_parties(state: State, command: AdminRow) -> int:
    """Who, what and how much, before anything is looked up."""
    if not account_exists(state, command.account):
        return Reason.UNKNOWN_ACCOUNT
    if command.kind == CommandKind.TRANSFER:
        if not account_exists(state, command.to_account):
            return Reason.UNKNOWN_ACCOUNT
        if command.to_account == command.account:
            return Reason.BAD_FIELD
    if command.asset < 1 or command.asset > state.scalars[ASSETS]:
        return Reason.UNKNOWN_ASSET
    if command.amount_atoms < 1:
        return Reason.BAD_FIELD
    if command.amount_atoms > MAX_SUPPLY_ATOMS:
        return Reason.SUPPLY_LIMIT
    return Reason.NONE


@inner
def _known_withdrawal(state: State, command: AdminRow) -> int:
    """REPEATED or DUPLICATE_REFERENCE of one that an account asks for itself; NONE if its reference is new."""
    known = find_reference(state, command.account, OWN_WITHDRAWALS, command.reference)
    if known != 0:
        repeated = state.references[known].content == _content_of(command)
        return Reason.REPEATED if repeated else Reason.DUPLICATE_REFERENCE
    if find_reference(state, command.asset, WITHDRAWALS, command.reference) != 0:  # of behaviour version 1
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
    if is_frozen(state, account):
        return Reason.ACCOUNT_FROZEN
    if state.balances[balance_of(state, account, asset)].available < atoms:
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


@inner
def _remember(state: State, command: AdminRow, own: bool) -> int:
    """Remember the reference, or say why not. (One that an account asks for itself is known to be new.)"""
    account, asset = command.account, command.asset
    if own:
        entered = remember_withdrawal(state, account, OWN_WITHDRAWALS, command.reference, _content_of(command))
        return Reason.NONE if entered else Reason.REFERENCES_FULL
    direction = DEPOSITS if command.kind == CommandKind.DEPOSIT else WITHDRAWALS
    if find_reference(state, asset, direction, command.reference) != 0:
        return Reason.DUPLICATE_REFERENCE
    if not remember_operators(state, asset, direction, command.reference):
        return Reason.REFERENCES_FULL
    return Reason.NONE


@inner
def transfer(state: State, command: AdminRow) -> int:
    """DEPOSIT, WITHDRAW or TRANSFER: all of it, or nothing and the reason."""
    kind, account, asset, atoms = command.kind, command.account, command.asset, command.amount_atoms
    own = kind == CommandKind.TRANSFER or command.asked_address != 0 or command.asked != 0
    reason: int = Reason.NONE if state.scalars[SHARD] == 0 else Reason.NOT_HOME
    if reason == Reason.NONE:
        reason = _check_parties(state, command)
    if reason == Reason.NONE and own and kind != CommandKind.DEPOSIT:
        reason = _known_withdrawal(state, command)
    if reason == Reason.NONE:
        if kind == CommandKind.DEPOSIT:
            reason = _check_deposit(state, asset, atoms)
        else:
            reason = _check_withdrawal(state, account, asset, atoms)
    if reason == Reason.NONE:
        reason = _remember(state, command, own and kind != CommandKind.DEPOSIT)
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
            state.balances[balance_of(state, command.to_account, asset)].available += atoms
    return Reason.NONE
