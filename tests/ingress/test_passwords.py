"""How passwords are kept."""

from argon2 import extract_parameters

from ingress.users.passwords import NOBODY, hash_password, matches


def test_a_name_that_nobody_has_costs_what_a_wrong_password_does() -> None:
    """And no password fits it."""
    assert extract_parameters(NOBODY) == extract_parameters(hash_password("a password"))
    assert not matches(NOBODY, "a password") and not matches(NOBODY, "")
