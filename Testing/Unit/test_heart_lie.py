"""Hearts that lie as in a mirror or upside down are told; hearts that lie right are let through."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCTALib.atlas_fit import fit_heart
from CardiacCTALib.heart_lie import check_lie
from CardiacCTALib.heart_region import find_heart
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_scan import coronary_scanner, scan_coronary
from SenseCarePlanningLib.volume import Volume


@pytest.fixture(scope="module")
def coarse() -> Volume:
    """A whole heart in large voxels: cheap to scan."""
    return scan_coronary(make_coronary_patient(CoronaryOptions(seed=3)), coronary_scanner(100, 2.0)).volume


@pytest.mark.parametrize(
    ("swap", "said"),
    [((1, 1, 1), None), ((-1, 1, 1), "as in a mirror"), ((1, -1, -1), "lies upside down and back to front:")],
)
def test_a_heart_that_lies_wrong_is_refused(coarse: Volume, swap: tuple[int, int, int], said: str | None) -> None:
    placed = Volume(coarse.array_kji, np.diag([*swap, 1.0]) @ coarse.affine_ijk_to_lps, "CT", coarse.acquisition)
    region = find_heart(placed)
    fit = fit_heart(region)
    if said is None:
        check_lie(region, fit)
    else:
        with pytest.raises(InputError, match=said):
            check_lie(region, fit)


def test_the_same_scan_has_the_same_chambers_every_time(coarse: Volume) -> None:
    region = find_heart(coarse)
    assert np.array_equal(fit_heart(region).labels, fit_heart(region).labels)
