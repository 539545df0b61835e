"""llhttp, the parser of node and of uvicorn, in this process: that of the httptools package, for compiled loops.

It is asked one thing: where does the first request in these bytes end?
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from httptools.parser import parser as httptools_parser
from numba import cfunc, types

PAUSED = 21  # HPE_PAUSED, which the callback gives: so the parser stops behind each request
REFUSED, INCOMPLETE = -1, -2
_PARSER_BYTES, _CALLBACKS = 512, 64  # more than its structures need
_REQUEST = 1
_PROBE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"


@cfunc(types.int32(types.voidptr))
def _pause(parser: Any) -> int:
    return PAUSED


@cache
def library() -> ctypes.CDLL:
    found = ctypes.CDLL(httptools_parser.__file__)
    found.llhttp_init.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    found.llhttp_init.restype = None
    found.llhttp_execute.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    found.llhttp_execute.restype = ctypes.c_int
    found.llhttp_get_error_pos.argtypes = [ctypes.c_void_p]
    found.llhttp_get_error_pos.restype = ctypes.c_void_p
    return found


@cache
def settings() -> np.ndarray:
    """Its callbacks: one, at the end of a message. Its place differs between versions, so it is looked for."""
    for at in range(8, 20):
        callbacks = np.zeros(_CALLBACKS, np.uint64)
        callbacks[at] = _pause.address
        if end_of_request(_PROBE + _PROBE, callbacks) == len(_PROBE) and end_of_request(_PROBE[:-1], callbacks) < 0:
            return callbacks
    raise AssertionError("llhttp has no callback for the end of a message where one was looked for")


def end_of_request(data: bytes, callbacks: np.ndarray | None = None) -> int:
    """Where the first request ends; REFUSED, or INCOMPLETE."""
    callbacks = settings() if callbacks is None else callbacks
    parser = np.zeros(_PARSER_BYTES, np.uint8)
    text = np.frombuffer(data, np.uint8)
    library().llhttp_init(parser.ctypes.data, _REQUEST, callbacks.ctypes.data)
    result = library().llhttp_execute(parser.ctypes.data, text.ctypes.data, len(data))
    if result == PAUSED:
        return int(library().llhttp_get_error_pos(parser.ctypes.data) - text.ctypes.data)
    return REFUSED if result else INCOMPLETE


def functions() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """What a compiled loop calls."""
    found = library()
    return found.llhttp_init, found.llhttp_execute, found.llhttp_get_error_pos
