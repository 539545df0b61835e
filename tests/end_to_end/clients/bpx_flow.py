"""What a user of bpx-py does, in its own environment: prints what it was told, as JSON.

Arguments: REST URL, key file.
"""

import json
import sys

from bpx.account import Account
from bpx.base.base_account import BaseAccount
from bpx.base.base_public import BasePublic
from bpx.public import Public

SYMBOL = "ETH_BTC"
WINDOW_MS = 60_000  # a machine may be busy


def main() -> None:
    url, keys = sys.argv[1:]
    BaseAccount.BPX_API_URL = BasePublic.BASE_URL = f"{url}/"
    with open(keys) as file:
        accounts = json.load(file)["accounts"]
    buyer, seller = (Account(account["apiKey"], account["secret"], WINDOW_MS) for account in accounts[:2])
    public = Public()
    told = {
        "status": public.get_status(),
        "ping": public.get_ping(),
        "time": public.get_time(),
        "symbols": [market["symbol"] for market in public.get_markets()],
        "account": buyer.get_account(),
        "before": buyer.get_balances(),
        "placed": buyer.execute_order(
            SYMBOL, "Bid", "Limit", quantity="2", price="0.02", client_id=77, time_in_force="GTC"
        ),
        "post_only": buyer.execute_order(SYMBOL, "Bid", "Limit", quantity="1", price="0.019", post_only=True),
        "found": buyer.get_open_order(SYMBOL, client_id="77"),
        "open": buyer.get_open_orders(symbol=SYMBOL),
        "depth": public.get_depth(SYMBOL),
        "taken": seller.execute_order(SYMBOL, "Ask", "Market", quantity="0.5"),
        "cancelled": buyer.cancel_order(SYMBOL, client_id="77"),
        "cancelled_again": buyer.cancel_order(SYMBOL, client_id="77"),
        "cancelled_all": buyer.cancel_all_orders(SYMBOL),
        "after": buyer.get_balances(),
        "orders": buyer.get_order_history(symbol=SYMBOL),
        "fills": buyer.get_fill_history(symbol=SYMBOL),
        "trades": public.get_recent_trades(SYMBOL),
        "positions": buyer.get_open_positions(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
