"""Keys: making them against a server that limits sign-ups, and reading files of them."""

import base64
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bench.load.__main__ import main
from bench.load.plan import keys
from bench.load.targets.api import Account, BenchError
from tests.bench.load.standin import StandIn, serving

KEY = Account(base64.b64encode(bytes(Account("", bytes(32)).key.verify_key)).decode(), bytes(32), 7)


class SignUps(StandIn):
    """Each second sign-up is one too many, for no time at all; a key is made with the session of its account only."""

    asked = 0

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Any:
        match method, target:
            case "POST", "/api/v1/session/signup":
                self.asked += 1
                if self.asked % 2 == 0:
                    limited = {"code": "TOO_MANY_REQUESTS", "message": "slow down"}
                    return 429, limited, "Retry-After: 0\r\n"
                account = {"account": self.asked, "csrfToken": f"token-{self.asked}"}
                return 200, account, f"Set-Cookie: session=cookie-{self.asked}; HttpOnly\r\n"
            case "POST", "/api/v1/keys":
                given = headers["cookie"], headers["x-csrf-token"]
                if given != (f"session=cookie-{self.asked}", f"token-{self.asked}"):
                    return 403, {"code": "FORBIDDEN", "message": "whose session?"}, ""
                self.keys.add(json.loads(body)["publicKey"])
                return 200, {}, ""
        return super().answer(method, target, headers, body)


def test_keys_are_made_one_sign_up_after_the_other_as_the_limit_allows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    with serving(SignUps()) as server:
        assert main(["--url", server.url, "--make-keys", str(path), "--accounts", "3"]) == 0
    made = keys.read(path)
    assert [account.number for account in made] == [1, 3, 5] and {each.api_key for each in made} == server.keys
    assert path.stat().st_mode & 0o77 == 0
    said = capsys.readouterr().out
    assert (
        said == f"3 of 3 accounts were made; their keys are in {path}: exchange load --keys {path} --url {server.url}\n"
    )


@pytest.mark.parametrize("ends_with", [KeyboardInterrupt, BenchError("the server is gone")])
def test_keys_that_were_made_are_kept_whatever_ends_the_making(
    ends_with: type[BaseException] | BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path, sign_up, left = tmp_path / "keys.json", keys._sign_up, [1, 2]

    def limited(api: Any) -> Account:
        if not left:
            raise ends_with
        left.pop()
        return sign_up(api)

    monkeypatch.setattr(keys, "_sign_up", limited)
    with serving(SignUps()) as server:
        status = main(["--url", server.url, "--make-keys", str(path), "--accounts", "50"])
    assert {each.api_key for each in keys.read(path)} == server.keys and len(server.keys) == 2
    assert status == (130 if ends_with is KeyboardInterrupt else 1)
    assert f"2 of 50 accounts were made; their keys are in {path}" in capsys.readouterr().err


def test_nobody_is_signed_up_when_keys_could_not_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int, content: bytes, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    there, new = tmp_path / "there.json", tmp_path / "new.json"
    there.write_text("secrets")
    with serving(SignUps()) as server:
        for path in there, Path("/dev/null"):
            assert main(["--url", server.url, "--make-keys", str(path)]) == 1
            assert f"{path} is there already" in capsys.readouterr().err
        monkeypatch.setattr(os, "pwrite", full)
        assert main(["--url", server.url, "--make-keys", str(new)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert there.read_text() == "secrets" and not new.exists() and not server.asked


def test_accounts_without_funds_are_said_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Poor(SignUps):
        def account(self, key: str) -> Any:
            found = super().account(key)
            found.balances = {}
            return found

    with serving(Poor()) as server:
        assert main(["--url", server.url, "--make-keys", str(tmp_path / "keys.json")]) == 1
    assert "account 1 has no funds" in capsys.readouterr().err and not (tmp_path / "keys.json").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "has no keys"),
        ('{"accounts": [{"apiKey": "x"}]}', "key 1 is not an ED25519 key"),
        (
            '{"apiKey": "' + KEY.api_key + '", "secret": "' + base64.b64encode(b"1" * 32).decode() + '"}',
            "do not belong",
        ),
    ],
)
def test_a_file_of_keys_is_read_or_it_is_said_why_not(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=said):
        keys.read(path)


def test_a_file_of_keys_is_whole_after_each(tmp_path: Path) -> None:
    with keys.KeyFile(tmp_path / "keys.json", 3) as file:
        for count in 1, 2, 3:
            file.add(KEY)
            assert keys.read(file.path) == [KEY] * count
    assert keys.read(file.path) == [KEY] * 3
    assert not file.path.read_text().endswith(" ")
