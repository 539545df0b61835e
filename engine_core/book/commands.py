"""execute_blocks: commands in, events out. The one entry point of the state machine.

Precedence of reasons: the checks run in this order, and the first that fails names the reason.

    PLACE    NO_GENESIS  ORDER_IDS_SPENT  BEHAVIOUR_VERSION  BAD_FIELD  UNKNOWN_MARKET  UNKNOWN_ACCOUNT
             a known client id: DUPLICATE (event) or DUPLICATE_CLIENT_ID
             MARKET_BUSY  ACCOUNT_FROZEN
             MARKET_ELSEWHERE  MARKET_CLOSED  MARKET_CANCEL_ONLY  MARKET_LIMIT_ONLY  MARKET_POST_ONLY
             PRICE_OUT_OF_RANGE  PRICE_OUT_OF_BAND  QUANTITY_TOO_SMALL  QUANTITY_TOO_LARGE
             of an iceberg: QUANTITY_TOO_LARGE, if it has too many parts
             of a trigger: PRICE_OUT_OF_RANGE  NO_LAST_PRICE  TRIGGER_EQUALS_LAST  BOUND_REQUIRED
             NOTIONAL_OVERFLOW (by quote with a bound: QUANTITY_TOO_LARGE)
             TOO_MANY_OPEN_ORDERS  ORDERS_FULL  ORDERS_SHARE  MARKET_SHARE  (only for orders that could stay)
             POST_ONLY_WOULD_TAKE  LEVELS_FULL
             of a market order by quote: INSUFFICIENT_FUNDS for the amount, QUANTITY_TOO_SMALL, QUANTITY_TOO_LARGE
             INSUFFICIENT_FUNDS
    CANCEL   NO_GENESIS  BEHAVIOUR_VERSION  UNKNOWN_MARKET  UNKNOWN_ACCOUNT  MARKET_ELSEWHERE  ORDER_NOT_FOUND
    AMEND    as CANCEL, then MARKET_BUSY  BAD_FIELD  NOT_AMENDABLE  QUANTITY_TOO_SMALL
             in its place: QUANTITY_TOO_SMALL; queued again: as PLACE from ACCOUNT_FROZEN on
    REPLACE  as PLACE up to MARKET_BUSY, then MARKET_ELSEWHERE  ORDER_NOT_FOUND, then as PLACE without the old order,
             then why the new one would end at once; whatever is refused, the old order stays as it was (see
             orders/replacing.py)
    CANCEL_ALL, CANCEL_AFTER   UNKNOWN_MARKET  UNKNOWN_ACCOUNT  MARKET_ELSEWHERE  BAD_FIELD  TIMERS_FULL  TIMERS_SHARE
    ADMIN    NO_GENESIS, then whether it is for this shard, what exists, what is well formed, what fits (see admin.py)

Events of one command are at most MAX_EVENTS_PER_COMMAND. Before it, timers that are due, orders that were suspended and
triggers left over from earlier commands get up to half of them, before TICK all; what does not fit goes on before the
next command. A sweep that runs out is suspended if what is left may rest (see orders/triggers.py), else it expires with
EVENT_LIMIT; a CANCEL_ALL that does says so in the reason of CANCEL_ALL_DONE, and is to be sent again.
"""

import numpy as np

