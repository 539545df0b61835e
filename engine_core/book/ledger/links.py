"""Links: what an account has moved between this shard and another one. It gets one for each other shard, when the first
move comes, and keeps it: the numbers of moves never begin again.

There is room for a link of each account with each other shard (Capacities.links), so they run out only where a venue
says that it has fewer shards than it uses; and a venue of one shard has none.
"""

from engine_core.book.memory.state import LINKS, State
from engine_core.jit.kernel import inner


@inner
def find_link(state: State, account: int, shard: int) -> int:
    """Number of the link, or 0."""
    at = state.accounts[account].link
    while at != 0 and state.links[at].shard != shard:
        at = state.links[at].next
    return at


@inner
def make_link(state: State, account: int, shard: int) -> int:
    """Number of a new one, or 0 if there is no room."""
    number = state.scalars[LINKS] + 1
    if number == state.links.size:
        return 0
    state.scalars[LINKS] = number
    link = state.links[number]
    link.account = account
    link.shard = shard
    link.next = state.accounts[account].link
    state.accounts[account].link = number
    return number
