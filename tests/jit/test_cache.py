"""Where compiled kernels are kept."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import engine_core
from engine_core.jit import cache as kernel_cache
from engine_core.jit.kernel import KernelLocator

ROOT = Path(engine_core.__file__).parents[1]


def test_kernels_of_equal_checkouts_are_shared_wherever_these_lie(tmp_path: Path) -> None:
    """Else a moved checkout finds the folder marked complete, and yet compiles while the exchange starts."""
    assert KernelLocator.get_suitable_cache_subpath(str(ROOT / "engine_core/book/queries.py")) == "engine_core_book"
    own = f"bench_flow_kernels-{kernel_cache.digest_of(ROOT / 'bench/flow/kernels')}"  # no hash of the exchange has it
    assert KernelLocator.get_suitable_cache_subpath(str(ROOT / "bench/flow/kernels/run.py")) == own
    elsewhere = {KernelLocator.get_suitable_cache_subpath(str(tmp_path / name / "x.py")) for name in ("a", "b")}
    assert len(elsewhere) == 2
    assert not elsewhere & {"a", "b"}


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("sys.implementation.cache_tag", "cpython-399"),
        ("importlib.metadata.version", "99.0"),
        ("llvmlite.binding.get_host_cpu_name", "another-processor"),
        ("NUMBA_CPU_FEATURES", "+avx9"),
        ("NUMBA_OPT", "1"),
    ],
)
def test_whatever_kernels_are_compiled_for_names_their_folder(
    changed: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EXCHANGE_CACHE_DIR", str(tmp_path))
    before = kernel_cache.folder()
    if changed.startswith("NUMBA_"):
        monkeypatch.setenv(changed, value)
    elif changed.endswith("cache_tag"):
        monkeypatch.setattr(changed, value)
    else:
        monkeypatch.setattr(changed, lambda *_: value)
    assert kernel_cache.folder() != before and kernel_cache.folder().parent == tmp_path


def test_another_processor_means_nothing_where_the_target_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container image that is built on one machine and runs on others."""
    monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    before = kernel_cache.folder()
    monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another-processor")
    assert kernel_cache.folder() == before


def test_without_a_home_the_data_folder_keeps_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("EXCHANGE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EXCHANGE_DATA", str(tmp_path / "data"))
    for home in ("/dev/null", "/proc/1/nowhere", str(tmp_path / "file" / "x")):
        (tmp_path / "file").touch()
        monkeypatch.setenv("HOME", home)
        assert kernel_cache.folder().parent == tmp_path / "data" / kernel_cache.KERNELS_FOLDER
    monkeypatch.setattr(Path, "home", _no_home)
    assert kernel_cache.folder().parent == tmp_path / "data" / kernel_cache.KERNELS_FOLDER


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_place_that_was_named_and_cannot_be_used_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_CACHE_DIR", "/proc/none")
    with pytest.raises(kernel_cache.CacheError, match=r"/proc/none.*EXCHANGE_CACHE_DIR"):
        kernel_cache.ensure()


def test_a_start_that_has_to_compile_says_so_before_it_starts_a_server(tmp_path: Path) -> None:
    """Stopped as soon as it has said it: no server was started, the progress is its own."""
    variables = {**os.environ, "EXCHANGE_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "engine_core.cli", "up", "--data", str(tmp_path / "d"), "--http", "0", "--ws", "0"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = (line for line in process.stdout if not line.startswith("  gave back"))  # of what other tests left
        said = [next(lines), next(lines)]
        process.kill()
    assert said[0].startswith("starting the exchange on"), said
    assert said[1].startswith("compiling the kernels"), said
    assert not (tmp_path / "d" / "valkey").exists()
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


_AS_NOBODY = """
import os, sys, encodings.idna, encodings.utf_8_sig
import engine_core.operator.up
from engine_core import cli
from engine_core.jit import cache as kernel_cache
kernel_cache.folder()
os.setgroups([]); os.setgid(54321); os.setuid(54321)
sys.argv = ["exchange", "up", "--data", sys.argv[1], "--http", "0", "--ws", "0"]
cli.main()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without a name")
def test_an_unknown_user_without_a_home_gets_words() -> None:
    """All is imported before it becomes number 54321, who may not read the Python that runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="xt-", dir="/tmp"))  # pytest's own are closed to others
    folder.chmod(0o777)
    kept = {"PATH": os.environ["PATH"], "REDIS_URL": "unix:///nowhere.sock", "NUMBA_DISABLE_JIT": "1"}
    variables: list[dict[str, str]] = [{}, {"HOME": "/"}, {"HOME": "/root"}, {"XDG_CACHE_HOME": "/root/x"}]
    for home in variables:
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(folder / "d")],
            env=kept | home,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "REDIS_URL unix:///nowhere.sock: cannot be reached" in done.stderr
    shutil.rmtree(folder)
