"""Assets, markets, capacities and limits: their definitions, and how `exchange.toml` is read and validated.

`load(path)` gives a frozen `Config` or a ConfigError that names the key. The file is compared with the log by
`engine_core/administration/reconcile.py`; running processes learn assets and markets from the log, never from here.

Non-goals: environment variables and ports of one run (settings.py), and anything that changes while the exchange runs.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from engine_core.config import market_maker as quoting
from engine_core.config.durability import read_durability
from engine_core.config.edge_limits import (
    Connections,
    Http,
    RateLimits,
    Users,
    read_connections,
    read_http,
    read_rate_limits,
    read_users,
)
from engine_core.config.server import Server, read_server
from engine_core.config.shards import read_shard, read_shards
from engine_core.config.toml_section import NAME_ANOTHER, ConfigError, Section
from engine_core.wire.limits import (
    MAX_ASSETS,
    MAX_DECIMALS,
    MAX_FEE_PPM,
    MAX_MARKETS,
    MAX_SUPPLY_ATOMS,
    MAX_SYMBOL_BYTES,
    SLOT_BITS,
)
from engine_core.wire.market_limits import MOST, NO_LIMITS, MarketLimits
from engine_core.wire.units import MarketUnits, UnitError, format_decimal, market_units

__all__ = ["AssetDef", "Capacity", "Config", "ConfigError", "MarketDef", "load"]

FUNDED_PROFILES = ("demo", "bare")  # they begin with accounts that have money, and keys for them on the disk
PROFILES = (*FUNDED_PROFILES, "venue")
_SYMBOL = re.compile(rf"[A-Z][A-Z0-9]{{0,{MAX_SYMBOL_BYTES - 1}}}")
_GIB = 2**30
MAX_FILE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class AssetDef:
    number: int
    symbol: str
    name: str
    decimals: int


@dataclass(frozen=True, slots=True)
class MarketDef(MarketLimits):
    number: int
    symbol: str
    base: str
    quote: str
    base_asset: int
    quote_asset: int
    units: MarketUnits
    tick_size: str
    lot_size: str
    lot_atoms: int
    tick_atoms: int
    min_lots: int
    max_lots: int
    maker_ppm: int
    taker_ppm: int
    start_price: str  # where the demo's market maker begins when nothing was traded yet; "": it leaves the market alone
    shard: int  # in which it begins; ANY_SHARD: as its symbol says (config/shards.py)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the engine allocates at start, named as in book/memory/state.py. Full is a reject reason."""

    accounts: int
    assets: int
    markets: int
    orders: int
    levels: int
    keys: int
    gateways: int
    timers: int
    ended: int  # ended orders whose client ids are remembered, all accounts together
    ended_per_account: int
    references: int  # of deposits and withdrawals


@dataclass(frozen=True, slots=True)
class Engine:
    cpu: int  # core to pin to; -1: the last one this process may use
    busy_poll: bool
    standbys: int  # engines that follow the same log and take over
    ring_slots: int


