"""What the processes of a load say to each other: jobs one way, what they are doing and what became of it the other."""

from dataclasses import dataclass
from enum import StrEnum

from bench.load.outcome.tally import Columns
from bench.load.plan.markets import Market
from bench.load.plan.orders import Orders
from bench.load.targets.api import Account, Address


class Target(StrEnum):
    REST = "rest"
    ORDER_ENTRY = "ws"
    LOG = "log"


@dataclass(frozen=True)
class Job:
    """What one process sends. Of REST and order entry `closed_seconds` above 0 makes the loop a closed one."""

    target: Target
    address: Address
    accounts: list[Account]
    markets: list[Market]
    orders: Orders
    connections: int
    closed_seconds: float
    in_flight: int
    patience: float  # seconds that answers are waited for after the last order
    start_ms: int  # when the run is going to begin, about: what is signed says so
    redis: str = ""  # of the log
    block: int = 0  # commands, at most


@dataclass(frozen=True)
class Ready:
    """All bytes are made and all connections open; the answer is the start, in nanoseconds of the monotonic clock."""


@dataclass(frozen=True)
class Progress:
    sent: int
    answered: int
    refused: int
    latencies_ns: list[int]  # since the last one


@dataclass(frozen=True)
class Done:
    columns: Columns
    end_ns: int  # of the run, when nothing was waited for any longer
    cpu_seconds: float
    seconds: float


@dataclass(frozen=True)
class Failed:
    message: str


STOP = "stop"  # to a process: no more orders; report what became of those that were sent
