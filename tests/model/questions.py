"""Questions of every kind about a state, which must be after them what it was before, byte for byte."""

import numpy as np

from engine_core.book.audit import audit, conservation, digest
from engine_core.book.memory.state import ACCOUNTS, MARKETS, State, capacities_of
from engine_core.runtime.machine import Machine
from engine_core.runtime.queries import answer
from engine_core.wire.codes import QueryKind
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.queries import Asker, decode_answer, decode_query, encode_query
from engine_core.wire.streams import ORIGIN


def ask_everything(state: State) -> None:
    """As the engine is asked, and as `verify` looks; an AssertionError if the state is another one then."""
    machine = Machine(capacities_of(state)._replace(orders=1, ended=1, references=1, levels=1), buffer=1)
    machine.adopt(state, ORIGIN, 1)
    before = [array.tobytes() for array in state]
    for market in range(1, int(state.scalars[MARKETS]) + 1):
        for kind in (QueryKind.BOOK, QueryKind.BOOK_ORDERS):
            _ask(machine, kind, market=market)
    for account in range(1, int(state.scalars[ACCOUNTS]) + 1):
        _ask(machine, QueryKind.BALANCES, account=account)
        _ask(machine, QueryKind.LINKS, account=account)
        for order in _ask(machine, QueryKind.ORDERS, account=account, market=ALL_MARKETS):
            named = {"account": account, "market": int(order["market"])}
            _ask(machine, QueryKind.ORDER, order_id=int(order["order_id"]), **named)
            _ask(machine, QueryKind.ORDER, client_id=int(order["client_id"]), **named)
    for kind in (QueryKind.SETUP, QueryKind.STATUS, QueryKind.LINKS):
        _ask(machine, kind)
    audit(state)
    conservation(state)
    digest(state)
    changed = [name for name, array, was in zip(state._fields, state, before, strict=True) if array.tobytes() != was]
    assert not changed, f"questions have changed {changed}"


def _ask(machine: Machine, kind: QueryKind, **what: int) -> np.ndarray:
    query = decode_query(encode_query(Asker(0, 0), 0, kind, **what) + bytes(16))
    assert query is not None
    return decode_answer(answer(machine, query))[1]
