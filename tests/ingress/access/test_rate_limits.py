"""Rate limits, remembered signatures and connection bounds: what one client may ask, whoever of the workers answers."""

import multiprocessing
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from engine_core.config.addresses import TrustedProxies, network
from engine_core.config.edge_limits import Connections, RateLimits
from engine_core.edge.expiring_set import WAYS, Full, Remembered
from engine_core.edge.refusals import Code
from engine_core.wire.codes import EventKind, Reason
from ingress.access import rate_limits as module
from ingress.access.rate_limits import Cost, RateLimiter
from ingress.errors import ApiError
from ingress.http.connections import FULL, TOO_MANY, Crowd
from tests.ingress.fakes import READER, Exchange, event, open_exchange
from tests.ingress.racing import use

ORDER = "/api/v1/order"
BODY = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "99", "quantity": "1", "clientId": 1}
SECOND = 1_000_000_000


class Clock:
    now = 10**15

    def monotonic_ns(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def rates(**changes: int) -> RateLimits:
    return replace(RateLimits.none(), **changes)


@pytest.fixture
def limits(tmp_path: Path, clock: Clock) -> Iterator[RateLimiter]:
    made = rates(orders_per_second=2, orders_burst=20, cancels_per_second=10, cancels_burst=40, logins_per_minute=3)
    with closing(RateLimiter(tmp_path / "limits", made)) as opened:
        yield opened


def refused(limits: RateLimiter, cost: Cost, account: int, count: int = 1) -> dict[bytes, bytes]:
    with pytest.raises(ApiError) as refusal:
        limits.charge(cost, account, "1.2.3.4", count)
    assert refusal.value.code is Code.TOO_MANY_REQUESTS
    return dict(refusal.value.headers)


def test_a_bucket_empties_and_fills_by_the_clock(limits: RateLimiter, clock: Clock) -> None:
    for left in range(19, -1, -1):
        headers = dict(limits.charge(Cost.ORDERS, 7, "1.2.3.4"))
        assert headers[b"X-RateLimit-Remaining"] == str(left).encode()
    assert headers[b"X-RateLimit-Limit"] == b"20"
    assert headers[b"X-RateLimit-Reset"] == b"10"
    assert refused(limits, Cost.ORDERS, 7)[b"Retry-After"] == b"1"
    assert refused(limits, Cost.ORDERS, 7, 20)[b"Retry-After"] == b"10"
    clock.now += SECOND // 2 - 1
    refused(limits, Cost.ORDERS, 7)
    clock.now += 1
    limits.charge(Cost.ORDERS, 7, "1.2.3.4")
    refused(limits, Cost.ORDERS, 7)
    clock.now += 3600 * SECOND  # never more than the whole bucket
    limits.charge(Cost.ORDERS, 7, "1.2.3.4", 20)
    refused(limits, Cost.ORDERS, 7)


@pytest.mark.parametrize(("count", "size"), [(1, 300), (3, 3_000), (20, 700)])
def test_the_short_way_counts_as_the_general_one(tmp_path: Path, clock: Clock, count: int, size: int) -> None:
    made = rates(orders_per_second=2, orders_burst=20, requests_per_second=5, requests_burst=9)
    with closing(RateLimiter(tmp_path / "one", made)) as short, closing(RateLimiter(tmp_path / "other", made)) as long:
        assert short.may_arrive("1.2.3.4", size)
        headers = short.order(7, "1.2.3.4", count, size)
        long.arrive("1.2.3.4", size)
        assert headers == long.charge(Cost.ORDERS, 7, "1.2.3.4", count)
        assert short.allowance("1.2.3.4") == long.allowance("1.2.3.4")
        assert not short.may_arrive("1.2.3.4", 3_300), "which counts as nine, all that a full bucket has"


def test_the_short_way_counts_nothing_of_what_it_declines(tmp_path: Path, clock: Clock) -> None:
    """The general way counts it, and says why it is refused."""
    made = rates(orders_per_second=2, orders_burst=20, requests_per_second=5, requests_burst=9)
    with closing(RateLimiter(tmp_path / "limits", made)) as limits:
        before = limits.charge(Cost.ORDERS, 7, "1.2.3.4", 0)
        limits.arrive("1.2.3.4", base=8)
        assert limits.order(7, "1.2.3.4", 3, 3_000) is None, "the address has one unit left"
        assert limits.charge(Cost.ORDERS, 7, "1.2.3.4", 0) == before
        limits.charge(Cost.ORDERS, 7, "1.2.3.4", 19)
        left = limits.allowance("1.2.3.4")
        assert limits.order(7, "1.2.3.4", 2) is None, "the account may place one order"
        assert limits.allowance("1.2.3.4") == left


@pytest.mark.parametrize("sizes", [[300], [3_000], [3_000, 300], [300] * 9, [9_000]])
def test_messages_that_come_together_count_as_one_by_one(tmp_path: Path, clock: Clock, sizes: list[int]) -> None:
    made = rates(requests_per_second=5, requests_burst=9)
    with closing(RateLimiter(tmp_path / "one", made)) as short, closing(RateLimiter(tmp_path / "other", made)) as long:
        fits = True
        for size in sizes:
            try:
                long.arrive("1.2.3.4", size)
            except ApiError:
                fits = False
        assert short.arrive_together("1.2.3.4", sizes) is fits
        if fits:
            assert short.allowance("1.2.3.4") == long.allowance("1.2.3.4")
            assert not short.arrive_together("1.2.3.4", [300] * 9)
        else:
            assert dict(short.allowance("1.2.3.4"))[b"X-RateLimit-Remaining"] == b"9", "nothing is counted"


def test_buckets_do_not_know_each_other(limits: RateLimiter) -> None:
    limits.charge(Cost.ORDERS, 7, "1.2.3.4", 20)
    limits.charge(Cost.ORDERS, 8, "1.2.3.4", 20)
    limits.charge(Cost.CANCELS, 7, "1.2.3.4", 40)
    refused(limits, Cost.CANCELS, 7)
    assert limits.charge(Cost.READS, 7, "1.2.3.4") == ()  # has no limit


def test_a_clock_that_began_again_locks_nobody_out(limits: RateLimiter, clock: Clock) -> None:
    limits.charge(Cost.ORDERS, 7, "1.2.3.4", 20)
    clock.now = 5 * SECOND
    limits.charge(Cost.ORDERS, 7, "1.2.3.4", 20)


def test_another_process_counts_on(limits: RateLimiter, tmp_path: Path, clock: Clock) -> None:
    with closing(RateLimiter(tmp_path / "limits", rates(orders_per_second=2, orders_burst=20))) as other:
        for number in range(20):
            (limits, other)[number % 2].charge(Cost.ORDERS, 7, "1.2.3.4")
        refused(limits, Cost.ORDERS, 7)
        refused(other, Cost.ORDERS, 7)


def test_more_clients_than_entries_forget_who_is_full_soonest(limits: RateLimiter, clock: Clock) -> None:
    limits.charge(Cost.ORDERS, 7, "1.2.3.4", 20)
    for account in range(8, 2 * module.SETS * module.WAYS, 3):
        limits.charge(Cost.ORDERS, account, "1.2.3.4")
    refused(limits, Cost.ORDERS, 7)


def test_attempts_to_log_in_count_for_the_address_and_never_for_the_name_alone(limits: RateLimiter) -> None:
    for _ in range(3):
        limits.log_in("alice", "1.2.3.1")
    for name in ("alice", "bob"):
        with pytest.raises(ApiError):
            limits.log_in(name, "1.2.3.1")
    limits.log_in("alice", "1.2.3.9")
    for number in range(9):  # who is right is no burden to the others behind one address
        limits.log_in(f"user{number}", "1.2.3.8")
        limits.logged_in("1.2.3.8")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.2.3.4", "1.2.3.5", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("", "", True),
    ],
)
def test_what_one_address_is(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


@asynccontextmanager
async def aclosing_exchange(page: Path, **changes: Any) -> AsyncIterator[Exchange]:
    exchange = await open_exchange(page, **changes)
    try:
        yield exchange
    finally:
        await exchange.close()


@pytest_asyncio.fixture
async def limited(tmp_path: Path) -> Any:
    made = rates(
        **{f"{kind}_per_second": 1 for kind in ("requests", "orders", "cancels", "reads")},
        **{"requests_burst": 200, "orders_burst": 20, "cancels_burst": 60, "reads_burst": 20},
    )
    async with aclosing_exchange(tmp_path / "dist", rate_limits=made) as exchange:
        yield exchange


async def test_orders_over_the_limit_are_429_while_cancels_pass(limited: Exchange, clock: Clock) -> None:
    for left in range(19, -1, -1):
        limited.gateway.answers.append(event(EventKind.ACCEPTED, price_ticks=9900, quantity_lots=100))
        response = await limited.signed("POST", ORDER, "orderExecute", BODY)
        assert (response.status_code, response.headers["x-ratelimit-remaining"]) == (200, str(left))
    sent = len(limited.gateway.commands)
    response = await limited.signed("POST", ORDER, "orderExecute", BODY)
    assert (response.status_code, response.json()["code"]) == (429, "TOO_MANY_REQUESTS")
    assert response.headers["retry-after"] == "1"
    assert response.headers["x-ratelimit-limit"] == "20"
    assert len(limited.gateway.commands) == sent
    limited.gateway.answers.append(event(EventKind.CANCELLED, reason=Reason.USER))
    cancel = await limited.signed("DELETE", ORDER, "orderCancel", {"symbol": "SOL_USDC", "orderId": "7001"})
    assert (cancel.status_code, cancel.headers["x-ratelimit-limit"]) == (200, "60")
    other = await limited.signed("GET", "/api/v1/orders", "orderQueryAll", None, READER)
    assert (other.status_code, other.headers["x-ratelimit-remaining"]) == (200, "19")


async def test_a_batch_counts_its_orders(limited: Exchange, clock: Clock) -> None:
    limited.gateway.answers.extend(event(EventKind.ACCEPTED) for _ in range(15))
    batch = [BODY | {"clientId": number} for number in range(15)]
    assert (await limited.signed("POST", "/api/v1/orders", "orderExecute", batch)).status_code == 200
    refusal = await limited.signed("POST", "/api/v1/orders", "orderExecute", batch)
    assert (refusal.status_code, refusal.headers["retry-after"]) == (429, "10")


@pytest.mark.parametrize("path", ["/api/v1/ping", "/api/v1/nothing", ORDER, "/", "/docs/reference", "/openapi.json"])
async def test_every_answer_says_what_is_left_and_an_address_has_one_bucket(
    limited: Exchange, clock: Clock, path: str
) -> None:
    left = 200
    for _ in range(3):
        response = await limited.client.get(path)
        assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(response.headers)
    for _ in range(left):
        response = await limited.client.get(path)
        if response.status_code == 429:
            break
    assert response.status_code == 429
    assert response.json()["code"] == "TOO_MANY_REQUESTS"
    assert int(response.headers["retry-after"]) >= 1
    clock.now += 3600 * SECOND
    assert (await limited.client.get(path)).status_code != 429


@pytest.mark.parametrize("path", ["/api/v1/nothing", ORDER, "/", "/docs/reference"])
async def test_requests_count_for_the_client_behind_a_trusted_proxy(tmp_path: Path, clock: Clock, path: str) -> None:
    made = rates(requests_per_second=1, requests_burst=20)
    proxies = TrustedProxies(("127.0.0.1",))
    async with aclosing_exchange(tmp_path / "dist", rate_limits=made, proxies=proxies) as exchange:
        for address, expected in (
            ("192.0.2.1", 19),
            ("192.0.2.1", 18),
            ("192.0.2.2, 192.0.2.1", 17),
            ("192.0.2.2", 19),
        ):
            response = await exchange.client.get(path, headers={"X-Forwarded-For": address})
            assert int(response.headers["x-ratelimit-remaining"]) == expected


async def test_without_limits_there_are_no_headers(exchange: Exchange) -> None:
    assert "x-ratelimit-limit" not in (await exchange.client.get("/api/v1/ping")).headers


def test_processes_that_race_use_each_name_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names = [number.to_bytes(8, "little") * 2 for number in range(200)]
    start, results = context.Event(), context.Queue()
    workers = [context.Process(target=use, args=(tmp_path / "used", names, start, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    used = results.get(timeout=60) + results.get(timeout=60)
    for worker in workers:
        worker.join()
    assert sorted(used) == sorted(names)


def test_a_name_is_free_again_after_its_end_and_a_full_set_refuses(tmp_path: Path) -> None:
    with closing(Remembered(tmp_path / "used", sets=1)) as remembered:
        names = [bytes([number]) * 16 for number in range(WAYS + 1)]
        for name in names[:-1]:
            assert remembered.add(name, 2_000, 1_000)
            assert not remembered.add(name, 2_000, 2_000)
        with pytest.raises(Full):
            remembered.add(names[-1], 2_000, 2_000)
        assert remembered.add(names[-1], 3_000, 2_001)
        assert remembered.has(names[-1], 3_000)
        assert not remembered.has(names[0], 2_001)


def test_names_find_room_until_three_fifths_are_taken(tmp_path: Path) -> None:
    """Where a name had one set alone, orders were refused with 503 when a third of all room was taken."""
    sets, random = 4096, Random(5)
    names = [random.randbytes(16) for _ in range(sets * WAYS * 3 // 5)]
    with closing(Remembered(tmp_path / "used", sets)) as remembered:
        assert all(remembered.add(name, 2_000, 1_000) for name in names)
        assert all(remembered.has(name, 2_000) and not remembered.add(name, 3_000, 2_000) for name in names)
        assert not any(remembered.has(name, 2_001) for name in names)


class Slow:
    def __init__(self, awaited_since: float = 0.0, unread: bool = False) -> None:
        self.awaited_since, self.unread_since, self.unread, self.dropped = awaited_since, 0.0, unread, False

    def is_unread(self) -> bool:
        return self.unread

    def drop(self) -> None:
        self.dropped = True


def test_slow_clients_are_dropped_and_others_are_not() -> None:
    crowd = Crowd(Connections(10, 0, 15))
    half_sent, idle, unread, recovered = Slow(100.0), Slow(), Slow(unread=True), Slow(unread=True)
    everybody = [half_sent, idle, unread, recovered]
    assert crowd.drop_slow(everybody, 110.0) == 0
    recovered.unread = False
    assert crowd.drop_slow(everybody, 116.0) == 1
    recovered.unread = True
    crowd.drop_slow(everybody, 126.0)
    assert [each.dropped for each in everybody] == [True, False, True, False]


def test_there_are_never_more_connections_than_descriptors_for_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine_core.process.lifecycle.most_descriptors", lambda: 130)
    crowd = Crowd(Connections(20_000, 0, 15))
    assert crowd.most == 2
    assert [crowd.enter(f"192.0.2.{n}") for n in range(4)] == [None, None, FULL, FULL]
    assert crowd.refused == 2 and caplog.text.count("was refused: Too many connections") == 1


def test_connections_are_bounded_together_and_by_address() -> None:
    crowd = Crowd(Connections(3, 2, 15))
    assert [crowd.enter(peer) for peer in ("1.1.1.1", "1.1.1.1", "1.1.1.1")] == [None, None, TOO_MANY]
    assert crowd.enter("2.2.2.2") is FULL
    for peer in ("1.1.1.1", "2.2.2.2"):
        crowd.leave(peer)
    assert crowd.enter("2.2.2.2") is None
