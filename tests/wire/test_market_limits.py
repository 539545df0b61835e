"""A limit of a market is declared once: the command, the book and the configuration have it under that name."""

from engine_core.book.memory.records import MARKET_RECORD
from engine_core.config.exchange_toml import MarketDef
from engine_core.replica.setup import Market
from engine_core.wire.layout import ADMIN
from engine_core.wire.market_limits import LIMITS, MarketLimits


def test_command_and_book_have_every_limit() -> None:
    for record in (ADMIN, MARKET_RECORD):
        assert set(LIMITS) <= set(record.names or ())


def test_configuration_and_replica_have_what_is_declared() -> None:
    assert issubclass(MarketDef, MarketLimits) and issubclass(Market, MarketLimits)
