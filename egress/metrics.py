"""What an egress process shows of itself."""

import time
from collections.abc import Iterator, Sequence

from egress.config import EgressConfig
from egress.connections import Crowd
from egress.hub import Hub
from egress.pubsub import Publisher
from engine_core.process.metrics import Monitor, Sample
from engine_core.process.stages import StageTimes
from engine_core.replica.market_data import MarketData
from engine_core.replica.setup import HOME
from engine_core.transport.async_gateway import AsyncGateway


def monitor(
    config: EgressConfig,
    gateways: Sequence[AsyncGateway],
    data: MarketData,
    hub: Hub,
    publisher: Publisher,
    crowd: Crowd,
) -> Monitor:
    def samples() -> Iterator[Sample]:
        yield Sample("websocket_connections", "Open WebSocket connections", len(hub.clients))
        yield Sample("websocket_most_connections", "Connections that there may be", config.limits.connections)
        yield Sample("websocket_refused_total", "Connections refused for want of a place", crowd.refused)
        yield Sample("websocket_frames_total", "Frames handed to connections", hub.frames_sent)
        yield Sample("websocket_dropped_total", "Connections closed because they read too slowly", hub.dropped)
        yield Sample("published_channels", "Pub/sub channels that this process publishes on", publisher.channels)
        yield Sample("publish_dropped_total", "Events not published because Redis did not take them", publisher.dropped)
        yield Sample("depth_gaps_total", "Books asked again after a gap in their sequence", data.gaps)
        yield Sample("feed_age_seconds", "Time since the last event's engine time", time.time() - data.time_ms / 1000)

    def not_ready() -> str:
        home = gateways[HOME]  # while it is there, what trades in the others is shown, and what waits in one waits
        return "" if home.healthy else str(home.failure or "no connection to Redis")

    shown = Monitor("egress", config.worker, samples, not_ready)
    if config.stages_every and config.worker == 0:  # one process shows what all of them know of orders
        shown.refresh = StageTimes(shown, config.runtime).refresh
    return shown
