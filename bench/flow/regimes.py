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
    "trending": (Step(seconds=600, buys=1.6, sells=0.6), Step(seconds=600, buys=0.6, sells=1.6)),
    "swing": (
        Step(seconds=30, rate=1.5, buys=2.5, sells=0.5, asks=0.8),
        Step(seconds=30, rate=1.5, buys=0.5, sells=2.5, bids=0.8),
    ),
    "flash-crash": (
        Step(seconds=540),
        Step(seconds=8, rate=3, sells=12, buys=0.3, bids=0.15, cancels=4),
        Step(seconds=12, rate=2, sells=2, bids=0.5, cancels=2),
        Step(seconds=20, rate=2, buys=5, sells=0.5, bids=1.5, asks=0.7),
        Step(seconds=20, rate=1.3, buys=1.5),
    ),
    "opening": (*FADING, Step(seconds=3_540)),
}
