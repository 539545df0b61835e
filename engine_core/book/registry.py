"""API keys: a chained hash of all that are valid, and of the revoked ones whose places nobody has needed since.

A revoked key stays revoked while it is known. When no place is fresh, the one that was revoked first gives up its own.
"""

import numpy as np

from engine_core.book.nodes import mix
from engine_core.book.shares import give_share, is_full, may_take, take_share
from engine_core.book.state import KEYS, KEYS_HELD, REVOKED_NEWEST, REVOKED_OLDEST, SHARED_KEYS, State
from engine_core.jit import inner, rare, wide
from engine_core.wire.codes import Reason
from engine_core.wire.limits import KEYS_OF_ONE_ACCOUNT

_M61 = (1 << 61) - 1


@inner
def _bucket(state: State, a: int, c: int) -> int:
    return mix((a ^ (c >> 3)) & _M61) & (state.key_heads.size - 1)


@inner
def find_key(state: State, admin: np.ndarray, i: int) -> int:
    """Number of the key with the public key of this record, or 0."""
    record = admin[i]
    key = wide(state.key_heads[_bucket(state, record["a"], record["c"])])
    while key != 0:
        known = state.keys[key]
        if (
            known["a"] == record["a"]
            and known["b"] == record["b"]
            and known["c"] == record["c"]
            and known["d"] == record["d"]
        ):
            break
        key = wide(known["chain"])
    return key


@inner
def _forget_revoked(state: State) -> int:
    """The place of the key that was revoked first."""
    rare()
    number = wide(state.counters[REVOKED_OLDEST])
    record = state.keys[number]
    bucket = _bucket(state, record["a"], record["c"])
    at = wide(state.key_heads[bucket])
    if at == number:
        state.key_heads[bucket] = record["chain"]
    else:
        while state.keys[at]["chain"] != number:
            at = wide(state.keys[at]["chain"])
        state.keys[at]["chain"] = record["chain"]
    state.counters[REVOKED_OLDEST] = record["newer"]
    if record["newer"] == 0:
        state.counters[REVOKED_NEWEST] = 0
    return number


@inner
def add_key(state: State, admin: np.ndarray, i: int) -> int:
    """Enter a public key that is not known yet, or say why not."""
    record, owner = admin[i], state.accounts[admin[i]["account"]]
    if state.counters[KEYS_HELD] + 1 == state.keys.size:
        return wide(Reason.KEYS_FULL)
    if owner["keys"] >= KEYS_OF_ONE_ACCOUNT or not may_take(state, wide(SHARED_KEYS), wide(owner["keys"])):
        return wide(Reason.KEYS_FULL) if is_full(state, wide(SHARED_KEYS)) else wide(Reason.KEYS_SHARE)
    if state.counters[KEYS] + 1 < state.keys.size:
        state.counters[KEYS] += 1
        number = wide(state.counters[KEYS])
    else:
        number = _forget_revoked(state)
    bucket, known = _bucket(state, record["a"], record["c"]), state.keys[number]
    known["a"] = record["a"]
    known["b"] = record["b"]
    known["c"] = record["c"]
    known["d"] = record["d"]
    known["account"] = record["account"]
    known["permissions"] = record["code"]
    known["newer"] = 0
    known["chain"] = state.key_heads[bucket]
    state.key_heads[bucket] = number
    take_share(state, wide(SHARED_KEYS), wide(owner["keys"]))
    owner["keys"] += 1
    state.counters[KEYS_HELD] += 1
    return wide(Reason.NONE)


@inner
def revoke(state: State, key: int) -> None:
    record = state.keys[key]
    owner = state.accounts[record["account"]]
    record["permissions"] = 0
    if state.counters[REVOKED_NEWEST] != 0:
        state.keys[state.counters[REVOKED_NEWEST]]["newer"] = key
    else:
        state.counters[REVOKED_OLDEST] = key
    state.counters[REVOKED_NEWEST] = key
    owner["keys"] -= 1
    give_share(state, wide(SHARED_KEYS), wide(owner["keys"]))
    state.counters[KEYS_HELD] -= 1
