"""Session tokens: who they are for, how long, what for."""

import pytest

from engine_core.edge import session_tokens
from engine_core.edge.session_tokens import Purpose

SECRET = bytes(32)


def test_a_token_names_its_account() -> None:
    assert session_tokens.read(session_tokens.issue(5, SECRET, 60), SECRET) == 5


def test_tokens_differ() -> None:
    assert session_tokens.issue(5, SECRET, 60) != session_tokens.issue(5, SECRET, 60)


def test_another_secret_or_purpose_does_not_read_it() -> None:
    token = session_tokens.issue(5, SECRET, 60, Purpose.COOKIE)
    assert session_tokens.read(token, bytes([1]) * 32, Purpose.COOKIE) is None
    assert session_tokens.read(token, SECRET, Purpose.STREAM) is None
    assert session_tokens.read(token, SECRET, Purpose.COOKIE) == 5


def test_an_expired_token_is_nobody() -> None:
    assert session_tokens.read(session_tokens.issue(5, SECRET, -1), SECRET) is None


def test_any_changed_character_is_noticed() -> None:
    token = session_tokens.issue(5, SECRET, 60)
    for at in range(len(token)):
        other = "A" if token[at] != "A" else "B"
        assert session_tokens.read(token[:at] + other + token[at + 1 :], SECRET) is None, at


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 72, "A" * 73, "\x00"])
def test_garbage_is_nobody(token: str) -> None:
    assert session_tokens.read(token, SECRET) is None


def test_the_csrf_token_belongs_to_the_cookie() -> None:
    token, other = session_tokens.issue(5, SECRET, 60), session_tokens.issue(5, SECRET, 60)
    assert session_tokens.same(session_tokens.csrf_token(token, SECRET), session_tokens.csrf_token(token, SECRET))
    assert not session_tokens.same(session_tokens.csrf_token(token, SECRET), session_tokens.csrf_token(other, SECRET))
    assert not session_tokens.same("é", session_tokens.csrf_token(token, SECRET))


def test_both_tokens_of_a_session_end_together() -> None:
    cookie, other = (session_tokens.issue(5, SECRET, 60, Purpose.COOKIE) for _ in range(2))
    stream = session_tokens.stream_token(cookie, SECRET)
    assert session_tokens.read(stream, SECRET) == 5 and session_tokens.read(stream, SECRET, Purpose.COOKIE) is None
    assert session_tokens.name_of(stream) == session_tokens.name_of(cookie) != session_tokens.name_of(other)
    ended = session_tokens.issue(5, SECRET, -1, Purpose.COOKIE)
    assert session_tokens.read(session_tokens.stream_token(ended, SECRET), SECRET) is None
