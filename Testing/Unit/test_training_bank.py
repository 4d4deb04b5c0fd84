"""Training cases: what is held out is refused, labels mark what they say, patches come where they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LungAirwayLib.training import bank as bits
from LungAirwayLib.training.augment import augment_hu
from LungAirwayLib.training.bank import open_bank, with_skeleton, write_case
from LungAirwayLib.training.cases import HELD_OUT, SCALES, CaseSpec, mask_files, plan_cases, refuse_held_out
from LungAirwayLib.training.simulated import scaled, to_network_grid
from LungAirwayLib.training.task import AIRWAY, KINDS, WINDOW_HU, choose_case
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.training.augment import thick_slices
from SenseCarePlanningLib.training.bank import SKELETON
from SenseCarePlanningLib.training.sampling import SamplingOptions, draw_batch, normalise


def tube_labels(size: int = 48, radius: float = 2.0) -> np.ndarray:
    """A straight airway along k in the middle of lung, with a wall and a vessel beside it."""
    _, j, i = np.mgrid[:size, :size, :size]
    distance = np.hypot(j - size // 2, i - size // 2)
    labels = np.full((size,) * 3, bits.LUNG, dtype=np.uint8)
    labels[distance <= radius] |= bits.LUMEN
    labels[(distance > radius) & (distance <= radius + 1.5)] |= bits.WALL
    labels[np.hypot(j - size // 2, i - size // 4) <= 3] |= bits.VESSEL
    return labels


def hu_of(labels: np.ndarray) -> np.ndarray:
    hu = np.full(labels.shape, -860, dtype=np.int16)
    hu[(labels & (bits.WALL | bits.VESSEL)) > 0] = 30
    hu[(labels & bits.LUMEN) > 0] = -1000
    return hu


@pytest.mark.parametrize("name", [*HELD_OUT, "ATM22_305_top5_majority.nii.gz", "ricord_1a_001012_dicom", "a/lidc_patient3/x"])
def test_validation_and_ricord_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="held out"):
        refuse_held_out(name)


def test_held_out_masks_are_refused_though_they_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "airway_masks"
    folder.mkdir()
    for name in ("atm22_224", "atm22_305"):
        (folder / f"{name}_top5_majority.nii.gz").touch()
    assert mask_files(tmp_path, "atm22_224") is not None
    with pytest.raises(InputError):
        mask_files(tmp_path, "atm22_305")
    planned = plan_cases(tmp_path, 0, scans_per_mask=3, thoraces=4, real=True)
    assert {spec.subject for spec in planned if spec.source == "mask"} == {"atm22_224"}
    assert len(planned) == 3 + 4 and len({spec.name for spec in planned}) == 7


def test_later_scans_of_a_mask_are_of_smaller_or_larger_patients(tmp_path: Path) -> None:
    folder = tmp_path / "airway_masks"
    folder.mkdir()
    (folder / "atm22_224_top5_majority.nii.gz").touch()
    scales = [spec.scale for spec in plan_cases(tmp_path, 0, scans_per_mask=6, thoraces=0, real=False)]
    assert scales[0] == 1.0 and len(set(scales)) > 3
    assert min(scales) >= SCALES[0] and max(scales) <= SCALES[1]


def test_a_smaller_patient_is_the_mask_shrunk_about_the_origin(tmp_path: Path) -> None:
    mask = sitk.GetImageFromArray(np.ones((4, 5, 6), dtype=np.uint8))
    mask.SetSpacing((0.5, 0.6, 0.7))
    mask.SetOrigin((10.0, -20.0, 30.0))
    sitk.WriteImage(mask, str(tmp_path / "mask.nii.gz"))
    grid = scaled(tmp_path / "mask.nii.gz", 0.8).grid
    np.testing.assert_allclose(sorted(grid.spacing_kji_mm), [0.4, 0.48, 0.56], rtol=1e-5)
    np.testing.assert_allclose(grid.lps_from_kji(np.zeros((1, 3)))[0], [8.0, -16.0, 24.0], rtol=1e-5)


def test_cases_with_more_small_airways_are_drawn_more_often(tmp_path: Path) -> None:
    for name, radius, size in (("few", 8.0, 48), ("many", 1.5, 96)):
        labels = tube_labels(size, radius)
        write_case(tmp_path, CaseSpec(name, "mask", name, 0, None), hu_of(labels), labels)
    few, many = open_bank(tmp_path)
    assert len(many.points["small"]) > 4 * len(few.points["small"])
    drawn = [choose_case((few, many), np.random.default_rng(seed)).name for seed in range(100)]
    assert 0 < drawn.count("few") < 40


def test_thicker_slices_blur_along_one_axis_and_move_nothing() -> None:
    edge = np.arange(64, dtype=np.float32)
    ramp = 10.0 * edge[:, None, None] + 3.0 * edge[None, :, None] - edge[None, None, :]
    line = np.zeros((64, 64, 64), dtype=np.float32)
    line[32, 32, :] = -500.0
    lost = []
    for seed in range(24):
        same = thick_slices(ramp, np.random.default_rng(seed))
        np.testing.assert_allclose(same[8:-8, 8:-8, 8:-8], ramp[8:-8, 8:-8, 8:-8], atol=1e-2)
        lost.append(float(thick_slices(line, np.random.default_rng(seed))[32, 32, 20:44].mean()))
    assert min(lost) == pytest.approx(-500.0, abs=1.0), "along the line nothing changes"
    assert max(lost) > -400.0, "across it the thin lumen pales"


def test_a_case_of_a_held_out_subject_is_refused_in_a_bank(tmp_path: Path) -> None:
    labels = tube_labels()
    write_case(tmp_path, CaseSpec("harmless_name", "mask", "lidc_patient3", 0, None), hu_of(labels), labels)
    with pytest.raises(InputError, match="lidc_patient3"):
        open_bank(tmp_path)


def test_without_data_all_patients_are_procedural_and_the_plan_is_the_same_again() -> None:
    planned = plan_cases(None, 3, scans_per_mask=5, thoraces=6, real=True)
    assert [spec.source for spec in planned] == ["thorax"] * 6
    assert planned == plan_cases(None, 3, scans_per_mask=5, thoraces=6, real=True)
    assert planned != plan_cases(None, 4, scans_per_mask=5, thoraces=6, real=True)


def test_skeleton_is_the_middle_of_the_lumen_and_points_lie_on_their_structure() -> None:
    labels = tube_labels()
    marked, points = with_skeleton(labels, 0)
    skeleton = (marked & SKELETON) > 0
    assert skeleton.any()
    assert not (skeleton & ((labels & bits.LUMEN) == 0)).any()
    assert skeleton[24, 24, 24]
    assert len(points["large"]) + len(points["small"]) >= 30
    assert ((labels[tuple(points["vessel"].T.astype(int))] & bits.VESSEL) > 0).all()


def test_resampling_keeps_field_of_view_and_lumen_volume() -> None:
    labels = np.repeat(tube_labels(40, 5.0), 2, axis=0)  # 0.7 mm slices from 1.4 mm ones and back
    thick = labels[::2]
    hu, found = to_network_grid(hu_of(thick), thick, (1.4, 0.7, 0.7))
    assert hu.shape == found.shape == (80, 40, 40)
    assert np.count_nonzero(found & bits.LUMEN) == np.count_nonzero(labels & bits.LUMEN)
    assert hu.min() == -1000


def test_batches_are_a_function_of_seed_and_number(tmp_path: Path) -> None:
    labels = tube_labels()
    write_case(tmp_path, CaseSpec("one", "thorax", "one", 0, None), hu_of(labels), labels)
    cases = open_bank(tmp_path)
    options = SamplingOptions(patch=32, batch=3)
    first, again = draw_batch(AIRWAY, cases, options, 5, 7), draw_batch(AIRWAY, cases, options, 5, 7)
    other = draw_batch(AIRWAY, cases, options, 5, 8)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (3, 1, 32, 32, 32) and first[1].shape == (3, 32, 32, 32)
    assert first[0].min() >= 0.0 and first[0].max() <= 1.0


def test_half_of_the_patches_are_on_small_airways() -> None:
    assert dict(KINDS)["small"] >= 0.5
    assert sum(share for _, share in KINDS) == pytest.approx(1.0)


def test_a_case_smaller_than_the_patch_is_padded_with_air(tmp_path: Path) -> None:
    labels = tube_labels(20)
    write_case(tmp_path, CaseSpec("small", "thorax", "small", 0, None), hu_of(labels), labels)
    images, drawn = draw_batch(AIRWAY, open_bank(tmp_path), SamplingOptions(patch=32, batch=1, augment=False), 0, 0)
    assert images.shape == (1, 1, 32, 32, 32)
    assert (images[0, 0, 20:] == 0.0).all() and (drawn[0, 20:] == 0).all()


def test_augmented_lumen_stays_darker_than_its_wall() -> None:
    labels = tube_labels(32, 3.0)
    hu = hu_of(labels).astype(np.float32)
    lumen, wall = (labels & bits.LUMEN) > 0, (labels & bits.WALL) > 0
    for seed in range(40):
        out = augment_hu(hu, labels, np.random.default_rng(seed))
        assert out.shape == hu.shape and np.isfinite(out).all()
        assert np.median(out[wall]) - np.median(out[lumen]) > 80.0


def test_window_maps_its_ends_to_zero_and_one() -> None:
    np.testing.assert_allclose(normalise(np.array([-3024.0, -1024.0, 300.0, 900.0], dtype=np.float32), WINDOW_HU), [0, 0, 1, 1])