from engine_core.book.admin import administer
from engine_core.book.command_prefetch import look_ahead, look_at_first
from engine_core.book.ladder.queue import slot_of
from engine_core.book.ledger.client_ids import find_client
from engine_core.book.ledger.gateways import BLOCK, NO_GATEWAY, OUTCOME, BlockRow, check_block
from engine_core.book.memory.records import HAS_CLIENT_ID
from engine_core.book.memory.state import (
    BEHAVIOUR,
    COMMANDS,
    EVENTS,
    EVENTS_END,
    FIRED,
    GENESIS,
    INDEX,
    ORDERS_MADE,
    READY,
    SHARD,
    SPENT,
    TIME_MS,
    TIMERS,
    TRIGGERS_DUE,
    Capacities,
    State,
    new_state,
)
from engine_core.book.orders.amending import amend
from engine_core.book.orders.checks import account_exists, check_sender, check_shape, market_of, not_found
from engine_core.book.orders.closing import cancel_order, cancel_selected
from engine_core.book.orders.events import Selection, write_cancel_all_done, write_rejected, write_timer_armed
from engine_core.book.orders.placing import answer_retry, find_retry, place
from engine_core.book.orders.replacing import replace
from engine_core.book.orders.timers import DEAD_MAN, EVERY_MARKET, arm, disarm, find_timer, run_due
from engine_core.book.orders.triggers import collect_fired, is_busy, run_fired
from engine_core.jit.bound import Binding, reader_of
from engine_core.jit.intrinsics import cold, noinline
from engine_core.jit.kernel import entry, hot, inner
from engine_core.jit.rows import Rows, rows
from engine_core.wire.codes import CancelScope, CommandKind, MarketState, Reason
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, CommandRow, EventRow
from engine_core.wire.limits import ALL_MARKETS, MAX_EVENTS_PER_COMMAND, MAX_TIMER_MS, ORDERS_OF_A_SHARD

NO_TIMER_GATEWAY = 0  # of a dead-man switch
KEPT_EVENTS = 2048  # of several blocks: no more of them once there are so many
NOT_KEPT = np.zeros(0, OUTCOME)


def smallest_state() -> State:
    return new_state(Capacities(*[1] * len(Capacities._fields)))


bound_state = reader_of(smallest_state)
_binding = Binding(smallest_state)


@hot
def _named_order(state: State, command: CommandRow, by_client: bool) -> int:
    """Slot of the open order that the command names, if it is the sender's and of that market; else 0."""
    account = command.account
    if by_client:
        slot = max(find_client(state, account, command.client_id), 0)
    else:
        slot = slot_of(state, command.order_id)
    if slot != 0 and (state.orders[slot].account != account or state.info[slot].market != command.market):
        return 0
    return slot


@hot
def _cancel(state: State, events: Rows[EventRow], n: int, command: CommandRow) -> int:
    reason = check_sender(state, command)
    if reason == Reason.NONE:
        slot = _named_order(state, command, command.flags & HAS_CLIENT_ID != 0)
        if slot != 0:
            return cancel_order(state, events, n, Reason.USER, slot)
        reason = not_found(state, command.market)
    return write_rejected(state, events, n, command, reason)


@hot
def _is_busy(state: State, command: CommandRow) -> bool:
    """Whether an order that came before is to trade on before anything is placed in this market."""
    return bool(state.levels[FIRED].head != 0 and is_busy(state, command.market))


@inner
def _amend(state: State, events: Rows[EventRow], n: int, command: CommandRow) -> int:
    noinline()
    reason = check_sender(state, command)
    if reason == Reason.NONE:
        slot = _named_order(state, command, command.flags & HAS_CLIENT_ID != 0)
        if slot != 0:
            if _is_busy(state, command):
                return write_rejected(state, events, n, command, Reason.MARKET_BUSY)
            return amend(state, events, n, command, slot)
        reason = not_found(state, command.market)
    return write_rejected(state, events, n, command, reason)


@hot
def _place(state: State, events: Rows[EventRow], n: int, command: CommandRow, replaces: bool) -> int:
    reason = check_shape(command)
    if reason == Reason.NONE:
        reason = check_sender(state, command)
    if reason == Reason.NONE:
        entry = find_retry(state, command)
        if entry != 0:
            return answer_retry(state, events, n, command, entry)
        if _is_busy(state, command):
            reason = Reason.MARKET_BUSY
        elif replaces:
            slot = _named_order(state, command, False)
            if slot != 0:
                return replace(state, events, n, command, slot)
            reason = not_found(state, command.market)
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    return place(state, events, n, command)


@inner
def _check_scope(state: State, command: CommandRow) -> int:
    """Of commands for one market or all of them."""
    market = command.market
    if market != ALL_MARKETS and market_of(state, market) == 0:
        return Reason.UNKNOWN_MARKET
    if not account_exists(state, command.account):
        return Reason.UNKNOWN_ACCOUNT
    if market != ALL_MARKETS and state.markets[market].state == MarketState.ELSEWHERE:
        return Reason.MARKET_ELSEWHERE
    return Reason.NONE


