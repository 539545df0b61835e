"""What a state knows of other shards: links, sums of what has moved, and a setup that other shards are built from."""

from typing import Any

import numpy as np
import pytest

from engine_core.book import queries
from engine_core.book.audit import audit, conservation, moved_between
from engine_core.book.memory.state import (
    ORDERS_MADE,
    Capacities,
    State,
    capacities_of,
    most_links,
    new_state,
)
from engine_core.book.resize import resized
from engine_core.wire.codes import AccountOption, CommandKind, MarketFlag, MarketState, Reason
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION
from engine_core.wire.limits import ORDERS_OF_A_SHARD, shard_of_order
from tests.book.scenario import setup
from tests.model.pair import SMALL, command, run_book


def reason_of(state: State, kind: CommandKind, **fields: Any) -> Reason:
    return Reason(int(run_book(state, command(kind, **fields), 1_000)["reason"][-1]))


def home(capacities: Capacities = SMALL) -> State:
    state = new_state(capacities)
    for record in setup():
        run_book(state, record, 1_000)
    return state


def test_there_is_a_link_for_each_account_and_other_shard() -> None:
    assert [most_links(100, shards) for shards in (1, 2, 16)] == [0, 100, 1_500]
    state = home(SMALL._replace(links=most_links(SMALL.accounts, 3)))
    for account in range(5, SMALL.accounts + 1):
        run_book(state, command(CommandKind.ACCOUNT, account=account), 1_000)
    for account in range(1, SMALL.accounts + 1):
        for shard in (1, 2):
            moved = {"account": account, "asset": 1, "code": shard, "a": 5, "b": 1, "c": 9}
            assert reason_of(state, CommandKind.MOVE_IN, **moved) == Reason.NONE
    audit(state)
    assert len(queries.links(state, 0)) == len(state.links) - 1
    assert queries.links(state, 3)["shard"].tolist() == [1, 2]
    assert len(queries.links(state, SMALL.accounts + 1)) == len(queries.links(home(), 2)) == 0


def test_more_links_leave_everything_else_where_it_is() -> None:
    state = home(SMALL._replace(links=0))
    out = {"account": 2, "asset": 1, "code": 1, "a": 5, "b": 1, "c": 9}
    assert reason_of(state, CommandKind.MOVE_OUT, **out) == Reason.LINKS_FULL
    code = Capacities._fields.index("links")
    assert reason_of(state, CommandKind.CAPACITY, code=code, a=6) == Reason.NONE
    larger = resized(state, capacities_of(state)._replace(links=6))
    assert len(state.links) == 1 and len(larger.links) == 7
    others = [name for name in State._fields if name not in ("links", "limits")]
    assert all(getattr(larger, name) is getattr(state, name) for name in others)
    assert capacities_of(larger).links == 6
    assert reason_of(larger, CommandKind.MOVE_OUT, **out) == Reason.NONE
    assert reason_of(larger, CommandKind.CAPACITY, code=code, a=5) == Reason.BAD_DEFINITION
    whole = resized(larger, capacities_of(larger)._replace(links=9, accounts=12))
    audit(whole)
    assert queries.links(whole, 2).tobytes() == queries.links(larger, 2).tobytes()


@pytest.mark.parametrize("before", [0, 2**63 - 3, -4])
def test_sums_of_moves_have_no_end(before: int) -> None:
    """They are counted modulo 2**64: what lies between them is exact wherever they are."""
    state = home()
    state.assets["moved_out"][1] = state.assets["moved_in"][1] = before
    for number in range(1, 6):
        moved = {"account": 2, "asset": 1, "code": 1, "b": number, "c": number}
        assert reason_of(state, CommandKind.MOVE_OUT, a=100, **moved) == Reason.NONE
        assert reason_of(state, CommandKind.MOVE_IN, a=40, **moved) == Reason.NONE
    audit(state)
    sums = conservation(state)[1]
    assert moved_between(sums.moved_out, sums.moved_in) == 300
    assert sums.held == sums.supplied == 3_000_000 - 300


def test_orders_are_of_their_shard() -> None:
    for shard in (0, 1, 15):
        state = new_state(SMALL)
        run_book(state, command(CommandKind.GENESIS, code=SCHEMA_VERSION, b=BEHAVIOUR_VERSION, market=shard), 1_000)
        assert int(state.scalars[ORDERS_MADE]) == shard * ORDERS_OF_A_SHARD
        assert shard_of_order((shard * ORDERS_OF_A_SHARD + 1) << 24) == shard
        assert shard_of_order(((shard + 1) * ORDERS_OF_A_SHARD - 1) << 24 | 2**24 - 1) == shard


