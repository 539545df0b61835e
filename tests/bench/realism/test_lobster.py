"""LOBSTER files: written from our engine, read back, and refused in words where they are not what they should be."""

from pathlib import Path

import numpy as np
import pytest

from bench.flow.files import FlowFileError
from bench.flow.messages import MESSAGE
from bench.lobster import files, reading
from bench.lobster.__main__ import main
from bench.lobster.files import LobsterError
from bench.lobster.writing import pair_of
from bench.realism.tape import Tape, of_flow_file, of_messages, play
from bench.replay.target import Kernel, venue
from engine_core.book.memory.state import Capacities
from engine_core.book.queries import levels as levels_of
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce

MS = 1_000_000
NAME = "ACME_2012-06-21_34200000_57600000_message_2.csv"


def random_messages(count: int, seed: int = 1) -> np.ndarray:
    """Orders of all kinds around a price: rest, trade, are reduced, moved and withdrawn; some are icebergs."""
    random = np.random.default_rng(seed)
    messages = np.zeros(count, MESSAGE)
    messages["time_ns"] = np.sort(random.integers(0, 60_000, count)) * MS
    messages["market"], messages["account"] = 1, 1
    messages["self_trade"] = SelfTrade.REJECT_TAKER
    live: list[tuple[int, int]] = []
    for number, row in enumerate(messages, 1):
        draw = random.random()
        if draw < 0.35 and live:
            order, side = live.pop(int(random.integers(len(live))))
            row["kind"], row["order"], row["side"] = CommandKind.CANCEL, order, side
        elif draw < 0.5 and live:
            order, side = live[int(random.integers(len(live)))]
            row["kind"], row["order"], row["side"] = CommandKind.AMEND, order, side
            row["lots"] = random.integers(1, 40)
            row["price_ticks"] = 0 if random.random() < 0.5 else 1_000 + random.integers(-5, 6)
        else:
            side = int(random.integers(Side.BID, Side.ASK + 1))
            row["kind"], row["order"], row["side"] = CommandKind.PLACE, number, side
            row["order_type"], row["lots"] = OrderType.LIMIT, random.integers(1, 40)
            row["price_ticks"] = 1_000 + (1 if side == Side.ASK else -1) * random.integers(-2, 6)
            row["time_in_force"] = TimeInForce.IOC if random.random() < 0.1 else TimeInForce.GTC
            if random.random() < 0.15 and row["time_in_force"] == TimeInForce.GTC:
                row["flags"], row["display_lots"] = OrderFlag.ICEBERG, (row["lots"] + 2) // 3
            live.append((number, side))
    return messages


def test_the_order_book_file_is_our_engines_book_after_each_message() -> None:
    tape = of_messages(random_messages(400))
    pair = pair_of(play(tape), "ACME", 5)
    assert pair.book is not None
    engine, line, shown_at = Kernel(Capacities()), 0, dict[tuple[int, int], int]()
    with venue(engine, 0) as place:
        for command in np.split(place.address(tape.commands), len(tape.commands)):
            for event in engine.execute(command):
                level, lots = (int(event["side"]), int(event["price_ticks"])), int(event["level_lots"])
                if (
                    event["update_id"] and shown_at.get(level, 0) != lots
                ):  # else an iceberg's hidden part: nobody sees it
                    shown_at[level], line = lots, line + 1
            if not line:
                continue
            levels, _ = levels_of(engine._state, place.market)
            row = pair.book[line - 1].reshape(5, 2, 2)
            for side, column in (Side.ASK, 0), (Side.BID, 1):
                shown = levels[levels["side"] == side]
                order = np.argsort(shown["price_ticks"] * (1 if side == Side.ASK else -1))[:5]
                wanted = np.column_stack([shown["price_ticks"][order] * 100, shown["lots"][order]]).tolist()
                assert [level for level in row[:, column].tolist() if level[1]] == wanted
    assert line == len(pair.messages) > 300


