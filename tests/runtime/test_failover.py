"""Redis Sentinel and Redis Cluster: the primary of the log dies under load, another one is promoted, trading goes on.

Real servers, sentinels and engines. Each acknowledged order is in the log of whoever is primary at the end, once.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from engine_core.host.external import ExternalError, check_redis
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import Gateway, Overloaded
from engine_core.transport.primary import async_redis_of, redis_of
from engine_core.transport.redis_connection import Connection
from engine_core.wire.codes import EventKind, QueryKind, Side
from engine_core.wire.streams import pack
from tests.clusters import Cluster
from tests.runtime.rig import assert_mirrored, engine, place, setup
from tests.runtime.trader import Trader, accepted, check_all_there
from tests.sentinels import NAME, PASSWORD, PATIENCE_SECONDS, Sentinels, until

pytestmark = pytest.mark.timeout(1200)  # a sentinel that stood still does nothing for half a minute


@pytest.fixture(scope="module", params=[Sentinels, Cluster])
def servers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Sentinels]:
    """One set of each kind for this file; whoever kills a server revives it, and `empty` what a failed test left."""
    with request.param(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def empty(servers: Sentinels) -> Sentinels:
    servers.revive_all()
    with servers.client(servers.primary) as client:
        client.flushall()
    return servers


@contextlib.contextmanager
def primary_of(servers: Sentinels) -> Iterator[redis.Redis]:
    with redis.Redis(port=servers.primary, password=PASSWORD, socket_timeout=30) as client:
        yield client


async def test_a_primary_that_is_killed_costs_no_acknowledged_order(empty: Sentinels, runtime: Path) -> None:
    """Three times, under load; the one that was killed follows the new one, and may be next."""
    servers = empty
    with engine(servers.url, runtime):
        with Gateway(servers.url, answer_seconds=PATIENCE_SECONDS) as gateway:
            await asyncio.to_thread(gateway.execute, setup())
        async with contextlib.AsyncExitStack() as stack:
            out = await AsyncGateway.open(servers.url, runtime, 0, 1)
            stack.push_async_callback(out.close)
            trader, pauses = Trader(out), []
            for _ in range(3):
                await trader.more(50)
                killed = await asyncio.to_thread(servers.kill_primary)
                with servers.promotion(killed) as promotion:
                    await asyncio.to_thread(servers.until_promoted, killed)
                    await trader.more(1)
                    pauses.append(promotion.seconds_since())
                await trader.more(50)
                await asyncio.to_thread(servers.revive, killed)
            await trader.stop()
            _, balances = await out.query(QueryKind.BALANCES, account=2)
    with primary_of(servers) as client:
        machine = assert_mirrored(client)
        found = accepted(client)
    check_all_there(found, trader.answered)
    assert machine.log_id and len(balances) == 2
    assert max(pauses) < 5, f"seconds from each promotion that held to the next answer: {pauses}"


async def test_what_replicas_lack_is_given_back_by_the_engine(empty: Sentinels, runtime: Path) -> None:
    """The replicas are dead while orders are acknowledged; then the primary dies, and they come back without these."""
    servers = empty
    with engine(servers.url, runtime) as process:
        with Gateway(servers.url, answer_seconds=PATIENCE_SECONDS) as gateway:
            await asyncio.to_thread(gateway.execute, setup())
        out = await AsyncGateway.open(servers.url, runtime, 0, 1)
        trader = Trader(out)
        await trader.more(10)
        primary = servers.primary
        others = [port for port in servers.ports if port != primary]
        for port in others:
            servers.kill(port)
        await trader.more(30)
        await trader.stop()
        servers.kill(primary)
        for port in others:
            servers.start(port, primary)
        await asyncio.to_thread(servers.until_promoted, primary)
        trader_after = Trader(out, after=trader.sent)
        await trader_after.more(10)
        await trader_after.stop()
        await out.close()
        with primary_of(servers) as client:
            assert_mirrored(client)
            found = accepted(client)
        process.kill()
        assert "appending them again" in process.communicate()[1]
    check_all_there(found, {**trader.answered, **trader_after.answered})
    await asyncio.to_thread(servers.revive, primary)


async def test_a_primary_that_only_stands_still_is_left(empty: Sentinels, runtime: Path) -> None:
    """Its host answers for it, so no connection ends: engine and gateway look who is primary by themselves."""
    servers = empty
    with engine(servers.url, runtime):
        with Gateway(servers.url, answer_seconds=PATIENCE_SECONDS) as gateway:
            await asyncio.to_thread(gateway.execute, setup())
        out = await AsyncGateway.open(servers.url, runtime, 0, 1)
        trader = Trader(out)
        await trader.more(20)
        hung = servers.primary
        servers.pause(hung)
        try:
            await asyncio.to_thread(servers.until_promoted, hung)
            await trader.more(20)
        finally:
            servers.go_on(hung)
        await asyncio.to_thread(servers.until_whole)
        await trader.more(20)
        await trader.stop()
        await out.close()
    with primary_of(servers) as client:
        assert_mirrored(client)
        found = accepted(client)
    check_all_there(found, trader.answered)


def test_an_engine_on_a_replica_says_what_to_do(servers: Sentinels, runtime: Path) -> None:
    servers.until_whole()
    primary = servers.primary
    replica = next(port for port in servers.ports if port != primary)
    with engine(servers.url_of(replica), runtime, wait=False) as process:
        said = process.communicate(timeout=PATIENCE_SECONDS)[1]
    assert process.returncode == 1
    assert f"its primary is 127.0.0.1:{primary}: name that one, or the sentinels" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("servers", [Cluster], indirect=True)
def test_a_node_of_a_cluster_that_is_named_as_a_server_says_what_to_do(servers: Cluster, runtime: Path) -> None:
    with engine(servers.url_of(servers.others[0]), runtime, wait=False) as process:
        said = process.communicate(timeout=PATIENCE_SECONDS)[1]
    assert process.returncode == 1 and "use redis+cluster://" in said and "Traceback" not in said
    servers.until_whole()
    with pytest.raises(ExternalError, match=r"is a node of a cluster: name some of its nodes, redis\+cluster://"):
        check_redis(servers.url_of(servers.primary), "everysec")
    check_redis(servers.url, "everysec", replicas=2)


def test_a_connection_whose_server_was_demoted_ends(fresh_valkey: str) -> None:
    """What it was asked to write is refused by a replica for ever: whoever holds the connection must look again."""
    with redis.Redis.from_url(fresh_valkey) as client, contextlib.closing(Connection(fresh_valkey, 30)) as connection:
        client.replicaof("127.0.0.1", "9")
        connection.send([pack(b"XADD", b"log", b"*", b"b", b"1")])
        with pytest.raises(redis.ConnectionError, match="not the primary"):
            connection.receive()
        client.replicaof("NO", "ONE")


def test_whoever_waits_at_a_server_that_is_demoted_is_told(fresh_valkey: str) -> None:
    with redis.Redis.from_url(fresh_valkey) as client, contextlib.closing(Connection(fresh_valkey, 30)) as connection:
        connection.send([pack(b"XREAD", b"BLOCK", b"0", b"STREAMS", b"log", b"0")])
        until(lambda: client.info("clients")["blocked_clients"] == 1, "nobody waits")  # type: ignore[index]
        client.replicaof("127.0.0.1", "9")
        with pytest.raises(redis.ConnectionError):
            connection.receive()
        client.replicaof("NO", "ONE")


async def test_clients_find_the_primary_and_leave_nothing_open(servers: Sentinels) -> None:
    servers.until_whole()
    with redis_of(servers.url, protocol=2) as client:
        assert client.execute_command("ROLE")[0] == b"master"
        port = client.connection_pool.get_master_address()[1]  # type: ignore[attr-defined]
    assert port == servers.primary
    async with async_redis_of(servers.url, protocol=2) as following:
        assert (await following.execute_command("ROLE"))[0] == b"master"


@pytest.mark.parametrize("servers", [Sentinels], indirect=True)
def test_a_name_that_the_sentinels_do_not_know_is_a_server_that_is_away(servers: Sentinels) -> None:
    url = servers.url.replace(f"/{NAME}", "/nothing")
    with redis_of(url) as client, pytest.raises(redis.ConnectionError, match="No master found for 'nothing'"):
        client.ping()


@pytest.mark.parametrize("url", ["redis+sentinel://127.0.0.1:1/log", "redis+cluster://127.0.0.1:1,127.0.0.1:2"])
async def test_nobody_to_ask_is_a_server_that_is_away(url: str) -> None:
    with redis_of(url) as client, pytest.raises(redis.ConnectionError, match="No master found"):
        client.ping()
    async with async_redis_of(url) as following:
        with pytest.raises(redis.ConnectionError, match="No master found"):
            await following.ping()


async def test_a_primary_without_the_replicas_that_it_must_have_takes_no_orders(
    fresh_valkey: str, runtime: Path
) -> None:
    """`min-replicas-to-write`, the fence of a primary that is cut off: a refusal with the reason, then it goes on."""
    with engine(fresh_valkey, runtime), redis.Redis.from_url(fresh_valkey) as client:
        with Gateway(fresh_valkey, answer_seconds=PATIENCE_SECONDS) as gateway:
            await asyncio.to_thread(gateway.execute, setup())
        out = await AsyncGateway.open(fresh_valkey, runtime, 0, 1)
        client.config_set("min-replicas-to-write", "1")
        with pytest.raises(Overloaded, match="Not enough good replicas"):
            await out.submit(place(Side.BID, 100, 1).tobytes())
        client.config_set("min-replicas-to-write", "0")
        events = await out.submit(place(Side.BID, 100, 1).tobytes())
        assert events[0]["kind"] == EventKind.ACCEPTED
        await out.close()
        assert_mirrored(client)
