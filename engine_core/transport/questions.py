"""A server's questions to the engine that have no answer yet.

    ask -> unsent -> Redis -> engine -> answered
     ^                                       one that is not answered within a second is asked again, in case it was
     └──────── again, TIMES in all           lost with a connection or an engine

It is counted how often it was asked, not how long it took: a machine that stands still costs one second of them.

Non-goals: connections (async_gateway.py), and what a question says (wire/queries.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from engine_core.wire.codes import QueryKind
from engine_core.wire.queries import About, Asker, encode_query

TIMES, AGAIN_SECONDS = 5, 1.0

Answered = tuple[np.void, np.ndarray]


@dataclass(slots=True)
class Question:
    answer: asyncio.Future[Answered]
    incarnation: int  # of the asker
    script: bytes  # what Redis is to be sent; empty once it was


class Questions:
    """`asker`: who asks, now; it raises if nobody can. `wake`: called when there is something to send."""

    def __init__(self, asker: Callable[[], Asker], wake: Callable[[], None]) -> None:
        self._asker, self._wake = asker, wake
        self._open: dict[int, Question] = {}
        self._last_id = 0

    async def ask(self, kind: QueryKind, **about: Unpack[About]) -> Answered:
        """(ANSWER_HEADER, records), or TimeoutError."""
        loop = asyncio.get_running_loop()
        for _ in range(TIMES):
            self._last_id += 1
            number = self._last_id
            asker = self._asker()
            script = encode_query(asker, number, kind, **about)
            question = self._open[number] = Question(loop.create_future(), asker.incarnation, script)
            self._wake()
            try:
                return await asyncio.wait_for(question.answer, AGAIN_SECONDS)
            except TimeoutError:
                pass
            finally:
                self._open.pop(number, None)
        what = f"no answer to {kind.name} in {TIMES * AGAIN_SECONDS:g} s"
        raise TimeoutError(f"{what}: is it running, or still replaying its log?")

    def unsent(self) -> list[Question]:
        return [question for question in self._open.values() if question.script]

    def find(self, header: np.void) -> Question | None:
        """The question that an answer of this header is for, if somebody still waits for it."""
        question = self._open.get(int(header["query_id"]))
        return question if question is not None and header["incarnation"] == question.incarnation else None

    def fail(self, error: Exception) -> None:
        for question in self._open.values():
            if not question.answer.done():
                question.answer.set_exception(error)
