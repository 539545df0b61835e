"""What tells linear work from quadratic has to tell them apart, whatever else adds to its times."""

import random

import pytest

from tests.growth import assert_growth


def test_linear_work_beside_others_passes() -> None:
    others = random.Random(1)
    assert_growth(lambda size: size + others.choice((0, 0, 50_000)), 1_000, 4_000, 8)


def test_quadratic_work_never_does() -> None:
    others = random.Random(1)
    with pytest.raises(AssertionError, match="over 8 times"):
        assert_growth(lambda size: size**2 + others.choice((0, 0, 50_000)), 1_000, 4_000, 8)
