"""Every invariant of the state, checked the slow and obvious way; and digests of it. For tests, `verify`, and
snapshots.

NumPy and plain loops on purpose: nothing here shares code with the kernels that it checks.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine_core.book.memory.records import BY_QUOTE, HAS_CLIENT_ID, ICEBERG, UNLISTED
from engine_core.book.memory.state import (
    ACCOUNTS,
    ASSETS,
    BOOKS,
    ENDED_OLDEST,
    FIRED,
    FREE_ORDERS,
    KEYS_HELD,
    LEVELS_HELD,
    LINKS,
    MARKETS,
    NODES_USED,
    OPEN_ORDERS,
    OPERATOR_REFERENCES,
    ORDERS_MADE,
    PAGE_BITS,
    PAGES_LIVE,
    PAGES_USED,
    PRICES_A_PAGE,
    REFERENCES,
    SHARD,
    TIMERS,
    State,
)
from engine_core.wire.codes import MarketState, OrderStatus, OrderType, Side, TimeInForce
from engine_core.wire.limits import MAX_PRICE_TICKS, MOST_SHARDS, ORDERS_OF_A_SHARD, SLOT_BITS


def audit(state: State) -> None:
    """Assert everything that must hold between commands."""
    live = np.flatnonzero(state.orders["order_id"][1:]) + 1
    _audit_slots(state, live)
    queued = audit_levels(state)
    assert queued == Counter(live.tolist()), "an order is on no queue, or on two"
    audit_nodes(state)
    _audit_orders(state)
    _audit_fired(state)
    _audit_accounts(state, live)
    _audit_locks(state, live)
    _audit_clients(state, live)
    _audit_timers(state)
    _audit_shares(state)
    _audit_links(state)
    for asset, sums in conservation(state).items():
        assert sums.supplied == sums.held, f"asset {asset}: {sums.held} atoms in accounts, {sums.supplied} came to stay"


class Sums(NamedTuple):
    """Of one asset in one shard, in atoms."""

    deposited: int
    withdrawn: int
    moved_out: int  # to other shards; this and the next modulo 2**64
    moved_in: int
    held: int  # available and locked of all accounts, the fee account's among them

    @property
    def supplied(self) -> int:
        """What must be here: all that came, less all that went."""
        return self.deposited - self.withdrawn - moved_between(self.moved_out, self.moved_in)


def moved_between(out: int, arrived: int) -> int:
    """Sums modulo 2**64 as the number between them, which is less than 2**63 on either side of 0."""
    return (out - arrived + (1 << 63)) % (1 << 64) - (1 << 63)


def conservation(state: State) -> dict[int, Sums]:
    """The sums of each asset."""
    rows = state.balances.reshape(len(state.accounts), len(state.assets))
    result = {}
    for number in range(1, int(state.scalars[ASSETS]) + 1):
        asset = state.assets[number]
        held = int(rows["available"][:, number].sum()) + int(rows["locked"][:, number].sum())
        result[number] = Sums(**{name: int(asset[name]) for name in Sums._fields[:-1]}, held=held)
    return result


def digest(state: State) -> str:
    """SHA-256 over every byte of the state, but for scratch, and for where pages and nodes stand in their hash tables:
    that depends on the function that hashes them, and states may come from snapshots of before it was changed."""
    nodes, pages = state.nodes, state.pages.copy()
    pages["chain"] = pages["node"] = 0
    kept = state._asdict() | {"nodes": np.sort(nodes[nodes["name"] != 0], order="name"), "pages": pages}
    result = hashlib.sha256()
    for name, array in kept.items():
        if name not in ("walked", "page_heads"):
            result.update(array.view(np.uint8).data)
    return result.hexdigest()


def _audit_slots(state: State, live: np.ndarray) -> None:
    ids = state.orders["order_id"][live]
    assert (ids & ((1 << SLOT_BITS) - 1) == live).all(), "an order's id does not name its slot"
    height = int(state.scalars[FREE_ORDERS])
    free = state.free_orders[:height]
    assert len(set(free.tolist())) == height, "a slot is free twice"
    assert height + len(live) == len(state.orders) - 1, "slots are lost"
    assert not state.orders["order_id"][free].any(), "a free slot holds an order"
    first = int(state.scalars[SHARD]) * ORDERS_OF_A_SHARD
    assert first <= state.scalars[ORDERS_MADE] < first + ORDERS_OF_A_SHARD, "order ids are another shard's"
    assert ((ids >> SLOT_BITS) // ORDERS_OF_A_SHARD == state.scalars[SHARD]).all(), "an order of another shard"
    assert state.scalars[OPEN_ORDERS] == len(live)


def _queue(state: State, level: int) -> Iterator[int]:
    """Slots of a level in order, checking the links."""
    before, slot = 0, int(state.levels[level]["head"])
    while slot:
        order = state.orders[slot]
        assert order["prev"] == before and order["level"] == level, f"slot {slot}: broken queue of level {level}"
        yield slot
        before, slot = slot, int(order["next"])
    assert state.levels[level]["tail"] == before, f"level {level}: wrong tail"


def _live_levels(state: State) -> dict[tuple[int, int], int]:
    """(book, key) -> level, by way of the hash chains of pages."""
    found: dict[tuple[int, int], int] = {}
    live = 0
    for head in state.page_heads[state.page_heads != 0].tolist():
        page = head
        while page:
            book, number = divmod(int(state.pages[page]["name"]), 1 << (31 - PAGE_BITS))
            bits, sole = int(state.pages[page]["bits"]) & (1 << 64) - 1, int(state.pages[page]["sole"])
            live += bool(bits)
            assert not (sole and bits & (bits - 1)), f"page {page} has several levels, and is said to have one"
            assert bits or state.pages[page]["spare"], f"page {page} is lost"
            for place in range(PRICES_A_PAGE):
                if bits >> place & 1:
                    key = number * PRICES_A_PAGE + place
                    level = sole or int(state.page_levels[page * PRICES_A_PAGE + place])
                    record = state.levels[level]
                    assert (record["book"], record["key"], record["page"]) == (book, key, page)
                    assert (book, key) not in found, f"two levels of {key} in book {book}"
                    found[book, key] = level
            page = int(state.pages[page]["chain"])
    assert live == state.scalars[PAGES_LIVE]
    assert len(found) == state.scalars[LEVELS_HELD]
    return found


def audit_levels(state: State) -> Counter[int]:
    """Levels and their queues; every slot that is on one."""
    queued = Counter(_queue(state, FIRED))
    best: dict[int, tuple[int, int]] = {}
    count = Counter[int]()
    live = _live_levels(state)
    for (book, key), level in live.items():
        slots = list(_queue(state, level))
        record = state.levels[level]
        assert slots, f"level {level} is empty"
        assert record["orders"] == len(slots)
        assert record["lots"] == sum(int(state.orders[slot]["remaining_lots"]) for slot in slots)
        queued.update(slots)
        count[book] += 1
        best[book] = min(best.get(book, (key, level)), (key, level))
    for book in range(len(state.books)):
        key, level = best.get(book, (1 << 31, 0))
        side = state.books[book]
        assert (side["best_key"], side["best"]) == (key, level), f"book {book}: best is {side}, not {key}"
        assert side["levels"] == count[book]
        if side["second"]:
            keys = sorted(key for other, key in live if other == book)
            assert side["second_key"] == keys[1] and live[book, keys[1]] == side["second"], f"book {book}: second"
    for market in range(1, int(state.scalars[MARKETS]) + 1):
        crossed = state.books[market * BOOKS]["best_key"] + state.books[market * BOOKS + 1]["best_key"]
        assert crossed > MAX_PRICE_TICKS, f"market {market} is crossed"
    return queued


def _audit_orders(state: State) -> None:
    for (book, key), level in _live_levels(state).items():
        price = key if book & 1 else MAX_PRICE_TICKS - key
        for slot in _queue(state, level):
            _audit_order(state, slot, book, price)


def _audit_fired(state: State) -> None:
    """In front those that were suspended in the middle of a sweep, then fired triggers."""
    slots = list(_queue(state, FIRED))
    pending = [state.info[slot]["status"] == OrderStatus.TRIGGER_PENDING for slot in slots]
    assert pending == sorted(pending), "a suspended order stands behind a trigger"
    for slot in slots[: pending.count(False)]:
        info = state.info[slot]
        leaves = int(info["quantity_lots"]) - int(info["executed_lots"])
        assert info["order_type"] == OrderType.LIMIT and info["time_in_force"] == TimeInForce.GTC
        assert 0 < int(state.orders[slot]["remaining_lots"]) == leaves


def _audit_order(state: State, slot: int, book: int, price: int) -> None:
    order, info = state.orders[slot], state.info[slot]
    leaves = int(info["quantity_lots"]) - int(info["executed_lots"])
    assert info["market"] == book // BOOKS
    if book % BOOKS >= 2:
        assert info["status"] == OrderStatus.TRIGGER_PENDING and state.terms[slot]["trigger_ticks"] == price
        return
    assert info["price_ticks"] == price and info["side"] == book % BOOKS + 1
    assert info["order_type"] == OrderType.LIMIT and info["status"] in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
    displayed = int(order["remaining_lots"])
    if info["flags"] & ICEBERG:
        assert 0 < displayed <= min(leaves, int(state.terms[slot]["display_lots"]))
    else:
        assert 0 < displayed == leaves


def audit_nodes(state: State) -> None:
    """The bitmaps show every page that holds levels and, above height 1, every node; and nothing else."""
    expected: Counter[tuple[int, int, int]] = Counter()
    for page in state.pages[1 : int(state.scalars[PAGES_USED]) + 1]:
        if page["bits"]:
            book, number = divmod(int(page["name"]), 1 << (31 - PAGE_BITS))
            expected[book, 1, number] = 1
    nodes = state.nodes[state.nodes["name"] != 0]
    for name in nodes["name"].tolist():
        book, height, prefix = name >> 28, (name >> 25) & 7, name & ((1 << 25) - 1)
        if height < (31 - PAGE_BITS + 5) // 6:
            expected[book, height + 1, prefix] = 1
    bits = 0
    for node in nodes:
        name, prefix = int(node["name"]) >> 25, int(node["name"]) & ((1 << 25) - 1)
        book, height = name >> 3, name & 7
        for child in range(64):
            if int(node["bits"]) >> child & 1:
                bits += 1
                assert expected[book, height, (prefix << 6) | child] == 1, f"a bit for nothing: {book} {height}"
    assert bits == len(expected), "a page or node without its bit"
    assert np.count_nonzero(state.nodes["name"]) == state.scalars[NODES_USED]


def _audit_accounts(state: State, live: np.ndarray) -> None:
    """Account lists hold exactly the account's orders; the counts agree."""
    counts: Counter[tuple[int, int]] = Counter()
    listed = 0
    for account in range(1, int(state.scalars[ACCOUNTS]) + 1):
        before, slot, count = 0, int(state.accounts[account]["first_order"]), 0
        while slot:
            info = state.info[slot]
            assert state.orders[slot]["order_id"] and state.orders[slot]["account"] == account
            assert info["account_prev"] == before
            counts[account, int(info["market"])] += 1
            count += 1
            before, slot = slot, int(info["account_next"])
        assert state.accounts[account]["last_order"] == before
        assert state.accounts[account]["open_orders"] == count
        listed += count
    assert listed == len(live), "an open order is on no account's list"
    table = state.open_counts.reshape(len(state.accounts), len(state.markets))
    assert {(int(a), int(m)): int(table[a, m]) for a, m in np.argwhere(table)} == dict(counts)
    by_market = Counter(state.info["market"][live].tolist())
    for market in range(1, int(state.scalars[MARKETS]) + 1):
        assert state.markets[market]["open_orders"] == by_market[market]
        is_here = state.markets[market]["state"] != MarketState.ELSEWHERE
        assert is_here or not by_market[market]
        assert not is_here or not state.markets[market]["goes_to"]
    assert (state.info["account_prev"][live] != UNLISTED).all()


