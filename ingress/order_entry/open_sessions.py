"""The sessions of order entry that are logged on in this process: when a key changes, each looks whether it may stay.

Keys stand in the log, so a revocation is seen here like any other event, at most 50 ms late. Non-goals: what a
session does then (session.py).
"""

from typing import Protocol

from engine_core.replica.market_data import Changes, MarketData


class Session(Protocol):
    def end_if_revoked(self) -> None: ...


class OpenSessions:
    def __init__(self, data: MarketData) -> None:
        self._sessions: set[Session] = set()
        data.listeners.append(self._changed)

    def add(self, session: Session) -> None:
        self._sessions.add(session)

    def discard(self, session: Session) -> None:
        self._sessions.discard(session)

    def _changed(self, changes: Changes) -> None:
        if changes.setup:
            for session in list(self._sessions):
                session.end_if_revoked()
