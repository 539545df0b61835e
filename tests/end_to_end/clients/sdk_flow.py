"""What a user of backpack_exchange_sdk does, in its own environment: prints what it was told, as JSON.

Arguments: REST URL, WebSocket URL, key file. Its WebSocket address is fixed inside the class, so the class it connects
with is told another one.
"""

import json
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

import websocket
from backpack_exchange_sdk.authenticated import AuthenticationClient
from backpack_exchange_sdk.public import PublicClient
from backpack_exchange_sdk.websocket import WebSocketClient

SYMBOL = "BTC_USDC"
PATIENCE_SECONDS = 60
WINDOW_MS = 60_000  # a machine may be busy
LAST = 1  # the SDK names none of its subscriptions, so the exchange does not answer them; it takes them in turn


class Heard:
    """Events of a stream, by the name under which they were told."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()

    def on(self, name: str) -> Callable[[dict[str, Any]], None]:
        return lambda data: self.events.put((name, data))

    def until(self, wanted: set[tuple[str, str]]) -> dict[str, list[dict[str, Any]]]:
        """Events by name, until each wanted (name, kind) has come."""
        seen: dict[str, list[dict[str, Any]]] = {}
        missing = set(wanted)
        while missing:
            name, data = self.events.get(timeout=PATIENCE_SECONDS)
            seen.setdefault(name, []).append(data)
            missing.discard((name, data["e"]))
        return seen


def subscribed(stream: WebSocketClient, has_come: threading.Event) -> None:
    """Until all subscriptions before this one count: of an order before that nothing would be told."""
    stream.ws.send(json.dumps({"method": "SUBSCRIBE", "params": [], "id": LAST}))
    if not has_come.wait(PATIENCE_SECONDS):
        raise TimeoutError("the subscriptions were not answered")


def main() -> None:
    url, ws_url, keys = sys.argv[1:]
    original, has_come = websocket.WebSocketApp, threading.Event()

    def opened(_: str, on_message: Callable[..., None], **callbacks: Callable[..., None]) -> Any:
        def received(socket: Any, message: str) -> None:
            if json.loads(message).get("id") == LAST:
                has_come.set()
            on_message(socket, message)

        return original(ws_url, on_message=received, **callbacks)

    websocket.WebSocketApp = opened
    with open(keys) as file:
        accounts = json.load(file)["accounts"]
    buyer, seller = (
        AuthenticationClient(account["apiKey"], account["secret"], WINDOW_MS, base_url=f"{url}/")
        for account in accounts[:2]
    )
    public = PublicClient(base_url=f"{url}/")
    stream, heard = WebSocketClient(accounts[0]["apiKey"], accounts[0]["secret"]), Heard()
    for name in (f"depth@{SYMBOL}", f"depth.{SYMBOL}", f"trade.{SYMBOL}"):
        stream.subscribe([name], heard.on(name))
    stream.subscribe(["account.orderUpdate"], heard.on("account.orderUpdate"), is_private=True)
    subscribed(stream, has_come)
    told = {
        "symbols": [market["symbol"] for market in public.get_markets()],
        "time": public.get_system_time(),
        "ping": public.send_ping(),
        "before": buyer.get_balances(),
        "placed": buyer.execute_order("Limit", "Bid", SYMBOL, price="15", quantity="3", clientId=5, timeInForce="GTC"),
        "batch": buyer.execute_batch_orders(
            [
                {"symbol": SYMBOL, "side": "Bid", "orderType": "Limit", "price": "14", "quantity": "1"},
                {"symbol": SYMBOL, "side": "Bid", "orderType": "Limit", "price": "0.00001", "quantity": "1"},
            ]
        ),
        "found": buyer.get_users_open_orders(SYMBOL, clientId=5),
        "taken": seller.execute_order("Market", "Ask", SYMBOL, quantity="1"),
        "cancelled": buyer.cancel_open_order(SYMBOL, clientId=5),
        "cancelled_all": buyer.cancel_open_orders(SYMBOL),
        "orders": buyer.get_order_history(symbol=SYMBOL),
        "fills": buyer.get_fill_history(symbol=SYMBOL),
        "depth": public.get_depth(SYMBOL),
        "after": buyer.get_balances(),
    }
    orders = {("account.orderUpdate", kind) for kind in ("orderAccepted", "orderFill", "orderCancelled")}
    public_events = {(f"depth@{SYMBOL}", "depth"), (f"depth.{SYMBOL}", "depth"), (f"trade.{SYMBOL}", "trade")}
    told["events"] = heard.until(orders | public_events)
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
