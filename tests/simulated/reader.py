"""A server of market data: the real replica of the books, from one answer of the engine and all events since."""

from collections.abc import Coroutine
from typing import Any

import numpy as np
import redis

from engine_core.replica.market_data import MarketData
from engine_core.wire.codes import QueryKind
from engine_core.wire.log import RESTORE_SECONDS, LogBehind, LogError
from engine_core.wire.queries import Asker, decode_answer, encode_query
from engine_core.wire.streams import keys
from tests.simulated.actors import Host
from tests.simulated.client import SimClient
from tests.simulated.feed import SimFeed

NAMES = keys(0)
AGAIN_SECONDS = 1.0


class Reader:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._asker = Asker(9_000, 0)
        self._questions = 0
        self.feed = SimFeed(host)
        self.data: MarketData | None = None

    def run(self) -> None:
        """Any life of it: it knows nothing, and asks."""
        world = self._host.world
        self.data, behind_since = None, None
        while True:
            try:
                self._connected()
            except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):  # the last: no room for a question
                behind_since = None
            except LogBehind:  # an engine may be about to give back what Redis lost
                behind_since = world.now if behind_since is None else behind_since
                if world.now - behind_since > RESTORE_SECONDS:
                    self.data, behind_since = None, None
            except LogError:  # trimmed while it was away: as a process that begins anew
                self.data = None
            world.wait(seconds=0.1)

    def _connected(self) -> None:
        client: Any = SimClient(self._host.server)
        if self.data is None:
            self._begin(client)
        assert self.data is not None
        self.feed.check(client)
        while True:
            slots = self.feed.take(client)
            if slots is not None:
                self.data.apply(slots)
            self._host.world.wait(seconds=self._host.world.chance.choice((0.001, 0.02, 0.1)))

    def _begin(self, client: Any) -> None:
        self.feed = SimFeed(self._host)
        self.feed.begin(client)

        async def query(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
            return self._ask(client, kind, market)

        handlers: list[Any] = []
        self.data = _result(MarketData.bootstrap(query, handlers))

    def _ask(self, client: Any, kind: QueryKind, market: int) -> tuple[np.void, np.ndarray]:
        """As transport.questions does it: again, until an engine answers; events go on to come meanwhile."""
        answers = self._host.server.published.setdefault(f"{NAMES.answers}{self._asker.gateway}", [])
        while True:
            self._questions += 1
            client.ask(encode_query(self._asker, self._questions, kind, market=market))
            until = self._host.world.now + AGAIN_SECONDS
            while self._host.world.now < until:
                self._host.world.wait(lambda: bool(answers), max(until - self._host.world.now, 0.0))
                while answers:
                    header, records = decode_answer(answers.pop(0))
                    if header["query_id"] == self._questions:
                        return header, records


def _result(coroutine: Coroutine[Any, Any, MarketData]) -> MarketData:
    """Of a coroutine that awaits nothing but what waits here by itself."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        data: MarketData = ended.value
        return data
    raise AssertionError("it waits for something else")
