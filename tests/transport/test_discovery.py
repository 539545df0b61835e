"""Where the primary is, from what one sentinel answers."""

import pytest

from engine_core.transport.discovery import address_of

OLD, NEW = ("10.0.0.1", 6379), ("10.0.0.2", 6379)


@pytest.mark.parametrize(
    ("named", "down", "found"),
    [
        (OLD, False, OLD),
        (OLD, True, None),
        ((b"10.0.0.1", 6379), True, None),
        (NEW, True, NEW),  # promoted, while the other replicas do not follow it yet
        ((b"10.0.0.2", 6379), True, NEW),
        (None, False, None),
    ],
)
def test_the_address_of_the_primary(
    named: tuple[bytes | str, int] | None, down: bool, found: tuple[str, int] | None
) -> None:
    state = {"ip": OLD[0], "port": OLD[1], "is_sdown": down, "is_odown": False, "is_master": True}
    assert address_of(state, named) == found