def test_what_is_written_is_read_back_as_the_same_book(tmp_path: Path) -> None:
    pair = pair_of(play(of_messages(random_messages(1_000))), "ACME", 5)
    path, _ = files.write(tmp_path, pair)
    again = files.read(path)
    assert again.name == pair.name
    assert again.messages.tobytes() == pair.messages.tobytes()
    assert again.book is not None and again.book.tobytes() == pair.book.tobytes()  # type: ignore[union-attr]
    made = reading.imported(again)
    same = reading.agreement(again, made, play(of_messages(made.messages)))
    assert same.compared == same.best == same.all_levels > 500
    assert set(pair.messages["type"]) == {1, 2, 3, 4}


def test_the_commands_export_and_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flow, back = tmp_path / "flow.npy", tmp_path / "back.npy"
    np.save(flow, random_messages(200))
    assert main(["export", str(flow), "-o", str(tmp_path / "out"), "--ticker", "ACME", "--levels", "3"]) == 0
    (path,) = (tmp_path / "out").glob("ACME_*_message_3.csv")
    assert main(["import", str(path), "-o", str(back)]) == 0
    assert "our engine's book is the file's after" in capsys.readouterr().out
    assert len(of_flow_file(back).commands) > 100


def write(folder: Path, lines: list[str], book: list[str] | None = None) -> Path:
    path = folder / NAME
    path.write_text("\n".join(lines) + "\n")
    if book is not None:
        path.with_name(NAME.replace("message", "orderbook")).write_text("\n".join(book) + "\n")
    return path


GONE = "9999999999,0,-9999999999,0"
LINES = [
    "34200.000000001,1,7,100,1000100,-1",  # above ask 3 and bid 4, which were there before
    "34200.5,4,3,30,1000000,-1",
    "34200.5,4,7,50,1000100,-1",
    "34201,5,0,10,1000050,1",
    "34201.25,2,4,5,999900,1",
    "34202,7,0,0,-1,-1",
    "34202.5,6,-1,900,1000000,1",
    "34203,3,4,15,999900,1",
]
BOOK = [
    "1000000,30,999900,80,1000100,100,-9999999999,0",  # 60 of the bid are of orders that are never named
    "1000100,100,999900,80,9999999999,0,-9999999999,0",
    "1000100,50,999900,80,9999999999,0,-9999999999,0",
    "1000100,50,999900,80,9999999999,0,-9999999999,0",
    "1000100,50,999900,75,9999999999,0,-9999999999,0",
    "1000100,50,999900,75,9999999999,0,-9999999999,0",
    "1000100,50,999900,75,9999999999,0,-9999999999,0",
    "1000100,50,999900,60,9999999999,0,-9999999999,0",
]


def test_other_peoples_files_become_commands(tmp_path: Path) -> None:
    pair = files.read(write(tmp_path, LINES, BOOK))
    made = reading.imported(pair)
    assert made.tick_e4 == 100
    assert sorted(made.notes.values()) == [1, 1, 1, 2]  # hidden, cross, halt; two orders that are never submitted
    rows = made.messages
    assert rows["kind"].tolist() == [1, 1, 1, 1, 1, 3, 2]
    assert rows["time_ns"].tolist() == [0, 0, 0, 1, 500 * MS, 1_250 * MS, 3_000 * MS]
    taker = rows[4]
    assert (taker["side"], taker["price_ticks"], taker["lots"]) == (Side.BID, 10_001, 80)
    assert taker["time_in_force"] == TimeInForce.IOC
    same = reading.agreement(pair, made, play(Tape(**vars(of_messages(rows)) | {"tick_e4": 100})))
    assert same.compared == same.all_levels == 7


