"""What `bench all` and `bench against` run: each benchmark in three sizes, and whether it needs a running exchange.

Small takes seconds each and shows that everything works; medium is for comparing; long is what docs/benchmarks.md has.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.conformance.flow import SHARED
from engine_core.operator.target.benchmarks import benchmarks

FOLDER = "FOLDER"  # in options: one that is the step's own
SIZES = ("small", "medium", "long")
# No measurements of ours: what collects, compares and draws them, what needs a file or a setting, or writes one.
OTHERS = ("all", "against", "calibrate", "compare", "conformance", "lobster", "report", "setting")


@dataclass(frozen=True)
class Step:
    benchmark: str
    small: str  # options
    medium: str
    long: str
    exchange: bool = False  # it measures one that runs
    label: str = ""  # if the benchmark runs in more than one way
    before: str = ""  # the benchmark, with its options, that writes what this one reads
    is_command: bool = False  # exchange NAME, not exchange bench NAME
    needs: str = ""  # a file of the conformance flows, which are not in this repository

    @property
    def name(self) -> str:
        return self.label or self.benchmark

    def commands(self, size: str, folder: Path) -> list[list[str]]:
        """What `exchange` is called with, one after the other; the last is the one that measures."""
        own = f"{self.benchmark} {getattr(self, size)}"
        calls = [own] if self.is_command else [f"bench {each}" for each in (self.before, own) if each]
        return [call.replace(FOLDER, str(folder)).split() for call in calls]

    @property
    def lacks(self) -> str:
        """What it needs and is not there, in words; empty if it can run."""
        if not self.needs or (SHARED / self.needs).exists():
            return ""
        return f"needs the conformance flows in {SHARED} (alone: exchange bench {self.benchmark} --shared DIR)"

    @property
    def is_there(self) -> bool:
        return find_spec(f"bench.{self.benchmark}") is not None if self.is_command else self.benchmark in benchmarks()


STEPS = (
    Step("kernel", "--smoke", "--pairs 5", "", needs="yardstick.py"),
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
    Step(
        "load",
        "--rate 100 --seconds 2",
        "--rate 1000 --seconds 15",
        "--rate 2000 --seconds 60",
        exchange=True,
        is_command=True,
    ),
    Step(
        "load",
        "--find-knee --p99 50ms --rate 100 --seconds 1",
        "--find-knee --p99 10ms --seconds 5",
        "--find-knee --p99 5ms --seconds 15",
        exchange=True,
        is_command=True,
        label="knee",
    ),
    Step("peers", "--messages 2000 --seconds 2", "--messages 20000 --seconds 5", "", needs="normal.bin.xz"),
    Step(
        "recovery",
        "--orders 10000 --commands 20000 --rounds 1",
        "--orders 200000 --commands 500000 --rounds 3",
        "",
    ),
    Step(
        "writer",
        "--events 5000 --rate 5000 --seconds 1",
        "",
        "--events 3000000 --seconds 30",
    ),
    Step("durability", "--seconds 1 --rounds 1", "--seconds 3", ""),
    Step(
        "shards",
        "--shards 2 --rate 200 --seconds 2 --rounds 1",
        "--seconds 8 --rounds 1",
        "--seconds 30 --rounds 3",
    ),
    Step("history", "--trades 80000 --requests 20", "--trades 800000", ""),
    Step("flow", "--seconds 1", "--seconds 5", "--seconds 20"),
    Step("realism", "FOLDER/flow.toml", "FOLDER/flow.toml", "FOLDER/flow.toml", before="calibrate -o FOLDER/flow.toml"),
)


def steps() -> list[Step]:
    """Those whose benchmark is there."""
    return [step for step in STEPS if step.is_there]


def named(names: list[str]) -> list[Step]:
    """The steps of these names; ValueError if one has no such name."""
    known = {step.name: step for step in steps()}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no benchmark {', '.join(unknown)} among {', '.join(known)}")
    return [known[name] for name in names]
