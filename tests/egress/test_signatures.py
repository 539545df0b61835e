"""A signature opens private streams on one connection, in whichever process, and on no other."""

import base64
import time
from contextlib import closing
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from egress.auth import Authenticator, NotAuthorised
from engine_core.edge.expiring_set import Remembered
from engine_core.replica.setup import Setup
from engine_core.wire.codes import KeyPermission
from tests.markets import key_record, setup_records

KEY = SigningKey(b"k" * 32)


def signature(stamp: int) -> list[str]:
    text = f"instruction=subscribe&timestamp={stamp}&window=60000".encode()
    public, signed = (base64.b64encode(part).decode() for part in (bytes(KEY.verify_key), KEY.sign(text).signature))
    return [public, signed, str(stamp), "60000"]


def test_a_subscription_is_signed_for_one_connection(tmp_path: Path) -> None:
    setup = Setup()
    setup.apply(setup_records())
    setup.apply(key_record(2, bytes(KEY.verify_key), KeyPermission.READ))
    now = time.time_ns() // 1_000_000
    with (
        closing(Remembered(tmp_path / "used", 64)) as used,
        closing(Remembered(tmp_path / "used", 64)) as other_process,
    ):
        first = Authenticator(setup, bytes(32), None, used).for_connection()
        assert first.owner(signature(now), None).account == 2
        assert first.owner(signature(now), None).account == 2, "two subscriptions of one millisecond are alike"
        for memory in (used, other_process):
            thief = Authenticator(setup, bytes(32), None, memory).for_connection()
            with pytest.raises(NotAuthorised, match="already used on another connection"):
                thief.owner(signature(now), None)
            assert thief.owner(signature(now - 1 - (memory is used)), None).account == 2
