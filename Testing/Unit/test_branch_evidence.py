"""What the CT does not show to be an airway is cut from tree, cross-sections and mask; the rest keeps its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from LungAirwayLib import branch_evidence
from LungAirwayLib.branch_evidence import (
    BranchEvidence,
    CutPiece,
    Judged,
    flag_suspects,
    judge,
    keep_airways,
    kept_samples,
    removal_note,
)
from LungAirwayLib.result import EngineInfo
from LungAirwayLib.segment import AirwaySegmentation, without_pieces
from SenseCarePlanningLib.evaluation.atm22 import count_loops
from SenseCarePlanningLib.tubes.assemble import assemble, no_frames
from SenseCarePlanningLib.tubes.build import build_tree
from SenseCarePlanningLib.tubes.joined_sections import first_sections, joined_sections, on_rays
from SenseCarePlanningLib.tubes.leaks import flag_leaks
from SenseCarePlanningLib.tubes.radius import BranchSections, measure_sections, with_radii
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


def test_the_lung_takes_back_what_it_surrounds(judged: tuple[Judged, Tree, LabelMap, np.ndarray]) -> None:
    result, _, mask, strip = judged
    lungs = scan()[2]
    holed = replace(lungs, array_kji=np.where(mask.array_kji > 0, 0, lungs.array_kji).astype(np.uint8))
    found = AirwaySegmentation(mask, None, holed, None, EngineInfo("classical", "", "1"), np.zeros(3))
    whole = without_pieces(found, result).lungs
    assert whole is not None
    assert (whole.array_kji[strip] > 0).mean() > 0.9
    assert not ((whole.array_kji > 0) & (result.airway.array_kji > 0)).any()
    assert (whole.array_kji[holed.array_kji > 0] == 1).all()


def wide_tip(hu_inside: float, wall_hu: float) -> tuple[Tree, dict[int, BranchSections], Volume, LabelMap]:
    """A tree whose last branch is twice as wide as the one before it, in a scan with or without a wall around that tip."""
    points = [(0, 0, 60), (0, 0, 45), (8, 0, 34), (16, 0, 22), (26, 0, 10)]
    rows = [line(at, at - 1 if at else None, points[at], points[at + 1]) for at in range(4)]
    rows += [line(9 + at, at, points[at + 1], (points[at + 1][0] - 12, 0, points[at + 1][2] - 10)) for at in range(3)]
    rows = [replace(one, radius_mm=np.full(SAMPLES, 2.4 if one.id == 3 else 1.2)) for one in rows]
    tree = assemble([replace(one, radius_interval_mm=np.stack([one.radius_mm - 0.1, one.radius_mm + 0.1], 1)) for one in rows], 0)
    step = 0.6
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = (-16.0, -12.0, -2.0)
    shape = (110, 40, 80)
    inside, walled = np.zeros(shape, bool), np.zeros(shape, bool)
    kji = np.indices(shape).reshape(3, -1).T
    place = Volume(np.zeros(shape, np.float32), affine).grid.lps_from_kji(kji)
    for branch in tree:
        gap = cKDTree(branch.points_lps_mm).query(place)[0].reshape(shape) - branch.radius_mm[0]
        inside |= gap < 0.0
        if branch.id != 3 or wall_hu > -850.0:
            walled |= gap < 1.2
    hu = np.where(walled, 0.0, -850.0)
    hu[inside] = -1000.0
    tip = cKDTree(tree[3].points_lps_mm[4:]).query(place)[0].reshape(shape) < 2.4
    hu[tip] = hu_inside
    hu = ndimage.gaussian_filter(hu, 0.8)
    volume = Volume(hu.astype(np.float32), affine)
    mask = LabelMap(inside.astype(np.uint8), affine)
    return tree, dict(measure_sections(tree, volume, mask)), volume, LabelMap((~walled & ~inside).astype(np.uint8), affine)


def test_a_dark_pocket_of_lung_is_not_taken_for_air_and_stays_suspected() -> None:
    tree, sections, volume, lungs = wide_tip(hu_inside=-985.0, wall_hu=-850.0)
    assert float(judge(tree, sections, volume, lungs)[3].sums[-1]) < 0.0
    assert 3 in {branch.id for branch in flag_suspects(tree, sections, volume, lungs) if branch.flags}


def test_a_wide_tip_with_a_wall_around_is_kept_and_cleared() -> None:
    tree, sections, volume, lungs = wide_tip(hu_inside=-1000.0, wall_hu=0.0)
    assert "wider_than_parent" in {one.rule for one in flag_leaks(tree, sections=sections)[1] if one.branch_id == 3}
    assert float(judge(tree, sections, volume, lungs)[3].sums[-1]) > 0.0
    assert 3 not in {branch.id for branch in flag_suspects(tree, sections, volume, lungs) if branch.flags}


def test_a_dead_end_that_stays_suspect_is_cut_and_a_way_through_is_only_flagged() -> None:
    tree, sections, volume, lungs = wide_tip(hu_inside=-1000.0, wall_hu=0.0)
    count = len(tree[3].radius_mm)
    doubtful = {**sections, 3: replace(sections[3], ring_share=np.full(count, 0.83), enclosed_share=np.full(count, 0.3))}
    assert float(judge(tree, doubtful, volume, lungs)[3].sums[-1]) > 0.0, "kept by its evidence"
    assert 3 in {branch.id for branch in flag_suspects(tree, doubtful, volume, lungs) if branch.flags}
    airway = LabelMap((volume.array_kji < -900.0).astype(np.uint8), volume.affine_ijk_to_lps)
    kept = keep_airways(tree, doubtful, volume, airway, lungs)
    assert [round(piece.wall_share, 2) for piece in kept.cut] == [0.83]
    assert not any(branch.flags for branch in flag_suspects(kept.tree, kept.sections, volume, lungs))
    tip = tree[3].points_lps_mm[-1]
    assert min(np.linalg.norm(branch.points_lps_mm - tip, axis=1).min() for branch in kept.tree) > 3.0

    on = line(20, 3, tuple(tip), tuple(tip + np.array([6.0, 0.0, -6.0])))
    on = replace(on, radius_mm=np.full(SAMPLES, 1.2), radius_interval_mm=np.tile([1.1, 1.3], (SAMPLES, 1)))
    aside = replace(on, id=21, points_lps_mm=tip + (on.points_lps_mm - tip) * (-1.0, 1.0, 1.0))
    longer = assemble([*tree, on, aside], 0)
    more = {**doubtful, **{key: sections[2] for key in (20, 21)}}
    kept = keep_airways(longer, more, volume, airway, lungs)
    assert 3 in {branch.id for branch in flag_suspects(kept.tree, kept.sections, volume, lungs) if branch.flags}


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
