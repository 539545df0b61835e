"""Levels at any distance: random flows over prices near and far, against an obvious book, on few pages."""

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.conformance.kernel import REPORT, run_flow
from bench.conformance.passes import max_reports, report_text
from engine_core.book.audit import audit_levels, audit_nodes
from engine_core.book.memory.state import Capacities, new_state
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
