"""Loading end to end: a small digital chest as DICOM, whole and broken; real CT; DICOM SEG."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from SenseCarePlanningLib.dicomio.files import sitk_from_volume
from SenseCarePlanningLib.dicomio.load import load_image
from SenseCarePlanningLib.dicomio.seg import SegmentDescription, read_seg, write_seg
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.errors import InputError
from SenseCarePlanningLib.report.model import Code
from SenseCarePlanningLib.volume import LabelMap, Volume

TESTING = Path(__file__).resolve().parents[1]
DATA = TESTING.parent.parent / "shared" / "data"
RICORD = DATA / "chest_ct" / "ricord_1a_001012_dicom"


sys.path.insert(0, str(TESTING / "Benchmarks"))
CASES = importlib.import_module("bad_input_cases")
BASE = importlib.import_module("bad_input_base")
CODED = importlib.import_module("bad_input_coded")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> object:
    volume = BASE.digital_chest()
    folder = tmp_path_factory.mktemp("chest") / "series"
    write_ct_series(volume, folder, BASE.STUDY, kernel="STANDARD", kvp=120, slice_thickness_mm=2.5)
    return BASE.Base(folder, volume)


def test_a_written_series_is_read_back_exactly_with_study_and_acquisition(base: object) -> None:
    loaded = load_image(base.folder)  # type: ignore[attr-defined]
    truth = base.volume  # type: ignore[attr-defined]
    np.testing.assert_array_equal(loaded.volume.array_kji, truth.array_kji)
    np.testing.assert_allclose(loaded.volume.affine_ijk_to_lps, truth.affine_ijk_to_lps, atol=1e-6)
    assert loaded.study.patient_id == "BAD-INPUT" and loaded.study.study_date == "2024-01-02"
    assert loaded.study.birth_date is None and loaded.study.institution is None
    assert (loaded.volume.acquisition.kvp, loaded.volume.acquisition.kernel) == (120.0, "STANDARD")
    assert any("2.54 mm" in warning for warning in loaded.warnings)
    assert len(loaded.files) == 62 and "only series" in loaded.choice_reason


def test_a_ct_is_the_same_from_its_dicom_folder_and_from_an_image_file(tmp_path: Path) -> None:
    # Fitted to the written positions, the spacing has noise in its last digits.
    array = np.random.default_rng(1).integers(-1000, 200, (61, 48, 48)).astype(np.int16)
    affine = np.diag([0.7, 0.9, 1.0, 1.0])
    affine[:3, 3] = (-162.9, -103.173584437, -187.1040401056)
    write_ct_series(Volume(array, affine), tmp_path / "series", BASE.STUDY, kernel="STANDARD", slice_thickness_mm=1.0)
    sitk.WriteImage(sitk_from_volume(Volume(array, affine)), str(tmp_path / "ct.nrrd"))
    series, file = (load_image(tmp_path / name, require_chest=False).volume for name in ("series", "ct.nrrd"))
    np.testing.assert_array_equal(series.array_kji, file.array_kji)
    np.testing.assert_array_equal(series.affine_ijk_to_lps, file.affine_ijk_to_lps)
    assert series.grid.spacing_kji_mm == (1.0, 0.9, 0.7)


def test_the_same_series_has_the_same_uids_and_valid_ones(base: object, tmp_path: Path) -> None:
    again = write_ct_series(base.volume, tmp_path / "again", BASE.STUDY, kernel="STANDARD", kvp=120, slice_thickness_mm=2.5)  # type: ignore[attr-defined]
    first = sorted(base.folder.iterdir())  # type: ignore[attr-defined]
    uids = [pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in again]
    assert len(set(uids)) == 62 and all(uid.is_valid and uid.startswith("2.25.") for uid in uids)
    assert uids == [pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in first]


def test_a_series_is_not_written_into_a_folder_that_holds_something(base: object) -> None:
    with pytest.raises(InputError, match="not empty"):
        write_ct_series(base.volume, base.folder)  # type: ignore[attr-defined]


def test_every_problem_of_a_folder_is_told_at_once(base: object, tmp_path: Path) -> None:
    files = base.copy(tmp_path / "s")  # type: ignore[attr-defined]
    files[10].unlink()
    (tmp_path / "s" / "notes.dcm").write_text("no image")
    files[20].write_bytes(files[20].read_bytes()[:-500])
    BASE.edit(files[30], BASE.put(Modality="MR"))
    BASE.edit(files[40], BASE.delete("PixelSpacing"))
    with pytest.raises(InputError) as error:
        load_image(tmp_path / "s")
    text = "\n".join(error.value.problems)
    for part in (
        "notes.dcm is not a DICOM file",
        "cut short",
        files[20].name,
        "1 slices are missing",
        files[30].name,
        "PixelSpacing",
    ):
        assert part in text
    assert error.value.exit_code == 2


NAMES = (
    "nested folders",
    "a second series of sharp kernel",
    "oblique by 20 degrees",
    "left-handed (head first to feet first)",
    "12 bits with overlay above",
    "padding -2000",
    "MONOCHROME1, values in HU",
    "big endian",
    "implicit VR",
    "deflated",
    "enhanced, frames shuffled",
    "positions of neighbours swapped",
    "pixels of neighbours swapped",
    "slope 2 wrongly stated",
    "no rescale at all, stored values raised",
    "all files say MR",
    "only three slices",
    "a missing path",
    "an empty folder",
    "NIfTI raised by 1024",
    "4-D NIfTI",
    "RGB NIfTI",
    "NIfTI with NaN",
    "sheared NIfTI",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_odd_inputs(base: object, tmp_path: Path, name: str) -> None:
    case = next(case for case in CASES.all_cases() if case.name == name)
    made = case.make(base, tmp_path / "input", random.Random(name))
    if case.must == "refused":
        with pytest.raises(InputError) as error:
            load_image(made.path, series=made.series)
        assert error.value.user_message
        return
    loaded = load_image(made.path, series=made.series)
    truth = made.truth or base.volume  # type: ignore[attr-defined]
    np.testing.assert_array_equal(loaded.volume.array_kji, truth.array_kji)
    np.testing.assert_allclose(loaded.volume.affine_ijk_to_lps, truth.affine_ijk_to_lps, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CODED.SYNTAXES))
def test_compressed_series_are_read_exactly_and_a_damaged_frame_is_named(base: object, tmp_path: Path, name: str) -> None:
    pytest.importorskip("gdcm", reason="the decoder of compressed DICOM is not installed")
    files = base.copy(tmp_path / "s")  # type: ignore[attr-defined]
    for path in files:
        CODED.recode(path, CODED.SYNTAXES[name])
    loaded = load_image(tmp_path / "s")
    np.testing.assert_array_equal(loaded.volume.array_kji, base.volume.array_kji)  # type: ignore[attr-defined]
    data = pydicom.dcmread(files[5])
    data.PixelData = pydicom.encaps.encapsulate([random.Random(1).randbytes(3000)])
    data.save_as(files[5])
    with pytest.raises(InputError, match=files[5].name):
        load_image(tmp_path / "s")


def test_segments_may_overlap_and_come_back_voxel_for_voxel(base: object, tmp_path: Path) -> None:
    source = load_image(base.folder)  # type: ignore[attr-defined]
    array = source.volume.array_kji
    lungs = LabelMap((array < -500).astype(np.uint8) * 2, source.volume.affine_ijk_to_lps)
    spot = np.zeros(array.shape, np.uint8)
    spot[30, 50, 60] = 1
    airway = Code("89187006", "SCT", "Airway structure")
    segments = [
        (SegmentDescription(2, "lungs", color_rgb=(10, 200, 30)), lungs),
        (
            SegmentDescription(1, "airway", type=airway, algorithm="", color_rgb=(255, 0, 0)),
            LabelMap(spot, lungs.affine_ijk_to_lps),
        ),
        (SegmentDescription(3, "nothing"), lungs),
    ]
    assert write_seg(segments, source, tmp_path / "seg.dcm") is None
    found = read_seg(tmp_path / "seg.dcm", source.volume.grid)
    assert [description.label for description, _ in found] == ["lungs", "airway"]
    np.testing.assert_array_equal(found[0][1].array_kji, lungs.array_kji == 2)
    np.testing.assert_array_equal(found[1][1].array_kji, spot)
    assert found[1][0].type == airway and found[1][0].algorithm == ""
    assert np.abs(np.array(found[0][0].color_rgb) - (10, 200, 30)).max() <= 3
    alone = read_seg(tmp_path / "seg.dcm")[1][1]
    np.testing.assert_allclose(
        alone.grid.lps_from_kji(np.argwhere(alone.array_kji)[0]), source.volume.grid.lps_from_kji((30, 50, 60)), atol=1e-3
    )
    data = pydicom.dcmread(tmp_path / "seg.dcm", stop_before_pixels=True)
    assert data.PatientID == "BAD-INPUT" and data.FrameOfReferenceUID == source.study.frame_of_reference_uid


def test_nothing_to_write_and_no_dicom_source_are_said(base: object, tmp_path: Path) -> None:
    source = load_image(base.folder)  # type: ignore[attr-defined]
    empty = LabelMap(np.zeros(source.volume.array_kji.shape, np.uint8), source.volume.affine_ijk_to_lps)
    assert "nothing" in str(write_seg([(SegmentDescription(1, "x"), empty)], source, tmp_path / "seg.dcm"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not RICORD.is_dir(), reason="the development data is not beside the checkout")
def test_ricord_equals_the_independent_reader() -> None:
    import SimpleITK as sitk

    loaded = load_image(RICORD)
    assert loaded.volume.array_kji.shape == (248, 512, 512)
    np.testing.assert_allclose(loaded.volume.grid.spacing_ijk_mm, [0.703125, 0.703125, 1.25], atol=1e-6)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(RICORD)))
    peer = reader.Execute()
    np.testing.assert_allclose(loaded.volume.affine_ijk_to_lps[:3, 3], peer.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(
        loaded.volume.affine_ijk_to_lps[:3, :3] / peer.GetSpacing(), np.array(peer.GetDirection()).reshape(3, 3), atol=1e-6
    )
    np.testing.assert_array_equal(loaded.volume.array_kji, np.maximum(sitk.GetArrayFromImage(peer), -1024))
    assert loaded.volume.array_kji.min() == -1024
    mask = DATA / "chest_ct" / "peer_airway_ricord.nii.gz"
    from scipy import ndimage

    from SenseCarePlanningLib.dicomio.files import read_label_map

    airway = read_label_map(mask)
    assert airway.grid.same_as(loaded.volume.grid)
    core = ndimage.binary_erosion(airway.array_kji > 0, iterations=4)
    assert -1020 < np.median(loaded.volume.array_kji[core]) < -930


def test_two_patients_in_one_folder_are_never_guessed_between(tmp_path: Path) -> None:
    from SenseCarePlanningLib.dicomio.discover import choose_series
    from SenseCarePlanningLib.dicomio.study import SeriesInfo

    first = SeriesInfo(uid="1.2.3.111111111111", number=1, modality="CT", slice_count=300, extent_mm=300.0, eligible=True)
    second = SeriesInfo(
        uid="1.2.3.222222222222", number=1, modality="CT", slice_count=300, extent_mm=300.0, eligible=True, patient_number=2
    )
    with pytest.raises(InputError, match="several patients") as caught:
        choose_series([first, second])
    assert "222222222222" in "".join(caught.value.problems)
    assert choose_series([first, second], "222222222222")[0] is second
