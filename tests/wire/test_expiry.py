"""Every reason that the book can end an order with has its word, in every document the same."""

import re
from inspect import getsource
from types import FunctionType, ModuleType
from typing import get_args

import pytest

from engine_core.book.ladder import matching
from engine_core.book.orders import checks, closing, execution, planning, settlement, triggers
from engine_core.wire.codes import Reason
from engine_core.wire.expiry import ExpiryReason, expiry_reason

ENDS = (closing, execution, matching, settlement, triggers, planning)  # whose reasons reach EXPIRED and TRIGGER_FAILED
CHECKED_AGAIN = (checks.check_market_state, checks.check_price)  # when a trigger has fired
NONE_OF_THEM = {Reason.NONE, Reason.USER, Reason.CANCEL_ALL}


def named_in(source: ModuleType | FunctionType) -> set[Reason]:
    return {Reason[name] for name in re.findall(r"\bReason\.([A-Z_]+)", getsource(getattr(source, "py_func", source)))}


ENDING = sorted(set().union(*map(named_in, (*ENDS, *CHECKED_AGAIN))) - NONE_OF_THEM)


@pytest.mark.parametrize("reason", ENDING)
def test_a_reason_that_ends_an_order_has_a_word(reason: Reason) -> None:
    assert expiry_reason(reason) != "Unknown"


def test_the_book_was_read() -> None:
    assert {Reason.EVENT_LIMIT, Reason.SELF_TRADE, Reason.LEVELS_FULL, Reason.MARKET_CLOSED} <= set(ENDING)


def test_every_word_is_one_of_the_documented() -> None:
    assert {expiry_reason(code) for code in range(256)} == set(get_args(ExpiryReason))
