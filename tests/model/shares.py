"""The slow twin's shares: what one account may take of a table that all accounts share."""

from collections.abc import Callable

from engine_core.book.memory.state import Capacities
from engine_core.wire.codes import Reason
from tests.model.ledger import Account, Refused


class Shares:
    """`capacities` are those of the book; until `divided`, a table is there for whoever comes first."""

    def __init__(self, capacities: Capacities) -> None:
        self.capacities = capacities
        self.divided = False

    def own_share(self, size: int) -> int:
        """What each account that there may be has for itself."""
        seats = self.capacities.accounts
        if not self.divided or size < seats:
            return 0
        return max(size // (2 * seats), 1)

    def has_share(self, size: int, counts: list[int], held: int, half: bool = False) -> bool:
        """Whether an account that holds so many may have one more; `counts`: what each account holds."""
        own = self.own_share(size)
        pool = size - own * self.capacities.accounts
        if half and self.divided:
            pool //= 2
        most = max(pool // 16, 1) if self.divided else pool
        taken = sum(max(count - own, 0) for count in counts)
        return held < own or (taken < pool and held - own < most)

    def require_share(self, size: int, counts: list[int], held: int, full: Reason, share: Reason) -> None:
        if not self.has_share(size, counts, held):
            raise Refused(full if not self.own_share(size) and sum(counts) >= size else share)


def counts(accounts: dict[int, Account], held: Callable[[Account], int]) -> list[int]:
    return [held(account) for account in accounts.values()]
