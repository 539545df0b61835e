"""`exchange verify`: replays the logs through the real book, beside the exchange or while it is stopped, and audits it.

Of each shard: what proof/replay.py says. Of all of them: that for each asset what all accounts have available or
locked, the fees on the fee account among it, and what is on its way between shards, is exactly what was deposited minus
what was withdrawn to somewhere outside (proof/venue.py). Equal digests mean equal states.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis

from engine_core.book import audit, queries
from engine_core.book.memory.state import State
from engine_core.config.settings import Settings
from engine_core.operator.proof import venue
from engine_core.operator.proof.replay import Replay
from engine_core.operator.target.log_access import open_logs
from engine_core.operator.target.running import CommandError, settings_of
from engine_core.wire import destinations
from engine_core.wire.codes import CommandKind
from engine_core.wire.limits import FEE_ACCOUNT
from engine_core.wire.log import LogError
from engine_core.wire.units import format_decimal

Units = dict[int, tuple[str, int]]  # by asset: symbol, decimals


def verify(options: argparse.Namespace) -> int:
    settings = settings_of(options.data)
    began = time.monotonic()
    shards = [settings.shard] if settings.shards == 1 else list(range(settings.shards))
    try:
        with ExitStack() as stack:
            client_of = stack.enter_context(open_logs(options))
            replays = [Replay(settings, shard, client_of(shard), _said(shard, shards, options)) for shard in shards]
            for replay in replays:
                replay.begin(_wanted(options.snapshot, replay.shard, settings))
                replay.run()
            if len(replays) > 1:
                venue.complete(replays)
    except (redis.RedisError, LogError) as error:
        raise CommandError(f"the log cannot be replayed: {error}") from None
    for replay in replays:
        replay.audit()
    answers = [_answer(replay) for replay in replays]
    answer = answers[0] if len(replays) == 1 else _venue_answer(replays, answers)
    answer["seconds"] = round(time.monotonic() - began, 3)
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        print(_text(answer) if len(replays) == 1 else _venue_text(answer))
    return 0 if answer["ok"] else 1


def _said(shard: int, shards: Sequence[int], options: argparse.Namespace) -> Callable[[str], None]:
    """How a shard's progress is told."""
    if options.json:
        return lambda text: None
    of_shard = f"shard {shard}: " if len(shards) > 1 else ""
    return lambda text: print(f"  {of_shard}{text}", flush=True)


def _wanted(path: Path | None, shard: int, settings: Settings) -> Path | None:
    """The snapshot that was named, if it is of this shard: its name begins with the number."""
    if path is None or settings.shards == 1:
        return path
    return path if path.name.startswith(f"{shard}-") else None


def _units(*states: State) -> Units:
    """Of all assets that any of them has."""
    assets = [record for state in states for record in queries.setup(state) if record["kind"] == CommandKind.ASSET]
    return {int(record["asset"]): (record["symbol"].decode(), int(record["decimals"])) for record in assets}


def _answer(replay: Replay) -> dict[str, Any]:
    """Of one shard."""
    machine, findings, assets = replay.machine, replay.findings, {}
    units = _units(machine.state)
    for number, sums in audit.conservation(machine.state).items():
        symbol, decimals = units[number]
        if sums.supplied != sums.held:
            findings.problems.append(f"{symbol}: {sums.supplied} atoms were deposited, {sums.held} are there")
        amounts = {
            "deposited": sums.deposited,
            "withdrawnOutside": sums.withdrawn,
            "depositsMinusWithdrawals": sums.supplied,
            "availableLockedAndFees": sums.held,
            "feeAccount": _fees(machine.state, number),
        }
        assets[symbol] = {name: format_decimal(atoms, decimals) for name, atoms in amounts.items()}
    for lost in findings.lost:
        symbol, decimals = units[lost.asset]
        findings.problems.append(
            f"{format_decimal(lost.atoms, decimals)} {symbol} are lost: account {lost.account} withdrew them to "
            f"{destinations.of_account(lost.to_account)}, an account of this exchange, which was not credited"
        )
    return {
        "ok": not findings.problems,
        "problems": findings.problems,
        "from": findings.began,
        "snapshots": findings.snapshots,
        "entries": findings.entries,
        "commands": findings.commands,
        "events": findings.events,
        "assets": assets,
        "digest": audit.digest(machine.state),
        "logId": str(machine.log_id),
        "position": str(machine.position),
    }


def _fees(state: State, asset: int) -> int:
    return int(queries.balances(state, FEE_ACCOUNT)["available"][asset - 1])


