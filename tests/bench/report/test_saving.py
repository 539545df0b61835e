"""Results that cannot be written: the file is named, and no half of it stays."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from bench.flow import flow_toml
from bench.flow.parameters import DEFAULT
from bench.load.outcome.histograms import write_log
from bench.report.result import write
from bench.report.saving import saving

FULL = Path("/dev/full")  # each write to it fails as on a full disk


def test_a_full_disk_is_said_with_the_files_name() -> None:
    for save in (
        lambda: write(FULL, {"a": 1}),
        lambda: flow_toml.dump(DEFAULT, FULL),
        lambda: write_log(FULL, np.ones(3, np.int64), np.ones(3, np.int64), 0, "text"),
    ):
        with pytest.raises(SystemExit, match="error: /dev/full cannot be written: No space left on device: make room"):
            save()


def test_the_half_of_a_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "half.npy"
    with pytest.raises(SystemExit, match=r"half\.npy cannot be written"), saving(path):
        path.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not path.exists()