def test_a_message_about_an_order_that_has_ended_is_counted(tmp_path: Path) -> None:
    lines = ["34200.1,1,7,100,1000100,-1", "34200.2,3,7,100,1000100,-1", "34200.3,3,7,100,1000100,-1"]
    made = reading.imported(files.read(write(tmp_path, lines)))
    assert (len(made.messages), made.notes[reading.ENDED]) == (2, 1)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("34200.5,1,7,100,1000100", "5 fields, a message has 6"),
        ("34200.5,8,7,100,1000100,1", "type 8, 1 to 7 exist"),
        ("34200.5,1,7,100,1000100,0", "direction 0, must be 1 or -1"),
        ("34200.5,1,7,-1,1000100,1", "size -1 at price 1000100, both must be above 0"),
        ("34200.5,1,7,1.5,1000100,1", "size must be a whole number, is '1.5'"),
        ("soon,1,7,100,1000100,1", "the time must be seconds with at most 9 decimals, is 'soon'"),
        ("34199,1,7,100,1000100,1", "its time is before that of the line above"),
        ("34200.5,1,7,100," + "9" * 40 + ",1", "price has more than 18 digits"),
    ],
)
def test_junk_is_refused_with_its_line(tmp_path: Path, line: str, why: str) -> None:
    path = write(tmp_path, ["34200.1,1,6,100,1000100,-1", line])
    with pytest.raises(LobsterError) as refused:
        files.read(path)
    assert str(refused.value).startswith(f"{path} line 2: ") and why in str(refused.value)


@pytest.mark.parametrize(
    ("book", "why"),
    [
        ([f"1,2,3,4,{GONE}", f"1,2,x,4,{GONE}"], "line 2: field 3 must be a whole number, is 'x'"),
        ([f"1,2,3,4,{GONE}", "1,2"], "line 2: 2 fields, 2 levels have 8"),
        (["1,2,3,4", "1,2,3,4"], "line 1: 4 fields, 2 levels have 8"),
        ([f"1,2,3,4,{GONE}"], "1 rows for 2 messages"),
    ],
)
def test_a_book_that_does_not_fit_is_refused(tmp_path: Path, book: list[str], why: str) -> None:
    path = write(tmp_path, ["34200.1,1,6,100,1000100,-1", "34200.2,3,6,100,1000100,-1"], book)
    with pytest.raises(LobsterError, match=why):
        files.read(path)


def test_names_and_bytes_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LobsterError, match="not named as"):
        files.name_of(tmp_path / "messages.csv")
    with pytest.raises(LobsterError, match="no date"):
        files.name_of(tmp_path / "ACME_2012-99-21_1_2_message_5.csv")
    path = tmp_path / NAME
    path.write_bytes(b"\x1f\x8b\xff\xfe\n")
    with pytest.raises(LobsterError, match="no text"):
        files.read(path)
    with pytest.raises(FlowFileError, match="cannot be read as a flow"):
        of_flow_file(path)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, ["34200.1,1,6,100,1000100,-1"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert files.read(path).messages["order"].tolist() == [6]


def test_what_is_unusual_about_orders_is_said(tmp_path: Path) -> None:
    with pytest.raises(LobsterError, match="decompress it first"):
        files.name_of(tmp_path / f"{NAME}.gz")
    with pytest.raises(LobsterError, match="order has more than 18 digits"):
        files.read(write(tmp_path, [f"34200.1,1,{2**63 - 1},100,1000100,-1"]))
    with pytest.raises(LobsterError, match="line 1: order -6, must not be negative"):
        files.read(write(tmp_path, ["34200.1,1,-6,100,1000100,-1"]))
    lines = ["34200.1,1,6,100,1000100,-1", "34200.2,3,6,100,1000100,-1", "34200.3,1,6,50,1000100,-1"]
    path = write(tmp_path, [*lines, "34200.4,3,7,50,1000200,-1"])
    made = reading.imported(files.read(path))
    assert (made.notes[reading.REUSED], made.notes[reading.THERE]) == (1, 1)


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, ["junk"])
    assert main(["import", str(path), "-o", str(tmp_path / "flow.npy")]) == 1
    assert f"error: {path} line 1: 1 fields, a message has 6" in capsys.readouterr().err
