"""Regimes on top of a model: factors on its rates that change with time, as steps that repeat.

normal       the model as it is
quiet        a third of the arrivals
trending     takers lean to one side for ten minutes, then to the other
swing        the same within a minute, and stronger
flash-crash  every ten minutes: sellers come in a flood while bids are withdrawn and not renewed; then a recovery
opening      twenty times as much as usual, which fades within a minute; once an hour
"""

from bench.flow.parameters import Step

FADING = tuple(Step(seconds=10, rate=rate, cancels=rate**0.5) for rate in (20, 12, 7, 4, 2.5, 1.5))

REGIMES: dict[str, tuple[Step, ...]] = {
    "normal": (),
    "quiet": (Step(rate=0.3),),
    "trending": (
        Step(seconds=600, buys=2.5, sells=0.3, asks=0.5, ask_cancels=1.5),
        Step(seconds=600, buys=0.3, sells=2.5, bids=0.5, bid_cancels=1.5),
    ),
    "swing": (
        Step(seconds=30, rate=1.5, buys=4, sells=0.3, asks=0.3, ask_cancels=3),
        Step(seconds=30, rate=1.5, buys=0.3, sells=4, bids=0.3, bid_cancels=3),
    ),
    "flash-crash": (
        Step(seconds=530),
        Step(seconds=8, rate=3, sells=20, buys=0.1, bids=0.05, bid_cancels=20),
        Step(seconds=12, rate=2, sells=2, buys=0.5, bids=0.5, bid_cancels=2),
        Step(seconds=30, rate=2, buys=8, sells=0.2, asks=0.2, ask_cancels=3),
        Step(seconds=20, rate=1.3, buys=1.5),
    ),
    "opening": (*FADING, Step(seconds=3_540)),
}
