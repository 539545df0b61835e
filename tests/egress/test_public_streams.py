"""Public streams over a real socket: shapes, sequences, spellings, windows, heartbeats."""

import re
import time
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from engine_core.edge.text_frame import text_frame
from engine_core.wire.codes import QueryKind, Side
from engine_core.wire.intervals import INTERVALS
from tests.egress.rig import running
from tests.replica.flow import BTC_USDC, SOL_USDC, START_MS, Engine, Flow

DECIMAL = re.compile(r"\d+(\.\d+)?")


def rebuild(book: dict[str, dict[str, str]], data: dict[str, Any]) -> None:
    """What a client does with a depth event."""
    for side in "ba":
        for price, quantity in data[side]:
            assert DECIMAL.fullmatch(price) and DECIMAL.fullmatch(quantity)
            if quantity == "0":
                book[side].pop(price, None)
            else:
                book[side][price] = quantity


def checksum(book: dict[str, dict[str, str]]) -> int:
    bids = sorted(book["b"].items(), key=lambda level: -float(level[0]))
    asks = sorted(book["a"].items(), key=lambda level: float(level[0]))
    texts: list[str] = []
    for rank in range(10):
        texts += [text for side in (bids, asks) if rank < len(side) for text in side[rank]]
    return zlib.crc32(":".join(texts).encode())


def expected_book(flow: Flow, market: int = SOL_USDC) -> dict[str, dict[str, str]]:
    units = {side: flow.books[market, side] for side in Side}
    text = {side: {f"{t / 100:g}": f"{q / 100:g}" for t, q in levels.items()} for side, levels in units.items()}
    return {"b": text[Side.BID], "a": text[Side.ASK]}


async def test_trade_frames() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("trade.SOL_USDC")
        rig.flow.trade(Side.ASK, 10025, 150, 5)
        rig.flow.trade(Side.BID, 10024, 1, 0)
        rig.feed()
        event = await client.event()
        assert event["stream"] == "trade.SOL_USDC"
        data = event["data"]
        assert data.pop("E") > 1_600_000_000_000_000
        assert data == {
            "e": "trade",
            "T": START_MS * 1000,
            "s": "SOL_USDC",
            "p": "100.25",
            "q": "1.5",
            "t": 1,
            "b": "600",
            "a": "500",
            "m": False,
        }
        second = await client.data("trade.SOL_USDC")
        assert (second["t"], second["b"], second["a"], second["m"]) == (2, "500", "600", True)


async def test_depth_frames_rebuild_the_book_at_every_update() -> None:
    flow = Flow()
    for ticks in range(90, 111):
        flow.level(Side.BID if ticks < 100 else Side.ASK, ticks, ticks)
    async with running(flow) as rig, rig.listen() as client:
        bids, asks, update_id = rig.data.book(SOL_USDC).snapshot()
        book = {
            "b": {f"{t / 100:g}": f"{q / 100:g}" for t, q in bids},
            "a": {f"{t / 100:g}": f"{q / 100:g}" for t, q in asks},
        }
        await client.subscribe("depth.SOL_USDC")
        for step in range(60):
            for i in range(step % 5 + 1):
                side = Side.BID if (step + i) % 2 else Side.ASK
                flow.level(side, (85 if side == Side.BID else 99) + (step * 7 + i) % 15, (step + i) % 4)
            rig.feed()
            data = await client.data("depth.SOL_USDC")
            assert data["U"] == update_id + 1
            assert data["u"] == flow.update_ids[SOL_USDC] == data["U"] + step % 5
            update_id = data["u"]
            rebuild(book, data)
            assert book == expected_book(flow)
            assert data["cs"] == checksum(book)


