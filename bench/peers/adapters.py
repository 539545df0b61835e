"""One peer plays a conformance flow: run by bench.peers with the Python that has the peer installed.

    python adapters.py NAME FLOW SECONDS

FLOW holds bare 40-byte messages. Prints one JSON object: how many messages were played within SECONDS, the time they
took, and every trade as [price, quantity, maker, taker]. The messages are plain tuples before the clock starts. A peer
without immediate-or-cancel orders cancels the remainder itself; a modify is a cancel and a new order, as the flow
defines it. Standard library only, since the peer's environment has nothing else.
"""

import json
import logging
import struct
import sys
import time
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

MESSAGE = struct.Struct("<BBBxIQQqq")
NEW, CANCEL, MODIFY = 0, 1, 2
BUY = 0
LOOK_AT_CLOCK = 64  # messages


class Peer:
    """What a peer must do. Ids are the flow's; `trades` is filled in the order of the trades."""

    def __init__(self) -> None:
        self.trades: list[tuple[int, int, int, int]] = []

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        raise NotImplementedError

    def cancel(self, order_id: int) -> bool:
        """Whether the order was resting."""
        raise NotImplementedError


class OrderlyChaos(Peer):
    def __init__(self) -> None:
        super().__init__()
        self._module: Any = import_module("orderly_chaos")
        self._book = self._module.LimitOrderBook(on_trade=self._on_trade)
        self._sides = self._module.Side.BUY, self._module.Side.SELL

    def _on_trade(self, trade: Any) -> None:
        self.trades.append((trade.price, trade.quantity, trade.maker_id, trade.taker_id))

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        if self._book.limit(self._sides[side], order_id, quantity, price) < quantity and ioc:
            self._book.cancel(order_id)

    def cancel(self, order_id: int) -> bool:
        try:
            self._book.cancel(order_id)
        except self._module.UnknownOrderIdError:
            return False
        return True


class Obook(Peer):
    """Buyers are one user and sellers another, so nothing is a self-trade."""

    def __init__(self) -> None:
        super().__init__()
        self._module: Any = import_module("obook")
        self._book = self._module.Book(max_orders=1_000_000)
        self._theirs: dict[int, tuple[int, int]] = {}
        self._ours: dict[int, int] = {}

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        module = self._module
        result = self._book.submit(side + 1, side, price, quantity, tif=module.IOC if ioc else module.GTC)
        self._theirs[order_id] = result.order_id, side + 1
        self._ours[result.order_id] = order_id
        self._fetch()

    def cancel(self, order_id: int) -> bool:
        if order_id not in self._theirs:
            return False
        return bool(self._book.cancel(*self._theirs[order_id]).reason == 0)

    def _fetch(self) -> None:
        kind = self._module.EventKind.TRADE
        for event in self._book.events():
            if event.kind == kind:
                pair = self._ours[event.maker_id], self._ours[event.taker_id]
                self.trades.append((event.price, event.qty, *pair))


class Liquibook(Peer):
    def __init__(self) -> None:
        super().__init__()
        module: Any = import_module("liquibook")
        peer = self

        class Listener(module.OrderListener):  # type: ignore[misc]
            def on_accept(self, order: Any) -> None:
                pass

            on_cancel = on_accept

            def on_cancel_reject(self, order: Any, reason: Any) -> None:
                peer._is_refused = True

            def on_fill(self, taker: Any, maker: Any, quantity: int, price: int) -> None:
                taker.fill(quantity, price, 0)
                maker.fill(quantity, price, 0)
                pair = peer._ours[maker.order_id_], peer._ours[taker.order_id_]
                peer.trades.append((price, quantity, *pair))

        self._module, self._listener, self._is_refused = module, Listener(), False
        self._book = module.DepthOrderBook()
        self._book.set_order_listener(self._listener)
        self._orders: dict[int, Any] = {}
        self._ours: dict[int, int] = {}

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        order = self._module.SimpleOrder(side == BUY, price, quantity)
        self._orders[order_id] = order
        self._ours[order.order_id_] = order_id
        if ioc:
            self._book.add(order, self._module.oc_immediate_or_cancel)
        else:
            self._book.add(order)

    def cancel(self, order_id: int) -> bool:
        if order_id not in self._orders:
            return False
        self._is_refused = False
        self._book.cancel(self._orders[order_id])
        return not self._is_refused


