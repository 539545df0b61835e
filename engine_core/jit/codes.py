"""Enums whose members are plain integers in kernels: `reason = Reason.NONE` gives an int64.

Numba gives each member of an IntEnum a type of its own, which mixes with no computed number, and knows no IntFlag at
all. A class made by `Codes` or `Flags` is an ordinary enum everywhere else, and costs a kernel nothing. This file
imports no Numba, so that commands which compile nothing start fast; integer_members.py tells Numba.
"""

from enum import EnumMeta, IntEnum, IntFlag


class CodesMeta(EnumMeta):
    """Marks the class for Numba."""


class Codes(IntEnum, metaclass=CodesMeta):
    """Base of an enum of codes."""


class Flags(IntFlag, metaclass=CodesMeta):
    """Base of an enum of bits."""
