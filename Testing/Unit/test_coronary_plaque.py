"""Plaque of a coronary artery against digital vessels whose plaque is exact by tissue."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Benchmarks"))

from coronary_plaque_tube import PlaqueSpec, PlaqueTube, make_plaque_tube, true_walls

from CardiacCTALib.findings import Feature
from CardiacCTALib.high_risk import (
    Answer,
    HighRiskFeature,
    doubtful_features,
    high_risk_answer,
    is_high_risk,
    present_features,
)
from CardiacCTALib.lumen import Measured, measure_lumen
from CardiacCTALib.plaque import LesionPlaque, analyse_plaque, plaque_wall, vessel_plaque
from CardiacCTALib.plaque_region import plaque_region, without_origin
from CardiacCTALib.plaque_ring import ring_of
from CardiacCTALib.scan_model import measure_scan
from CardiacCTALib.stenosis import find_lesions
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec

SHORT = PlaqueSpec(length_mm=30.0, at_mm=15.0, start_mm=3.4, end_mm=3.0, noise_hu=25.0, seed=3)


def vessel(percent: float, kind: Composition, **changes: object) -> tuple[PlaqueTube, Measured]:
    """One lesion of 10 mm, remodelled by 1.2, and the walls fitted to it."""
    lesion = LesionSpec(1, percent, kind, remodelling=1.2, eccentric=True)
    tube = make_plaque_tube(replace(SHORT, lesion=lesion, **changes))  # type: ignore[arg-type]
    return tube, measure_lumen(tube.volume, tube.points_lps_mm, measure_scan(tube.volume, tube.aorta_kji))


@pytest.fixture(scope="module")
def lipid() -> tuple[PlaqueTube, Measured]:
    return vessel(65.0, Composition.LIPID, core_hu=5.0)


def test_the_outer_wall_passes_behind_a_dark_core(lipid: tuple[PlaqueTube, Measured]) -> None:
    tube, measured = lipid
    walls, _ = true_walls(tube, measured)
    middle = np.abs(walls.arc_mm - 15.0) < 4.0
    error = measured.walls.outer_diameter_mm - walls.outer_diameter_mm
    assert abs(error[middle].mean()) < 0.2
    assert np.abs(error[middle]).max() < 0.5


@pytest.fixture(scope="module")
def napkin() -> tuple[PlaqueTube, Measured]:
    return vessel(65.0, Composition.NAPKIN_RING, core_hu=5.0, noise_hu=20.0, start_mm=4.0, end_mm=3.8)


def plaque_of(measured: Measured) -> LesionPlaque:
    (lesion,) = find_lesions(measured).lesions
    return analyse_plaque(measured, lesion)


def true_mm3(tube: PlaqueTube, *names: str) -> float:
    return sum(tube.truth.lesions[0].volumes_mm3[name] for name in names)


def answers(plaque: LesionPlaque) -> dict[Feature, Answer]:
    return {one.feature: one.answer for one in plaque.features}


def test_the_volume_between_true_walls_is_that_of_the_plaque_on_a_bent_line(lipid: tuple[PlaqueTube, Measured]) -> None:
    tube, measured = lipid
    walls, normal = true_walls(tube, measured)
    assert vessel_plaque(measured, walls).total == pytest.approx(true_mm3(tube, "plaque", "lipid"), rel=0.05)
    region = plaque_region(measured, measured.walls)
    assert np.abs(region.normal_mm - normal).max() < 0.06
    away = np.abs(walls.arc_mm - 15.0) > 6.0
    assert not region.diseased[away].any()


def test_places_of_a_ring_add_up_to_its_volume_on_a_bent_line(lipid: tuple[PlaqueTube, Measured]) -> None:
    _, measured = lipid
    ring, region = ring_of(measured, measured.walls), plaque_region(measured, measured.walls)
    eccentric = np.abs(measured.walls.arc_mm - 15.0) < 4.0
    swept = (ring.share * ring.swept).sum(axis=1)[eccentric].sum() * ring.place_mm3
    wanted = (region.vessel_mm2 - region.lumen_mm2)[eccentric].sum() * region.step_mm
    assert swept == pytest.approx(wanted, rel=0.02)
    assert ring.share[eccentric].sum() * ring.place_mm3 > 1.05 * wanted


def test_a_lipid_core_is_low_attenuation_and_no_napkin_ring(lipid: tuple[PlaqueTube, Measured]) -> None:
    tube, measured = lipid
    plaque = plaque_of(measured)
    total, dark = plaque.volumes.estimate("total"), plaque.volumes.estimate("low_attenuation")
    assert total is not None
    assert dark is not None
    assert total.value == pytest.approx(true_mm3(tube, "plaque", "lipid"), rel=0.15)
    assert total.low < true_mm3(tube, "plaque", "lipid") < total.high
    assert dark.low < true_mm3(tube, "lipid") < dark.high
    assert answers(plaque)[Feature.LOW_ATTENUATION] is Answer.YES
    assert answers(plaque)[Feature.NAPKIN_RING] is not Answer.YES
    assert answers(plaque)[Feature.SPOTTY_CALCIUM] is Answer.NO


@pytest.mark.parametrize(
    ("noise_hu", "said"),
    [
        (25.0, "no dark core of N mm3 or more"),
        (
            35.0,
            "the noise of this scan hides dark cores of less than N mm3, and this plaque of N mm3 can hold one of N mm3 at most",
        ),
        (60.0, "the noise of this scan hides dark cores of any size in this plaque of N mm3"),
    ],
)
def test_where_no_core_is_seen_it_is_said_what_the_noise_hides(
    thick_and_thin: list[Measured], noise_hu: float, said: str
) -> None:
    thick, thin = (replace(one, scan=replace(one.scan, noise_hu=noise_hu)) for one in thick_and_thin)
    for one, words in ((thick, said), (thin, "this plaque of N mm3 is too thin to show a core" if noise_hu < 30.0 else said)):
        dark = next(sign for sign in plaque_of(one).features if sign.feature is Feature.LOW_ATTENUATION)
        assert re.sub(r"\b\d+", "N", dark.evidence.partition("; ")[0]) == words
        assert dark.answer is Answer.NOT_CERTAIN
        assert not re.search("[a-z]{3}", translator("zh").sentence(dark.evidence)), "in Chinese too"


@pytest.fixture(scope="module")
def thick_and_thin() -> list[Measured]:
    """Fibrous plaques without a core: a thick one on one side, and a thin one all round."""
    specs = (
        LesionSpec(1, 65.0, Composition.FIBROUS, remodelling=1.2, eccentric=True),
        LesionSpec(1, 35.0, Composition.FIBROUS, remodelling=1.1, eccentric=False),
    )
    tubes = [make_plaque_tube(replace(SHORT, lesion=one)) for one in specs]
    return [measure_lumen(one.volume, one.points_lps_mm, measure_scan(one.volume, one.aorta_kji)) for one in tubes]


def test_a_napkin_ring_has_a_bright_rim(napkin: tuple[PlaqueTube, Measured]) -> None:
    plaque = plaque_of(napkin[1])
    assert answers(plaque)[Feature.NAPKIN_RING] is Answer.YES
    assert Feature.LOW_ATTENUATION in present_features(plaque.features)
    assert is_high_risk(plaque.features)


def test_calcium_does_not_bloom_into_its_volume() -> None:
    tube, measured = vessel(40.0, Composition.CALCIFIED, calcium_hu=1000.0, calcium_arc_deg=120.0)
    hard = plaque_of(measured).volumes.estimate("calcified")
    assert hard is not None
    assert hard.value == pytest.approx(true_mm3(tube, "calcium"), rel=0.2)
    assert hard.low < true_mm3(tube, "calcium") < hard.high


def test_a_spot_of_calcium_is_spotty() -> None:
    plaque = plaque_of(vessel(50.0, Composition.SPOTTY, calcium_hu=1100.0)[1])
    assert answers(plaque)[Feature.SPOTTY_CALCIUM] is Answer.YES


@pytest.mark.parametrize(("lumen_hu", "answer"), [(350.0, Answer.NO), (520.0, Answer.NOT_CERTAIN), (750.0, Answer.NOT_CERTAIN)])
def test_bright_contrast_hides_spots_of_calcium_and_that_is_said(
    thick_and_thin: list[Measured], lumen_hu: float, answer: Answer
) -> None:
    one = replace(thick_and_thin[0], scan=replace(thick_and_thin[0].scan, lumen_hu=lumen_hu))
    spots = next(sign for sign in plaque_of(one).features if sign.feature is Feature.SPOTTY_CALCIUM)
    assert spots.answer is answer
    assert f"beside contrast of {lumen_hu:.0f} HU" in spots.evidence
    assert not re.search("[a-z]{3}", translator("zh").sentence(spots.evidence)), "in Chinese too"


@pytest.mark.parametrize(
    ("present", "certain", "wanted"),
    [
        (True, True, Answer.YES),
        (True, False, Answer.NOT_CERTAIN),
        (False, True, Answer.NO),
        (False, False, Answer.NOT_CERTAIN),
        (None, False, Answer.NOT_CERTAIN),
    ],
)
def test_only_signs_beyond_doubt_count(present: bool | None, certain: bool, wanted: Answer) -> None:
    sign = HighRiskFeature(Feature.NAPKIN_RING, present, certain, "", None)
    sure = HighRiskFeature(Feature.LOW_ATTENUATION, True, True, "", None)
    assert sign.answer is wanted
    assert (sign.feature in present_features((sign,))) is (wanted is Answer.YES)
    assert (sign.feature in doubtful_features((sign,))) is (present is True and not certain)
    assert is_high_risk((sign, sure)) is (wanted is Answer.YES)
    assert high_risk_answer((sign, sure)) is wanted
    assert high_risk_answer((sign,)) is Answer.NO


def test_plaque_without_narrowing_is_listed_and_a_healthy_vessel_has_none() -> None:
    grown = find_lesions(vessel(5.0, Composition.SOFT)[1]).lesions
    assert len(grown) == 1
    assert grown[0].narrowings[0].diameter_stenosis_percent.value < 20.0
    healthy = make_plaque_tube(replace(SHORT, end_mm=2.0, side_at_mm=14.0, side_mm=2.0))
    measured = measure_lumen(healthy.volume, healthy.points_lps_mm, measure_scan(healthy.volume, healthy.aorta_kji))
    assert find_lesions(measured, healthy.bifurcations).lesions == ()
    assert plaque_wall(measured, measured.walls).region.diseased.sum() == 0


@pytest.mark.parametrize(
    ("sections", "calcium", "kept"),
    [((0, 6), None, False), ((0, 9), None, True), ((0, 6), 3, True), ((2, 6), None, True)],
    ids=["the wall it leaves", "an ostial plaque", "calcium", "behind a healthy section"],
)
def test_the_wall_that_an_artery_leaves_is_no_plaque(sections: tuple[int, int], calcium: int | None, kept: bool) -> None:
    arc, diseased, calcified = 0.4 * np.arange(60), np.zeros(60, dtype=bool), np.zeros(60, dtype=bool)
    diseased[slice(*sections)] = diseased[30:40] = True
    if calcium is not None:
        calcified[calcium] = True
    found = without_origin(diseased, arc, calcified)
    assert found[slice(*sections)].all() == kept
    assert found[30:40].all()