def _locked_by(state: State, slot: int) -> int:
    info = state.info[slot]
    market = state.markets[info["market"]]
    leaves = int(info["quantity_lots"]) - int(info["executed_lots"])
    unit = int(info["price_ticks"]) * int(market["tick_atoms"])
    if info["order_type"] == OrderType.MARKET and info["flags"] & BY_QUOTE:
        if info["side"] == Side.BID:
            return int(state.terms[slot]["amount_atoms"])
        leaves = -(-int(state.terms[slot]["amount_atoms"]) // unit)
    return leaves * unit if info["side"] == Side.BID else leaves * int(market["lot_atoms"])


def _audit_locks(state: State, live: np.ndarray) -> None:
    """What is locked is exactly what open orders need; nothing is negative."""
    needed: Counter[int] = Counter()
    for slot in live.tolist():
        market = state.markets[state.info[slot]["market"]]
        asset = market["quote"] if state.info[slot]["side"] == Side.BID else market["base"]
        needed[int(state.orders[slot]["account"]) * len(state.assets) + int(asset)] += _locked_by(state, slot)
    assert (state.balances["available"] >= 0).all(), "a negative balance"
    held = {int(at): int(state.balances[at]["locked"]) for at in np.flatnonzero(state.balances["locked"])}
    assert held == {at: atoms for at, atoms in needed.items() if atoms}, "locked funds differ from open orders"


def _audit_clients(state: State, live: np.ndarray) -> None:
    """Each client id of an open or remembered order is in the chains once."""
    found: list[int] = []
    for head in state.client_heads[state.client_heads != 0].tolist():
        entry = head
        while entry:
            found.append(entry)
            entry = int(state.info[entry]["client_chain"] if entry > 0 else state.ended[-entry]["client_chain"])
    expected = [slot for slot in live.tolist() if state.info[slot]["flags"] & HAS_CLIENT_ID]
    number = int(state.scalars[ENDED_OLDEST])
    remembered: Counter[int] = Counter()
    while number:
        expected.append(-number)
        remembered[int(state.ended[number]["account"])] += 1
        number = int(state.ended[number]["newer"])
    assert sorted(found) == sorted(expected), "client ids differ from orders"
    for account in range(1, int(state.scalars[ACCOUNTS]) + 1):
        assert state.accounts[account]["ended"] == remembered[account]


def _audit_timers(state: State) -> None:
    size = int(state.scalars[TIMERS])
    for place in range(1, size + 1):
        timer = state.timers[state.timer_heap[place]]
        assert timer["place"] == place and timer["kind"] != 0
        if place > 1:
            parent = state.timers[state.timer_heap[place // 2]]
            assert (parent["due_ms"], parent["number"]) < (timer["due_ms"], timer["number"])


def _audit_links(state: State) -> None:
    """Each is on its account's list once, and of another shard."""
    count = int(state.scalars[LINKS])
    found = []
    for account in range(1, int(state.scalars[ACCOUNTS]) + 1):
        shards, number = [], int(state.accounts[account]["link"])
        while number:
            link = state.links[number]
            assert link["account"] == account, f"link {number} is on another account's list"
            assert 0 <= link["shard"] < MOST_SHARDS and link["shard"] != state.scalars[SHARD]
            assert link["out_sequence"] >= 0 <= link["in_sequence"] and link["out_sequence"] + link["in_sequence"] > 0
            assert (link["out_sequence"] > 0) == (link["out_atoms"] > 0) == (link["out_reference"] != 0)
            shards.append(int(link["shard"]))
            found.append(number)
            number = int(link["next"])
        assert len(set(shards)) == len(shards), f"account {account}: two links with one shard"
    assert sorted(found) == list(range(1, count + 1)), "links are lost"
    unused = state.links[[0, *range(count + 1, len(state.links))]]
    assert not unused.view(np.uint8).any(), "an unused link holds something"


def _audit_shares(state: State) -> None:
    """What accounts hold of the shared tables is counted right, and what they hold beyond their own share."""
    accounts = state.accounts[1 : int(state.scalars[ACCOUNTS]) + 1]
    armed = Counter(state.timers["account"][state.timers["kind"] != 0].tolist())
    keys = Counter(state.keys["account"][state.keys["permissions"] != 0].tolist())
    for number, account in enumerate(accounts.tolist(), 1):
        owner = dict(zip(accounts.dtype.names or (), account, strict=True))
        assert (owner["timers_armed"], owner["keys"]) == (armed[number], keys[number]), (
            f"account {number}: wrong counts"
        )
        known, last = 0, 0
        reference = owner["withdrawal_first"]
        while reference:
            assert state.references[reference]["scope"] == number
            known, last, reference = known + 1, reference, int(state.references[reference]["newer"])
        assert (owner["withdrawals"], owner["withdrawal_last"]) == (known, last), f"account {number}: its references"
    assert state.scalars[KEYS_HELD] == keys.total()
    own_references = int(accounts["withdrawals"].sum())
    assert state.scalars[OPERATOR_REFERENCES] + own_references == state.scalars[REFERENCES], "references are lost"
    held = ("open_orders", "keys", "timers_armed", "withdrawals", "ended")
    for share, name in zip(state.shares, held, strict=True):
        beyond = int(np.maximum(accounts[name].astype(np.int64) - share["own"], 0).sum())
        assert share["taken"] == beyond, f"{name}: {share['taken']} beyond own shares, {beyond} found"
