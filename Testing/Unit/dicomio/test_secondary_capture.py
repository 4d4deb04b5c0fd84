"""Pictures as secondary captures: pixels and identity come back, and the same picture is the same object."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from SenseCarePlanningLib.dicomio.secondary_capture import NO_STUDY, Capture, read_capture, write_captures
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.errors import InputError

from .conftest import STUDY

OWNER = replace(STUDY, study_uid="2.25.5", study_time="10:11:12", accession_number="A1")


@pytest.fixture
def pictures() -> list[Capture]:
    random = np.random.default_rng(2)
    return [
        Capture("Airway tree", random.integers(0, 256, (21, 13, 3), dtype=np.uint8)),
        Capture("Axial slice", random.integers(0, 256, (7, 9), dtype=np.uint8), pixel_mm=0.5, names_patient=True),
    ]


def test_pixels_identity_and_series_come_back(pictures: list[Capture], tmp_path: Path) -> None:
    files, reason = write_captures(pictures, OWNER, tmp_path / "sc")
    assert reason is None and [file.name for file in files] == ["SC0001.dcm", "SC0002.dcm"]
    colour, grey = (pydicom.dcmread(file) for file in files)
    for data, picture in ((colour, pictures[0]), (grey, pictures[1])):
        np.testing.assert_array_equal(data.pixel_array, picture.pixels)
        assert data.SOPClassUID.name == "Secondary Capture Image Storage"
        assert (data.StudyInstanceUID, data.PatientID, str(data.PatientName)) == ("2.25.5", "SECRET7", "Doe^Jane")
        assert (data.StudyDate, data.StudyTime, data.AccessionNumber) == ("20240131", "101112", "A1")
        assert data.ImageComments == picture.name and len(data.PixelData) % 2 == 0
    assert (colour.PhotometricInterpretation, grey.PhotometricInterpretation) == ("RGB", "MONOCHROME2")
    assert colour.SeriesInstanceUID == grey.SeriesInstanceUID
    assert (colour.BurnedInAnnotation, grey.BurnedInAnnotation) == ("NO", "YES")
    assert "PixelSpacing" not in colour and [float(value) for value in grey.PixelSpacing] == [0.5, 0.5]


def test_the_same_picture_is_the_same_object(pictures: list[Capture], tmp_path: Path) -> None:
    first, _ = write_captures(pictures, OWNER, tmp_path / "first")
    second, _ = write_captures(pictures, OWNER, tmp_path / "second")
    changed, _ = write_captures([replace(pictures[0], pixels=pictures[0].pixels[::-1].copy())], OWNER, tmp_path / "changed")
    other, _ = write_captures(pictures, replace(OWNER, study_uid="2.25.6"), tmp_path / "other")
    numbers = [[pydicom.dcmread(file).SOPInstanceUID for file in files] for files in (first, second, changed, other)]
    assert numbers[0] == numbers[1]
    assert numbers[2][0] != numbers[0][0] and not set(numbers[3]) & set(numbers[0])


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcmtk (dcm2pnm) is not installed")
def test_dcmtk_shows_them(pictures: list[Capture], tmp_path: Path) -> None:
    files, _ = write_captures(pictures, OWNER, tmp_path)
    for file, picture in zip(files, pictures, strict=True):
        subprocess.run(["dcm2pnm", "-q", str(file), str(tmp_path / "shown.pnm")], check=True)
        shown = np.asarray(Image.open(tmp_path / "shown.pnm"))
        np.testing.assert_array_equal(shown, picture.pixels)


def test_without_a_study_nothing_is_written(pictures: list[Capture], tmp_path: Path) -> None:
    assert write_captures(pictures, StudyInfo(), tmp_path / "sc") == ([], NO_STUDY)
    assert not (tmp_path / "sc").exists()


def test_pictures_are_read_on_white_and_grey_ones_as_grey(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 3), (0, 0, 0, 0))
    clear.save(tmp_path / "tree_overview.png")
    Image.new("RGB", (4, 3), (10, 200, 30)).save(tmp_path / "colour.png")
    grey, colour = read_capture(tmp_path / "tree_overview.png"), read_capture(tmp_path / "colour.png", "Named")
    assert grey.name == "tree overview" and grey.pixels.shape == (3, 4) and (grey.pixels == 255).all()
    assert colour.name == "Named" and colour.pixels[0, 0].tolist() == [10, 200, 30]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"broken\.png"):
        read_capture(tmp_path / "broken.png")


@pytest.mark.parametrize("pixels", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros((0, 2), np.uint8)])
def test_what_is_no_picture_is_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a picture is uint8"):
        Capture("x", pixels)
