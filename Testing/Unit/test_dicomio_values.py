"""Stored values to HU, the account of lossless JPEG, image files, label maps."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from SenseCarePlanningLib.dicomio.damage import damage_signs
from SenseCarePlanningLib.dicomio.files import (
    read_label_map,
    read_volume_file,
    sitk_from_volume,
    volume_from_sitk,
    write_label_map,
    write_volume,
)
from SenseCarePlanningLib.dicomio.headers import ImageHeader
from SenseCarePlanningLib.dicomio.pixels import to_hounsfield
from SenseCarePlanningLib.dicomio.read_study import iso_date, iso_time
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.volume import LabelMap, Volume

HEADER = ImageHeader(path=Path("a.dcm"), frame=-1, series_uid="1", bits_stored=16, signed=True, slope=1.0, intercept=-1024.0)


def hu(values: list[int], **changes: object) -> list[int]:
    stored = (np.array([values]) & 0xFFFF).astype(np.uint16)
    return [int(value) for value in to_hounsfield(stored, replace(HEADER, **changes))[0]]  # type: ignore[arg-type]


def test_rescale_and_sign() -> None:
    assert hu([0, 24, 1024, -2000]) == [-1024, -1000, 0, -3024]
    assert hu([0xFFFF], signed=False, intercept=-65000.0) == [535]
    assert hu([2048, 2049], slope=0.5) == [0, 0] and hu([2051], slope=0.5) == [2]


def test_garbage_above_bits_stored_is_dropped_and_the_sign_extended() -> None:
    assert hu([0xF400, 0x0400], bits_stored=12, signed=False) == [0, 0]
    assert hu([0x0FFF, 0x0800], bits_stored=12, intercept=0.0) == [-1, -2048]


def test_without_rescale_the_stored_values_stand() -> None:
    assert hu([-1000, 40], slope=None, intercept=None) == [-1000, 40]


def test_high_padding_becomes_air_and_padding_among_tissue_is_left() -> None:
    assert hu([32000, 1024], padding=(32000, 32000)) == [-1024, 0]
    assert hu([1064, 1024], padding=(1064, 1064)) == [40, 0]


def oblique(handed: float = 1.0) -> np.ndarray:
    a, b = 0.4, 0.7
    turn_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn_z @ turn_x @ np.diag([0.7, 0.9, 2.0 * handed])
    affine[:3, 3] = [12.5, -40.25, 300.125]
    return affine


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("handed", [1.0, -1.0])
def test_files_keep_voxels_and_place(tmp_path: Path, suffix: str, handed: float) -> None:
    array = np.random.default_rng(0).integers(-1024, 3000, (3, 4, 5)).astype(np.int16)
    volume = Volume(array, oblique(handed))
    write_volume(volume, tmp_path / f"x{suffix}")
    back = read_volume_file(tmp_path / f"x{suffix}")
    assert back.array_kji.dtype == np.int16
    np.testing.assert_array_equal(back.array_kji, array)
    np.testing.assert_allclose(back.affine_ijk_to_lps, volume.affine_ijk_to_lps, atol=2e-4)
    assert [path.name for path in tmp_path.iterdir()] == [f"x{suffix}"]


def test_nifti_on_disk_is_in_ras(tmp_path: Path) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = [10.0, 20.0, 30.0]
    write_volume(Volume(np.zeros((2, 2, 2), np.int16), affine), tmp_path / "x.nii")
    rows = np.frombuffer((tmp_path / "x.nii").read_bytes()[280:328], "<f4").reshape(3, 4)
    np.testing.assert_allclose(rows, [[-1, 0, 0, -10], [0, -2, 0, -20], [0, 0, 3, 30]])


def test_sitk_both_ways() -> None:
    volume = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), oblique())
    back = volume_from_sitk(sitk_from_volume(volume))
    np.testing.assert_array_equal(back.array_kji, volume.array_kji)
    assert back.grid.same_as(volume.grid)


def test_a_sheared_grid_is_not_written(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.2
    with pytest.raises(ValueError, match="sheared"):
        write_volume(Volume(np.zeros((2, 2, 2), np.int16), affine), tmp_path / "x.nii")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [[0, 1], [0, 255]])
def test_label_maps_round_trip(tmp_path: Path, values: list[int]) -> None:
    array = np.random.default_rng(1).choice(values, (3, 4, 5)).astype(np.uint8)
    write_label_map(LabelMap(array, oblique()), tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(read_label_map(tmp_path / "m.nii.gz").array_kji, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 3, 3), np.int16), "empty"),
        (np.full((3, 3, 3), 0.5, np.float32), "whole numbers"),
        (np.full((3, 3, 3), -1, np.int16), "0 to 255"),
        (np.full((3, 3, 3), 300, np.int16), "0 to 255"),
    ],
)
def test_bad_masks_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    write_volume(Volume(array, np.eye(4)), tmp_path / "m.nii.gz")
    with pytest.raises(InputError, match=message):
        read_label_map(tmp_path / "m.nii.gz")


def test_damaged_nifti_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii.gz"
    write_volume(Volume(np.random.default_rng(2).integers(0, 99, (20, 20, 20)).astype(np.int16), np.eye(4)), path)
    whole = path.read_bytes()
    for raw in (
        whole[: len(whole) // 2],
        whole[:-40] + bytes(40),
        b"",
        b"text" * 100,
        gzip.compress(gzip.decompress(whole)[:-100]),
    ):
        path.write_bytes(raw)
        with pytest.raises(InputError, match=r"ct\.nii\.gz"):
            read_volume_file(path)


def test_nifti_with_two_voxel_sizes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ct.nii"
    write_volume(Volume(np.zeros((4, 4, 4), np.int16), np.diag([0.7, 0.7, 1.0, 1.0])), path)
    raw = bytearray(path.read_bytes())
    raw[80:84] = np.float32(1.4).tobytes()
    path.write_bytes(bytes(raw))
    with pytest.raises(InputError) as error:
        read_volume_file(path)
    assert "two different voxel sizes" in str(error.value)


def smooth_stack() -> np.ndarray:
    k, j, i = np.meshgrid(np.arange(24), np.arange(48), np.arange(48), indexing="ij")
    inside = ((j - 24) / 18.0) ** 2 + ((i - 24 - 0.3 * k) / 14.0) ** 2 < 1
    image = np.where(inside, 40.0, -900.0) + np.random.default_rng(3).normal(0, 20, inside.shape)
    return np.clip(image, -1024, 3000).astype(np.int16)


def test_a_whole_stack_shows_no_damage() -> None:
    assert damage_signs(smooth_stack()) == []


@pytest.mark.parametrize("k", [0, 11, 23])
@pytest.mark.parametrize("place", [(24, 24), (0, 0), (47, 10)])
def test_a_single_impossible_voxel_is_found(k: int, place: tuple[int, int]) -> None:
    array = smooth_stack()
    array[k][place] += 2048
    signs = damage_signs(array)
    assert len(signs) == 1 and f"slice {k}" in signs[0]


def test_swapped_and_foreign_slices_are_found() -> None:
    array = smooth_stack()
    array[[9, 10]] = array[[10, 9]]
    assert any("slice 9 and slice 10" in sign for sign in damage_signs(array))
    array = smooth_stack()
    array[12] = array[12, ::-1, ::-1] * 0 + 40
    assert any("slice 12" in sign for sign in damage_signs(array))


@pytest.mark.parametrize("seed", range(4))
def test_slices_of_noise_alone_have_no_order_that_could_be_wrong(seed: int) -> None:
    array = np.random.default_rng(seed).normal(-300.0, 120.0, (24, 48, 48)).astype(np.int16)
    assert not any("swapped" in sign for sign in damage_signs(array))


def with_calcification() -> np.ndarray:
    """A dense spot under a millimetre wide, blurred in the plane as a scanner does (sigma 0.55 mm, 0.9 mm pixels)."""
    array = smooth_stack().astype(np.float64)
    j, i = np.meshgrid(np.arange(48) - 24, np.arange(48) - 24, indexing="ij")
    array[12] += 1400.0 * np.exp(-0.5 * (0.9 / 0.55) ** 2 * (j**2 + i**2))
    return array.astype(np.int16)


def test_what_only_one_of_distant_slices_shows_is_no_damage() -> None:
    assert damage_signs(with_calcification(), increment_mm=2.0) == []
    assert len(damage_signs(with_calcification(), increment_mm=1.0)) == 1  # between contiguous slices nothing ends so sharply


@pytest.mark.parametrize("place", [(6, 24), (24, 11), (24, 24)])
def test_a_flipped_high_bit_is_found_at_the_edge_of_a_body_in_distant_slices_too(place: tuple[int, int]) -> None:
    array = smooth_stack()
    array[11][place] += 4096
    assert [("slice 11" in sign) for sign in damage_signs(array, increment_mm=3.0)] == [True]


@pytest.mark.parametrize("increment_mm", [2.0, 3.0])
@pytest.mark.parametrize("k", [0, 11, 23])
def test_damage_between_distant_slices_is_found(k: int, increment_mm: float) -> None:
    array = smooth_stack()
    array[k, 24, 24] += 2048
    assert [f"slice {k}" in sign for sign in damage_signs(array, increment_mm=increment_mm)] == [True]
    array = smooth_stack()
    array[k] = 40
    assert any(f"slice {k}" in sign for sign in damage_signs(array, increment_mm=increment_mm))


def test_exchanged_distant_slices_are_named_and_no_others() -> None:
    array = smooth_stack()
    array[[5, 18]] = array[[18, 5]]
    assert damage_signs(array) == ["slices seem to be exchanged, each fits the other's place: slice 5 and slice 18"]


def test_lossless_jpeg_must_account_for_all_its_bits(tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm", reason="the decoder of compressed DICOM is not installed")
    from pydicom import dcmread
    from pydicom.encaps import get_frame

    from SenseCarePlanningLib.dicomio.jpeg_lossless import accounts_for_stream
    from SenseCarePlanningLib.dicomio.write_ct import write_ct_series

    path = write_ct_series(Volume(smooth_stack()[:2], np.eye(4)), tmp_path / "s")[0]
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    data = dcmread(path)
    frame = get_frame(data.PixelData, 0, number_of_frames=1)
    stored = np.ascontiguousarray(data.pixel_array)
    assert accounts_for_stream(frame, stored) is True
    shifted = stored.copy()
    shifted[10:] = np.roll(stored[10:], 1, axis=1)
    assert accounts_for_stream(frame, shifted) is False


def test_dates_are_read_or_unknown_and_identity_is_never_printed() -> None:
    assert (iso_date("20240131"), iso_date("2024.01.31"), iso_date("yesterday"), iso_date(None)) == (
        "2024-01-31",
        "2024-01-31",
        None,
        None,
    )
    assert (iso_time("093015.123"), iso_time("0930"), iso_time("x")) == ("09:30:15", "09:30:00", None)
    assert "Doe" not in repr(StudyInfo(patient_name="Doe^Jane", patient_id="77"))


def blobs(shift: float = 0.0) -> np.ndarray:
    """Forty slices of 96 x 96 pixels with soft tissue that changes slowly along the body; from slice 20 on moved in the plane."""
    rng = np.random.default_rng(3)
    field = ndimage.gaussian_filter(rng.normal(size=(60, 140, 140)), (5.0, 4.0, 4.0))
    field = 400.0 * field / field.std()
    moved = ndimage.shift(field, (0.0, shift, shift), order=1, mode="nearest")
    array = np.where(np.arange(60)[:, None, None] < 20, field, moved)[:, 20:116, 20:116]
    return np.clip(array, -500, 900).astype(np.int16)


def test_a_step_between_heart_beats_is_no_damage_and_missing_slices_are() -> None:
    step = blobs(5.0)
    assert any("does not go on" in sign for sign in damage_signs(step))
    assert damage_signs(step, beating=True) == []
    whole = blobs()
    torn = np.concatenate([whole[:20], whole[32:]])
    assert any("does not go on" in sign for sign in damage_signs(torn, beating=True))
