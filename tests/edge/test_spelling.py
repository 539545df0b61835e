"""The words of the API: each spells its code's name, and every reason that ends an order has one."""

import re
from enum import IntEnum
from inspect import getsource
from types import FunctionType, ModuleType
from typing import get_args

import pytest

from engine_core.book.ladder import matching
from engine_core.book.orders import checks, closing, execution, planning, settlement, triggers
from engine_core.edge import spelling
from engine_core.edge.spelling import ExpiryWord, expiry_word
from engine_core.wire.codes import (
    CancelScope,
    MarketState,
    OrderStatus,
    OrderType,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)

ENDS = (closing, execution, matching, settlement, triggers, planning)  # whose reasons reach EXPIRED and TRIGGER_FAILED
CHECKED_AGAIN = (checks.check_market_state, checks.check_price)  # when a trigger has fired
NONE_OF_THEM = {Reason.NONE, Reason.USER, Reason.CANCEL_ALL, Reason.MARKET_ELSEWHERE}  # no order is open there


def named_in(source: ModuleType | FunctionType) -> set[Reason]:
    return {Reason[name] for name in re.findall(r"\bReason\.([A-Z_]+)", getsource(getattr(source, "py_func", source)))}


ENDING = sorted(set().union(*map(named_in, (*ENDS, *CHECKED_AGAIN))) - NONE_OF_THEM)


@pytest.mark.parametrize("reason", ENDING)
def test_a_reason_that_ends_an_order_has_a_word(reason: Reason) -> None:
    assert expiry_word(reason) != "Unknown"


def test_the_book_was_read() -> None:
    assert {Reason.EVENT_LIMIT, Reason.SELF_TRADE, Reason.LEVELS_FULL, Reason.MARKET_CLOSED} <= set(ENDING)


def test_every_word_is_one_of_the_documented() -> None:
    assert {expiry_word(code) for code in range(256)} == set(get_args(ExpiryWord))


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        *((Side, spelling.SIDE_WORDS), (OrderType, spelling.ORDER_TYPE_WORDS), (OrderStatus, spelling.STATUS_WORDS)),
        *((SelfTrade, spelling.SELF_TRADE_WORDS), (MarketState, spelling.MARKET_STATE_WORDS)),
    ],
)
def test_a_word_is_the_name_of_its_code(codes: type[IntEnum], words: dict[int, str]) -> None:
    told = [code for code in codes if code is not MarketState.ELSEWHERE]  # a market is shown where it trades
    assert words == {code.value: code.name.title().replace("_", "") for code in told}


def test_the_words_in_capitals() -> None:
    assert {code.value: code.name for code in TimeInForce} == spelling.TIME_IN_FORCE_WORDS
    assert {code.value: code.name for code in OrderType} == spelling.ORDER_TYPE_STREAM_WORDS


def test_the_words_of_requests() -> None:
    assert spelling.CANCEL_SCOPE_CODES == {
        "RestingLimitOrder": CancelScope.RESTING,
        "ConditionalOrder": CancelScope.CONDITIONAL,
    }
    assert list(spelling.PERMISSIONS) == ["read", "trade", "withdraw"]
    assert all(permission.name == word.upper() for word, permission in spelling.PERMISSIONS.items())
