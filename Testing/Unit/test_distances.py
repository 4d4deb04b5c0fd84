"""Distances computed in a mask's own box are those of the whole array."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SenseCarePlanningLib.distances import depth_in, distance_to

SPACING = (0.5, 0.7, 0.9)


@pytest.fixture(params=["inside", "at the border"])
def mask(request: pytest.FixtureRequest) -> np.ndarray:
    k, j, i = np.indices((40, 36, 32))
    middle = 16.0 if request.param == "inside" else 2.0
    return ((k - 20) * 0.5) ** 2 + ((j - middle) * 0.7) ** 2 + ((i - middle) * 0.9) ** 2 < 5.0**2


def test_the_distance_is_right_as_far_as_is_asked(mask: np.ndarray) -> None:
    whole = ndimage.distance_transform_edt(~mask, sampling=SPACING)
    near = distance_to(mask, SPACING, 3.0)
    assert np.array_equal(near <= 3.0, whole <= 3.0)
    assert np.allclose(near[near <= 3.0], whole[near <= 3.0], atol=1e-5)
    assert (near >= whole - 1e-5).all()


def test_the_depth_is_that_of_the_whole_array(mask: np.ndarray) -> None:
    assert np.allclose(depth_in(mask, SPACING), ndimage.distance_transform_edt(mask, sampling=SPACING), atol=1e-5)


def test_an_empty_mask_is_infinitely_far_and_has_no_depth() -> None:
    nothing = np.zeros((4, 4, 4), dtype=bool)
    assert np.isinf(distance_to(nothing, SPACING, 3.0)).all()
    assert not depth_in(nothing, SPACING).any()
