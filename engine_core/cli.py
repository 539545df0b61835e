"""The `exchange` command: parses, and hands over to engine_core/operator/ or to the program of a role.

Modules are imported when their command runs, so that `exchange --help` and the supervisor stay light.
"""

import argparse
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from engine_core import VERSION, standard_output
from engine_core.arguments import account, file, folder, new_file, reference, seconds, whole
from engine_core.config.toml_section import ConfigError
from engine_core.edge.key_names import KEY_NAME_RULE
from engine_core.jit import cache as kernel_cache
from engine_core.operator.target.benchmarks import benchmarks
from engine_core.operator.target.roles import ROLES, add_up_options
from engine_core.operator.target.running import CommandError, absent, find, join, require
from engine_core.wire.limits import LAST_TIER, MAX_FEE_PPM, MOST_SHARDS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command = Callable[[argparse.Namespace], int]
Add = Callable[[str, Command, str], argparse.ArgumentParser]  # by name, what it runs, and what it does
MARKET_COMMANDS = ("list", "state", "move", "-h", "--help")
MARKET_STATES = ("open", "closed", "cancel-only", "limit-only", "post-only")
ENTRY = "bench.entry"  # of benchmarks, load and replay
ALONE = ("engine", "ingress", "egress", "writer", "market_maker")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exchange", description="A real-time spot exchange on one machine.")
    parser.add_argument("--version", action="version", version=f"exchange {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, run: Command, text: str) -> argparse.ArgumentParser:
        return _add(commands, name, run, text)

    add_up_options(add("up", _late("up", "up"), "start everything and run it until Ctrl-C"))
    _look_commands(add)
    reset = add("reset", _late("change.reset", "reset"), "delete all data: accounts, log, history, keys")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    add(
        "env", _late("look.observe", "environment"), "print the variables that join other tools to the running exchange"
    )
    config = add(
        "config", _late("configuration", "config"), "print the configuration that the exchange has, or would start with"
    )
    config.add_argument(
        "--write",
        nargs="?",
        const="exchange.toml",
        type=new_file,
        metavar="FILE",
        help="write it into a new file instead (default: ./exchange.toml)",
    )
    _account_commands(commands)
    verify = add("verify", _on_state("verify", "verify"), "replay the log and prove that no money appeared or vanished")
    verify.add_argument("--json", action="store_true", help="for programs")
    verify.add_argument(
        "--snapshot", metavar="FILE", type=file, help="start from this snapshot (default: the whole log)"
    )
    trail = add(
        "trail", _late("look.trail", "trail"), "list what administrators and users did to accounts, keys, funds"
    )
    trail.add_argument("--account", type=account, metavar="N", help="only this account")
    trail.add_argument("--json", action="store_true", help="one JSON object per line")
    _state_commands(add)
    apply = add("apply", _late("up", "apply"), "append changes of the configuration to the log")
    apply.add_argument("--config", metavar="FILE", type=file, help="default: the exchange's own")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    skip = add("skip", _late("change.skip", "skip"), "make the engine skip an entry that crashes it")
    skip.add_argument("entry", metavar="ENTRY", help="for example 1790000000000-0")
    skip.add_argument(
        "--shard", type=whole(0, MOST_SHARDS - 1), default=0, metavar="N", help="whose engine it is (default: 0)"
    )
    warm = add("warm", _late("warm", "warm"), "compile the kernels into the cache, with progress")
    warm.add_argument("--force", action="store_true", help="even if the cache is complete")
    _delegates(commands)
    return parser


def _look_commands(add: Add) -> None:
    add(
        "status", _late("look.status", "status"), "show what runs; exit status 0 if an order would be accepted"
    ).add_argument("--json", action="store_true", help="for programs")
    top = add("top", _late("look.top", "top"), "show rates, latencies, lags and capacities of the processes, live")
    top.add_argument("--once", action="store_true", help="print once, then stop")
    top.add_argument(
        "--interval", type=seconds(0.1, 3600), default=1.0, metavar="S", help="seconds between refreshes (default: 1)"
    )
    stages = add(
        "stages", _late("look.stages", "stages"), "time a sample of orders from stage to stage, to the database"
    )
    stages.add_argument(
        "--seconds",
        type=seconds(0.1, 86_400),
        default=10.0,
        metavar="S",
        help="how long to watch, and a second for the database (default: 10)",
    )
    stages.add_argument("--json", action="store_true", help="for programs")
    traces = add(
        "traces", _late("look.traces", "traces"), "send the way of each timed order to a collector of OpenTelemetry"
    )
    traces.add_argument("--endpoint", metavar="URL", help="of OTLP over HTTP (default: OTEL_EXPORTER_OTLP_ENDPOINT)")
    traces.add_argument(
        "--seconds", type=seconds(0.1, 86_400), default=None, metavar="S", help="how long (default: until Ctrl-C)"
    )
    profile = add("profile", _late("look.profile", "profile"), "draw a flame graph of one role of the running exchange")
    profile.add_argument("role", help="engine, ingress, ingress.1, egress, writer, …")
    profile.add_argument(
        "--seconds", type=whole(1, 3600), default=10, metavar="S", help="how long to look (default: 10)"
    )
    profile.add_argument(
        "-o", "--output", type=new_file, metavar="FILE", help="the graph, as SVG (default: profile-ROLE.svg)"
    )
    profile.add_argument("--native", action="store_true", help="also what C libraries do, as far as it can be named")
    logs = add("logs", _late("look.observe", "logs"), "show the logs of all roles or of one")
    logs.add_argument("role", nargs="?", help="engine, ingress, egress, writer, valkey, postgres, …")
    logs.add_argument("-f", "--follow", action="store_true", help="follow until Ctrl-C")
    logs.add_argument(
        "-n", "--lines", type=whole(0, 10_000_000), default=20, help="number of lines to start with (default: 20)"
    )


def _state_commands(add: Add) -> None:
    add(
        "snapshot",
        _on_state("change.snapshots", "take_snapshot"),
        "write the state of the engine to disk, while it trades on",
    )
    inspect = add(
        "inspect",
        _on_state("change.snapshots", "inspect"),
        "show position, balances and book of the engine or of a snapshot",
    )
    inspect.add_argument("what", nargs="?", default="live", help="live, latest, or a snapshot file (default: live)")
    inspect.add_argument(
        "--shard", type=whole(0, MOST_SHARDS - 1), default=0, metavar="N", help="of which shard (default: 0)"
    )
    inspect.add_argument("--account", type=account, metavar="N", help="show its balances and open orders")
    inspect.add_argument("--market", metavar="SYMBOL", help="show its book, for example SOL_USDC")
    add(
        "upgrade",
        _on_state("change.upgrade", "upgrade"),
        "continue a stopped exchange of the previous behaviour version",
    )
    loss = add(
        "accept-loss",
        _on_state("change.snapshots", "accept_loss"),
        "continue after Redis has lost the end of the log for good",
    )
    loss.add_argument("--yes", action="store_true", help="do not ask")


def _add(where: "Commands", name: str, run: Command, text: str) -> argparse.ArgumentParser:
    command = where.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.add_argument("--data", metavar="DIR", type=folder, default=_data(), help="data folder (default: ./data)")
    command.set_defaults(run=run)
    return command


def _account_commands(commands: "Commands") -> None:
    accounts = commands.add_parser(
        "accounts", help="create, freeze and unfreeze accounts, set fee tiers"
    ).add_subparsers(metavar="COMMAND", required=True)
    _add(accounts, "create", _late("change.accounts", "create_account"), "create the next account and print its number")
    _rule_commands(commands, accounts)
    keys = commands.add_parser("keys", help="list, create and revoke API keys").add_subparsers(
        metavar="COMMAND", required=True
    )
    listed = _add(
        keys, "list", _late("change.keys", "list_keys"), "list the API keys, with names and when they were used"
    )
    listed.add_argument("--account", type=account, metavar="N", help="only this account's")
    listed.add_argument("--json", action="store_true", help="one JSON object per line")
    create = _add(keys, "create", _late("change.keys", "create_key"), "create an API key and print its secret once")
    create.add_argument("--account", type=account, required=True, metavar="N", help="account that the key is for")
    create.add_argument(
        "--permissions", default="read,trade", metavar="LIST", help="any of read,trade,withdraw (default: read,trade)"
    )
    create.add_argument("--name", metavar="TEXT", help=f"what lists of keys call it: {KEY_NAME_RULE}")
    revoke = _add(keys, "revoke", _late("change.keys", "revoke_key"), "revoke an API key")
    revoke.add_argument("--account", type=account, required=True, metavar="N", help="whose key")
    revoke.add_argument("key", help="the apiKey, in base64")
    for name, text in (("deposit", "credit an account"), ("withdraw", "debit an account")):
        command = _add(commands, name, _late("change.accounts", name), text)
        command.add_argument("account", type=account, metavar="ACCOUNT", help="its number")
        command.add_argument("asset", metavar="ASSET", help="its symbol, for example USDC")
        command.add_argument("amount", metavar="AMOUNT", help="for example 1000.50")
        command.add_argument(
            "--reference",
            type=reference,
            metavar="N",
            help="unique number; using it again is refused (default: random)",
        )


def _rule_commands(commands: "Commands", accounts: "Commands") -> None:
    """What an administrator decides about accounts and markets; the same as the administrator's REST API."""
    freeze = "restrict an account to cancels"
    for name, text in (("freeze", freeze), ("unfreeze", "let it trade again"), ("tier", "set its fee tier")):
        command = _add(accounts, name, _late("change.accounts", name), text)
        command.add_argument("account", type=account, metavar="ACCOUNT", help="its number")
    command.add_argument("tier", type=whole(0, LAST_TIER), metavar="TIER", help=f"0 to {LAST_TIER}")
    _market_commands(commands)
    _shard_commands(commands)
    fees = _add(commands, "fees", _late("change.accounts", "fees"), "set the fees of a tier on a market")
    fees.add_argument("symbol", metavar="SYMBOL", help="for example SOL_USDC")
    fees.add_argument(
        "tier", type=whole(1, LAST_TIER), metavar="TIER", help=f"1 to {LAST_TIER}; exchange.toml sets tier 0"
    )
    for side in ("maker", "taker"):
        fees.add_argument(
            f"--{side}-ppm",
            type=whole(0, MAX_FEE_PPM),
            required=True,
            metavar="PPM",
            help="100: one basis point",
        )


def _market_commands(commands: "Commands") -> None:
    """`exchange market SYMBOL STATE` is short for `market state SYMBOL STATE`: see _in_full()."""
    markets = commands.add_parser(
        "market", help="open, close or restrict a market; list them; move one to another shard"
    ).add_subparsers(metavar="COMMAND", required=True)
    listed = _add(
        markets, "list", _late("change.markets", "market_list"), "list the markets, with their shards and states"
    )
    listed.add_argument("--json", action="store_true", help="one JSON object per line")
    state = _add(markets, "state", _late("change.markets", "market_state"), "open, close or restrict a market")
    state.add_argument("symbol", metavar="SYMBOL", help="for example SOL_USDC")
    state.add_argument("state", choices=MARKET_STATES)
    move = _add(
        markets,
        "move",
        _late("change.markets", "move_market"),
        "cancel all orders of a market, and let it trade in another shard",
    )
    move.add_argument("symbol", metavar="SYMBOL", help="for example SOL_USDC")
    move.add_argument("--to", metavar="SHARD", type=whole(0, MOST_SHARDS - 1), required=True, help="its number")
    move.add_argument(
        "--state", choices=MARKET_STATES, help="in which it arrives (default: as it is now; closed if it is closed)"
    )


def _shard_commands(commands: "Commands") -> None:
    shards = commands.add_parser(
        "shards", help="list the shards; start one more while the exchange runs"
    ).add_subparsers(metavar="COMMAND", required=True)
    listed = _add(shards, "list", _late("change.shards", "list_shards"), "list the shards, with their logs and markets")
    listed.add_argument("--json", action="store_true", help="one JSON object per line")
    _add(shards, "add", _on_state("change.shards", "add_shard"), "start one more shard, for good")


def _in_full(arguments: list[str]) -> list[str]:
    """With `state` in `market SYMBOL STATE`: no symbol is written in small letters."""
    if arguments[:1] != ["market"] or arguments[1:2] in ([], *([name] for name in MARKET_COMMANDS)):
        return arguments
    return ["market", "state", *arguments[1:]]


def _delegates(commands: "Commands") -> None:
    """Commands that are programs of their own: everything after the name is theirs. See main()."""
    for role in ALONE:
        commands.add_parser(role, help=f"run one {role} by itself, as part of the exchange on --data", add_help=False)
    commands.add_parser("bench", help="run a benchmark; without a name: list them", add_help=False)
    commands.add_parser(
        "load", help="load an exchange with orders, and measure how late they are answered", add_help=False
    )
    commands.add_parser("replay", help="feed a captured real order flow through the running exchange", add_help=False)


def _data() -> str:
    return os.environ.get("EXCHANGE_DATA") or "data"


def _late(module: str, function: str) -> Command:
    def run(options: argparse.Namespace) -> int:
        loaded = importlib.import_module(f"engine_core.operator.{module}")
        return int(getattr(loaded, function)(options))

    return run


def _on_state(module: str, function: str) -> Command:
    """One that loads kernels. Where there is no exchange it must not make a folder for them, only to say so."""
    command = _late(module, function)

    def run(options: argparse.Namespace) -> int:
        is_file = getattr(options, "what", "live") not in ("live", "latest")
        left = any((options.data / name).is_dir() for name in ("valkey", "snapshots"))
        if not is_file and not left and find(options.data) is None:
            raise absent(options.data)
        kernel_cache.require()
        return command(options)

    return run


def _delegate(arguments: list[str]) -> None:
    """Become the program of a role, a benchmark, the load or the replay; returns if `arguments` name none."""
    name, rest = arguments[0], arguments[1:]
    if name == "bench":
        known = benchmarks()
        if not rest or rest[0] not in known:
            wanted = rest and rest[0] not in ("-h", "--help")
            print("usage: exchange bench NAME [options]   (--help after the name)\n")
            print("\n".join(f"  {each:<12} {text}" for each, text in known.items()))
            sys.exit(f"error: there is no benchmark {rest[0]!r}" if wanted else 0)
        program = [ENTRY, *rest]
    elif name in ("load", "replay"):
        program = [ENTRY, name, *rest]
    elif name in ALONE:
        options = argparse.ArgumentParser(
            prog=f"exchange {name}", description=f"Run one {name} by itself, until Ctrl-C."
        )
        options.add_argument(
            "--data", metavar="DIR", type=folder, default=_data(), help="data folder (default: ./data)"
        )
        known_options, rest = options.parse_known_args(rest)
        os.environ["EXCHANGE_DATA"] = str(known_options.data.absolute())
        program = [ROLES[name], *rest]
    else:
        return
    if not {"-h", "--help"} & set(rest):
        if name in ALONE and not (name == "market_maker" and os.environ.get("EXCHANGE_API_URL")):
            require(Path(_data()))  # before anything is written, or waits for what nobody has named
        kernel_cache.ensure()
    join(Path(_data()))
    if program[0] == ENTRY:  # see there
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.execv(sys.executable, [sys.executable, "-P", "-m", *program])


def _check(arguments: list[str]) -> None:
    """Refuse what argparse itself stumbles over."""
    if arguments.count("--") > 1:
        raise CommandError("-- can be given once")
    for argument in arguments:
        if "\0" in argument:
            raise CommandError("no argument can have a NUL character in it")
        if argument.startswith("--") and argument.endswith("=--"):
            raise CommandError(f"{argument.removesuffix('=--')}: -- is not a value")


def main() -> None:
    arguments = sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever is in a file's name, and in any locale
    try:
        with standard_output.guarded():
            _check(arguments)
            if arguments:
                _delegate(arguments)
            options = _parser().parse_args(_in_full(arguments))
            os.environ["EXCHANGE_DATA"] = str(options.data.absolute())
            sys.exit(options.run(options))
    except (CommandError, ConfigError, kernel_cache.CacheError) as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # `exchange logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # a file or a folder that a person named, and its disk or its rights
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"error: {where}{error.strerror or error}")


if __name__ == "__main__":
    main()