def test_a_setup_with_options_and_markets_of_other_shards_rebuilds_itself() -> None:
    state = home()
    market = {"asset": 1, "quote_asset": 2, "a": 1, "b": 1, "c": 1}
    for record in (
        command(CommandKind.ACCOUNT_OPTIONS, account=3, code=AccountOption.AUTO_TRANSFER),
        command(CommandKind.MARKET, market=2, code=MarketState.ELSEWHERE, **market),
        command(CommandKind.MARKET, market=3, code=MarketState.ELSEWHERE, **market),
        command(CommandKind.MARKET_STATE, market=3, code=MarketState.OPEN, flags=MarketFlag.MOVES_HERE, a=7, b=8, c=9),
        command(CommandKind.MARKET_STATE, market=3, **leaves(2, 3)),
        command(CommandKind.MARKET, market=4, code=MarketState.ELSEWHERE, **market),
        command(CommandKind.MARKET_STATE, market=4, **comes(1)),
    ):
        run_book(state, record, 1_000)
    records = queries.setup(state)
    options = records[records["kind"] == CommandKind.ACCOUNT_OPTIONS]
    assert options[["account", "code"]].tolist() == [(3, AccountOption.AUTO_TRANSFER)]
    numbers = records[records["kind"] == CommandKind.MARKET_STATE]
    names = ["market", "code", "flags", "move", "goes_to", "trades", "update_id", "last_ticks"]
    here = MarketFlag.MOVES_HERE
    assert numbers[names].tolist() == [
        (2, MarketState.ELSEWHERE, here, 0, 0, 0, 0, 0),
        (3, MarketState.ELSEWHERE, here, 2, 4, 7, 8, 9),
        (4, MarketState.OPEN, here, 1, 0, 0, 0, 0),
    ]
    again = new_state(SMALL)
    run_book(again, np.frombuffer(bytearray(records.tobytes()), COMMAND), 1_000)
    assert queries.setup(again).tobytes() == records.tobytes()


def moved(state: State) -> tuple[int, int, int]:
    market = state.markets[2]
    return int(market["state"]), int(market["moves"]), int(market["goes_to"])


def leaves(move: int, shard: int) -> dict[str, int]:
    return {"code": MarketState.ELSEWHERE, "quote_asset": move, "to_account": shard + 1}


def closes(move: int) -> dict[str, int]:
    return {"code": MarketState.CLOSED, "quote_asset": move}


def comes(move: int) -> dict[str, int]:
    return {"code": MarketState.OPEN, "flags": MarketFlag.MOVES_HERE, "quote_asset": move}


def test_a_market_leaves_for_one_shard_and_what_comes_too_late_opens_nothing() -> None:
    state, market = home(), {"asset": 1, "quote_asset": 2, "a": 1, "b": 1, "c": 1}
    assert not reason_of(state, CommandKind.MARKET, market=2, code=MarketState.OPEN, **market)
    gone, here = MarketState.ELSEWHERE, MarketState.OPEN
    none = Reason.NONE
    for fields, reason, after in (
        (leaves(1, 0), Reason.BAD_FIELD, (here, 0, 0)),  # it is here
        (leaves(1, 16), Reason.BAD_FIELD, (here, 0, 0)),
        (leaves(2**16, 1), Reason.BAD_FIELD, (here, 0, 0)),
        (leaves(1, 1), none, (gone, 1, 2)),
        (leaves(2, 3), Reason.BAD_SEQUENCE, (gone, 1, 2)),  # another mover was first
        (leaves(1, 3), Reason.BAD_SEQUENCE, (gone, 1, 2)),
        (leaves(1, 1), none, (gone, 1, 2)),  # the second one of a move, which only takes its place in the log
        (comes(1), Reason.BAD_SEQUENCE, (gone, 1, 2)),
        (comes(4), none, (here, 4, 0)),
        (comes(4), Reason.BAD_FIELD, (here, 4, 0)),
        (leaves(4, 1), Reason.BAD_SEQUENCE, (here, 4, 0)),  # of before it came
        (closes(4), Reason.BAD_SEQUENCE, (here, 4, 0)),
        (closes(5), none, (MarketState.CLOSED, 4, 0)),
        (closes(0) | {"code": here}, none, (here, 4, 0)),
        (leaves(0, 0), none, (gone, 4, 0)),  # of a tool that does not count
        (leaves(5, 2), none, (gone, 5, 3)),  # where to is said afterwards, once
        (leaves(6, 1), Reason.BAD_SEQUENCE, (gone, 5, 3)),
        (comes(0), none, (here, 5, 0)),
    ):
        assert reason_of(state, CommandKind.MARKET_STATE, market=2, **fields) == reason, (fields, reason)
        assert moved(state) == after
