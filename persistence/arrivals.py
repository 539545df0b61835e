"""Markets that came from another shard: their rows go on where those of the shard before end.

    shard 0   … orders of a market … │ ELSEWHERE …
    shard 1                          ├── waits ──▶ MARKET_STATE that MOVES_HERE │ … orders of the market …

The command says which shard had the market, and up to where in its log. The writer of the new shard stores nothing from
that command on before the other one has stored so far: running numbers and candles go on in the order of time, even
where an empty database is filled from all logs at once.
"""

from typing import NamedTuple

import numpy as np

from engine_core.wire.codes import CommandKind, EventKind, MarketFlag
from engine_core.wire.events import pick
from engine_core.wire.layout import ADMIN_EVENT


class Arrival(NamedTuple):
    place: int  # of its event among those that were looked at
    market: int
    before: int  # the shard that had it
    until_ms: int  # up to where in that one's log


def arrivals(events: np.ndarray) -> list[Arrival]:
    """Of `events` (EVENT), in their order."""
    places = np.flatnonzero(events["kind"] == EventKind.APPLIED)
    commands = pick(events, places).view(ADMIN_EVENT)["command"]
    moves = (commands["kind"] == CommandKind.MARKET_STATE) & (commands["flags"] & MarketFlag.MOVES_HERE != 0)
    return [
        Arrival(int(place), int(command["market"]), int(command["asset"]), int(command["d"]))
        for place, command in zip(places[moves].tolist(), commands[moves], strict=True)
    ]
