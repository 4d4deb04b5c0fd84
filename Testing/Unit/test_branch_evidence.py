"""What the CT does not show to be an airway is cut from tree, cross-sections and mask; the rest keeps its place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from LungAirwayLib import branch_evidence
from LungAirwayLib.branch_evidence import BranchEvidence, CutPiece, Judged, keep_airways, kept_samples, removal_note
from SenseCarePlanningLib.evaluation.atm22 import count_loops
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.joined_sections import first_sections, joined_sections, on_rays
from SenseCarePlanningLib.tubes.radius import measure_sections, with_radii
from SenseCarePlanningLib.tubes.tree import Branch, Tree
from SenseCarePlanningLib.volume import LabelMap, Volume

SAMPLES = 21


def line(number: int, parent: int | None, start: tuple[float, float, float], stop: tuple[float, float, float]) -> Branch:
    points = np.linspace(np.array(start, dtype=float), np.array(stop, dtype=float), SAMPLES)
    radius = np.full(SAMPLES, 1.0)
    return Branch(number, parent, (), points, radius, np.stack([radius, radius], axis=1), no_frames(SAMPLES))


def deep_tree() -> Tree:
    """0-1-2-3 down to generation 3, then 5 and 6 behind 3; 4, 7 and 8 are siblings on the way."""
    rows = [
        line(0, None, (0, 0, 100), (0, 0, 80)),
        line(1, 0, (0, 0, 80), (10, 0, 70)),
        line(7, 0, (0, 0, 80), (-10, 0, 70)),
        line(2, 1, (10, 0, 70), (20, 0, 60)),
        line(8, 1, (10, 0, 70), (10, 10, 60)),
        line(3, 2, (20, 0, 60), (30, 0, 50)),
        line(4, 2, (20, 0, 60), (20, 10, 50)),
        line(5, 3, (30, 0, 50), (40, 0, 40)),
        line(6, 3, (30, 0, 50), (30, 10, 40)),
    ]
    return assemble(rows, 0)


def seen(wall_share: object, darkness: float = 0.0) -> BranchEvidence:
    share = np.broadcast_to(np.asarray(wall_share, dtype=float), (SAMPLES,))
    return BranchEvidence(share, np.full(SAMPLES, darkness), np.full(SAMPLES, 0.5))


def kept(**shown: BranchEvidence) -> dict[int, int]:
    tree = deep_tree()
    evidence = {branch.id: shown.get(f"b{branch.id}", seen(0.9)) for branch in tree}
    return kept_samples(tree, evidence)


def test_a_well_seen_tree_is_kept_whole() -> None:
    assert set(kept().values()) == {SAMPLES}


def test_a_branch_without_wall_and_air_goes() -> None:
    ends = kept(b6=seen(0.1))
    assert ends.pop(6) == 0
    assert set(ends.values()) == {SAMPLES}


def test_air_alone_is_enough() -> None:
    assert kept(b6=seen(0.1, darkness=0.8))[6] == SAMPLES


def test_a_poorly_seen_branch_stays_where_good_ones_follow() -> None:
    assert kept(b3=seen(0.3))[3] == SAMPLES


def test_all_that_hangs_on_a_false_branch_goes_with_it() -> None:
    ends = kept(b3=seen(0.1), b5=seen(0.45), b6=seen(0.2))
    assert (ends[3], ends[5], ends[6]) == (0, 0, 0)


def test_a_branch_that_leaves_the_airway_is_cut_where_it_does() -> None:
    ends = kept(b6=seen(np.where(np.arange(SAMPLES) < 12, 0.9, 0.1)))
    assert ends[6] == 12


def test_trachea_main_and_lobar_bronchi_are_not_judged() -> None:
    ends = kept(b7=seen(0.0), b8=seen(0.0), b4=seen(0.0))
    assert (ends[7], ends[8], ends[4]) == (SAMPLES, SAMPLES, 0)


def scan(step: float = 0.7) -> tuple[Volume, LabelMap, LabelMap, np.ndarray]:
    """A walled tube that forks into a walled one and a mere dark strip of lung; the last array is the strip."""
    axis = np.arange(64) * step
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    height = np.clip(z, 0.0, 22.0)
    out = 22.0 - height  # both children part from the parent's end at z = 22 and run down and sideways

    def away(side: float, below: bool) -> np.ndarray:
        centre = 22.0 + side * 0.8 * out
        part = (z < 22.0) if below else (z >= 22.0)
        return np.where(part, np.hypot(x - centre, y - 22.0), np.inf)

    parent, good, strip = away(0.0, False), away(1.0, True), away(-1.0, True)
    inner, wall = 3.5, 1.2
    ground = -850.0
    hu = np.full(z.shape, ground)
    hu[np.minimum(parent, good + inner - 2.0) < inner + wall] = 0.0
    hu[strip < 1.8] = ground - 15.0
    hu[(parent < inner) | (good < 2.0)] = -1000.0
    rng = np.random.default_rng(1)
    hu = ndimage.gaussian_filter(hu, 0.6 / step) + rng.normal(0.0, 12.0, hu.shape)
    affine = np.diag([step, step, step, 1.0])
    mask = (parent < inner) | (good < 2.0) | (strip < 1.8)
    mask &= (z > 3.0) & (z < 42.0)
    lungs = LabelMap((np.minimum(parent, good) > inner + wall + 1.0).astype(np.uint8), affine)
    return Volume(hu.astype(np.float32), affine), LabelMap(mask.astype(np.uint8), affine), lungs, (strip < 1.8) & (z < 16.0)


@pytest.fixture(scope="module")
def judged() -> tuple[Judged, Tree, LabelMap, np.ndarray]:
    volume, mask, lungs, strip = scan()
    tree = build_tree(mask, root_lps_mm=(22.0, 22.0, 42.0))
    sections = measure_sections(tree, volume, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(branch_evidence, "FIRST_JUDGED_GENERATION", 1)
        return keep_airways(with_radii(tree, sections), sections, volume, mask, lungs), tree, mask, strip


def test_the_strip_leaves_the_tree_and_the_tube_stays(judged: tuple[Judged, Tree, LabelMap, np.ndarray]) -> None:
    result, before, _, _ = judged
    assert len(before) == 3
    assert len(result.tree) == 1
    assert result.tree.root.points_lps_mm[-1, 0] > 30.0
    assert [round(piece.length_mm) for piece in result.cut] == [round(before.total_length_mm - result.tree.total_length_mm)]


def test_the_strip_leaves_the_mask_and_nothing_else_does(judged: tuple[Judged, Tree, LabelMap, np.ndarray]) -> None:
    result, _, mask, strip = judged
    left = result.airway.array_kji > 0
    assert not (left & strip).any()
    assert left[(mask.array_kji > 0) & ~strip].mean() > 0.93
    assert ndimage.label(left, structure=np.ones((3, 3, 3)))[1] == 1
    assert count_loops(left) == 0
    index = np.rint(mask.grid.kji_from_lps(result.tree.root.points_lps_mm)).astype(int)
    assert left[tuple(index.T)].mean() > 0.98


def test_the_joined_branch_has_the_cross_sections_of_both(judged: tuple[Judged, Tree, LabelMap, np.ndarray]) -> None:
    result = judged[0]
    sections = result.sections[result.tree.root_id]
    assert sections.ring_share.shape == sections.radius_mm.shape == result.tree.root.radius_mm.shape
    assert sections.edge_mm.shape[0] == len(result.tree.root.radius_mm)
    np.testing.assert_allclose(sections.radius_mm, result.tree.root.radius_mm)


def test_joined_and_shortened_sections() -> None:
    volume, mask, _, _ = scan()
    tree = build_tree(mask, root_lps_mm=(22.0, 22.0, 42.0))
    sections = measure_sections(tree, volume, mask)
    one, two = (sections[branch.id] for branch in list(tree)[:2])
    both = joined_sections([one, two])
    assert len(both.radius_mm) == len(one.radius_mm) + len(two.radius_mm) - 1
    assert both.edge_mm.shape[1] == max(one.edge_mm.shape[1], two.edge_mm.shape[1])
    assert len(first_sections(one, 5).edge_mm) == 5
    np.testing.assert_allclose(on_rays(np.full((3, 8), 2.0), 16), 2.0)


def test_what_was_cut_is_said_in_numbers() -> None:
    note = removal_note((CutPiece((0.0, 0.0, 0.0), 4, 12.4, 0.1, 0.0), CutPiece((0.0, 0.0, 0.0), 5, 7.4, 0.1, 0.0)))
    assert note.value == 2
    assert note.method.startswith("20 mm")
    assert removal_note(()).value == 0
