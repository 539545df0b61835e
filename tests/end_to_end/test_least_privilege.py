"""Each role has the secrets that SECURITY.md's table gives it, and no other; what is on the disk is its owner's."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine_core.host.children import passed_on
from engine_core.operator.target.roles import NEEDS, SECRETS
from tests.docker.compose import ROOT, ours
from tests.exchange import Exchange

IN_COMPOSE = {"reconcile": "setup", "market_maker": "market-maker"}  # where the service is named otherwise
FOREIGN = {"AWS_SECRET_ACCESS_KEY": "of somebody else", "PGPASSWORD": "for the database", "TZ": "UTC"}


def documented() -> dict[str, set[str]]:
    """The table of SECURITY.md."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    begin = next(number for number, row in enumerate(rows) if row[1:4] == [f"`{secret}`" for secret in SECRETS])
    table = {}
    for row in rows[begin + 2 :]:
        if row[1] not in ("yes", ""):
            break
        for role in re.sub(r"\(.*\)", "", row[0]).split(","):
            table[role.strip()] = {secret for secret, cell in zip(SECRETS, row[1:4], strict=True) if cell == "yes"}
    return table


def test_the_code_and_the_compose_file_say_what_the_table_says() -> None:
    assert {role: set(secrets) for role, secrets in NEEDS.items()} == documented()
    for role, secrets in documented().items():
        service = ours().get(IN_COMPOSE.get(role, role))
        assert service is None or {*service["environment"]} & {*SECRETS} == secrets, role


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    running = Exchange(tmp_path_factory.mktemp("demo") / "data", "--profile", "demo", ingress_workers=1)
    running.variables = FOREIGN
    running.start()
    yield running
    running.end()


def test_running_roles_have_what_the_table_says(demo: Exchange) -> None:
    table, seen = documented(), set()
    secret = (demo.data / "session-secret").read_text().strip()
    for role, pids in demo.run["processes"].items():
        for pid in pids:
            environment = psutil.Process(pid).environ()
            assert {*environment} & {*SECRETS} == table.get(role, set()), role  # servers have none
            assert "AWS_SECRET_ACCESS_KEY" not in environment, role
            assert role not in table or environment["TZ"] == "UTC", role
            assert "PGPASSWORD" not in environment, role  # of another server: the one here is the embedded one
            assert (secret in environment.values()) == ("EXCHANGE_SESSION_SECRET" in table.get(role, set())), role
            seen.add(role)
    assert seen == {"valkey", "postgres", "engine", "ingress", "egress", "writer", "market_maker"}


def test_what_libpq_reads_goes_only_to_who_has_a_database() -> None:
    shell = FOREIGN | {"LC_ALL": "C", "EXCHANGE_SESSION_SECRET": "5" * 64, "REDIS_URL": "redis://x"}
    assert passed_on(shell, with_libpq=False) == {"TZ": "UTC", "LC_ALL": "C"}
    assert passed_on(shell, with_libpq=True) == {"TZ": "UTC", "LC_ALL": "C", "PGPASSWORD": "for the database"}


def test_nobody_else_may_read_what_is_on_the_disk(demo: Exchange) -> None:
    assert demo.command("snapshot").returncode == 0
    below = [Path(place, name) for place, folders, files in os.walk(demo.data) for name in (*folders, *files)]
    assert len(below) > 100
    for path in below:
        with contextlib.suppress(FileNotFoundError):  # files of PostgreSQL's come and go
            mode = path.lstat().st_mode
            assert stat.S_ISLNK(mode) or not mode & 0o077, path
