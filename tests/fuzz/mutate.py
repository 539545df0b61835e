"""Inputs out of seeds: bytes changed, left out, doubled, and pieces put in that matter to the reader in question."""

import random
from collections.abc import Sequence
from itertools import pairwise


def mutated(draw: random.Random, seeds: Sequence[bytes], pieces: Sequence[bytes], most: int = 8192) -> bytes:
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.randint(0, 4)):
        at = draw.randint(0, len(data))
        match draw.randint(0, 5):
            case 0 if at < len(data):
                data[at] = draw.randint(0, 255)
            case 1:
                del data[at : at + draw.randint(1, 8)]
            case 2:
                start = draw.randint(0, len(data))
                data[at:at] = data[start : start + draw.randint(1, 64)]
            case 3:
                data[at:at] = draw.choice(seeds)
            case _:
                data[at:at] = draw.choice(pieces)
    return bytes(data[:most])


def split(draw: random.Random, data: bytes) -> list[bytes]:
    """The same bytes in up to five parts, often cut where a head ends."""
    cuts = [draw.randint(0, len(data)) for _ in range(draw.randint(0, 4))]
    if cuts and draw.random() < 0.5:
        cuts[0] = data.find(b"\r\n\r\n", cuts[0] if draw.random() < 0.5 else 0) + 4
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [part for part in (data[a:b] for a, b in pairwise(bounds)) if part]
