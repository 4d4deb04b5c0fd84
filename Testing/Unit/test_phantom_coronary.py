"""A digital heart: does it have the anatomy, the lesions and the images that its truth says it has?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from SenseCarePlanningLib.dicomio.load import load_image
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.geometry import arc_length_mm, resample_polyline
from SenseCarePlanningLib.phantom.coronary import CoronaryOptions, CoronaryPatient, make_coronary_patient
from SenseCarePlanningLib.phantom.coronary_calibre import HUO_KASSAB, MURRAY, calibre, mother_mm
from SenseCarePlanningLib.phantom.coronary_guides import LAD_MM, LCX_MM, Dominance
from SenseCarePlanningLib.phantom.coronary_lesions import Composition, LesionSpec, Site, read_lesion
from SenseCarePlanningLib.phantom.coronary_paint import paint_arteries
from SenseCarePlanningLib.phantom.coronary_scan import (
    calcium_factor,
    coronary_scanner,
    iodine_factor,
    scan_calcium,
    scan_coronary,
)
from SenseCarePlanningLib.phantom.coronary_sections import Look, Tissue
from SenseCarePlanningLib.phantom.coronary_tree import INTRAMURAL
from SenseCarePlanningLib.phantom.coronary_truth import load_truth, save_truth
from SenseCarePlanningLib.phantom.coronary_write import write_coronary_patient
from SenseCarePlanningLib.phantom.scanner import Scanner
from SenseCarePlanningLib.volume import Grid

STENOSES = (
    LesionSpec(7, 50.0, Composition.SOFT, length_mm=12.0),
    LesionSpec(1, 70.0, Composition.CALCIFIED, calcium_arc_deg=120.0, calcium_hu=1000.0, remodelling=1.2),
    LesionSpec(11, 40.0, Composition.NAPKIN_RING, eccentric=True, remodelling=1.25),
    LesionSpec(4, 100.0, Composition.FIBROUS),
    LesionSpec(2, 25.0, Composition.SPOTTY, eccentric=True, remodelling=1.2),
)
OPTIONS = CoronaryOptions(seed=4, stenoses=STENOSES, dominance=Dominance.RIGHT, ramus=True)


@pytest.fixture(scope="module")
def patient() -> CoronaryPatient:
    return make_coronary_patient(OPTIONS)


def box_around(patient: CoronaryPatient, number: int, half_mm: float) -> np.ndarray:
    """Corners of a cube about the middle of a lesion."""
    lesion = patient.lesions[number - 1]
    section = next(item for item in patient.sections if item.artery.name == lesion.artery)
    middle = section.artery.points_lps_mm[int(np.argmin(np.abs(section.artery.arc_mm - lesion.centre_mm)))]
    return np.stack([middle - half_mm, middle + half_mm])


def painted(patient: CoronaryPatient, number: int, spacing_mm: float = 0.4):
    """The lesion's artery alone, painted on a grid about the lesion."""
    low = box_around(patient, number, 12.0)[0]
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low
    grid = Grid((int(24.0 / spacing_mm),) * 3, affine)
    image = np.zeros(grid.shape_kji, dtype=np.float32)
    own = [item for item in patient.sections if item.artery.name == patient.lesions[number - 1].artery]
    return grid, image, paint_arteries(image, grid, own, Look())


# --- calibres


@pytest.mark.parametrize("exponent", [MURRAY, HUO_KASSAB])
def test_the_law_holds_at_every_division_and_the_ends_are_as_asked(exponent: float) -> None:
    arc = np.arange(0.0, 100.25, 0.25)
    found = calibre(arc, 3.7, 1.5, [20.0, 50.0], [2.0, 1.6], exponent)
    assert found.diameter_mm[[0, -1]] == pytest.approx([3.7, 1.5], abs=1e-6)
    assert np.all(np.diff(found.diameter_mm) <= 1e-9)
    for place, side in zip((20.0, 50.0), found.side_mm, strict=True):
        before, after = np.interp([place, place + 2.0], arc, found.diameter_mm)
        assert before == pytest.approx(mother_mm([after, side], exponent), abs=1e-6)
    assert found.side_mm == (2.0, 1.6)


