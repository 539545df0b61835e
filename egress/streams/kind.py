"""What every kind of public stream has: somebody begins or ends to listen, events come in, items go out with a tick.

A kind also decides what a client that reads too slowly is owed (see hub.Item): every item, the newest, or one merged of
all. Nothing runs while nobody listens.
"""

from dataclasses import dataclass
from weakref import WeakValueDictionary

from egress.frames import Texts
from egress.hub import Hub, Item
from egress.names import Stream
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market


class SharedTexts(WeakValueDictionary[int, Texts]):
    """The texts of each market, while any kind of stream uses them."""

    def of(self, market: Market) -> Texts:
        texts = self.get(market.number)
        if texts is None:
            texts = self[market.number] = Texts(market)
        return texts


class StreamKind:
    """One kind of public stream, of all markets. What it does not override costs nothing."""

    def __init__(self, data: MarketData, hub: Hub, texts: SharedTexts) -> None:
        self._data, self._hub, self._texts = data, hub, texts
        self._ready: list[Item] = []  # for the next tick

    def open(self, stream: Stream, market: Market) -> None:
        """Somebody listens."""
        raise NotImplementedError

    def close(self, stream: Stream, market: Market) -> None:
        """Nobody listens any more."""
        raise NotImplementedError

    def apply(self, changes: Changes) -> None:
        """Take in what the replica has learnt."""

    def collect(self) -> list[Item]:
        """What there is to send, at a tick."""
        items, self._ready = self._ready, []
        return items

    @property
    def wants_seconds(self) -> bool:
        return False

    def second(self, now_us: int) -> None:
        """A second has ended. Called only if this kind wants it."""

    def stop(self) -> None:
        """The process ends."""

    def _say(self, item: Item) -> None:
        self._ready.append(item)
        self._hub.wake()


@dataclass(slots=True)
class Topic:
    """One market's stream of a kind."""

    stream: Stream
    market: Market
    texts: Texts


class MarketStreams(StreamKind):
    """A kind of which a market has one stream."""

    def __init__(self, data: MarketData, hub: Hub, texts: SharedTexts) -> None:
        super().__init__(data, hub, texts)
        self._topics: dict[int, Topic] = {}  # by market

    def open(self, stream: Stream, market: Market) -> None:
        self._topics[market.number] = Topic(stream, market, self._texts.of(market))

    def close(self, stream: Stream, market: Market) -> None:
        del self._topics[market.number]
