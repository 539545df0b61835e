"""What `bench all` and `bench against` run: each benchmark in three sizes, and whether it needs a running exchange.

Small takes seconds each and shows that everything works; medium is for comparing; long is what docs/benchmarks.md has.
"""

from dataclasses import dataclass

from engine_core.operator.target.benchmarks import benchmarks

SIZES = ("small", "medium", "long")
# No measurements of ours: what collects, compares and draws them, what needs a file or a setting, or writes one.
OTHERS = ("all", "against", "calibrate", "compare", "conformance", "flow", "lobster", "report", "setting")


@dataclass(frozen=True)
class Step:
    benchmark: str
    small: str  # options
    medium: str
    long: str
    exchange: bool = False  # it measures one that runs
    label: str = ""  # if the benchmark runs in more than one way

    @property
    def name(self) -> str:
        return self.label or self.benchmark

    def options(self, size: str) -> list[str]:
        return str(getattr(self, size)).split()


STEPS = (
    Step("kernel", "--smoke", "--pairs 5", ""),
    Step("pipeline", "--seconds 2", "--seconds 10", "--seconds 60"),
    Step(
        "http",
        "--seconds 2 --connections 8",
        "--seconds 10",
        "--seconds 60",
        exchange=True,
    ),
    Step("orders_ws", "--seconds 2", "--seconds 10", "--seconds 60", exchange=True),
    Step("websocket", "--clients 50 --seconds 2", "--clients 500", "--seconds 30", exchange=True),
    Step("websocket", "--alone --clients 50 --seconds 2", "--alone", "--alone --seconds 30", label="fan-out"),
    Step("peers", "--messages 2000 --seconds 2", "--messages 20000 --seconds 5", ""),
    Step(
        "recovery",
        "--orders 10000 --commands 20000 --rounds 1",
        "--orders 200000 --commands 500000 --rounds 3",
        "",
    ),
    Step("history", "--trades 80000 --requests 20", "--trades 800000", ""),
    Step("realism", "", "", ""),
)


def steps() -> list[Step]:
    """Those whose benchmark is there."""
    there = benchmarks()
    return [step for step in STEPS if step.benchmark in there]


def named(names: list[str]) -> list[Step]:
    """The steps of these names; ValueError if one has no such name."""
    known = {step.name: step for step in steps()}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no benchmark {', '.join(unknown)} among {', '.join(known)}")
    return [known[name] for name in names]
