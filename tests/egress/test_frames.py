"""What docs/api.md says of frames, by the code that makes them."""

import json
import re
from pathlib import Path

from egress.frames import Texts, checksum
from engine_core.replica.setup import Setup
from tests.replica.flow import SOL_USDC, setup_records

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"`\"b\":(\[\[.*?\]\])` and\s+`\"a\":(\[\[.*?\]\])`.*?`([\d.:]+)`.*?`\"cs\":(\d+)`", re.DOTALL)


def test_the_checksum_is_that_of_the_example() -> None:
    setup = Setup()
    setup.apply(setup_records(), 0)
    market = setup.markets[SOL_USDC]
    example = EXAMPLE.search(GUIDE)
    assert example is not None
    sides = [json.loads(text) for text in example.group(1, 2)]
    bids, asks = [[(market.units.ticks(p), market.units.lots(q)) for p, q in sorted(side)] for side in sides]
    assert checksum(Texts(market), bids, asks) == int(example[4])
    best_bid, best_ask, second_bid = sides[0][0], sides[1][0], sides[0][1]
    assert example[3] == ":".join([*best_bid, *best_ask, *second_bid]), "a side of one level, and one of two"
