"""When a standby takes over. It computes the same log all the time, so this is a matter of noticing, not of electing.

The active engine's connection to Redis has a name, which Redis forgets the moment that process dies:

    no connection of that name, at two looks          take over
    it is there, but the event log stands still
    STALL_SECONDS although commands wait, Redis
    takes writes, and it does not say that it waits
    for replicas                                      end that connection, and take over

Two that are active at once are harmless: Redis takes each entry once, and the one that is never first steps back.
"""

import logging
import time
from typing import Any

import redis

from engine_core.wire.streams import ORIGIN, EntryId, Keys

LOOK_SECONDS = 0.08
STALL_SECONDS = 0.6
FIRST_SECONDS = 10.0  # for the active engine to appear at all, when everything starts at once
RETURN_SECONDS = 1.0  # the same, when another Redis is the primary: it may have died with the one before
_TOP = "local r = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1) if r[1] then return r[1][1] end return '0-0'"

logger = logging.getLogger(__name__)


def active_name(shard: int) -> str:
    return f"exchange-engine-{shard}-active"


class Lookout:
    def __init__(
        self,
        client: redis.Redis,
        names: Keys,
        shard: int,
        number: int,
        *,
        is_replicated: bool = False,
        patience: float = FIRST_SECONDS,
    ) -> None:
        self._is_replicated, self._patience = is_replicated, patience
        self._client, self._names, self._name = client, names, active_name(shard)
        self.seconds = LOOK_SECONDS * (1 + number / 8)  # several standbys should not notice at the same moment
        self._began = self._next = time.monotonic()
        self._seen = False
        self._missing = 0
        self._stalled_at = ORIGIN
        self._stalled_since = 0.0
        self.top = ORIGIN  # of the event log, as of the last look

    def others(self) -> list[int]:
        """Redis' numbers of the connections that active engines have."""
        clients: Any = self._client.client_list()
        return [int(client["id"]) for client in clients if client["name"] == self._name]

    def still_others(self) -> bool:
        """A moment later: what was our own, in a former life, is gone by then."""
        time.sleep(LOOK_SECONDS)
        self._seen = bool(self.others())
        return self._seen

    def mark(self) -> EntryId:
        """How far replicas have the events, as the active engine says."""
        rows: Any = self._client.xrevrange(self._names.replicated, count=1)
        return EntryId.parse(rows[0][0]) if rows else ORIGIN

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def look(self, executed: EntryId) -> bool:
        """Whether to take over now. `executed`: how far this engine has computed."""
        now = time.monotonic()
        self._next = now + self.seconds
        script: Any = self._client.eval(_TOP, 1, self._names.events)
        self.top = EntryId.parse(script)
        others = self.others()
        if not others:
            self._missing += 1
            return self._missing > 1 and (self._seen or now - self._began > self._patience)
        self._seen, self._missing = True, 0
        if self.top >= executed or self.top != self._stalled_at:
            self._stalled_at, self._stalled_since = self.top, now
            return False
        if now - self._stalled_since < STALL_SECONDS:
            return False
        if self._is_replicated and self._client.get(self._names.held):  # it lives, and waits for replicas
            self._stalled_since = now
            return False
        if not self._redis_takes_writes():
            self._stalled_since = now
            return False
        logger.warning("the active engine has published nothing after %s for %g s", self.top, STALL_SECONDS)
        for connection in others:
            self._client.client_kill_filter(_id=str(connection))
        return True

    def _redis_takes_writes(self) -> bool:
        """If it is full, or has lost its disk, it would refuse our events as well, and we would be ended in turn."""
        try:
            self._client.set(f"{self._names.leases}standby", b"", px=1_000)
        except redis.ResponseError as error:
            logger.warning("the active engine publishes nothing, for Redis refuses it: %s", error)
            return False
        return True
