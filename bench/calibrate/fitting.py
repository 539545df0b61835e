"""All that is fitted to the first part of a played capture, and what could not be."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.calibrate import hawkes, orders, poisson, queues, reference, slow_rate, tuning
from bench.calibrate.arrivals import arrivals_of
from bench.flow.flow_toml import check
from bench.flow.parameters import EVENT_TYPES, Flow
from bench.realism.tape import Played, TapeError

LEAST_MESSAGES = 500  # in the part that is fitted to


@dataclass(frozen=True)
class Calibration:
    flow: Flow
    messages: int
    seconds: float
    per_s: dict[str, float]
    branching_ratio: float
    tuned: tuning.Tuning
    log_likelihood: dict[str, float]
    notes: list[str]

    def lines(self) -> list[str]:
        """For the terminal."""
        rates = ", ".join(f"{name} {rate:.2f}" for name, rate in self.per_s.items() if rate)
        gain = (self.log_likelihood["hawkes"] - self.log_likelihood["poisson"]) / self.messages
        return [
            f"fitted to {self.messages:,} messages in {self.seconds:.0f} s; a second: {rates}",
            f"zero intelligence: log-likelihood {self.log_likelihood['poisson']:,.0f}",
            f"hawkes:            log-likelihood {self.log_likelihood['hawkes']:,.0f} ({gain:+.2f} a message), "
            f"branching ratio {self.branching_ratio:.3f}",
            f"all models:        a slow rate of deviation {self.tuned.slow.deviation:.2f} (of its logarithm), each for "
            f"{self.tuned.slow.seconds:.1f} s; {self.tuned.together:.0%} of the cancels due soon go together",
            f"queue-reactive:    {queues.DISTANCES} distances, sizes in units of "
            f"{self.flow.queue_reactive.average_lots:,.0f} lots",
            "not fitted:",
            *(f"  {note}" for note in self.notes),
        ]

    def as_dict(self) -> dict[str, Any]:
        tuned = {**self.tuned.slow._asdict(), "faster": self.tuned.faster, "together": self.tuned.together}
        return {name: value for name, value in vars(self).items() if name != "flow"} | {"tuned": tuned}


def calibrate(played: Played, train: float, seed: int) -> Calibration:
    """`train`: share of the time that is looked at."""
    random = np.random.default_rng(seed)
    until_ns = int(train * int(played.tape.time_ns[-1]))
    arrivals, opening = arrivals_of(played, until_ns)
    if len(arrivals.source) < LEAST_MESSAGES:
        problem = (
            f"the first {train:.0%} have {len(arrivals.source)} messages, and {LEAST_MESSAGES} are needed for a fit"
        )
        raise TapeError(f"{problem}: a longer capture, or a larger --train")
    follows = reference.fit(played, until_ns, arrivals, random)
    fitted = orders.fit(arrivals.only(~follows.quotes), opening, Flow(), random)
    caused = arrivals.only(~arrivals.again & ~follows.quotes)  # the others follow from these, and from jumps
    excited = hawkes.fit(caused, random)
    flow = replace(
        fitted.flow,
        reference=follows.reference,
        zero_intelligence=poisson.fit(caused),
        hawkes=excited.model,
        queue_reactive=queues.fit(played, until_ns, caused, queues.other_rates(caused)),
    )
    per_s = caused.per_s()
    tuned = tuning.tune(flow, slow_rate.fit(arrivals), arrivals, per_s, seed)
    flow = tuning.applied(flow, tuned, per_s)
    check(flow)
    rates = dict(
        zip(EVENT_TYPES, arrivals.per_s().tolist(), strict=False)
    )  # without the cancels, which follow from the rest
    notes = fitted.notes + _unfitted(rates, excited)
    if not flow.reference.quotes:
        notes.append("reference: the market moves too seldom to tell how, so there is none")
    return Calibration(
        flow, len(arrivals.source), arrivals.seconds, rates, flow.hawkes.branching_ratio(), tuned,
        {"poisson": excited.poisson_log_likelihood, "hawkes": excited.log_likelihood}, notes,
    )  # fmt: skip


def _unfitted(rates: dict[str, float], excited: hawkes.Fit) -> list[str]:
    notes = [f"{name}: none in the capture, its rate is 0" for name, rate in rates.items() if not rate]
    if excited.reduced_by > 1:
        notes.append(
            f"hawkes: the likelihood grows towards a branching ratio of 1; all excitations were divided by "
            f"{excited.reduced_by:.2f} (the flow's mean changes within the capture)"
        )
    notes.append("accounts, markets and regimes: a capture says nothing of them, they are the defaults")
    return notes