async def test_both_spellings_on_one_socket_and_each_is_echoed() -> None:
    async with running() as rig, rig.listen("/ws?x=1") as client:
        names = ["depth@SOL_USDC", "depth.SOL_USDC", "trade@BTC_USDC", "depth.SOL_USDC"]
        await client.subscribe(*names)
        rig.flow.level(Side.BID, 10, 1)
        rig.flow.trade(Side.BID, 10, 1, 1, BTC_USDC)
        rig.feed()
        events = [await client.event() for _ in range(3)]
        assert sorted(event["stream"] for event in events) == ["depth.SOL_USDC", "depth@SOL_USDC", "trade@BTC_USDC"]
        depth = [event["data"] for event in events if event["stream"].startswith("depth")]
        assert depth[0] == depth[1]
        await client.say(method="UNSUBSCRIBE", params=["depth@SOL_USDC", "never.heard"])
        assert await client.silent()
        rig.flow.level(Side.BID, 11, 1)
        rig.feed()
        assert (await client.event())["stream"] == "depth.SOL_USDC"
        assert await client.silent()


async def test_clients_get_only_what_they_named() -> None:
    async with running() as rig, rig.listen() as sol, rig.listen() as btc, rig.listen() as both:
        await sol.subscribe("trade.SOL_USDC")
        await btc.subscribe("trade.BTC_USDC")
        await both.subscribe("trade.SOL_USDC", "trade.BTC_USDC")
        rig.flow.trade(Side.BID, 10, 1, 1, SOL_USDC)
        rig.flow.trade(Side.BID, 11, 1, 1, BTC_USDC)
        rig.feed()
        assert (await sol.data())["s"] == "SOL_USDC" and await sol.silent()
        assert (await btc.data())["s"] == "BTC_USDC" and await btc.silent()
        assert [(await both.data())["s"] for _ in range(2)] == ["SOL_USDC", "BTC_USDC"]


async def test_book_ticker_on_change_of_best_only() -> None:
    async with running() as rig, rig.listen() as client:
        rig.flow.level(Side.BID, 100, 7)
        rig.feed()
        await client.subscribe("bookTicker.SOL_USDC")
        first = await client.data("bookTicker.SOL_USDC")
        assert (first["b"], first["B"], first["a"], first["A"], first["u"]) == ("1", "0.07", "0", "0", 1)
        rig.flow.level(Side.BID, 99, 7)
        rig.feed()
        assert await client.silent()
        rig.flow.level(Side.ASK, 105, 20)
        rig.feed()
        data = await client.data()
        assert set(data) == {"e", "E", "T", "s", "a", "A", "b", "B", "u"}
        assert (data["e"], data["a"], data["A"], data["u"]) == ("bookTicker", "1.05", "0.2", 3)


@pytest.mark.parametrize("window", ["200ms", "600ms"])
async def test_merged_depth_covers_its_window_in_one_event(window: str) -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe(f"depth@{window}.SOL_USDC")
        rig.flow.level(Side.BID, 100, 1)
        rig.feed()
        first = await client.data(f"depth@{window}.SOL_USDC")  # from here a window is fresh
        for lots in (5, 0, 3):
            rig.flow.level(Side.BID, 101, lots)
            rig.flow.level(Side.ASK, 110, lots)
            rig.feed()
        data = await client.data()
        assert (data["U"], data["u"]) == (first["u"] + 1, first["u"] + 6)
        assert (data["b"], data["a"]) == ([["1.01", "0.03"]], [["1.1", "0.03"]])


async def test_a_quiet_market_gets_heartbeats_that_use_up_no_number() -> None:
    flow = Flow()
    flow.level(Side.BID, 100, 1)
    async with running(flow) as rig, rig.listen() as client:
        await client.subscribe("depth.SOL_USDC")
        client.heartbeats = True
        for _ in range(2):
            data = await client.data("depth.SOL_USDC")
            assert (data["U"], data["u"], data["b"], data["a"]) == (2, 1, [], [])
        client.heartbeats = False
        flow.level(Side.BID, 101, 1)
        rig.feed()
        data = await client.data()
        assert (data["U"], data["u"], data["b"]) == (2, 2, [["1.01", "0.01"]])


