"""The side-by-side bench: what it plays, and that it notices other trades than ours. No peer is installed here."""

import pytest

from bench.conformance.flow import read_flow
from bench.peers import __main__ as peers
from bench.peers import adapters
from tests.book.obvious import ObviousBook
from tests.book.test_conformance import shared

MESSAGES = 3_000


class Obvious(adapters.Peer):
    """The obvious book as a peer."""

    def __init__(self) -> None:
        super().__init__()
        self._book = ObviousBook()

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        before = len(self._book.lines)
        self._book.apply(adapters.NEW, 0, side, ioc, order_id, price, quantity)
        for line in self._book.lines[before:]:
            if line.startswith("1,"):
                at, lots, maker, taker = (int(word) for word in line.split(",")[2:])
                self.trades.append((at, lots, maker, taker))

    def cancel(self, order_id: int) -> bool:
        is_open = order_id in self._book.orders
        if is_open:
            self._book.apply(adapters.CANCEL, 0, 0, 0, order_id, 0, 0)
        return is_open


def test_a_right_peer_gives_our_trades() -> None:
    messages = read_flow(shared() / "swing-40.bin.xz").messages[:MESSAGES]
    peer = Obvious()
    played, seconds = adapters.play(peer, list(adapters.MESSAGE.iter_unpack(messages.tobytes())), 60.0)
    assert played == MESSAGES and seconds > 0
    ours = peers.our_trades(messages)[0]
    assert len(ours) > 20
    assert peers.compare(ours, [list(trade) for trade in peer.trades]) == "same trades"


def test_another_trade_is_named() -> None:
    ours = [[100, 5, 1, 2], [101, 3, 4, 2]]
    assert "trade 1 differs" in peers.compare(ours, [ours[0], [101, 3, 5, 2]])
    assert peers.compare(ours, ours[:1]) == "1 trades, right are 2"


def test_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        peers.parse(["nobody"])
    assert "known are liquibook" in capsys.readouterr().err
