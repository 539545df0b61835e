"""Packages that only some options need: whether they are there is looked at before the clock starts."""

import argparse
import importlib.util

from engine_core.operator.target.extras import how_to_install

HOW = {"matplotlib": "pip install matplotlib"}


def need(parser: argparse.ArgumentParser, what: str, package: str) -> None:
    """End the program, in words, if an option, or all of it, needs a package that is not installed."""
    if importlib.util.find_spec(package) is None:
        how = HOW.get(package, how_to_install("bench"))
        without = f", or leave {what} out" if what.startswith("--") else ""
        parser.error(f"{what} needs {package}, which is not installed: {how}{without}")
