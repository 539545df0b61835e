"""Compares what our matching made of a captured order flow with what the venue's matching made of it.

The answer key is the capture's trades (taker, maker, price, size) and, for every cancelled order, the size that the
venue says was left. Everything of ours comes from events. Non-goal: sending anything.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from bench.replay.capture import Capture, Trade
from bench.replay.flow import Flow
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, OrderStatus, Reason
from engine_core.wire.layout import join

Key = tuple[int, int, int, int]  # taker, maker, price_ticks, lots


@dataclass(frozen=True)
class Verdict:
    captured_trades: int
    reproduced: int
    same_sequence: bool  # all trades in the same order, and none besides
    missed: list[dict[str, object]]  # each with the words why
    extra: list[dict[str, object]]
    post_only_expected: int
    post_only_refused: int
    cancels_compared: int
    cancels_exact: int
    rejected: dict[str, int]  # reasons of everything refused, but for the expected post-only refusals
    notes: dict[str, int] = field(default_factory=dict)
    ghosts: list[int] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.reproduced == self.captured_trades and not self.extra


def judge(capture: Capture, flow: Flow, batches: list[np.ndarray], accounts: tuple[int, ...]) -> Verdict:
    """`batches`: the EVENT arrays of our run, in log order; events of other accounts are ignored."""
    events = join(batches)
    events = events[(events["kind"] < 32) & np.isin(events["account"], accounts)]
    ours = _trades(events)
    real: list[Key] = [(trade.taker, trade.maker, trade.price_ticks, trade.lots) for trade in capture.trades]
    left = Counter(ours)
    missed = []
    fates = _fates(capture, flow, events)
    for trade, key in zip(capture.trades, real, strict=True):
        if left[key] > 0:
            left[key] -= 1
        else:
            missed.append(_explain(capture, trade, fates))
    compared, exact = _cancels(flow, events)
    refused = events[events["kind"] == EventKind.REJECTED]
    by_reason = Counter(int(reason) for reason in refused["reason"])
    return Verdict(
        captured_trades=len(real),
        reproduced=len(real) - len(missed),
        same_sequence=ours == real,
        missed=missed,
        extra=[_extra(capture, key, count) for key, count in left.items() if count > 0],
        post_only_expected=int(np.count_nonzero(flow.commands["flags"] & OrderFlag.POST_ONLY)),
        post_only_refused=by_reason.pop(Reason.POST_ONLY_WOULD_TAKE, 0),
        cancels_compared=compared,
        cancels_exact=exact,
        rejected={Reason(reason).name: count for reason, count in sorted(by_reason.items())},
        notes=dict(flow.notes),
        ghosts=[capture.venue_ids[order] for order in flow.ghosts],
    )


def _trades(events: np.ndarray) -> list[Key]:
    """Our trades in order, in the capture's order numbers (which travel as client ids)."""
    fills = events[events["kind"] == EventKind.FILL]
    takers = fills[(fills["flags"] & OrderFlag.TAKER) != 0]
    makers = fills[(fills["flags"] & OrderFlag.TAKER) == 0]
    assert len(takers) == len(makers), "each trade is a maker's and a taker's FILL"
    assert (takers["trade_id"] == makers["trade_id"]).all()
    columns = (takers["client_id"], makers["client_id"], takers["price_ticks"], takers["fill_lots"])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _cancels(flow: Flow, events: np.ndarray) -> tuple[int, int]:
    """(cancels with a known remainder, those that left exactly that)."""
    asked = flow.commands["kind"] == CommandKind.CANCEL
    expected = dict(zip(flow.commands["client_id"][asked].tolist(), flow.expected_lots[asked].tolist(), strict=True))
    done = events[events["kind"] == EventKind.CANCELLED]
    left = (done["quantity_lots"] - done["executed_lots"]).tolist()
    exact = sum(expected.get(order) == lots for order, lots in zip(done["client_id"].tolist(), left, strict=True))
    return len(expected), exact


def _fates(capture: Capture, flow: Flow, events: np.ndarray) -> dict[int, str]:
    """What became here of each order that the answer key names, in words."""
    wanted = {order for trade in capture.trades for order in (trade.taker, trade.maker)}
    fates = {order: "was never sent" for order in wanted}
    fates |= {order: "was taken for a ghost of the snapshot" for order in flow.ghosts}
    for event in events[np.isin(events["client_id"], list(wanted))]:
        order = int(event["client_id"])
        executed, quantity = int(event["executed_lots"]), int(event["quantity_lots"])
        if event["kind"] == EventKind.REJECTED:
            if fates[order] == "was never sent":
                fates[order] = f"was refused ({Reason(event['reason']).name})"
            continue
        status = OrderStatus(event["status"]).name.lower() if event["status"] else "?"
        reason = f", {Reason(event['reason']).name}" if event["reason"] else ""
        fates[order] = f"ended as {status}{reason} with {executed} of {quantity} lots executed"
    return fates


def _explain(capture: Capture, trade: Trade, fates: dict[int, str]) -> dict[str, object]:
    taker, maker = capture.venue_ids[trade.taker], capture.venue_ids[trade.maker]
    why = f"taker {taker} {fates[trade.taker]}; maker {maker} {fates[trade.maker]}"
    return _named(capture, (trade.taker, trade.maker, trade.price_ticks, trade.lots)) | {
        "trade_id": trade.trade_id,
        "why": why,
    }


def _extra(capture: Capture, key: Key, count: int) -> dict[str, object]:
    return _named(capture, key) | {"times": count}


def _named(capture: Capture, key: Key) -> dict[str, object]:
    return {
        "taker": capture.venue_ids[key[0]],
        "maker": capture.venue_ids[key[1]],
        "price_ticks": key[2],
        "lots": key[3],
    }
