"""The checksum of a block is that of zlib, whatever computes it: others read our logs, and old ones stay readable."""

import zlib

import numpy as np
import pytest

from engine_core.wire.layout import BLOCK_HEADER, COMMAND, EVENT
from engine_core.wire.streams import Header, decode_block, encode_block, encode_blocks


def records(dtype: np.dtype, count: int) -> np.ndarray:
    content = np.random.default_rng(count).bytes(count * dtype.itemsize)
    return np.frombuffer(content, dtype)


def by_zlib(block: bytes) -> int:
    head, body = block[: BLOCK_HEADER.itemsize - 4] + bytes(4), block[BLOCK_HEADER.itemsize :]
    return zlib.crc32(head + body)


@pytest.mark.parametrize("dtype", [COMMAND, EVENT])
@pytest.mark.parametrize("count", [1, 3, 256, 1000])
def test_a_block_carries_the_checksum_of_zlib(dtype: np.dtype, count: int) -> None:
    block = encode_block(Header(1, 1, 7, 1, 1, 1_000), records(dtype, count))
    assert block[BLOCK_HEADER.itemsize - 4 : BLOCK_HEADER.itemsize] == by_zlib(block).to_bytes(4, "little")
    _, read = decode_block(block, dtype)
    assert read.tobytes() == records(dtype, count).tobytes()


def test_many_blocks_carry_it_too() -> None:
    headers, events = np.zeros(3, BLOCK_HEADER), records(EVENT, 270)
    headers["count"] = 1, 256, 13
    for block in encode_blocks(headers, events):
        assert int(np.frombuffer(block, BLOCK_HEADER, 1)["crc"][0]) == by_zlib(block)
