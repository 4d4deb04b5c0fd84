"""Head and foot, right and left are read off the anatomy; a series that contradicts it is refused or warned of."""

from __future__ import annotations

import numpy as np
import pytest

from LungAirwayLib.lungs import coarse_trunk, separate_lungs, survey
from LungAirwayLib.orientation import UPSIDE_DOWN
from LungAirwayLib.report_pages.words import Words
from LungAirwayLib.sides import heart_to_left_mm
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.phantom.thorax import ThoraxOptions, make_thorax, scan
from SenseCarePlanningLib.volume import LabelMap, Volume

SPACING_MM = (2.4, 2.4, 2.4)


@pytest.fixture(scope="module", params=[0, 3])
def chest(request: pytest.FixtureRequest) -> Volume:
    """A digital patient at the spacing at which lungs and windpipe are looked for."""
    options = ThoraxOptions(seed=request.param, generations=9, spacing_mm=SPACING_MM)
    return scan(make_thorax(options), Scanner(spacing_mm=SPACING_MM, seed=request.param)).volume


def lungs_of(volume: Volume) -> LabelMap:
    found = survey(volume.array_kji, SPACING_MM)
    return LabelMap(separate_lungs(found, coarse_trunk(found)), volume.affine_ijk_to_lps)


def test_a_chest_that_stands_as_it_should_passes_and_its_heart_is_on_the_left(chest: Volume) -> None:
    offset_mm = heart_to_left_mm(lungs_of(chest))
    assert offset_mm is not None
    assert 5.0 < offset_mm < 15.0


def test_the_heart_of_a_mirrored_chest_is_on_the_right(chest: Volume) -> None:
    right_mm = heart_to_left_mm(lungs_of(Volume(np.ascontiguousarray(chest.array_kji[:, :, ::-1]), chest.affine_ijk_to_lps)))
    assert right_mm is not None
    assert -15.0 < right_mm < -5.0


def test_a_chest_upside_down_is_refused_in_one_sentence(chest: Volume) -> None:
    with pytest.raises(InputError, match="upside down") as caught:
        survey(chest.array_kji[::-1], SPACING_MM)
    assert caught.value.exit_code == 2
    assert "头足颠倒" in Words.of("zh").sentence(UPSIDE_DOWN)


def test_a_chest_cut_below_the_neck_is_not_taken_for_one_upside_down(chest: Volume) -> None:
    survey(chest.array_kji[: int(0.8 * len(chest.array_kji))], SPACING_MM)


def test_lungs_that_do_not_face_each_other_have_no_middle() -> None:
    one = np.zeros((20, 20, 20), dtype=np.uint8)
    assert heart_to_left_mm(LabelMap(one, np.eye(4))) is None
    one[3:17, 3:17, 3:8] = 1
    assert heart_to_left_mm(LabelMap(one, np.eye(4))) is None
