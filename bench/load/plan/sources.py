"""Where the orders of a load come from.

    synthetic   limit orders of the smallest quantity at random prices around the middle: every other one trades
    capture     placements, cancels and amends of a real market (`exchange replay`), its prices moved to the middle
    flow        those of a file that `exchange bench flow -o` wrote

Non-goals: realism of the first (bench/flow), and when they are sent (schedule.py).
"""

import secrets
from pathlib import Path

import numpy as np

from bench.flow.files import FlowFileError, read
from bench.flow.messages import to_commands
from bench.load.plan.markets import Market
from bench.load.plan.orders import Orders
from bench.load.targets.api import BenchError
from bench.replay import capture as captures
from bench.replay.flow import infer
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_CLIENT_ID

SPREAD_TICKS = 5  # of synthetic orders, on either side of the middle
LARGEST = 20  # quantity of an order of a recording, in multiples of the median one
MOST_ORDERS = 3_000_000  # in memory, with their bytes


def synthetic(at_ns: np.ndarray, accounts: int, markets: list[Market], random: np.random.Generator) -> Orders:
    """One order at each time. Bids and asks are drawn from the same prices, so the book stays small."""
    count = _checked(len(at_ns))
    commands = np.zeros(count, COMMAND)
    commands["kind"], commands["order_type"] = CommandKind.PLACE, OrderType.LIMIT
    commands["time_in_force"], commands["self_trade"] = TimeInForce.GTC, SelfTrade.REJECT_TAKER
    commands["side"] = np.where(random.integers(0, 2, count), Side.BID, Side.ASK)
    commands["account"] = random.integers(0, accounts, count)
    commands["market"] = random.integers(0, len(markets), count)
    middles, smallest = _of_markets(markets)
    distance = random.integers(-SPREAD_TICKS, SPREAD_TICKS + 1, count)
    commands["price_ticks"] = np.maximum(1, middles[commands["market"]] + distance)
    commands["quantity_lots"] = smallest[commands["market"]]
    _name(commands, np.arange(count))
    return Orders(at_ns, commands)


def captured(folder: Path | None, accounts: int, market: Market, random: np.random.Generator) -> Orders:
    """What a capture's venue was sent, for one market; an order stays with the account that placed it."""
    try:
        flow = infer(captures.read(folder or captures.locate()))
    except captures.CaptureError as error:
        raise BenchError(str(error)) from None
    commands = flow.commands.copy()
    owners = random.integers(0, accounts, int(commands["client_id"].max(initial=0)) + 1)
    commands["account"] = owners[commands["client_id"]]
    return moved(Orders(flow.exchange_ms * 1_000_000, commands), [market])


def of_flow(file: Path, accounts: int, markets: list[Market]) -> Orders:
    """The messages of a file that `exchange bench flow -o` wrote; its accounts share those of the load."""
    try:
        messages = read(file)
    except FlowFileError as error:
        raise BenchError(str(error)) from None
    most = int(messages["market"].max())
    if most > len(markets):
        raise BenchError(f"{file}: is a flow of {most} markets: name as many with --markets, not {len(markets)}")
    commands = to_commands(messages, first_account=0)
    commands["account"] = (commands["account"] - 1) % accounts
    commands["market"] -= 1
    return moved(Orders(messages["time_ns"].copy(), commands), markets)


def moved(orders: Orders, markets: list[Market]) -> Orders:
    """A recording brought to these markets: prices as far from the middle as they were from their median, quantities in
    the proportions that they had, from the market's smallest to LARGEST times their median."""
    commands = orders.commands
    _checked(len(commands))
    for place, market in enumerate(markets):
        here = commands["market"] == place
        placed = here & (commands["kind"] == CommandKind.PLACE)
        priced = placed & (commands["price_ticks"] > 0)
        if not placed.any():
            continue
        median = int(np.median(commands["price_ticks"][priced])) if priced.any() else 0
        for name in ("price_ticks", "trigger_ticks"):
            changed = here & (commands[name] > 0)
            commands[name][changed] = np.maximum(1, commands[name][changed] - median + market.middle_ticks)
        sized = here & (commands["quantity_lots"] > 0)
        typical = max(1, int(np.median(commands["quantity_lots"][placed])))
        lots = commands["quantity_lots"][sized] * market.min_lots // typical
        commands["quantity_lots"][sized] = np.clip(lots, market.min_lots, LARGEST * market.min_lots)
    by_quote = (commands["flags"] & OrderFlag.BY_QUOTE) != 0
    commands["quantity_lots"][by_quote] = np.array([each.min_lots for each in markets])[commands["market"][by_quote]]
    commands["flags"][by_quote] &= np.uint8(0xFF & ~OrderFlag.BY_QUOTE)
    commands["amount_atoms"] = 0
    icebergs = (commands["flags"] & OrderFlag.ICEBERG) != 0
    commands["display_lots"][icebergs] = np.maximum(1, commands["quantity_lots"][icebergs] // 2)
    _name(commands, commands["client_id"].astype(np.int64))
    return orders


def _of_markets(markets: list[Market]) -> tuple[np.ndarray, np.ndarray]:
    """(middle, smallest quantity) of each."""
    return np.array([each.middle_ticks for each in markets]), np.array([each.min_lots for each in markets])


def _name(commands: np.ndarray, numbers: np.ndarray) -> None:
    """Client ids: the numbers, counted from a place that no other run begins at."""
    commands["client_id"] = (numbers + secrets.randbelow(MAX_CLIENT_ID)) & MAX_CLIENT_ID
    commands["flags"] |= np.uint8(OrderFlag.HAS_CLIENT_ID)


def _checked(count: int) -> int:
    if count > MOST_ORDERS:
        raise BenchError(f"{count:,} orders are more than fit ({MOST_ORDERS:,}): a lower --rate, or fewer --seconds")
    return count
