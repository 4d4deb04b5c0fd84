"""Damaged and odd inputs made from a small digital chest: what each is, and what a reader may answer."""

from __future__ import annotations

import gzip
import random
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
)
from scipy import ndimage

from SenseCarePlanningLib.dicomio.files import write_volume
from SenseCarePlanningLib.dicomio.study import StudyInfo
from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.volume import Volume

SHAPE_KJI = (62, 112, 128)
SPACING_MM = (2.6, 2.8, 2.54)
STUDY = StudyInfo(patient_name="Digital^Patient", patient_id="BAD-INPUT", study_date="2024-01-02", study_time="10:00:00", sex="O")


@dataclass(frozen=True)
class Made:
    """An input made: its path, and the volume it truly holds (None: the base volume)."""

    path: Path
    truth: Volume | None = None
    series: str | None = None


@dataclass(frozen=True)
class Base:
    """The undamaged series that cases are made from."""

    folder: Path
    volume: Volume

    def copy(self, target: Path) -> list[Path]:
        """Copy the series; returns its files in the order of k."""
        shutil.copytree(self.folder, target)
        return sorted(target.iterdir())


@dataclass(frozen=True)
class Case:
    """One input. ``must`` is "right", "refused", or "" when either will do; ``partial`` allows end slices to be left out."""

    name: str
    group: str
    make: Callable[[Base, Path, random.Random], Made]
    must: str = ""
    partial: bool = False


def digital_chest(shape_kji: tuple[int, int, int] = SHAPE_KJI, noise_hu: float = 20.0, seed: int = 0) -> Volume:
    """Return a chest of ellipsoids with exact values: body, two lungs, heart, spine, trachea, vessels."""
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = [-SPACING_MM[0] * shape_kji[2] / 2, -SPACING_MM[1] * shape_kji[1] / 2, -300.0]
    k, j, i = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape_kji), indexing="ij")
    x = i * SPACING_MM[0] + affine[0, 3]
    y = j * SPACING_MM[1] + affine[1, 3]
    z = k * SPACING_MM[2] - SPACING_MM[2] * shape_kji[0] / 2

    def ellipsoid(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Any:
        return sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True)) < 1

    image = np.full(shape_kji, -1000.0, dtype=np.float32)
    image[((x / 150) ** 2 + (y / 105) ** 2 < 1)] = -90
    image[((x / 140) ** 2 + (y / 95) ** 2 < 1)] = 45
    for side in (-1, 1):
        image[ellipsoid((side * 72, 0, -10), (52, 72, 85))] = -850
        for n in range(14):
            line = ((y - 30 + 5 * n + 0.2 * z) ** 2 + (z + 60 - 9 * n) ** 2 < (5 - 0.25 * n) ** 2) & (abs(x - side * 68) < 46)
            image[line & (image < -400)] = 30
    image[ellipsoid((12, -15, -30), (48, 42, 50))] = 40
    image[(x**2 / 400 + (y - 72) ** 2 / 280 < 1)] = 180 + 60 * np.sin(z / 5)[(x**2 / 400 + (y - 72) ** 2 / 280 < 1)]
    image[((x - 2) ** 2 + (y - 15) ** 2 < 81) & (z > 0)] = -1000
    image = ndimage.gaussian_filter(image, 0.7)
    image += ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, noise_hu * 2.2, shape_kji), 0.5)
    return Volume(np.clip(np.rint(image), -1024, 3071).astype(np.int16), affine)


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    """Change one DICOM file in place."""
    data = pydicom.dcmread(path)
    change(data)
    data.save_as(path)


def edit_all(change: Callable[[Dataset], None]) -> Callable[[Base, Path, random.Random], Made]:
    """Return a maker that changes every file the same way."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        for path in base.copy(target):
            edit(path, change)
        return Made(target)

    return make


def edit_one(change: Callable[[Dataset], None], at: int | None = None) -> Callable[[Base, Path, random.Random], Made]:
    """Return a maker that changes one file."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        edit(files[at if at is not None else rng.randrange(4, len(files) - 4)], change)
        return Made(target)

    return make


