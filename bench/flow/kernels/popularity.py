"""Zipf's law, and a table from which it is drawn in constant time."""

import numpy as np

from bench.flow.kernels.arithmetic import power
from engine_core.jit.kernel import kernel


@kernel
def zipf(count: int, exponent: float) -> np.ndarray:
    """Shares of the 1st, 2nd, ...: in proportion to n^-exponent, adding up to 1."""
    shares, total = np.empty(count), 0.0
    for at in range(count):
        shares[at] = power(float(at + 1), -exponent)
        total += shares[at]
    return shares / total


@kernel
def alias_table(shares: np.ndarray) -> np.ndarray:
    """M. D. Vose, 1991: for each row the chance to stay in it, as the bits of a real number, and else which row."""
    count = shares.size
    stays, other = shares * count, np.arange(count)
    waiting, low, high = np.empty(count, np.int64), 0, count
    for at in range(count):  # those with less than their row from the front, the others from the back
        if stays[at] < 1.0:
            waiting[low] = at
            low += 1
        else:
            high -= 1
            waiting[high] = at
    while low > 0 and high < count:
        small, large = waiting[low - 1], waiting[high]
        other[small] = large
        stays[large] -= 1.0 - stays[small]
        low -= 1
        if stays[large] < 1.0:
            high += 1
            waiting[low] = large
            low += 1
    words = np.empty(2 * count, np.int64)
    for at in range(count):
        full = other[at] == at  # also what rounding left over
        words[2 * at] = np.float64(1.0 if full else stays[at]).view(np.int64)
        words[2 * at + 1] = other[at]
    return words
