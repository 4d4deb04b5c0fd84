"""Bypass grafts: is a thin vessel from the ascending aorta to the heart seen, and nothing else taken for one?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from CardiacCTALib.bypass import anastomosis_of, graft_finding, with_bypassed, with_left_main
from CardiacCTALib.cadrads import grade
from CardiacCTALib.cadrads_category import Category
from CardiacCTALib.cadrads_rules import Rule
from CardiacCTALib.chambers import BloodLevels, Chambers
from CardiacCTALib.findings import OPEN, CoronaryFindings, GraftFinding, SegmentFinding
from CardiacCTALib.grafts import claimed, find_graft_paths, without_grafts
from CardiacCTALib.heart_region import CoarseImage
from CardiacCTALib.heart_segmentation import CoronaryOstium, Graft
from CardiacCTALib.labels import CoronaryLabels
from CardiacCTALib.patient_findings import vessel_findings
from CardiacCTALib.segments import Artery, Dominance, expected_segments
from CardiacCTALib.structures import AORTA, HEART_NAMES
from CardiacCTALib.vessel_result import VesselResult
from SenseCarePlanningLib.geometry import FloatArray, arc_length_mm
from SenseCarePlanningLib.i18n import translator
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.tree import Branch, BranchLabel

from .coronary_results import one_lesion

SIZE = 110
NONE = np.empty((0, 3))
OSTIA_TOP_MM = 45.0


def line(*corners: tuple[float, float, float]) -> FloatArray:
    """Points k, j, i mm along straight pieces."""
    return np.concatenate([np.linspace(a, b, 80) for a, b in pairwise(corners)])


DOWN = line((88, 40, 52), (92, 24, 58), (60, 16, 80), (30, 22, 90))
UP = line((92, 40, 52), (100, 30, 60), (109, 20, 90))
SHORT = line((85, 40, 52), (83, 30, 56), (78, 26, 60))
LOW = line((50, 40, 52), (46, 20, 60), (20, 18, 85))
"""A graft; a branch of the arch; a stump; an artery from the sinus."""


def heart(paths: list[FloatArray], radius_mm: float = 2.0, blood_hu: float = 400.0) -> Chambers:
    """An upright aorta of 28 mm in fat, in voxels of 1 mm, and tubes."""
    places = np.stack(np.indices((SIZE, SIZE, SIZE)), axis=-1).astype(float)
    image = np.full((SIZE, SIZE, SIZE), -90.0, dtype=np.float32)
    labels = np.zeros(image.shape, dtype=np.uint8)
    aorta = (np.hypot(places[..., 1] - 54.0, places[..., 2] - 50.0) < 14.0) & (places[..., 0] > 35.0)
    image[aorta], labels[aorta] = 400.0, AORTA
    for path in paths:
        distance, _ = cKDTree(path).query(places.reshape(-1, 3), distance_upper_bound=radius_mm + 2.0)
        share = 1.0 / (1.0 + np.exp((np.minimum(distance, 50.0).reshape(image.shape) - radius_mm) / 0.3))
        image += (share * (blood_hu - image) * ~aorta).astype(np.float32)
    small = CoarseImage(image, (1, 1, 1), (1.0, 1.0, 1.0))
    levels = BloodLevels({label: 400.0 for label in HEART_NAMES}, 90.0)
    whole = (slice(0, SIZE), slice(0, SIZE), slice(0, SIZE))
    return Chambers(whole, small, labels, np.zeros(1, np.float32), np.zeros(1, np.float32), levels)


def test_a_graft_is_seen_along_its_whole_way() -> None:
    found = find_graft_paths(heart([DOWN]), OSTIA_TOP_MM, NONE)
    assert len(found) == 1
    distance, _ = cKDTree(found[0]).query(DOWN[4:-4])
    assert distance.max() < 3.0
    assert arc_length_mm(found[0])[-1] == pytest.approx(arc_length_mm(DOWN)[-1], rel=0.12)


def test_a_graft_ends_where_it_meets_an_artery() -> None:
    artery = line((60, 16, 80), (20, 60, 100))
    found = find_graft_paths(heart([DOWN, artery]), OSTIA_TOP_MM, artery)
    assert len(found) == 1
    assert np.linalg.norm(found[0][-1] - artery, axis=1).min() < 2.0
    assert arc_length_mm(found[0])[-1] < 75.0


@pytest.mark.parametrize("path", [UP, SHORT, LOW], ids=["up to the neck", "a stump", "from the sinus"])
def test_what_is_no_graft_is_not_taken_for_one(path: FloatArray) -> None:
    assert find_graft_paths(heart([path]), OSTIA_TOP_MM, NONE) == []


def test_a_wide_vein_along_the_aorta_is_none() -> None:
    assert find_graft_paths(heart([DOWN], radius_mm=5.5), OSTIA_TOP_MM, NONE) == []


@pytest.mark.parametrize("blood_hu", [180.0, 800.0], ids=["dark", "brighter than the aorta, as a vein"])
def test_a_vessel_that_is_not_as_bright_as_the_aorta_is_none(blood_hu: float) -> None:
    assert find_graft_paths(heart([DOWN], blood_hu=blood_hu), OSTIA_TOP_MM, NONE) == []


@pytest.mark.parametrize("sides", [(), ("left",), ("right",)])
def test_without_both_coronary_arteries_a_vessel_is_said_and_not_called_a_graft(sides: tuple[str, ...]) -> None:
    ostia = [CoronaryOstium(side, DOWN[0], 0) for side in sides]
    grafts, (said,) = claimed((Graft(DOWN),), ostia)
    assert grafts == ()
    assert "graft" not in said
    assert f"{Graft(DOWN).length_mm:.0f} mm" in said
    assert translator("zh").sentence(said) != said
    both = [CoronaryOstium(side, DOWN[0], 0) for side in ("left", "right")]
    assert claimed((graft := Graft(DOWN),), both) == ((graft,), ())
    streak, (said,) = claimed((Graft(DOWN, beside_metal=True),), both)
    assert streak == () and "runs beside metal" in said
    assert translator("zh").sentence(said) != said


def branch(number: int, parent: int | None, children: tuple[int, ...], points: FloatArray) -> Branch:
    radius = np.full(len(points), 1.5)
    return Branch(number, parent, children, points, radius, np.stack([radius, radius], axis=1), no_frames(len(points)))


def test_a_branch_that_is_the_graft_followed_backwards_leaves_the_tree() -> None:
    graft = Graft(DOWN)
    root = line((10, 0, 60), (30, 22, 90))
    tree = assemble(
        [branch(0, None, (1, 2), root), branch(1, 0, (), DOWN[::-1]), branch(2, 0, (), line((30, 22, 90), (5, 60, 95)))], 0
    )
    kept = without_grafts((tree,), (graft,))[0]
    assert kept.total_length_mm == pytest.approx(tree.total_length_mm - arc_length_mm(DOWN)[-1], abs=2.0)
    assert without_grafts((kept,), (graft,))[0] is kept


def named(code: str | None, points: FloatArray) -> CoronaryLabels:
    one = replace(branch(0, None, (), points), label=None if code is None else BranchLabel(code, 0.9))
    return CoronaryLabels((assemble([one], 0),), Dominance.RIGHT)


@pytest.mark.parametrize(
    ("code", "fed"), [("mLAD", Artery.LAD), ("D1", Artery.LAD), ("OM1", Artery.LCX), ("LM", None), ("other", None)]
)
def test_a_graft_feeds_the_artery_that_it_meets(code: str, fed: Artery | None) -> None:
    labels = named(code, line((30, 22, 90), (10, 22, 95)))
    finding = graft_finding(Graft(DOWN), labels)
    assert finding.target is fed
    assert finding.stenosis is None


def test_a_graft_that_meets_its_own_end_in_the_tree_feeds_the_artery_that_this_leaves() -> None:
    artery = replace(branch(0, None, (1,), line((0, 0, 60), (30, 30, 97))), label=BranchLabel("mLAD", 0.9))
    stub = replace(branch(1, 0, (), line((30, 30, 97), (30, 22, 90))), label=BranchLabel("other", 0.9))
    place = anastomosis_of(Graft(DOWN), CoronaryLabels((assemble([artery, stub], 0),), Dominance.RIGHT))
    assert place is not None and place.artery is Artery.LAD
    assert place.point_lps_mm == pytest.approx((30.0, 30.0, 97.0))


def test_a_graft_that_meets_nothing_has_no_target_and_still_makes_g_and_n() -> None:
    finding = graft_finding(Graft(DOWN), named("mLAD", line((5, 90, 5), (5, 60, 5))))
    assert finding.target is None
    hearts = tuple(SegmentFinding(code) for code in expected_segments(Dominance.RIGHT))
    result = grade(CoronaryFindings(hearts, grafts=(finding,)))
    assert result.category is Category.NON_DIAGNOSTIC
    assert result.modifiers == ("G",)
    assert any(one.rule is Rule.GRAFT_SEEN for one in result.trace)


def test_a_graft_without_a_target_cannot_have_a_stenosis() -> None:
    with pytest.raises(ValueError, match="not known"):
        GraftFinding("graft", None)


@pytest.fixture(scope="module")
def narrowed() -> VesselResult:
    """An LAD of two segments, pLAD to 20 mm and mLAD beyond, with one stenosis of more than 50 % in the first."""
    return one_lesion()[0].vessels[0]


def test_a_stenosis_that_a_graft_leads_round_is_not_graded(narrowed: VesselResult) -> None:
    points = narrowed.vessel.points_lps_mm
    beyond = points[int(np.abs(narrowed.vessel.arc_mm - 25.0).argmin())]
    graft = Graft(np.linspace(beyond + np.array([0.0, 60.0, 40.0]), beyond, 90))
    (one,) = with_bypassed([narrowed], [graft], named("mLAD", points))
    assert one.bypassed_mm == pytest.approx(25.0, abs=1.0)
    upstream, target = vessel_findings(one, ())
    assert upstream.bypassed and upstream.stenosis is not None and upstream.stenosis.percent > 50.0
    assert not target.bypassed and target.stenosis is not None and target.stenosis.percent < 25.0
    others = tuple(SegmentFinding(code) for code in expected_segments(Dominance.RIGHT) if code not in ("pLAD", "mLAD"))
    graded = grade(CoronaryFindings((*others, upstream, target), grafts=(graft_finding(graft, named("mLAD", points)),)))
    assert graded.category is Category.NON_DIAGNOSTIC and graded.modifiers == ("G",)
    assert any(one.rule is Rule.IF_NOT_BYPASSED for one in graded.what_if)


def test_a_stenosis_beyond_the_anastomosis_is_graded(narrowed: VesselResult) -> None:
    at = narrowed.arc_of(narrowed.lesions[0])
    first, _ = vessel_findings(replace(narrowed, bypassed_mm=at - 6.0), ())
    assert not first.bypassed and first.stenosis is not None and first.stenosis.percent > 50.0
    first, _ = vessel_findings(replace(narrowed, bypassed_mm=at + 1.0), ())
    assert not first.bypassed and first.stenosis == OPEN, "before the anastomosis, in a segment that it divides"


@pytest.mark.parametrize(("arteries", "whole"), [(("pLAD",), False), (("pLAD", "pLCx"), True)])
def test_the_left_main_is_bypassed_when_both_that_it_feeds_are(arteries: tuple[str, ...], whole: bool) -> None:
    heart = CoronaryFindings(
        tuple(SegmentFinding(code, bypassed=code in arteries) for code in expected_segments(Dominance.RIGHT))
    )
    main = next(one for one in with_left_main(heart).segments if one.code == "LM")
    assert main.bypassed is whole
