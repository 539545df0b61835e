"""`make audit`: whether what is installed can be relied on.

    1. every package of requirements-dev.txt is installed in exactly that version (what runs is what was reviewed)
    2. nothing has a version in a range of RISKS: vulnerabilities that this exchange could meet, by what it does with
       them; works without a network, and the interpreter counts
    3. pip-audit over the locked packages, against the public advisory database; says so where that cannot be reached

Exit status 1 if anything is wrong, and 0 with a word where only step 3 was impossible. A finding of step 2 about the
interpreter is reported and does not fail: it is the machine's, and what we do about it is noted there.
"""

import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
AUDIT_S = 180.0


@dataclass(frozen=True, slots=True)
class Risk:
    package: str  # "python": the interpreter
    affected: str
    what: str


RISKS = (
    Risk("python", "<3.11.10", "CVE-2024-7592: cookies parsed in quadratic time"),
    Risk("python", ">=3.12.0,<3.12.6", "CVE-2024-7592: cookies parsed in quadratic time"),
    Risk("h11", "<0.16", "CVE-2025-43859: lenient chunked bodies, request smuggling behind a proxy"),
    Risk("uvicorn", "<0.11.7", "CVE-2020-7694, CVE-2020-7695: log and header injection"),
    Risk("starlette", "<0.49.1", "CVE-2025-62727: quadratic work on Range of static files; the page is served by it"),
    Risk("websockets", "<9.1", "CVE-2021-33880: timing of Basic authentication"),
    Risk("redis", "<4.5.5", "CVE-2023-28858, CVE-2023-28859: after a cancellation answers go to the wrong request"),
    Risk("hiredis", "<2.1", "CVE-2021-32765 of its C library: overflow in large answers"),
    Risk("pynacl", "<1.6.2", "CVE-2025-69277 of its libsodium: points outside the main subgroup pass a check"),
    Risk("idna", "<3.7", "CVE-2024-3651: quadratic work on host names"),
)


def installed(name: str) -> str | None:
    if name == "python":
        return ".".join(map(str, sys.version_info[:3]))
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def differing() -> list[str]:
    """Packages that are not what the lock says."""
    found = []
    for line in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate(dict(default_environment())):
            continue
        version = installed(wanted.name)
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            found.append(f"{wanted.name} is {version or 'not installed'}, locked is {wanted.specifier}")
    return found


def at_risk() -> list[Risk]:
    return [
        risk
        for risk in RISKS
        if (version := installed(risk.package)) and version in SpecifierSet(risk.affected, prereleases=True)
    ]


def ask_database() -> tuple[bool, str]:
    """Whether pip-audit found nothing, and what it said; it fails as well when it could not ask."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "-r",
        str(ROOT / "requirements-dev.txt"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=AUDIT_S, check=False)
    except subprocess.TimeoutExpired:
        return True, f"the advisory database was not asked: no answer in {AUDIT_S:.0f} s"
    said = (done.stdout + done.stderr).strip()
    if "No module named pip_audit" in said:
        return True, "the advisory database was not asked: pip-audit is not installed (pip install pip-audit)"
    if done.returncode and "Found" not in said:
        return True, f"the advisory database was not asked: {said.splitlines()[-1] if said else 'pip-audit failed'}"
    return done.returncode == 0, said


def main() -> int:
    wrong = differing()
    for text in wrong:
        print(f"WRONG   {text}")
    risks = at_risk()
    for risk in risks:
        print(f"RISK    {risk.package} {installed(risk.package)}: {risk.what} ({risk.affected})")
    is_clean, said = ask_database()
    print(said)
    failed = bool(wrong) or any(risk.package != "python" for risk in risks) or not is_clean
    print("failed" if failed else "what is installed is what is locked, and nothing of it is known to be a danger here")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
