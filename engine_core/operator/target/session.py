"""A way into the engines of the running exchange, for commands that change or ask something."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from engine_core.administration.client import ApplyError, LogSetup, read_setup
from engine_core.administration.venue import Venue
from engine_core.operator.target.log_access import check_redis
from engine_core.operator.target.running import CommandError, Run, require
from engine_core.transport.gateway import GatewayError

ANSWER_TIMEOUT_S = 10.0


@contextmanager
def session(options: argparse.Namespace) -> Iterator[tuple[Venue, LogSetup]]:
    """The running exchange of `options.data`, and what its log (that of home) says."""
    with reached(require(options.data)) as venue:
        yield venue, read_setup(venue.home, ANSWER_TIMEOUT_S)


@contextmanager
def reached(run: Run) -> Iterator[Venue]:
    """A way into the engines; what keeps one from answering is a message."""
    for url in dict.fromkeys(run.redis_urls):
        check_redis(url)
    try:
        with Venue(run.redis_urls) as venue:
            yield venue
        for shard in sorted(venue.behind):
            print(f"shard {shard} does not answer: it is told as soon as it does", file=sys.stderr)
    except ApplyError as error:
        raise CommandError(str(error)) from None
    except (GatewayError, TimeoutError, redis.RedisError) as error:
        raise CommandError(f"the engine could not be asked: {error}") from None


def symbols(setup: LogSetup) -> dict[str, int]:
    """The numbers of all markets, by symbol."""
    names = {int(record["asset"]): name for name, record in setup.assets.items()}
    return {
        f"{names[int(record['asset'])]}_{names[int(record['quote_asset'])]}": number
        for number, record in setup.markets.items()
    }


def market_number(setup: LogSetup, symbol: str) -> int:
    numbers = symbols(setup)
    if symbol not in numbers:
        raise CommandError(f"there is no market {symbol}; there are {', '.join(numbers)}")
    return numbers[symbol]


def complained(away: set[int]) -> int:
    """The exit status of a list in which what these shards know is missing."""
    for shard in sorted(away):
        print(f"shard {shard} does not answer: what it has is not shown", file=sys.stderr)
    return 1 if away else 0
