"""The running exchange as `bench http` and `bench orders_ws` use it: two accounts, their requests, what it knows."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from bench.load.plan import keys, markets, spelling
from bench.load.targets.api import Account, Api, BenchError, now_ms
from engine_core.config.settings import KEYS_FILE
from engine_core.operator.target.running import require
from engine_core.wire.limits import MAX_CLIENT_ID


class Exchange:
    """A running exchange, two accounts on it, and one price at which they trade with each other."""

    def __init__(
        self, url: str, accounts: list[Account], symbol: str, runtime: Path, processes: dict[str, list[int]]
    ) -> None:
        self.accounts, self.runtime, self.processes = accounts, runtime, processes
        with Api(url) as api:
            self.address = api.address
            market = markets.look_up(api, [symbol])[0]
        self._terms: spelling.Body = {
            "symbol": symbol,
            "orderType": "Limit",
            "price": market.price(market.middle_ticks),
            "quantity": market.quantity(market.min_lots),
        }
        self._next_client_id = secrets.randbelow(MAX_CLIENT_ID)  # a run prepares more ids than milliseconds pass

    @classmethod
    def find(cls, data: Path | None, symbol: str) -> "Exchange":
        folder = data or Path(os.environ.get("EXCHANGE_DATA") or "data")
        run = require(folder)
        accounts = keys.read(folder / KEYS_FILE)
        if len(accounts) < 2:
            raise BenchError(f"{folder / KEYS_FILE}: is not as `exchange up` writes it")
        return cls(run.http, accounts[:2], symbol, run.runtime, run.processes)

    @property
    def host(self) -> str:
        return self.address.host

    @property
    def port(self) -> int:
        return self.address.port

    def prepare(self, count: int) -> list[bytes]:
        """`count` signed placements, each with a client id of its own; bids and asks in turns."""
        return [
            spelling.request(account, ("POST", "orderExecute"), self.order(side), self.address, now_ms())
            for account, side in self._turns(count)
        ]

    def prepare_batches(self, count: int, orders: int) -> list[bytes]:
        """`count` requests of so many placements each."""
        return [
            spelling.batch(account, [self.order(side) for _ in range(orders)], self.address, now_ms())
            for account, side in self._turns(count)
        ]

    def _turns(self, count: int) -> Iterator[tuple[Account, str]]:
        buyer, seller = (self.accounts[0], "Bid"), (self.accounts[1], "Ask")
        return (buyer if number % 2 else seller for number in range(count))

    def order(self, side: str) -> spelling.Body:
        """An order of the smallest quantity, with a client id that no other has."""
        self._next_client_id = (self._next_client_id + 1) & MAX_CLIENT_ID
        return {"clientId": self._next_client_id, "side": side, **self._terms}

    def orders_known(self) -> int:
        """How many orders the history has of both accounts."""
        with Api(self.address.url) as api:
            return sum(_history_total(api, account) for account in self.accounts)

    def cancel_all(self) -> None:
        with Api(self.address.url) as api:
            for account in self.accounts:
                api.send("DELETE", "/api/v1/orders", {"symbol": str(self._terms["symbol"])}, account, "orderCancelAll")


def _history_total(api: Api, account: Account) -> int:
    reply = api.get("/wapi/v1/history/orders", {"limit": "1"}, account, "orderHistoryQueryAll")
    return int(reply.headers["x-total"])
