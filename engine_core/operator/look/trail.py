"""`exchange trail`: who changed accounts, keys, funds, fees and markets, as the log has it.

Everything that an administrator does is a command in the log, with its outcome in the entry of the same ID in the event
log; `exchange verify` proves that the one gives the other, and nothing else changes a balance, a key or a market. Which
key signed a command that came by REST stands in the log of that ingress, at the time of the entry.

Where there are several shards, what is the same in all is read from the first one; of the others, in the order of time,
what is theirs: the states of markets, and money that came and went. Non-goals: orders, and repetitions, which change
nothing: who finds a move of money half done sends the other half, as do all others who find it.
"""

import argparse
import heapq
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, cast

import numpy as np
import redis

from engine_core.operator.target.log_access import all_logs
from engine_core.operator.target.running import CommandError
from engine_core.transport.redis_connection import describe
from engine_core.transport.replicated import end_of
from engine_core.wire.codes import (
    AccountOption,
    AccountState,
    CommandKind,
    EventKind,
    KeyPermission,
    MarketState,
    Reason,
)
from engine_core.wire.layout import ADMIN_EVENT, EVENT
from engine_core.wire.market_limits import LIMITS
from engine_core.wire.streams import FIELD, BlockError, Header, StreamEntries, decode_block, keys

CHUNK = 512  # entries read at once
INGRESS_GATEWAYS = range(100, 200)
_OUTCOMES = (EventKind.APPLIED, EventKind.REFUSED)
_OWN = (CommandKind.LEASE, CommandKind.CAPACITY)  # the exchange's own housekeeping
_KINDS = {kind.value for kind in CommandKind} - {kind.value for kind in _OWN}
_OF_EACH = (CommandKind.MARKET_STATE, CommandKind.MOVE_OUT, CommandKind.MOVE_IN, CommandKind.SKIP)
_NUMBERS = {
    CommandKind.MOVE_OUT: ("amount_atoms", "sequence"),
    CommandKind.MOVE_IN: ("amount_atoms", "sequence"),
    CommandKind.DEPOSIT: ("amount_atoms", "reference"),
    CommandKind.WITHDRAW: ("amount_atoms", "reference"),
    CommandKind.TRANSFER: ("amount_atoms", "reference"),
    CommandKind.FEES: ("maker_ppm", "taker_ppm"),
    CommandKind.MARKET_BANDS: LIMITS,
}


def trail(options: argparse.Namespace) -> int:
    try:
        with all_logs(options) as clients:
            actions = [_of_shard(client, shard, len(clients)) for shard, client in enumerate(clients)]
            for action in heapq.merge(*actions, key=lambda action: str(action["time"])):
                if options.account is None or action.get("account") == options.account:
                    print(json.dumps(action) if options.json else _line(action))
    except (redis.RedisError, BlockError) as error:
        raise CommandError(f"the log cannot be read: {error}") from None
    return 0


def _of_shard(client: redis.Redis, shard: int, shards: int) -> Iterator[dict[str, Any]]:
    names = keys(shard)
    if not describe(client, names.events).is_complete:
        of = f" of shard {shard}" if shards > 1 else ""
        print(f"# the log{of} was trimmed: what came before its first entry is in backups and in the database only")
    end = end_of(client, names)
    for action in _actions(client, names.events, "+" if end is None else str(end)):
        if shard == 0 or CommandKind[action["action"]] in _OF_EACH:
            yield action | ({"shard": shard} if shards > 1 else {})


def _actions(client: redis.Redis, stream: str, end: str) -> Iterator[dict[str, Any]]:
    after = "-"
    while rows := cast(StreamEntries, client.xrange(stream, after, end, count=CHUNK)):
        for entry, fields in rows:
            header, events = decode_block(fields[FIELD], EVENT)
            chosen = events[np.isin(events["kind"], _OUTCOMES) & (events["reason"] != Reason.REPEATED)]
            for event in chosen.view(ADMIN_EVENT):
                command = event["command"]
                if int(command["kind"]) in _KINDS and event["account"] == command["account"]:  # not its other half
                    yield _action(entry.decode(), header, event, command)
        after = f"({rows[-1][0].decode()}"


def _action(entry: str, header: Header, event: np.void, command: np.void) -> dict[str, Any]:
    kind, gateway = CommandKind(int(command["kind"])), header.gateway
    moment = datetime.fromtimestamp(header.time_ms / 1000, UTC)
    action: dict[str, Any] = {
        "entry": entry,
        "time": moment.isoformat(timespec="milliseconds"),
        "by": f"ingress {gateway - INGRESS_GATEWAYS.start}" if gateway in INGRESS_GATEWAYS else "operator",
        "action": kind.name,
    }
    for name in ("account", "asset", "market"):
        if command[name]:
            action[name] = int(command[name])
    match kind:
        case CommandKind.KEY | CommandKind.KEY_REVOKE:
            action["key"] = command["public_key"].tobytes().hex()
            if kind == CommandKind.KEY:
                action["permissions"] = KeyPermission(int(command["code"])).name
        case CommandKind.ACCOUNT_STATE:
            action["state"] = _name(AccountState, command)
        case CommandKind.MARKET_STATE:
            action["state"] = _name(MarketState, command)
        case CommandKind.FEE_TIER | CommandKind.FEES:
            action["tier"] = int(command["code"])
        case CommandKind.TRANSFER:
            action["toAccount"] = int(command["to_account"])
        case CommandKind.MOVE_OUT | CommandKind.MOVE_IN:
            action["otherShard"] = int(command["code"])
        case CommandKind.ACCOUNT_OPTIONS:
            action["options"] = AccountOption(int(command["code"])).name or "none"
        case CommandKind.SHARES:
            action["divided"] = bool(command["code"])
        case CommandKind.ASSET:
            action["symbol"] = bytes(command["symbol"]).decode()
    action |= {name: int(command[name]) for name in _NUMBERS.get(kind, ())}
    reason = Reason(int(event["reason"]))
    action["outcome"] = "applied" if event["kind"] == EventKind.APPLIED else reason.name
    return action


def _line(action: dict[str, Any]) -> str:
    head = ("entry", "time", "by", "action", "outcome")
    rest = " ".join(f"{name}={value}" for name, value in action.items() if name not in head)
    return f"{action['time']}  {action['entry']}  {action['by']:<10} {action['action']:<14} {rest}  {action['outcome']}"


def _name(states: type[IntEnum], command: np.void) -> str:
    """Of the state that a command asks for; a refused one may ask for any number."""
    return {state.value: state.name for state in states}.get(int(command["code"]), "?")
