"""Seeded order flow for benches and tests: the same numbers give the same bytes, everywhere.

`mixed_flow` is a busy exchange in small: accounts that quote, take, cancel and change their minds in several markets
around prices that walk. Non-goals: looking like any real market, or being hard on the checks (the tests do that).
"""

from typing import NamedTuple

import numpy as np

from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import Capacities, new_state
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketState,
    OrderFlag,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND, EVENT, SCHEMA_VERSION
from engine_core.wire.limits import MAX_BLOCK_EVENTS, SLOT_BITS

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
        rows[0]["log_id"], rows[0]["behaviour"], rows[0]["created_ms"] = LOG_ID, BEHAVIOUR_VERSION, TIME_MS
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
    part["quote_asset"], part["code"], part["min_lots"] = QUOTE_ASSET, MarketState.OPEN, 1
    part["lot_atoms"], part["tick_atoms"] = LOT_ATOMS, TICK_ATOMS
    at += markets
    part = rows[at : at + markets]
    part["kind"], part["market"], part["maker_ppm"], part["taker_ppm"] = (
        CommandKind.FEES,
        np.arange(1, markets + 1),
        800,
        1_000,
    )
    at += markets
    part = rows[at : at + accounts]
    part["kind"], part["account"] = CommandKind.ACCOUNT, np.arange(2, accounts + 2)
    at += accounts
    part = rows[at:]
    part["kind"], part["amount_atoms"], part["reference"] = CommandKind.DEPOSIT, FUNDS_ATOMS, np.arange(len(part))
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
    crossing: int = 125  # of the good-till-cancelled limit orders: those priced to trade at once
    remembered: bool = False  # clients know which orders they have cancelled: no order is named once it is


# As the regime `normal` of the conformance flows: 41 % cancels, 9 % modifies, 15 % of the new orders IOC, few trades,
# and few cancels that come too late.
NORMAL = Mix(
    cancels=411,
    amends=87,
    market_orders=10,
    immediate=65,
    post_only=100,
    icebergs=10,
    triggers=5,
    crossing=10,
    remembered=True,
)


def _codes(random: np.random.Generator, count: int, mix: Mix) -> tuple[np.ndarray, np.ndarray]:
    """(COMMAND records with their codes, which kind of order each is: index into Mix, 7 = plain limit)."""
    bounds = np.cumsum(np.array(mix[:7]))
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


