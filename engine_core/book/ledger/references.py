"""The references of transfers that cannot be used twice: one chained hash. An operator's stay for ever; those of an
account itself make a list, whose oldest is forgotten when the account has its share of them (see shares.py)."""

from engine_core.book.ladder.bitmap import mix
from engine_core.book.ledger.shares import give_share, may_take, take_share
from engine_core.book.memory.state import DIVIDED, OPERATOR_REFERENCES, REFERENCES, SHARED_WITHDRAWALS, State
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import inner

_M61 = (1 << 61) - 1


@inner
def reference_bucket(state: State, scope: int, direction: int, reference: int) -> int:
    return mix(((reference & _M61) ^ (scope << 33) ^ (direction << 59)) & _M61) & (state.reference_heads.size - 1)


@inner
def find_reference(state: State, scope: int, direction: int, reference: int) -> int:
    """Number of the record, or 0."""
    at = state.reference_heads[reference_bucket(state, scope, direction, reference)]
    while at != 0:
        known = state.references[at]
        if known.reference == reference and known.scope == scope and known.direction == direction:
            break
        at = known.chain
    return at


@inner
def _enter(state: State, number: int, scope: int, direction: int, reference: int, content: int) -> None:
    bucket = reference_bucket(state, scope, direction, reference)
    record = state.references[number]
    record.reference = reference
    record.content = content
    record.scope = scope
    record.direction = direction
    record.newer = 0
    record.chain = state.reference_heads[bucket]
    state.reference_heads[bucket] = number


@inner
def _fresh(state: State) -> int:
    """A record that was never used, or 0."""
    if state.scalars[REFERENCES] + 1 == state.references.size:
        return 0
    state.scalars[REFERENCES] += 1
    return state.scalars[REFERENCES]


@inner
def remember_operators(state: State, asset: int, direction: int, reference: int) -> bool:
    """False if there is no room: what the accounts may need for their own is not touched."""
    share, most = state.shares[SHARED_WITHDRAWALS], (state.references.size - 1)
    if state.scalars[DIVIDED] != 0:
        most -= share.own * (state.accounts.size - 1) + share.pool
    number = 0
    if state.scalars[OPERATOR_REFERENCES] < most:
        number = _fresh(state)
    if number == 0:
        return False
    state.scalars[OPERATOR_REFERENCES] += 1
    _enter(state, number, asset, direction, reference, 0)
    return True


@inner
def _drop_oldest_withdrawal(state: State, account: int) -> int:
    """The number of the account's oldest withdrawal, which is out of the chains and the list."""
    cold()
    owner = state.accounts[account]
    number = owner.withdrawal_first
    record = state.references[number]
    bucket = reference_bucket(state, record.scope, record.direction, record.reference)
    at = state.reference_heads[bucket]
    if at == number:
        state.reference_heads[bucket] = record.chain
    else:
        while state.references[at].chain != number:
            at = state.references[at].chain
        state.references[at].chain = record.chain
    owner.withdrawal_first = record.newer
    if record.newer == 0:
        owner.withdrawal_last = 0
    owner.withdrawals -= 1
    give_share(state, SHARED_WITHDRAWALS, owner.withdrawals)
    return number


@inner
def remember_withdrawal(state: State, account: int, direction: int, reference: int, content: int) -> bool:
    """Remember an account's own reference, if need be instead of its oldest. False if there is no room for any."""
    owner, number = state.accounts[account], 0
    if may_take(state, SHARED_WITHDRAWALS, owner.withdrawals):
        number = _fresh(state)
    if number == 0:
        if owner.withdrawal_first == 0:
            return False
        number = _drop_oldest_withdrawal(state, account)
    _enter(state, number, account, direction, reference, content)
    if owner.withdrawal_last != 0:
        state.references[owner.withdrawal_last].newer = number
    else:
        owner.withdrawal_first = number
    owner.withdrawal_last = number
    take_share(state, SHARED_WITHDRAWALS, owner.withdrawals)
    owner.withdrawals += 1
    return True
