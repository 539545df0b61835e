"""API keys and the references of deposits and withdrawals: two chained hashes that only grow."""

import numpy as np

from engine_core.book.nodes import mix
from engine_core.book.state import KEYS, REFERENCES, State
from engine_core.jit import inner, wide

_M61 = (1 << 61) - 1

FOUND, ADDED, FULL = 1, 2, 3


@inner
def _key_bucket(state: State, admin: np.ndarray, i: int) -> int:
    record = admin[i]
    return mix((record["a"] ^ (record["c"] >> 3)) & _M61) & (state.key_heads.size - 1)


@inner
def find_key(state: State, admin: np.ndarray, i: int) -> int:
    """Number of the key with the public key of this record, or 0."""
    record = admin[i]
    key = wide(state.key_heads[_key_bucket(state, admin, i)])
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
def add_key(state: State, admin: np.ndarray, i: int) -> bool:
    """Enter a public key that is not known yet. False if there is no room."""
    if state.counters[KEYS] + 1 == state.keys.size:
        return False
    state.counters[KEYS] += 1
    number = state.counters[KEYS]
    bucket = _key_bucket(state, admin, i)
    record, known = admin[i], state.keys[number]
    known["a"] = record["a"]
    known["b"] = record["b"]
    known["c"] = record["c"]
    known["d"] = record["d"]
    known["account"] = record["account"]
    known["permissions"] = record["code"]
    known["chain"] = state.key_heads[bucket]
    state.key_heads[bucket] = number
    return True


@inner
def add_reference(state: State, asset: int, direction: int, reference: int) -> int:
    """Enter the reference of a transfer: ADDED, or FOUND (it was used before), or FULL."""
    bucket = mix((reference & _M61) ^ (asset << 33) ^ (direction << 59)) & (state.reference_heads.size - 1)
    at = wide(state.reference_heads[bucket])
    while at != 0:
        known = state.references[at]
        if known["reference"] == reference and known["asset"] == asset and known["direction"] == direction:
            return FOUND
        at = wide(known["chain"])
    if state.counters[REFERENCES] + 1 == state.references.size:
        return FULL
    state.counters[REFERENCES] += 1
    number = state.counters[REFERENCES]
    known = state.references[number]
    known["reference"] = reference
    known["asset"] = asset
    known["direction"] = direction
    known["chain"] = state.reference_heads[bucket]
    state.reference_heads[bucket] = number
    return ADDED
