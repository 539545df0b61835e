"""Order flow for bench/websocket/: real orders of the two demo accounts, straight into the log of a running exchange.

    python -m bench.websocket.flow --redis URL --symbol SOL_USDC --changes 500 --trades 100

One account rests orders on both sides of the middle, the other takes the best of one side now and then. Small blocks as
they become due, so the engine, the ring and egress see what a busy market gives them. Everything that rests is
cancelled at the end (SIGTERM). Non-goals: signatures and ingress (bench/http/ measures those).
"""

import argparse
import signal
import time

import numpy as np

from engine_core.arguments import whole
from engine_core.replica.setup import Setup
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, OrderType, QueryKind, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND

MAKER, TAKER = 2, 3  # the demo's traders
MIDDLE_TICKS = 10_000
SPREAD = 40  # levels on each side that change
CANCEL_SECONDS = 1.0  # how often the maker replaces its quotes
BEAT_SECONDS = 0.002


class Orders:
    """Blocks of so many resting and so many taking orders."""

    def __init__(self, market: int, seed: int) -> None:
        self._market, self._random = market, np.random.default_rng(seed)

    def block(self, resting: int, taking: int) -> np.ndarray:
        commands = np.zeros(resting + taking, COMMAND)
        commands["kind"], commands["market"] = CommandKind.PLACE, self._market
        commands["order_type"], commands["self_trade"] = OrderType.LIMIT, SelfTrade.REJECT_TAKER
        side = commands["side"] = self._random.integers(Side.BID, Side.ASK + 1, len(commands))
        makers, takers = commands[:resting], commands[resting:]
        away = self._random.integers(1, SPREAD + 1, resting)
        makers["account"], makers["time_in_force"] = MAKER, TimeInForce.GTC
        makers["price_ticks"] = MIDDLE_TICKS + np.where(side[:resting] == Side.BID, -away, away)
        makers["quantity_lots"] = self._random.integers(100, 500, resting)
        takers["account"], takers["time_in_force"] = TAKER, TimeInForce.IOC
        takers["price_ticks"] = MIDDLE_TICKS + np.where(side[resting:] == Side.BID, SPREAD, -SPREAD)
        takers["quantity_lots"] = self._random.integers(1, 50, taking)
        return commands

    def cancels(self) -> np.ndarray:
        commands = np.zeros(2, COMMAND)
        commands["kind"], commands["market"], commands["account"] = CommandKind.CANCEL_ALL, self._market, (MAKER, TAKER)
        return commands


def run(gateway: Gateway, orders: Orders, changes: int, trades: int) -> None:
    """Until SIGTERM. A trade changes a level too, so that many fewer orders rest."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    started, cancelled, rested, taken = time.monotonic(), 0.0, 0, 0
    while not stopped:
        time.sleep(BEAT_SECONDS)
        passed = time.monotonic() - started
        resting, taking = int(passed * (changes - trades)) - rested, int(passed * trades) - taken
        if resting or taking:
            gateway.append(orders.block(resting, taking))
            rested, taken = rested + resting, taken + taking
        if passed - cancelled > CANCEL_SECONDS:
            gateway.append(orders.cancels()[:1])
            cancelled = passed
    gateway.execute(orders.cancels())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--redis", required=True, metavar="URL", help="of the running exchange")
    parser.add_argument("--symbol", default="SOL_USDC")
    parser.add_argument("--changes", type=whole(1, 1_000_000_000), default=500, help="level changes a second, about")
    parser.add_argument(
        "--trades", type=whole(1, 1_000_000_000), default=100, help="trades a second; each is also a level change"
    )
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=1)
    options = parser.parse_args()
    with Gateway(options.redis) as gateway:
        setup = Setup()
        setup.apply(gateway.query(QueryKind.SETUP)[1])
        market = setup.market_by_symbol.get(options.symbol)
        if market is None:
            parser.error(f"the exchange has no market {options.symbol}")
        orders = Orders(market.number, options.seed)
        gateway.execute(orders.cancels())
        print("flowing", flush=True)
        run(gateway, orders, options.changes, options.trades)


if __name__ == "__main__":
    main()
