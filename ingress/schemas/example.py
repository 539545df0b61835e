"""The examples of the OpenAPI document: each type of a body or an answer is declared with one. Numbers are made up.

A test holds that every named type has one and that it is valid.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

EXAMPLES: Final[dict[str, Any]] = {}  # by the name of the type

# What several of them have in common.
KEY: Final = "BAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiM="
API_KEY: Final = {"apiKey": KEY, "permissions": ["read", "trade"]}
FEES: Final = {"symbol": "SOL_USDC", "tier": 2, "makerPpm": 100, "takerPpm": 300}

_Type = TypeVar("_Type", bound=type)


def example(members: dict[str, Any]) -> Callable[[_Type], _Type]:
    """A class decorator."""

    def register(kind: _Type) -> _Type:
        EXAMPLES[kind.__name__] = members
        return kind

    return register