@inner
def _cancel_all(state: State, events: Rows[EventRow], n: int, command: CommandRow) -> int:
    reason = _check_scope(state, command)
    scope = command.order_type
    if reason == Reason.NONE and scope > CancelScope.CONDITIONAL:
        reason = Reason.BAD_FIELD
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    selection = Selection(command.account, command.market, scope)
    n, count, done = cancel_selected(state, events, n, selection, Reason.CANCEL_ALL)
    return write_cancel_all_done(state, events, n, selection, count, Reason.NONE if done else Reason.EVENT_LIMIT)


@inner
def _set_dead_man(state: State, account: int, market: int, delay_ms: int) -> int:
    """One an account: arm it again, or with no delay disarm it. Says why there is no room."""
    if delay_ms != 0:
        return arm(state, account, DEAD_MAN, NO_TIMER_GATEWAY, market, delay_ms)
    timer = find_timer(state, account, DEAD_MAN, NO_TIMER_GATEWAY)
    if timer != 0:
        disarm(state, timer)
    return Reason.NONE


@inner
def _cancel_after(state: State, events: Rows[EventRow], n: int, command: CommandRow) -> int:
    """The dead-man switch: cancel all unless this command comes again within `amount_atoms` milliseconds."""
    account, delay_ms = command.account, command.amount_atoms
    market = command.market if command.market != ALL_MARKETS else EVERY_MARKET
    reason = _check_scope(state, command)
    if reason == Reason.NONE and not 0 <= delay_ms <= MAX_TIMER_MS:
        reason = Reason.BAD_FIELD
    if reason == Reason.NONE:
        reason = _set_dead_man(state, account, market, delay_ms)
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    return write_timer_armed(state, events, n, account, command.market, delay_ms)


@inner
def _execute_other(state: State, events: Rows[EventRow], n: int, command: CommandRow, kind: int) -> int:
    cold()
    if kind == CommandKind.CANCEL_ALL:
        return _cancel_all(state, events, n, command)
    if kind == CommandKind.CANCEL_AFTER:
        return _cancel_after(state, events, n, command)
    if kind == CommandKind.TICK:  # its work was done before it: due timers
        return n
    return write_rejected(state, events, n, command, Reason.UNKNOWN_COMMAND)


@inner
def _check_ready(state: State, kind: int) -> int:
    """Of a shard whose log has not begun, or that has given all its order ids: then orders end, and none comes."""
    cold()
    if state.scalars[GENESIS] == 0:
        return Reason.NO_GENESIS
    return Reason.ORDER_IDS_SPENT if kind == CommandKind.PLACE or kind == CommandKind.REPLACE else Reason.NONE


@inner
def _check_ids(state: State, commands: int) -> None:
    """Before a block: whether the range of order ids has one for each of its commands. Those behind it are another
    shard's."""
    end = (state.scalars[SHARD] + 1) * ORDERS_OF_A_SHARD
    if state.scalars[ORDERS_MADE] + commands >= end and state.scalars[GENESIS] == READY:
        state.scalars[GENESIS] = SPENT


@hot
def _dispatch(state: State, events: Rows[EventRow], n: int, command: CommandRow, kind: int) -> int:
    """The commands of the ORDER shape."""
    reason: int = Reason.NONE
    if state.scalars[GENESIS] != READY:
        reason = _check_ready(state, kind)
    if reason == Reason.NONE and state.scalars[BEHAVIOUR] != BEHAVIOUR_VERSION:
        reason = Reason.BEHAVIOUR_VERSION
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    if kind == CommandKind.PLACE or kind == CommandKind.REPLACE:
        return _place(state, events, n, command, kind == CommandKind.REPLACE)
    if kind == CommandKind.CANCEL:
        return _cancel(state, events, n, command)
    if kind == CommandKind.AMEND:
        return _amend(state, events, n, command)
    return _execute_other(state, events, n, command, kind)


