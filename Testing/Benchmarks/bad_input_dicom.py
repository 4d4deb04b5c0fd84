"""Odd sets of slices, odd headers, odd values and damaged files of an uncompressed DICOM series."""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from bad_input_base import (
    SHAPE_KJI,
    SPACING_MM,
    STUDY,
    UNKNOWABLE_GROUP,
    Base,
    Case,
    Made,
    delete,
    edit,
    edit_all,
    edit_bytes,
    edit_one,
    flip,
    put,
    rotation,
)
from pydicom.dataset import Dataset

from SenseCarePlanningLib.dicomio.write_ct import write_ct_series
from SenseCarePlanningLib.volume import Volume

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

    def flip_low_bit(raw: bytearray, rng: random.Random, pixels: int) -> None:
        raw[pixels + 2 * rng.randrange((len(raw) - pixels) // 2)] ^= 1 << rng.randrange(1, 5)

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
    cases += [
        Case(f"low bit flipped in pixels {n}", UNKNOWABLE_GROUP, edit_bytes(flip_low_bit), unknowable=True) for n in range(6)
    ]
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
        Case("oblique by 20 degrees", group, _other_grid(lambda affine: rotation(20) @ affine), "right"),
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
