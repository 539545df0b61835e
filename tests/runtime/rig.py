"""A real engine process on a private Valkey, and commands for a small market."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import redis

from engine_core.administration.client import admin
from engine_core.book.memory.state import Capacities
from engine_core.runtime.machine import Machine
from engine_core.wire.codes import CommandKind, MarketState, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND, join
from engine_core.wire.streams import FIELD, EntryId, Header, StreamEntries, encode_block, keys

NAMES = keys(0)
FUNDS = 10**12
ORDERS = 65_536  # that an engine has room for, if nothing else is said: a million cost it a quarter of a start
SMALL = Capacities(accounts=64, assets=8, markets=8, orders=4096, levels=4096, keys=8, gateways=8, timers=16)


def setup(accounts: int = 3) -> np.ndarray:
    """Two assets, a market, and funded accounts from number 2 on."""
    records = [
        admin(CommandKind.ASSET, asset=1, symbol=b"USDC", decimals=6),
        admin(CommandKind.ASSET, asset=2, symbol=b"SOL", decimals=6),
        admin(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=MarketState.OPEN, a=1, b=1, c=1, d=10**9),
    ]
    for account in range(2, 2 + accounts):
        records.append(admin(CommandKind.ACCOUNT, account=account))
        records += [admin(CommandKind.DEPOSIT, account=account, asset=asset, a=FUNDS, b=account) for asset in (1, 2)]
    return join(records)


def place(side: Side, price: int, lots: int, account: int = 2) -> np.ndarray:
    command = np.zeros(1, COMMAND)
    command["kind"], command["side"], command["order_type"] = CommandKind.PLACE, side, OrderType.LIMIT
    command["time_in_force"], command["self_trade"] = TimeInForce.GTC, SelfTrade.REJECT_TAKER
    command["market"], command["account"], command["price_ticks"], command["quantity_lots"] = 1, account, price, lots
    return command


def flow(count: int, seed: int = 1) -> np.ndarray:
    """Orders of accounts 2 to 4 that cross now and then."""
    random = np.random.default_rng(seed)
    return join(
        [
            place(Side(int(side)), int(price), int(lots), int(account))
            for side, price, lots, account in zip(
                random.integers(1, 3, count),
                random.integers(95, 106, count),
                random.integers(1, 9, count),
                random.integers(2, 5, count),
                strict=True,
            )
        ]
    )


def block_of(records: np.ndarray, *, log_id: int, sequence: int, gateway: int = 5, **fields: int) -> bytes:
    header = Header(log_id, 1, gateway, 1, sequence, 1_000)
    return encode_block(header._replace(**fields), records)


def entries(client: redis.Redis, name: str) -> list[tuple[EntryId, bytes]]:
    return [
        (EntryId.parse(entry), fields.get(FIELD, b"")) for entry, fields in cast(StreamEntries, client.xrange(name))
    ]


def assert_mirrored(client: redis.Redis, capacities: Capacities | None = None) -> Machine:
    """The event log is what a fresh machine computes from the command log, byte for byte; that machine.

    An engine may go on meanwhile, with a TICK of its own: what follows the look at the command log is left out.
    """
    machine = Machine(capacities or Capacities())
    expected = [
        (entry, machine.encode(machine.execute(entry, block))) for entry, block in entries(client, NAMES.orders)
    ]
    deadline = time.monotonic() + 60
    while client.xlen(NAMES.events) < len(expected) and time.monotonic() < deadline:
        time.sleep(0.01)  # the ring is told before the stream
    mirrors = entries(client, NAMES.events)
    assert mirrors[: len(expected)] == expected
    later = {entry for entry, _ in mirrors[len(expected) :]}
    assert later <= {entry for entry, _ in entries(client, NAMES.orders)[len(expected) :]}, "mirrors of no command"
    return machine


def room_for(folder: Path, orders: int) -> str:
    """A configuration file."""
    text = Path("exchange.toml").read_text(encoding="utf-8")
    before = "\norders = 1_000_000 "
    assert text.count(before) == 1
    path = folder / f"{orders}.toml"
    if not path.exists():  # another engine may be reading it
        path.write_text(text.replace(before, f"\norders = {orders} "), encoding="utf-8")
    return str(path)


@contextlib.contextmanager
def engine(
    redis_url: str, folder: Path, *options: str, wait: bool = True, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """An engine process, ready (unless `wait` is off), killed at the end. `variables`: of its environment."""
    ready, tell = os.pipe()
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "EXCHANGE_DATA": str(folder),
        "EXCHANGE_RUNTIME": str(folder),
        "EXCHANGE_READY_FD": str(tell),
        "EXCHANGE_PARENT_PID": str(os.getpid()),
        "EXCHANGE_METRICS_PORT": "0",
        "EXCHANGE_CONFIG": room_for(folder, ORDERS),
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "engine_core.runtime", *options],
        env=environment,
        pass_fds=(tell,),
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(tell)
    try:
        if wait:
            assert os.read(ready, 1) == b"1", f"the engine did not start: {process.communicate()[1]}"
        yield process
    except BaseException:
        process.kill()
        if process.stderr is not None and not process.stderr.closed:
            print(f"the engine said:\n{process.communicate()[1]}")
        raise
    finally:
        os.close(ready)
        process.kill()
        if process.stderr is not None and not process.stderr.closed:
            process.communicate()
