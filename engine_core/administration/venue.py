"""All shards of a venue, for tools that wait: what is set up is decided at home (shard 0) and then said to the others.

    with Venue(settings) as venue:
        venue.execute([admin(CommandKind.ACCOUNT, account=7)])     # at home, and once it is applied in the others
        venue.complete()                                           # whatever a shard still lacks of home's setup

A tool that dies between two shards does no harm, nor does a shard that is away (`behind`): ingress and the next start
append what is missing. Of one shard it is the gateway of that one, and asks nothing more. Non-goals: moving money
(ingress), and deciding what to append.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

import numpy as np

from engine_core.administration.client import ENGINE_TIMEOUT_S, ApplyError, LogSetup, Moved, execute, read_records
from engine_core.replica.lacking import lacking
from engine_core.replica.setup import HOME
from engine_core.transport.gateway import ANSWER_SECONDS, Gateway
from engine_core.wire.codes import MarketState, Reason
from engine_core.wire.layout import ADMIN

_REPEATED = (Reason.ALREADY_EXISTS, Reason.UNKNOWN_KEY)


class Venue:
    """`urls`: of the Redis of each shard, home first."""

    def __init__(self, urls: Sequence[str], *, answer_seconds: float = ANSWER_SECONDS) -> None:
        with ExitStack() as stack:
            self.gateways = [
                stack.enter_context(Gateway(url, shard, answer_seconds=answer_seconds))
                for shard, url in enumerate(urls)
            ]
            self._stack = stack.pop_all()
        self.behind: set[int] = set()  # shards that have not been told what home has applied

    def __enter__(self) -> "Venue":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def home(self) -> Gateway:
        return self.gateways[HOME]

    @property
    def others(self) -> Sequence[Gateway]:
        return self.gateways[1:]

    def execute(self, commands: Iterable[np.ndarray], *, allowed: tuple[Reason, ...] = ()) -> int:
        """Setup, at home and then in all others; the number applied at home. ApplyError as of client.execute.

        Once home has applied it, it is so: another shard that does not answer is told later, and stands in `behind`.
        """
        records = list(commands)
        applied = execute(self.home, records, allowed=allowed)
        for shard, gateway in enumerate(self.others, start=1):
            try:
                execute(gateway, records, allowed=(*_REPEATED, *allowed))
            except (ApplyError, TimeoutError):
                self.behind.add(shard)
        return applied

    def complete(self, timeout_s: float = ENGINE_TIMEOUT_S) -> int:
        """Append what the other shards lack of home's setup; how many commands that were."""
        applied = 0
        wanted = read_records(self.home, timeout_s) if self.others else np.empty(0, ADMIN)
        for gateway in self.others:
            missing = lacking(wanted, read_records(gateway, timeout_s))
            records = [np.frombuffer(command, ADMIN) for command in missing]
            applied += execute(gateway, records, allowed=_REPEATED)
        return applied

    def setups(self, timeout_s: float = ENGINE_TIMEOUT_S) -> list[LogSetup]:
        """Of each shard."""
        return [LogSetup.read(read_records(gateway, timeout_s)) for gateway in self.gateways]

    def known(self, timeout_s: float = ENGINE_TIMEOUT_S) -> tuple[list[LogSetup], set[int]]:
        """The same, and the shards that do not answer, of which nothing is in it. ApplyError if home is one."""
        setups, away = list[LogSetup](), set[int]()
        for shard, gateway in enumerate(self.gateways):
            try:
                setups.append(LogSetup.read(read_records(gateway, timeout_s)))
            except ApplyError:
                if shard == HOME:
                    raise
                setups.append(LogSetup())
                away.add(shard)
        return setups, away


def trades_in(setups: Sequence[LogSetup], market: int) -> list[int]:
    """The shards in which a market trades: one, unless it is on its way, or has not begun; two after a loss."""
    return [
        shard
        for shard, setup in enumerate(setups)
        if market in setup.markets and setup.markets[market]["code"] != MarketState.ELSEWHERE
    ]


def has_begun(setups: Sequence[LogSetup], market: int) -> bool:
    """Whether a market that trades nowhere has before, and is on its way from one shard to another."""
    known = [setup.moved.get(market, Moved()) for setup in setups]
    return any(moved.move > 1 or moved.trades or moved.update_id or moved.last_ticks for moved in known)
