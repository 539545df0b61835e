"""API keys: a chained hash of all that are valid, and of the revoked ones whose places were not needed since.

A revoked key stays revoked while it is known. When no place is fresh, the one that was revoked first gives up its own.
"""

from engine_core.book.ladder.bitmap import mix
from engine_core.book.ledger.shares import give_share, is_full, may_take, take_share
from engine_core.book.memory.state import KEYS, KEYS_HELD, REVOKED_NEWEST, REVOKED_OLDEST, SHARED_KEYS, State
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import inner
from engine_core.wire.codes import Reason
from engine_core.wire.layout import AdminRow
from engine_core.wire.limits import KEYS_OF_ONE_ACCOUNT

_M61 = (1 << 61) - 1


@inner
def key_bucket(state: State, word_0: int, word_2: int) -> int:
    return mix((word_0 ^ (word_2 >> 3)) & _M61) & (state.key_heads.size - 1)


@inner
def find_key(state: State, command: AdminRow) -> int:
    """Number of the key with the public key of this record, or 0."""
    key = state.key_heads[key_bucket(state, command.key_word_0, command.key_word_2)]
    while key != 0:
        known = state.keys[key]
        same = known.a == command.key_word_0 and known.b == command.key_word_1
        if same and known.c == command.key_word_2 and known.d == command.key_word_3:
            break
        key = known.chain
    return key


@inner
def _forget_revoked(state: State) -> int:
    """The place of the key that was revoked first."""
    cold()
    number = state.scalars[REVOKED_OLDEST]
    record = state.keys[number]
    bucket = key_bucket(state, record.a, record.c)
    at = state.key_heads[bucket]
    if at == number:
        state.key_heads[bucket] = record.chain
    else:
        while state.keys[at].chain != number:
            at = state.keys[at].chain
        state.keys[at].chain = record.chain
    state.scalars[REVOKED_OLDEST] = record.newer
    if record.newer == 0:
        state.scalars[REVOKED_NEWEST] = 0
    return number


@inner
def add_key(state: State, command: AdminRow) -> int:
    """Enter a public key that is not known yet, or say why not."""
    owner = state.accounts[command.account]
    if state.scalars[KEYS_HELD] + 1 == state.keys.size:
        return Reason.KEYS_FULL
    if owner.keys >= KEYS_OF_ONE_ACCOUNT or not may_take(state, SHARED_KEYS, owner.keys):
        return Reason.KEYS_FULL if is_full(state, SHARED_KEYS) else Reason.KEYS_SHARE
    if state.scalars[KEYS] + 1 < state.keys.size:
        state.scalars[KEYS] += 1
        number = state.scalars[KEYS]
    else:
        number = _forget_revoked(state)
    bucket, known = key_bucket(state, command.key_word_0, command.key_word_2), state.keys[number]
    known.a = command.key_word_0
    known.b = command.key_word_1
    known.c = command.key_word_2
    known.d = command.key_word_3
    known.account = command.account
    known.permissions = command.code
    known.newer = 0
    known.chain = state.key_heads[bucket]
    state.key_heads[bucket] = number
    take_share(state, SHARED_KEYS, owner.keys)
    owner.keys += 1
    state.scalars[KEYS_HELD] += 1
    return Reason.NONE


@inner
def revoke(state: State, key: int) -> None:
    record = state.keys[key]
    owner = state.accounts[record.account]
    record.permissions = 0
    if state.scalars[REVOKED_NEWEST] != 0:
        state.keys[state.scalars[REVOKED_NEWEST]].newer = key
    else:
        state.scalars[REVOKED_OLDEST] = key
    state.scalars[REVOKED_NEWEST] = key
    owner.keys -= 1
    give_share(state, SHARED_KEYS, owner.keys)
    state.scalars[KEYS_HELD] -= 1