def test_side_branches_shrink_when_the_artery_cannot_feed_them() -> None:
    found = calibre(np.arange(0.0, 60.0, 0.25), 2.5, 1.9, [15.0, 30.0], [2.2, 2.2], MURRAY)
    assert found.diameter_mm[-1] == pytest.approx(1.9, abs=1e-6)
    assert max(found.side_mm) < 2.2


def test_the_left_main_that_follows_from_dodges_daughters_is_dodges() -> None:
    assert mother_mm([LAD_MM, LCX_MM[Dominance.RIGHT]], MURRAY) == pytest.approx(4.5, abs=0.05)


# --- anatomy


def test_the_three_dominances_have_their_segments() -> None:
    found = {}
    for dominance in Dominance:
        ramus = dominance is Dominance.RIGHT
        options = CoronaryOptions(seed=1, dominance=dominance, ramus=ramus)
        found[dominance] = set(make_coronary_patient(options).truth.segments)
    common = set(range(1, 4)) | set(range(5, 15))
    assert found[Dominance.RIGHT] == common | {4, 16, 17}
    assert found[Dominance.LEFT] == common | {15, 18}
    assert found[Dominance.BALANCED] == common | {4, 18}


def test_absent_branches_are_absent() -> None:
    options = CoronaryOptions(seed=1, dominance=Dominance.RIGHT, ramus=False, absent=frozenset({"D2", "OM1"}))
    present = set(make_coronary_patient(options).truth.segments)
    assert not {10, 14, 17} & present
    assert 12 in present, "the first obtuse marginal that is there bears the first number"


def test_the_arteries_leave_their_sinuses(patient) -> None:
    by_name = {artery.name: artery for artery in patient.arteries}
    for name in ("LM", "RCA"):
        assert abs(patient.heart.read("aorta", by_name[name].points_lps_mm[:1])[0]) < 2.0
    left, right = by_name["LM"].points_lps_mm[0], by_name["RCA"].points_lps_mm[0]
    assert left[0] > right[0] + 5.0 and left[1] > right[1] + 10.0  # left: to the left and behind; right: in front


