"""Whether every order and every unit of money is where it belongs: the exchange's history and balances, read before and
after a load, against what clients were answered.

    orders     in the history afterwards = those before + accepted + those of unknown outcome that were found there
    money      of each account and asset: balance after - balance before = what its fills gave, took and cost

All in integers. It holds while nobody else uses the accounts. Non-goal: the exchange's own books (`exchange verify`).
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from bench.load.plan.amounts import ONE, exact
from bench.load.plan.markets import Market
from bench.load.targets.api import Account, Api, BenchError, Json, Refused, Unreachable
from engine_core.wire.units import format_decimal

PAGE = 1000
RETRY_SECONDS = 0.25
MOST_LOOKS = 10  # at an account that does not come to rest
MALFORMED = (KeyError, TypeError, ValueError, AttributeError)  # of members that are not as the API has them
T = TypeVar("T")


@dataclass(frozen=True)
class Books:
    """Of one account, at one moment."""

    orders: int
    fills: int
    balances: dict[str, int]  # available and locked, in 10^-18


@dataclass(frozen=True)
class News:
    """What is there of one account that was not before."""

    orders: int
    client_ids: set[int]  # if they were asked for
    fills: list[Json]
    balances: dict[str, int]  # all of them, as they are now


@dataclass
class Verdict:
    """What does not fit, in words; nothing, if all does."""

    found: int = 0  # orders of unknown outcome that the exchange has
    not_found: int = 0
    fills: int = 0  # one for each side of a trade that is ours
    problems: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def is_settled(self) -> bool:
        return not self.problems


class Accounting:
    """`say` gets what is being done, `warn` what a person has to know meanwhile. `patience`: seconds that an exchange
    which went away during the load is waited for."""

    def __init__(
        self,
        api: Api,
        accounts: list[Account],
        markets: list[Market],
        say: Callable[[str], None],
        warn: Callable[[str], None],
        patience: float,
    ) -> None:
        owners = [each.number or each.api_key for each in accounts]
        self._first = [owners.index(owner) for owner in owners]  # key of the same account, by a key's place
        self._api, self._accounts, self._say = api, accounts, say
        self._warn, self._patience = warn, patience
        self._markets = {market.symbol: market for market in markets}
        say("reading balances")
        self._before, self._missing = list[Books](), ""
        try:
            self._before = [self._books(account) for account in accounts]
        except Refused as error:
            if not error.is_missing:
                raise
            self._missing = str(error)
        except MALFORMED as error:
            raise BenchError(f"{api.address.url} answers in a form that is not understood: {error!r}") from None

    def settle(self, accepted: dict[int, int], unknown: dict[int, set[int]]) -> Verdict:
        """`accepted`: placements of each account (by its place) that were; `unknown`: client ids of those nobody knows
        about. Cancels what rests, so that nothing moves meanwhile."""
        verdict = Verdict()
        if self._missing:
            verdict.problems.append(
                f"this server has no books that the orders could be accounted for by: {self._missing}"
            )
            return verdict
        own, lost = Counter[int](), defaultdict[int, set[int]](set)
        for place, first in enumerate(self._first):
            own[first] += accepted.get(place, 0)
            lost[first] |= unknown.get(place, set())
        try:
            for number, place in enumerate(own, 1):
                self._say(f"cancelling what rests, account {number} of {len(own)}")
                for symbol in self._markets:
                    self._persist(partial(self._cancel_all, self._accounts[place], symbol))
            for number, place in enumerate(own, 1):
                self._say(f"settling account {number} of {len(own)}")
                new = self._persist(partial(self._news, place, bool(lost[place])))
                self._settle(verdict, place, new, own[place], lost[place])
        except (BenchError, *MALFORMED) as error:
            verdict.problems.append(f"the exchange's books could not be read: {error}")
        except KeyboardInterrupt:  # what was measured is not lost by it
            verdict.interrupted = True
            verdict.problems.append("interrupted before the exchange's books were read")
        return verdict

    def _settle(self, verdict: Verdict, place: int, new: News, accepted: int, unknown: set[int]) -> None:
        account, before = self._accounts[place], self._before[place]
        name = f"account {account.number}" if account.number else f"key {account.api_key}"
        found = len(new.client_ids & unknown)
        verdict.found += found
        verdict.not_found += len(unknown) - found
        if new.orders != accepted + found:
            verdict.problems.append(
                f"{name}: {accepted} orders were accepted and {found} of unknown outcome found, but its history has "
                f"{new.orders} more than before"
            )
        verdict.fills += len(new.fills)
        expected = self._moved(new.fills)
        for symbol in sorted(before.balances.keys() | new.balances.keys() | expected.keys()):
            change = (new.balances.get(symbol, 0) - before.balances.get(symbol, 0)) * ONE
            if change != expected.get(symbol, 0):
                verdict.problems.append(
                    f"{name}: its {symbol} changed by {_shown(change)}, its {len(new.fills)} fills say "
                    f"{_shown(expected.get(symbol, 0))}"
                )

    def _news(self, place: int, by_id: bool) -> News:
        """What an account has more than before, of a moment at which nothing moves: an order of unknown outcome may
        still be on its way."""
        account, before = self._accounts[place], self._before[place]
        after = self._books(account)
        for _ in range(MOST_LOOKS):
            count = after.orders - before.orders
            orders = self._pages(account, "orders", "orderHistoryQueryAll", count) if by_id else []
            fills = self._pages(account, "fills", "fillHistoryQueryAll", after.fills - before.fills)
            looked, after = after, self._books(account)
            if looked == after:
                break
        ids = {int(each["clientId"]) for each in orders if each["clientId"] is not None}
        return News(count, ids, fills, after.balances)

    def _moved(self, fills: list[Json]) -> dict[str, int]:
        """What fills change of each asset, in 10^-36."""
        moved: defaultdict[str, int] = defaultdict(int)
        for fill in fills:
            market = self._markets.get(fill["symbol"])
            base, quote = (market.base, market.quote) if market else str(fill["symbol"]).split("_", 1)
            quantity, price = exact(fill["quantity"]), exact(fill["price"])
            sign = 1 if fill["side"] == "Bid" else -1
            moved[base] += sign * quantity * ONE
            moved[quote] -= sign * quantity * price
            moved[fill["feeSymbol"]] -= exact(fill["fee"]) * ONE
        return moved

    def _books(self, account: Account) -> Books:
        content = self._api.get("/api/v1/capital", None, account, "balanceQuery").content
        balances = {symbol: exact(each["available"]) + exact(each["locked"]) for symbol, each in content.items()}
        orders = self._total(account, "orders", "orderHistoryQueryAll")
        return Books(orders, self._total(account, "fills", "fillHistoryQueryAll"), balances)

    def _total(self, account: Account, what: str, instruction: str) -> int:
        reply = self._api.get(f"/wapi/v1/history/{what}", {"limit": "1"}, account, instruction)
        if not reply.headers.get("x-total", "").isdecimal():
            raise BenchError(f"/wapi/v1/history/{what} is answered without X-Total, which the accounting needs")
        return int(reply.headers["x-total"])

    def _pages(self, account: Account, what: str, instruction: str, count: int) -> list[Json]:
        """The newest `count` of them."""
        rows: list[Json] = []
        while len(rows) < count:
            query = {"limit": str(min(PAGE, count - len(rows))), "offset": str(len(rows))}
            page = self._api.get(f"/wapi/v1/history/{what}", query, account, instruction).content
            if not page:
                raise BenchError(f"/wapi/v1/history/{what} ends after {len(rows)} of {count}")
            rows += page
        return rows

    def _cancel_all(self, account: Account, symbol: str) -> None:
        self._api.send("DELETE", "/api/v1/orders", {"symbol": symbol}, account, "orderCancelAll")

    def _persist(self, action: Callable[[], T]) -> T:
        """An exchange that went away during the run may come back."""
        deadline, is_said = time.monotonic() + self._patience, False
        while True:
            try:
                return action()
            except (Unreachable, Refused) as error:
                passing = isinstance(error, Unreachable) or error.status >= 500
                if not passing or time.monotonic() > deadline:
                    raise
                if not is_said:
                    self._warn(f"the exchange does not answer: waiting up to {self._patience:g} s for its books")
                    self._say("waiting for the exchange")
                is_said = True
                time.sleep(RETRY_SECONDS)


def _shown(amount: int) -> str:
    """Of a count of 10^-36."""
    return format_decimal(amount, 36)
