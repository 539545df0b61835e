"""Seeded order flow for benches and tests: the same numbers give the same bytes, everywhere.

`mixed_flow` is a busy exchange in small: accounts that quote, take, cancel and change their minds in several markets
around prices that walk. Non-goals: looking like any real market, or being hard on the checks (the tests do that).
"""

from typing import NamedTuple

import numpy as np

from engine_core.book.state import Capacities
from engine_core.wire.codes import CommandKind, MarketState, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION
from engine_core.wire.limits import SLOT_BITS

LOG_ID = 1
TIME_MS = 1_700_000_000_000
QUOTE_ASSET = 1
LOT_ATOMS, TICK_ATOMS = 1_000, 10
FUNDS_ATOMS = 10**14  # of every asset, to every account
MIDDLE_TICKS = 1 << 20


class Flow(NamedTuple):
    setup: np.ndarray  # ADMIN
    commands: np.ndarray  # COMMAND
    capacities: Capacities  # that suit it


def setup_records(markets: int, accounts: int, *, genesis: bool = True) -> np.ndarray:
    """GENESIS, one quote asset, a base asset and a market each, and `accounts` accounts (from 2 on) with funds."""
    assets = markets + 1
    rows = np.zeros(int(genesis) + assets + 2 * markets + accounts * (1 + assets), ADMIN)
    at = 0
    if genesis:
        rows[0]["kind"], rows[0]["code"] = CommandKind.GENESIS, SCHEMA_VERSION
        rows[0]["a"], rows[0]["b"], rows[0]["c"] = LOG_ID, BEHAVIOUR_VERSION, TIME_MS
        at = 1
    part = rows[at : at + assets]
    part["kind"], part["asset"], part["decimals"] = CommandKind.ASSET, np.arange(1, assets + 1), 6
    part["symbol"] = [b"USDC", *(b"A%d" % number for number in range(1, markets + 1))]
    at += assets
    part = rows[at : at + markets]
    part["kind"], part["market"], part["asset"] = (
        CommandKind.MARKET,
        np.arange(1, markets + 1),
        np.arange(2, assets + 1),
    )
    part["quote_asset"], part["code"], part["c"] = QUOTE_ASSET, MarketState.OPEN, 1
    part["a"], part["b"] = LOT_ATOMS, TICK_ATOMS
    at += markets
    part = rows[at : at + markets]
    part["kind"], part["market"], part["a"], part["b"] = CommandKind.FEES, np.arange(1, markets + 1), 800, 1_000
    at += markets
    part = rows[at : at + accounts]
    part["kind"], part["account"] = CommandKind.ACCOUNT, np.arange(2, accounts + 2)
    at += accounts
    part = rows[at:]
    part["kind"], part["a"], part["b"] = CommandKind.DEPOSIT, FUNDS_ATOMS, np.arange(len(part))
    part["account"] = np.repeat(np.arange(2, accounts + 2), assets)
    part["asset"] = np.tile(np.arange(1, assets + 1), accounts)
    return rows


class Mix(NamedTuple):
    """How commands are drawn, in parts of 1,000; the rest are good-till-cancelled limit orders."""

    cancels: int = 400
    amends: int = 60
    market_orders: int = 40
    immediate: int = 60  # IOC and FOK limit orders
    post_only: int = 100
    icebergs: int = 20
    triggers: int = 10


