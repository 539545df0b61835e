"""Memory fetched ahead of its use, for the whole engine: see ladder/prefetch.py.

A command far ahead names its account, its order if there is one, and its client id. While few orders are open, little
else lies outside the nearest caches, and looking ahead at more would cost more than it brings. In a deep book it names
its price, too; nearer, what those point to is asked for, step by step: the order's neighbours and level, the page of
the price, the level there, the order at its end, and what the order that it would trade with needs. Between two steps
lie as many commands as memory takes to answer. No branch depends on what kind of command it is: one that is guessed
wrong costs more than asking for a line in vain.

Before the first commands of all there is none that could look ahead: what they touch is asked for at once, step by
step for all of them. Small blocks consist of such commands.
"""

from engine_core.book.ladder.levels import book_of, key_of
from engine_core.book.ladder.prefetch import (
    fetch_bucket,
    fetch_level,
    fetch_neighbours,
    fetch_page,
    fetch_page_of,
    fetch_place,
    fetch_tail,
)
from engine_core.book.ledger.balances import balance_of, open_count_of
from engine_core.book.ledger.client_ids import client_bucket
from engine_core.book.memory.records import HAS_CLIENT_ID
from engine_core.book.memory.state import FREE_ORDERS, OPEN_ORDERS, State
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Rows, prefetch
from engine_core.wire.codes import CommandKind, Side
from engine_core.wire.layout import CommandRow
from engine_core.wire.limits import MAX_PRICE_TICKS, SLOT_BITS

AHEAD = 12  # commands
AROUND, PAGE, PLACE, LEVEL, TAIL = 9, 8, 7, 4, 2  # and the further steps, where it pays
DEEP = 16_384  # open orders from which it pays to look ahead at more than the command names
_SLOT_MASK = (1 << SLOT_BITS) - 1


@hot
def _fetch_account(state: State, command: CommandRow) -> None:
    """Wherever a wrong number points to: asking for memory cannot fail."""
    account = command.account
    market = min(command.market, state.markets.size - 1)
    prefetch(state.accounts, account)
    prefetch(state.balances, balance_of(state, account, state.markets[market].base))
    prefetch(state.balances, balance_of(state, account, state.markets[market].quote))
    prefetch(state.open_counts, open_count_of(state, account, market))


@hot
def _slot_of(state: State, command: CommandRow) -> int:
    """Of the order that a command names by its id; else some slot that is as good as another."""
    slot: int = command.order_id & _SLOT_MASK
    return min(slot, state.orders.size - 1)


@hot
def _price_of(state: State, command: CommandRow) -> tuple[int, int]:
    """(book, key) where a PLACE, or an AMEND that names the order by its id, goes; of anything else some other pair."""
    named = state.info[_slot_of(state, command)].side
    side = named if command.kind == CommandKind.AMEND else command.side
    book = book_of(command.market, side - Side.BID)
    return book, key_of(book, command.price_ticks & MAX_PRICE_TICKS)


@hot
def _fetch_order(state: State, command: CommandRow) -> None:
    slot = command.order_id & _SLOT_MASK
    prefetch(state.orders, slot)
    prefetch(state.info, slot)
    is_named = (command.flags & HAS_CLIENT_ID) // HAS_CLIENT_ID
    bucket = client_bucket(state, command.account, command.client_id)
    prefetch(state.client_heads, is_named * bucket)


@hot
def _fetch_around(state: State, command: CommandRow) -> None:
    """What the order names that the command names, the last one of the account, and where its price is looked up."""
    account = min(command.account, state.accounts.size - 1)
    slot = _slot_of(state, command)
    info = state.info[slot]
    fetch_neighbours(state, slot)
    prefetch(state.info, info.account_next)
    prefetch(state.info, info.account_prev)
    prefetch(state.info, state.accounts[account].last_order * (command.kind == CommandKind.PLACE))
    is_named = (info.flags & HAS_CLIENT_ID) // HAS_CLIENT_ID
    prefetch(state.terms, is_named * slot)
    prefetch(state.client_heads, is_named * client_bucket(state, account, info.client_id))
    prefetch(state.ended, state.accounts[account].ended_last)
    fetch_bucket(state, *_price_of(state, command))


