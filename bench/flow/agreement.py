"""Holds a flow against the engine: what it refuses, and whether the generator's own book is the engine's, order by
order.

Not its job: to time anything.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from bench.flow.generator import Generator
from bench.flow.messages import to_commands
from bench.flow.parameters import Flow, Step
from bench.workloads import TIME_MS, setup_records
from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import Capacities, State, new_state
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, Reason
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.limits import MAX_BLOCK_EVENTS, MAX_SUPPLY_ATOMS

CAPACITY = 1 << 14
MARKETS, ACCOUNTS = 4, 500  # at most: every account gets funds of every asset
SPARE = 1_024


@dataclass(frozen=True)
class Agreement:
    messages: int
    probes: int  # post-only orders that were meant to be refused
    refused: dict[str, int]  # everything else that was refused, by reason
    self_trades: int  # commands in which the engine prevented one
    events: dict[str, int]
    live: int  # orders at the end, in the generator's book
    differing: int  # of these and the engine's: those that the other book does not have, or has differently

    @property
    def accepted(self) -> float:
        """Share of what should be accepted."""
        return 1 - sum(self.refused.values()) / max(self.messages - self.probes, 1)

    @property
    def passed(self) -> bool:
        return self.accepted >= 0.99 and self.differing == 0


def venue_records(markets: int, accounts: int) -> np.ndarray:
    """ADMIN records for a flow: a lot and a tick are one atom, and nobody runs out of funds."""
    records = setup_records(markets, accounts)
    records["lot_atoms"][records["kind"] == CommandKind.MARKET] = 1
    records["tick_atoms"][records["kind"] == CommandKind.MARKET] = 1
    records["amount_atoms"][records["kind"] == CommandKind.DEPOSIT] = MAX_SUPPLY_ATOMS // accounts
    return records


class _Engine:
    def __init__(self, markets: int, accounts: int) -> None:
        assets = markets + 1
        self.state = new_state(
            Capacities(
                accounts=accounts + 1,
                assets=assets,
                markets=markets,
                orders=CAPACITY + SPARE,
                levels=CAPACITY + SPARE,
                references=accounts * assets,
            )
        )
        self._events = np.zeros(MAX_BLOCK_EVENTS, EVENT)
        self.kinds: Counter[int] = Counter()
        self.reasons: Counter[tuple[int, int]] = Counter()  # (reason, flag POST_ONLY) of what is refused
        self.self_trades = 0
        self.execute(venue_records(markets, accounts).view(COMMAND))
        assert set(self.kinds) == {EventKind.APPLIED}, "the flow's markets and accounts could not be set up"

    def execute(self, commands: np.ndarray) -> None:
        first = 0
        while first < len(commands):
            first, count = apply_batch(self.state, commands, first, len(commands), TIME_MS, self._events)
            events = self._events[:count]
            self.kinds.update(events["kind"].tolist())
            self.self_trades += len(np.unique(events["index"][events["reason"] == Reason.SELF_TRADE]))
            refused = events[events["kind"] == EventKind.REJECTED]
            post_only = refused["flags"] & OrderFlag.POST_ONLY
            self.reasons.update(zip(refused["reason"].tolist(), post_only.tolist(), strict=True))


def hold_against_engine(flow: Flow, model: str, seed: int, messages: int, regime: tuple[Step, ...] = ()) -> Agreement:
    """Run the flow's first messages through the engine, for a population that is not larger than MARKETS, ACCOUNTS."""
    population = flow.population
    few = replace(population, markets=min(population.markets, MARKETS), accounts=min(population.accounts, ACCOUNTS))
    generator = Generator(replace(flow, population=few), model, seed, regime=regime, capacity=CAPACITY)
    engine = _Engine(few.markets, few.accounts)
    for part in generator.chunks(messages):
        engine.execute(to_commands(part))
    probe = (int(Reason.POST_ONLY_WOULD_TAKE), int(OrderFlag.POST_ONLY))
    ours, theirs = _live(generator.book, "order_id"), _live(engine.state, "client_id")
    refused: Counter[str] = Counter()
    for (reason, _), count in (engine.reasons - Counter({probe: engine.reasons[probe]})).items():
        refused[Reason(reason).name] += count
    return Agreement(
        messages=messages,
        probes=engine.reasons[probe],
        refused=dict(refused),
        self_trades=engine.self_trades,
        events={EventKind(kind).name: count for kind, count in engine.kinds.items() if kind != EventKind.APPLIED},
        live=len(ours),
        differing=len(ours ^ theirs),
    )


def _live(state: State, number: str) -> set[tuple[int, ...]]:
    """(number, market, side, price, lots in the queue, lots left) of each order that rests or waits."""
    slots = np.flatnonzero(np.asarray(state.orders["order_id"])[1:]) + 1
    orders, info = np.asarray(state.orders)[slots], np.asarray(state.info)[slots]
    left = info["quantity_lots"] - info["executed_lots"]
    numbers = orders["order_id"] if number == "order_id" else info["client_id"]
    columns = (numbers, info["market"], info["side"], info["price_ticks"], orders["remaining_lots"], left)
    return set(zip(*(column.tolist() for column in columns), strict=True))
