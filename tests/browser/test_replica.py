"""The page's replica of a book against the engine's own, after 100,000 changes of it."""

from typing import Any

import httpx
import pytest

from tests.browser.driver import TradingPage
from tests.browser.flow import Flow, send
from tests.exchange import Exchange, eventually

MARKET, NUMBER, TICKS_A_UNIT = "XRP_USDC", 4, 10_000
CHANGES = 100_000
CHUNK_SECONDS = 4.0
BLOCKS_A_SECOND = 60


@pytest.fixture(params=["desktop"], scope="module")
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def engines_book(exchange: Exchange) -> dict[str, Any]:
    answer = httpx.get(f"{exchange.run['http']}/api/v1/depth", params={"symbol": MARKET, "limit": 1000})
    book: dict[str, Any] = answer.json()
    return {"updateId": int(book["lastUpdateId"]), "bids": book["bids"][::-1], "asks": book["asks"]}


@pytest.mark.timeout(240)
def test_replica_equals_the_engines_book(page: TradingPage, exchange: Exchange) -> None:
    page.open(MARKET)
    start = page.book()["updateId"]
    best = engines_book(exchange)["bids"][0][0]
    flow = Flow(NUMBER, round(float(best) * TICKS_A_UNIT), seed=3)
    while page.book()["updateId"] - start < CHANGES:
        send(exchange.run["redis"], flow, BLOCKS_A_SECOND, CHUNK_SECONDS)
    changed = page.book()["updateId"] - start

    def both() -> tuple[dict[str, Any], dict[str, Any]]:
        """The market maker goes on meanwhile, so the two are compared when they are of the same change."""
        engine, replica = engines_book(exchange), page.book()
        return engine, {name: replica[name] for name in engine}

    def same_change(books: tuple[dict[str, Any], dict[str, Any]]) -> bool:
        return bool(books[0]["updateId"] == books[1]["updateId"])

    engine, replica = eventually(both, same_change, "engine and page at the same change", 60)
    assert replica == engine
    assert len(engine["bids"]) > 20
    seen = page.seen()
    assert seen["crossed"] == 0
    assert seen["bookWhileAway"] == 0
    print(f"{changed} changes, {page.book()['resynchronised']} resynchronisations")
