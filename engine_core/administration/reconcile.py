"""Compares exchange.toml with what the log says, and appends the difference as commands.

The log decides: what stands there permanently (numbers, symbols, decimals, tick, lot, order sizes) cannot be changed by
the file, and trying to is an error that names the key. New assets and markets, fees and bands become ADMIN commands.
The demo accounts, their keys and their deposits follow, each of them safe to append again and again; not in a venue,
whose accounts are real.

Where there are several shards, the log of the first one (home) is compared, the others get what they lack of it, and a
new market begins in its shard: it is ELSEWHERE in all of them first, so that none has it twice.

Runs as `python -m engine_core.administration.reconcile` at every start of the exchange, and as `exchange apply`.
"""

import logging
import sys
from collections.abc import Callable

import numpy as np

from engine_core.administration.client import ApplyError, LogSetup, admin, describe, execute, read_setup
from engine_core.administration.demo import fund
from engine_core.administration.lost_moves import mend
from engine_core.administration.market_move import arriving, heads_for, settle
from engine_core.administration.venue import Venue, has_begun, trades_in
from engine_core.config.exchange_toml import FUNDED_PROFILES, AssetDef, Config, MarketDef
from engine_core.config.profiles import check_profile, note_profile
from engine_core.config.redis_url import places
from engine_core.config.settings import Settings
from engine_core.config.shards import first_shard
from engine_core.config.toml_section import ConfigError
from engine_core.host.external import ExternalError, check_redis
from engine_core.process.lifecycle import start
from engine_core.replica.setup import HOME
from engine_core.wire.codes import CommandKind, MarketState
from engine_core.wire.fees import fee_of
from engine_core.wire.market_limits import NO_LIMITS, limits_of

log = logging.getLogger("reconcile")

_COARSE_TICKS = 100
_MOST_FEE = 100  # of the smallest trade: one part of so many


def difference(config: Config, setup: LogSetup, shards: int = 1) -> list[np.ndarray]:
    """The commands that bring the log (of home) to what `config` says; ConfigError where that is impossible."""
    commands: list[np.ndarray] = []
    names = {int(record["asset"]): symbol for symbol, record in setup.assets.items()}
    for asset in config.assets:
        commands += _asset(config, asset, setup, names)
    for market in config.markets:
        commands += _market(config, market, setup, shards)
        fees = (market.maker_ppm, market.taker_ppm)
        if setup.fees.get(market.number, (0, 0)) != fees:
            commands.append(admin(CommandKind.FEES, market=market.number, maker_ppm=fees[0], taker_ppm=fees[1]))
        limits = limits_of(market)
        if setup.limits.get(market.number, NO_LIMITS) != limits:
            commands.append(admin(CommandKind.MARKET_BANDS, market=market.number, **limits))
    if not setup.divided:
        commands.append(admin(CommandKind.SHARES, code=1))
    return commands


def _permanent(config: Config, key: str, in_log: object, in_file: object) -> None:
    if in_log != in_file:
        raise ConfigError(
            f"{config.path}: {key}: is {in_file} here but {in_log} in the log, where it is permanent: restore it, or "
            "start a new exchange with --data DIR"
        )


def _asset(config: Config, asset: AssetDef, setup: LogSetup, names: dict[int, str]) -> list[np.ndarray]:
    record = setup.assets.get(asset.symbol)
    if record is not None:
        _permanent(config, f"assets.{asset.symbol}.number", int(record["asset"]), asset.number)
        _permanent(config, f"assets.{asset.symbol}.decimals", int(record["decimals"]), asset.decimals)
        return []
    if asset.number in names:
        raise ConfigError(
            f"{config.path}: assets.{asset.symbol}.number: {asset.number} is {names[asset.number]} in the log"
        )
    symbol = asset.symbol.encode()
    return [admin(CommandKind.ASSET, asset=asset.number, symbol=symbol, decimals=asset.decimals)]


