"""exchange.toml against the log: the difference, nothing twice, and what cannot be changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine_core.administration.client import LogSetup, admin
from engine_core.administration.reconcile import difference, in_words, warnings
from engine_core.config.exchange_toml import Config, load
from engine_core.config.shards import first_shard
from engine_core.config.toml_section import ConfigError
from engine_core.wire.codes import CommandKind, MarketState
from engine_core.wire.layout import ADMIN, join

SHIPPED = load(Path(__file__).parents[2] / "exchange.toml")


def kinds(commands: list[np.ndarray]) -> list[CommandKind]:
    return [CommandKind(int(command["kind"][0])) for command in commands]


def after(config: Config) -> LogSetup:
    """What the log says once the difference to an empty one was applied."""
    return LogSetup.read(join(difference(config, LogSetup())))


def change(market: str, **fields: object) -> Config:
    markets = [replace(m, **fields) if m.symbol == market else m for m in SHIPPED.markets]  # type: ignore[arg-type]
    return replace(SHIPPED, markets=tuple(markets))


def test_an_empty_log_gets_everything_in_an_order_that_works() -> None:
    commands = kinds(difference(SHIPPED, LogSetup()))
    assert commands[: len(SHIPPED.assets)] == [CommandKind.ASSET] * len(SHIPPED.assets)
    assert commands.count(CommandKind.MARKET) == len(SHIPPED.markets)
    assert commands.index(CommandKind.MARKET) < commands.index(CommandKind.FEES)


def test_the_second_time_there_is_nothing_to_do() -> None:
    assert difference(SHIPPED, after(SHIPPED)) == []


def test_only_what_changed_is_appended() -> None:
    (fees,) = difference(change("SOL_USDC", taker_ppm=900), after(SHIPPED))
    assert kinds([fees]) == [CommandKind.FEES]
    assert (fees["market"][0], fees["a"][0], fees["b"][0]) == (1, 200, 900)
    (bands,) = difference(change("ETH_USDC", max_open_orders=5), after(SHIPPED))
    assert kinds([bands]) == [CommandKind.MARKET_BANDS] and bands["d"][0] == 5


def test_bare_takes_the_bands_away_and_demo_brings_them_back() -> None:
    bare = SHIPPED.for_profile("bare")
    assert set(kinds(difference(bare, after(SHIPPED)))) == {CommandKind.MARKET_BANDS}
    assert set(kinds(difference(SHIPPED, after(bare)))) == {CommandKind.MARKET_BANDS}


def test_a_new_asset_and_market_are_appended() -> None:
    fewer = replace(SHIPPED, assets=SHIPPED.assets[:-1], markets=SHIPPED.markets[:3])
    added = kinds(difference(SHIPPED, after(fewer)))
    assert added.count(CommandKind.ASSET) == 1 and added.count(CommandKind.MARKET) == len(SHIPPED.markets) - 3


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"lot_atoms": 10**6, "lot_size": "0.001"}, "markets.SOL_USDC.lot_size"),
        ({"tick_atoms": 10}, "markets.SOL_USDC.tick_size"),
        ({"min_lots": 5}, "markets.SOL_USDC.min_quantity"),
        ({"max_lots": 5}, "markets.SOL_USDC.max_quantity"),
        ({"number": 2}, "markets.SOL_USDC.number"),
    ],
)
def test_what_is_permanent_cannot_be_changed(fields: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        difference(change("SOL_USDC", **fields), after(SHIPPED))


@pytest.mark.parametrize(("fields", "key"), [({"decimals": 8}, "decimals"), ({"number": 9}, "number")])
def test_an_asset_stays_what_it_is(fields: dict[str, int], key: str) -> None:
    assets = tuple(replace(a, **fields) if a.symbol == "SOL" else a for a in SHIPPED.assets)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=rf"assets\.SOL\.{key}: is .* but .* in the log, where it is permanent"):
        difference(replace(SHIPPED, assets=assets), after(SHIPPED))


def test_a_number_that_another_asset_has() -> None:
    assets = tuple(replace(a, symbol="ADA") if a.symbol == "SOL" else a for a in SHIPPED.assets)
    with pytest.raises(ConfigError, match=r"assets\.ADA\.number: 2 is SOL in the log"):
        difference(replace(SHIPPED, assets=assets), after(SHIPPED))


def test_records_are_joined_byte_by_byte() -> None:
    key = admin(CommandKind.KEY, account=2)
    key["public_key"] = np.arange(32, dtype=np.uint8)
    records = join([key, admin(CommandKind.DEPOSIT, account=2, asset=1, a=5, b=6)])
    assert records.dtype == ADMIN and len(records.tobytes()) == 128
    assert records[0]["public_key"].tolist() == list(range(32)) and records[1]["a"] == 5


@pytest.mark.parametrize(
    ("fields", "side"),
    [({"lot_atoms": 1, "tick_atoms": 1}, "buyer"), ({"tick_atoms": 1, "start_price": "0.01"}, "seller")],
)
def test_a_market_whose_smallest_trade_pays_more_than_a_hundredth_is_refused(fields: dict[str, Any], side: str) -> None:
    """Fees are rounded up to one atom: of one atom that is all of it."""
    config = change("SOL_USDC", **fields)
    with pytest.raises(ConfigError, match=rf"markets\.SOL_USDC: the {side} of one lot .*more than 1 %"):
        difference(config, LogSetup())
    known = change("SOL_USDC", maker_ppm=0, taker_ppm=0, **fields)
    assert warnings(known, after(known)) == []
    (warning,) = warnings(config, after(known))
    assert warning.startswith(f"market SOL_USDC: the {side} of one lot")


def test_the_shipped_markets_are_in_order() -> None:
    assert warnings(SHIPPED, after(SHIPPED)) == []


def test_a_table_that_is_too_small_for_shares_is_named() -> None:
    few = replace(SHIPPED, capacity=replace(SHIPPED.capacity, keys=100))
    (warning,) = warnings(few, after(SHIPPED))
    assert warning.startswith("[capacity] keys = 100 is less than accounts = 10000")


def test_what_is_shared_is_divided_once() -> None:
    assert kinds(difference(SHIPPED, LogSetup())).count(CommandKind.SHARES) == 1


def test_every_change_is_told_in_words() -> None:
    told = [in_words(command, SHIPPED, LogSetup()) for command in difference(SHIPPED, LogSetup())]
    assert all(told) and "new market SOL_USDC: tick 0.01, lot 0.01, number 1; all of that is permanent" in told
    changed = change("SOL_USDC", taker_ppm=900, max_open_orders=5)
    log = after(SHIPPED)
    assert [in_words(command, changed, log) for command in difference(changed, log)] == [
        *("SOL_USDC: taker_ppm 500 → 900", "SOL_USDC: max_open_orders 1000 → 5")
    ]


def test_a_new_market_begins_in_its_shard_and_is_elsewhere_at_home() -> None:
    config = change("SOL_USDC", shard=1)
    commands = difference(config, LogSetup(), shards=2)
    codes = {int(each["market"][0]): MarketState(int(each["code"][0])) for each in commands if is_market(each)}
    begins = {market.number: first_shard(market, 2) for market in config.markets}
    assert set(begins.values()) == {0, 1} and begins[1] == 1
    assert codes == {number: MarketState.ELSEWHERE if shard else MarketState.OPEN for number, shard in begins.items()}
    words = [in_words(each, config, LogSetup(), shards=2) for each in commands if is_market(each)]
    assert all(f"begins in shard {begins[number]}" in text for number, text in enumerate(words, start=1))
    assert all("shard" not in in_words(each, SHIPPED, LogSetup()) for each in difference(SHIPPED, LogSetup()))


def is_market(command: np.ndarray) -> bool:
    return bool(command["kind"][0] == CommandKind.MARKET)


def test_where_it_trades_by_now_is_no_difference() -> None:
    records = join(difference(SHIPPED, LogSetup(), shards=2))
    records["code"][records["kind"] == CommandKind.MARKET] = MarketState.ELSEWHERE  # all of them have moved
    assert difference(change("SOL_USDC", shard=0), LogSetup.read(records), shards=2) == []
