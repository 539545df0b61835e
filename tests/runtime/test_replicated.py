"""durability = "replicated": nothing leaves the engine before so many replicas have it.

Real servers and engines, without sentinels where nobody is promoted. `held` is what the engine says meanwhile.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.backlog import Backlog
from engine_core.transport.feed import Feed
from engine_core.transport.gateway import Gateway, OutcomeUnknown, Overloaded
from engine_core.transport.replicated import end_of
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Side
from engine_core.wire.streams import EntryId
from tests.processes import process
from tests.runtime.rig import NAMES, ORDERS, assert_mirrored, engine, place, room_for, setup
from tests.runtime.trader import Trader, accepted, check_all_there
from tests.sentinels import PASSWORD, PATIENCE_SECONDS, Sentinels, until

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Sentinels]:
    """A primary and two replicas, which nobody watches."""
    with Sentinels(tmp_path, sentinels=0) as running:
        yield running


def replicated(folder: Path, replicas: int) -> str:
    """A configuration file."""
    text = Path(room_for(folder, ORDERS)).read_text(encoding="utf-8")
    for before, after in (
        ('\ndurability = "everysec"', '\ndurability = "replicated"'),
        ("\nreplicas = 0 ", f"\nreplicas = {replicas} "),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path = folder / f"replicated-{replicas}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@contextlib.contextmanager
def set_up(url: str, folder: Path, replicas: int, *options: str) -> Iterator[Any]:
    """An engine that waits for so many, with a market and accounts."""
    with engine(url, folder, *options, EXCHANGE_CONFIG=replicated(folder, replicas)) as process:
        with Gateway(url, answer_seconds=PATIENCE_SECONDS) as gateway:
            gateway.execute(setup())
        yield process


@contextlib.asynccontextmanager
async def gateway_of(url: str, folder: Path | None, number: int = 1, **options: Any) -> AsyncIterator[AsyncGateway]:
    gateway = await AsyncGateway.open(url, folder, 0, number, **options)
    try:
        yield gateway
    finally:
        await gateway.close()


@contextlib.contextmanager
def client_at(port: int) -> Iterator[Any]:
    with redis.Redis(port=port, password=PASSWORD, socket_timeout=30, protocol=2) as client:
        yield client


def held(client: Any) -> str:
    return (client.get(NAMES.held) or b"").decode()


class Watcher:
    """Reads the events by the stream, as another host does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen: list[EntryId] = []

    async def __aenter__(self) -> "Watcher":
        self._feed = await Feed.open(self._url, None)
        self._task = asyncio.create_task(self._follow())
        return self

    async def _follow(self) -> None:
        async for _ in self._feed:
            self.seen.append(self._feed.position)

    async def __aexit__(self, *_: object) -> None:
        await self._feed.close()
        await self._task


def stored_orders(database: "psycopg.Connection[Any]") -> int:
    (count,) = database.execute("select count(*) from orders").fetchone() or (0,)
    return int(count)


