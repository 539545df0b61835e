"""Who is subscribed to what, and the tick: every frame is built once per spelling and written once per client.

Clients with the same set of names form an audience; what a tick gives an audience is joined once and written to each
of its clients. A tick runs when something is to be sent, and leaves the event loop at least as much time as it took
itself, so under load ticks grow instead of multiplying. What is sent at the end of a second or a window comes due for
everybody at the same moment: it is written a slice of the clients at a time, behind what other ticks send at once.

A client that reads too slowly (its transport is above its limit) gets a backlog: depth is merged, of tickers the
newest counts, everything else queues up in order; beyond its bound, or for too long, the client is dropped.
No message is ever left out silently. Non-goals: what the messages say (streams/) and sockets (server.py).
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from egress.frames import DepthChange, message
from egress.names import Stream
from engine_core.edge.text_frame import text_frame

BACKLOG_BYTES = 1 << 20
BACKLOG_SECONDS = 30.0
PACED_SECONDS = 0.001  # a tick that took less is not paced
SLICE_CLIENTS = 128  # written to in a row, if they get nothing but what came due for everybody: 1 to 2 ms


class Item(NamedTuple):
    """One event for the subscribers of a topic, and what a client that reads too slowly is owed of such events.

    `newest`: only the last one. `depth`: one of all changes, which `rebuild` makes. Else every one, in order.
    """

    stream: Stream
    data: bytes
    newest: bool = False
    depth: DepthChange | None = None
    rebuild: Callable[[DepthChange], bytes] | None = None


class Frame(NamedTuple):
    """An item under one spelling."""

    name: str
    item: Item
    json: bytes
    wire: bytes


TRY_AGAIN_LATER, POLICY_VIOLATION = 1013, 1008  # why a connection is closed (RFC 6455)


class Socket(Protocol):
    """What the hub needs of a connection."""

    def write(self, data: bytes) -> None: ...

    def congested(self) -> bool: ...

    def drop(self, reason: str, code: int = TRY_AGAIN_LATER) -> None: ...


class Tap(Protocol):
    """Hears topics as JSON texts instead of frames: the publisher on Redis."""

    def put(self, name: str, payload: bytes) -> None: ...


@dataclass(slots=True)
class Backlog:
    since: float
    size: int = 0  # of `frames`, in bytes
    frames: list[bytes] = field(default_factory=list)  # in order
    merged: dict[str, tuple[Item, DepthChange]] = field(default_factory=dict)  # of depth, by name
    newest: dict[str, bytes] = field(default_factory=dict)  # of streams of which only the last counts

    def add(self, frame: Frame) -> None:
        item = frame.item
        if item.depth is not None:
            self._add_depth(frame.name, item, item.depth)
        elif item.newest:
            self.newest[frame.name] = frame.wire
        else:
            self.add_wire(frame.wire)

    def add_wire(self, wire: bytes) -> None:
        self.frames.append(wire)
        self.size += len(wire)

    def _add_depth(self, name: str, item: Item, change: DepthChange) -> None:
        held = self.merged.get(name)
        if held is None:
            copy = DepthChange(change.first_id, change.last_id, change.time_ms)
            copy.add(change)
            self.merged[name] = item, copy
        else:
            held[1].add(change)

    def drain(self) -> bytes:
        depth = [
            text_frame(message(name, item.rebuild(change)))
            for name, (item, change) in self.merged.items()
            if item.rebuild is not None
        ]
        return b"".join([*self.frames, *depth, *self.newest.values()])


class Subscriber:
    """One subscriber and what it is owed."""

    __slots__ = ("audience", "backlog", "names", "private", "socket")

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.names: dict[str, Stream] = {}  # public ones, as subscribed
        self.audience: Audience | None = None
        self.backlog: Backlog | None = None
        self.private: list[bytes] = []  # frames of this tick that are its alone


@dataclass(slots=True)
class Delivery:
    """Frames that came due for everybody, as one payload, and the clients who have yet to get them."""

    frames: list[Frame]
    payload: bytes
    clients: set[Subscriber]


@dataclass(slots=True)
class Audience:
    names: frozenset[str]
    clients: set[Subscriber] = field(default_factory=set)
    delivery: Delivery | None = None  # under way


class Hub:
    def __init__(self) -> None:
        self.collect: Callable[[], Iterable[Item]] = tuple  # what this tick sends: streams/public.py
        self.opened: Callable[[Stream], None] = lambda stream: None  # a topic got its first listener
        self.closed: Callable[[Stream], None] = lambda stream: None  # a topic lost its last one
        self.written: Callable[[], None] = lambda: None  # the end of a tick
        self.clients: set[Subscriber] = set()
        self.frames_sent = 0
        self.dropped = 0
        self._audiences: dict[frozenset[str], Audience] = {}
        self._by_name: defaultdict[str, set[frozenset[str]]] = defaultdict(set)  # name: audiences subscribed to it
        self._spellings: defaultdict[str, dict[str, int]] = defaultdict(dict)  # topic: name: clients
        self._taps: dict[str, Tap] = {}
        self._private: set[Subscriber] = set()
        self._changed: set[Subscriber] = set()  # clients with other names than their audience's, until the next tick
        self._timer: asyncio.Handle | None = None
        self._earliest = 0.0
        self._waiting: deque[Audience] = deque()  # for the next slice of their delivery
        self._slice: asyncio.Handle | None = None

    def connect(self, socket: Socket) -> Subscriber:
        client = Subscriber(socket)
        self.clients.add(client)
        return client

    def disconnect(self, client: Subscriber) -> None:
        if client.audience is not None and client.audience.delivery is not None:
            client.audience.delivery.clients.discard(client)
        self.remove_names(client, list(client.names))
        self._changed.discard(client)
        self._move(client, frozenset())
        self._private.discard(client)
        self.clients.discard(client)

    def add_names(self, client: Subscriber, names: Mapping[str, Stream]) -> None:
        for name, stream in names.items():
            if name not in client.names:
                client.names[name] = stream
                self._listen(stream, name, 1)
        self._changed.add(client)

    def remove_names(self, client: Subscriber, names: Iterable[str]) -> None:
        self._catch_up(client)  # none of them is sent after the answer to UNSUBSCRIBE
        for name in names:
            stream = client.names.pop(name, None)
            if stream is not None:
                self._listen(stream, name, -1)
        self._changed.add(client)

    def tap(self, name: str, stream: Stream, tap: Tap) -> None:
        if name not in self._taps:
            self._taps[name] = tap
            self._listen(stream, name, 1)

    def untap(self, name: str, stream: Stream) -> None:
        if self._taps.pop(name, None):
            self._listen(stream, name, -1)

    def send_private(self, client: Subscriber, payload: bytes) -> None:
        """Send one JSON text to one client with the next tick."""
        client.private.append(text_frame(payload))
        self._private.add(client)
        self.wake()

    @property
    def is_awake(self) -> bool:
        """Whether something is to be sent with the next tick."""
        return self._timer is not None

    def wake(self) -> None:
        """There is something to send: run a tick soon."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = self._earliest - loop.time()
            self._timer = loop.call_later(wait, self.tick) if wait > 0 else loop.call_soon(self.tick)

    def tick(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        changed, self._changed = self._changed, set()
        for client in changed:
            self._move(client, frozenset(client.names))
        frames = [frame for item in self.collect() for frame in self._spell(item)]
        due: list[tuple[Audience, list[Frame]]] = []
        for key in set().union(*(self._by_name[frame.name] for frame in frames if frame.name in self._by_name)):
            audience = self._audiences[key]
            own = [frame for frame in frames if frame.name in audience.names]
            if all(frame.item.stream.is_periodic for frame in own):
                due.append((audience, own))
            else:
                self._send(audience, own)
        private, self._private = self._private, set()
        for client in private:
            wires, client.private = client.private, []
            self.frames_sent += len(wires)
            self._write(client, b"".join(wires), (), wires)
        for audience, own in due:
            self._send_in_slices(audience, own)
        self._write_slice()
        self.written()
        took = loop.time() - started
        self._earliest = started + 2 * took if took > PACED_SECONDS else 0.0

    def release(self, client: Subscriber) -> None:
        """The client's transport has room again: send what was held back."""
        if client.backlog is not None:
            backlog, client.backlog = client.backlog, None
            client.socket.write(backlog.drain())

    def _spell(self, item: Item) -> Iterable[Frame]:
        for name in self._spellings.get(item.stream.topic, ()):
            json = message(name, item.data)
            if name in self._taps:
                self._taps[name].put(name, json)
            if name in self._by_name:
                yield Frame(name, item, json, text_frame(json))

    def _send(self, audience: Audience, frames: list[Frame]) -> None:
        self._finish(audience)
        payload = b"".join([frame.wire for frame in frames])
        self.frames_sent += len(frames) * len(audience.clients)
        for client in list(audience.clients):  # as _write() has it, without a call for each
            if client.backlog is None and not client.socket.congested():
                client.socket.write(payload)
            else:
                self._hold_back(client, frames, ())

    def _send_in_slices(self, audience: Audience, frames: list[Frame]) -> None:
        self._finish(audience)
        payload = b"".join([frame.wire for frame in frames])
        self.frames_sent += len(frames) * len(audience.clients)
        audience.delivery = Delivery(frames, payload, set(audience.clients))
        self._waiting.append(audience)

    def _write_slice(self) -> None:
        """To the next few of those who wait; the others after what the event loop has to do otherwise."""
        if self._slice is not None:
            self._slice.cancel()
            self._slice = None
        left = SLICE_CLIENTS
        while self._waiting and left:
            audience = self._waiting[0]
            delivery = audience.delivery
            while delivery is not None and delivery.clients and left:
                self._write(delivery.clients.pop(), delivery.payload, delivery.frames, ())
                left -= 1
            if delivery is None or not delivery.clients:
                audience.delivery = None
                self._waiting.popleft()
        if self._waiting:
            self._slice = asyncio.get_running_loop().call_soon(self._write_slice)

    def _finish(self, audience: Audience) -> None:
        """Nothing overtakes what an audience is still being sent."""
        delivery, audience.delivery = audience.delivery, None
        while delivery is not None and delivery.clients:
            self._write(delivery.clients.pop(), delivery.payload, delivery.frames, ())

    def _catch_up(self, client: Subscriber) -> None:
        """With what its audience is being sent."""
        delivery = client.audience.delivery if client.audience is not None else None
        if delivery is not None and client in delivery.clients:
            delivery.clients.discard(client)
            self._write(client, delivery.payload, delivery.frames, ())

    def _write(self, client: Subscriber, payload: bytes, frames: Iterable[Frame], wires: Iterable[bytes]) -> None:
        """`payload`, which is `frames` and `wires`."""
        if client.backlog is None and not client.socket.congested():
            client.socket.write(payload)
        else:
            self._hold_back(client, frames, wires)

    def _hold_back(self, client: Subscriber, frames: Iterable[Frame], wires: Iterable[bytes]) -> None:
        now = asyncio.get_running_loop().time()
        backlog = client.backlog = client.backlog or Backlog(now)
        for frame in frames:
            backlog.add(frame)
        for wire in wires:
            backlog.add_wire(wire)
        if backlog.size > BACKLOG_BYTES or now - backlog.since > BACKLOG_SECONDS:
            self.dropped += 1
            self.disconnect(client)
            client.socket.drop("reading too slowly: the queue of this connection is full")

    def _move(self, client: Subscriber, key: frozenset[str]) -> None:
        old = client.audience
        if old is not None:
            self._catch_up(client)
            old.clients.discard(client)
            if not old.clients:
                del self._audiences[old.names]
                for name in old.names:
                    self._by_name[name].discard(old.names)
                    if not self._by_name[name]:
                        del self._by_name[name]
        client.audience = None
        if key:
            client.audience = self._audiences.setdefault(key, Audience(key))
            client.audience.clients.add(client)
            for name in key:
                self._by_name[name].add(key)

    def _listen(self, stream: Stream, name: str, step: int) -> None:
        topic = stream.topic
        new = topic not in self._spellings
        names = self._spellings[topic]
        names[name] = names.get(name, 0) + step
        if names[name] == 0:
            del names[name]
        if not names:
            del self._spellings[topic]
            self.closed(stream)
        elif new:
            self.opened(stream)
