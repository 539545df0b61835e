"""The OpenAPI document as a client generator reads it: the whole client is made, imported, and trades."""

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)


class Signed(httpx.Auth):
    """Adds the four headers to what the generated client is about to send."""

    requires_request_body = True

    def __init__(self, venue: Venue, instruction: str) -> None:
        self._venue, self._instruction = venue, instruction

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        said = json.loads(request.content) if request.content else dict(request.url.params)
        signed = self._venue.signer.request(request.method, request.url.path, self._instruction, said)
        for name in ("X-API-Key", "X-Timestamp", "X-Window", "X-Signature"):
            request.headers[name] = signed.headers[name]
        yield request


@pytest.fixture(scope="module")
def generated(venue: Venue, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_bytes(venue.client.get("/openapi.json").content)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document), "--meta", "none"]
    made = subprocess.run(
        [*command, "--output-path", str(folder / "generated_exchange")], capture_output=True, text=True, timeout=240
    )
    assert made.returncode == 0 and "WARNING" not in made.stdout.upper().replace("WARNING(S)", ""), made.stdout
    sys.path.insert(0, str(folder))
    yield importlib.import_module("generated_exchange")
    sys.path.remove(str(folder))


def api(generated: ModuleType, name: str) -> Any:
    return importlib.import_module(f"{generated.__name__}.{name}")


def test_every_module_of_it_is_sound(generated: ModuleType) -> None:
    names = [module.name for module in pkgutil.walk_packages(generated.__path__, f"{generated.__name__}.")]
    assert len(names) > 150
    for name in names:
        importlib.import_module(name)


def test_it_reads_and_trades(generated: ModuleType, venue: Venue) -> None:
    base = f"http://127.0.0.1:{venue.port}"
    with ExitStack() as opened:

        def client(auth: httpx.Auth | None = None) -> Any:
            made = opened.enter_context(httpx.Client(base_url=base, auth=auth, timeout=30))
            return generated.Client(base_url=base, raise_on_unexpected_status=True).set_httpx_client(made)

        trade(generated, client(), lambda instruction: client(Signed(venue, instruction)))


def trade(generated: ModuleType, public: Any, signed: Callable[[str], Any]) -> None:
    models = api(generated, "models")
    markets = api(generated, "api.public.get_api_v1_markets").sync(client=public)
    assert "SOL_USDC" in {market.symbol for market in markets}
    side, kind = models.PlaceOrderSide.BID, models.PlaceOrderOrderType.LIMIT
    body = models.PlaceOrder(symbol="SOL_USDC", side=side, order_type=kind, price="90.5", quantity="1.25")
    order = api(generated, "api.orders.post_api_v1_order").sync(client=signed("orderExecute"), body=body)
    assert (order.status, order.price, order.quantity) == ("New", "90.5", "1.25")
    depth = api(generated, "api.public.get_api_v1_depth").sync(client=public, symbol="SOL_USDC")
    assert ["90.5", "1.25"] in [list(level) for level in depth.bids]
    gone = api(generated, "api.orders.delete_api_v1_order").sync(
        client=signed("orderCancel"), body=models.CancelOrder(symbol="SOL_USDC", order_id=order.id)
    )
    assert gone.status == "Cancelled"
    refused = api(generated, "api.orders.post_api_v1_order").sync(
        client=signed("orderExecute"), body=models.PlaceOrder.from_dict({**body.to_dict(), "price": "0.001"})
    )
    assert isinstance(refused, models.Error)
