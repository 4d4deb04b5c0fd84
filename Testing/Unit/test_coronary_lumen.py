"""A coronary artery along a given centreline, against digital tubes whose truth is exact."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_tube import Tube, TubeSpec, make_tube

from CardiacCTALib.branching import Bifurcation
from CardiacCTALib.findings import Feature, Stenosis
from CardiacCTALib.high_risk import is_high_risk, present_features
from CardiacCTALib.lumen import Measured, measure_lumen
from CardiacCTALib.narrowest import find_narrowest, smoothing
from CardiacCTALib.plaque import PlaqueType, analyse_plaque, plaque_map, vessel_plaque
from CardiacCTALib.plaque_ring import ring_of
from CardiacCTALib.reference import taper_reference
from CardiacCTALib.scan_model import given_scan, measure_scan
from CardiacCTALib.stenosis import Estimate, Lesion, find_lesions, finding_of, grades_of
from CardiacCTALib.throat import TEMPERATURE, throat_interval
from CardiacCTALib.wall_edits import edited_walls, regraded
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.tubes.wall_edit import Anchor
from SenseCarePlanningLib.volume import Volume

SHORT = TubeSpec(length_mm=32.0, lesion_at_mm=16.0, lesion_length_mm=9.0, voxel_mm=0.42, noise_hu=24.0, seed=7)


def measured_of(tube: Tube) -> Measured:
    return measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))


@pytest.fixture(scope="module")
def half() -> tuple[Tube, Measured]:
    """A stenosis of 50 %, soft plaque, remodelled by 1.2."""
    tube = make_tube(replaced(stenosis=0.5, remodelling=1.2, eccentric=0.5))
    return tube, measured_of(tube)


def replaced(**changes: float | bool | None) -> TubeSpec:
    return TubeSpec(**{**SHORT.__dict__, **changes})


def only(measured: Measured) -> Lesion:
    lesions = find_lesions(measured).lesions
    assert len(lesions) == 1
    return lesions[0]


def test_sharpness_noise_and_level_are_those_of_the_scan(half: tuple[Tube, Measured]) -> None:
    tube, measured = half
    # a voxel averages over its width, which is part of the blur
    wanted = np.hypot(tube.spec.psf_sigma_mm, tube.spec.voxel_mm / np.sqrt(12.0))
    assert measured.scan.sigma_mm == pytest.approx(wanted, rel=0.05)
    assert measured.scan.noise_hu == pytest.approx(tube.spec.noise_hu, rel=0.1)
    assert measured.scan.lumen_hu == pytest.approx(tube.spec.lumen_hu, abs=6.0)


def test_diameters_have_no_bias_and_their_errors_are_as_told(half: tuple[Tube, Measured]) -> None:
    tube, measured = half
    walls = measured.walls
    error = (walls.diameter_mm - np.interp(walls.arc_mm, tube.arc_mm, tube.lumen_mm))[5:-5]
    told = np.sqrt(np.diag(measured.covariance_mm2))[5:-5]
    assert abs(error.mean()) < 0.05
    assert error.std() < 0.08
    assert (np.abs(error) < 1.96 * told).mean() > 0.9
    outer = (walls.outer_diameter_mm - np.interp(walls.arc_mm, tube.arc_mm, tube.outer_mm))[5:-5]
    assert abs(outer.mean()) < 0.1


def test_the_stenosis_its_place_and_its_interval(half: tuple[Tube, Measured]) -> None:
    lesion = only(half[1])
    first = lesion.narrowings[0].diameter_stenosis_percent
    assert first.value == pytest.approx(50.0, abs=5.0)
    assert first.low <= 50.0 <= first.high
    assert lesion.narrowings[1].diameter_stenosis_percent.value == pytest.approx(50.0, abs=6.0)
    area = lesion.narrowings[0].area_stenosis_percent
    assert area.value == pytest.approx(100.0 * (1.0 - (1.0 - first.value / 100.0) ** 2), abs=0.1)
    assert lesion.distance_mm == pytest.approx(16.0, abs=1.5)
    assert lesion.grades == ("2", "3")
    assert lesion.grade_words == "2 or 3, not certain"
    assert not lesion.occluded
    assert finding_of(lesion) == Stenosis(first.value, (first.low, first.high))


def test_plaque_and_remodelling(half: tuple[Tube, Measured]) -> None:
    tube, measured = half
    plaque = analyse_plaque(measured, only(measured))
    assert tube.plaque_mm3 > 20.0
    assert plaque.volumes.total == pytest.approx(tube.plaque_mm3, rel=0.15)
    assert vessel_plaque(measured).total == pytest.approx(plaque.volumes.total, rel=0.1)
    assert plaque.volumes.kind is PlaqueType.NON_CALCIFIED
    assert plaque.volumes.by_bin[1][1] > 0.9 * plaque.volumes.total
    assert plaque.remodelling is not None
    assert plaque.remodelling.index.value == pytest.approx(1.2, abs=0.05)
    assert present_features(plaque.features) == {Feature.POSITIVE_REMODELLING}
    assert not is_high_risk(plaque.features)
    assert plaque.facts.kvp == 120.0


def test_a_hand_moves_the_wall_and_the_stenosis_follows(half: tuple[Tube, Measured]) -> None:
    measured = half[1]
    lesion = only(measured)
    walls = measured.walls
    at = float(walls.arc_mm[lesion.narrowest])
    narrow = edited_walls(walls, [Anchor(at, turn, 0.35) for turn in (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)])
    after = regraded(measured, narrow).lesions[0].narrowings[0].diameter_stenosis_percent.value
    assert after > lesion.narrowings[0].diameter_stenosis_percent.value + 10.0
    outside = edited_walls(walls, [Anchor(at, 0.0, 4.0)])
    assert (outside.outer_mm >= outside.lumen_mm).all()


@pytest.mark.parametrize("plaque_hu", [115.0, 25.0])
def test_the_outer_edge_is_that_of_the_arterys_own_wall_behind_plaque(plaque_hu: float) -> None:
    tube = make_tube(replaced(start_mm=3.8, end_mm=3.6, stenosis=0.5, remodelling=1.2, plaque_hu=plaque_hu, plateau=0.6))
    measured = measured_of(tube)
    walls = measured.walls
    true = np.interp(walls.arc_mm, tube.arc_mm, tube.outer_mm)
    within = np.abs(walls.arc_mm - tube.spec.lesion_at_mm) < 2.0
    assert (walls.outer_diameter_mm - true)[within].mean() == pytest.approx(0.0, abs=0.15)
    volumes = [analyse_plaque(measured, one).volumes for one in find_lesions(measured).lesions]
    assert sum(one.total for one in volumes) == pytest.approx(tube.plaque_mm3, rel=0.1)


def test_the_wall_opposite_an_eccentric_lumen_is_found_beyond_the_usual_section() -> None:
    """A wide artery on muscle: the lumen at one side, the wall opposite 5 mm away, which was once drawn through the plaque."""
    tube = make_tube(
        replaced(
            start_mm=4.4, end_mm=4.2, stenosis=0.85, lesion_length_mm=12.0, eccentric=1.0, remodelling=1.2, muscle_side=True,
            line_in_lumen=True,
        )
    )  # fmt: skip
    measured = measured_of(tube)
    plaque = analyse_plaque(measured, only(measured))
    assert measured.options.reach_mm > 5.0
    assert plaque.volumes.total == pytest.approx(tube.plaque_mm3, rel=0.15)
    assert plaque.remodelling is not None
    assert plaque.remodelling.index.value == pytest.approx(1.2, abs=0.05)


def test_the_wall_unrolled_is_thick_where_the_plaque_is(half: tuple[Tube, Measured]) -> None:
    measured = half[1]
    unrolled = plaque_map(measured, measured.walls, ring_of(measured, measured.walls))
    in_lesion = np.abs(unrolled.arc_mm - 16.0) < 1.5
    healthy = (unrolled.arc_mm > 3.0) & (unrolled.arc_mm < 9.0)
    assert unrolled.thickness_mm[in_lesion].mean() > 2.0 * unrolled.thickness_mm[healthy].mean()
    assert np.nanmean(unrolled.mean_hu[in_lesion]) == pytest.approx(60.0, abs=12.0)
    assert not unrolled.calcium.any()


def test_healthy_arteries_have_no_lesion() -> None:
    assert find_lesions(measured_of(make_tube(replaced(stenosis=0.0, remodelling=1.0)))).lesions == ()


def test_an_occlusion_is_supported_and_a_subtotal_stenosis_is_none() -> None:
    wide = replaced(start_mm=3.8, end_mm=3.4, stenosis=1.0, plateau=0.6, lesion_length_mm=14.0, noise_hu=6.0)
    closed = only(measured_of(make_tube(wide)))
    assert closed.occluded
    assert closed.grades == ("5",)
    assert closed.mld_mm.value == 0.0
    nearly = only(measured_of(make_tube(replaced(stenosis=0.84, plateau=0.4))))
    assert not nearly.occluded
    assert "4A" in nearly.grades
    assert nearly.narrowings[0].diameter_stenosis_percent.value == pytest.approx(84.0, abs=6.0)


def test_what_noise_leaves_undecided_stays_undecided() -> None:
    for stenosis, occluded, remark in ((1.0, True, "cannot be excluded"), (0.93, False, "neither")):
        lesion = only(measured_of(make_tube(replaced(stenosis=stenosis, plateau=0.4))))
        assert lesion.occluded == occluded
        assert lesion.grades == ("4A", "5")
        assert lesion.narrowings[0].diameter_stenosis_percent.high == 100.0
        assert any(remark in one for one in lesion.remarks)


@pytest.mark.parametrize(
    ("hu", "arc", "thick", "gap", "stenosis"),
    [(724.0, 81.0, 1.07, 0.24, 0.85), (1030.0, 75.0, 0.5, 0.1, 0.74), (1000.0, 120.0, 0.8, 0.0, 0.6)],
)
def test_calcium_no_brighter_than_contrast_is_not_taken_for_lumen(
    hu: float, arc: float, thick: float, gap: float, stenosis: float
) -> None:
    # thinner than the blur, such plates are seen as bright as the lumen beside them
    lesion = only(
        measured_of(
            make_tube(
                replaced(
                    stenosis=stenosis, calcium_hu=hu, calcium_arc_deg=arc, calcium_mm=thick, calcium_gap_mm=gap, eccentric=0.5,
                    remodelling=1.1, calcium_length_mm=5.0,
                )
            )
        )
    )  # fmt: skip
    percent = lesion.narrowings[0].diameter_stenosis_percent
    assert percent.low <= 100.0 * stenosis <= percent.high
    assert percent.value == pytest.approx(100.0 * stenosis, abs=12.0)
    assert lesion.calcium_arc_deg > 0.0


def test_an_interval_is_as_wide_as_the_answers_that_explain_the_scan() -> None:
    found, spread = np.array([1.0, 2.0, 0.6]), np.full(3, 0.1)
    alone = throat_interval(found, spread, np.array([0.0, 60.0, 60.0]), np.array([False, False, True]))
    assert alone.low_mm == pytest.approx(1.0 - 1.96 * 0.1 * TEMPERATURE**0.5, abs=0.02)
    assert alone.high_mm == pytest.approx(1.0 + 1.96 * 0.1 * TEMPERATURE**0.5, abs=0.02)
    either = throat_interval(found, spread, np.array([0.0, 1.0, 60.0]), np.array([False, False, True]))
    assert either.low_mm == pytest.approx(alone.low_mm, abs=0.1)
    assert either.high_mm > 2.0
    held = throat_interval(found, spread, np.array([0.0, 60.0, 2.0]), np.array([False, False, True]))
    assert held.low_mm < 0.65


def test_calcium_is_flagged_and_does_not_hide_the_stenosis() -> None:
    tube = make_tube(replaced(stenosis=0.5, calcium_hu=850.0, calcium_arc_deg=100.0, calcium_length_mm=5.0, remodelling=1.2))
    lesion = only(measured_of(tube))
    assert lesion.calcium_arc_deg >= 60.0
    assert any("Calcium" in one for one in lesion.remarks)
    assert lesion.narrowings[0].diameter_stenosis_percent.value == pytest.approx(50.0, abs=12.0)


def test_a_lipid_core_is_dark_and_high_risk_with_remodelling() -> None:
    measured = measured_of(make_tube(replaced(stenosis=0.5, remodelling=1.4, plaque_hu=90.0, core_hu=0.0, eccentric=0.9)))
    features = analyse_plaque(measured, only(measured)).features
    assert present_features(features) == {Feature.LOW_ATTENUATION, Feature.POSITIVE_REMODELLING}
    assert is_high_risk(features)


def test_a_step_at_a_bifurcation_is_no_stenosis(half: tuple[Tube, Measured]) -> None:
    measured = half[1]
    arc = measured.walls.arc_mm
    stepped = np.where(arc < 16.0, 3.4, 2.6)
    place = Bifurcation(16.0, 3.4, 2.6)
    assert place.expected_step_mm == pytest.approx(3.4 - (3.4 ** (7 / 3) - 2.6 ** (7 / 3)) ** (3 / 7), abs=1e-6)
    healthy = taper_reference(measured, [place], stepped).healthy_mm
    assert np.abs(healthy - stepped)[(arc > 3.0) & (arc < 29.0) & (np.abs(arc - 16.0) > 1.0)].max() < 0.12


@pytest.mark.parametrize(
    ("low", "high", "closed", "wanted"),
    [
        (52.0, 66.0, False, ("3",)),
        (61.0, 78.0, False, ("3", "4A")),
        (49.6, 69.4, False, ("3",)),
        (80.0, 99.0, False, ("4A",)),
        (80.0, 100.0, False, ("4A", "5")),
        (0.0, 12.0, False, ("1",)),
        (90.0, 100.0, True, ("5",)),
    ],
)
def test_grades_that_an_interval_leaves(low: float, high: float, closed: bool, wanted: tuple[str, ...]) -> None:
    assert grades_of(Estimate(0.5 * (low + high), low, high), closed) == wanted


def test_smoothing_keeps_a_parabola_and_picking_the_least_is_corrected() -> None:
    place = np.arange(40) * 0.4
    parabola = 1.0 + 0.1 * (place - 8.0) ** 2
    assert np.allclose(smoothing(40, 0.4) @ parabola, parabola)
    random = np.random.default_rng(3)
    found = [
        find_narrowest(1.5 + 0.1 * random.normal(size=40), np.full(40, 3.0), 0.01 * np.eye(40), (5, 34), 0.4).diameter_mm
        for _ in range(40)
    ]
    plain = [(smoothing(40, 0.4) @ (1.5 + 0.1 * random.normal(size=40)))[5:35].min() for _ in range(40)]
    assert abs(np.mean(found) - 1.5) < 0.6 * abs(np.mean(plain) - 1.5)


def test_what_cannot_be_measured_is_refused(half: tuple[Tube, Measured]) -> None:
    tube, measured = half
    with pytest.raises(InputError, match="empty"):
        measure_scan(tube.volume, np.zeros_like(tube.aorta_kji))
    with pytest.raises(InputError, match="too short"):
        measure_lumen(tube.volume, tube.points_lps_mm[:2], measured.scan)
    with pytest.raises(InputError, match="outside the scan"):
        measure_lumen(tube.volume, tube.points_lps_mm + tube.volume.grid.lps_from_ijk([60.0, 60.0, 60.0]), measured.scan)
    flat = Volume(np.full(tube.volume.array_kji.shape, 40, dtype=np.int16), tube.volume.affine_ijk_to_lps)
    with pytest.raises(InputError, match="no clear edge"):
        measure_scan(flat, tube.aorta_kji)
    assert given_scan(0.3, 25.0, 400.0, tube.volume.grid).fwhm_mm == pytest.approx(0.706, abs=0.001)
