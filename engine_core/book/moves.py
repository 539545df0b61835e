"""Money that moves between shards: MOVE_OUT in one and MOVE_IN in the other, with one sequence and one reference.

    this shard    MOVE_OUT 7: less available, link.out_sequence = 7 with what it was
    other shard                MOVE_IN 7: more available, link.in_sequence = 7

Whoever appends the second half, how often, and however late: it is executed once. In flight is what has gone out here
and not come in there, at most one move of an account from one shard to another, and the link here says what it is. So
nothing may refuse a MOVE_IN for good: not that the account is frozen, nor what it holds.

The sums moved_out and moved_in are kept modulo 2**64, since there is no bound for how often money goes to and fro; what
is between them is less than 2**63, so their difference is exact (see audit.py).
"""

from engine_core.book.ledger.balances import balance_of
from engine_core.book.ledger.links import find_link, make_link
from engine_core.book.memory.state import ASSETS, SHARD, State
from engine_core.book.orders.checks import account_exists, is_frozen
from engine_core.jit.kernel import inner
from engine_core.wire.codes import CommandKind, Reason
from engine_core.wire.layout import AdminRow
from engine_core.wire.limits import MAX_SUPPLY_ATOMS, MOST_SHARDS


@inner
def _check_move(state: State, command: AdminRow) -> int:
    """Who, what, where to and how much."""
    if not account_exists(state, command.account):
        return Reason.UNKNOWN_ACCOUNT
    if command.asset < 1 or command.asset > state.scalars[ASSETS]:
        return Reason.UNKNOWN_ASSET
    if command.code >= MOST_SHARDS or command.code == state.scalars[SHARD]:
        return Reason.BAD_FIELD
    if not 1 <= command.amount_atoms <= MAX_SUPPLY_ATOMS or command.move_reference == 0 or command.sequence < 1:
        return Reason.BAD_FIELD
    return Reason.NONE


@inner
def _check_out(state: State, command: AdminRow, number: int) -> int:
    """Whether it is new, the next one, and paid for. `number`: of the link, 0 if there is none yet."""
    link = state.links[number]
    if link.out_reference == command.move_reference:
        same = link.out_asset == command.asset and link.out_atoms == command.amount_atoms
        return Reason.REPEATED if same else Reason.DUPLICATE_REFERENCE
    if command.sequence != link.out_sequence + 1:
        return Reason.BAD_SEQUENCE
    if is_frozen(state, command.account):
        return Reason.ACCOUNT_FROZEN
    if state.balances[balance_of(state, command.account, command.asset)].available < command.amount_atoms:
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


@inner
def _check_in(state: State, command: AdminRow, number: int) -> int:
    """Whether it is the next one, or has come already."""
    arrived = state.links[number].in_sequence
    if command.sequence <= arrived:
        return Reason.REPEATED
    return Reason.NONE if command.sequence == arrived + 1 else Reason.BAD_SEQUENCE


@inner
def move(state: State, command: AdminRow) -> int:
    """MOVE_OUT or MOVE_IN: all of it, or nothing and the reason."""
    account, asset, atoms = command.account, command.asset, command.amount_atoms
    reason: int = _check_move(state, command)
    if reason != Reason.NONE:
        return reason
    number = find_link(state, account, command.code)
    goes_out = command.kind == CommandKind.MOVE_OUT
    reason = _check_out(state, command, number) if goes_out else _check_in(state, command, number)
    if reason == Reason.NONE and number == 0:
        number = make_link(state, account, command.code)
        reason = Reason.NONE if number != 0 else Reason.LINKS_FULL
    if reason != Reason.NONE:
        return reason
    link, balance = state.links[number], state.balances[balance_of(state, account, asset)]
    if goes_out:
        link.out_sequence = command.sequence
        link.out_atoms = atoms
        link.out_asset = asset
        link.out_reference = command.move_reference
        balance.available -= atoms
        state.assets[asset].moved_out += atoms
    else:
        link.in_sequence = command.sequence
        balance.available += atoms
        state.assets[asset].moved_in += atoms
    return Reason.NONE
