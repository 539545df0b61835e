"""`exchange verify` calls a loss a loss: money withdrawn to an account of the exchange that did not get it."""

from engine_core.book.memory.state import new_state
from engine_core.operator.proof.replay import Inside, Lost, lost_in
from engine_core.wire.codes import CommandKind
from engine_core.wire.destinations import words_of
from tests.book.scenario import setup
from tests.model.pair import SMALL, command, run_book


def test_half_a_transfer_is_found() -> None:
    state = new_state(SMALL)
    for record in setup():
        run_book(state, record, 1_000)

    def withdraw(address: str, reference: int, **fields: int) -> list[Lost]:
        c, d = words_of(address, "rent")
        moved = command(CommandKind.WITHDRAW, account=2, asset=1, a=40, b=reference, c=c, d=d, **fields)
        return lost_in(state, run_book(state, moved, 1_000), Inside())

    assert withdraw("DE89370400440532013000", 1) == []
    assert withdraw("account-9", 2) == []  # there is none yet, and the edge lets nobody name it
    assert withdraw("account-3", 3) == [Lost(account=2, asset=1, atoms=40, to_account=3)]
    assert withdraw("account-3", 3) == []  # refused: a repeat
    c, d = words_of("account-3", "rent")
    whole = command(CommandKind.TRANSFER, account=2, to_account=3, asset=1, a=40, b=4, c=c, d=d)
    assert lost_in(state, run_book(state, whole, 1_000), Inside()) == []
