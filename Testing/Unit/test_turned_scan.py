"""Scans whose slices are oblique to the body are refused at the door; those turned by a pillow, and reordered ones, are read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from CardiacCTALib.pipeline import CoronaryOptions, check_options
from SenseCarePlanningLib.dicomio.chest import check_heart
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.patient_axes import turned_deg, turned_problems
from SenseCarePlanningLib.volume import Volume


def volume(matrix: np.ndarray) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = matrix * 3.0
    return Volume(np.zeros((30, 30, 30), dtype=np.int16), affine)


@pytest.mark.parametrize("degrees", [(25.0, 15.0, 0.0), (0.0, 0.0, 30.0), (14.0, 0.0, 0.0)])
def test_an_oblique_series_is_refused_with_one_sentence(degrees: tuple[float, float, float]) -> None:
    turned = volume(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix())
    (problem,) = turned_problems(turned.grid)
    assert problem in check_heart(turned).problems
    with pytest.raises(InputError) as caught:
        check_options(turned, CoronaryOptions())
    assert caught.value.problems == (problem,)
    assert translator("zh").sentence(problem) != problem


@pytest.mark.parametrize("degrees", [(0.0, 0.0, 0.0), (8.0, 0.0, 0.0), (90.0, 0.0, 0.0), (0.0, 90.0, 180.0), (90.0, 4.0, 3.0)])
def test_a_series_along_the_body_is_read_in_any_order(degrees: tuple[float, float, float]) -> None:
    straight = volume(Rotation.from_euler("xyz", degrees, degrees=True).as_matrix())
    assert turned_deg(straight.grid) < 9.0
    assert turned_problems(straight.grid) == []
