"""Money on its way between two shards, and whatever dies meanwhile: nothing is lost, nothing is doubled, and what was
half done is finished within seconds."""

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind, QueryKind
from tests.folders import short_folder
from tests.ingress.fakes import TRADER_ACCOUNT, Signer
from tests.shards import DEPOSITED, USDC, Role, ShardedVenue, open_shards

pytestmark = pytest.mark.timeout(1800)
TURNS = int(os.environ.get("TURNS", "4"))  # `make soak` takes more
FINISHED_SECONDS = 15.0  # two until it is looked at, and what a process takes to start on a busy machine
TRANSFER = "/api/v1/capital/transfer"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShardedVenue]:
    sockets = short_folder()
    with open_shards(tmp_path_factory.mktemp("deaths"), sockets, workers=2) as opened:
        asked = opened.send("PATCH", "/api/v1/account", "accountUpdate", {"autoTransfer": True})
        assert asked.is_success, asked.text
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


def until_finished(venue: ShardedVenue) -> float:
    """Seconds until there is what there was, and nothing of it in flight. What was sent last may be executed while the
    shards are asked one after the other, so they are asked again."""
    began = time.monotonic()
    while (found := venue.total(USDC)) != (DEPOSITED, 0):
        assert time.monotonic() - began < FINISHED_SECONDS, f"{found[0]} atoms, {found[1]} of them in flight"
        time.sleep(0.05)
    return time.monotonic() - began


def half(venue: ShardedVenue, atoms: int) -> None:
    """A move that has left shard 0, by a process that died then."""
    _, links = venue.gateways[0].query(QueryKind.LINKS, account=TRADER_ACCOUNT)
    sent = max((int(link["out_sequence"]) for link in links if link["shard"] == 1), default=0)
    numbers = {"amount_atoms": atoms, "sequence": sent + 1, "move_reference": 10**9 + sent}
    venue.append(0, admin(CommandKind.MOVE_OUT, account=TRADER_ACCOUNT, asset=USDC, code=1, **numbers))


def test_what_a_dead_process_left_half_done_is_finished_by_another(venue: ShardedVenue) -> None:
    before = venue.held(TRADER_ACCOUNT)
    half(venue, 77)
    until_finished(venue)
    assert venue.held(TRADER_ACCOUNT) == [before[0] - 77, before[1] + 77]


def test_a_process_that_starts_finds_it(venue: ShardedVenue) -> None:
    for role in venue.ingress:
        role.kill()
    before = venue.held(TRADER_ACCOUNT)
    half(venue, 78)
    assert venue.total(USDC) == (DEPOSITED, 78)
    for role in venue.ingress:
        role.start()
    until_finished(venue)
    assert venue.held(TRADER_ACCOUNT) == [before[0] - 78, before[1] + 78]


class Mover(threading.Thread):
    """A client that moves money to and fro without a pause, and now and then places an order that fetches its funds."""

    def __init__(self, port: int, seed: int) -> None:
        super().__init__()
        self._port, self._chance = port, random.Random(seed)
        self.ended = threading.Event()
        self.codes: dict[int, int] = {}

    def run(self) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30, verify=False) as client:
            signer = Signer(client)
            while not self.ended.is_set():
                request = self._order(signer) if self._chance.random() < 0.3 else self._move(signer)
                try:
                    answer = client.send(request)
                except httpx.TransportError:
                    time.sleep(0.02)
                    continue
                assert answer.status_code != 500, answer.text
                self.codes[answer.status_code] = self.codes.get(answer.status_code, 0) + 1

    def _move(self, signer: Signer) -> httpx.Request:
        source = self._chance.randrange(2)
        asked = {"symbol": "USDC", "quantity": "0.000001", "from": source, "to": 1 - source}
        if self._chance.random() < 0.5:
            asked["clientId"] = f"{self._chance.random()}"
        return signer.request("POST", TRANSFER, "transfer", asked)

    def _order(self, signer: Signer) -> httpx.Request:
        """Of more than shard 1 has, most of the time."""
        order = {"side": "Bid", "orderType": "Limit", "price": str(self._chance.randrange(1, 50)), "quantity": "1"}
        return signer.request("POST", "/api/v1/order", "orderExecute", {"symbol": "BTC_USDC", **order})


def turns(venue: ShardedVenue, victims: Callable[[random.Random], list[Role]], seed: int) -> int:
    """Kill some of them while a client of each ingress moves money, start them again, and count; TURNS times. How often
    something was half done when all of ingress was dead."""
    chance, longest, halves = random.Random(seed), 0.0, 0
    for turn in range(TURNS):
        movers = [Mover(port, 1000 * seed + 2 * turn + place) for place, port in enumerate(venue.ports)]
        for mover in movers:
            mover.start()
        time.sleep(chance.uniform(0.05, 0.3))
        killed = victims(chance)
        for role in killed:
            role.kill()
        for mover in movers:
            mover.ended.set()
        if killed == venue.ingress:
            halves += venue.total(USDC)[1] > 0
        for role in killed:
            role.start()
        for mover in movers:
            mover.join()
        longest = max(longest, until_finished(venue))
        assert not any(mover.codes.keys() - {200, 400, 429, 503, 504} for mover in movers)
    print(f"{TURNS} turns, at most {longest:.1f} s until all was finished, {halves} times half done")
    return halves


def test_ingress_dies_again_and_again(venue: ShardedVenue) -> None:
    """One of two, which the other one goes on without, or both."""
    turns(venue, lambda chance: chance.choice([venue.ingress, venue.ingress, venue.ingress[:1]]), 1)


def test_engines_die_again_and_again(venue: ShardedVenue) -> None:
    turns(venue, lambda chance: [chance.choice(venue.engines)], 2)


def test_a_retry_after_an_unknown_outcome_moves_it_once(venue: ShardedVenue) -> None:
    """The engine of either side is away while it is asked for; with its clientId it may be asked again."""
    chance = random.Random(3)
    for turn in range(min(TURNS, 6)):
        before = venue.held(TRADER_ACCOUNT)
        asked: dict[str, Any] = {"symbol": "USDC", "quantity": "0.00001", "from": 0, "to": 1}
        asked["clientId"] = f"retry {turn}"
        role = venue.engines[turn % 2]
        killer = threading.Timer(chance.uniform(0, 0.01), role.kill)
        killer.start()
        first = venue.send("POST", TRANSFER, "transfer", asked)
        killer.join()
        role.start()
        assert first.status_code in (200, 503, 504), first.text
        while (again := venue.send("POST", TRANSFER, "transfer", asked)).status_code in (503, 504):
            time.sleep(0.1)
        assert again.status_code == 200, again.text
        until_finished(venue)
        assert venue.held(TRADER_ACCOUNT) == [before[0] - 10, before[1] + 10]
