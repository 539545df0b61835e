"""The options of `exchange load`, and what is wrong with them in words."""

import argparse
import math
from pathlib import Path

from bench.load.job import Target
from engine_core.arguments import file, folder, new_file, quoted, seconds, whole

SECONDS, RATE = 10.0, 500.0
PATIENCE, BOOKS_PATIENCE = 10.0, 60.0  # for an answer; for the books of an exchange that went away
PER_CLOSED_SECOND = {Target.REST: 12_000, Target.ORDER_ENTRY: 30_000, Target.LOG: 300_000}  # more than are answered
MOST_RATE = 1e7
SLOWEST, FASTEST = 0.001, 1e6  # of a recording: times of the longest flow still are 64-bit integers


def rate(text: str) -> float:
    """Orders a second."""
    try:
        value = float(text.replace("_", ""))
    except ValueError:
        value = math.nan
    if not 0.1 <= value <= MOST_RATE:
        raise argparse.ArgumentTypeError(f"must be orders a second, from 0.1 to {MOST_RATE:,.0f}, is {quoted(text)}")
    return value


def speed(text: str) -> float:
    """How many times as fast as a recording."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not SLOWEST <= value <= FASTEST:
        raise argparse.ArgumentTypeError(
            f"must be a factor from {SLOWEST:g} to {FASTEST:,.0f} (1: the recording's own time), is {quoted(text)}"
        )
    return value


def ramp(text: str) -> tuple[float, float]:
    """A rate at the beginning and one at the end."""
    first, colon, last = text.partition(":")
    if not colon:
        raise argparse.ArgumentTypeError(f"must be two rates, like 100:5000, is {quoted(text)}")
    return rate(first), rate(last)


def milliseconds(text: str) -> float:
    """A time with its unit: 5ms, 0.5s, 800us."""
    for unit, factor in (("ms", 1.0), ("us", 0.001), ("s", 1000.0)):
        number = text.removesuffix(unit)
        if number != text:
            try:
                value = float(number) * factor
            except ValueError:
                break
            if 0 < value <= 3_600_000:
                return value
    raise argparse.ArgumentTypeError(f"must be a time with its unit, like 5ms, 0.5s or 800us, is {quoted(text)}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="exchange load",
        description="Loads an exchange with orders at times that are drawn before, and measures how long each takes "
        "from when it was due.",
        epilog="First time: exchange load --make-keys keys.json, then exchange load --keys keys.json --rate 1000",
    )
    _where(made)
    _keys(made)
    _what(made)
    _how(made)
    made.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    made.add_argument("--hdr", type=new_file, metavar="FILE", help="write an HdrHistogram log, a line for each second")
    return made


def _where(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("which exchange")
    group.add_argument("--url", help="its REST API (default: the exchange that runs on --data)")
    group.add_argument("--ws", help="its streams, for --readers (default: those of the exchange on --data)")
    group.add_argument("--data", type=folder, metavar="DIR", help="data folder of an exchange of this machine")
    group.add_argument("--markets", metavar="LIST", default="SOL_USDC", help="to trade in (default: SOL_USDC)")


def _keys(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("whose orders")
    group.add_argument("--keys", type=file, metavar="FILE", help="API keys (default: DIR/demo-keys.json)")
    group.add_argument("--make-keys", type=new_file, metavar="FILE", help="sign up accounts, write their keys, stop")
    group.add_argument(
        "--accounts", type=whole(1, 10_000), metavar="N", help="of them: how many are made (10), or used"
    )
    group.add_argument(
        "--fund-from",
        type=file,
        metavar="FILE",
        help="keys of accounts that share half of what they have with new ones",
    )


def _what(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("what is sent, and when")
    group.add_argument(
        "--target",
        type=Target,
        choices=list(Target),
        default=Target.REST,
        metavar="rest|ws|log",
        help="POST /api/v1/order, /ws/orders, or blocks into the command log (default: rest)",
    )
    group.add_argument("--rate", type=rate, help=f"random arrivals, so many a second (default: {RATE:g})")
    group.add_argument("--ramp", type=ramp, metavar="A:B", help="random arrivals, from A a second to B")
    group.add_argument(
        "--replay",
        nargs="?",
        const="",
        metavar="CAPTURE",
        help="a captured market (default: `exchange replay --install`)",
    )
    group.add_argument("--flow", type=file, metavar="FILE", help="a flow that `exchange bench flow -o FILE` wrote")
    group.add_argument("--speed", type=speed, metavar="X", help="of a replay or a flow (default: 1)")
    group.add_argument("--closed", action="store_true", help="each order when an answer comes: for the maximum only")
    group.add_argument(
        "--seconds", type=seconds(0.1, 86_400), help=f"duration (default: {SECONDS:g}; a recording's own)"
    )
    group.add_argument("--seed", type=whole(0, 2**63 - 1), default=1, help="of arrivals and orders (default: 1)")
    group.add_argument("--find-knee", action="store_true", help="search the highest rate at which --p99 holds")
    group.add_argument("--p99", type=milliseconds, default=5.0, metavar="TIME", help="the bound (default: 5ms)")


def _how(made: argparse.ArgumentParser) -> None:
    group = made.add_argument_group("by how many")
    group.add_argument("--processes", type=whole(1, 256), default=1, metavar="N", help="that send (default: 1)")
    group.add_argument("--connections", type=whole(1, 20_000), default=64, metavar="N", help="of REST (default: 64)")
    group.add_argument(
        "--in-flight",
        type=whole(1, 100_000),
        default=32,
        metavar="N",
        help="of each account, --target ws --closed (32)",
    )
    group.add_argument("--block", type=whole(1, 1024), default=256, metavar="N", help="commands of the log's (256)")
    group.add_argument("--readers", type=whole(0, 10_000), default=0, metavar="N", help="WebSocket clients beside it")
    group.add_argument(
        "--patience",
        type=seconds(0.1, 600),
        default=PATIENCE,
        metavar="S",
        help="for the first answer and for those missing at the end (default: %(default)g)",
    )
    group.add_argument(
        "--books-patience",
        type=seconds(0.1, 86_400),
        default=BOOKS_PATIENCE,
        metavar="S",
        help="afterwards, for the books of an exchange that went away meanwhile (default: %(default)g)",
    )


def check(made: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """What argparse cannot see."""
    ways = [name for name in ("rate", "ramp", "replay", "flow") if getattr(options, name) is not None]
    if len(ways) > 1:
        made.error(f"--{ways[0]} and --{ways[1]} both say when orders are sent: name one")
    if options.closed and ways and ways[0] in ("rate", "ramp"):
        made.error(f"--closed sends when answers come, so --{ways[0]} has no meaning")
    if options.find_knee and (options.closed or (ways and ways != ["rate"])):
        made.error("--find-knee searches rates of random arrivals: it goes with --rate (where it begins) only")
    if options.speed is not None and options.replay is None and not options.flow:
        made.error("--speed is of a recording: it goes with --replay or --flow")
    options.speed = options.speed or 1.0
    if options.json and options.hdr and options.json.resolve() == options.hdr.resolve():
        made.error(f"--json and --hdr both name {quoted(str(options.json))}: two files are written")
    if not all(name.strip() for name in options.markets.split(",")):
        made.error(f"--markets must name markets, like SOL_USDC,BTC_USDC, is {quoted(options.markets)}")
    if options.fund_from and not options.make_keys:
        made.error("--fund-from goes with --make-keys")
    if options.replay is not None and options.replay and not Path(options.replay).exists():
        made.error(f"--replay: {quoted(options.replay)}: no such folder")
