"""`exchange shards`: what each has, and one more while the exchange runs."""

import argparse
import json
import os
import signal
import time
from typing import Any

from engine_core.administration.client import execute
from engine_core.administration.venue import Venue, trades_in
from engine_core.config.shards import note_shards
from engine_core.host.runtime_folders import check_room
from engine_core.operator.target.running import CommandError, Run, find, require, settings_of
from engine_core.operator.target.session import ANSWER_TIMEOUT_S, complained, reached, symbols
from engine_core.replica.setup import HOME
from engine_core.transport.reserved_file import NoRoom
from engine_core.wire.codes import QueryKind
from engine_core.wire.limits import MOST_SHARDS

PATIENCE_S = 600.0  # for the engine to start, and the edges to begin anew
LOOK_EVERY_S = 0.2


def list_shards(options: argparse.Namespace) -> int:
    """Of each: its log, its orders, its markets."""
    with reached(require(options.data)) as venue:
        rows, away = _rows(venue)
    if options.json:
        print("\n".join(map(json.dumps, rows)))
    else:
        print(f"{'shard':<6} {'log':<20} {'open orders':>12}   markets")
        for row in rows:
            print(f"{row['shard']:<6} {row['logId']:<20} {row['openOrders']:>12}   {', '.join(row['markets']) or '-'}")
    return complained(away)


def _rows(venue: Venue) -> tuple[list[dict[str, Any]], set[int]]:
    """Of each shard that answers, and which do not."""
    setups, away = venue.known(ANSWER_TIMEOUT_S)
    at = {symbol: trades_in(setups, number) for symbol, number in symbols(setups[HOME]).items()}
    rows = [
        {
            **{"shard": shard, "logId": str(setups[shard].log_id)},
            "openOrders": int(gateway.query(QueryKind.STATUS)[1][0]["open_orders"]),
            "markets": [symbol for symbol, shards in at.items() if shard in shards],
        }
        for shard, gateway in enumerate(venue.gateways)
        if shard not in away
    ]
    return rows, away


def add_shard(options: argparse.Namespace) -> int:
    """One more, beside all that runs; the edges begin anew, one process after the other."""
    from engine_core.runtime.recovery import links_record  # it imports Numba, which lists do not need

    run = require(options.data)
    new = run.shards
    _check(run)
    settings = settings_of(options.data)
    with reached(run) as venue:
        for gateway in venue.gateways:  # money may go there
            execute(gateway, [links_record(settings.config.capacity.accounts, new + 1)])
    note_shards(run.data, new + 1)
    os.kill(run.supervisor, signal.SIGUSR2)
    print(f"shard {new} is starting; then each edge begins anew", flush=True)
    deadline = time.monotonic() + PATIENCE_S
    while (now := find(options.data)) is not None and now.shards <= new:
        if time.monotonic() > deadline:
            raise CommandError(
                f"shard {new} is not there after {PATIENCE_S:g} s: `exchange logs engine.s{new}` and the lines of "
                "`exchange up` say why; it goes on by itself as soon as it can"
            )
        time.sleep(LOOK_EVERY_S)
    if now is None:
        raise CommandError(f"the exchange was stopped meanwhile; its next start has {new + 1} shards")
    print(f"there are {now.shards} shards: `exchange market move SYMBOL --to {new}` gives the new one a market")
    return 0


def _check(run: Run) -> None:
    if not run.supervisor:
        raise CommandError(
            "the roles of this exchange are started by somebody else: docs/operations.md has the order in which they "
            f"start with EXCHANGE_SHARDS={run.shards + 1}"
        )
    if run.shards >= MOST_SHARDS:
        raise CommandError(f"this venue has {run.shards} shards, which is the most")
    try:
        check_room(run.runtime, settings_of(run.data).config.engine.ring_slots, run.shards + 1)
    except NoRoom as error:
        raise CommandError(str(error)) from None
