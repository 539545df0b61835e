"""The result of one load: numbers for programs (`--json`), a page for people, and whether it may be called one."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.load.outcome.accounting import Accounting, Verdict
from bench.load.outcome.histograms import Histogram
from bench.load.outcome.tally import NEVER, Columns
from bench.load.targets.readers import in_words
from bench.report.result import Check, Curve, Figure, percentile_curve

BUSY_SHARE = 0.8  # of a core: a generator that takes more is at its limit
LATE_SHARE = 0.2  # of a latency: what the generator may be late itself
AT_START, AT_START_SHARE = 20, 0.001  # orders due at time 0: more of them are what p999 is
MS_NS = 1_000_000
OVERLOAD_STATUSES = (429, 503)


@dataclass
class Result:
    """Times in milliseconds; latencies are of orders accepted or of unknown outcome, from when they were due."""

    load: str  # in words
    columns: Columns
    start_ms: int  # Unix
    end_ns: int
    processes: list[tuple[float, float]]  # (CPU seconds, seconds) of each
    machine_cpu: float  # cores that were busy meanwhile, whoever used them
    verdict: Verdict | None = None
    readers: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False  # while it loaded
    is_closed: bool = False
    is_search: bool = False  # of a rate that is too high

    def __post_init__(self) -> None:
        columns = self.columns
        self.scheduled = len(columns.due_ns)
        self.sent = int((columns.sent_ns != NEVER).sum())
        self.accepted, self.refused = int(columns.is_accepted.sum()), int(columns.is_refused.sum())
        self.unknown = int(columns.is_unknown.sum())
        self.measured = ~columns.is_refused  # those never sent, too: they were due, and waited
        self.waited_ns = columns.waited_ns(self.end_ns)
        self.histogram = Histogram(self.waited_ns[self.measured])
        self.late = Histogram(columns.late_ns)
        self.due_seconds = int(columns.due_ns.max(initial=0)) / 1e9
        self.seconds = max(int(columns.done_ns.max(initial=0)) / 1e9, self.due_seconds)

    @property
    def client_cpu(self) -> float:
        """Cores that the generator used."""
        return sum(cpu / max(seconds, 1e-9) for cpu, seconds in self.processes)

    @property
    def overloads(self) -> int:
        """Orders that the exchange refused because there were too many."""
        return int(np.isin(self.columns.status, OVERLOAD_STATUSES).sum())

    @property
    def unsent(self) -> int:
        return self.scheduled - self.sent

    @property
    def lost(self) -> int:
        """Orders that were turned away, or that nobody knows about."""
        return self.unknown + self.overloads + self.unsent

    def holds(self, bound_ms: float) -> bool:
        """Whether 99 % were answered within the bound, and none were turned away or lost."""
        return self.histogram.at_ms(99.0) <= bound_ms and not self.lost

    def failed_by_generator(self, bound_ms: float) -> bool:
        """Whether it would hold, had the generator itself not been late."""
        own = Histogram((self.waited_ns - self.columns.late_ns)[self.measured])
        return not self.holds(bound_ms) and not self.lost and own.at_ms(99.0) <= bound_ms

    def settled(self, accounting: Accounting) -> "Result":
        """With the verdict of the exchange's own books."""
        columns = self.columns
        accepted = {place: len(ids) for place, ids in columns.placed(columns.is_accepted).items()}
        verdict = accounting.settle(accepted, columns.placed(columns.is_unknown))
        return replace(self, verdict=verdict)

    @property
    def is_accounted(self) -> bool:
        all_there = self.scheduled >= self.sent == self.accepted + self.refused + self.unknown
        return all_there and self.verdict is not None and self.verdict.is_settled

    def warnings(self) -> list[str]:
        """Why it may say more about the generator, or about what was sent, than about the exchange."""
        found = []
        if self.is_interrupted:
            found.append(f"{self._interruption}: this is what was measured until then")
        busiest = max((cpu / max(seconds, 1e-9) for cpu, seconds in self.processes), default=0.0)
        if busiest > BUSY_SHARE:
            found.append(
                f"a process of the generator used {busiest:.0%} of a core: it is at its limit; use more --processes"
            )
        late = self.late.at_ms(99.0)
        if not self.is_closed and late > max(1.0, LATE_SHARE * self.histogram.at_ms(99.0)):
            found.append(
                f"the generator fell behind its schedule by {late:.1f} ms (p99), which counts in the latencies: "
                "the machine is busy, or the rate is too high for the generator"
            )
        at_start = int((self.columns.due_ns == 0).sum())
        if not self.is_closed and at_start > max(AT_START, AT_START_SHARE * self.scheduled):
            found.append(
                f"{at_start:,} of the {self.scheduled:,} orders are due at time 0, as the opening book of a flow is: "
                "the highest percentiles are of this burst; with more --seconds it weighs less"
            )
        if self.overloads:
            found.append(
                f"{self.overloads:,} orders were turned away by limits (429, 503): more accounts, or `exchange up "
                "--profile bare`, which has none"
            )
        if self.is_closed:
            found.append("a closed loop waits for answers: its latencies leave out what waits behind a slow one")
        return found

    @property
    def is_interrupted(self) -> bool:
        """While it loaded, or while the exchange's books were read."""
        return self.interrupted or (self.verdict is not None and self.verdict.interrupted)

    @property
    def _interruption(self) -> str:
        at = [f"after {self.end_ns / 1e9:.1f} s"] if self.interrupted else []
        if self.verdict is not None and self.verdict.interrupted:
            at.append("while the exchange's books were read")
        return f"interrupted {', and again '.join(at)}"

    @property
    def cut_short(self) -> str:
        """Why it is not all that was to be measured; "" if it is. A search tries rates until orders are left over."""
        if self.is_interrupted:
            return self._interruption
        if self.unsent and not self.is_search:
            return f"{self.unsent:,} of {self.scheduled:,} orders were never sent"
        return ""

    def rows(self) -> list[tuple[str, str]]:
        """For people."""
        rows = [("load", self.load), ("scheduled", f"{self.scheduled:,} in {self.due_seconds:.1f} s")]
        if self.unsent:
            rows.append(("never sent", f"{self.unsent:,}: no connection was free for them until the end"))
        rows += [
            ("sent", f"{self.sent:,}"),
            ("accepted", f"{self.accepted:,}  ({self.per_second:,.0f}/s, in {self.seconds:.1f} s)"),
        ]
        rows.append(("refused", f"{self.refused:,}"))
        rows += [("", f"{count:,}  {reason}") for reason, count in Counter(self.columns.refusals).most_common()]
        rows.append(("unknown", self._unknown()))
        rows += [("note", f"{count:,} times: {note}") for note, count in self.columns.notes.items()]
        latencies = self.histogram.supported | {"max": self.histogram.max_ms}
        rows += [(name, f"{value:.3f} ms") for name, value in latencies.items()]
        share = f"{self.client_cpu / self.machine_cpu:.0%} of what the machine used" if self.machine_cpu else ""
        late = f"late by {self.late.at_ms(50.0):.2f} ms p50, {self.late.at_ms(99.0):.2f} ms p99"
        rows.append(("generator", f"{self.client_cpu:.2f} cores (processes: {len(self.processes)}), {share}; {late}"))
        rows += [("readers" if place == 0 else "", text) for place, text in enumerate(in_words(self.readers))]
        return rows

    def _unknown(self) -> str:
        if not self.unknown or self.verdict is None:
            return f"{self.unknown:,}"
        return f"{self.unknown:,}: {self.verdict.found:,} found in the history, {self.verdict.not_found:,} not"

    @property
    def per_second(self) -> float:
        """Until the last answer: what piled up is not done when the last order is due."""
        return self.accepted / max(self.seconds, 1e-9)

    def figures(self) -> list[Figure]:
        """What another run is compared by."""
        latencies = [Figure(f"{name}_ms", value, "ms", "lower") for name, value in self.histogram.supported.items()]
        return [Figure("accepted_per_second", self.per_second, "/s", "higher"), *latencies]

    def checks(self) -> list[Check]:
        problems = self.verdict.problems if self.verdict else ["the exchange's books were not read"]
        return [
            Check("every order and all money accounted for", self.is_accounted, "; ".join(problems[:5])),
            Check("ran to its end", not self.cut_short, self.cut_short),
        ]

    def curves(self) -> list[Curve]:
        known = self.histogram
        at = {"from when it was due": (known.count, lambda share: known.at_ms(100 * share))}
        return [percentile_curve("Latency by percentile", "ms", at)]

    def own(self) -> dict[str, Any]:
        """The members of --json that are a load's own."""
        verdict = self.verdict or Verdict()
        return {
            "sends": self.load,
            "scheduled": self.scheduled,
            "sent": self.sent,
            "never_sent": self.unsent,
            "accepted": self.accepted,
            "refused": self.refused,
            "refused_by_reason": self.columns.refusals,
            "unknown": self.unknown,
            "unknown_found": verdict.found,
            "unknown_not_found": verdict.not_found,
            "load_seconds": round(self.seconds, 3),
            "accepted_per_second": round(self.per_second, 1),
            **self.histogram.percentiles_ms(),
            "late_p99_ms": round(self.late.at_ms(99.0), 4),
            "client_cpu_cores": round(self.client_cpu, 3),
            "machine_cpu_cores": round(self.machine_cpu, 3),
            "processes": len(self.processes),
            "fills": verdict.fills,
            "readers": self.readers,
            "notes": self.columns.notes,
            "warnings": self.warnings(),
            "interrupted": self.is_interrupted,
            "accounted": self.is_accounted,
            "problems": verdict.problems,
        }
