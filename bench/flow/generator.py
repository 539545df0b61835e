"""A flow as it is generated: `Generator(parameters, model, seed).fill(messages)`, chunk after chunk.

The same parameters, model, regime and seed give the same bytes on every machine, however they are cut into chunks.
Memory is fixed: a book of `capacity` live orders and tables of the parameters. Nothing in Python runs per message.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.flow import laws
from bench.flow.flow_toml import check, check_arrivals
from bench.flow.kernels import world as w
from bench.flow.kernels.agenda import FAR
from bench.flow.kernels.hawkes import GAIN, SCALE_WORDS, SOURCE_COUNT
from bench.flow.kernels.popularity import alias_table, zipf
from bench.flow.kernels.run import run
from bench.flow.kernels.world import World
from bench.flow.laws import Mixture
from bench.flow.messages import MESSAGE
from bench.flow.parameters import MODELS, MOST_LOTS, MOST_SECONDS, MOST_TICKS, TYPES, Flow, OrderClass, Pace, Step
from engine_core.book.memory.state import Capacities, State, new_state
from engine_core.book.orders.triggers import NO_LOW
from engine_core.wire.limits import MAX_INT64

CAPACITY, CAPACITY_A_MARKET = 1 << 16, 1 << 10  # live orders
CHUNK = 8_192  # messages: half a megabyte, which stays in a processor's cache
NS = 10**9
WITHIN_LOTS, WITHIN_SECONDS, WITHIN_TICKS = (1.0, MOST_LOTS), (1e-9, MOST_SECONDS), (-MOST_TICKS, MOST_TICKS)
M64 = (1 << 64) - 1
R_3, GOLDEN = 1.2207440846057594, 1.618033988749895  # x^4 = x + 1 and x^2 = x + 1: see kernels/drawing.py
STEADY = Pace(rate=1.0, seconds=1e6, following=(1.0,))


class Generator:
    """One flow, from its first message on."""

    def __init__(
        self,
        flow: Flow,
        model: str = "hawkes",
        seed: int = 1,
        *,
        regime: tuple[Step, ...] = (),
        capacity: int = 0,
    ) -> None:
        """`model`: one of MODELS. `regime`: its steps, empty for those of the parameters. `capacity`: live orders."""
        check(flow)
        steps = regime or flow.regime or (Step(),)
        check_arrivals(flow, model, steps)
        self.flow, self.model, self.seed = flow, model, seed
        capacity = capacity or CAPACITY + CAPACITY_A_MARKET * flow.population.markets
        self.book = _new_book(flow.population.markets, capacity)
        self._world = _new_world(flow, MODELS.index(model), seed, steps, capacity)

    def fill(self, messages: np.ndarray, until_s: float | None = None) -> int:
        """The next messages of the flow. Returns how many; fewer than there is room for: the time is reached."""
        until_ns = MAX_INT64 if until_s is None else int(until_s * NS)
        return int(run(self.book, self._world, messages, until_ns))

    def chunks(self, count: int | None = None, until_s: float | None = None) -> Iterator[np.ndarray]:
        """The flow in pieces, each of which overwrites the one before: `count` messages, or those up to a time."""
        assert count is not None or until_s is not None, "a flow has no end of its own"
        messages = np.empty(CHUNK if count is None else min(CHUNK, max(count, 1)), MESSAGE)
        left = MAX_INT64 if count is None else count
        while left > 0:
            written = self.fill(messages[: min(left, CHUNK)], until_s)
            if written:
                yield messages[:written]
            if written < min(left, CHUNK):
                return
            left -= written


def generate(flow: Flow, model: str, seed: int, *, messages: int = 0, seconds: float = 0.0) -> np.ndarray:
    """A flow of so many messages, or of so many seconds of its own time, as one array."""
    generator = Generator(flow, model, seed)
    parts = [part.copy() for part in generator.chunks(messages or None, seconds or None)]
    return np.concatenate(parts) if parts else np.zeros(0, MESSAGE)


def _new_book(markets: int, capacity: int) -> State:
    """A state of the engine of which only the levels, queues and orders are used."""
    few = {"accounts": 1, "assets": 1, "keys": 1, "gateways": 1, "timers": 1, "ended": 1, "references": 1}
    state = new_state(Capacities(**few, markets=markets, orders=capacity, levels=capacity + 1, ended_per_account=1))
    state.markets["low_ticks"] = NO_LOW
    return state


def _reals(values: object) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(values, np.float64)).reshape(-1).view(np.int64)


def _new_world(flow: Flow, model: int, seed: int, regime: tuple[Step, ...], capacity: int) -> World:
    markets, accounts = flow.population.markets, flow.population.accounts
    base, decays, excitation = _arrivals(flow, model)
    reacts = flow.queue_reactive
    queues = [np.reshape(rows, -1) for rows in (reacts.place_per_s, reacts.cancel_per_s, reacts.take_per_s)]
    scales = len(decays) if model == w.HAWKES else 0
    numbers = _numbers(flow, model, scales, capacity)
    numbers[w.STEPS] = len(regime)
    states = flow.pace or (STEADY,)
    numbers[w.STATES] = len(states)
    numbers[w.CANCELS_EXCITE] = int(scales > 0 and np.any(excitation[:, TYPES:] != 0))
    law_rows, mixture_rows = _mixtures(flow)
    rates = 4 * numbers[w.LEVELS] + 3
    children = np.cumsum(excitation, axis=2)[:, :, -1] / (decays[:, None] if scales else 1.0)
    excited = np.zeros((markets + 1, max(scales, 1), SCALE_WORDS))
    excited[:, :, GAIN] = 1.0
    clocks = np.zeros((markets + 1, w.CLOCK_WORDS), np.int64)
    clocks[:, w.CLOCK_REFERENCE] = flow.market.start_ticks
    clocks[:, w.CLOCK_STEP_END] = int(regime[0].seconds * NS)
    strides = _strides(len(flow.orders) + len(flow.opening))
    arrays: dict[str, Any] = dict(
        numbers=numbers,
        shares=_reals(_shares(flow)),
        random=_seeded(seed, 4),
        mixtures=mixture_rows,
        laws=law_rows,
        classes=_reals([*_cumulative(flow.orders), *_cumulative(flow.opening)]),
        even=_reals(_uniform(_seeded(~seed, len(strides)))),
        strides=_reals(strides),
        accounts=alias_table(zipf(accounts, float(flow.population.account_exponent))),
        popularity=_reals([0.0, *(markets * zipf(markets, float(flow.population.market_exponent)))]),
        states=_reals([_state(state) for state in states]),
        pace=np.zeros(markets + 1, np.int64),
        steps=np.concatenate([_step(step, base, model) for step in regime]),
        base=_reals(np.concatenate(queues)),
        decays=_reals(decays),
        excitation=_reals(excitation),
        children=_reals(children),
        offspring=_reals(np.cumsum(children, axis=0)[-1]),
        excited=_reals(excited),
        rates=np.zeros((markets + 1) * rates, np.int64),
        clocks=clocks.reshape(-1),
        due=np.full(capacity + 2 * markets + 3, FAR),
        who=np.zeros(capacity + 2 * markets + 2, np.int64),
        place=np.zeros(capacity + 2 * markets + 2, np.int64),
    )
    return World(**arrays)


def _numbers(flow: Flow, model: int, scales: int, capacity: int) -> np.ndarray:
    numbers = np.zeros(w.NUMBERS, np.int64)
    queues = flow.queue_reactive
    reacts = model == w.QUEUE_REACTIVE
    for at, number in (
        (w.CAPACITY, capacity),
        (w.MARKETS, flow.population.markets),
        (w.ACCOUNTS, flow.population.accounts),
        (w.MODEL, model),
        (w.OPENING, 2 * min(flow.market.orders, capacity // 4 // flow.population.markets) * flow.population.markets),
        (w.SPREAD, flow.market.spread_ticks),
        (w.PARTS, flow.options.iceberg_parts),
        (w.CLASSES, len(flow.orders)),
        (w.OPEN_CLASSES, len(flow.opening)),
        (w.SCALES, scales),
        (w.BANDS, len(flow.zero_intelligence.cancel_per_s)),
        (w.LEVELS, len(queues.place_per_s) if reacts else 0),
        (w.UNITS, len(queues.take_per_s)),
        (w.UNIT_LOTS, max(round(queues.average_lots), 1)),
        (w.MARKED, int(flow.hawkes.mark_power > 0)),
        (w.QUOTES, flow.reference.quotes),
        (w.QUOTES_AHEAD, flow.reference.quotes_ahead),
        (w.AGAIN_NS, int(flow.reference.again_s * NS)),
        (w.TOGETHER_NS, int(flow.options.together_s * NS) if flow.options.together else 0),
    ):
        numbers[at] = number
    return numbers


def _shares(flow: Flow) -> np.ndarray:
    shares = np.zeros(w.SHARES)
    options, takers, power = flow.options, flow.takers, flow.hawkes.mark_power
    shares[w.POST_ONLY : w.STOP + 1] = np.cumsum([options.post_only, options.iceberg, options.stop])
    shares[w.MARKET] = takers.market
    shares[w.IOC] = takers.market + takers.ioc
    shares[w.FOK] = takers.market + takers.ioc + takers.fok
    shares[w.AMEND_PRICE] = options.amend_price
    shares[w.TOGETHER], shares[w.AGAIN] = options.together, flow.reference.again
    shares[w.PROBE_AGAIN] = takers.probe_again
    shares[w.SELF_TRADE] = flow.population.self_trades
    shares[w.FOLLOW] = flow.queue_reactive.follow
    shares[w.MARK_POWER] = power
    weight = sum(order.weight for order in flow.orders)
    placed = sum(order.weight * laws.moment(order.size, power) for order in flow.orders) / weight
    means = placed, laws.moment(takers.size, power), laws.moment(takers.probe_size, power)
    shares[w.MARK_PLACE : w.MARK_PROBE + 1] = [float(f"{mean:.10g}") for mean in means]  # the same everywhere
    return shares


def _mixtures(flow: Flow) -> tuple[np.ndarray, np.ndarray]:
    """The laws of all mixtures, and which of them each mixture has, within which bounds."""
    takers = flow.takers
    ordered: list[tuple[Mixture, tuple[float, float]]] = [
        (takers.size, WITHIN_LOTS),
        (takers.through, WITHIN_TICKS),
        (takers.probe_size, WITHIN_LOTS),
        (takers.probe_through, WITHIN_TICKS),
        (takers.probe_delay, WITHIN_SECONDS),
        (flow.options.stop_distance, WITHIN_TICKS),
        (flow.reference.wait, WITHIN_SECONDS),
        (flow.reference.ticks, WITHIN_TICKS),
        (flow.reference.delay, WITHIN_SECONDS),
        (flow.reference.size, WITHIN_LOTS),
        (flow.reference.lifetime, WITHIN_SECONDS),
    ]
    for order in (*flow.orders, *flow.opening):
        within_lots = WITHIN_LOTS[0], order.most_lots
        ordered += [(order.distance, WITHIN_TICKS), (order.size, within_lots), (order.lifetime, WITHIN_SECONDS)]
    tables, rows, at = [], [], 0
    for mixture, bounds in ordered:
        table = laws.table(mixture)
        words = table.view(np.int64).copy()
        words[:, 1] = table[:, 1].astype(np.int64)
        tables.append(words.reshape(-1))
        rows.append([at, at + words.size, *_reals(bounds)])
        at += words.size
    return np.concatenate(tables), np.array(rows, np.int64).reshape(-1)


def _arrivals(flow: Flow, model: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(arrivals a second of each type that nothing excites, decays, jumps of the intensities)."""
    none = np.zeros((1, SOURCE_COUNT, TYPES))
    if model == w.ZERO_INTELLIGENCE:
        return np.array(flow.zero_intelligence.per_s), np.array(flow.zero_intelligence.cancel_per_s), none
    if model == w.QUEUE_REACTIVE:
        return np.array(flow.queue_reactive.other_per_s), np.zeros(1), none
    decays = np.array(flow.hawkes.decay_per_s)
    jumps = np.array(flow.hawkes.excitation) * decays[:, None, None]
    return np.array(flow.hawkes.base_per_s), decays, np.ascontiguousarray(jumps.transpose(0, 2, 1))