def _prices(random: np.random.Generator, commands: np.ndarray, drawn: np.ndarray, spread: int, crossing: int) -> None:
    """Prices near a middle that walks, on the passive side for most, across it for takers."""
    count = len(commands)
    middle = MIDDLE_TICKS + np.cumsum(random.integers(-1, 2, count)) // 4
    distance = np.minimum(random.geometric(4 / (4 + spread), count), MIDDLE_TICKS // 2)
    takes = ((drawn == 3) | (drawn == 7)) & (random.integers(0, 1000, count) < np.where(drawn == 3, 500, crossing))
    away = np.where(takes, -distance // 4, distance)
    commands["price_ticks"] = middle + np.where(commands["side"] == Side.BID, -away, away)
    commands["quantity_lots"] = random.integers(1, 100, count)
    commands["price_ticks"][drawn == 2] = 0
    icebergs, triggers = drawn == 5, drawn == 6
    commands["display_lots"][icebergs] = np.maximum(1, commands["quantity_lots"][icebergs] // 4)
    up = np.where(commands["side"][triggers] == Side.BID, distance[triggers] + 1, -distance[triggers] - 1)
    commands["trigger_ticks"][triggers] = middle[triggers] + up


def _open_orders(commands: np.ndarray, back: np.ndarray) -> np.ndarray:
    """What each cancel and amend names: the order so far `back` among those that may rest and are not cancelled yet."""
    lasting = (commands["kind"] == CommandKind.PLACE) & (commands["time_in_force"] == TimeInForce.GTC)
    waiting = [int(np.argmax(commands["kind"] == CommandKind.PLACE))]
    named, number = np.zeros(len(back), np.int64), 0
    for at, kind in enumerate(commands["kind"].tolist()):
        if kind != CommandKind.PLACE:
            place = max(len(waiting) - int(back[number]), 0)
            named[number] = waiting[place]
            number += 1
            if kind == CommandKind.CANCEL and len(waiting) > 1:
                del waiting[place]
        elif lasting[at]:
            waiting.append(at)
    return named


def mixed_flow(
    seed: int, n: int, markets: int = 8, accounts: int = 10_000, *, spread: int = 40, mix: Mix | None = None
) -> Flow:
    """`n` commands of all kinds. Cancels and amends name orders by client id, so they need no answer to be drawn:

    each account numbers its orders 1, 2, 3, ...; some of those named have ended already, as in life."""
    random = np.random.default_rng(seed)
    mix = mix or Mix()
    commands, drawn = _codes(random, n, mix)
    _prices(random, commands, drawn, spread, mix.crossing)
    places = np.flatnonzero(commands["kind"] == CommandKind.PLACE)
    others = np.flatnonzero(commands["kind"] != CommandKind.PLACE)
    commands["market"][places] = random.integers(1, markets + 1, len(places))
    commands["account"][places] = random.integers(2, accounts + 2, len(places))
    commands["client_id"][places] = np.arange(len(places)) + 1
    commands["flags"][places] |= np.uint8(OrderFlag.HAS_CLIENT_ID)
    earlier = np.searchsorted(places, others)  # how many orders were placed before each
    back = np.minimum(random.geometric(1 / (64 + len(places) // 64), len(others)), np.maximum(earlier, 1))
    named = _open_orders(commands, back) if mix.remembered else places[np.maximum(earlier - back, 0)]
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


def with_order_ids(flow: Flow, keep_client_ids: int = 4) -> Flow:
    """The same flow as from clients that name orders by the ids they were given, found by running it once.

    Only every `keep_client_ids`-th account's orders keep their client ids."""
    state, events = new_state(flow.capacities), np.zeros(MAX_BLOCK_EVENTS, EVENT)
    commands = flow.commands.copy()
    given: dict[tuple[int, int], int] = {}
    for block in (flow.setup.view(COMMAND), commands):
        first = 0
        while first < len(block):
            last = min(first + 4096, len(block))
            first, count = apply_batch(state, block, first, last, TIME_MS, events)
            named = events[:count][np.isin(events["kind"][:count], [EventKind.ACCEPTED, EventKind.TRIGGER_PLACED])]
            keys = zip(named["account"].tolist(), named["client_id"].tolist(), strict=True)
            given.update(zip(keys, named["order_id"].tolist(), strict=True))
    others = np.flatnonzero(commands["kind"] != CommandKind.PLACE)
    keys = zip(commands["account"][others].tolist(), commands["client_id"][others].tolist(), strict=True)
    commands["order_id"][others] = [given.get(key, 1) for key in keys]
    commands["flags"][others] &= np.uint8(0xFF & ~OrderFlag.HAS_CLIENT_ID)
    anonymous = commands["account"] % keep_client_ids != 0
    commands["flags"][anonymous] &= np.uint8(0xFF & ~OrderFlag.HAS_CLIENT_ID)
    return flow._replace(commands=commands)


def deep_flow(seed: int, resting: int, n: int, markets: int, accounts: int) -> tuple[Flow, int]:
    """`resting` orders that only rest, then `n` commands like NORMAL. Returns (flow, where the second part begins)."""
    only_rest = Mix(cancels=0, amends=0, market_orders=0, immediate=0, post_only=1000, icebergs=0, triggers=0)
    base = mixed_flow(seed, resting, markets, accounts, spread=2_000, mix=only_rest)
    busy = mixed_flow(seed + 1, n, markets, accounts, spread=200, mix=NORMAL)
    commands = np.zeros(resting + n, COMMAND)
    commands[:resting], commands[resting:] = base.commands, busy.commands
    commands["client_id"][resting:] += resting
    capacities = base.capacities._replace(orders=resting + n, levels=1 << 19, ended=1 << 16)
    return with_order_ids(Flow(base.setup, commands, capacities)), resting
