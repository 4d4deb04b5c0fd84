"""Stents: is a metal shell about a lumen told from a ring of calcium, from a short clip and from an open artery?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy import ndimage

from CardiacCTALib.issues import Consequence, Issue, issue
from CardiacCTALib.lumen import Measured, measure_lumen
from CardiacCTALib.patient_findings import _apart
from CardiacCTALib.quality import check_vessels
from CardiacCTALib.scan_model import given_scan
from CardiacCTALib.stenosis import Lesion, find_lesions
from CardiacCTALib.stents import find_stents
from CardiacCTALib.vessel_result import VesselResult
from CardiacCTALib.vessels import Stretch, Vessel
from SenseCarePlanningLib.volume import Volume

VOXEL_MM, LENGTH_MM, LUMEN_MM = 0.3, 34.0, 1.5


def vessel(shell_mm: tuple[float, float], shell_hu: float, along_mm: tuple[float, float], inside_mm: float = LUMEN_MM) -> Volume:
    """A straight artery of 3 mm along z in fat, with a shell between two radii over a stretch, where its lumen has
    ``inside_mm``."""
    axis = (np.arange(50) - 24.5) * VOXEL_MM
    z = np.arange(round(LENGTH_MM / VOXEL_MM)) * VOXEL_MM
    fine = 3
    sub = (np.arange(50 * fine) - (50 * fine - 1) / 2.0) * VOXEL_MM / fine
    away = np.hypot(sub[:, None], sub[None, :])

    def plane(narrow: bool) -> np.ndarray:
        image = np.where(away < LUMEN_MM + 0.6, 60.0, -90.0)
        image[away < (inside_mm if narrow else LUMEN_MM)] = 420.0
        if narrow:
            image[(away >= shell_mm[0]) & (away < shell_mm[1])] = shell_hu
        return image.reshape(50, fine, 50, fine).mean(axis=(1, 3))

    stented = (z >= along_mm[0]) & (z <= along_mm[1])
    volume = np.where(stented[:, None, None], plane(True), plane(False))
    volume = ndimage.gaussian_filter(volume, 0.3 / VOXEL_MM) + np.random.default_rng(7).normal(0.0, 12.0, volume.shape)
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:2, 3] = axis[0]
    return Volume(volume.astype(np.float32), affine)


def measure(volume: Volume) -> Measured:
    line = np.stack([np.zeros(60), np.zeros(60), np.linspace(1.0, LENGTH_MM - 1.5, 60)], axis=1)
    return measure_lumen(volume, line, given_scan(0.31, 12.0, 420.0, volume.grid))


@pytest.fixture(scope="module")
def stented() -> Measured:
    return measure(vessel((LUMEN_MM, LUMEN_MM + 0.15), 6500.0, (10.0, 25.0)))


def test_a_stent_is_seen_with_its_place_and_length(stented: Measured) -> None:
    (stent,) = find_stents(stented)
    assert stent.sure
    assert stent.from_mm == pytest.approx(9.0, abs=1.5)
    assert stent.to_mm == pytest.approx(24.0, abs=1.5)
    assert stent.shell_hu > 1000.0


def test_a_ring_of_calcium_within_a_stenosis_is_not_called_a_stent() -> None:
    found = find_stents(measure(vessel((1.0, 1.5), 1300.0, (10.0, 25.0), inside_mm=1.0)))
    assert [one.sure for one in found] == [False]


@pytest.mark.parametrize(
    ("shell_hu", "along_mm"), [(420.0, (10.0, 25.0)), (6500.0, (14.0, 19.0))], ids=["an open artery", "a clip of 5 mm"]
)
def test_no_stent(shell_hu: float, along_mm: tuple[float, float]) -> None:
    shell = (LUMEN_MM, LUMEN_MM + 0.15) if shell_hu > 1000.0 else (LUMEN_MM - 0.1, LUMEN_MM)
    assert find_stents(measure(vessel(shell, shell_hu, along_mm))) == ()


def test_a_stent_whose_struts_blur_far_below_metal_is_seen() -> None:
    (stent,) = find_stents(measure(vessel((LUMEN_MM, LUMEN_MM + 0.15), 2500.0, (10.0, 25.0))))
    assert stent.sure
    assert stent.shell_hu < 700.0
    assert stent.to_mm - stent.from_mm == pytest.approx(15.0, abs=1.5)


def test_a_thick_ring_of_calcium_on_the_wall_may_be_a_stent_and_is_not_called_one() -> None:
    found = find_stents(measure(vessel((LUMEN_MM, LUMEN_MM + 1.0), 900.0, (10.0, 25.0))))
    assert [one.sure for one in found] == [False]


def test_half_a_ring_is_none() -> None:
    volume = vessel((LUMEN_MM, LUMEN_MM + 0.15), 6500.0, (10.0, 25.0))
    plain = vessel((LUMEN_MM - 0.1, LUMEN_MM), 420.0, (10.0, 25.0))
    array = volume.array_kji.copy()
    array[:, :, 25:] = plain.array_kji[:, :, 25:]
    assert find_stents(measure(Volume(array, volume.affine_ijk_to_lps))) == ()


def test_a_rim_that_a_sharp_kernel_makes_is_no_stent() -> None:
    volume = vessel((LUMEN_MM - 0.1, LUMEN_MM), 420.0, (10.0, 25.0))
    soft = ndimage.gaussian_filter(volume.array_kji, 2.0)
    sharp = volume.array_kji + 0.35 * (volume.array_kji - soft)
    assert [one for one in find_stents(measure(Volume(sharp.astype(np.float32), volume.affine_ijk_to_lps))) if one.sure] == []


def test_a_stenosis_inside_a_stent_is_hidden_with_it(stented: Measured) -> None:
    line, middle = stented.line_lps_mm, len(stented.line_lps_mm) // 2
    hidden = issue(Issue.STENT, Consequence.NOT_ASSESSABLE, "pLAD", point_lps_mm=line[middle], part="pLAD", length="15")
    one = Vessel("LAD", 0, (0,), line, np.full(len(line), 1.5), (Stretch("pLAD", 0.0, 33.0),), (), 0.0)
    result = VesselResult(one, stented, find_lesions(stented))
    near = SimpleNamespace(first=middle + 12, last=middle + 14)
    far = SimpleNamespace(first=middle + 36, last=middle + 38)
    assert [_apart(result, cast("Lesion", lesion), [hidden]) for lesion in (near, far)] == [False, True]


def test_both_segments_that_a_stent_lies_in_cannot_be_assessed_and_others_can(stented: Measured) -> None:
    points = stented.line_lps_mm
    stretches = (Stretch("pLAD", 0.0, 15.0), Stretch("mLAD", 15.0, 24.5), Stretch("dLAD", 24.5, 33.0))
    one = Vessel("LAD", 0, (0,), points, np.full(len(points), 1.5), stretches, (), 0.0)
    result = VesselResult(one, stented, find_lesions(stented))
    found = {item.segments: item for item in check_vessels([result], stented.scan) if item.issue is Issue.STENT}
    assert set(found) == {("pLAD",), ("mLAD",)}
    assert all(item.consequence is Consequence.NOT_ASSESSABLE for item in found.values())
