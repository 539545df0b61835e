"""The parameters of a synthetic flow: of its market, its orders, the three models of arrivals, and regimes.

A model says *when* something arrives and of which type (EVENT_TYPES). What then arrives is the same for all of them:
`orders` are classes of limit orders, each with its distance from the best, its size and its lifetime, so that the
three depend on each other as they do in a market (quotes at the best live for milliseconds, far ones for hours).

Units end the names or stand beside them: ticks, lots, seconds. Rates are of one market of average popularity; with
several markets, each has its share of the sum. `flow_toml.load` and `flow_toml.dump` read and write them.
"""

# ruff: noqa: RUF009  (the fields are declared by fields.py, whose functions are dataclasses.field)

from dataclasses import dataclass

import numpy as np

from bench.flow.fields import mixture, real, reals, table, tables, whole
from bench.flow.laws import Law, Mixture
from engine_core.wire.limits import MAX_PRICE_TICKS

MODELS = ("zero-intelligence", "hawkes", "queue-reactive")
# A bid buys, an ask sells. `place`: an order that is meant to rest; `take`: one that is meant to trade at once;
# `probe`: a post-only order that would trade, and so is refused; `amend`: a change of an order that rests.
EVENT_TYPES = (
    "place_bid", "place_ask", "take_bid", "take_ask", "probe_bid", "probe_ask", "amend_bid", "amend_ask",
)  # fmt: skip
SOURCES = (*EVENT_TYPES, "cancel_bid", "cancel_ask")  # of excitation: what follows from an order that was withdrawn
TYPES = len(EVENT_TYPES)
MOST_LOTS = 10**13
MOST_SECONDS = 1e7
MOST_TICKS = 10**6  # from the best price
MOST_PER_S = 1e6


def _size(*laws: Law) -> Mixture:
    return laws or (
        Law("atom", 0.15, 1_000),
        Law("atom", 0.1, 5_000),
        Law("atom", 0.05, 10_000),
        Law("lognormal", 0.65, 2_000, 1.1),
        Law("pareto", 0.05, 10_000, 1.6),
    )


@dataclass(frozen=True, slots=True)
class OrderClass:
    """Limit orders of one kind of trader. A flow has several of them, each with its weight."""

    weight: float = real(1.0, 1e-9, 1e9, "relative to the other classes")
    distance: Mixture = mixture(
        (Law("atom", 0.5, 0), Law("pareto", 0.5, 1, 1.2)), -MOST_TICKS, MOST_TICKS,
        "ticks behind the best price of its own side at placement; below 0: inside the spread",
    )  # fmt: skip
    size: Mixture = mixture(_size(), 1, MOST_LOTS, "lots")
    most_lots: float = real(MOST_LOTS, 1, MOST_LOTS, "what is drawn above that is moved to it")
    lifetime: Mixture = mixture(
        (Law("weibull", 1.0, 10, 0.6),), 1e-9, MOST_SECONDS, "seconds until it is withdrawn, unless it trades before"
    )


