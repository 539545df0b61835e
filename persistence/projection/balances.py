"""Balances after a batch: the last values that events of each (account, asset) carry, and the fee account's sums.

An event carries what its account has after it: of the asset given, available and locked; of the asset received,
available alone, because receiving locks nothing. The fee account is credited by every FILL without an event of its own,
so its balance is the last value that an event carried plus the fees since.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine_core.wire.codes import EventKind, Side
from engine_core.wire.events import pick
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.limits import FEE_ACCOUNT
from persistence.projection.definitions import MarketColumns
from persistence.tables import BALANCE_CHANGES

UNCHANGED = -1
_ASSET_BITS = 16
_FEE_KEY = FEE_ACCOUNT << _ASSET_BITS


class FeeBalances:
    """The fee account's available balance of each asset; read from the database the first time an asset appears."""

    def __init__(self, stored: Callable[[int], int]) -> None:
        self._stored = stored
        self._available: dict[int, int] = {}

    def __getitem__(self, asset: int) -> int:
        if asset not in self._available:
            self._available[asset] = self._stored(asset)
        return self._available[asset]

    def __setitem__(self, asset: int, available: int) -> None:
        self._available[asset] = available


@dataclass(frozen=True)
class _Values:
    """Balances as events carry them: the event's place in the batch, account and asset as one key, and the values."""

    at: np.ndarray
    keys: np.ndarray
    available: np.ndarray
    locked: np.ndarray


def balance_changes(
    events: np.ndarray, carries: np.ndarray, transfers: np.ndarray, columns: MarketColumns, fee_balances: FeeBalances
) -> np.ndarray:
    """BALANCE_CHANGES rows after `events` (the whole batch, as EVENT).

    `carries`: places of the order events that hold balances; `transfers`: places of deposits and withdrawals, of both
    ends of transfers, and of what left for another shard or arrived from one.
    """
    values = [*_of_orders(events, carries, columns), _of_transfers(events, transfers)]
    values.append(_of_fee_account(events, columns, _join(values), fee_balances))
    joined = _join(values)
    in_order = np.argsort(joined.at, kind="stable")
    keys, available, locked = joined.keys[in_order], joined.available[in_order], joined.locked[in_order]
    unique, last = _last_of_each(keys)
    rows = BALANCE_CHANGES.rows(len(unique))
    rows["account"], rows["asset"] = unique >> _ASSET_BITS, unique & (1 << _ASSET_BITS) - 1
    rows["available"], rows["locked"] = available[last], UNCHANGED
    holds = np.flatnonzero(locked != UNCHANGED)
    locked_keys, locked_last = _last_of_each(keys[holds])
    rows["locked"][np.searchsorted(unique, locked_keys)] = locked[holds[locked_last]]
    return rows


def _of_orders(events: np.ndarray, carries: np.ndarray, columns: MarketColumns) -> list[_Values]:
    records = pick(events, carries)
    accounts = records["account"].astype(np.int64) << _ASSET_BITS
    base, quote = columns.base[records["market"]], columns.quote[records["market"]]
    is_bid = records["side"] == Side.BID
    return [
        _Values(carries, accounts | np.where(is_bid, quote, base), records["given_available"], records["given_locked"]),
        _Values(
            carries,
            accounts | np.where(is_bid, base, quote),
            records["received_available"],
            np.full(len(carries), UNCHANGED, np.int64),
        ),
    ]


def _of_transfers(events: np.ndarray, transfers: np.ndarray) -> _Values:
    records = pick(events, transfers).view(ADMIN_EVENT)
    keys = records["account"].astype(np.int64) << _ASSET_BITS | records["command"]["asset"]
    return _Values(transfers, keys, records["given_available"], records["given_locked"])


def _of_fee_account(events: np.ndarray, columns: MarketColumns, carried: _Values, fee_balances: FeeBalances) -> _Values:
    """The fee account's balances at the end of the batch."""
    fills = np.flatnonzero((events["kind"] == EventKind.FILL) & (events["fee_atoms"] != 0))
    records = pick(events, fills)
    received = np.where(records["side"] == Side.BID, columns.base[records["market"]], columns.quote[records["market"]])
    own = carried.keys >> _ASSET_BITS == FEE_ACCOUNT
    own_assets = carried.keys[own] & (1 << _ASSET_BITS) - 1
    assets = np.union1d(received, own_assets)
    for asset in assets.tolist():
        available, since = fee_balances[asset], -1
        own_places = np.flatnonzero(own)[own_assets == asset]
        if len(own_places):
            latest = own_places[np.argmax(carried.at[own_places])]
            available, since = int(carried.available[latest]), int(carried.at[latest])
        is_later = (received == asset) & (fills > since)
        fee_balances[asset] = available + int(records["fee_atoms"][is_later].sum())
    end = np.full(len(assets), len(events), np.int64)
    available_atoms = np.array([fee_balances[asset] for asset in assets.tolist()], np.int64)
    return _Values(end, _FEE_KEY | assets.astype(np.int64), available_atoms, np.full(len(assets), UNCHANGED, np.int64))


def _join(values: list[_Values]) -> _Values:
    return _Values(
        np.concatenate([value.at for value in values]),
        np.concatenate([value.keys for value in values]),
        np.concatenate([value.available for value in values]),
        np.concatenate([value.locked for value in values]),
    )


def _last_of_each(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different keys, sorted, and the place of the last occurrence of each."""
    unique, last_from_end = np.unique(keys[::-1], return_index=True)
    return unique, len(keys) - 1 - last_from_end
