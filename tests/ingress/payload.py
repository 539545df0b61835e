"""What no payload of ours may hold: a JSON float, exponent notation, a date with a zone."""

import re

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(-?\d[\d.eE+-]*)')
_WRONG_NUMBER = re.compile(r".*[.eE]")
_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)")


def forbidden(text: str) -> str:
    """The first token of a JSON text that may not be there; empty if all are right."""
    for string, number in _TOKEN.findall(text):
        if (number and _WRONG_NUMBER.match(number)) or _EXPONENT.fullmatch(string) or _ZONED.fullmatch(string):
            return string or number
    return ""
