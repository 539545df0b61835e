"""Levels at any distance: random flows over prices near and far, against an obvious book, on few pages."""

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.conformance.kernel import REPORT, run_flow
from bench.conformance.passes import max_reports, report_text
from engine_core.book.audit import audit_levels, audit_nodes
from engine_core.book.ladder.bitmap import PAGE_NUMBERS
from engine_core.book.memory.state import BOOKS, PAGES_USED, Capacities, new_state
from engine_core.book.resize import rebuild_pages
from tests.book.obvious import ObviousBook, random_flow


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=True), st.integers(1, 250))
def test_levels_near_and_far(random: Random, count: int) -> None:
    rows = random_flow(random, count, random.choice((300, 1 << 16, 1 << 30)))
    obvious = ObviousBook()
    obvious.play(rows)
    pages = obvious.most_pages + 1  # one more is in use while an order moves
    state = new_state(Capacities(1, 1, 1, count, count + 1, 1, 1, 1, 1, 1, 1, pages))
    reports = np.zeros(max_reports(rows), REPORT)
    reports = reports[: run_flow(state, np.zeros(count + 8, np.int32), rows, reports)]
    assert report_text(reports).decode().splitlines() == obvious.lines
    audit_levels(state)
    audit_nodes(state)


def test_pages_of_many_markets_spread_over_the_hash_table() -> None:
    """Prices are much the same in all markets: the names of their pages differ in few bits above the same numbers."""
    books, numbers = np.arange(BOOKS, 101 * BOOKS), np.arange(16_384 - 32, 16_384 + 32)
    names = ((books[books % BOOKS < 2] << PAGE_NUMBERS)[:, None] + numbers).reshape(-1)
    state = new_state(Capacities(1, 1, 101, 1, len(names) + 1, 1, 1, 1, 1, 1, 1))
    state.pages["name"][1 : len(names) + 1] = names
    state.scalars[PAGES_USED] = len(names)
    rebuild_pages(state)
    lengths = [_length(state.pages["chain"], head) for head in state.page_heads[state.page_heads != 0].tolist()]
    assert sum(lengths) == len(names)
    load = len(names) / len(state.page_heads)
    assert sum(length * length for length in lengths) / len(names) < 1 + 2 * load, "chains are longer than by chance"


def _length(chain: np.ndarray, page: int) -> int:
    length = 0
    while page:
        page, length = int(chain[page]), length + 1
    return length
