"""Compiled loops: make an input, put it through our kernel and through llhttp, and go on; a million a second.

An input is a function of the seeds, a number and nothing else, so the one that fails is made again by its number.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ingress.fast_path.message_kernel import message_buffers, read_messages
from ingress.fast_path.order_kernel import Rules, buffers, read_order
from tests.fuzz.llhttp import PAUSED, functions, settings

MOST = 2048  # bytes of an input
_init, _execute, _position = functions()


class Seeds(NamedTuple):
    """Texts one behind the other, and where each begins; the same for pieces that are put into them."""

    texts: np.ndarray
    text_at: np.ndarray
    pieces: np.ndarray
    piece_at: np.ndarray


def joined(parts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    return np.frombuffer(b"".join(parts), np.uint8), np.cumsum([0, *map(len, parts)])


def seeds(texts: list[bytes], pieces: list[bytes]) -> Seeds:
    return Seeds(*joined(texts), *joined(pieces))


@njit(cache=True)
def _next(state: int) -> np.uint64:
    """splitmix64: one step."""
    z = np.uint64(state) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def make(number: int, given: Seeds, out: np.ndarray) -> int:
    """The input of this number, in `out`; its length."""
    texts, text_at, pieces, piece_at = given
    state = _next(number)
    which = int(state % np.uint64(len(text_at) - 1))
    length = text_at[which + 1] - text_at[which]
    out[:length] = texts[text_at[which] : text_at[which + 1]]
    state = _next(state)
    for _ in range(1 + int(state % np.uint64(3))):
        state = _next(state)
        at = int((state >> np.uint64(8)) % np.uint64(length + 1))
        kind = int(state & np.uint64(3))
        state = _next(state)
        if kind == 0 and at < length:  # another byte
            out[at] = np.uint8(state & np.uint64(255))
        elif kind == 1 and at < length:  # some bytes less
            gone = min(1 + int(state % np.uint64(4)), length - at)
            for place in range(at, length - gone):
                out[place] = out[place + gone]
            length -= gone
        else:  # a piece more
            piece = int(state % np.uint64(len(piece_at) - 1))
            more = piece_at[piece + 1] - piece_at[piece]
            if length + more <= MOST:
                for place in range(length - 1, at - 1, -1):
                    out[place + more] = out[place]
                out[at : at + more] = pieces[piece_at[piece] : piece_at[piece + 1]]
                length += more
    return length


@njit(cache=False)
def _requests(first, count, given, symbols, words, command, text, found, spans, parser, callbacks):  # type: ignore[no-untyped-def]
    """(number of the first input that the kernel takes and that is not one whole request to llhttp, or -1; taken)."""
    out = np.zeros(MOST, np.uint8)
    taken = 0
    for number in range(first, first + count):
        length = make(number, given, out)
        data = out[:length]
        accepted = read_order(data, symbols, words, command, text, found, spans) > 0
        _init(parser.ctypes, 1, callbacks.ctypes)
        result = _execute(parser.ctypes, data.ctypes, length)
        if accepted:
            taken += 1
            if result != PAUSED or _position(parser.ctypes) != out.ctypes.data + length:
                return number, taken
    return -1, taken


@njit(cache=False)
def _messages(first, count, given, rules, made, results):  # type: ignore[no-untyped-def]
    """How many of these the kernel takes; their numbers in `results`, for the general way to judge."""
    out = np.zeros(MOST, np.uint8)
    taken = 0
    for number in range(first, first + count):
        length = make(number, given, out)
        made.ends[0] = length
        if read_messages(out[:length], 0, 1, rules, made) and taken < len(results):
            results[taken] = number
            taken += 1
    return taken


def requests(first: int, count: int, given: Seeds, rules: tuple[np.ndarray, np.ndarray]) -> tuple[int, int]:
    parser = np.zeros(512, np.uint8)
    failed, taken = _requests(first, count, given, *rules, *buffers(), parser, settings())
    return int(failed), int(taken)


def messages(first: int, count: int, given: Seeds, rules: tuple[np.ndarray, np.ndarray]) -> list[int]:
    """The numbers of those inputs that the kernel takes; at most 4,096."""
    results = np.zeros(4096, np.int64)
    taken = _messages(first, count, given, Rules(*rules), message_buffers(), results)
    return [int(number) for number in results[:taken]]


def made(number: int, given: Seeds) -> bytes:
    out = np.zeros(MOST, np.uint8)
    return out[: make(number, given, out)].tobytes()
