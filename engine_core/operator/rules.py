"""`exchange accounts freeze|unfreeze|tier`, `market` and `fees`: an administrator's changes, as commands in the log.

The same as the administrator's REST API does (ingress/operations/administrator.py), for the operator of the machine.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import redis

from engine_core.administration.client import ApplyError, LogSetup, admin, execute, read_setup
from engine_core.operator.target.log_access import check_redis
from engine_core.operator.target.running import CommandError, Run, require
from engine_core.transport.gateway import Gateway, GatewayError
from engine_core.wire.codes import CommandKind, MarketState

ANSWER_TIMEOUT_S = 10.0
_OK, _FROZEN = 1, 2  # ADMIN.code of ACCOUNT_STATE


@contextmanager
def session(options: argparse.Namespace) -> Iterator[tuple[Gateway, LogSetup]]:
    """The running exchange of `options.data`, and what its log says."""
    with reached(require(options.data)) as gateway:
        yield gateway, read_setup(gateway, ANSWER_TIMEOUT_S)


@contextmanager
def reached(run: Run) -> Iterator[Gateway]:
    """A way into the engine; what keeps it from answering is a message."""
    check_redis(run.redis)
    try:
        with Gateway(run.redis, 0) as gateway:
            yield gateway
    except (ApplyError, GatewayError, TimeoutError, redis.RedisError) as error:
        raise CommandError(f"the engine could not be asked: {error}") from None


def freeze(options: argparse.Namespace) -> int:
    return _account(options, admin(CommandKind.ACCOUNT_STATE, account=options.account, code=_FROZEN), "frozen")


def unfreeze(options: argparse.Namespace) -> int:
    return _account(options, admin(CommandKind.ACCOUNT_STATE, account=options.account, code=_OK), "not frozen")


def tier(options: argparse.Namespace) -> int:
    command = admin(CommandKind.FEE_TIER, account=options.account, code=options.tier)
    return _account(options, command, f"in fee tier {options.tier}")


def _account(options: argparse.Namespace, command: np.ndarray, now: str) -> int:
    with session(options) as (gateway, setup):
        if options.account not in setup.accounts:
            raise CommandError(f"there is no account {options.account}; `exchange accounts create` makes the next one")
        execute(gateway, [command])
    print(f"account {options.account} is {now}")
    return 0


def market_state(options: argparse.Namespace) -> int:
    with session(options) as (gateway, setup):
        number = _market(setup, options.symbol)
        state = MarketState[options.state.upper().replace("-", "_")]
        execute(gateway, [admin(CommandKind.MARKET_STATE, market=number, code=state)])
    print(f"{options.symbol} is {options.state}")
    return 0


def fees(options: argparse.Namespace) -> int:
    """The fees of a tier on a market; those of tier 0 are said by exchange.toml."""
    with session(options) as (gateway, setup):
        command = admin(CommandKind.FEES, market=_market(setup, options.symbol), code=options.tier)
        command["a"], command["b"] = options.maker_ppm, options.taker_ppm
        execute(gateway, [command])
    print(f"{options.symbol}, tier {options.tier}: maker {options.maker_ppm} ppm, taker {options.taker_ppm} ppm")
    return 0


def _market(setup: LogSetup, symbol: str) -> int:
    names = {int(record["asset"]): name for name, record in setup.assets.items()}
    symbols = {
        f"{names[int(record['asset'])]}_{names[int(record['quote_asset'])]}": number
        for number, record in setup.markets.items()
    }
    if symbol not in symbols:
        raise CommandError(f"there is no market {symbol}; there are {', '.join(symbols)}")
    return symbols[symbol]