def edit_bytes(change: Callable[[bytearray, random.Random, int], Any], at: int | None = None) -> Callable[..., Made]:
    """Return a maker that changes the bytes of one file; ``change`` gets the offset of the pixels."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        path = files[at if at is not None else rng.randrange(len(files))]
        raw = bytearray(path.read_bytes())
        pixels = raw.find(b"\xe0\x7f\x10\x00") + 12
        changed = change(raw, rng, pixels)
        path.write_bytes(bytes(raw if changed is None else changed))
        return Made(target)

    return make


def flip(raw: bytearray, position: int, rng: random.Random) -> None:
    """Flip one random bit of a byte."""
    raw[position] ^= 1 << rng.randrange(8)


def delete(keyword: str) -> Callable[[Dataset], None]:
    """Return an edit that deletes an attribute."""

    def change(data: Dataset) -> None:
        if keyword in data:
            del data[keyword]

    return change


def put(**values: Any) -> Callable[[Dataset], None]:
    """Return an edit that sets attributes."""

    def change(data: Dataset) -> None:
        for keyword, value in values.items():
            if keyword.startswith("PixelPadding"):
                data.add_new(keyword, "SS", value)
            else:
                setattr(data, keyword, value)

    return change


TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Manufacturer",
    "StudyID",
    "SeriesNumber",
    "InstanceNumber",
    "AcquisitionNumber",
    "KVP",
    "SliceThickness",
    "SpacingBetweenSlices",
    "ConvolutionKernel",
    "PatientPosition",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceLocation",
    "PixelSpacing",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "WindowCenter",
    "SpecificCharacterSet",
    "PixelData",
]


def damage_cases() -> list[Case]:
    """Truncation, flipped bits, lost sectors, missing attributes."""
    cases = []

    def cut(raw: bytearray, rng: random.Random, pixels: int) -> bytes:
        return bytes(raw[: rng.randrange(1, len(raw))])

    def cut_header(raw: bytearray, rng: random.Random, pixels: int) -> bytes:
        return bytes(raw[: rng.randrange(1, pixels)])

    def flip_header(raw: bytearray, rng: random.Random, pixels: int) -> None:
        flip(raw, rng.randrange(128, pixels), rng)

    def flip_pixels(raw: bytearray, rng: random.Random, pixels: int) -> None:
        for _ in range(rng.choice([1, 1, 10])):
            position = pixels + 1 + 2 * rng.randrange((len(raw) - pixels) // 2)
            raw[position] ^= 1 << rng.choice([3, 4, 5, 6, 7])

    def sector(fill: Callable[[random.Random], bytes]) -> Callable[[bytearray, random.Random, int], None]:
        def change(raw: bytearray, rng: random.Random, pixels: int) -> None:
            start = rng.randrange(pixels + 4000, len(raw) - 6000)
            raw[start : start + 2048] = fill(rng)

        return change

    cases += [Case(f"cut short {n}", "truncated", edit_bytes(cut), "refused") for n in range(15)]
    cases += [Case(f"cut in the header {n}", "truncated", edit_bytes(cut_header), "refused") for n in range(10)]
    cases += [Case("first file cut short", "truncated", edit_bytes(cut, 0), "refused")]
    cases += [Case("last file cut short", "truncated", edit_bytes(cut, -1), "refused")]
    cases += [Case(f"bit flipped in a header {n}", "header bit flips", edit_bytes(flip_header), partial=True) for n in range(60)]
    cases += [Case(f"high bit flipped in pixels {n}", "pixel bit flips", edit_bytes(flip_pixels)) for n in range(20)]
    cases += [Case(f"sector of zeros {n}", "lost sectors", edit_bytes(sector(lambda rng: bytes(2048)), 50 + n)) for n in range(4)]
    cases += [
        Case(f"garbage sector {n}", "lost sectors", edit_bytes(sector(lambda rng: rng.randbytes(2048)), 40 + n)) for n in range(4)
    ]
    cases += [Case(f"one file without {tag}", "missing attribute", edit_one(delete(tag)), partial=True) for tag in TAGS]
    cases += [Case(f"no file with {tag}", "missing attribute", edit_all(delete(tag))) for tag in TAGS]
    cases += [
        Case(f"{tag} empty in one file", "empty attribute", edit_one(put(**{tag: None})))
        for tag in TAGS
        if tag not in ("PixelData",)
    ]
    return cases


def _swap(keyword: str, first: int, second: int) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        one, two = pydicom.dcmread(files[first]), pydicom.dcmread(files[second])
        value = one[keyword].value
        setattr(one, keyword, two[keyword].value)
        setattr(two, keyword, value)
        one.save_as(files[first])
        two.save_as(files[second])
        return Made(target)

    return make


def _remove(*indices: int) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        for index in indices:
            files[index].unlink()
        return Made(target)

    return make


def _duplicate(change: Callable[[Dataset], None] | None) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        copy = target / "copy of a slice.dcm"
        shutil.copy(files[30], copy)
        if change is not None:
            edit(copy, change)
        return Made(target)

    return make


def _rename(name: Callable[[int, random.Random], str], nested: bool = False) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        names = [name(k, rng) for k in range(len(files))]
        for path, new in zip(files, names, strict=True):
            folder = target / f"disk {rng.randrange(3)}" / "x" if nested else target
            folder.mkdir(parents=True, exist_ok=True)
            path.rename(folder / new)
        return Made(target)

    return make


def _add(name: str, content: Callable[[Path], bytes]) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        (target / name).write_bytes(content(files[0]))
        return Made(target)

    return make


def _move(shift: Callable[[int], tuple[float, float, float]]) -> Callable[[Base, Path, random.Random], Made]:
    """Move the position of slice k by a vector."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        for k, path in enumerate(base.copy(target)):
            delta = shift(k)
            edit(
                path,
                lambda data, delta=delta: put(
                    ImagePositionPatient=[float(p) + d for p, d in zip(data.ImagePositionPatient, delta, strict=True)]
                )(data),
            )  # type: ignore[misc]
        return Made(target)

    return make