@dataclass(frozen=True, slots=True)
class Snapshots:
    """When the engine writes its state to the disk, and how many of these files stay."""

    every_minutes: int
    every_commands: int
    keep: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far each stage may fall behind before new orders are refused (cancels still pass)."""

    command_backlog: int  # entries of the command log not yet matched
    event_backlog: int  # entries of the event log not yet stored
    redis_bytes: int
    disk_bytes: int  # that the disk of the embedded log must have left


@dataclass(frozen=True, slots=True)
class Config:
    path: str
    assets: tuple[AssetDef, ...]
    markets: tuple[MarketDef, ...]
    capacity: Capacity
    durability: str
    replicas: int  # that must have what leaves the engine, with durability "replicated"; else 0
    keep_days: int  # how long log entries stay that nobody needs any more, memory permitting
    snapshots: Snapshots
    engine: Engine
    bounds: Bounds
    http: Http
    users: Users
    rate_limits: RateLimits
    connections: Connections
    server: Server
    shards: int  # of the venue, unless `--shards` or EXCHANGE_SHARDS says another number
    market_maker: quoting.MarketMaker

    def for_profile(self, profile: str) -> "Config":
        """`bare` takes away bands, the open-order limit and the rate limits: the raw exchange, for measuring."""
        if profile != "bare":
            return self
        return replace(
            self,
            markets=tuple(_without_limits(market) for market in self.markets),
            rate_limits=RateLimits.none(),
        )


def _without_limits(market: MarketDef) -> MarketDef:
    return replace(market, **NO_LIMITS)


def load(path: Path | str) -> Config:
    """Read and validate the file, or raise ConfigError."""
    path = Path(path)
    try:
        values = tomllib.loads(_text(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file: {NAME_ANOTHER}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not text in UTF-8 (at byte {error.start}): save it as UTF-8") from None
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is one; a number of 5,000 digits another
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    return read(Section(str(path), "", values))


def read(root: Section) -> Config:
    """Every key of the file is asked for here and in what this calls; `.ci/configuration.py` documents them by that."""
    log = root.section("log")
    durability, replicas = read_durability(log)
    keep_days = log.integer("keep_days", 0, 3650, 8)
    log.done()
    shards = read_shards(root.section("shards"))
    server, engine = read_server(root.section("server")), _engine(root.section("engine"))
    snapshots = _snapshots(root.section("snapshots"))
    bounds, rate_limits = _bounds(root.section("bounds")), read_rate_limits(root.section("rate_limits"))
    http, users = read_http(root.section("http")), read_users(root.section("users"))
    connections = read_connections(root.section("connections"))
    capacity = _capacity(root.section("capacity"))
    market_maker = quoting.read(root.section("market_maker"))
    asset_tables, market_tables = root.section("assets"), root.section("markets")
    root.done()
    assets = tuple(_asset(symbol, table) for symbol, table in asset_tables.sections())
    _check_numbers(asset_tables, [(asset.symbol, asset.number) for asset in assets], capacity.assets, "assets")
    by_symbol = {asset.symbol: asset for asset in assets}
    markets = tuple(_market(symbol, table, by_symbol) for symbol, table in market_tables.sections())
    _check_numbers(market_tables, [(market.symbol, market.number) for market in markets], capacity.markets, "markets")
    in_order = sorted(assets, key=lambda asset: asset.number), sorted(markets, key=lambda market: market.number)
    return Config(
        root.file,
        tuple(in_order[0]),
        tuple(in_order[1]),
        capacity,
        durability,
        replicas,
        keep_days,
        snapshots,
        engine,
        bounds,
        http,
        users,
        rate_limits,
        connections,
        server,
        shards,
        market_maker,
    )


def _text(path: Path) -> str:
    """Of a file of a sensible size; editors on Windows begin one with a byte order mark."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: is not a file: {NAME_ANOTHER}")
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if not content:
        raise ConfigError(f"{path}: is empty: {NAME_ANOTHER}; `exchange config --write FILE` makes one")
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_FILE_BYTES} bytes, which no configuration is")
    return content.decode("utf-8-sig")


def _check_numbers(table: Section, numbered: list[tuple[str, int]], capacity: int, what: str) -> None:
    """Numbers are permanent and run 1, 2, 3, ... without gaps: they index the engine's arrays and stand in the log."""
    if not numbered:
        raise table.error("", f"needs at least one of {what}")
    if len(numbered) > capacity:
        raise table.error("", f"has {len(numbered)} entries, capacity.{what} allows {capacity}")
    owners: dict[int, str] = {}
    for symbol, number in numbered:
        if number in owners:
            raise table.error(f"{symbol}.number", f"{number} is taken by {owners[number]}")
        owners[number] = symbol
    for symbol, number in numbered:
        if number > len(numbered):
            raise table.error(
                f"{symbol}.number", f"numbers run from 1 without gaps, so at most {len(numbered)}, is {number}"
            )


def _asset(symbol: str, table: Section) -> AssetDef:
    if not _SYMBOL.fullmatch(symbol):
        raise table.error(
            "", f"a symbol is 1 to {MAX_SYMBOL_BYTES} capital letters and digits, and begins with a letter"
        )
    decimals = table.integer("decimals", 0, 255)
    if decimals > MAX_DECIMALS:
        raise table.error(
            "decimals",
            f"{decimals} is too many: balances are 64-bit integers, so with {decimals} decimals the whole supply could "
            f"be only {format_decimal(MAX_SUPPLY_ATOMS, decimals)}; use at most {MAX_DECIMALS}",
        )
    asset = AssetDef(table.integer("number", 1, MAX_ASSETS), symbol, table.text("name", symbol), decimals)
    table.done()
    return asset


