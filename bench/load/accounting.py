"""Whether every order and every unit of money is where it belongs: the exchange's history and balances, read before and
after a load, against what clients were answered.

    orders     in the history afterwards = those before + accepted + those of unknown outcome that were found there
    money      of each account and asset: balance after - balance before = what its fills gave, took and cost

All in integers. It holds while nobody else uses the accounts. Non-goal: the exchange's own books (`exchange verify`).
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bench.load.amounts import ONE, exact
from bench.load.api import Account, Api, BenchError, Json, Refused, Unreachable
from bench.load.markets import Market
from engine_core.wire.units import format_decimal

PAGE = 1000
RETURN_SECONDS = 60.0  # that an exchange which went away is waited for
RETRY_SECONDS = 0.25
T = TypeVar("T")


@dataclass(frozen=True)
class Books:
    """Of one account, at one moment."""

    orders: int
    fills: int
    balances: dict[str, int]  # available and locked, in 10^-18


@dataclass
class Verdict:
    """What does not fit, in words; nothing, if all does."""

    found: int = 0  # orders of unknown outcome that the exchange has
    not_found: int = 0
    fills: int = 0  # one for each side of a trade that is ours
    problems: list[str] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        return not self.problems


class Accounting:
    """`say` gets what is being done."""

    def __init__(self, api: Api, accounts: list[Account], markets: list[Market], say: Callable[[str], None]) -> None:
        self._api, self._accounts, self._say = api, accounts, say
        self._markets = {market.symbol: market for market in markets}
        say("reading balances")
        self._before, self._missing = list[Books](), ""
        try:
            self._before = [self._books(account) for account in accounts]
        except Refused as error:
            if not error.is_missing:
                raise
            self._missing = str(error)

    def settle(self, accepted: dict[int, int], unknown: dict[int, set[int]]) -> Verdict:
        """`accepted`: placements of each account (by its place) that were; `unknown`: client ids of those nobody knows
        about. Cancels what rests, so that nothing moves meanwhile."""
        verdict = Verdict()
        if self._missing:
            verdict.problems.append(
                f"this server has no books that the orders could be accounted for by: {self._missing}"
            )
            return verdict
        try:
            for place, account in enumerate(self._accounts):
                self._say(f"settling account {place + 1} of {len(self._accounts)}")
                for symbol in self._markets:
                    self._persist(lambda account=account, symbol=symbol: self._cancel_all(account, symbol))  # type: ignore[misc]
            for place, account in enumerate(self._accounts):
                self._say(f"settling account {place + 1} of {len(self._accounts)}")
                after = self._persist(lambda account=account: self._books(account))  # type: ignore[misc]
                self._settle(verdict, place, after, accepted.get(place, 0), unknown.get(place, set()))
        except BenchError as error:
            verdict.problems.append(f"the exchange's books could not be read: {error}")
        return verdict

    def _settle(self, verdict: Verdict, place: int, after: Books, accepted: int, unknown: set[int]) -> None:
        account, before = self._accounts[place], self._before[place]
        name = f"account {account.number}" if account.number else f"key {account.api_key}"
        new = after.orders - before.orders
        found = 0
        if unknown:
            newest = self._pages(account, "orders", "orderHistoryQueryAll", new)
            found = len({int(each["clientId"]) for each in newest if each["clientId"] is not None} & unknown)
        verdict.found += found
        verdict.not_found += len(unknown) - found
        if new != accepted + found:
            verdict.problems.append(
                f"{name}: {accepted} orders were accepted and {found} of unknown outcome found, but its history has "
                f"{new} more than before"
            )
        fills = self._pages(account, "fills", "fillHistoryQueryAll", after.fills - before.fills)
        verdict.fills += len(fills)
        expected = self._moved(fills)
        for symbol in sorted(before.balances.keys() | after.balances.keys() | expected.keys()):
            change = (after.balances.get(symbol, 0) - before.balances.get(symbol, 0)) * ONE
            if change != expected.get(symbol, 0):
                verdict.problems.append(
                    f"{name}: its {symbol} changed by {_shown(change)}, its {len(fills)} fills say "
                    f"{_shown(expected.get(symbol, 0))}"
                )

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
        deadline = time.monotonic() + RETURN_SECONDS
        while True:
            try:
                return action()
            except (Unreachable, Refused) as error:
                passing = isinstance(error, Unreachable) or error.status >= 500
                if not passing or time.monotonic() > deadline:
                    raise
                self._say("waiting for the exchange")
                time.sleep(RETRY_SECONDS)


def _shown(amount: int) -> str:
    """Of a count of 10^-36."""
    return format_decimal(amount, 36)
