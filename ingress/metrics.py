"""What an ingress process shows of itself: requests by status, how long orders take, and whether the log is there."""

import time
from collections.abc import Iterator
from http import HTTPStatus

from engine_core.process.metrics import Monitor, Sample
from engine_core.replica.setup import HOME
from engine_core.transport.backlog import Logs
from ingress.config import IngressConfig
from ingress.engine import Gateway
from ingress.http.connections import Crowd
from ingress.shards.router import Shards

CLASSES = 6  # of HTTP statuses, by their first digit
_LIMITED = HTTPStatus.TOO_MANY_REQUESTS.value  # to find a member of an enum takes longer than to compare it


class Metrics:
    """`gateway` and `crowd` join later: who waits for the log, or does not listen yet, is alive, and not ready."""

    def __init__(self, config: IngressConfig) -> None:
        self.gateway: Gateway | None = None
        self.crowd: Crowd | None = None
        self.listening = False
        self._answers = [0] * CLASSES
        self._limited = 0
        self._shards = len(config.redis_urls)
        self.monitor = Monitor("ingress", config.worker, self._samples, self._not_ready)
        self._order_time = self.monitor.histogram(
            "order_seconds", "Time to answer a request on the order routes, from its last byte to the reply"
        )

    def answered(self, status: int) -> None:
        self._answers[min(status // 100, CLASSES - 1)] += 1
        if status == _LIMITED:
            self._limited += 1

    def order(self, began: float, status: int) -> None:
        self._order_time.record(time.perf_counter() - began)
        self.answered(status)

    def _samples(self) -> Iterator[Sample]:
        for first_digit in (2, 3, 4, 5):
            labels = (("status", f"{first_digit}xx"),)
            yield Sample("http_requests_total", "Requests answered", self._answers[first_digit], labels)
        yield Sample("http_limited_total", "Requests refused with 429: a rate limit, or a full backlog", self._limited)
        for shard in range(self._shards):
            yield Sample("venue_shard", "1: the venue has this shard", 1, (("shard", str(shard)),))
        if self.crowd is not None:
            yield Sample("http_connections", "Open connections", self.crowd.count)
            yield Sample("http_most_connections", "Connections that there may be", self.crowd.most)
            yield Sample("http_refused_total", "Connections refused for want of a place", self.crowd.refused)
        if self.gateway is not None:
            refused = int(bool(self.gateway.pressure))
            yield Sample("orders_refused", "1: new orders are refused, for a reason that /ready says", refused)
        if isinstance(self.gateway, Shards):
            for shard, gateway in enumerate(self.gateway.gateways):
                yield from _of_logs(gateway.logs, ("shard", str(shard)))
        elif self.gateway is not None:
            yield from _of_logs(self.gateway.logs)

    def _not_ready(self) -> str:
        if self.gateway is None:
            return "connecting to the log"
        if not self.gateway.healthy:
            return str(self.gateway.failure or "the log or its feed is not available")
        if not self.listening:
            return "about to listen"
        home = self.gateway.gateways[HOME] if isinstance(self.gateway, Shards) else self.gateway
        return home.pressure  # that of another shard refuses the orders of its own markets


def _of_logs(logs: Logs | None, *shard: tuple[str, str]) -> Iterator[Sample]:
    if logs is None:
        return
    for name, log in zip(Logs._fields, logs, strict=True):
        labels = (("log", name), *shard)
        yield Sample("log_entries", "Entries of the log that are kept", log.length, labels)
        yield Sample("log_trimmed_total", "Entries trimmed since the log began", log.entries_added - log.length, labels)
    behind = max(logs.orders.entries_added - logs.events.entries_added, 0)
    yield Sample("log_unexecuted_entries", "Entries of the command log that are not executed yet", behind, shard)
