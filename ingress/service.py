"""What the operations of the API work on, and the request that each of them gets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from engine_core.replica.market_data import MarketData
from engine_core.replica.setup import Setup
from ingress.access.authenticator import Authenticator, Caller
from ingress.access.rate_limits import RateLimiter
from ingress.arrival import Arrivals
from ingress.config import IngressConfig
from ingress.engine import Engine
from ingress.health import Health
from ingress.history.reader import History
from ingress.messages import Call
from ingress.operations.order_books import OrderBooks
from ingress.processes import Processes
from ingress.requests.fields import Fields
from ingress.requests.signed_json import Members
from ingress.shards.mirror import Mirror
from ingress.shards.mover import Mover
from ingress.shards.router import Shards
from ingress.users.guard_rows import GuardedUsers

NOBODY = Caller(0)
# The answer to the placement that has these events, where a kernel has written it (fast_path/shown_orders.py).
Shown = Callable[[np.ndarray], bytes | None]


class Several(NamedTuple):
    """What a venue with several shards has besides."""

    shards: Shards
    mover: Mover
    mirror: Mirror


@dataclass(frozen=True, slots=True)
class Service:
    config: IngressConfig
    engine: Engine
    market_data: MarketData
    history: History
    auth: Authenticator
    health: Health
    users: GuardedUsers
    limits: RateLimiter | None  # None: nobody is limited
    order_books: OrderBooks = field(default_factory=OrderBooks)
    arrivals: Arrivals = field(default_factory=Arrivals)
    processes: Processes = field(default_factory=Processes)
    shown: Shown | None = None
    several: Several | None = None  # None: there is one shard

    @property
    def setup(self) -> Setup:
        return self.market_data.setup


class Request(NamedTuple):
    """A call whose credentials are checked. `fields` are its query parameters or the members of its JSON object."""

    call: Call
    caller: Caller
    fields: Fields
    items: list[Members]  # of a batch