async def test_ticker_every_second_and_candles_with_their_closing() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("ticker@SOL_USDC", "kline.1s.SOL_USDC", "kline@1month@SOL_USDC")
        rig.flow.time_ms = time.time_ns() // 1_000_000_000 * 1_000 + 60_000  # no clock but the engine's ends it
        rig.flow.trade(Side.BID, 10000, 100, 1)
        rig.flow.trade(Side.BID, 10100, 50, 1)
        rig.feed()
        rig.second()
        events = [await client.event() for _ in range(3)]
        assert [event["data"]["X"] for event in events if event["stream"].startswith("kline")] == [False, False]
        rig.flow.time_ms += 1_000
        rig.second()
        while events[-1]["stream"] != "kline.1s.SOL_USDC":
            events.append(await client.event())
        tickers = [event["data"] for event in events if event["stream"] == "ticker@SOL_USDC"]
        day = tickers[-1]
        assert {key: day[key] for key in "ocvVhln"} == {
            "o": "100",
            "c": "101",
            "h": "101",
            "l": "100",
            "v": "1.5",
            "V": "150.5",
            "n": 2,
        }
        assert day["P"] == "0.01"
        seconds = [event["data"] for event in events if event["stream"] == "kline.1s.SOL_USDC"]
        assert (seconds[-1]["o"], seconds[-1]["c"], seconds[-1]["n"], seconds[-1]["X"]) == ("100", "101", 2, True)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", seconds[-1]["t"]) and seconds[-1]["t"] < seconds[-1]["T"]
        months = [event["data"] for event in events if event["stream"] == "kline@1month@SOL_USDC"]
        assert len(months) == 1 and months[0]["X"] is False and months[0]["t"].endswith("-01T00:00:00")
        assert months[0]["v"] == "1.5"


async def test_every_documented_name_is_accepted_and_silent_ones_stay_silent() -> None:
    async with running() as rig, rig.listen() as client:
        public = [f"{kind}.SOL_USDC" for kind in ("trade", "depth", "bookTicker", "ticker")]
        merged = [f"depth.{window}.SOL_USDC" for window in ("200ms", "600ms", "1000ms")]
        candles = [f"kline.{interval}.SOL_USDC" for interval in INTERVALS]
        silent = ["markPrice.SOL_USDC", "openInterest@SOL_USDC", "liquidation"]
        await client.subscribe(*public, *merged, *candles, *silent)
        await client.say(method="UNSUBSCRIBE", params=[*public, *merged, *candles, *silent], id=2)
        assert (await client.answer())["id"] == 2
        rig.flow.trade(Side.BID, 10, 1, 1)
        rig.feed()
        client.kept.clear()
        assert await client.silent()
        assert not rig.hub.clients.pop().names


async def test_a_resynchronised_book_keeps_the_sequence_of_its_streams() -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("depth.SOL_USDC")
        rig.flow.level(Side.BID, 100, 1)
        rig.feed()
        book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        first = await client.data()
        rebuild(book, first)
        rig.flow.level(Side.BID, 100, 0)
        rig.flow.level(Side.ASK, 200, 9)
        rig.flow.made.clear()  # lost on the way
        rig.flow.level(Side.BID, 103, 1)
        rig.feed()
        last = first["u"]
        while last < 4:
            data = await client.data()
            assert data["U"] == last + 1
            last = data["u"]
            rebuild(book, data)
        assert book == expected_book(rig.flow)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_text_frames_of_every_length_form(size: int) -> None:
    from websockets.frames import Frame, Opcode

    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