def _market(config: Config, market: MarketDef, setup: LogSetup, shards: int) -> list[np.ndarray]:
    record = setup.markets.get(market.number)
    if record is None:
        if (why := fee_of_smallest(market)) is not None:
            raise ConfigError(f"{config.path}: markets.{market.symbol}: {why}")
        return [
            admin(
                CommandKind.MARKET,
                market=market.number,
                asset=market.base_asset,
                quote_asset=market.quote_asset,
                code=MarketState.OPEN if first_shard(market, shards) == HOME else MarketState.ELSEWHERE,
                lot_atoms=market.lot_atoms,
                tick_atoms=market.tick_atoms,
                min_lots=market.min_lots,
                max_lots=market.max_lots,
            )
        ]
    path, units = f"markets.{market.symbol}", market.units
    names = {int(asset["asset"]): symbol for symbol, asset in setup.assets.items()}
    in_log = f"{names.get(int(record['asset']))}_{names.get(int(record['quote_asset']))}"
    if in_log != market.symbol:
        raise ConfigError(f"{config.path}: {path}.number: {market.number} is {in_log} in the log")
    _permanent(config, f"{path}.lot_size", units.base(int(record["lot_atoms"])), market.lot_size)
    if (tick_atoms := int(record["tick_atoms"])) != market.tick_atoms:
        _permanent(config, f"{path}.tick_size", f"worth {tick_atoms} quote atoms a lot", f"worth {market.tick_atoms}")
    _permanent(config, f"{path}.min_quantity", units.quantity(int(record["min_lots"])), units.quantity(market.min_lots))
    _permanent(config, f"{path}.max_quantity", units.quantity(int(record["max_lots"])), units.quantity(market.max_lots))
    return []


def in_words(command: np.ndarray, config: Config, setup: LogSetup, shards: int = 1) -> str:
    """One command of the difference, as the change that it makes."""
    record = command[0]
    kind, number = CommandKind(int(record["kind"])), int(record["market"])
    if kind == CommandKind.ASSET:
        return f"new asset {record['symbol'].decode()}: number {record['asset']}, {record['decimals']} decimals"
    market = next((market for market in config.markets if market.number == number), None)
    if market is None:
        return describe(command)  # of no asset and no market
    if kind == CommandKind.MARKET:
        sizes = f"tick {market.tick_size}, lot {market.lot_size}, number {number}"
        begins = f", and begins in shard {first_shard(market, shards)}" if shards > 1 else ""
        return f"new market {market.symbol}: {sizes}; all of that is permanent{begins}"
    if kind == CommandKind.FEES:
        before = dict(zip(("maker_ppm", "taker_ppm"), setup.fees.get(number, (0, 0)), strict=True))
    elif kind == CommandKind.MARKET_BANDS:
        before = setup.limits.get(number, NO_LIMITS)
    else:
        return f"{market.symbol}: {describe(command)}"
    changed = [f"{key} {old} → {new}" for key, old in before.items() if old != (new := int(record[key]))]
    return f"{market.symbol}: {', '.join(changed)}"


def fee_of_smallest(market: MarketDef) -> str | None:
    """Why the fee of the smallest trade, one lot, is more than a hundredth of what a side receives, if it is.

    Fees are rounded up to one atom. What the seller receives is looked at where the market begins, or at a hundred
    ticks: below that one tick is more than a hundredth of the price."""
    ppm = max(market.maker_ppm, market.taker_ppm)
    ticks = market.units.ticks(market.start_price) if market.start_price else _COARSE_TICKS
    receives = {"buyer": (market.lot_atoms, "lot_size"), "seller": (ticks * market.tick_atoms, "lot_size or tick_size")}
    for side, (atoms, key) in receives.items():
        fee = fee_of(atoms, ppm)
        if fee * _MOST_FEE > atoms:
            return (
                f"the {side} of one lot receives {atoms} atoms, of which the fee takes {fee} (more than 1 %: it is "
                f"rounded up to one atom): make {key} larger, or the fees 0"
            )
    return None


