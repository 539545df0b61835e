"""The page's replica of a book against the engine's own, after 100,000 changes of it."""

from typing import Any

from engine_core.transport.gateway import Gateway
from tests.browser.conftest import desktop_only
from tests.browser.driver import TradingPage
from tests.browser.flow import Flow, send
from tests.exchange import Exchange, eventually

MARKET, NUMBER, MIDDLE_TICKS = "XRP_USDC", 4, 6_000  # nobody else trades in it
CHANGES = 100_000
CHUNK_SECONDS = 2.0
BLOCKS_A_SECOND = 250
FRAMES = 100  # that bring the changes, at least: each is applied to what those before it left


def engines_book(exchange: Exchange) -> dict[str, Any]:
    book: dict[str, Any] = exchange.get(f"depth?symbol={MARKET}&limit=1000")
    return {"updateId": int(book["lastUpdateId"]), "bids": book["bids"][::-1], "asks": book["asks"]}


@desktop_only
def test_replica_equals_the_engines_book(page: TradingPage, exchange: Exchange) -> None:
    page.open(MARKET)
    page.watch()
    start, frames = page.book()["updateId"], page.page.evaluate("exchange.counters().messages")
    flow = Flow(NUMBER, MIDDLE_TICKS, seed=3)
    while engines_book(exchange)["updateId"] - start < CHANGES:
        send(exchange.run["redis"], flow, BLOCKS_A_SECOND, CHUNK_SECONDS)
    with Gateway(exchange.run["redis"]) as gateway:
        for block in flow.rest_of_round():  # `send` ends by the clock, at times just after a cancel-all
            gateway.execute(block)

    def both() -> tuple[dict[str, Any], dict[str, Any]]:
        engine, replica = engines_book(exchange), page.book()
        return engine, {name: replica[name] for name in engine}

    def same_change(books: tuple[dict[str, Any], dict[str, Any]]) -> bool:
        return bool(books[0]["updateId"] == books[1]["updateId"])

    engine, replica = eventually(both, same_change, "engine and page at the same change", 60)
    assert replica == engine
    assert len(engine["bids"]) > 20
    assert page.page.evaluate("exchange.counters().messages") - frames > FRAMES
    seen = page.seen()
    assert seen["crossed"] == 0
    assert seen["bookWhileAway"] == 0
    print(f"{engine['updateId'] - start} changes, {page.book()['resynchronised']} resynchronisations")
