"""Order flow for tests of replicas and for the measurement: random limit orders, straight into the log."""

import time
from collections.abc import Sequence

import numpy as np

from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND

ACCOUNT = 2  # the first of the demo's traders
BLOCK = 40
SPREAD_TICKS = 150  # prices within this of the middle, so that all levels fit into one snapshot of 1,000
CANCEL_EVERY = 20  # blocks between two cancel-alls, below the account's limit of open orders


class Flow:
    """Blocks of commands, of the accounts in turn; endless, the same for the same seed."""

    def __init__(self, market: int, middle_ticks: int, seed: int, accounts: Sequence[int] = (ACCOUNT,)) -> None:
        self._market, self._middle, self._accounts = market, middle_ticks, accounts
        self._random = np.random.default_rng(seed)
        self._sent = 0

    def block(self) -> np.ndarray:
        self._sent += 1
        commands = np.zeros(BLOCK, COMMAND)
        commands["kind"] = CommandKind.PLACE
        account = self._accounts[self._sent % len(self._accounts)]
        commands["market"], commands["account"] = self._market, account
        commands["side"] = self._random.choice((Side.BID, Side.ASK), BLOCK)
        commands["order_type"], commands["time_in_force"] = OrderType.LIMIT, TimeInForce.GTC
        commands["self_trade"] = SelfTrade.REJECT_MAKER
        away = self._random.integers(-10, SPREAD_TICKS, BLOCK)
        commands["price_ticks"] = self._middle + np.where(commands["side"] == Side.BID, -away, away)
        commands["quantity_lots"] = self._random.integers(1, 500, BLOCK)
        if self._sent % CANCEL_EVERY < len(self._accounts):
            commands[0] = np.zeros((), COMMAND)
            commands[0]["kind"] = CommandKind.CANCEL_ALL
            commands[0]["market"], commands[0]["account"] = self._market, account
        return commands

    def rest_of_round(self) -> list[np.ndarray]:
        """The blocks before the next cancel-all: after them the book is full, however many went before."""
        return [self.block() for _ in range(CANCEL_EVERY - 1 - self._sent % CANCEL_EVERY)]


def send(redis_url: str, flow: Flow, blocks_per_second: float, seconds: float) -> int:
    """Paced, not caught up: a machine that cannot keep up sends less, and the count says so. Returns commands sent."""
    sent = 0
    with Gateway(redis_url) as gateway:
        end = time.monotonic() + seconds
        while (started := time.monotonic()) < end:
            gateway.append(flow.block())
            sent += BLOCK
            time.sleep(max(0.0, 1 / blocks_per_second - (time.monotonic() - started)))
        gateway.execute(flow.block())  # everything before has been matched when this one answers
    return sent + BLOCK
