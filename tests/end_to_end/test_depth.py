"""Depth streams of the real engine and egress under fast flow: what a client rebuilds is the engine's book at every `u`.

The truth is made apart from every replica: each block of orders goes straight into the log, and its answer, the
engine's own events, says which level has which quantity from which number on.
"""

import asyncio
import json
import os
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect

from engine_core.administration import LogSetup
from engine_core.wire.codes import QueryKind, Side
from engine_core.wire.gateway import Gateway
from engine_core.wire.markets import load
from tests.browser.flow import Flow
from tests.end_to_end.harness import Exchange

MARKET, NUMBER, MIDDLE_TICKS = "XRP_USDC", 4, 6_000
CHANGES = int(os.environ.get("DEPTH_CHANGES", "100000"))
COMPARE_EVERY = 100  # blocks: so often the truth itself is compared with the engine's answer about its book
BESIDE = ("depth.200ms", "depth@600ms", "depth@1000ms", "depth@")  # heard together with `depth.`
TOP = 10
Levels = dict[int, int]  # ticks: lots


@dataclass
class Truth:
    """The engine's book, change by change: (number, side, ticks, lots) in order."""

    changes: list[tuple[int, int, int, int]] = field(default_factory=list)
    first: int = 0  # the number before the first change
    done: bool = False
    error: BaseException | None = None