def _venue_answer(replays: Sequence[Replay], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Of all shards together, and each of them. A shard's own deposits are what came into it, from wherever."""
    moves, units = venue.Moves(replays), _units(*(replay.state for replay in replays))
    half_done = moves.half_done()
    problems = [
        f"shard {replay.shard}: {problem}"
        for replay, answer in zip(replays, answers, strict=True)
        for problem in answer["problems"]
    ]
    wrong, unfinished = venue.market_problems(replays)
    problems += moves.problems(len(replays)) + wrong
    assets = {}
    for number, sums in venue.sums(replays, half_done).items():
        symbol, decimals = units[number]
        if sums.missing:
            problems.append(
                f"{symbol}: {sums.deposited - sums.withdrawn} atoms were deposited and not withdrawn, {sums.held} are "
                f"in the shards and {sums.in_flight} between them"
            )
        amounts = {
            "deposited": sums.deposited,
            "withdrawnOutside": sums.withdrawn,
            "depositsMinusWithdrawals": sums.deposited - sums.withdrawn,
            "availableLockedAndFees": sums.held,
            "inFlight": sums.in_flight,
            "feeAccount": sum(_fees(replay.state, number) for replay in replays if _has_asset(replay, number)),
        }
        assets[symbol] = {name: format_decimal(atoms, decimals) for name, atoms in amounts.items()}
    return {
        "ok": not problems,
        "problems": problems,
        "unfinished": unfinished + venue.setup_differences(replays),
        **{name: sum(answer[name] for answer in answers) for name in ("snapshots", "entries", "commands", "events")},
        "assets": assets,
        "moves": [_move(move, units) for move in half_done],
        "shards": answers,
    }


def _has_asset(replay: Replay, number: int) -> bool:
    return number in _units(replay.state)


def _move(move: venue.Moving, units: Units) -> dict[str, Any]:
    symbol, decimals = units[move.asset]
    return {
        "account": move.account,
        "asset": symbol,
        "quantity": format_decimal(move.atoms, decimals),
        "from": move.from_shard,
        "to": move.to_shard,
        "sequence": move.sequence,
        "reference": str(move.reference),
    }


def _replayed(answer: dict[str, Any]) -> str:
    return (
        f"{answer['entries']} entries, {answer['commands']} commands, {answer['events']} events replayed, from "
        f"{answer['from']} up to {answer['position']}; {answer['snapshots']} snapshots are equal to it"
    )


def _text(answer: dict[str, Any]) -> str:
    lines = [
        f"{answer['entries']} entries, {answer['commands']} commands, {answer['events']} events replayed "
        f"in {answer['seconds']:.1f} s, from {answer['from']} up to {answer['position']}; {answer['snapshots']} "
        "snapshots are equal to it",
        f"{'asset':<8} {'deposited':>24} {'withdrawn outside':>24} {'available + locked + fees':>28}",
    ]
    for symbol, sums in answer["assets"].items():
        amounts = f"{sums['deposited']:>24} {sums['withdrawnOutside']:>24} {sums['availableLockedAndFees']:>28}"
        lines.append(f"{symbol:<8} {amounts}")
    lines.append(f"digest {answer['digest']}")
    lines += [f"PROBLEM: {problem}" for problem in answer["problems"]] or ["everything is accounted for"]
    return "\n".join(lines)


def _venue_text(answer: dict[str, Any]) -> str:
    lines = [f"shard {number}: {_replayed(shard)}" for number, shard in enumerate(answer["shards"])]
    lines.append(
        f"{'asset':<8} {'deposited':>24} {'withdrawn outside':>24} {'available + locked + fees':>28} {'in flight':>20}"
    )
    for symbol, sums in answer["assets"].items():
        amounts = f"{sums['deposited']:>24} {sums['withdrawnOutside']:>24} {sums['availableLockedAndFees']:>28}"
        lines.append(f"{symbol:<8} {amounts} {sums['inFlight']:>20}")
    for move in answer["moves"]:
        lines.append(
            f"in flight: {move['quantity']} {move['asset']} of account {move['account']}, from shard {move['from']} to "
            f"shard {move['to']} (its move {move['sequence']})"
        )
    lines += [f"digest of shard {number} {shard['digest']}" for number, shard in enumerate(answer["shards"])]
    lines += [f"not finished: {text}" for text in answer["unfinished"]]
    lines += [f"PROBLEM: {problem}" for problem in answer["problems"]] or ["everything is accounted for"]
    lines.append(f"in {answer['seconds']:.1f} s")
    return "\n".join(lines)