def _codes(random: np.random.Generator, count: int, mix: Mix) -> tuple[np.ndarray, np.ndarray]:
    """(COMMAND records with their codes, which kind of order each is: index into Mix, 7 = plain limit)."""
    bounds = np.cumsum(np.array(mix))
    drawn = np.searchsorted(bounds, random.integers(0, 1000, count), side="right")
    commands = np.zeros(count, COMMAND)
    commands["kind"] = np.choose(np.minimum(drawn, 2), [CommandKind.CANCEL, CommandKind.AMEND, CommandKind.PLACE])
    commands["side"] = np.where(random.integers(0, 2, count), Side.BID, Side.ASK)
    commands["order_type"] = np.where(drawn == 2, OrderType.MARKET, OrderType.LIMIT)
    commands["time_in_force"] = TimeInForce.GTC
    commands["time_in_force"][drawn == 2] = TimeInForce.IOC
    immediate = drawn == 3
    commands["time_in_force"][immediate] = np.where(
        random.integers(0, 3, int(immediate.sum())), TimeInForce.IOC, TimeInForce.FOK
    )
    commands["self_trade"] = random.integers(SelfTrade.REJECT_TAKER, SelfTrade.DECREMENT + 1, count)
    commands["flags"][drawn == 4] = OrderFlag.POST_ONLY
    commands["flags"][drawn == 5] = OrderFlag.ICEBERG
    commands["flags"][drawn == 6] = OrderFlag.TRIGGER
    return commands, drawn


def _prices(random: np.random.Generator, commands: np.ndarray, drawn: np.ndarray, spread: int) -> None:
    """Prices near a middle that walks, on the passive side for most, across it for takers."""
    count = len(commands)
    middle = MIDDLE_TICKS + np.cumsum(random.integers(-1, 2, count)) // 4
    distance = np.minimum(random.geometric(4 / (4 + spread), count), MIDDLE_TICKS // 2)
    takes = (drawn == 3) | ((drawn == 7) & (random.integers(0, 8, count) == 0))
    away = np.where(takes, -distance // 4, distance)
    commands["price_ticks"] = middle + np.where(commands["side"] == Side.BID, -away, away)
    commands["quantity_lots"] = random.integers(1, 100, count)
    commands["price_ticks"][drawn == 2] = 0
    icebergs, triggers = drawn == 5, drawn == 6
    commands["display_lots"][icebergs] = np.maximum(1, commands["quantity_lots"][icebergs] // 4)
    up = np.where(commands["side"][triggers] == Side.BID, distance[triggers] + 1, -distance[triggers] - 1)
    commands["trigger_ticks"][triggers] = middle[triggers] + up


def mixed_flow(
    seed: int, n: int, markets: int = 8, accounts: int = 10_000, *, spread: int = 40, mix: Mix | None = None
) -> Flow:
    """`n` commands of all kinds. Cancels and amends name orders by client id, so they need no answer to be drawn:

    each account numbers its orders 1, 2, 3, ...; some of those named have ended already, as in life."""
    random = np.random.default_rng(seed)
    commands, drawn = _codes(random, n, mix or Mix())
    _prices(random, commands, drawn, spread)
    places = np.flatnonzero(commands["kind"] == CommandKind.PLACE)
    others = np.flatnonzero(commands["kind"] != CommandKind.PLACE)
    commands["market"][places] = random.integers(1, markets + 1, len(places))
    commands["account"][places] = random.integers(2, accounts + 2, len(places))
    commands["client_id"][places] = np.arange(len(places)) + 1
    commands["flags"][places] |= np.uint8(OrderFlag.HAS_CLIENT_ID)
    earlier = np.searchsorted(places, others)  # how many orders were placed before each
    back = np.minimum(random.geometric(1 / (64 + len(places) // 64), len(others)), np.maximum(earlier, 1))
    named = places[np.maximum(earlier - back, 0)]
    for field in ("market", "account", "client_id"):
        commands[field][others] = commands[field][named]
    commands["flags"][others] = OrderFlag.HAS_CLIENT_ID
    amends = others[commands["kind"][others] == CommandKind.AMEND]
    keep_price = random.integers(0, 2, len(amends)) == 0
    commands["price_ticks"][amends] = np.where(keep_price, 0, commands["price_ticks"][amends])
    capacities = Capacities(
        accounts=accounts + 1,
        assets=markets + 1,
        markets=markets,
        orders=min(max(n, 1 << 10), (1 << SLOT_BITS) - 1),
        levels=min(max(n, 1 << 10), 1 << 22),
        references=accounts * (markets + 1),
    )
    return Flow(setup_records(markets, accounts), commands, capacities)
