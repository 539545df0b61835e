"""What the operations of the API work on, and the request that each of them gets."""

from dataclasses import dataclass, field
from typing import NamedTuple

from engine_core.replica.market_data import MarketData
from engine_core.replica.setup import Setup
from ingress.auth import Authenticator, Caller
from ingress.call import Call
from ingress.config import IngressConfig
from ingress.engine import Engine
from ingress.fields import Fields
from ingress.health import Health
from ingress.history import History
from ingress.limits import Limits
from ingress.members import Members
from ingress.order_books import OrderBooks
from ingress.user_guards import GuardedUsers

NOBODY = Caller(0)


@dataclass(frozen=True, slots=True)
class Service:
    config: IngressConfig
    engine: Engine
    market_data: MarketData
    history: History
    auth: Authenticator
    health: Health
    users: GuardedUsers
    limits: Limits | None  # None: nobody is limited
    order_books: OrderBooks = field(default_factory=OrderBooks)

    @property
    def setup(self) -> Setup:
        return self.market_data.setup


class Request(NamedTuple):
    """A call whose credentials are checked. `fields` are its query parameters or the members of its JSON object."""

    call: Call
    caller: Caller
    fields: Fields
    items: list[Members]  # of a batch
