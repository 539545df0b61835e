"""`exchange market`: where markets trade, opening and closing them, and moving one to another shard."""

import argparse
import json
from typing import Any

import redis

from engine_core.administration.client import LogSetup, admin, execute
from engine_core.administration.market_move import closed_in, heads_for, move
from engine_core.administration.venue import Venue, has_begun, trades_in
from engine_core.edge.spelling import MARKET_STATE_WORDS
from engine_core.operator.target.running import CommandError, require
from engine_core.operator.target.session import ANSWER_TIMEOUT_S, complained, market_number, reached, session, symbols
from engine_core.replica.setup import HOME
from engine_core.transport.primary import redis_of
from engine_core.wire.codes import CommandKind, MarketState

_COLUMNS = "{:<16}{:>6}  {:<6} {}"


def market_list(options: argparse.Namespace) -> int:
    """All markets: number, shard and state."""
    run = require(options.data)
    with reached(run) as venue, redis_of(run.redis_of(HOME), protocol=2) as home:
        setups, away = venue.known(ANSWER_TIMEOUT_S)
        rows = [_row(home, setups, symbol, number) for symbol, number in symbols(setups[HOME]).items()]
    if away:  # what trades nowhere that answers is there, or on its way there
        rows = [row for row in rows if row["shards"]]
    if options.json:
        print("\n".join(map(json.dumps, rows)))
        return complained(away)
    print(_COLUMNS.format("market", "number", "shard", "state"))
    for row in rows:
        where = "-" if row["shard"] is None else str(row["shard"])
        print(_COLUMNS.format(row["market"], row["number"], where, f"{row['state']}{_what_to_do(row)}"))
    return complained(away)


def _row(home: redis.Redis, setups: list[LogSetup], symbol: str, number: int) -> dict[str, Any]:
    """`shards`: more than one only after a loss; `goesTo`: of a market on its way; `isInterrupted`: it was closed for a
    move that has not gone on."""
    shards = trades_in(setups, number)
    shard = shards[0] if shards else None
    state = MarketState(int(setups[shard or HOME].markets[number]["code"]))
    word = "Elsewhere" if state == MarketState.ELSEWHERE else MARKET_STATE_WORDS[state]
    is_on_its_way = not shards and has_begun(setups, number)
    return {
        **{"market": symbol, "number": number, "shard": shard, "shards": shards, "state": word},
        **{"isOnItsWay": is_on_its_way, "goesTo": heads_for(setups, number) if is_on_its_way else None},
        "isInterrupted": len(shards) == 1 and closed_in(home, setups, number) not in (None, MarketState.CLOSED),
    }


def _what_to_do(row: dict[str, Any]) -> str:
    move = f"exchange market move {row['market']} --to"
    if len(row["shards"]) > 1:
        shards = " and ".join(map(str, row["shards"]))
        return f"   in the shards {shards}, as one lost that it left: {move} SHARD"
    if row["isOnItsWay"]:
        return f"   on its way: {move} {'SHARD' if row['goesTo'] is None else row['goesTo']}"
    if row["isInterrupted"]:
        return f"   for a move that has not gone on: {move} SHARD, {row['shard']} to let it stay"
    return ""


def market_state(options: argparse.Namespace) -> int:
    """Said to the shard where the market trades."""
    with session(options) as (venue, setup):
        number = market_number(setup, options.symbol)
        shard = _shard_of(venue, options.symbol, number)
        execute(venue.gateways[shard], [admin(CommandKind.MARKET_STATE, market=number, code=_state(options.state))])
    print(f"{options.symbol} is {options.state}")
    return 0


def _shard_of(venue: Venue, symbol: str, number: int) -> int:
    if not venue.others:
        return HOME
    shards = trades_in(venue.setups(ANSWER_TIMEOUT_S), number)
    if len(shards) != 1:
        raise CommandError(
            f"{symbol} is on its way from one shard to another: `exchange market move {symbol} --to SHARD` ends that"
        )
    return shards[0]


def move_market(options: argparse.Namespace) -> int:
    """To another shard; safe to repeat, wherever it was interrupted."""
    run = require(options.data)
    if options.to >= run.shards:
        raise CommandError(f"--to {options.to}: this venue has {run.shards} shards (from 0 on)")
    state = None if options.state is None else _state(options.state)
    with session(options) as (venue, setup):
        number = market_number(setup, options.symbol)
        venue.setups(ANSWER_TIMEOUT_S)  # all of them have to answer; the move itself would wait for minutes
        with redis_of(run.redis_of(HOME), protocol=2) as home:
            moved = move(venue, home, number, options.to, state, lambda line: print(f"  {line}", flush=True))
    done = "trades in" if moved else "traded already in"
    print(f"{options.symbol} {done} shard {options.to}")
    return 0


def _state(word: str) -> MarketState:
    return MarketState[word.upper().replace("-", "_")]
