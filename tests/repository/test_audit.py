"""`make audit` finds what it is there to find."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("audit", Path(__file__).parents[2] / ".ci" / "audit.py")
assert _SPEC is not None and _SPEC.loader is not None
audit = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(audit)


def test_what_is_installed_is_what_is_locked_and_no_known_danger() -> None:
    assert audit.differing() == []
    assert [risk for risk in audit.at_risk() if risk.package != "python"] == []


@pytest.mark.parametrize(("package", "version"), [("h11", "0.14.0"), ("redis", "4.5.4"), ("python", "3.12.5")])
def test_an_old_version_is_found(package: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = audit.installed
    monkeypatch.setattr(audit, "installed", lambda name: version if name == package else now(name))
    assert package in {risk.package for risk in audit.at_risk()}
    if package != "python":
        assert any(text.startswith(f"{package} is {version}") for text in audit.differing())
