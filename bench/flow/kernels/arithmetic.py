"""Random numbers and functions that give the same bits on every machine.

Only +, -, *, / and moves of bits, whose results are laid down by IEEE 754: the logarithm of one C library differs from
another's in the last bit now and then, and then a seed would not give the same flow everywhere. Real numbers stand in
arrays of int64, by their bits (`real`, `put_real`), because that is what Rows hold. The series are summed in pairs
(G. Estrin, 1960): a processor adds up several at a time, and most of the time here is spent on waiting for them.
"""

import math

import numpy as np

from engine_core.jit.kernel import hot
from engine_core.jit.rows import Rows

LN_2, ONE_BY_LN_2 = 0.6931471805599453, 1.4426950408889634
LN_2_HIGH, LN_2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10  # together LN_2, the first with few bits
FRACTION_BITS = 52
FRACTION = (1 << FRACTION_BITS) - 1
BIAS = 1023
UNIT = 2.0**-52
SMALLEST_EXPONENT = -700.0


@hot
def real(words: Rows[int], at: int) -> float:
    number: float = np.int64(words[at]).view(np.float64)
    return number


@hot
def put_real(words: Rows[int], at: int, number: float) -> None:
    words[at] = np.float64(number).view(np.int64)


@hot
def log(x: float) -> float:
    """Of a number above 0, to eleven digits: x = m * 2^e, log m = 2 artanh((m - 1) / (m + 1))."""
    bits = np.float64(x).view(np.int64)
    exponent = (bits >> FRACTION_BITS) - BIAS
    m = np.int64((bits & FRACTION) | (BIAS << FRACTION_BITS)).view(np.float64)
    if m > math.sqrt(2):
        m *= 0.5
        exponent += 1
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    z2 = z * z
    series = (1.0 + z * (1.0 / 3.0)) + z2 * (1.0 / 5.0 + z * (1.0 / 7.0))
    series += z2 * z2 * ((1.0 / 9.0 + z * (1.0 / 11.0)) + z2 * (1.0 / 13.0))
    return float(2.0 * s * series + exponent * LN_2)


@hot
def exp(x: float) -> float:
    """To eleven digits: x = k log 2 + r, and the series of e^r."""
    if x < SMALLEST_EXPONENT:
        return 0.0
    k = int(x * ONE_BY_LN_2 + 1024.5) - 1024  # the nearest whole number: what is converted is never below 0
    r = (x - k * LN_2_HIGH) - k * LN_2_LOW
    r2 = r * r
    r4 = r2 * r2
    series = (1.0 + r) + r2 * (0.5 + r * (1.0 / 6.0))
    series += r4 * ((1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * (1.0 / 720.0 + r * (1.0 / 5040.0)))
    series += r4 * r4 * (1.0 / 40320.0 + r * (1.0 / 362880.0))
    return float(series * np.int64((k + BIAS) << FRACTION_BITS).view(np.float64))


@hot
def power(x: float, exponent: float) -> float:
    return exp(exponent * log(x))


@hot
def _rotated(x: int, by: int) -> int:
    return (x << by) | ((x >> (64 - by)) & ((1 << by) - 1))


@hot
def draw_bits(random: Rows[int]) -> int:
    """xoshiro256++ (D. Blackman, S. Vigna: Scrambled linear pseudorandom number generators, 2021)."""
    a, b, c, d = random[0], random[1], random[2], random[3]
    result = _rotated(a + d, 23) + a
    c ^= a
    d ^= b
    random[1] = b ^ c
    random[0] = a ^ d
    random[2] = c ^ (b << 17)
    random[3] = _rotated(d, 45)
    return result


@hot
def draw(random: Rows[int]) -> float:
    """Uniform, above 0 and below 1."""
    return float(((draw_bits(random) >> 12) & FRACTION) * UNIT + 0.5 * UNIT)


@hot
def draw_exponential(random: Rows[int]) -> float:
    """With mean 1."""
    return -log(draw(random))


@hot
def normal_of(u: float) -> float:
    """The quantile of the normal distribution, to seven digits.

    P. J. Acklam's rational approximation; relative error below 1.2e-9."""
    if 0.02425 <= u <= 0.97575:
        q = u - 0.5
        r = q * q
        above = -3.969683028665376e01 * r + 2.209460984245205e02
        above = ((above * r - 2.759285104469687e02) * r + 1.383577518672690e02) * r - 3.066479806614716e01
        below = -5.447609879822406e01 * r + 1.615858368580409e02
        below = ((below * r - 1.556989798598866e02) * r + 6.680131188771972e01) * r - 1.328068155288572e01
        return (above * r + 2.506628277459239e00) * q / (below * r + 1.0)
    q = math.sqrt(-2.0 * log(min(u, 1.0 - u)))
    above = -7.784894002430293e-03 * q - 3.223964580411365e-01
    above = ((above * q - 2.400758277161838e00) * q - 2.549732539343734e00) * q + 4.374664141464968e00
    below = 7.784695709041462e-03 * q + 3.224671290700398e-01
    below = (below * q + 2.445134137142996e00) * q + 3.754408661907416e00
    x = (above * q + 2.938163982698783e00) / (below * q + 1.0)
    return x if u < 0.5 else -x
