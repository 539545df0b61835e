"""The markets as the kernels that read plain orders want them, made again only when a market has changed."""

from collections.abc import Sequence
from typing import NamedTuple

from engine_core.replica.setup import Market, Setup
from ingress.fast_path.order_kernel import Rules, rules_of


class Known(NamedTuple):
    markets: Sequence[Market]  # row by row as in the rules
    rules: Rules


class KnownMarkets:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._changes = -1
        self._known = Known((), rules_of(()))

    def now(self) -> Known:
        if self._setup.market_changes != self._changes:
            self._changes = self._setup.market_changes
            markets = list(self._setup.markets.values())
            self._known = Known(markets, rules_of(markets))
        return self._known
