"""A heart that the scan cuts: is it said, on which side, and not of a whole heart or of a vessel that leaves the scan?"""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCTALib.issues import Issue
from CardiacCTALib.quality import check_extent
from CardiacCTALib.structures import AORTA, HEART_NAMES, LEFT_VENTRICLE
from SenseCarePlanningLib.volume import LabelMap, Volume

WHOLE = (slice(0, 40), slice(0, 40), slice(0, 40))


def heart(part: tuple[slice, slice, slice] = WHOLE) -> LabelMap:
    """A ball of 50 mm with an aorta that leaves the scan above, in voxels of 2 mm."""
    k, j, i = np.indices((40, 40, 40)) - 19.5
    labels = np.where(k**2 + j**2 + i**2 < 12.5**2, LEFT_VENTRICLE, 0).astype(np.uint8)
    labels[(np.hypot(j, i) < 7.0) & (k > 12)] = AORTA
    return LabelMap(labels[part], np.diag([2.0, 2.0, 2.0, 1.0]), HEART_NAMES)


def test_a_whole_heart_is_not_cut() -> None:
    assert check_extent(heart()) == []


@pytest.mark.parametrize(
    ("part", "side"),
    [
        ((slice(20, 40), slice(0, 40), slice(0, 40)), "below"),
        ((slice(0, 40), slice(0, 20), slice(0, 40)), "behind"),
        ((slice(0, 40), slice(0, 40), slice(20, 40)), "on the right"),
    ],
)
def test_the_side_on_which_the_scan_ends_is_said(part: tuple[slice, slice, slice], side: str) -> None:
    (found,) = check_extent(heart(part))
    assert found.issue is Issue.HEART_CUT
    assert dict(found.values)["sides"] == (side,)
    assert side in found.text


def test_the_last_rows_that_hold_no_whole_block_do_not_hide_the_cut() -> None:
    part = heart((slice(0, 40), slice(0, 40), slice(20, 40)))
    fine = np.repeat(part.array_kji, 2, axis=2)
    fine[..., 0] = 0
    (found,) = check_extent(LabelMap(fine, np.diag([1.0, 2.0, 2.0, 1.0]), HEART_NAMES))
    assert dict(found.values)["sides"] == ("on the right",)


def test_no_heart_is_not_cut() -> None:
    assert check_extent(LabelMap(np.zeros((5, 5, 5), np.uint8), np.eye(4), HEART_NAMES)) == []


@pytest.mark.parametrize(("from_diagonal", "cut"), [(1.0, True), (60.0, False)])
def test_a_heart_cut_obliquely_by_a_filled_corner_is_said(from_diagonal: float, cut: bool) -> None:
    whole = heart()
    k, _, i = np.indices(whole.array_kji.shape) - 19.5
    array = np.where(k + i > from_diagonal, -1024, np.where(whole.array_kji > 0, 400, -80)).astype(np.int16)
    labels = np.where(array == -1024, 0, whole.array_kji).astype(np.uint8)
    found = check_extent(LabelMap(labels, whole.affine_ijk_to_lps, HEART_NAMES), Volume(array, whole.affine_ijk_to_lps))
    assert [dict(one.values)["sides"] for one in found] == ([("at an oblique border",)] if cut else [])