async def soon(condition: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(until, condition, what)


async def test_nothing_leaves_while_replicas_stand_still(
    servers: Sentinels, runtime: Path, tmp_path: Path, postgres: str
) -> None:
    primary, *replicas = servers.ports
    url = servers.url_of(primary)
    environment = {"DATABASE_URL": postgres, "REDIS_URL": url, "EXCHANGE_DATA": str(tmp_path)}
    async with contextlib.AsyncExitStack() as stack:
        client = stack.enter_context(client_at(primary))
        stack.enter_context(set_up(url, runtime, 2))
        environment |= {"EXCHANGE_RUNTIME": str(runtime), "EXCHANGE_CONFIG": replicated(runtime, 2)}
        stack.enter_context(process("persistence", environment, tmp_path))
        database = stack.enter_context(psycopg.connect(postgres, autocommit=True))
        stored = partial(stored_orders, database)
        out = await stack.enter_async_context(gateway_of(url, runtime, backlog=Backlog()))
        far = await stack.enter_async_context(gateway_of(url, None, 2))
        watcher = await stack.enter_async_context(Watcher(url))
        await out.submit(place(Side.BID, 100, 1).tobytes())
        await soon(lambda: stored() == 1 and len(watcher.seen) == 1, "the first order never came out")

        for port in replicas:
            servers.pause(port)
        answers = [each.submit(place(Side.BID, 100, 1).tobytes()) for each in (out, far)]
        question = asyncio.create_task(out.query(QueryKind.BALANCES, account=2))
        await soon(lambda: "2 replicas, 0 are there" in held(client), "the engine does not say what it waits for")
        await soon(lambda: "0 are there" in out.pressure, "the gateway does not know")
        with pytest.raises(Overloaded, match="the engine is waiting for 2 replicas, 0 are there"):
            out.submit(place(Side.BID, 100, 1).tobytes())
        assert not any(answer.done() for answer in (*answers, question)), "an answer left"
        assert len(watcher.seen) == 1 and stored() == 1, "an event left"

        servers.go_on(replicas[0])
        await soon(lambda: "2 replicas, 1 is there" in held(client), "the engine does not count the one that is back")
        assert not any(answer.done() for answer in (*answers, question)), "an answer left with one replica of two"
        servers.go_on(replicas[1])
        for answer in answers:
            assert (await answer)[0]["kind"] == EventKind.ACCEPTED
        _, balances = await question
        assert int(balances["locked"].sum()) == 300, "the answer is of what was asked before"
        await soon(lambda: stored() == 3 and held(client) == "" and not out.pressure, "it does not go on by itself")
        assert (await out.submit(place(Side.BID, 100, 1).tobytes()))[0]["kind"] == EventKind.ACCEPTED
        await asyncio.to_thread(assert_mirrored, client)


async def test_whatever_is_seen_is_on_all_replicas_by_then(servers: Sentinels, runtime: Path) -> None:
    """One of them stands still again and again, and is behind then."""
    primary, *replicas = servers.ports
    url = servers.url_of(primary)
    checked = [0, 0]

    def blink() -> None:  # in a thread: what is seen meanwhile is checked when that replica answers again
        servers.pause(replicas[0])
        time.sleep(0.02)
        servers.go_on(replicas[0])

    def check(number: int, entry: EntryId) -> None:
        for at in clients:
            for name in (NAMES.orders, NAMES.events):
                top = EntryId.parse(at.xinfo_stream(name)["last-generated-id"])
                assert top >= entry, f"{name} of a replica ends at {top}, and {entry} was seen already"
        checked[number] += 1

    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(set_up(url, runtime, 2))
        clients = [stack.enter_context(client_at(port)) for port in replicas]
        gateways = [
            await stack.enter_async_context(gateway_of(url, folder, at)) for at, folder in ((1, runtime), (2, None))
        ]
        for number, gateway in enumerate(gateways):

            def seen(slots: np.ndarray, number: int = number) -> None:
                check(number, EntryId(int(slots["entry_ms"][-1]), int(slots["entry_seq"][-1])))

            gateway.on_events.append(seen)
        traders = [Trader(gateway, after=100_000 * at) for at, gateway in enumerate(gateways)]
        for _ in range(20):
            await asyncio.to_thread(blink)
            await traders[0].more(5)
            await traders[1].more(5)
        for trader in traders:
            await trader.stop()
        with client_at(primary) as client:
            assert_mirrored(client)
    assert min(checked) > 20


async def test_a_host_dies_with_the_primary_and_the_engine_on_it(tmp_path: Path, runtime: Path) -> None:
    """kill -9 of both at once, under load; a standby on another host goes on with the promoted replica, in 5 s."""
    there, here = runtime / "there", runtime / "here"
    there.mkdir()
    here.mkdir()
    with Sentinels(tmp_path) as servers, contextlib.ExitStack() as engines:
        doomed = engines.enter_context(set_up(servers.url, there, 1))
        standby = engine(servers.url, here, "--standby", EXCHANGE_CONFIG=replicated(here, 1))
        engines.enter_context(standby)
        async with gateway_of(servers.url, None) as out:
            trader = Trader(out)
            await trader.more(100)
            killed = servers.primary
            doomed.kill()
            servers.kill(killed)
            with servers.promotion(killed, replicas=1) as promotion:
                await asyncio.to_thread(servers.until_promoted, killed)
                await trader.more(1)
                took = promotion.seconds_since()
            await trader.more(50)
            await asyncio.to_thread(servers.revive, killed)
            await trader.more(50)
            await trader.stop()
        with client_at(servers.primary) as client:
            assert_mirrored(client)
            found = accepted(client)
    check_all_there(found, trader.answered)
    assert took < 5, f"{took:.1f} s from the promotion that held to the first answer"


async def test_what_was_not_replicated_is_missed_by_nobody(tmp_path: Path, runtime: Path) -> None:
    """The engine has executed and noted it, and dies with the primary: the same folder goes on without it."""
    with Sentinels(tmp_path) as servers:
        primary = servers.primary
        replicas = [port for port in servers.ports if port != primary]
        with set_up(servers.url, runtime, 1) as process:
            async with gateway_of(servers.url, runtime) as out:
                await out.submit(place(Side.BID, 100, 1).tobytes())
                await asyncio.to_thread(servers.until_level)
                for port in replicas:
                    servers.kill(port)
                answer = out.submit(place(Side.BID, 100, 1).tobytes())
                with client_at(primary) as client:
                    await soon(lambda: "0 are there" in held(client), "the engine does not wait")
                process.kill()
                servers.kill(primary)
                for port in replicas:
                    servers.start(port, primary)
                await asyncio.to_thread(servers.until_promoted, primary)
                with engine(servers.url, runtime, EXCHANGE_CONFIG=replicated(runtime, 1)):
                    assert (await out.submit(place(Side.BID, 100, 1).tobytes()))[0]["kind"] == EventKind.ACCEPTED
                    await asyncio.wait([answer])
                    assert (
                        isinstance(answer.exception(), OutcomeUnknown)
                        or answer.result()[0]["kind"] == EventKind.ACCEPTED
                    )
                    with client_at(servers.primary) as client:
                        await asyncio.to_thread(assert_mirrored, client)


async def test_an_engine_starts_over_when_the_log_goes_on_without_what_it_executed(
    tmp_path: Path, runtime: Path
) -> None:
    """Nothing of that had left it. Who appends meanwhile is a tool, which looks at no mark."""
    with Sentinels(tmp_path) as servers:
        primary = servers.primary
        replicas = [port for port in servers.ports if port != primary]
        with set_up(servers.url, runtime, 1) as process, Gateway(servers.url_of(primary)) as gateway:
            await asyncio.to_thread(servers.until_level)
            for port in replicas:
                servers.kill(port)
            gateway.append(place(Side.BID, 100, 1))
            with client_at(primary) as client:
                await soon(lambda: "0 are there" in held(client), "the engine does not wait")
            process.send_signal(signal.SIGSTOP)
            servers.kill(primary)
            for port in replicas:
                servers.start(port, primary)
            await asyncio.to_thread(servers.until_promoted, primary)
            with Gateway(servers.url, answer_seconds=PATIENCE_SECONDS) as other:
                entry = other.append(admin(CommandKind.DEPOSIT, account=2, asset=1, a=5, b=77))
                process.send_signal(signal.SIGCONT)
                events = await asyncio.to_thread(other.outcome, entry)
            assert events[0]["kind"] == EventKind.APPLIED
            with client_at(servers.primary) as client:
                await asyncio.to_thread(assert_mirrored, client)
            process.kill()
            assert "nothing of it had left this engine" in process.communicate()[1]


def test_an_engine_without_replicas_says_so(fresh_valkey: str, runtime: Path) -> None:
    config = replicated(runtime, 1)
    with engine(fresh_valkey, runtime, EXCHANGE_CONFIG=config), redis.Redis.from_url(fresh_valkey) as client:
        until(lambda: held(client) == "waiting for 1 replica, 0 are there", "the engine does not say so")
        assert client.xlen(NAMES.events) == 1 and end_of(client, NAMES) == EntryId(0, 1)


def test_with_another_durability_everything_may_be_read_again(servers: Sentinels, runtime: Path) -> None:
    url = servers.url_of(servers.ports[0])
    with set_up(url, runtime, 1), client_at(servers.ports[0]) as client:
        assert client.exists(NAMES.replicated)
    for port in servers.ports[1:]:
        servers.kill(port)
    with engine(url, runtime), Gateway(url, answer_seconds=PATIENCE_SECONDS) as gateway:
        gateway.execute(place(Side.BID, 100, 1))
        with client_at(servers.ports[0]) as client:
            assert not client.exists(NAMES.replicated, NAMES.held)
