"""What is sent: bytes as the exchange reads them, and where orders come from."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bench.flow.messages import MESSAGE
from bench.load.options import check, parser
from bench.load.plan import sources, spelling
from bench.load.plan.markets import Market
from bench.load.plan.orders import Orders
from bench.load.targets.api import Account, Address, BenchError
from engine_core.edge import signing
from engine_core.wire.codes import CommandKind, OrderFlag, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND

KEY = Account(base64.b64encode(bytes(Account("", bytes(32)).key.verify_key)).decode(), bytes(32), 7)
SOL = Market("SOL_USDC", "SOL", "USDC", 2, 1, 2, 1, min_lots=2, middle_ticks=15_000)
BTC = Market("BTC_USDC", "BTC", "USDC", 1, 1, 5, 1, min_lots=1, middle_ticks=650_000)
ADDRESS = Address.of("http://127.0.0.1:8080/exchange", "--url", ("http", "https"))


def commands() -> np.ndarray:
    made = np.zeros(5, COMMAND)
    made["kind"] = [CommandKind.PLACE] * 3 + [CommandKind.AMEND, CommandKind.CANCEL]
    made["side"], made["client_id"] = Side.BID, [1, 2, 3, 1, 1]
    made["order_type"] = [OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT, 0, 0]
    made["time_in_force"] = [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.GTC, 0, 0]
    made["flags"] = [OrderFlag.POST_ONLY | OrderFlag.ICEBERG, 0, OrderFlag.TRIGGER, 0, 0]
    made["price_ticks"], made["quantity_lots"] = [15_001, 0, 15_002, 15_003, 0], [150, 20, 30, 0, 0]
    made["display_lots"][0], made["trigger_ticks"][2] = 50, 16_000
    return made


def test_members_are_those_of_the_api() -> None:
    plain = {"symbol": "SOL_USDC", "side": "Bid"}
    limit = {**plain, "orderType": "Limit", "timeInForce": "GTC"}
    assert [spelling.body(command, SOL) for command in commands()] == [
        {**limit, "clientId": 1, "price": "150.01", "quantity": "1.5", "postOnly": True, "displayQuantity": "0.5"},
        {**plain, "clientId": 2, "orderType": "Market", "quantity": "0.2"},
        {**limit, "clientId": 3, "price": "150.02", "triggerQuantity": "0.3", "triggerPrice": "160"},
        {"symbol": "SOL_USDC", "clientId": 1, "price": "150.03"},
        {"symbol": "SOL_USDC", "clientId": 1},
    ]


def test_a_request_is_signed_for_the_time_at_which_it_is_due() -> None:
    due_ns = np.array([0, 1, 2, 3, 4]) * 1_000_000_000
    made = list(spelling.requests(Orders(due_ns, commands()), [KEY], [SOL], ADDRESS, 1_790_000_000_000))
    asked = [("POST", "orderExecute")] * 3 + [("PATCH", "orderModify"), ("DELETE", "orderCancel")]
    for place, (request, (method, instruction)) in enumerate(zip(made, asked, strict=True)):
        head, _, content = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert first == f"{method} /exchange/api/v1/order HTTP/1.1" and headers["Host"] == "127.0.0.1:8080"
        assert int(headers["Content-Length"]) == len(content)
        assert headers["X-Timestamp"] == str(1_790_000_000_000 + 1000 * place)
        members = {name: json.dumps(value).strip('"') for name, value in json.loads(content).items()}
        text = signing.signing_text(instruction, list(members.items()), headers["X-Timestamp"], headers["X-Window"])
        assert signing.verify(bytes(KEY.key.verify_key), text, base64.b64decode(headers["X-Signature"]))


@pytest.mark.parametrize("size", [0, 125, 126, 60_000])
def test_a_frame_is_read_as_what_was_written(size: int) -> None:
    reader = StreamReader()
    reader.feed_data(spelling.frame(b"x" * size))
    parsing = Frame.parse(reader.read_exact, mask=True)
    with pytest.raises(StopIteration) as read:
        next(parsing)
    assert read.value.value == Frame(Opcode.TEXT, b"x" * size)


def test_synthetic_orders_are_the_same_for_a_seed_and_named_anew_in_each_run() -> None:
    at_ns = np.arange(2_000)
    first, again = (sources.synthetic(at_ns, 3, [SOL, BTC], np.random.default_rng(5)).commands for _ in range(2))
    ids = first["client_id"].copy()
    assert len(np.unique(ids)) == 2_000 and not (ids == again["client_id"]).any()
    first["client_id"], again["client_id"] = 0, 0
    assert first.tobytes() == again.tobytes()
    assert np.unique(first["account"]).tolist() == [0, 1, 2]
    for place, market in enumerate((SOL, BTC)):
        mine = first[first["market"] == place]
        assert np.abs(mine["price_ticks"] - market.middle_ticks).max() == sources.SPREAD_TICKS
        assert (mine["quantity_lots"] == market.min_lots).all()


def test_a_flow_is_moved_to_the_markets_and_keeps_its_shape(tmp_path: Path) -> None:
    messages = np.zeros(5, MESSAGE)
    messages["time_ns"], messages["order"] = [5, 6, 7, 8, 9], [1, 2, 3, 1, 2]
    messages["kind"] = [CommandKind.PLACE] * 3 + [CommandKind.AMEND, CommandKind.CANCEL]
    messages["price_ticks"], messages["lots"] = [990, 1_000, 1_010, 980, 0], [100, 200, 100_000, 300, 0]
    messages["account"], messages["market"], messages["side"] = [1, 2, 3, 1, 2], 1, Side.ASK
    messages["order_type"], messages["time_in_force"] = OrderType.LIMIT, TimeInForce.GTC
    messages["self_trade"] = SelfTrade.REJECT_TAKER
    np.save(tmp_path / "flow.npy", messages)
    orders = sources.of_flow(tmp_path / "flow.npy", 2, [SOL])
    assert orders.at_ns.tolist() == [5, 6, 7, 8, 9]
    assert orders.commands["price_ticks"].tolist() == [14_990, 15_000, 15_010, 14_980, 0]
    assert orders.commands["quantity_lots"].tolist() == [2, 2, 40, 3, 0], (
        "in multiples of the median, of which 1 is 2 lots"
    )
    assert orders.commands["account"].tolist() == [0, 1, 0, 0, 1]
    named = orders.commands["client_id"].tolist()
    assert named[0] == named[3] and named[1] == named[4] and len({*named}) == 3


def test_a_file_that_is_no_flow_of_these_markets_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "flow.npy"
    path.write_bytes(b"junk")
    with pytest.raises(BenchError, match="cannot be read as a flow"):
        sources.of_flow(path, 1, [SOL])
    np.save(path, np.zeros(3))
    with pytest.raises(BenchError, match="holds float64, not messages of a flow"):
        sources.of_flow(path, 1, [SOL])
    messages = np.zeros(1, MESSAGE)
    messages["kind"], messages["order"], messages["side"], messages["account"] = CommandKind.CANCEL, 1, Side.BID, 1
    messages["market"] = 2
    np.save(path, messages)
    with pytest.raises(BenchError, match="a flow of 2 markets: name as many with --markets, not 1"):
        sources.of_flow(path, 1, [SOL])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--rate", "5", "--ramp", "1:2"], "--rate and --ramp both say when"),
        (["--rate", "nan"], "must be orders a second"),
        (["--speed", "0"], "must be a factor from 0.001 to 1,000,000 (1: the recording's own time), is '0'"),
        (["--ramp", "5"], "must be two rates, like 100:5000"),
        (["--p99", "5"], "must be a time with its unit"),
        (["--closed", "--rate", "5"], "--closed sends when answers come"),
        (["--find-knee", "--closed"], "--find-knee searches rates"),
        (["--fund-from", __file__], "--fund-from goes with --make-keys"),
        (["--replay", "/nowhere"], "no such folder"),
        (["--target", "ftp"], "--target"),
        (["--rate", "5", "--speed", "2"], "--speed is of a recording"),
        (["--json", "same", "--hdr", "./same"], "--json and --hdr both name 'same'"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_words(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = parser()
    with pytest.raises(SystemExit) as ended:
        check(made, made.parse_args(given))
    assert ended.value.code == 2 and said in capsys.readouterr().err