def _market(symbol: str, table: Section, assets: dict[str, AssetDef]) -> MarketDef:
    base_symbol, separator, quote_symbol = symbol.partition("_")
    if not separator or base_symbol == quote_symbol:
        raise table.error("", "a market is named BASE_QUOTE, for example SOL_USDC")
    for asset in (base_symbol, quote_symbol):
        if asset not in assets:
            raise table.error("", f"there is no asset {asset}; define it as [assets.{asset}]")
    base, quote = assets[base_symbol], assets[quote_symbol]
    tick_size, lot_size = table.text("tick_size"), table.text("lot_size")
    units = _units(table, tick_size, lot_size, base, quote)
    most_lots = min(MAX_SUPPLY_ATOMS // units.lot_atoms, MAX_SUPPLY_ATOMS // units.tick_atoms)
    min_lots = _quantity(table, "min_quantity", lot_size, units, most_lots)
    max_lots = _quantity(table, "max_quantity", units.quantity(most_lots), units, most_lots)
    if min_lots > max_lots:
        raise table.error("min_quantity", "is above max_quantity")
    start_price = table.text("start_price", "")
    if start_price:
        try:
            units.ticks(start_price)
        except UnitError as error:
            raise table.error("start_price", str(error)) from None
    market = MarketDef(
        number=table.integer("number", 1, MAX_MARKETS),
        symbol=symbol,
        base=base.symbol,
        quote=quote.symbol,
        base_asset=base.number,
        quote_asset=quote.number,
        units=units,
        tick_size=units.tick_size,
        lot_size=units.lot_size,
        lot_atoms=units.lot_atoms,
        tick_atoms=units.tick_atoms,
        min_lots=min_lots,
        max_lots=max_lots,
        maker_ppm=table.integer("maker_ppm", 0, MAX_FEE_PPM, 0),
        taker_ppm=table.integer("taker_ppm", 0, MAX_FEE_PPM, 0),
        start_price=start_price,
        shard=read_shard(table),
        **{name: table.integer(name, 0, most, 0) for name, most in MOST.items()},
    )
    table.done()
    return market


def _units(table: Section, tick_size: str, lot_size: str, base: AssetDef, quote: AssetDef) -> MarketUnits:
    try:
        return market_units(tick_size, lot_size, base.decimals, quote.decimals)
    except UnitError as error:
        key = "lot_size" if lot_size in str(error) and tick_size not in str(error) else "tick_size"
        raise table.error(key, str(error)) from None


def _quantity(table: Section, key: str, default: str, units: MarketUnits, most_lots: int) -> int:
    try:
        lots = units.lots(table.text(key, default))
    except UnitError as error:
        raise table.error(key, str(error)) from None
    if lots > most_lots:
        raise table.error(key, f"at most {units.quantity(most_lots)} fits into 64-bit balances")
    return lots


def _capacity(table: Section) -> Capacity:
    capacity = Capacity(
        accounts=table.integer("accounts", 8, 2**24, 10_000),
        assets=table.integer("assets", 2, 4096, 32),
        markets=table.integer("markets", 1, 4096, 32),
        orders=table.integer("orders", 1024, 2**SLOT_BITS - 1, 1_000_000),
        levels=table.integer("levels", 1024, 2**SLOT_BITS - 1, 1_000_000),
        keys=table.integer("keys", 8, 2**24, 100_000),
        gateways=table.integer("gateways", 8, 65_536, 256),
        timers=table.integer("timers", 8, 2**24, 50_000),
        ended=table.integer("ended", 1, 2**SLOT_BITS - 1, 262_144),
        ended_per_account=table.integer("ended_per_account", 1, 65_536, 1024),
        references=table.integer("references", 1024, 2**28, 1_000_000),
    )
    table.done()
    return capacity


def _engine(table: Section) -> Engine:
    engine = Engine(
        cpu=table.integer("cpu", -1, 4095, -1),
        busy_poll=table.flag("busy_poll", False),
        standbys=table.integer("standbys", 0, 3, 0),
        ring_slots=table.integer("ring_slots", 1024, 2**24, 65_536),
    )
    if engine.ring_slots & (engine.ring_slots - 1):
        raise table.error("ring_slots", f"must be a power of two, is {engine.ring_slots}")
    table.done()
    return engine


def _snapshots(table: Section) -> Snapshots:
    snapshots = Snapshots(
        every_minutes=table.integer("every_minutes", 1, 10_000, 10),
        every_commands=table.integer("every_commands", 1_000, 1_000_000_000, 5_000_000),
        keep=table.integer("keep", 1, 100, 3),
    )
    table.done()
    return snapshots


def _bounds(table: Section) -> Bounds:
    bounds = Bounds(
        command_backlog=table.integer("command_backlog", 64, 10_000_000, 20_000),
        event_backlog=table.integer("event_backlog", 64, 100_000_000, 2_000_000),
        redis_bytes=table.integer("redis_bytes", 64 * 2**20, 1024 * _GIB, 8 * _GIB),
        disk_bytes=table.integer("disk_bytes", 0, 1024 * _GIB, _GIB // 4),
    )
    table.done()
    return bounds
