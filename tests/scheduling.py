"""In which order the tests run, how `pytest -n` deals them out, and which of them start processes.

A file is one piece of work, except in the folders of SHARED: their files use one running exchange, so each of these
folders is one piece; and those of ONE_KERNEL, which would all compile it. The longest pieces come first.
"""

from collections.abc import Iterable
from typing import cast

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

SHARED = ("tests/ingress/live", "tests/attacks", "tests/browser", "tests/end_to_end/live", "tests/operator/live")
ONE_KERNEL = (
    *(f"tests/book/test_{name}.py" for name in ("conformance", "levels", "peers", "regimes")),
    *("tests/bench/test_kernel.py", "tests/bench/test_harness.py"),
)
LONG = (
    *("tests/end_to_end/test_recovery.py", "tests/end_to_end/test_chaos.py"),
    *("tests/end_to_end", "tests/persistence", "tests/docker"),
    *("tests/test_simulation.py", "tests/fuzz", "tests/model", "tests/book", "tests/runtime"),
)
OF_PROCESSES = (
    *SHARED,
    *("tests/docker", "tests/end_to_end", "tests/fuzz", "tests/persistence", "tests/test_simulation.py"),
    *(
        "tests/bench/load/test_command.py",
        "tests/bench/test_durability.py",
        "tests/bench/test_kernel.py",
        "tests/bench/test_pipeline.py",
        "tests/bench/test_recovery.py",
        "tests/bench/test_setting.py",
        "tests/bench/test_shards.py",
        "tests/bench/test_writer.py",
        "tests/book/test_compiled.py",
        "tests/edge/test_exposure.py",
        "tests/edge/test_failed_tasks.py",
        "tests/egress/test_bench.py",
    ),
    *("tests/host/test_embedded.py", "tests/host/test_runtime_folders.py", "tests/ingress/api/test_fuzzed.py"),
    *(
        "tests/ingress/test_one_answer.py",
        "tests/jit/test_cache.py",
        "tests/operator/test_followed.py",
        "tests/operator/test_roles_alone.py",
        "tests/repository/test_wheel.py",
    ),
    *(f"tests/runtime/test_{name}.py" for name in ("failover", "partition", "replicated", "upgrade")),
)
# The browser's tests are `make page`, which deals them out by file: each worker has an exchange of its own. These few
# are in `make test` instead, so that a page that cannot trade is seen there.
PAGE = "tests/browser"
PAGE_IN_TEST = (
    "test_replica.py::test_replica_equals_the_engines_book",
    "test_source.py",
    "test_trading.py::test_market_is_live",
    "test_trading.py::test_order_is_matched_by_a_second_account",
    "test_routes.py::test_a_trade_by_keyboard_alone",
    "test_users.py::test_a_user_comes_trades_with_a_key_and_goes",
)
# Backups restored, pods run as processes, a Prometheus asked: `make deployments`, some minutes of starting things.
DEPLOYMENTS = tuple(f"tests/docker/test_{name}.py" for name in ("backup", "pods", "processes", "prometheus"))
SERVERS = {"_valkey_server", "_postgres_server", "fresh_valkey"}


class OneExchangeOneWorker(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::", 1)[0]
        if path in ONE_KERNEL:
            return ONE_KERNEL[0]
        if _is_in(path, PAGE) and self.config.getoption("markexpr") == "page":
            return path
        return next((folder for folder in SHARED if _is_in(path, folder)), path)

    def remove_node(self, node: WorkerController) -> str | None:
        """A worker has ended: the test that it died of has failed, and only what it left undone goes to another one,
        which would die of that test as well, and so on until none may be started any more."""
        for scope in self.assigned_work[node].values():
            for test, is_done in scope.items():
                if not is_done:
                    scope[test] = True
                    super().remove_node(node)
                    return test
        return cast(str | None, super().remove_node(node))


def in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The pieces that take longest first, else as they were."""
    first = (*SHARED, *LONG)

    def rank(item: pytest.Item) -> int:
        path = item.nodeid.split("::", 1)[0]
        return next((place for place, piece in enumerate(first) if _is_in(path, piece)), len(first))

    return sorted(items, key=rank)


def starts_processes(item: pytest.Item) -> bool:
    """Whether a test needs servers or an exchange: `make check` leaves it out."""
    path = item.nodeid.split("::", 1)[0]
    return any(_is_in(path, piece) for piece in OF_PROCESSES) or bool(SERVERS & {*getattr(item, "fixturenames", ())})


def is_of_the_page(item: pytest.Item) -> bool:
    """Whether a test is of the browser's matrix alone: `make test` leaves it out, `make page` runs it."""
    return _is_in(item.nodeid, PAGE) and not item.nodeid.removeprefix(f"{PAGE}/").startswith(PAGE_IN_TEST)


def is_of_deployments(item: pytest.Item) -> bool:
    """Whether `make test` leaves a test to `make deployments`."""
    return item.nodeid.split("::", 1)[0] in DEPLOYMENTS


def _is_in(path: str, piece: str) -> bool:
    return path == piece or path.startswith(f"{piece}/")