async def test_candles_of_every_interval_are_told_closed_when_they_have_ended() -> None:
    async with running() as rig, rig.listen() as client:
        names = {f"kline.{interval}.SOL_USDC": interval for interval in INTERVALS}
        await client.subscribe(*names)
        traded_ms = rig.flow.time_ms = rig.flow.time_ms - 70 * 86_400_000  # every candle of it has ended since
        rig.flow.trade(Side.BID, 10_000, 100, 1)
        rig.feed()
        rig.second()
        seen = [await client.event() for _ in names]
        assert {event["stream"] for event in seen} == names.keys()
        for event in seen:
            data, interval = event["data"], INTERVALS[names[event["stream"]]]
            start_ms = interval.start(traded_ms)
            assert (data["X"], data["n"], data["o"], data["v"]) == (True, 1, "100", "1")
            assert _ms(data["t"]) == start_ms and _ms(data["T"]) > traded_ms >= start_ms
        assert await client.silent()


async def test_a_candle_ends_when_the_engine_has_said_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away, orders of the second that has ended wait for it; and then they come all at once."""
    is_away, answers = True, Engine.query

    async def query(engine: Engine, kind: QueryKind, **about: int) -> Any:
        if kind is QueryKind.STATUS and is_away:
            raise TimeoutError
        return await answers(engine, kind, **about)

    monkeypatch.setattr(Engine, "query", query)
    async with running() as rig, rig.listen() as client:
        await client.subscribe("kline.1s.SOL_USDC")
        began = rig.flow.time_ms = time.time_ns() // 1_000_000 // 1000 * 1000 - 70_000
        rig.flow.trade(Side.BID, 100, 1, 1)
        rig.feed()
        rig.second()
        first = await client.data()
        assert (first["n"], first["X"]) == (1, False), "the clock alone ends nothing"
        rig.flow.trade(Side.BID, 101, 1, 1)
        for second in range(1, 61):
            rig.flow.time_ms = began + 1000 * second
            rig.flow.trade(Side.BID, 100 + second, 1, 1)
        rig.feed()
        rig.second()
        candles = [await client.data()]
        while _ms(candles[-1]["t"]) < began + 60_000:
            candles.append(await client.data())
        closed = [(_ms(candle["t"]) - began, candle["n"]) for candle in candles if candle["X"]]
        assert closed == [(0, 2), *((1000 * second, 1) for second in range(1, 60))], "each once, when it has ended"
        assert (candles[-1]["n"], candles[-1]["X"]) == (1, False)
        is_away = False
        rig.second()
        last = await client.data()
        assert (last["t"], last["n"], last["X"]) == (candles[-1]["t"], 1, True)
        rig.flow.trade(Side.BID, 100, 1, 1)  # of a log that was not asked, or that another engine had answered for
        rig.feed()
        rig.second()
        assert [(data["t"], data["n"], data["X"]) for data in [await client.data()]] == [(last["t"], 2, True)]


@pytest.mark.parametrize("seconds_of_a_batch", [20, 600])
async def test_minutes_made_up_for_at_once_lose_no_candle(seconds_of_a_batch: int) -> None:
    async with running() as rig, rig.listen() as client:
        await client.subscribe("kline.1s.SOL_USDC")
        began = time.time_ns() // 1_000_000 // 1000 * 1000 - 1_000_000
        for second in range(600):
            rig.flow.time_ms = began + 1000 * second
            rig.flow.trade(Side.BID, 100, 1, 1)
            if (second + 1) % seconds_of_a_batch == 0:
                rig.feed()
        rig.second()
        last, starts = 0, []
        while last < began + 599_000:
            last = _ms((await client.data())["t"])
            starts.append(last)
        assert sorted(set(starts)) == [began + 1000 * second for second in range(600)]


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


async def test_tickers_and_candles_begin_when_statistics_are_whole() -> None:
    async with running() as rig, rig.listen() as client:
        rig.data.filled = False
        await client.subscribe("ticker.SOL_USDC", "kline.1month.SOL_USDC")
        rig.flow.time_ms = time.time_ns() // 1_000_000
        rig.flow.trade(Side.BID, 10_000, 100, 1)
        rig.feed()
        rig.second()
        assert await client.silent()
        rig.data.filled = True
        rig.second()
        assert {(await client.event())["stream"] for _ in range(2)} == {"ticker.SOL_USDC", "kline.1month.SOL_USDC"}