@pytest.mark.parametrize(
    ("name", "one", "other"), [("LAD", "lv_wall", "rv_wall"), ("LCX", "lv_wall", "la_wall"), ("RCA", "ra_wall", "rv_wall")]
)
def test_the_three_arteries_run_in_their_grooves(patient, name: str, one: str, other: str) -> None:
    artery = next(item for item in patient.arteries if item.name == name)
    points = artery.points_lps_mm[len(artery.points_lps_mm) // 4 :]
    for field in (one, other):
        assert np.median(patient.heart.read(field, points)) < 6.0
    assert np.median(np.abs(patient.heart.read(one, points) - patient.heart.read(other, points))) < 2.5


def test_the_lad_reaches_the_apex(patient) -> None:
    lad = next(item for item in patient.arteries if item.name == "LAD").points_lps_mm
    apex = patient.heart.pose.place(np.array([62.0, -46.0, -106.0]))
    assert np.linalg.norm(lad[-1] - apex) < 15.0
    assert np.all(np.diff(lad[:: len(lad) // 6, 2]) < 0.0)


@pytest.mark.parametrize("seed", [1100, 1111])
@pytest.mark.parametrize(("hard", "clear_mm"), [(False, 0.5), (True, 0.0)])
def test_no_vein_runs_through_an_artery_and_those_of_hard_hearts_touch_some(seed: int, hard: bool, clear_mm: float) -> None:
    patient = make_coronary_patient(CoronaryOptions(seed=seed, dominance=Dominance.RIGHT, ramus=False, hard=hard))
    touching_mm = 0.0
    for vein in patient.veins:
        points = resample_polyline(vein.points_lps_mm, 0.2)
        arc = arc_length_mm(vein.points_lps_mm)
        radius = np.interp(np.linspace(0.0, arc[-1], len(points)), arc, vein.radius_mm)
        for artery in patient.arteries:
            gap, nearest = cKDTree(artery.points_lps_mm).query(points)
            between = gap - radius - artery.outer_mm[nearest]
            assert between.min() > clear_mm, (vein.name, artery.name)
            touching_mm += 0.2 * float((between < 0.5).sum())
    assert (touching_mm > 30.0) == hard


def test_no_artery_runs_through_a_chamber_or_another_artery(patient) -> None:
    for artery in patient.arteries:
        if artery.name in INTRAMURAL:
            inside = slice(len(artery.points_lps_mm) // 3, None)
            assert patient.heart.read("lv_wall", artery.points_lps_mm[inside]).max() < 0.0
            for cavity in ("lv", "rv"):
                clear = patient.heart.read(cavity, artery.points_lps_mm) - artery.outer_mm
                assert clear.min() > 0.5, (artery.name, cavity)
            continue
        rest = slice(32, None)  # past the origin in the aorta or the parent
        for field in ("lv_wall", "rv_wall", "la_wall", "ra_wall"):
            clear = patient.heart.read(field, artery.points_lps_mm[rest]) - artery.outer_mm[rest]
            assert clear.min() > -0.3, (artery.name, field)
        assert (patient.heart.read("descending", artery.points_lps_mm) - artery.outer_mm).min() > 0.0, artery.name
        assert patient.heart.read("sac", artery.points_lps_mm[rest]).max() < 0.0
    for one in patient.arteries:
        for other in patient.arteries:
            if one.name < other.name:
                gap = np.linalg.norm(one.points_lps_mm[:, None, :] - other.points_lps_mm[None, ::8, :], axis=2)
                touching = gap < one.lumen_mm[:, None] + other.lumen_mm[None, ::8]
                ends = [item.points_lps_mm[0] for item in (one, other)]
                near = min(
                    np.linalg.norm(one.points_lps_mm[:, None] - np.array(ends)[None], axis=2).min(axis=1)[touching.any(axis=1)],
                    default=0.0,
                )
                assert near < 6.0, (one.name, other.name)


def test_children_start_on_their_parents_and_taper(patient) -> None:
    by_name = {artery.name: artery for artery in patient.arteries}
    for artery in patient.arteries:
        assert np.all(np.diff(artery.lumen_mm) <= 1e-9)
        assert np.all(artery.outer_mm > artery.lumen_mm)
        assert np.linalg.norm(np.diff(artery.points_lps_mm, axis=0), axis=1).max() < 0.5
        if artery.parent is not None:
            start = by_name[artery.parent].points_lps_mm[artery.parent_index]
            assert np.array_equal(artery.points_lps_mm[0], start)


# --- lesions


def test_lesions_are_read_as_written() -> None:
    spec = read_lesion("pLAD:70:calcified+eccentric+arc120+hu1000+len12+ri1.2")
    wanted = LesionSpec(
        6,
        70.0,
        Composition.CALCIFIED,
        eccentric=True,
        length_mm=12.0,
        remodelling=1.2,
        calcium_hu=1000.0,
        calcium_arc_deg=120.0,
    )
    assert spec == wanted
    assert read_lesion("2:55:soft+tandem+ostial") == LesionSpec(2, 55.0, site=Site.OSTIAL, tandem=True)


@pytest.mark.parametrize("text", ["7", "7:x:soft", "19:50:soft", "7:120:soft", "7:50:hairy", "7:50:soft+len90", "nose:50:soft"])
def test_nonsense_lesions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"stenosis|must be"):
        read_lesion(text)


def test_a_lesion_in_a_segment_that_is_not_there_is_refused() -> None:
    options = CoronaryOptions(seed=1, dominance=Dominance.RIGHT, stenoses=(LesionSpec(15, 50.0),))
    with pytest.raises(ValueError, match="no segment 15"):
        make_coronary_patient(options)


def test_the_truth_has_the_stenoses_asked_for(patient) -> None:
    truth = patient.truth
    for spec, lesion in zip(STENOSES, truth.lesions, strict=True):
        assert lesion.segment == spec.segment
        assert lesion.stenosis_percent == pytest.approx(spec.percent, abs=1e-9)
        assert lesion.area_stenosis_percent == pytest.approx(100.0 * (1.0 - (1.0 - spec.percent / 100.0) ** 2), abs=1e-9)
        assert lesion.remodelling_index == pytest.approx(spec.remodelling, abs=1e-9)
        artery = next(item for item in truth.arteries if item.name == lesion.artery)
        inside = artery.lesion == lesion.number
        assert artery.stenosis_percent[inside].max() == pytest.approx(spec.percent, abs=1e-9)
        assert artery.lumen_area_mm2[inside].min() == pytest.approx(lesion.minimal_area_mm2, abs=1e-12)
    for artery in truth.arteries:
        assert np.abs(artery.stenosis_percent[artery.lesion == 0]).max() < 1e-9


def test_the_truth_knows_the_high_risk_features(patient) -> None:
    soft, calcified, napkin, fibrous, spotty = patient.truth.lesions
    assert napkin.napkin_ring and napkin.low_attenuation and napkin.positive_remodelling and not napkin.spotty_calcium
    assert spotty.spotty_calcium and spotty.positive_remodelling and not spotty.napkin_ring
    assert 0.5 < spotty.volumes_mm3["calcium"] < np.pi / 6.0 * 2.2**3 + 0.1
    assert not calcified.low_attenuation and calcified.volumes_mm3["calcium"] > 3.0 and calcified.calcium_arc_deg == 120.0
    assert not fibrous.low_attenuation and fibrous.minimal_area_mm2 == 0.0 and not soft.positive_remodelling
    calcium = patient.truth.calcium_volume_mm3
    assert calcium["RCA"] == pytest.approx(calcified.volumes_mm3["calcium"] + spotty.volumes_mm3["calcium"])
    assert calcium["LM"] == calcium["LAD"] == calcium["LCX"] == 0.0


def test_tandem_ostial_and_bifurcation_lesions_are_where_they_should_be() -> None:
    stenoses = (
        LesionSpec(3, 50.0, tandem=True, length_mm=7.0),
        LesionSpec(1, 50.0, site=Site.OSTIAL),
        LesionSpec(5, 50.0, site=Site.BIFURCATION, length_mm=6.0),
    )
    patient = make_coronary_patient(CoronaryOptions(seed=2, dominance=Dominance.RIGHT, stenoses=stenoses))
    first, second, ostial, bifurcation = patient.truth.lesions
    assert first.end_mm < second.start_mm < first.end_mm + 3.0
    assert ostial.start_mm < 0.0 and ostial.ostium_distance_mm < 6.0
    left_main = next(item for item in patient.arteries if item.name == "LM")
    assert bifurcation.end_mm > left_main.arc_mm[-1]


def test_the_truth_comes_back_from_its_file_without_loss(patient, tmp_path: Path) -> None:
    truth = patient.truth
    save_truth(truth, tmp_path / "coronary.json")
    again = load_truth(tmp_path / "coronary.json")
    assert again.lesions == truth.lesions
    assert again.segments == truth.segments
    for one, other in zip(truth.arteries, again.arteries, strict=True):
        for name in ("points_lps_mm", "lumen_radius_mm", "outer_radius_mm", "stenosis_percent", "segment", "lesion"):
            assert np.array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype.kind == getattr(other, name).dtype.kind


# --- painting


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_painted_lumen_has_the_area_of_the_truth(patient, number: int) -> None:
    # Strategy: the lumen's volume between two planes across the artery, over their distance.
    grid, _, found = painted(patient, number)
    lesion = patient.lesions[number - 1]
    section = next(item for item in patient.sections if item.artery.name == lesion.artery)
    arc = section.artery.arc_mm
    centres = grid.lps_from_kji(np.stack(np.unravel_index(found.index, grid.shape_kji), axis=1))
    offset = np.linalg.norm(centres[:, None] - section.artery.points_lps_mm[None], axis=2)
    nearest = offset.argmin(axis=1)
    step = centres - section.artery.points_lps_mm[nearest]
    along = arc[nearest] + np.einsum("ni,ni->n", step, section.frames[nearest, 0])
    half = 0.5
    share = np.clip((half - np.abs(along - lesion.centre_mm)) / 0.4 + 0.5, 0.0, 1.0)
    beside = offset.min(axis=1) < section.outer_mm.max() + 0.5
    volume = float((found.share[:, Tissue.LUMEN] * share * beside).sum()) * grid.voxel_volume_mm3
    middle = int(np.argmin(np.abs(arc - lesion.centre_mm)))
    # planes across a bend are closer together on its inside, where an eccentric lumen may lie
    bend = (np.gradient(section.frames[:, 0], axis=0) / np.gradient(arc)[:, None])[middle - 2 : middle + 3].mean(axis=0)
    away = section.lumen_lps_mm[middle] - section.artery.points_lps_mm[middle]
    volume /= 1.0 - float(bend @ away)
    true_area = np.pi * section.lumen_mm[middle] ** 2
    assert volume / (2.0 * half) == pytest.approx(true_area, rel=0.06)
    healthy = np.pi * section.artery.lumen_mm[middle] ** 2
    percent = 100.0 * (1.0 - np.sqrt(volume / (2.0 * half) / healthy))
    assert percent == pytest.approx(lesion.spec.percent, abs=2.0)


@pytest.mark.parametrize(("number", "tissue"), [(2, Tissue.CALCIUM), (3, Tissue.LIPID), (5, Tissue.CALCIUM), (1, Tissue.PLAQUE)])
def test_the_painted_plaque_has_the_volume_of_the_truth(patient, number: int, tissue: Tissue) -> None:
    grid, _, found = painted(patient, number)
    wanted = patient.truth.lesions[number - 1].volumes_mm3[tissue.name.lower()]
    volume = float(found.share[:, tissue].sum()) * grid.voxel_volume_mm3
    assert volume == pytest.approx(wanted, rel=0.04, abs=0.15)


def test_an_occlusion_has_no_lumen(patient) -> None:
    grid, _, found = painted(patient, 4)
    lesion = patient.lesions[3]
    section = next(item for item in patient.sections if item.artery.name == lesion.artery)
    arc = section.artery.arc_mm
    centres = grid.lps_from_kji(np.stack(np.unravel_index(found.index, grid.shape_kji), axis=1))
    plateau = section.artery.points_lps_mm[np.abs(arc - lesion.centre_mm) < 0.05 * lesion.length_mm]
    near = np.linalg.norm(centres[:, None] - plateau[None], axis=2).min(axis=1) < 0.7
    assert near.any()
    assert found.share[near, Tissue.LUMEN].max() == 0.0


# --- scans


def test_every_centreline_lies_in_the_lumen_of_the_label_map(patient) -> None:
    scan = scan_coronary(patient, coronary_scanner(400, 0.5, noise_hu=0.0), box_around(patient, 1, 22.0))
    found = 0
    for artery in scan.truth.arteries:
        index = np.rint(scan.tissue.grid.kji_from_lps(artery.points_lps_mm)).astype(int)
        inside = ((index >= 1) & (index < np.array(scan.tissue.grid.shape_kji) - 1)).all(axis=1) & (artery.lumen_radius_mm > 0.7)
        found += int(inside.sum())
        assert (scan.tissue.array_kji[tuple(index[inside].T)] == 1).all()
        inside &= np.arange(len(inside)) > 16  # past the origin inside the parent
        number = scan.segments.array_kji[tuple(index[inside].T)]
        wanted = np.where(artery.segment == 0, 19, artery.segment)[inside]
        assert (number != wanted).sum() <= 0.05 * len(wanted) + 2  # at divisions and segment borders the nearer one counts
    assert found > 100


def test_the_same_options_give_the_same_scan(patient) -> None:
    scanner = coronary_scanner(256, 1.0)
    box = box_around(patient, 1, 15.0)
    again = make_coronary_patient(OPTIONS)
    one, other = (scan_coronary(item, scanner, box).volume.array_kji for item in (patient, again))
    assert np.array_equal(one, other)
    different = make_coronary_patient(replace(OPTIONS, seed=5))
    assert not np.array_equal(different.arteries[1].points_lps_mm[10], patient.arteries[1].points_lps_mm[10])


def test_the_calcium_scan_holds_all_the_calcium(patient) -> None:
    # Strategy: blur conserves the integral, so what calcium adds in HU mm3 must be its volume times its contrast.
    scanner = Scanner((0.5, 0.5, 3.0), 0.0, 0.45, 1.0)
    spec = replace(STENOSES[1], plaque_hu=50.0)
    pair = [spec, replace(spec, composition=Composition.FIBROUS)]
    calcified, bare = (make_coronary_patient(replace(OPTIONS, stenoses=(item,))) for item in pair)
    box = box_around(calcified, 1, 20.0)
    one, other = (scan_calcium(item, scanner, box).array_kji.astype(float) for item in (calcified, bare))
    added = float((one - other).sum()) * 0.5 * 0.5 * 3.0
    # what calcium replaces is plaque of 42 HU: 50 less the shift of a scan without contrast
    assert added == pytest.approx(calcified.truth.lesions[0].volumes_mm3["calcium"] * (1000.0 - 42.0), rel=0.04)


def test_low_voltage_brightens_iodine_and_calcium() -> None:
    assert iodine_factor(120.0) == 1.0 and iodine_factor(70.0) == pytest.approx(1.9)
    assert calcium_factor(80.0) == pytest.approx(177.0 / 130.0)
    assert iodine_factor(100.0) > calcium_factor(100.0) > 1.0


def test_a_step_moves_the_truth_with_the_scan() -> None:
    hard = make_coronary_patient(CoronaryOptions(seed=6, hard=True, dominance=Dominance.RIGHT))
    rca = next(item for item in hard.arteries if item.name == "RCA").points_lps_mm
    at = rca[int(np.argmin(np.abs(rca[:, 2] + 66.0)))]
    scan = scan_coronary(hard, coronary_scanner(400, 0.5, noise_hu=0.0), np.stack([at - 14.0, at + 14.0]))
    artery = next(item for item in scan.truth.arteries if item.name == "RCA")
    steps = np.linalg.norm(np.diff(artery.points_lps_mm, axis=0), axis=1)
    assert steps.max() > 1.2
    index = np.rint(scan.tissue.grid.kji_from_lps(artery.points_lps_mm)).astype(int)
    inside = ((index >= 1) & (index < np.array(scan.tissue.grid.shape_kji) - 1)).all(axis=1) & (artery.lesion == 0)
    assert inside.sum() > 30
    assert (scan.tissue.array_kji[tuple(index[inside].T)] == 1).mean() > 0.97


def test_the_written_patient_reads_back(patient, tmp_path: Path) -> None:
    scanner = coronary_scanner(200, 1.0, noise_hu=10.0)
    scan = scan_coronary(patient, scanner, box_around(patient, 1, 25.0))
    calcium = scan_calcium(patient, box_lps_mm=box_around(patient, 1, 25.0))
    folder = write_coronary_patient(patient, scan, tmp_path / "out", scanner=scanner, calcium=calcium)
    again = load_image(folder / "dicom", require_chest=False).volume
    assert np.array_equal(again.array_kji, scan.volume.array_kji)
    assert np.allclose(again.affine_ijk_to_lps, scan.volume.affine_ijk_to_lps, atol=1e-4)
    assert again.acquisition.kvp == 120.0
    assert len(list((folder / "calcium").glob("*.dcm"))) == calcium.array_kji.shape[0]
    assert load_truth(folder / "truth" / "coronary.json").lesions == patient.truth.lesions
    document = json.loads((folder / "truth" / "options.json").read_text())
    assert document["seed"] == 4 and document["dominance"] == "right" and document["labels"]["tissue"]["1"] == "lumen"
    (folder / "note.txt").write_text("mine")
    with pytest.raises(InputError):
        write_coronary_patient(patient, scan, folder, scanner=scanner)
    assert (folder / "note.txt").read_text() == "mine"


def test_a_graft_leads_from_the_ascending_aorta_past_the_heart_to_the_lad() -> None:
    made = make_coronary_patient(CoronaryOptions(seed=4, dominance=Dominance.RIGHT, ramus=False, grafts=("LAD",)))
    (graft,) = (one.artery for one in made.grafts)
    points = graft.points_lps_mm
    lad = next(one for one in made.arteries if one.name == "LAD")
    assert np.linalg.norm(lad.points_lps_mm - points[-1], axis=1).min() < 0.3
    assert abs(made.heart.read("aorta", points[:1])[0]) < 0.5
    assert points[0, 2] > made.heart.ostium("left")[2] + 20.0
    for solid in ("trunk", "rv", "lv", "ra", "la"):
        assert made.heart.read(solid, points).min() > graft.outer_mm.max(), solid
    assert "graft to LAD" not in {one.name for one in made.truth.arteries}
    with pytest.raises(ValueError, match="graft"):
        make_coronary_patient(CoronaryOptions(seed=4, grafts=("aorta",)))


def test_the_struts_of_a_stent_may_be_given_and_calcium_may_not_be_as_bright() -> None:
    assert read_lesion("6:10:stent+hu12000").calcium_hu == 12000.0
    with pytest.raises(ValueError, match="calcium"):
        read_lesion("6:10:calcified+hu12000")