def _state(state: Pace) -> list[float]:
    shares = np.cumsum(state.following)
    return [state.rate, state.seconds, *(shares / shares[-1])]


def _step(step: Step, base: np.ndarray, model: int) -> np.ndarray:
    words = np.zeros(w.STEP_WORDS)
    sides = np.array([step.bids, step.asks, step.buys, step.sells, 1, 1, 1, 1])
    if model == w.HAWKES:
        words[w.STEP_FACTORS : w.STEP_RATES] = np.minimum(sides, 1.0)
        words[w.STEP_RATES :] = np.cumsum(base * step.rate * np.maximum(sides, 1.0))
    else:
        words[w.STEP_FACTORS : w.STEP_RATES] = step.rate * sides
        words[w.STEP_RATES :] = np.cumsum(base * step.rate * sides)
    words[w.STEP_CANCELS : w.STEP_FACTORS] = step.cancels * step.bid_cancels, step.cancels * step.ask_cancels
    row = words.view(np.int64).copy()
    row[w.STEP_NS] = int(step.seconds * NS)
    return row


def _cumulative(classes: tuple[OrderClass, ...]) -> np.ndarray:
    shares: np.ndarray = np.cumsum([order.weight for order in classes])
    shares /= shares[-1]
    return shares


def _strides(classes: int) -> np.ndarray:
    """Of each mixture, and last of both kinds of classes; 0: its draws are independent of each other."""
    order = [1 / R_3, 1 / R_3**2, 1 / R_3**3]  # its distance, size and lifetime
    strides = np.zeros(w.FIRST_CLASS + 3 * classes + 2)
    strides[w.FIRST_CLASS : -2] = np.tile(order, classes)
    strides[-2:] = 1 / GOLDEN
    return strides


def _uniform(words: np.ndarray) -> np.ndarray:
    """The words as numbers from 0 to 1."""
    return (words.view(np.uint64) >> np.uint64(11)) * 2.0**-53


def _seeded(seed: int, count: int) -> np.ndarray:
    """So many words to begin with, by splitmix64 (G. Steele, D. Lea, C. Flood, 2014)."""
    words, state = [], seed & M64
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & M64
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & M64
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & M64
        words.append(mixed ^ (mixed >> 31))
    return np.array(words, np.uint64).view(np.int64)