class LightMatchingEngine(Peer):
    def __init__(self) -> None:
        super().__init__()
        self._engine: Any = import_module("lightmatchingengine.lightmatchingengine").LightMatchingEngine()
        self._theirs: dict[int, int] = {}
        self._ours: dict[int, int] = {}

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        order, trades = self._engine.add_order("X", price, quantity, side + 1)
        self._theirs[order_id], self._ours[order.order_id] = order.order_id, order_id
        for trade in trades:
            if trade.order_id != order.order_id:  # its own are sums over makers
                self.trades.append((trade.trade_price, trade.trade_qty, self._ours[trade.order_id], order_id))
        if ioc and order.leaves_qty > 0:
            self._engine.cancel_order(order.order_id, "X")

    def cancel(self, order_id: int) -> bool:
        return order_id in self._theirs and self._engine.cancel_order(self._theirs[order_id], "X") is not None


class PyOrderBook(Peer):
    def __init__(self) -> None:
        super().__init__()
        self._module: Any = import_module("pyorderbook")
        logging.disable()
        self._book = self._module.Book()
        self._orders: dict[int, Any] = {}
        self._ours: dict[Any, int] = {}

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        order = (self._module.bid if side == BUY else self._module.ask)("X", price, quantity)
        self._orders[order_id], self._ours[order.id] = order, order_id
        for trade in self._book.match(order).trades:
            maker = self._ours[trade.standing_order_id]
            self.trades.append((int(trade.fill_price), trade.fill_quantity, maker, order_id))
        if ioc and order.quantity:
            self._book.cancel(order)

    def cancel(self, order_id: int) -> bool:
        try:
            self._book.cancel(self._orders[order_id])
        except KeyError:
            return False
        return True


class OrderMatching(Peer):
    def __init__(self) -> None:
        super().__init__()
        import_module("loguru").logger.remove()
        engine: Any = import_module("order_matching.matching_engine")
        self._order: Any = import_module("order_matching.order").LimitOrder
        self._orders: Any = import_module("order_matching.orders").Orders
        sides: Any = import_module("order_matching.enums").Side
        self._sides = sides.BUY, sides.SELL
        self._engine = engine.MatchingEngine(seed=1)
        self._now = datetime(2024, 1, 1)

    def new(self, order_id: int, side: int, price: int, quantity: int, ioc: int) -> None:
        self._now += timedelta(microseconds=1)
        order = self._order(
            side=self._sides[side],
            price=price,
            size=quantity,
            timestamp=self._now,
            order_id=str(order_id),
            trader_id=str(side),
        )
        self._engine.place(self._orders([order]))
        for trade in self._engine.match(self._now).trades:
            self.trades.append((int(trade.price), int(trade.size), int(trade.book_order_id), order_id))
        if ioc and order.size:
            self._engine.cancel_order(str(order_id))

    def cancel(self, order_id: int) -> bool:
        try:
            self._engine.cancel_order(str(order_id))
        except ValueError:
            return False
        return True


class OrderBook(Peer):
    def __init__(self) -> None:
        super().__init__()
        book = import_module("order_book").OrderBook()
        if not any(hasattr(book, name) for name in ("match", "submit", "place", "add_order")):
            raise NotImplementedError("keeps sizes by price, but has no orders and matches nothing")


PEERS = {
    "liquibook": Liquibook,
    "order-book": OrderBook,
    "orderly-chaos": OrderlyChaos,
    "obook": Obook,
    "order-matching": OrderMatching,
    "lightmatchingengine": LightMatchingEngine,
    "pyorderbook": PyOrderBook,
}


def play(peer: Peer, messages: list[tuple[int, ...]], seconds: float) -> tuple[int, float]:
    """(messages played, seconds)"""
    started, done = time.perf_counter(), 0
    for kind, side, ioc, quantity, _, order_id, price, _ in messages:
        if kind == NEW:
            peer.new(order_id, side, price, quantity, ioc)
        elif peer.cancel(order_id) and kind == MODIFY:
            peer.new(order_id, side, price, quantity, 0)
        done += 1
        if done % LOOK_AT_CLOCK == 0 and time.perf_counter() - started > seconds:
            break
    return done, time.perf_counter() - started


def main() -> int:
    name, path, seconds = sys.argv[1:]
    with open(path, "rb") as file:
        messages = list(MESSAGE.iter_unpack(file.read()))
    try:
        peer = PEERS[name]()
        done, took = play(peer, messages, float(seconds))
    except Exception as error:  # of the peer, whatever it is: its failure is the result
        print(json.dumps({"failure": f"{type(error).__name__}: {error}"}))
        return 0
    print(json.dumps({"messages": done, "seconds": took, "trades": peer.trades}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
