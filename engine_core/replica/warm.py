"""Compiles the replica's kernels into the cache, by using each once."""

import numpy as np

from engine_core.replica.depth import Depth
from engine_core.replica.records import flat
from engine_core.replica.trades import Trades
from engine_core.wire.codes import EventKind, Side
from engine_core.wire.intervals import DAY_MS
from engine_core.wire.layout import SLOT


def warm() -> None:
    slots = np.zeros(1, SLOT)
    event = slots["event"]
    event["kind"], event["market"], event["side"], event["price_ticks"] = EventKind.FILL, 1, Side.BID, 1
    event["trade_id"] = event["fill_lots"] = event["update_id"] = event["level_lots"] = 1
    depth, trades = Depth(), Trades()
    depth.add_market(1, live=True)
    trades.reserve(1)
    depth.begin(len(slots))
    depth.apply(flat(slots), 0)
    trades.add(depth.batch().trades)
    assert trades.ticker(1, DAY_MS, 0).trades == 1
