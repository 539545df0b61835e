"""The signing text, its spellings, and the verification rules."""

import base64

import pytest
from nacl.signing import SigningKey

from engine_core.edge import signing

KEY = SigningKey(bytes(range(32)))
PUBLIC = bytes(KEY.verify_key)
NOW = 1_700_000_000_000


def test_the_worked_example() -> None:
    pairs = [("symbol", "SOL_USDC"), ("orderId", "42")]
    expected = b"instruction=orderCancel&orderId=42&symbol=SOL_USDC&timestamp=1700000000000&window=5000"
    assert signing.signing_text("orderCancel", pairs, "1700000000000", "5000") == expected


def test_without_parameters_nothing_stands_between_instruction_and_timestamp() -> None:
    assert signing.signing_text("subscribe", [], "1", "5000") == b"instruction=subscribe&timestamp=1&window=5000"


def test_pairs_sort_by_bytes_of_the_key() -> None:
    pairs = [("b", "1"), ("a", "2"), ("Z", "3"), ("é", "4"), ("aa", "5")]
    text = signing.signing_text("x", pairs, "1", "2").decode()
    assert text == "instruction=x&Z=3&a=2&aa=5&b=1&é=4&timestamp=1&window=2"


def test_batch_repeats_the_instruction_in_array_order() -> None:
    items = [[("symbol", "B"), ("price", "2")], [("symbol", "A")]]
    text = signing.batch_signing_text("orderExecute", items, "7", "8")
    assert text == b"instruction=orderExecute&price=2&symbol=B&instruction=orderExecute&symbol=A&timestamp=7&window=8"


def test_a_plain_request_has_one_spelling_only() -> None:
    assert len(list(signing.spellings("x", [[("symbol", "SOL_USDC"), ("price", "1.5")]], "1", "2"))) == 1


def test_reserved_characters_add_the_percent_encoded_spelling() -> None:
    texts = list(signing.spellings("x", [[("address", "a b/c:d~")]], "1", "2"))
    assert texts == [
        b"instruction=x&address=a b/c:d~&timestamp=1&window=2",
        b"instruction=x&address=a%20b%2Fc%3Ad~&timestamp=1&window=2",
    ]


def test_null_is_signed_as_null_or_as_none() -> None:
    texts = list(signing.spellings("x", [[("orderId", None)]], "1", "2"))
    assert texts == [
        b"instruction=x&orderId=null&timestamp=1&window=2",
        b"instruction=x&orderId=None&timestamp=1&window=2",
    ]


@pytest.mark.parametrize("text", list(signing.spellings("x", [[("a", "1 2"), ("b", None)]], "1", "2")))
def test_every_spelling_verifies(text: bytes) -> None:
    signature = KEY.sign(text).signature
    assert signing.verify_any(PUBLIC, signing.spellings("x", [[("a", "1 2"), ("b", None)]], "1", "2"), signature)


def test_a_tampered_value_another_key_and_a_short_signature_do_not_verify() -> None:
    text = signing.signing_text("x", [("price", "1")], "1", "2")
    signature = KEY.sign(text).signature
    assert signing.verify(PUBLIC, text, signature)
    assert not signing.verify(PUBLIC, text.replace(b"price=1", b"price=2"), signature)
    assert not signing.verify(bytes(SigningKey(bytes(32)).verify_key), text, signature)
    assert not signing.verify(PUBLIC, text, signature[:-1])
    assert not signing.verify(PUBLIC[:-1], text, signature)


def test_a_signature_is_good_in_its_one_form_only() -> None:
    """Whoever saw a signature must not be able to make another one of it, which nobody would remember as used."""
    text = b"instruction=x&timestamp=1&window=2"
    signature = KEY.sign(text).signature
    group_order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little")
    assert not signing.verify(PUBLIC, text, signature[:32] + (s + group_order).to_bytes(32, "little"))
    for bit in range(512):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not signing.verify(PUBLIC, text, bytes(changed))


@pytest.mark.parametrize(
    "key", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32, bytes(31)]
)
def test_a_key_for_which_anybody_can_sign_is_no_key(key: bytes) -> None:
    """Points of small order, a text that is no point, and one that is too short."""
    assert signing.is_public_key(PUBLIC)
    assert not signing.is_public_key(key)
    assert not signing.verify(key, b"text", key + bytes(64 - len(key)))


@pytest.mark.parametrize(
    ("timestamp", "window", "problem"),
    [
        (str(NOW), "5000", None),
        (str(NOW - 5000), "5000", None),
        (str(NOW - 5001), "5000", "expired"),
        (str(NOW + 5000), "5000", None),
        (str(NOW + 5001), "5000", "future"),
        (str(NOW + 1000), "1", None),  # a second of skew is always allowed
        (str(NOW + 1001), "1", "future"),
        (str(NOW - 60_000), "60000", None),
        (str(NOW), "60001", "window"),
        (str(NOW), "-1", "window"),
        (str(NOW), "5e3", "window"),
        ("", "5000", "timestamp"),
        ("soon", "5000", "timestamp"),
        ("1" * 30, "5000", "timestamp"),
        ("١٢٣", "5000", "timestamp"),  # digits, but not ASCII ones
    ],
)
def test_window(timestamp: str, window: str, problem: str | None) -> None:
    found = signing.window_error(timestamp, window, NOW)
    assert (found is None) if problem is None else (found is not None and problem in found)


def test_stale_requests_are_told_in_the_words_that_clients_look_for() -> None:
    assert "Request has expired" in (signing.window_error(str(NOW - 9000), "5000", NOW) or "")
    assert "timestamp" in (signing.window_error(str(NOW + 9000), "5000", NOW) or "")


@pytest.mark.parametrize("text", ["", "?", "AAAA", base64.b64encode(bytes(33)).decode(), "=" * 44, "é" * 44])
def test_base64_of_another_size_or_form_is_none(text: str) -> None:
    assert signing.decode_base64(text, 32) is None


def test_base64() -> None:
    assert signing.decode_base64(base64.b64encode(PUBLIC), 32) == PUBLIC