@dataclass(frozen=True, slots=True)
class Market:
    start_ticks: int = whole(20_000, 1_000, MAX_PRICE_TICKS // 2, "price in the middle at the start")
    spread_ticks: int = whole(2, 1, 10_000, "at the start, and where a side is empty")
    orders: int = whole(200, 0, 50_000, "resting on each side at the start, sent at time 0: of [[opening]]")


@dataclass(frozen=True, slots=True)
class Population:
    """Popularity follows Zipf's law: the n-th has a share proportional to n^-exponent."""

    markets: int = whole(1, 1, 1_000, "markets")
    accounts: int = whole(1_000, 4, 1_000_000, "accounts")
    market_exponent: float = real(1.0, 0, 4, "of the markets' share of all arrivals; 0: all alike")
    account_exponent: float = real(0.8, 0, 4, "of the accounts' share of all orders; 0: all alike")
    self_trades: float = real(0.002, 0, 1, "share of takers that meet an order of their own account")


@dataclass(frozen=True, slots=True)
class Takers:
    """Orders that are meant to trade at once. What is neither market, IOC nor FOK rests with what does not trade."""

    size: Mixture = mixture(_size(), 1, MOST_LOTS, "lots")
    through: Mixture = mixture(
        (Law("atom", 0.8, 0), Law("exponential", 0.2, 4)), 0, MOST_TICKS, "ticks beyond the best opposite price"
    )
    market: float = real(0.2, 0, 1, "share of market orders")
    ioc: float = real(0.5, 0, 1, "share of immediate-or-cancel limit orders")
    fok: float = real(0.05, 0, 1, "share of fill-or-kill limit orders")
    probe_size: Mixture = mixture(_size(), 1, MOST_LOTS, "lots, of probes")
    probe_through: Mixture = mixture(
        (Law("atom", 1.0, 0),), 0, MOST_TICKS, "ticks beyond the best opposite price, of probes"
    )
    probe_again: float = real(0.0, 0, 0.999, "chance that a probe which was refused is sent again, each time")
    probe_delay: Mixture = mixture(
        (Law("exponential", 1.0, 0.03),), 1e-9, MOST_SECONDS, "seconds until then: a round trip of its sender"
    )


@dataclass(frozen=True, slots=True)
class Options:
    """What resting orders ask for besides, and how they are amended."""

    post_only: float = real(0.3, 0, 1, "share of resting orders that are post-only")
    iceberg: float = real(0.02, 0, 1, "share of resting orders that are icebergs")
    iceberg_parts: int = whole(5, 2, 1_000, "parts that an iceberg shows one after the other")
    stop: float = real(0.01, 0, 1, "share of resting orders that wait for a trigger instead")
    stop_distance: Mixture = mixture(
        (Law("exponential", 1.0, 50),), 1, MOST_TICKS, "ticks from the best price to a stop's trigger"
    )
    together: float = real(
        0.0, 0, 1, "chance that an order which is due within `together_s` is withdrawn with what happens now"
    )
    together_s: float = real(0.01, 0, 10, "seconds; so lifetimes are shorter by at most that")
    amend_price: float = real(0.5, 0, 1, "share of amends that move the price; the others reduce the quantity")


@dataclass(frozen=True, slots=True)
class Reference:
    """A price that all makers watch, and that jumps: orders in its way are withdrawn, and both sides quote anew."""

    quotes: int = whole(
        0, 0, 1_000, "orders placed after a jump on the side that it leaves behind; 0: there is no such price"
    )
    quotes_ahead: int = whole(2, 0, 1_000, "orders placed on the other side, to which it goes")
    wait: Mixture = mixture(
        (Law("exponential", 0.5, 0.3), Law("exponential", 0.5, 20)), 1e-9, MOST_SECONDS, "seconds between two jumps"
    )
    ticks: Mixture = mixture((Law("atom", 0.5, 1), Law("exponential", 0.5, 4)), 1, MOST_TICKS, "ticks of a jump")
    again: float = real(0.0, 0, 1, "share of jumps that go the way of the one before; the others go either way")
    again_s: float = real(1e6, 0, 1e6, "seconds after a jump, from which on the next goes either way")
    delay: Mixture = mixture(
        (Law("exponential", 1.0, 0.01),),
        1e-9,
        MOST_SECONDS,
        "seconds until one of these quotes comes: while n are to come, the next is there n times as soon",
    )
    size: Mixture = mixture(_size(), 1, MOST_LOTS, "lots, of these quotes")
    lifetime: Mixture = mixture((Law("exponential", 1.0, 5),), 1e-9, MOST_SECONDS, "seconds, of these quotes")


@dataclass(frozen=True, slots=True)
class ZeroIntelligence:
    """Poisson arrivals, and withdrawals at a rate for each order.

    E. Smith, J. D. Farmer, L. Gillemot, S. Krishnamurthy: Statistical theory of the continuous double auction,
    Quantitative Finance 3 (2003). R. Cont, S. Stoikov, R. Talreja: A stochastic model for order book dynamics,
    Operations Research 58 (2010): limit orders by distance (here: `orders`), withdrawals by distance (`cancel_per_s`).
    """

    per_s: tuple[float, ...] = reals(
        (40, 40, 2, 2, 1, 1, 2, 2), (TYPES,), 0, MOST_PER_S, f"arrivals a second: {', '.join(EVENT_TYPES)}"
    )
    cancel_per_s: tuple[tuple[float, ...], ...] = reals(
        ((1, 2.0), (5, 0.8), (20, 0.3), (100, 0.1), (MOST_TICKS, 0.02)), (0, 2), 0, MOST_SECONDS,
        "of each order: [up to so many ticks behind the best at placement, withdrawals a second]",
    )  # fmt: skip


def _default_excitation() -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Children of each type for each event, at the fast, the middle and the slow time scale."""
    own = np.zeros((3, TYPES, len(SOURCES)))
    place, take, cancel = slice(0, 2), slice(2, 4), slice(8, 10)
    own[0, place, place] = [[0.20, 0.08], [0.08, 0.20]]
    own[0, place, take] = [[0.30, 0.60], [0.60, 0.30]]
    own[0, place, cancel] = [[0.12, 0.03], [0.03, 0.12]]
    own[1, place, place] = [[0.10, 0.06], [0.06, 0.10]]
    own[1, take, take] = [[0.25, 0.05], [0.05, 0.25]]
    own[2, take, take] = [[0.20, 0.05], [0.05, 0.20]]
    own[2, place, take] = [[0.50, 0.50], [0.50, 0.50]]
    return tuple(tuple(tuple(row) for row in scale) for scale in own.tolist())


@dataclass(frozen=True, slots=True)
class Hawkes:
    """Arrivals that excite each other: intensity of type i = base_i + sum over past events of j of
    sum over k of excitation_kij * decay_k * exp(-decay_k * time since).

    A. G. Hawkes: Spectra of some self-exciting and mutually exciting point processes, Biometrika 58 (1971).
    E. Bacry, I. Mastromatteo, J.-F. Muzy: Hawkes processes in finance, Market Microstructure and Liquidity 1 (2015).
    Simulated exactly, as in A. Dassios, H. Zhao: Exact simulation of Hawkes process with exponentially decaying
    intensity, Electronic Communications in Probability 18 (2013).
    """

    base_per_s: tuple[float, ...] = reals(
        (16, 16, 0.6, 0.6, 1, 1, 2, 2), (TYPES,), 0, MOST_PER_S, f"arrivals a second: {', '.join(EVENT_TYPES)}"
    )
    decay_per_s: tuple[float, ...] = reals((200, 10, 0.5), (0,), 1e-6, 1e6, "of each time scale")
    excitation: tuple[tuple[tuple[float, ...], ...], ...] = reals(
        _default_excitation(), (0, TYPES, len(SOURCES)), 0, 1e3,
        "for each time scale, a row for each type that is excited, a column for what excites it "
        f"({', '.join(SOURCES)}): the mean number of events that follow from one",
    )  # fmt: skip
    mark_power: float = real(
        0.0, 0, 1, "p: an event of `size` excites in proportion to (size / typical size)^p, with mean 1"
    )

    def branching_ratio(self) -> float:
        """Mean number of events that follow directly from one: below 1, or the flow grows without bound.

        The largest eigenvalue; an order that is placed counts as withdrawn once, which is the most that it can be.
        """
        whole = np.zeros((len(SOURCES), len(SOURCES)))
        whole[:TYPES] = np.sum(self.excitation, axis=0)
        whole[TYPES, 0] = whole[TYPES + 1, 1] = 1.0
        return float(np.abs(np.linalg.eigvals(whole)).max())


def _queue_rates(first: float, decline: float, levels: int, units: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(first * decline**level for _ in range(units + 1)) for level in range(levels))


def _cancel_rates(each: float, levels: int, units: int) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(each * queue**0.8 for queue in range(units + 1)) for _ in range(levels))


@dataclass(frozen=True, slots=True)
class QueueReactive:
    """Intensities that depend on the size of each queue and on its distance from a reference price.

    W. Huang, C.-A. Lehalle, M. Rosenbaum: Simulating and analyzing order book data: the queue-reactive model,
    Journal of the American Statistical Association 110 (2015). Queues are counted in units of `average_lots`; the last
    column of each table holds for all longer ones. Both sides have the same tables.
    """

    average_lots: float = real(3_000, 1, MOST_LOTS, "lots in one unit of a queue")
    place_per_s: tuple[tuple[float, ...], ...] = reals(
        _queue_rates(12, 0.8, 5, 30), (0, 0), 0, MOST_PER_S,
        "limit orders: a row for each distance (1st: the best price next to the reference), a column for each size",
    )  # fmt: skip
    cancel_per_s: tuple[tuple[float, ...], ...] = reals(
        _cancel_rates(0.8, 5, 30), (0, 0), 0, MOST_PER_S, "withdrawals from the queue: rows and columns as above"
    )
    take_per_s: tuple[float, ...] = reals(
        tuple(4 / (1 + size / 10) for size in range(31)), (0,), 0, MOST_PER_S, "takers, by the size of the best queue"
    )
    follow: float = real(0.7, 0, 1, "chance that the reference moves a tick when the middle of the book has moved")
    other_per_s: tuple[float, ...] = reals(
        (0, 0, 0, 0, 1, 1, 2, 2), (TYPES,), 0, MOST_PER_S,
        f"arrivals that no queue causes, placed as in the other models: {', '.join(EVENT_TYPES)}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of a regime: factors on what the model says. The steps repeat.

    In a Hawkes process factors above 1, and `rate`, hold for the base rates, so that it cannot explode; those of one
    side below 1 hold for what is excited, too.
    """

    seconds: float = real(60.0, 0.001, 1e6, "how long")
    rate: float = real(1.0, 0, 1e4, "on all arrivals")
    buys: float = real(1.0, 0, 1e4, "on takers that buy")
    sells: float = real(1.0, 0, 1e4, "on takers that sell")
    bids: float = real(1.0, 0, 1e4, "on orders placed to buy")
    asks: float = real(1.0, 0, 1e4, "on orders placed to sell")
    cancels: float = real(
        1.0, 1e-4, 1e4, "on the rate at which orders are withdrawn: what is left of a lifetime shrinks"
    )
    bid_cancels: float = real(1.0, 1e-4, 1e4, "the same, besides, of orders to buy")
    ask_cancels: float = real(1.0, 1e-4, 1e4, "the same, besides, of orders to sell")


@dataclass(frozen=True, slots=True)
class Pace:
    """A state of a slow Markov chain that each market goes through by itself: how lively it is.

    W. Fischer, K. Meier-Hellstern: The Markov-modulated Poisson process cookbook, Performance Evaluation 18 (1993).
    """

    rate: float = real(1.0, 0, 1e4, "factor on all rates of the model (of a Hawkes process on the base rates)")
    seconds: float = real(10.0, 1e-4, 1e6, "mean time in this state; exponential")
    following: tuple[float, ...] = reals(
        (1,), (0,), 0, 1e9, "weights of the states that may follow, in the order of the file (this one among them)"
    )


@dataclass(frozen=True, slots=True)
class Flow:
    """All parameters of a flow. The defaults give a plausible liquid market."""

    market: Market = table(Market, "the market at the start")
    population: Population = table(Population, "markets and accounts")
    takers: Takers = table(Takers, "orders that trade at once")
    options: Options = table(Options, "shares of the kinds of orders")
    reference: Reference = table(Reference, "a price that the makers of a market follow")
    zero_intelligence: ZeroIntelligence = table(ZeroIntelligence, "--model zero-intelligence")
    hawkes: Hawkes = table(Hawkes, "--model hawkes")
    queue_reactive: QueueReactive = table(QueueReactive, "--model queue-reactive")
    orders: tuple[OrderClass, ...] = tables(
        (
            OrderClass(
                weight=0.7,
                distance=(Law("atom", 0.5, 0), Law("uniform", 0.1, -2, 0), Law("exponential", 0.4, 4)),
                lifetime=(Law("weibull", 0.6, 0.05, 0.8), Law("weibull", 0.4, 2, 0.6)),
            ),
            OrderClass(
                weight=0.3,
                distance=(Law("atom", 0.1, 0), Law("pareto", 0.9, 2, 1.2)),
                lifetime=(Law("weibull", 1.0, 20, 0.5),),
            ),
        ),
        OrderClass,
        "classes of limit orders",
    )
    opening: tuple[OrderClass, ...] = tables(
        (
            OrderClass(
                distance=(Law("exponential", 0.7, 40), Law("pareto", 0.3, 40, 0.9)),
                lifetime=(Law("exponential", 1.0, 600),),
            ),
        ),
        OrderClass,
        "classes of the orders that rest at the start, at 0 ticks or more, with what is left of their lifetimes",
    )
    pace: tuple[Pace, ...] = tables((), Pace, "states of how lively a market is; empty: always the same")
    regime: tuple[Step, ...] = tables((), Step, "steps of a regime of one's own; empty: always the same")


DEFAULT = Flow()
