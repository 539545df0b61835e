"""Reading a capture, and inferring the commands behind it: one small life for each rule."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bench.replay import capture as captures
from bench.replay.capture import CaptureError, read
from bench.replay.flow import Flow, infer
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, Side, TimeInForce

HEADER = "id,timestamp,exchange_timestamp,price,volume,action,direction"
TRADES = "trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side"

# The book at the start: a bid that ends, one that never does, an ask.
SNAPSHOT = ["1,5,100,100.0,2.0,created,bid", "2,5,100,104.0,1.0,created,bid", "3,5,100,110.0,1.5,created,ask"]


def write(folder: Path, live: list[str], closing: list[str], trades: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "orders.csv").write_text("\n".join([HEADER, *SNAPSHOT, *live, *closing]) + "\n")
    (folder / "trades.csv").write_text("\n".join([TRADES, *trades]) + "\n")
    meta = {"synthetic_created": len(SNAPSHOT), "synthetic_deleted": len(closing)}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def flow_of(folder: Path, live: list[str], closing: list[str] | None = None) -> Flow:
    return infer(read(write(folder, live, closing or [], [])))


def command(flow: Flow, order: int, kind: CommandKind) -> np.void:
    rows = flow.commands[(flow.commands["client_id"] == order) & (flow.commands["kind"] == kind)]
    assert len(rows) == 1
    return rows[0]


def test_an_order_that_would_have_crossed_and_was_gone_at_once_was_post_only(tmp_path: Path) -> None:
    flow = flow_of(tmp_path, ["4,9,200,111.0,1.0,created,bid", "4,9,200,111.0,1.0,deleted,bid"])
    assert command(flow, 4, CommandKind.PLACE)["flags"] == OrderFlag.HAS_CLIENT_ID | OrderFlag.POST_ONLY
    assert not ((flow.commands["client_id"] == 4) & (flow.commands["kind"] == CommandKind.CANCEL)).any()


def test_a_taker_trades_and_its_makers_rows_are_no_commands(tmp_path: Path) -> None:
    live = [
        "4,9,200,111.0,1.0,created,bid",
        "4,9,200,110.0,0.0,deleted,bid",
        "3,9,200,110.0,0.5,changed,ask",
        "3,9,300,110.0,0.5,deleted,ask",
    ]
    flow = flow_of(tmp_path, live)
    placed = command(flow, 4, CommandKind.PLACE)
    assert (placed["flags"], placed["time_in_force"]) == (OrderFlag.HAS_CLIENT_ID, TimeInForce.GTC)
    assert (placed["side"], placed["price_ticks"], placed["quantity_lots"]) == (Side.BID, 111, 100_000_000)
    assert len(flow.commands) == 3 + 1 + 1  # the cancel of what is left of order 3
    assert flow.expected_lots[flow.commands["kind"] == CommandKind.CANCEL].tolist() == [50_000_000]


def test_a_remainder_gone_in_the_same_millisecond_was_immediate_or_cancel(tmp_path: Path) -> None:
    live = [
        "4,9,200,111.0,2.0,created,bid",
        "4,9,200,110.0,0.5,changed,bid",
        "3,9,200,110.0,0.0,deleted,ask",
        "4,9,200,111.0,0.5,deleted,bid",
    ]
    flow = flow_of(tmp_path, live)
    assert command(flow, 4, CommandKind.PLACE)["time_in_force"] == TimeInForce.IOC
    assert len(flow.commands) == 4


def test_an_order_that_shrank_without_a_trade_was_amended(tmp_path: Path) -> None:
    live = [
        "3,9,200,110.0,1.2,changed,ask",
        "4,9,300,110.0,0.2,created,bid",
        "3,9,300,110.0,1.0,changed,ask",
        "4,9,300,110.0,0.0,deleted,bid",
        "3,9,400,110.0,0.4,changed,ask",
    ]
    amended = [c for c in flow_of(tmp_path, live).commands if c["kind"] == CommandKind.AMEND]
    assert [int(c["quantity_lots"]) for c in amended] == [120_000_000, 60_000_000]  # the second after 0.2 were executed


def test_a_resting_order_that_live_flow_crossed_and_nothing_ended_was_a_ghost(tmp_path: Path) -> None:
    live = ["4,9,200,103.0,1.0,created,ask", "4,9,300,103.0,1.0,deleted,ask"]
    flow = flow_of(tmp_path, live, ["2,9,900,104.0,1.0,deleted,bid"])
    assert flow.ghosts == [2]
    assert not (flow.commands["client_id"] == 2).any()
    assert not flow.contradictions


def test_crossing_a_live_order_without_a_trade_contradicts_the_capture(tmp_path: Path) -> None:
    live = ["4,9,200,103.0,1.0,created,ask", "2,9,250,104.0,1.0,deleted,bid", "4,9,300,103.0,1.0,deleted,ask"]
    flow = flow_of(tmp_path, live)
    assert (flow.ghosts, flow.contradictions) == ([], [(4, 2)])


def test_market_orders_are_told_by_their_price(tmp_path: Path) -> None:
    live = [
        "4,9,200,0.0,0.5,created,ask",
        "4,9,200,104.0,0.0,deleted,ask",
        "2,9,200,104.0,0.5,changed,bid",
        "5,9,300,999999999.0,0,created,bid",
        "5,9,300,110.0,0,changed,bid",
        "3,9,300,110.0,1.45454546,changed,ask",
        "5,9,300,110.0,0,deleted,bid",
    ]
    flow = flow_of(tmp_path, live)
    sold, bought = (command(flow, order, CommandKind.PLACE) for order in (4, 5))
    assert (sold["order_type"], sold["quantity_lots"]) == (OrderType.MARKET, 50_000_000)
    assert bought["flags"] == OrderFlag.HAS_CLIENT_ID | OrderFlag.BY_QUOTE
    assert bought["amount_atoms"] == 500_000_000  # 4.9999994 were spent: 5.00 in atoms of 8 decimals
    assert (flow.commands["kind"] == CommandKind.PLACE).all()


def test_what_no_command_can_say_is_left_out_and_counted(tmp_path: Path) -> None:
    live = ["4,9,200,0.0,9.0,created,bid", "4,9,300,0.0,9.0,deleted,bid", "77,9,300,99.0,1.0,deleted,bid"]
    flow = flow_of(tmp_path, live)
    assert len(flow.commands) == len(SNAPSHOT)
    assert sum(count for note, count in flow.notes.items() if "not sent" in note) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("4,9,200,103.0,1.0,exploded,ask", "line 5: 'exploded'"),
        ("4,9,200,103.0,1.0,created", "line 5: 6 fields"),
        ("4,9,200,103.0,NaN,created,ask", "line 5: 'NaN'"),
        ("4,9,200,103.0,0.123456789,created,ask", "line 5: '0.123456789'"),
        ("4,9,200,-3.0,1.0,created,ask", "line 5: '-3.0'"),
        ("4,soon,200,103.0,1.0,created,ask", "line 5: .*'soon'"),
        ("four,9,200,103.0,1.0,created,ask", "line 5: .*'four'"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(CaptureError, match=said):
        read(write(tmp_path, [line], [], []))


def test_a_damaged_number_of_a_trade_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"trades\.csv line 2: 'x7' is no number of a trade"):
        read(write(tmp_path, [], [], ["x7,9,200,104.0,1.0,1,3,buy"]))


def test_a_folder_that_is_no_capture_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"orders\.csv\.gz is missing"):
        read(tmp_path)
    write(tmp_path, [], [], [])
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(CaptureError, match=r"meta\.json"):
        read(tmp_path)
    write(tmp_path, [], [], ["1,9,9,100.0,1.0,8,9,buy"])
    with pytest.raises(CaptureError, match=r"never mentions"):
        read(tmp_path)


def test_small_sizes_with_an_exponent_are_read_exactly(tmp_path: Path) -> None:
    capture = read(write(tmp_path, ["4,9,200,103.0,7.18e-06,created,ask"], [], []))
    assert capture.rows[-1].lots == 718


def test_a_package_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "PACKAGE", "no-such-package-of-captures")
    with pytest.raises(CaptureError, match="exchange replay --install"):
        captures.locate()


def test_a_file_that_is_cut_short_or_not_compressed_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, [], [], [])
    whole = gzip.compress((folder / "orders.csv").read_bytes())
    for content in (whole[:-20], b"id,timestamp", whole[:20] + b"\xff" * 30):
        (folder / "orders.csv.gz").write_bytes(content)
        with pytest.raises(CaptureError, match=r"orders\.csv\.gz cannot be read to its end: .*Fetch it again"):
            read(folder)


def test_prices_with_decimals_keep_market_orders_and_have_a_bound(tmp_path: Path) -> None:
    capture = read(write(tmp_path, ["4,9,200,999999999.0,1.0,created,bid", "5,9,200,103.25,1.0,created,ask"], [], []))
    assert [row.price_ticks for row in capture.rows[-2:]] == [captures.MARKET_PRICE_TICKS, 10_325]
    with pytest.raises(CaptureError, match=r"line 5: price 78000\.123456 is 78000123456 ticks of 10\^-6, at most 2147"):
        read(write(tmp_path, ["4,9,200,78000.123456,1.0,created,ask"], [], []))