@hot
def execute_block(
    state: State, commands: Rows[CommandRow], block: BlockRow, first: int, events: Rows[EventRow], n: int
) -> tuple[int, int]:
    """commands[first:] of a block, until their events might not fit behind n others. Returns (next command, n then).
    The caller has looked at the first commands of all (see command_prefetch.py)."""
    others = n
    i, origin, end = first, block.first, block.end
    state.scalars[TIME_MS] = max(state.scalars[TIME_MS], block.time_ms)
    if first == origin:
        _check_ids(state, end - origin)
    while i < end and n + MAX_EVENTS_PER_COMMAND <= events.size:
        command = commands[i]
        look_ahead(state, commands, i)
        state.scalars[INDEX] = i - origin
        start = n
        kind = command.kind
        if state.scalars[TIMERS] != 0 or state.levels[FIRED].head != 0:
            part = 1 if kind == CommandKind.TICK else 2  # all events of a TICK, half of those of any other command
            state.scalars[EVENTS_END] = start + MAX_EVENTS_PER_COMMAND // part
            n = run_due(state, events, n)
            n = run_fired(state, events, n)
        state.scalars[EVENTS_END] = start + MAX_EVENTS_PER_COMMAND
        if kind < CommandKind.GENESIS:
            n = _dispatch(state, events, n, command, kind)
            if state.scalars[TRIGGERS_DUE]:
                collect_fired(state, command.market)
                n = run_fired(state, events, n)
        else:
            n = administer(state, events, n, command)
        i += 1
    state.scalars[COMMANDS] += i - first
    state.scalars[INDEX] = 0
    state.scalars[EVENTS_END] = 0
    state.scalars[EVENTS] += n - others
    return i, n


def execute_blocks(
    state: State,
    blocks: np.ndarray,
    number: int,
    stop: int,
    first: int,
    commands: np.ndarray,
    events: np.ndarray,
    outcomes: np.ndarray,
) -> tuple[int, int, int, int]:
    """Execute blocks[number:stop], the first of them from command `first` on.

    With an OUTCOME for each block their events are kept one behind the other, with none (NOT_KEPT) those of each block
    overwrite those of the one before. Returns (block, next command in it, number of events, reason): ends before a
    block that must not be executed, with the reason; within one whose events might not fit; after one that asks for
    another behaviour; after the last; and after as many events as are kept at once.
    """
    return _execute_blocks(_binding.table(state), blocks, number, stop, first, commands, events, outcomes)


@entry
def _execute_blocks(
    table: np.ndarray,
    blocks: np.ndarray,
    number: int,
    stop: int,
    first: int,
    commands: np.ndarray,
    events: np.ndarray,
    outcomes: np.ndarray,
) -> tuple[int, int, int, int]:
    state, queue, kept = bound_state(table), rows(blocks), rows(outcomes)
    most = min(KEPT_EVENTS, events.size - MAX_EVENTS_PER_COMMAND) if kept.size != 0 else events.size
    n = 0
    look_at_first(state, rows(commands), first)
    while True:
        block = queue[number]
        if block.gateway != NO_GATEWAY and first == block.first:
            reason = check_block(state, block.gateway, block.incarnation, block.sequence)
            if reason != Reason.NONE:
                return number, first, n, reason
        first, n = execute_block(state, rows(commands), block, first, rows(events), n)
        if kept.size != 0 and first == block.end:
            kept[number].events_end = n
            kept[number].time_ms = state.scalars[TIME_MS]
        if first < block.end or number + 1 == stop or state.scalars[BEHAVIOUR] != BEHAVIOUR_VERSION or n > most:
            return number, first, n, Reason.NONE
        if kept.size == 0:
            n = 0
        number += 1
        first = queue[number].first


def apply_batch(
    state: State, commands: np.ndarray, first: int, count: int, time_ms: int, events: np.ndarray
) -> tuple[int, int]:
    """Execute commands[first:count] and write their events.

    Stops before the first command whose events might not fit. Returns (next command, number of events).
    """
    assert events.size >= MAX_EVENTS_PER_COMMAND, f"room for {events.size} events: one command may give more"
    if not commands.flags.writeable:  # another type to Numba, which would compile everything once more
        commands = np.frombuffer(bytearray(commands.tobytes()), COMMAND)
    block = np.array([(NO_GATEWAY, 0, 0, time_ms, 0, count)], BLOCK)
    _, reached, written, _ = execute_blocks(state, block, 0, 1, first, commands, events, NOT_KEPT)
    return reached, written
