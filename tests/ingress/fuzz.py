"""Requests made from the OpenAPI document by schemathesis, sent signed to a real exchange, and answers held against it.

    python -m tests.ingress.fuzz --examples 500

Half of the requests keep the document, half break it on purpose. Where something has to exist (a market, an account, an
order), what exists is put into most of them, and some bodies are the documented examples with a member or two
changed, or hardly any would get further than the first check. Every answer must have a documented status, type, schema
and headers, and there is no 5xx that is not meant. Business refusals are answers.
"""

import argparse
import base64
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, strategies
from nacl.signing import SigningKey
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks

from engine_core.edge.signing import batch_signing_text
from ingress.api.route import Route
from ingress.api.routes import ROUTES
from ingress.dispatch import Body
from ingress.errors import ApiError
from ingress.requests.signed_json import parse_object, parse_objects, parse_query, signed_pairs
from ingress.schemas.example import EXAMPLES
from tests.folders import short_folder
from tests.ingress.document import misfit
from tests.ingress.fakes import TRADER, TRADER_ACCOUNT
from tests.venue import ADMIN, Venue, open_venue

# Bodies are held against their schemas by misfit(): schemathesis turns `prefixItems` of an answer into the form of an
# older JSON Schema and then refuses that as invalid.
CHECKS = [checks.status_code_conformance, checks.content_type_conformance, checks.response_headers_conformance]
MEANT = ((501, "NOT_IMPLEMENTED"), (503, "TRADING_PAUSED"))  # what is refused by name; a market that a request closed
_SESSION = "/api/v1/session"


@dataclass
class Fuzzer:
    """One exchange and its document, and what exists there."""

    venue: Venue
    existing: dict[str, list[Any]] = field(init=False)

    def __post_init__(self) -> None:
        load_all_checks()
        self.schema = schemathesis.openapi.from_dict(self.venue.client.get("/openapi.json").json())
        self.base_url = f"http://127.0.0.1:{self.venue.port}"
        order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "70", "quantity": "1"}
        placed = self.venue.send("POST", "/api/v1/order", "orderExecute", order | {"clientId": 5}).json()
        now = time.time_ns() // 10**9
        self.existing = {
            "symbol": ["SOL_USDC", "SOL_USDC", "BTC_USDC", "USDC"],
            "account": [TRADER_ACCOUNT, 4],
            "orderId": [placed["id"]],
            "cancelOrderId": [placed["id"]],
            "clientId": [5, 6],
            "price": ["70", "100.01"],
            "quantity": ["1", "0.5"],
            "startTime": [now - 3600, now],
            "endTime": [now],
            "orderType": ["Limit"],
        }

    def run(self, route: Route, examples: int, seed: int | None = None) -> int:
        """So many requests to one route; how many of them were taken (2xx)."""
        operation = self.schema[route.path][route.method]
        taken = 0

        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=seed is None,
            suppress_health_check=list(HealthCheck),
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        )
        @hypothesis.given(strategies.data())
        def ask(data: strategies.DataObject) -> None:
            nonlocal taken
            mode = data.draw(strategies.sampled_from(list(schemathesis.GenerationMode)))
            case = data.draw(operation.as_strategy(generation_mode=mode))
            if isinstance(case.body, dict) and data.draw(strategies.booleans()):
                case.body = self._example(route, case.body, data)
            self._put_what_exists(case, data)
            taken += self._ask(route, case)

        with requests.Session() as self.session:
            self.headers = self._log_in(route) if route.tag == "Session" else {}
            (ask if seed is None else hypothesis.seed(seed)(ask))()
        return taken

    def _example(self, route: Route, made: dict[str, Any], data: strategies.DataObject) -> dict[str, Any]:
        """The body that the document has as an example, with at most two members as they were made."""
        names = strategies.lists(strategies.sampled_from(sorted(made)), max_size=2) if made else strategies.just([])
        return EXAMPLES[route.body.__name__] | {name: made[name] for name in data.draw(names)}

    def _put_what_exists(self, case: Any, data: strategies.DataObject) -> None:
        for members in (case.query, *(case.body if isinstance(case.body, list) else [case.body])):
            for name in self.existing if isinstance(members, dict) else ():
                if name in members and data.draw(strategies.integers(0, 3)):
                    members[name] = data.draw(strategies.sampled_from(self.existing[name]))

    def _ask(self, route: Route, case: Any) -> bool:
        request = requests.Request(**case.as_transport_kwargs(base_url=self.base_url))
        prepared = self.session.prepare_request(request)
        prepared.headers.update(self.headers or self._signature(route, prepared))
        response = self.session.send(prepared, timeout=30, allow_redirects=False)
        kind = response.headers["Content-Type"]
        body = response.json() if kind == "application/json" else response.text
        problem = misfit(route.method, route.path, response.status_code, kind, body)
        assert not problem, f"{problem}\n{case.as_curl_command()}\n{response.text[:1000]}"
        if response.status_code >= 500:
            assert (response.status_code, body["code"]) in MEANT, f"{case.as_curl_command()}\n{response.text}"
        case.validate_response(response, checks=CHECKS)
        return response.status_code < 300

    def _signature(self, route: Route, request: requests.PreparedRequest) -> dict[str, str]:
        """The headers that sign what will be on the wire; none where it is no text that could be signed."""
        credentials = route.endpoint.credentials
        if credentials is None:
            return {}
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        try:
            if route.endpoint.body is Body.QUERY:
                items = [parse_query(urlsplit(request.url or "").query.encode())]
            else:
                parsed = parse_objects(body) if route.endpoint.body is Body.ARRAY else [parse_object(body)]
                items = [signed_pairs(item) for item in parsed]
        except ApiError:
            items = []
        stamp, window = str(time.time_ns() // 1_000_000), "60000"
        key: SigningKey = ADMIN if route.tag == "Administrator" else TRADER
        signed = key.sign(batch_signing_text(credentials.instruction, items, stamp, window)).signature
        texts = (base64.b64encode(part).decode() for part in (bytes(key.verify_key), signed))
        return dict(zip(("X-API-Key", "X-Signature"), texts, strict=True)) | {"X-Timestamp": stamp, "X-Window": window}

    def _log_in(self, route: Route) -> dict[str, str]:
        """A user's own session for the routes that only a page can use."""
        name = f"{route.method.lower()}.{time.time_ns() % 10**15}"
        answer = self.session.post(
            f"{self.base_url}{_SESSION}/signup", json={"name": name, "password": "correct horse"}, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return {"X-CSRF-Token": answer.json()["csrfToken"]}


@contextmanager
def fuzzed_exchange() -> Iterator[Fuzzer]:
    """An exchange of its own: who sends whatever the document allows closes markets and freezes accounts."""
    folder, sockets = Path(tempfile.mkdtemp(prefix="fuzz-")), short_folder()
    try:
        with open_venue(folder, sockets) as venue:
            yield Fuzzer(venue)
    finally:
        for each in (folder, sockets):
            shutil.rmtree(each, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=500, help="requests to each route (default: 500)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="default: another one each time")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with fuzzed_exchange() as fuzzer:
        for route in ROUTES:
            taken = fuzzer.run(route, arguments.examples, arguments.seed)
            print(f"{route.method:6} {route.path:45} {arguments.examples} requests, {taken} taken", flush=True)


if __name__ == "__main__":
    main()