@hot
def _maker_of(state: State, command: CommandRow) -> int:
    """The order that a PLACE would trade with first, or the scratch slot if it would rest."""
    own = (command.side - Side.BID) & 1
    opposite = book_of(min(command.market, state.markets.size - 1), own ^ 1)
    side = state.books[opposite]
    crosses = side.best_key <= key_of(opposite, command.price_ticks & MAX_PRICE_TICKS)
    return state.levels[side.best].head * (crosses & (command.kind == CommandKind.PLACE))


@hot
def _fetch_maker(state: State, command: CommandRow) -> None:
    maker = _maker_of(state, command)
    prefetch(state.orders, maker)
    prefetch(state.info, maker)


@hot
def _fetch_around_maker(state: State, command: CommandRow) -> None:
    """What its trade and its end will touch."""
    maker = _maker_of(state, command)
    if maker != 0:  # few orders trade
        account, market = state.orders[maker].account, state.info[maker].market
        prefetch(state.accounts, account)
        prefetch(state.balances, balance_of(state, account, state.markets[market].base))
        prefetch(state.balances, balance_of(state, account, state.markets[market].quote))
        prefetch(state.open_counts, open_count_of(state, account, market))
        prefetch(state.info, state.info[maker].account_next)
        prefetch(state.info, state.info[maker].account_prev)
        prefetch(state.orders, state.orders[maker].next)
        prefetch(state.terms, maker)


@hot
def _fetch_levels(state: State, command: CommandRow) -> None:
    fetch_level(state, *_price_of(state, command))
    fetch_page_of(state, _slot_of(state, command))
    _fetch_maker(state, command)


@hot
def _fetch_last(state: State, command: CommandRow) -> None:
    fetch_tail(state, *_price_of(state, command))
    _fetch_around_maker(state, command)


@hot
def _fetch_named(state: State, command: CommandRow) -> None:
    """What the command itself names."""
    _fetch_account(state, command)
    _fetch_order(state, command)


@hot
def _look_deeper(state: State, commands: Rows[CommandRow], i: int, last: int) -> None:
    _fetch_around(state, commands[min(i + AROUND, last)])
    fetch_page(state, *_price_of(state, commands[min(i + PAGE, last)]))
    fetch_place(state, *_price_of(state, commands[min(i + PLACE, last)]))
    _fetch_levels(state, commands[min(i + LEVEL, last)])
    _fetch_last(state, commands[min(i + TAIL, last)])
    free = state.free_orders[max(state.scalars[FREE_ORDERS] - TAIL, 0)]  # the slots of new orders
    prefetch(state.orders, free)
    prefetch(state.info, free)
    prefetch(state.terms, free)


@hot
def look_ahead(state: State, commands: Rows[CommandRow], i: int) -> None:
    """Ask for what the commands after number `i` will touch, also those of the blocks behind."""
    last = commands.size - 1
    if last >= AHEAD:  # so few are looked at all together
        prefetch(commands, i + 2 * AHEAD)
        _fetch_named(state, commands[min(i + AHEAD, last)])
        if state.scalars[OPEN_ORDERS] > DEEP:
            _look_deeper(state, commands, i, last)


@inner
def _look_deeper_at_first(state: State, commands: Rows[CommandRow], first: int, stop: int) -> None:
    cold()
    for i in range(first, stop):
        _fetch_around(state, commands[i])
    for i in range(first, stop):
        fetch_page(state, *_price_of(state, commands[i]))
    for i in range(first, stop):
        fetch_place(state, *_price_of(state, commands[i]))
    for i in range(first, stop):
        _fetch_levels(state, commands[i])
    for i in range(first, stop):
        _fetch_last(state, commands[i])


@hot
def look_at_first(state: State, commands: Rows[CommandRow], first: int) -> None:
    """Ask for what the first commands of all will touch: before them there is none that could look ahead."""
    stop = min(first + AHEAD, commands.size)
    if first + 1 < stop:
        for i in range(first, stop):
            _fetch_named(state, commands[i])
        if state.scalars[OPEN_ORDERS] > DEEP:
            _look_deeper_at_first(state, commands, first, stop)
