"""Packages that only some options need: whether they are there is looked at before the clock starts."""

import argparse
import importlib.util

HOW = {"matplotlib": "pip install matplotlib", "bokeh": "pip install 'exchange[bench]'"}


def need(parser: argparse.ArgumentParser, option: str, package: str) -> None:
    """End the program, in words, if `option` needs a package that is not installed."""
    if importlib.util.find_spec(package) is None:
        how = HOW.get(package, f"pip install {package}")
        parser.error(f"{option} needs {package}, which is not installed: {how}, or leave {option} out")
