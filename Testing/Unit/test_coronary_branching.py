"""What the healthy width rests on where branchings leave little artery of its own around a lesion, as in a left main."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_tube import TubeSpec, make_tube

from CardiacCTALib.branching import Bifurcation, expected_steps, sides_beside
from CardiacCTALib.lumen import Measured, measure_lumen
from CardiacCTALib.plaque import analyse_plaque, plaque_wall
from CardiacCTALib.reference import adjacent_reference, taper_reference
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.stenosis import Lesion, find_lesions

SPEC = TubeSpec(
    length_mm=32.0, lesion_at_mm=16.0, lesion_length_mm=9.0, voxel_mm=0.42, noise_hu=24.0, seed=7,
    stenosis=0.5, remodelling=1.2, eccentric=0.5,
)  # fmt: skip
BEFORE, BEHIND = Bifurcation(10.5, 3.4, 2.2), Bifurcation(21.5, 3.4, 2.2)
"""Around the lesion, so that nothing of its own stretch is healthy."""


@pytest.fixture(scope="module")
def measured() -> Measured:
    """A stenosis of 50 %, soft plaque, remodelled by 1.2, from 11.5 to 20.5 mm."""
    tube = make_tube(SPEC)
    return measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))


@pytest.fixture(scope="module")
def lesion(measured: Measured) -> Lesion:
    """Its only lesion."""
    (found,) = find_lesions(measured).lesions
    return found


@pytest.mark.parametrize("power", [7 / 3, 3.0])
@pytest.mark.parametrize("mother", [4.5, 2.0])
def test_the_law_is_reckoned_from_the_healthy_vessels_behind_a_branching_however_narrow_the_mother_is(
    power: float, mother: float
) -> None:
    arc = np.arange(0.0, 30.0, 0.4)
    diameter = np.where(arc < 12.0, mother, 3.5)
    (step,) = expected_steps(arc, diameter, arc > 14.0, [Bifurcation(12.0, mother, 3.3)])
    true = (3.5**power + 3.3**power) ** (1 / power) - 3.5
    assert abs(step.step_mm - true) < step.step_sd_mm
    assert step.step_sd_mm < 0.4


def test_a_trifurcation_asks_for_more_than_either_of_its_branches() -> None:
    arc = np.arange(0.0, 30.0, 0.4)
    diameter = np.where(arc < 12.0, 4.6, 3.3)
    forks = [Bifurcation(12.0, 4.6, 3.0), Bifurcation(12.0, 4.6, 2.2)]
    steps = expected_steps(arc, diameter, arc > 14.0, forks)
    sums = [(3.3**power + 3.0**power + 2.2**power) ** (1 / power) - 3.3 for power in (7 / 3, 3.0)]
    assert min(sums) - 0.1 < sum(one.step_mm for one in steps) < max(sums) + 0.1


def test_healthy_sections_of_the_own_stretch_go_before_any_beyond_a_branching() -> None:
    arc = np.arange(0.0, 30.0, 0.4)
    fair = (arc > 8.5) & (arc < 9.5) | (arc > 14.0)
    steps = expected_steps(arc, np.where(arc < 12.0, 4.5, 3.6), fair, [Bifurcation(12.0, 4.5, 3.4)])
    lesion = (3, 10, 18)
    (own,) = sides_beside(arc, (fair,), steps, lesion, 4.0)
    assert own.scale == 1.0 and own.scale_sd == 0.0 and arc[own.sections].max() < 9.5
    (beyond,) = sides_beside(arc, (arc > 14.0,), steps, lesion, 4.0)
    assert beyond.scale == pytest.approx(4.5 / 3.6, abs=2.0 * beyond.scale_sd) and beyond.scale_sd > 0.05


def test_a_short_stretch_takes_its_width_from_its_own_shoulder_not_from_the_law(measured: Measured) -> None:
    """A left main with a millimetre or two of healthy artery; the law asks for much more than that is wide."""
    arc = measured.walls.arc_mm
    true = np.where(arc < 25.5, 4.4, 3.5)
    throat = np.clip(1.0 - ((arc - 16.0) / 4.5) ** 2, 0.0, 1.0)
    shifted = replace(measured, visible=measured.visible & (arc > 11.5))
    fork = Bifurcation(25.5, 4.4, 3.9)
    healthy = taper_reference(shifted, [fork], true * (1.0 - 0.6 * throat))
    at = int(np.abs(arc - 16.0).argmin())
    assert healthy.healthy_mm[at] == pytest.approx(4.4, abs=0.2)
    assert abs(healthy.healthy_mm[at] - 4.4) < 1.96 * healthy.misfit_mm[at]


def test_a_stretch_without_healthy_sections_says_how_little_the_law_knows(measured: Measured, lesion: Lesion) -> None:
    arc, at = measured.walls.arc_mm, lesion.narrowest
    law = (3.0 ** (7 / 3) + 2.2 ** (7 / 3)) ** (3 / 7)
    diameter = np.where(arc < 10.5, law, np.where(arc < 21.5, 3.0, 2.5)) * np.where((arc > 11.5) & (arc < 20.5), 0.5, 1.0)
    for healthy in (
        taper_reference(measured, [BEFORE, BEHIND], diameter),
        adjacent_reference(measured, [(lesion.first, lesion.last)], [BEFORE, BEHIND], diameter),
    ):
        assert abs(healthy.healthy_mm[at] - 3.0) < 1.96 * healthy.misfit_mm[at] < 0.8


def test_a_sign_of_remodelling_that_rests_on_the_law_alone_is_not_certain(measured: Measured, lesion: Lesion) -> None:
    alone = analyse_plaque(measured, lesion).remodelling
    forks = (BEFORE, BEHIND)
    carried = analyse_plaque(measured, lesion, wall=plaque_wall(measured, measured.walls, bifurcations=forks)).remodelling
    assert alone is not None and alone.certain and alone.positive
    assert carried is not None and not carried.certain
    assert carried.index.low < 1.2 < carried.index.high


def test_no_interval_has_no_width_where_the_artery_is_wider_than_its_reference(measured: Measured) -> None:
    walls, inside = measured.walls, ((measured.walls.arc_mm > 11.0) & (measured.walls.arc_mm < 21.0))[:, None]
    lumen = np.where(inside, 1.03 * walls.lumen_mm[:20].mean(), walls.lumen_mm)
    outer = np.where(inside, lumen + 1.1, walls.outer_mm)
    (lesion,) = find_lesions(measured, walls=replace(walls, lumen_mm=lumen, outer_mm=outer)).lesions
    percents = [one.diameter_stenosis_percent for one in lesion.narrowings]
    assert min(one.value for one in percents) == 0.0
    assert all(one.low == 0.0 and one.high > 1.0 for one in percents if one.value == 0.0)
