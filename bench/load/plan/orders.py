"""What is sent: COMMAND records with arrival times, whichever target they go to. Where they come from: sources.py.

In a record here `account` is the place of a key among those of the load, `market` the place of a market among its
markets, both from 0. Each order has a client id that no other of its account has, so it can be found again.
"""

from typing import NamedTuple

import numpy as np


class Orders(NamedTuple):
    at_ns: np.ndarray  # ascending
    commands: np.ndarray  # COMMAND

    def part(self, chosen: np.ndarray) -> "Orders":
        return Orders(self.at_ns[chosen], self.commands[chosen])
