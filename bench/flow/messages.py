"""What a synthetic flow consists of, and how it becomes commands of the engine.

    MESSAGE, 64 bytes
     0 time_ns        i8  since the start of the flow; never decreases
     8 order          i8  number of the order: 1, 2, 3, ... by first appearance, over all markets
    16 price_ticks    i8  0: a market order; of an amend 0: keep
    24 lots           i8  of a PLACE: the whole quantity. Of an AMEND: the new whole quantity, 0: keep. Of a CANCEL: 0
    32 display_lots   i8  an iceberg's shown part, else 0
    40 trigger_ticks  i8  of a stop order, else 0
    48 account        u4  1, 2, 3, ...: a number of the flow (see to_commands)
    52 market         u2  1, 2, 3, ...
    54 kind           u1  CommandKind: PLACE, CANCEL or AMEND
    55 side           u1  Side; of a CANCEL or AMEND the order's own
    56 order_type     u1  OrderType, of a PLACE
    57 time_in_force  u1  TimeInForce, of a PLACE
    58 self_trade     u1  SelfTrade, of a PLACE
    59 flags          u1  OrderFlag: POST_ONLY, ICEBERG, TRIGGER (HAS_CLIENT_ID is added by to_commands)
    60 pad            u4

Orders are named by their number, which travels as the client id: so no answer of the exchange is needed to go on.
Non-goal: to say anything about how such messages come about (see parameters.py and the models).
"""

import numpy as np

from engine_core.jit.kernel import entry
from engine_core.jit.records import I8, U1, U2, U4, Record, dtype_of
from engine_core.jit.rows import Rows, clear, rows
from engine_core.wire.codes import CommandKind, OrderFlag
from engine_core.wire.layout import COMMAND, CommandRow
from engine_core.wire.limits import FEE_ACCOUNT, MAX_CLIENT_ID

HAS_CLIENT_ID = int(OrderFlag.HAS_CLIENT_ID)


class MessageRow(Record):
    time_ns: I8
    order: I8
    price_ticks: I8
    lots: I8
    display_lots: I8
    trigger_ticks: I8
    account: U4
    market: U2
    kind: U1
    side: U1
    order_type: U1
    time_in_force: U1
    self_trade: U1
    flags: U1
    pad0: U4


MESSAGE = dtype_of(MessageRow)
assert MESSAGE.itemsize == 64


@entry
def _convert(messages: np.ndarray, commands: np.ndarray, first_account: int) -> None:
    source: Rows[MessageRow] = rows(messages)
    target: Rows[CommandRow] = rows(commands)
    for at in range(source.size):
        message, command = source[at], target[at]
        clear(command)
        command.kind = message.kind
        command.market = message.market
        command.account = message.account + first_account
        command.client_id = message.order & MAX_CLIENT_ID
        command.flags = message.flags | HAS_CLIENT_ID
        if message.kind == CommandKind.CANCEL:
            continue
        command.side = message.side
        command.price_ticks = message.price_ticks
        command.quantity_lots = message.lots
        if message.kind == CommandKind.PLACE:
            command.order_type = message.order_type
            command.time_in_force = message.time_in_force
            command.self_trade = message.self_trade
            command.trigger_ticks = message.trigger_ticks
            command.display_lots = message.display_lots


def to_commands(
    messages: np.ndarray, commands: np.ndarray | None = None, first_account: int = FEE_ACCOUNT
) -> np.ndarray:
    """COMMAND records for these messages, in `commands` if given (it must have room for them).

    Account n of the flow is account first_account + n of the exchange: of a fresh one, the first after the fee account.
    """
    if commands is None:
        commands = np.empty(len(messages), COMMAND)
    commands = commands[: len(messages)]
    _convert(messages, commands, first_account)
    return commands
