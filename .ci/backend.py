"""The build backend: setuptools, which takes the built page and exchange.toml along: the wheel is all that one needs.

    make wheel        build/wheel/exchange-….whl

They lie outside the packages, where the checkout's own code finds them; an editable installation leaves them there.
Without a built page the wheel has none, and says so: the API does not need it.
"""

import shutil
from pathlib import Path

from setuptools.build_meta import *  # noqa: F403  the hooks that pip and others call
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "frontend" / "dist"


class WithPage(build_py):
    """Of `[tool.setuptools.cmdclass]`: the packages, and what they look for beside themselves without a checkout."""

    def run(self) -> None:
        into = Path(self.build_lib)
        if not self.editable_mode:
            shutil.rmtree(into, ignore_errors=True)  # what an earlier build left there would go along
        super().run()
        if self.editable_mode:
            return
        shutil.copy(ROOT / "exchange.toml", into / "engine_core" / "config")
        if (PAGE / "index.html").is_file():
            shutil.copytree(PAGE, into / "ingress" / "page", ignore=shutil.ignore_patterns(".stamp"))
        else:
            self.warn(f"{PAGE} has no page: the wheel will have none (make setup builds it)")
