"""Whatever comes for thousands of connections at once, the event loop does it a little at a time, live frames first."""

import asyncio
import gc
import json

from websockets.exceptions import WebSocketException
from websockets.server import ServerProtocol

from egress.hub import SLICE_CLIENTS, Hub, Item, Subscriber
from egress.intake import ENDS_OF_TURN, Intake
from egress.names import Kind, Stream
from egress.server import Connection
from egress.session import Session
from tests.egress.rig import Rig, running, signature

TRADE, TICKER = Stream(Kind.TRADE, "A_B"), Stream(Kind.TICKER, "A_B")


class Written:
    """A socket that notes what it is given, and when in the order of all sockets."""

    def __init__(self, log: list["Written"]) -> None:
        self.log, self.data = log, b""

    def write(self, data: bytes) -> None:
        self.log.append(self)
        self.data += data

    def congested(self) -> bool:
        return False

    def drop(self, reason: str) -> None:
        raise AssertionError(reason)


def crowd(hub: Hub, log: list[Written], size: int, *streams: Stream) -> list[tuple[Subscriber, Written]]:
    made = []
    for _ in range(size):
        ours = Written(log)
        client = hub.connect(ours)
        hub.add_names(client, {f"{stream.kind.value}.A_B": stream for stream in streams})
        made.append((client, ours))
    return made


async def written(log: list[Written], count: int) -> None:
    while len(log) < count:
        await asyncio.sleep(0)


async def test_live_frames_do_not_wait_for_those_that_come_due_for_everybody() -> None:
    hub, log = Hub(), list[Written]()
    crowd(hub, log, 3 * SLICE_CLIENTS, TICKER)
    [(_, trader)] = crowd(hub, log, 1, TRADE)
    for number in range(3):
        hub.collect = lambda number=number: [  # type: ignore[misc]
            Item(TICKER, b"day%d" % number, newest=True),
            Item(TRADE, b"bought%d" % number),
        ]
        before = len(log)
        hub.tick()
        assert trader in log[before:]
        if number == 0:
            assert log[0] is trader and len(log) == 1 + SLICE_CLIENTS
    await written(log, 3 * (3 * SLICE_CLIENTS + 1))
    assert trader.data.count(b"bought") == 3
    for each in set(log) - {trader}:
        places = [each.data.index(b"day%d" % number) for number in range(3)]
        assert places == sorted(places) and each.data.count(b"day") == 3


async def test_a_client_that_changes_what_it_hears_has_all_that_came_before() -> None:
    hub, log = Hub(), list[Written]()
    everybody = crowd(hub, log, 4 * SLICE_CLIENTS, TICKER)
    hub.collect = lambda: [Item(TICKER, b"ticker", newest=True)]
    hub.tick()
    hub.collect = tuple
    waiting = [(client, ours) for client, ours in everybody if not ours.data]
    (leaves, left), (changes, changed), (ends, ended), *_ = waiting
    hub.remove_names(leaves, ["ticker.A_B"])
    assert left.data.count(b"ticker") > 0  # before UNSUBSCRIBE is answered
    hub.add_names(changes, {"trade.A_B": TRADE})
    hub.disconnect(ends)
    hub.tick()
    await written(log, len(everybody) - 1)
    assert changed.data == left.data and not ended.data
    assert all(ours.data == left.data for client, ours in everybody if client is not ends)
    assert len(log) == len(everybody) - 1


async def test_connections_end_a_few_at_a_time() -> None:
    intake, over = Intake(), list[int]()
    for number in range(3 * ENDS_OF_TURN):
        intake.end(lambda number=number: over.append(number))  # type: ignore[misc]
    assert over == list(range(ENDS_OF_TURN))
    turns = 0
    while len(over) < 3 * ENDS_OF_TURN:
        await asyncio.sleep(0)
        turns += 1
        assert len(over) <= (turns + 1) * ENDS_OF_TURN
    assert over == list(range(3 * ENDS_OF_TURN))


def kept() -> int:
    """Of what each connection has."""
    kinds = (Connection, ServerProtocol, Session, Subscriber)
    return sum(type(each) in kinds for each in gc.get_objects())


def end_all(rig: Rig) -> None:
    """Apart from `visit`, whose frame, with all that it names, is kept by the exception that its client raises."""
    for session in list(rig.server._sessions):
        session.end("told to go")


async def visit(rig: Rig) -> None:
    """Connections that end in every way that there is."""
    async with rig.listen() as polite:
        await polite.subscribe("trade.SOL_USDC")
    async with rig.listen() as private:
        await private.subscribe("account.orderUpdate", "account.balanceUpdate", signature=signature(2))
    async with rig.listen() as dropped:
        await dropped.subscribe("depth.1000ms.SOL_USDC")
        end_all(rig)
        await dropped.socket.wait_closed()
    async with rig.listen() as rude:
        await rude.subscribe("trade.SOL_USDC", "ticker.SOL_USDC")
        rude.socket.transport.abort()
    async with rig.listen() as wrong:
        await wrong.socket.send(json.dumps("x" * 200_000))  # too long
        await wrong.socket.wait_closed()
    try:
        async with rig.listen("/nowhere"):
            raise AssertionError("there are no streams there")
    except WebSocketException:
        pass
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"PROXY TCP4 a b 1 2\r\n", b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port)
        writer.write(said)
        writer.write_eof()
        await reader.read()
        writer.close()
        await writer.wait_closed()


async def test_nothing_of_a_connection_is_left_for_garbage_collection() -> None:
    """It never looks at connections: that would stop everything for as long as it takes (Egress._keep)."""
    async with running() as rig:
        gc.collect()
        gc.disable()
        try:
            before = kept()
            for _ in range(3):
                await visit(rig)
            async with asyncio.timeout(60):
                while rig.hub.clients or kept() > before:
                    await asyncio.sleep(0.01)
            assert rig.server.crowd.connections == rig.server.crowd.turned_away == 0
        finally:
            gc.enable()
