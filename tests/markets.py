"""A setup for tests: SOL_USDC (tick 0.01, lot 0.01, bands) and BTC_USDC (tick 0.1, lot 0.00001)."""

import numpy as np

from engine_core.administration.client import admin
from engine_core.replica.setup import Setup
from engine_core.wire.codes import CommandKind, MarketState
from engine_core.wire.layout import BEHAVIOUR_VERSION, join

SOL, BTC = 1, 2


def key_record(account: int, public_key: bytes, permissions: int) -> np.ndarray:
    record = admin(CommandKind.KEY, account=account, code=permissions)
    record["public_key"] = np.frombuffer(public_key, np.uint8)
    return record


def setup_records() -> np.ndarray:
    """USDC has 6 decimals, SOL 9, BTC 8. SOL_USDC trades 0.1 to 100000 SOL, BTC_USDC 0.0001 to 100000 BTC."""
    state = MarketState.OPEN
    return join(
        [
            admin(CommandKind.GENESIS, code=1, a=77, b=BEHAVIOUR_VERSION, c=1_700_000_000_123),
            admin(CommandKind.ASSET, asset=1, symbol=b"USDC", decimals=6),
            admin(CommandKind.ASSET, asset=2, symbol=b"SOL", decimals=9),
            admin(CommandKind.ASSET, asset=3, symbol=b"BTC", decimals=8),
            admin(
                CommandKind.MARKET,
                market=SOL,
                asset=2,
                quote_asset=1,
                code=state,
                a=10_000_000,
                b=100,
                c=10,
                d=10_000_000,
            ),
            admin(
                CommandKind.MARKET, market=BTC, asset=3, quote_asset=1, code=state, a=1000, b=1, c=10, d=10_000_000_000
            ),
            admin(CommandKind.MARKET_BANDS, market=SOL, a=250_000, b=200_000, c=50_000, d=100),
            admin(CommandKind.FEES, market=SOL, a=200, b=500),
            admin(CommandKind.FEES, market=BTC, a=100, b=450),
            *[admin(CommandKind.ACCOUNT, account=account) for account in range(2, 6)],
        ]
    )


def setup() -> Setup:
    made = Setup()
    made.apply(setup_records())
    return made