def _other_grid(change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Callable[[Base, Path, random.Random], Made]:
    """Write the volume on a changed affine; the reader may turn the k axis so that the grid is right-handed."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        affine = change(base.volume.affine_ijk_to_lps.copy())
        volume = replace(base.volume, affine_ijk_to_lps=affine)
        write_ct_series(volume, target, STUDY, slice_thickness_mm=float(np.linalg.norm(affine[:3, 2])))
        return Made(target, right_handed(volume))

    return make


def right_handed(volume: Volume) -> Volume:
    """Return the same voxels with k turned when the grid is left-handed."""
    affine = volume.affine_ijk_to_lps
    if np.linalg.det(affine[:3, :3]) > 0:
        return volume
    turned = affine.copy()
    turned[:3, 3] = volume.grid.lps_from_ijk((0, 0, volume.array_kji.shape[0] - 1))
    turned[:3, 2] = -affine[:3, 2]
    return replace(volume, array_kji=volume.array_kji[::-1], affine_ijk_to_lps=turned)


def _rotation(degrees: float) -> np.ndarray[Any, Any]:
    a, b = np.radians(degrees), np.radians(degrees / 2)
    turn_x = np.array([[1, 0, 0, 0], [0, np.cos(a), -np.sin(a), 0], [0, np.sin(a), np.cos(a), 0], [0, 0, 0, 1]])
    turn_z = np.array([[np.cos(b), -np.sin(b), 0, 0], [np.sin(b), np.cos(b), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    return np.asarray(turn_z @ turn_x)


def _second_series(
    change: Callable[[Dataset], None], count: int | None, **made: Any
) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        for n, path in enumerate(files[:count]):
            other = target / f"other{n:04d}.dcm"
            shutil.copy(path, other)

            def both(data: Dataset, n: int = n) -> None:
                put(SeriesInstanceUID="2.25.99", SeriesNumber=9, SOPInstanceUID=f"2.25.99{n:05d}")(data)
                data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
                change(data)

            edit(other, both)
        return Made(target, **made)

    return make


def series_cases() -> list[Case]:
    """Wrong or odd sets of slices, and geometry."""
    group = "slices and geometry"
    text = b"This is a text file, not an image.\n" * 20
    return [
        Case("untouched", group, lambda base, target, rng: (base.copy(target), Made(target))[1], "right"),
        Case("positions of neighbours swapped", group, _swap("ImagePositionPatient", 40, 41), "refused"),
        Case("positions of distant slices swapped", group, _swap("ImagePositionPatient", 20, 50), "refused"),
        Case("pixels of neighbours swapped", group, _swap("PixelData", 50, 51), "refused"),
        Case("pixels of distant slices swapped", group, _swap("PixelData", 20, 50), "refused"),
        Case("instance numbers swapped", group, _swap("InstanceNumber", 40, 50)),
        Case("one slice missing", group, _remove(50), "refused"),
        Case("five slices missing", group, _remove(10, 11, 12, 40, 50), "refused"),
        Case("every second slice missing", group, _remove(*range(1, 62, 2))),
        Case("first slice missing", group, _remove(0), "right", partial=True),
        Case("last slice missing", group, _remove(-1), "right", partial=True),
        Case("two thirds of the slices missing at one end", group, _remove(*range(25, 62)), "refused"),
        Case("exact copy of a slice", group, _duplicate(None)),
        Case("same slice with another UID", group, _duplicate(put(SOPInstanceUID="2.25.7")), "refused"),
        Case("other slice with the same UID", group, _swap("SOPInstanceUID", 3, 3)),
        Case("duplicated SOP Instance UID", group, lambda base, target, rng: _same_uid(base, target), "refused"),
        Case("file names in random order", group, _rename(lambda k, rng: f"{rng.random()}.dcm"), "right"),
        Case("no file extension", group, _rename(lambda k, rng: f"I{k}"), "right"),
        Case("nested folders", group, _rename(lambda k, rng: f"{k}", nested=True), "right"),
        Case("a text file called .dcm", group, _add("notes.dcm", lambda path: text), "refused"),
        Case("a text file called .txt", group, _add("notes.txt", lambda path: text), "right"),
        Case("an empty .dcm", group, _add("empty.dcm", lambda path: b""), "refused"),
        Case("an empty file", group, _add("empty", lambda path: b""), "right"),
        Case("a picture called .dcm", group, _add("picture.dcm", lambda path: b"\x89PNG\r\n\x1a\n" + bytes(4000)), "refused"),
        Case("an image file beside", group, _add("mask.nii.gz", lambda path: gzip.compress(bytes(400))), "right"),
        Case("zeros called .dcm", group, _add("zeros.dcm", lambda path: bytes(40000)), "refused"),
        Case("preamble and nothing else", group, _add("head.dcm", lambda path: bytes(128) + b"DICM"), "refused"),
        Case("one file says MR", group, edit_one(put(Modality="MR")), "refused"),
        Case("all files say MR", group, edit_all(put(Modality="MR")), "refused"),
        Case("all files of class MR", group, edit_all(put(SOPClassUID="1.2.840.10008.5.1.4.1.1.4", Modality="MR")), "refused"),
        Case("secondary captures", group, edit_all(put(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")), "refused"),
        Case("another patient's slice", group, edit_one(put(PatientID="SOMEONE-ELSE")), "refused"),
        Case("another frame of reference in one", group, edit_one(put(FrameOfReferenceUID="2.25.5")), "refused"),
        Case("another size in one", group, edit_one(put(Rows=128, Columns=112)), "refused"),
        Case("another pixel spacing in one", group, edit_one(put(PixelSpacing=[2.8, 2.7])), "refused"),
        Case("another orientation in one", group, edit_one(put(ImageOrientationPatient=[0, 1, 0, 1, 0, 0])), "refused"),
        Case("scout orientation in half", group, lambda base, target, rng: _half_coronal(base, target), "refused"),
        Case("orientation not of length 1", group, edit_all(put(ImageOrientationPatient=[2, 0, 0, 0, 1, 0])), "refused"),
        Case(
            "orientation not at right angles", group, edit_all(put(ImageOrientationPatient=[1, 0, 0, 0.5, 0.866, 0])), "refused"
        ),
        Case("pixel spacing zero", group, edit_all(put(PixelSpacing=[0, 0])), "refused"),
        Case("pixel spacing negative", group, edit_all(put(PixelSpacing=[-2.6, 2.6])), "refused"),
        Case("pixel spacing of 26 mm", group, edit_all(put(PixelSpacing=[28, 26])), "refused"),
        Case("gantry tilted by 15 degrees", group, _move(lambda k: (0.0, k * 2.54 * np.tan(np.radians(15)), 0.0)), "refused"),
        Case("gantry tilted by 1 degree", group, _move(lambda k: (0.0, k * 2.54 * np.tan(np.radians(1)), 0.0)), "refused"),
        Case("one slice moved sideways", group, _move(lambda k: (5.0 if k == 40 else 0.0, 0.0, 0.0)), "refused"),
        Case("one slice 0.6 mm off", group, _move(lambda k: (0.0, 0.0, 0.6 if k == 40 else 0.0)), "refused"),
        Case("positions rounded to 0.1 mm", group, _move(lambda k: (0.0, 0.0, round(2.54 * k, 1) - 2.54 * k)), "right"),
        Case("one slice far away", group, _move(lambda k: (0.0, 0.0, 1e6 if k == 40 else 0.0)), "refused"),
        Case("all at one position", group, _move(lambda k: (0.0, 0.0, -2.54 * k)), "refused"),
        Case(
            "half with 2.5 mm, half with 1.5 mm",
            group,
            _move(lambda k: (0.0, 0.0, -1.0 * (k - 31) if k > 31 else 0.0)),
            "refused",
        ),
        Case("slices growing apart", group, _move(lambda k: (0.0, 0.0, 0.002 * k * k)), "refused"),
        Case(
            "slices 4.5 mm apart",
            group,
            _other_grid(lambda affine: affine @ np.diag([1.0, 1, 4.5 / SPACING_MM[2], 1])),
            "refused",
        ),
        Case("slices 3 mm apart", group, _other_grid(lambda affine: affine @ np.diag([1.0, 1, 3 / SPACING_MM[2], 1])), "right"),
        Case("slices 5 mm thick", group, edit_all(put(SliceThickness="5")), "refused"),
        Case("only three slices", group, _remove(*range(3, 62)), "refused"),
        Case("a single slice", group, _remove(*range(1, 62)), "refused"),
        Case("oblique by 20 degrees", group, _other_grid(lambda affine: _rotation(20) @ affine), "right"),
        Case("turned by 180 degrees about z", group, _other_grid(lambda affine: np.diag([-1.0, -1, 1, 1]) @ affine), "right"),
        Case(
            "left-handed (head first to feet first)",
            group,
            _other_grid(lambda affine: affine @ np.diag([1.0, 1, -1, 1])),
            "right",
        ),
        Case("mirrored rows", group, _other_grid(lambda affine: affine @ np.diag([-1.0, 1, 1, 1])), "right"),
        Case("a second series of scouts", group, _second_series(put(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), 2), "right"),
        Case(
            "a second series of MIPs",
            group,
            _second_series(put(ImageType=["DERIVED", "SECONDARY", "AXIAL", "MIP"]), None),
            "right",
        ),
        Case("a second series of sharp kernel", group, _second_series(put(ConvolutionKernel="LUNG"), None), "right"),
        Case("the second series by number", group, _second_series(put(ConvolutionKernel="LUNG"), None, series="9"), "right"),
        Case("a series number that is not there", group, _second_series(put(KVP="80"), None, series="77"), "refused"),
        Case("scouts in the same series", group, _scouts_inside, "right"),
        Case("a missing path", group, lambda base, target, rng: Made(target / "nothing"), "refused"),
        Case("an empty folder", group, lambda base, target, rng: (target.mkdir(), Made(target))[1], "refused"),
        Case("a folder of text", group, _text_folder, "refused"),
    ]


def _same_uid(base: Base, target: Path) -> Made:
    files = base.copy(target)
    uid = pydicom.dcmread(files[10]).SOPInstanceUID
    edit(files[11], put(SOPInstanceUID=uid))
    return Made(target)


def _half_coronal(base: Base, target: Path) -> Made:
    for path in base.copy(target)[::2]:
        edit(path, put(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]))
    return Made(target)


def _scouts_inside(base: Base, target: Path, rng: random.Random) -> Made:
    files = base.copy(target)
    for n, path in enumerate(files[:2]):
        other = target / f"scout{n}.dcm"
        shutil.copy(path, other)
        edit(
            other,
            put(
                ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
                SOPInstanceUID=f"2.25.55{n}",
                ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
                InstanceNumber=900 + n,
            ),
        )
    return Made(target)


def _text_folder(base: Base, target: Path, rng: random.Random) -> Made:
    target.mkdir()
    for n in range(5):
        (target / f"page{n}.txt").write_text("no image here")
    return Made(target)


def _stored(
    change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]], **tags: Any
) -> Callable[[Base, Path, random.Random], Made]:
    """Change the stored values (int32 in, 16-bit out) and attributes of all files."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        for path in base.copy(target):

            def both(data: Dataset) -> None:
                values = np.frombuffer(data.PixelData, np.int16).astype(np.int32)
                data.PixelData = (change(values) & 0xFFFF).astype(np.uint16).tobytes()
                put(**tags)(data)

            edit(path, both)
        return Made(target)

    return make


def _padded(value: int, **tags: Any) -> Callable[[Base, Path, random.Random], Made]:
    """Fill the corner outside a circle with a padding value; the truth there is air at the floor."""

    def make(base: Base, target: Path, rng: random.Random) -> Made:
        rows, columns = base.volume.array_kji.shape[1:]
        y, x = np.ogrid[:rows, :columns]
        outside = (y - rows / 2) ** 2 + (x - columns / 2) ** 2 > (min(rows, columns) / 2 - 1) ** 2
        for path in base.copy(target):

            def both(data: Dataset) -> None:
                values = np.frombuffer(data.PixelData, np.int16).astype(np.int32).reshape(rows, columns)
                data.PixelData = (np.where(outside, value, values) & 0xFFFF).astype(np.uint16).tobytes()
                put(**tags)(data)

            edit(path, both)
        truth = base.volume.array_kji.copy()
        truth[:, outside] = -1024
        return Made(target, replace(base.volume, array_kji=truth))

    return make


def value_cases() -> list[Case]:
    """Rescale, padding, bits and photometric interpretation."""
    group = "values"
    overlay = np.arange(SHAPE_KJI[1] * SHAPE_KJI[2]) % 3 * 0x2000

    def without_rescale(data: Dataset) -> None:
        delete("RescaleSlope")(data)
        delete("RescaleIntercept")(data)

    def hu_without_rescale(data: Dataset) -> None:
        values = np.frombuffer(data.PixelData, np.int16) - 1024
        data.PixelData = values.astype(np.int16).tobytes()
        without_rescale(data)

    def varying(base: Base, target: Path, rng: random.Random) -> Made:
        for k, path in enumerate(base.copy(target)):
            shift = k % 5

            def both(data: Dataset, shift: int = shift) -> None:
                data.PixelData = (np.frombuffer(data.PixelData, np.int16) + shift).astype(np.int16).tobytes()
                data.RescaleIntercept = -1024 - shift

            edit(path, both)
        return Made(target)

    return [
        Case("slope 0.5 rightly applied", group, _stored(lambda v: 2 * v, RescaleSlope="0.5"), "right"),
        Case("slope 2 wrongly stated", group, edit_all(put(RescaleSlope="2")), "refused"),
        Case("slope 0.5 wrongly stated", group, edit_all(put(RescaleSlope="0.5")), "refused"),
        Case("slope 0", group, edit_all(put(RescaleSlope="0")), "refused"),
        Case("slope negative", group, edit_all(put(RescaleSlope="-1")), "refused"),
        Case("intercept 0 wrongly stated", group, edit_all(put(RescaleIntercept="0")), "refused"),
        Case("intercept -2048 wrongly stated", group, edit_all(put(RescaleIntercept="-2048")), "refused"),
        Case("intercept differs in one", group, edit_one(put(RescaleIntercept="-1000")), "refused"),
        Case("slope differs in one", group, edit_one(put(RescaleSlope="1.1")), "refused"),
        Case("intercept varies, rightly", group, varying, "right"),
        Case("no rescale at all, stored values raised", group, edit_all(without_rescale), "refused"),
        Case("no rescale at all, stored values in HU", group, edit_all(hu_without_rescale), "right"),
        Case("intercept 0, stored values in HU", group, _stored(lambda v: v - 1024, RescaleIntercept="0"), "right"),
        Case("unsigned pixels", group, _stored(lambda v: v, PixelRepresentation=0), "right"),
        Case(
            "12 bits with overlay above",
            group,
            _stored(lambda v: np.clip(v, 0, 4095) | _tiled(overlay, v), BitsStored=12, HighBit=11, PixelRepresentation=0),
            "right",
        ),
        Case(
            "12 bits signed",
            group,
            _stored(lambda v: (v - 1024) & 0xFFF, BitsStored=12, HighBit=11, RescaleIntercept="0"),
            "right",
        ),
        Case("high bit at odd place", group, edit_all(put(HighBit=11)), "refused"),
        Case("bits stored 0", group, edit_all(put(BitsStored=0)), "refused"),
        Case("8 bits", group, edit_all(put(BitsAllocated=8, BitsStored=8, HighBit=7)), "refused"),
        Case("padding -2000", group, _padded(-2000, PixelPaddingValue=-2000), "right"),
        Case("padding -2000 not stated", group, _padded(-2000), "right"),
        Case("padding high and stated", group, _padded(32000, PixelPaddingValue=32000), "right"),
        Case("padding high, written unsigned", group, _padded(63536, PixelPaddingValue=63536 - 65536), "right"),
        Case("padding range", group, _padded(-3000, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-4000), "right"),
        Case("padding value among tissue", group, edit_all(put(PixelPaddingValue=1064)), "right"),
        Case("MONOCHROME1, values in HU", group, edit_all(put(PhotometricInterpretation="MONOCHROME1")), "right"),
        Case(
            "MONOCHROME1, values inverted",
            group,
            _stored(
                lambda v: 4095 - np.clip(v, 0, 4095),
                PhotometricInterpretation="MONOCHROME1",
                BitsStored=12,
                HighBit=11,
                PixelRepresentation=0,
            ),
        ),
        Case("inverted values", group, _stored(lambda v: 4095 - v), "refused"),
        Case("RGB said", group, edit_all(put(PhotometricInterpretation="RGB", SamplesPerPixel=3)), "refused"),
        Case("all zero", group, _stored(lambda v: v * 0), "refused"),
        Case("only noise", group, _stored(lambda v: np.random.default_rng(1).integers(0, 4000, v.shape)), "refused"),
        Case("half the contrast", group, _stored(lambda v: v // 2), "refused"),
        Case("two slices mirrored", group, _mirrored, "refused"),
        Case("a slice of zeros", group, edit_one(lambda data: put(PixelData=bytes(len(data.PixelData)))(data)), "refused"),
        Case(
            "first slice of noise",
            group,
            edit_one(lambda data: put(PixelData=random.Random(1).randbytes(len(data.PixelData)))(data), 0),
            "refused",
        ),
        Case("a slice from elsewhere", group, _foreign, "refused"),
    ]


def _tiled(overlay: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.resize(overlay, values.shape)


def _mirrored(base: Base, target: Path, rng: random.Random) -> Made:
    rows, columns = base.volume.array_kji.shape[1:]
    for path in base.copy(target)[40:42]:
        edit(
            path, lambda data: put(PixelData=np.frombuffer(data.PixelData, np.int16).reshape(rows, columns)[::-1].tobytes())(data)
        )
    return Made(target)


def _foreign(base: Base, target: Path, rng: random.Random) -> Made:
    files = base.copy(target)
    other = pydicom.dcmread(files[5]).PixelData
    edit(files[45], put(PixelData=other))
    return Made(target)


def recode(path: Path, syntax: str) -> None:
    """Write one file in another transfer syntax."""
    if syntax in (DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian):
        data = pydicom.dcmread(path)
        if syntax == ExplicitVRBigEndian:
            data.PixelData = np.frombuffer(data.PixelData, "<u2").byteswap().tobytes()
        data.file_meta.TransferSyntaxUID = syntax
        data.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
        return
    if syntax == "1.2.840.10008.1.2.5":
        data = pydicom.dcmread(path)
        data.compress(syntax, generate_instance_uid=False)
        data.save_as(path)
        return
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise RuntimeError("gdcm cannot read the base series")
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise RuntimeError(f"gdcm cannot encode {syntax}")
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise RuntimeError("gdcm cannot write")


SYNTAXES = {
    "RLE": "1.2.840.10008.1.2.5",
    "JPEG Lossless": str(JPEGLosslessSV1),
    "JPEG-LS": str(JPEGLSLossless),
    "JPEG 2000": str(JPEG2000Lossless),
}


def _recoded(
    syntax: str, damage: Callable[[bytearray, random.Random], bytes] | None
) -> Callable[[Base, Path, random.Random], Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        files = base.copy(target)
        chosen = files if damage is None else files[20:40]
        for path in chosen:
            recode(path, syntax)
        if damage is not None:
            path = rng.choice(files[22:38])
            data = pydicom.dcmread(path)
            frame = bytearray(get_frame(data.PixelData, 0, number_of_frames=1))
            data.PixelData = encapsulate([damage(frame, rng)])
            data.save_as(path)
        return Made(target)

    return make


def compression_cases() -> list[Case]:
    """Every transfer syntax that can be read, whole and damaged."""
    group = "compressed"

    def cut(frame: bytearray, rng: random.Random) -> bytes:
        return bytes(frame[: rng.randrange(20, len(frame) - 20)])

    def garbage(frame: bytearray, rng: random.Random) -> bytes:
        return rng.randbytes(len(frame))

    def flipped(low: int, high: int) -> Callable[[bytearray, random.Random], bytes]:
        def change(frame: bytearray, rng: random.Random) -> bytes:
            flip(frame, rng.randrange(low, min(high, len(frame))), rng)
            return bytes(frame)

        return change

    def burst(frame: bytearray, rng: random.Random) -> bytes:
        start = rng.randrange(300, len(frame) - 600)
        frame[start : start + 256] = rng.randbytes(256)
        return bytes(frame)

    cases = []
    for name, syntax in SYNTAXES.items():
        cases.append(Case(f"{name}, whole", group, _recoded(syntax, None), "right"))
        for n in range(2):
            cases.append(Case(f"{name}, frame cut short {n}", group, _recoded(syntax, cut)))
        cases.append(Case(f"{name}, frame of garbage", group, _recoded(syntax, garbage), "refused"))
        for n in range(4):
            cases.append(Case(f"{name}, bit flipped in the frame's header {n}", group, _recoded(syntax, flipped(0, 150))))
        for n in range(4):
            cases.append(Case(f"{name}, burst of garbage {n}", group, _recoded(syntax, burst)))
    for name, uid in (
        ("deflated", DeflatedExplicitVRLittleEndian),
        ("implicit VR", ImplicitVRLittleEndian),
        ("big endian", ExplicitVRBigEndian),
    ):
        cases.append(Case(name, group, lambda base, target, rng, uid=str(uid): _recode_all(base, target, uid), "right"))  # type: ignore[misc]
    cases.append(Case("unknown transfer syntax", group, lambda base, target, rng: _unknown_syntax(base, target), "refused"))
    cases.append(Case("said compressed, but is not", group, lambda base, target, rng: _lying_syntax(base, target), "refused"))
    return cases


def _recode_all(base: Base, target: Path, uid: str) -> Made:
    for path in base.copy(target):
        recode(path, uid)
    return Made(target)


def _replace_syntax(base: Base, target: Path, new: bytes) -> Made:
    for path in base.copy(target):
        raw = path.read_bytes()
        old = b"1.2.840.10008.1.2.1\x00"
        path.write_bytes(raw.replace(old, new.ljust(len(old), b"\x00"), 1))
    return Made(target)


def _unknown_syntax(base: Base, target: Path) -> Made:
    return _replace_syntax(base, target, b"1.2.840.10008.1.9.9")


def _lying_syntax(base: Base, target: Path) -> Made:
    return _replace_syntax(base, target, b"1.2.840.10008.1.2.5")


def write_enhanced(volume: Volume, path: Path, change: Callable[[Dataset], None] | None = None) -> None:
    """Write a volume as one Enhanced CT file, geometry frame by frame."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "2.25.424242"
    data.Modality, data.SeriesInstanceUID, data.StudyInstanceUID = "CT", "2.25.4241", "2.25.4240"
    data.FrameOfReferenceUID, data.SeriesNumber, data.PatientID, data.PatientName = "2.25.4239", 3, "ENHANCED", "Digital^Patient"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    count, data.Rows, data.Columns = volume.array_kji.shape
    data.NumberOfFrames, data.SamplesPerPixel, data.PhotometricInterpretation = count, 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    spacing = volume.grid.spacing_ijk_mm
    measures, orientation, transform = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [spacing[1], spacing[0]], spacing[2]
    axes = (volume.affine_ijk_to_lps[:3, :2] / spacing[:2]).T
    orientation.ImageOrientationPatient = [float(value) for value in axes.ravel()]
    transform.RescaleIntercept, transform.RescaleSlope, transform.RescaleType = "-1024", "1", "HU"
    shared = Dataset()
    shared.PixelMeasuresSequence = DicomSequence([measures])
    shared.PlaneOrientationSequence = DicomSequence([orientation])
    shared.PixelValueTransformationSequence = DicomSequence([transform])
    data.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames = []
    for k in range(count):
        place, frame = Dataset(), Dataset()
        place.ImagePositionPatient = [round(float(value), 4) for value in volume.grid.lps_from_ijk((0, 0, k))]
        frame.PlanePositionSequence = DicomSequence([place])
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    data.PixelData = (volume.array_kji.astype(np.int32) + 1024).astype(np.int16).tobytes()
    if change is not None:
        change(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def _enhanced(
    change: Callable[[Dataset], None] | None = None, raw: Callable[[bytearray, random.Random], bytes] | None = None
) -> Callable[..., Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        path = target / "enhanced.dcm"
        write_enhanced(base.volume, path, change)
        if raw is not None:
            path.write_bytes(raw(bytearray(path.read_bytes()), rng))
        return Made(path if rng.random() < 0.5 else target)

    return make


def _shuffle_frames(data: Dataset) -> None:
    order = list(range(int(data.NumberOfFrames)))
    random.Random(3).shuffle(order)
    size = int(data.Rows) * int(data.Columns) * 2
    pixels, groups = data.PixelData, list(data.PerFrameFunctionalGroupsSequence)
    data.PixelData = b"".join(pixels[n * size : (n + 1) * size] for n in order)
    data.PerFrameFunctionalGroupsSequence = DicomSequence([groups[n] for n in order])


def enhanced_cases() -> list[Case]:
    """One multi-frame file."""
    group = "multi-frame"

    def drop_frame(data: Dataset) -> None:
        size = int(data.Rows) * int(data.Columns) * 2
        del data.PerFrameFunctionalGroupsSequence[30]
        data.PixelData = data.PixelData[: 30 * size] + data.PixelData[31 * size :]
        data.NumberOfFrames = int(data.NumberOfFrames) - 1

    def flip_header(raw: bytearray, rng: random.Random) -> bytes:
        flip(raw, rng.randrange(128, raw.find(b"\xe0\x7f\x10\x00")), rng)
        return bytes(raw)

    return [
        Case("enhanced, whole", group, _enhanced(), "right"),
        Case("enhanced, frames shuffled", group, _enhanced(_shuffle_frames), "right"),
        Case("enhanced, a frame missing", group, _enhanced(drop_frame), "refused"),
        Case("enhanced, too many frames said", group, _enhanced(put(NumberOfFrames=200)), "refused"),
        Case("enhanced, too few frames said", group, _enhanced(put(NumberOfFrames=40)), "refused"),
        Case("enhanced, no per-frame groups", group, _enhanced(delete("PerFrameFunctionalGroupsSequence")), "refused"),
        Case("enhanced, no shared groups", group, _enhanced(delete("SharedFunctionalGroupsSequence")), "refused"),
        Case("enhanced, cut short", group, _enhanced(raw=lambda raw, rng: bytes(raw[: len(raw) // 2])), "refused"),
        *(Case(f"enhanced, bit flipped in the header {n}", group, _enhanced(raw=flip_header)) for n in range(10)),
    ]


def _image_file(
    name: str, raw: Callable[[bytearray, random.Random], bytes] | None = None, change: Callable[[Volume], Volume] | None = None
) -> Callable[..., Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        target.mkdir()
        path = target / name
        volume = change(base.volume) if change is not None else base.volume
        write_volume(volume, path)
        if raw is not None:
            path.write_bytes(raw(bytearray(path.read_bytes()), rng))
        return Made(path, volume)

    return make


def _sitk_file(name: str, build: Callable[[Volume], Any]) -> Callable[..., Made]:
    def make(base: Base, target: Path, rng: random.Random) -> Made:
        import SimpleITK as sitk

        target.mkdir()
        sitk.WriteImage(build(base.volume), str(target / name))
        return Made(target / name)

    return make


def file_cases() -> list[Case]:
    """NIfTI, NRRD and MetaImage, whole and damaged."""
    import SimpleITK as sitk

    group = "image files"

    def cut(raw: bytearray, rng: random.Random) -> bytes:
        return bytes(raw[: rng.randrange(1, len(raw) - 1)])

    def flip_body(raw: bytearray, rng: random.Random) -> bytes:
        flip(raw, rng.randrange(len(raw) // 3, len(raw) - 10), rng)
        return bytes(raw)

    def flip_header(raw: bytearray, rng: random.Random) -> bytes:
        flip(raw, rng.choice([*range(4), *range(40, 92), *range(104, 116), *range(252, 328), *range(344, 348)]), rng)
        return bytes(raw)

    def sheared(raw: bytearray, rng: random.Random) -> bytes:
        raw[252:256] = struct.pack("<2h", 0, 1)
        raw[284:288] = struct.pack("<f", 1.4)
        return bytes(raw)

    def no_codes(raw: bytearray, rng: random.Random) -> bytes:
        raw[252:256] = bytes(4)
        return bytes(raw)

    def array(volume: Volume, values: Any) -> Volume:
        return replace(volume, array_kji=values)

    def with_value(value: float) -> Callable[[Volume], Any]:
        def build(volume: Volume) -> Any:
            values = volume.array_kji.astype(np.float32)
            values[30, 50, 50] = value
            return sitk.GetImageFromArray(values)

        return build

    cases = [Case(f"{name}, whole", group, _image_file(f"ct{name}"), "right") for name in (".nii.gz", ".nii", ".nrrd", ".mha")]
    for name in (".nii.gz", ".nii", ".nrrd", ".mha"):
        cases += [Case(f"{name}, cut short {n}", group, _image_file(f"ct{name}", cut), "refused") for n in range(3)]
    for name in (".nii.gz", ".nrrd", ".mha"):
        cases += [Case(f"{name}, bit flipped in the data {n}", group, _image_file(f"ct{name}", flip_body)) for n in range(4)]
    cases += [Case(f".nii, bit flipped in the header {n}", group, _image_file("ct.nii", flip_header)) for n in range(40)]
    cases += [
        Case("NIfTI of zero bytes", group, _image_file("ct.nii.gz", lambda raw, rng: b""), "refused"),
        Case("text called .nii", group, _image_file("ct.nii", lambda raw, rng: b"text " * 200), "refused"),
        Case("text called .nii.gz", group, _image_file("ct.nii.gz", lambda raw, rng: b"text " * 200), "refused"),
        Case("text called .nrrd", group, _image_file("ct.nrrd", lambda raw, rng: b"text " * 200), "refused"),
        Case("text called .mha", group, _image_file("ct.mha", lambda raw, rng: b"text " * 200), "refused"),
        Case("sheared NIfTI", group, _image_file("ct.nii", sheared), "refused"),
        Case("NIfTI without orientation codes", group, _image_file("ct.nii", no_codes), "refused"),
        Case("NIfTI with NaN", group, _sitk_file("ct.nii", with_value(np.nan)), "refused"),
        Case("NIfTI with infinity", group, _sitk_file("ct.nii", with_value(np.inf)), "refused"),
        Case("2-D NIfTI", group, _sitk_file("ct.nii", lambda v: sitk.GetImageFromArray(v.array_kji[30])), "refused"),
        Case(
            "4-D NIfTI",
            group,
            _sitk_file("ct.nii", lambda v: sitk.JoinSeries([sitk.GetImageFromArray(v.array_kji)] * 2)),
            "refused",
        ),
        Case(
            "RGB NIfTI",
            group,
            _sitk_file(
                "ct.nii",
                lambda v: sitk.GetImageFromArray(np.repeat(v.array_kji[..., None], 3, 3).astype(np.uint8), isVector=True),
            ),
            "refused",
        ),
        Case(
            "NIfTI of 0 to 255",
            group,
            _image_file("ct.nii", None, lambda v: array(v, np.clip((v.array_kji + 1000) // 8, 0, 255).astype(np.int16))),
            "refused",
        ),
        Case(
            "NIfTI of 0 to 1",
            group,
            _image_file("ct.nii", None, lambda v: array(v, ((v.array_kji + 1024) / 4096).astype(np.float32))),
            "refused",
        ),
        Case(
            "NIfTI raised by 1024",
            group,
            _image_file("ct.nii", None, lambda v: array(v, (v.array_kji + 1024).astype(np.int16))),
            "refused",
        ),
        Case("a mask", group, _image_file("ct.nii", None, lambda v: array(v, (v.array_kji < -400).astype(np.int16))), "refused"),
        Case(
            "float NIfTI", group, _image_file("ct.nii", None, lambda v: array(v, v.array_kji.astype(np.float32) + 0.25)), "right"
        ),
        Case(
            "left-handed NIfTI",
            group,
            _image_file("ct.nii", None, lambda v: replace(v, affine_ijk_to_lps=v.affine_ijk_to_lps @ np.diag([-1.0, 1, 1, 1]))),
            "right",
        ),
        Case(
            "oblique NIfTI",
            group,
            _image_file("ct.nii", None, lambda v: replace(v, affine_ijk_to_lps=_rotation(25) @ v.affine_ijk_to_lps)),
            "right",
        ),
        Case("NIfTI with k, j, i turned about", group, _image_file("ct.nii", None, _transposed), "right"),
        Case("NIfTI of 50 slices", group, _image_file("ct.nii", None, lambda v: array(v, v.array_kji[:50])), "refused"),
        Case(
            "NIfTI with voxels of 0.0026 mm",
            group,
            _image_file("ct.nii", None, lambda v: replace(v, affine_ijk_to_lps=np.diag([0.0026, 0.0028, 0.0015, 1.0]))),
            "refused",
        ),
        Case(
            "NIfTI alone in a folder",
            group,
            lambda base, target, rng: Made(_image_file("ct.nii.gz")(base, target, rng).path.parent),
            "right",
        ),
    ]
    return cases


def _transposed(volume: Volume) -> Volume:
    affine = volume.affine_ijk_to_lps.copy()
    affine[:3, :3] = affine[:3, [2, 1, 0]]
    return replace(volume, array_kji=np.ascontiguousarray(volume.array_kji.transpose(2, 1, 0)), affine_ijk_to_lps=affine)


def all_cases() -> list[Case]:
    """Return every case."""
    return [*series_cases(), *value_cases(), *compression_cases(), *enhanced_cases(), *file_cases(), *damage_cases()]