def warnings(config: Config, setup: LogSetup) -> list[str]:
    """What is wrong with markets that exist, and what is not enough for the accounts that there may be."""
    lines = [
        f"market {market.symbol}: {why}"
        for market in config.markets
        if market.number in setup.markets and (why := fee_of_smallest(market)) is not None
    ]
    accounts = config.capacity.accounts
    for name in ("orders", "keys", "timers", "ended", "references"):
        if getattr(config.capacity, name) < accounts:
            lines.append(
                f"[capacity] {name} = {getattr(config.capacity, name)} is less than accounts = {accounts}: no account "
                "has a share of its own"
            )
    return lines


def apply(settings: Settings, say: Callable[[str], None], agree: Callable[[], None] | None = None) -> int:
    """Bring the log to what the configuration says; the number of commands applied. `agree` is called before a
    change, when all of it was said, and raises what it likes instead; where there is none to ask, the demo's accounts
    are looked after even if the configuration changes nothing.
    """
    check_profile(settings.data, settings.profile)
    note_profile(settings.data, settings.profile)
    with Venue(settings.redis_urls) as venue:
        setup = read_setup(venue.home)
        for warning in warnings(settings.config, setup):
            say(f"warning: {warning}")
        commands = difference(settings.config, setup, settings.shards)
        for command in commands:
            say(in_words(command, settings.config, setup, settings.shards))
        if agree is not None:
            if not commands and not _unopened(venue, settings):
                return 0
            agree()
        applied = execute(venue.home, commands)
        if settings.profile in FUNDED_PROFILES:
            applied += fund(venue.home, settings, setup, say)
        applied += venue.complete()
        if venue.others:
            applied += _open(venue, settings, say) + mend(venue, settings.redis_urls, say)
        known = {market.number for market in settings.config.markets}
        for number in sorted(set(setup.markets) - known):
            say(f"market {number} is in the log but not in {settings.config.path}: it stays as it is")
        return applied


def _unopened(venue: Venue, settings: Settings) -> dict[int, MarketDef]:
    """New markets that are ELSEWHERE in every shard, by their numbers."""
    if not venue.others:
        return {}
    setups = venue.setups()
    return {
        market.number: market
        for market in settings.config.markets
        if market.number in setups[HOME].markets
        and not trades_in(setups, market.number)
        and not has_begun(setups, market.number)
    }


def _open(venue: Venue, settings: Settings, say: Callable[[str], None]) -> int:
    """Let new markets begin, and name those that are not where one market should be; how many began."""
    new = _unopened(venue, settings)
    for number, market in new.items():
        heads = heads_for(venue.setups(), number)  # a start that was interrupted has decided it
        shard = first_shard(market, settings.shards) if heads is None else heads
        left = settle(venue, number, shard)
        execute(venue.gateways[shard], [arriving(number, left)])
        say(f"{market.symbol} begins in shard {shard}")
    setups = venue.setups()
    for market in settings.config.markets:
        shards = trades_in(setups, market.number)
        if not shards:
            say(
                f"warning: {market.symbol} was on its way from one shard to another, and trades nowhere: "
                f"`exchange market move {market.symbol} --to SHARD` goes on with that"
            )
        if len(shards) > 1:
            say(
                f"warning: {market.symbol} trades in the shards {' and '.join(map(str, shards))}, as one lost that it "
                f"left: `exchange market move {market.symbol} --to SHARD` leaves it in that one alone"
            )
    return len(new)


def main() -> None:
    start("reconcile")
    try:
        settings = Settings.from_environment()
        for url in places(settings.redis_url, settings.shards):  # nobody did if the roles were started one by one
            check_redis(url, settings.config.durability, settings.config.replicas, log.info)
        log.info("%d commands applied", apply(settings, log.info))
    except (ConfigError, ApplyError, ExternalError, TimeoutError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
