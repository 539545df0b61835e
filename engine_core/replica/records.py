"""The records that the replica's kernels hand to each other and to Python.

FLAT is another view of the 192 bytes of a SLOT: only the fields that market data needs, by their offsets in
wire/layout.py, without nesting.
"""

import numpy as np

from engine_core.wire.layout import ADMIN, ADMIN_EVENT, EVENT, SLOT

_EVENT_FIELDS = [
    "kind",
    "side",
    "flags",
    "market",
    "order_id",
    "price_ticks",
    "update_id",
    "level_lots",
    "counter_order_id",
    "trade_id",
    "fill_lots",
]
_SLOT_FIELDS = ["entry_ms", "entry_seq", "position", "time_ms"]


def _flat() -> np.dtype:
    fields = [(name, EVENT, 0) for name in _EVENT_FIELDS] + [(name, SLOT, 0) for name in _SLOT_FIELDS]
    admin = int(ADMIN_EVENT.fields["command"][1])  # type: ignore[index]
    fields.append(("kind", ADMIN, admin))
    names = [*_EVENT_FIELDS, *_SLOT_FIELDS, "command_kind"]
    formats = [dtype.fields[name][0] for name, dtype, _ in fields]  # type: ignore[index]
    offsets = [dtype.fields[name][1] + start for name, dtype, start in fields]  # type: ignore[index]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": SLOT.itemsize})


FLAT = _flat()

# A trade, made of its maker's FILL. maker_side is the maker's: Ask = the buyer took.
TRADE = np.dtype(
    [
        ("market", "<u4"),
        ("maker_side", "<u4"),
        ("trade_id", "<i8"),
        ("price_ticks", "<i8"),
        ("lots", "<i8"),
        ("time_ms", "<i8"),
        ("maker_order_id", "<i8"),
        ("taker_order_id", "<i8"),
    ]
)
# What a level shows after a batch; one row for each level that changed, however often.
LEVEL_CHANGE = np.dtype([("market", "<u4"), ("side", "<u4"), ("price_ticks", "<i8"), ("lots", "<i8")])
# The depth sequence that a batch covers in one market: first to last.
SPAN = np.dtype([("market", "<i8"), ("first_id", "<i8"), ("last_id", "<i8")])


def flat(slots: np.ndarray) -> np.ndarray:
    """SLOT records as FLAT ones, writable and in a row: the one form for which the kernels are compiled."""
    view = np.ascontiguousarray(slots)
    if not view.flags.writeable:
        view = view.copy()
    return view.view(FLAT)
